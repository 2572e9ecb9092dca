"""A real browser for the pages: Debian's chromium, driven by playwright, with axe-core for accessibility."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SERIOUS = ("serious", "critical")


@dataclass(frozen=True, slots=True)
class Visit:
    """An open page with all that it asked for and complained of."""

    page: Page
    requests: list[str]  # addresses, without the page's own files and data
    complaints: list[str]  # errors and warnings of the console, and uncaught exceptions


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser of the machine."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "No chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser, path: Path, width: int = 1400, height: int = 1000, **options: Any) -> Iterator[Visit]:
    """Open a file from disk in a fresh context; `options` (`color_scheme`, `java_script_enabled`) go to the context."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    try:
        page = context.new_page()
        made = Visit(page, [], [])
        page.on("request", lambda request: made.requests.append(request.url) if _is_foreign(request.url) else None)
        page.on("pageerror", lambda error: made.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: made.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.goto(path.resolve().as_uri())
        page.wait_for_load_state("load")
        yield made
    finally:
        context.close()


def _is_foreign(url: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:"))


def axe_faults(page: Page) -> list[str]:
    """The serious and critical faults that axe-core finds: rule, how many places, the first of them."""
    violations = Axe().run(page).response["violations"]
    return [
        f"{found['id']}: {len(found['nodes'])} places, first {found['nodes'][0]['html'][:200]}"
        for found in violations
        if found["impact"] in SERIOUS
    ]
