"""The pages of a data set in a real browser: keyboard, filters, no network, nothing hostile, nothing inaccessible."""

import io
import re
import socket
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from flickrexif.cards.browse import browse
from flickrexif.cards.browse.pictures import CROP
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.core.text import plain
from flickrexif.paircams.build import build_pairs
from tests.browser import axe_faults, visit
from tests.test_browse import CAMERAS, HOSTILE, SIMULATED, data_set, hostile_photos, some_photos, traces

PHOTOS = 70
KINDS = ("flickrexif", "imagenet-traces", "paircams", "hostile", "bare")
VISIBLE = "[...document.querySelectorAll('article')].filter(a => a.checkVisibility())"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of every kind of data set, with and without images, in folders named as KINDS."""
    data = tmp_path_factory.mktemp("data")
    data_set(data / "flickrexif", some_photos(PHOTOS), SIMULATED, images=True)
    data_set(data / "hostile", hostile_photos(31))
    data_set(data / "bare", some_photos(3))
    traces(data / "imagenet-traces", "IDENTITY", "JPEG75_420", "RESIZE_HALF", "INTERPOLATION_BOX")
    simulate_pairs(data / "source", 16, side=160)
    build_pairs(data / "source", data / "paircams")
    for kind in KINDS:
        browse(data / kind)
    return data / "browse"


def shown_ids(page: Page) -> list[int]:
    texts = page.evaluate(f"{VISIBLE}.map(a => a.innerText)")
    return [int(re.findall(r"Id\s+(\d+)", text)[0]) for text in texts]


def tab_to(page: Page, css: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(400):
        page.keyboard.press("Tab")
        if page.evaluate("css => document.activeElement.matches(css)", css):
            return
    raise AssertionError(f"{css} is not reached by Tab")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (400, "light"), (400, "dark")])
def test_pages_load_nothing_fit_and_are_accessible(
    browser: Browser, site: Path, kind: str, width: int, scheme: str
) -> None:
    with visit(browser, site / kind / "index.html", width, color_scheme=scheme) as opened:
        page = opened.page
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        if kind == "imagenet-traces":
            page.check("#show-both")
        assert axe_faults(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        broken = page.evaluate("[...document.images].filter(i => !(i.complete && i.naturalWidth)).length")
        assert broken == 0
        assert (opened.requests, opened.complaints) == ([], [])


def test_filters_and_pages_work_by_keyboard(browser: Browser, site: Path) -> None:
    canons = [number for number in range(1, PHOTOS + 1) if CAMERAS[number % 3][0] == "Canon"]
    with visit(browser, site / "flickrexif/index.html") as opened:
        page = opened.page
        box = page.get_by_role("checkbox", name="Canon 23 (23)", exact=True)
        box.evaluate("box => box.id = 'canon'")
        tab_to(page, "#canon")
        page.keyboard.press("Space")
        assert sorted(shown_ids(page)) == canons
        assert page.get_by_role("status").inner_text() == "23 of 70 photos of the sample match: 1 to 23 are shown."
        page.locator("summary", has_text="ISO").focus()
        page.keyboard.press("Enter")
        page.get_by_role("checkbox", name="800 14 (14)", exact=True).focus()
        page.keyboard.press("Space")
        both = [number for number in canons if number % 5 == 3]
        assert sorted(shown_ids(page)) == both
        page.get_by_role("checkbox", name="Apple 24 (24)", exact=True).focus()
        page.keyboard.press("Space")
        either = [number for number in range(1, PHOTOS + 1) if number % 3 != 2 and number % 5 == 3]
        assert sorted(shown_ids(page)) == either
        page.get_by_role("button", name="Show all").focus()
        page.keyboard.press("Enter")
        assert len(shown_ids(page)) == 30
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        assert (opened.requests, opened.complaints) == ([], [])


def test_at_most_thirty_photos_are_shown_and_all_are_reached(browser: Browser, site: Path) -> None:
    with visit(browser, site / "flickrexif/index.html") as opened:
        page = opened.page
        seen = [shown_ids(page)]
        for _ in range(2):
            tab_to(page, "nav button:not(:disabled):last-of-type")
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.id") == "photos-heading"
            seen.append(shown_ids(page))
        assert [len(ids) for ids in seen] == [30, 30, 10]
        assert sorted(number for ids in seen for number in ids) == list(range(1, PHOTOS + 1))
        assert page.get_by_role("button", name="Next").first.is_disabled()
        assert page.get_by_role("status").inner_text() == "70 photos: 61 to 70 are shown."
        links = page.evaluate(f"{VISIBLE}.map(a => [...a.querySelectorAll('a')].map(l => l.href))")
        assert all(len(hrefs) == 2 and all(href.startswith("https://") for href in hrefs) for hrefs in links)
        page.get_by_role("button", name="Previous").first.click()
        assert shown_ids(page) == seen[1]


def test_a_filter_that_nothing_matches_says_so(browser: Browser, site: Path) -> None:
    with visit(browser, site / "flickrexif/index.html") as opened:
        page = opened.page
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        page.get_by_role("checkbox", name=re.compile("^Canon 23")).check()
        page.get_by_role("checkbox", name=re.compile("^smart ")).check()
        assert page.get_by_role("status").inner_text() == "0 of 70 photos of the sample match."
        assert shown_ids(page) == []
        assert axe_faults(page) == []


def test_all_photos_are_reached_without_scripts(browser: Browser, site: Path) -> None:
    with visit(browser, site / "flickrexif/index.html", java_script_enabled=False) as opened:
        page = opened.page
        found = []
        for number in (1, 2, 3):
            if number > 1:
                page.get_by_role("link", name=f"Page {number}", exact=True).first.click()
            texts = page.locator("article").all_inner_texts()
            assert len(texts) <= 30
            found += [int(re.findall(r"Id\s+(\d+)", text)[0]) for text in texts]
        assert sorted(found) == list(range(1, PHOTOS + 1))
        page.get_by_role("link", name="Labels and filters").click()
        page.locator("summary", has_text="Make").click()
        assert page.get_by_text("Canon", exact=True).first.is_visible()
        assert page.get_by_role("checkbox").count() == 0
        assert opened.requests == []


def test_hostile_texts_stay_texts(browser: Browser, site: Path) -> None:
    with visit(browser, site / "hostile/index.html") as opened:
        page = opened.page
        headings = set(page.locator("article h3").all_inner_texts())
        assert headings == {plain(text, 200) for text in HOSTILE}
        page.locator("article h3").first.hover()
        assert page.evaluate("window.hacked") is None
        assert page.locator("script").count() == 1
        assert page.locator("h1").count() == 1
        assert page.locator("article a").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= 1400
        assert (opened.requests, opened.complaints) == ([], [])


def test_the_policy_stops_what_escaping_might_miss(browser: Browser, site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, visit(browser, site / "flickrexif/index.html") as opened:
        page = opened.page
        page.evaluate(
            """(port) => {
                window.stopped = new Set();
                document.addEventListener("securitypolicyviolation", (e) => window.stopped.add(e.effectiveDirective));
                const script = document.createElement("script");
                script.textContent = "window.hacked = 1";
                const image = document.createElement("img");
                image.setAttribute("onerror", "window.hacked = 1");
                image.src = `http://127.0.0.1:${port}/x.png`;
                document.body.append(script, image);
            }""",
            server.getsockname()[1],
        )
        page.wait_for_function("window.stopped.size === 3", timeout=20_000)  # script, handler and image
        assert page.evaluate("window.hacked") is None
        server.setblocking(False)
        with pytest.raises(BlockingIOError):  # nobody has called
            server.accept()


def test_image_and_difference_are_toggled_by_keyboard(browser: Browser, site: Path) -> None:
    def shown(page: Page) -> tuple[int, int]:
        counts = [page.locator(f"figure.{kind}:visible").count() for kind in ("image", "difference")]
        return counts[0], counts[1]

    with visit(browser, site / "imagenet-traces/index.html", java_script_enabled=False) as opened:
        page = opened.page
        assert shown(page) == (4, 0)
        page.locator("#show-image").focus()
        page.keyboard.press("ArrowRight")
        assert shown(page) == (0, 3)
        assert page.get_by_text("the others are compared with it").is_visible()
        page.keyboard.press("ArrowRight")
        assert shown(page) == (4, 3)
        assert (opened.requests, opened.complaints) == ([], [])


def test_the_browser_shows_the_stored_pixels(browser: Browser, site: Path) -> None:
    with visit(browser, site / "imagenet-traces/index.html") as opened:
        page = opened.page
        image_id = page.locator("h2").inner_text()
        pixels = (
            page.locator("article", has_text="JPEG75_420")
            .locator(".image img")
            .evaluate(
                """(image) => {
                const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
                const context = canvas.getContext("2d");
                context.drawImage(image, 0, 0);
                return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
            }"""
            )
        )
        shown = np.array(pixels, np.uint8).reshape(CROP, CROP, 4)[..., :3]
        rows = pd.read_parquet(site.parent / "imagenet-traces/jpeg75_420/train-00000-of-00001.parquet")
        data = rows.set_index("image_id").loc[image_id]["image"]["bytes"]
        whole = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        assert np.array_equal(shown, whole[30 : 30 + CROP, 70 : 70 + CROP])


def test_pairs_are_paged_by_links(browser: Browser, site: Path) -> None:
    with visit(browser, site / "paircams/index.html") as opened:
        page = opened.page
        assert page.locator("img").count() == 30
        page.get_by_role("link", name="Page 2", exact=True).first.click()
        assert page.locator("img").count() == 2
        assert axe_faults(page) == []
        assert (opened.requests, opened.complaints) == ([], [])
