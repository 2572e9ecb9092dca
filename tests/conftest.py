"""Fixtures of several test files."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from flickrexif import cli

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process: `run("splits", …)` returns exit code, stdout and stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["flickrexif", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """The machine's chromium, for the tests of a module."""
    from tests.browser import chromium

    with chromium() as opened:
        yield opened
