"""The documentation as a site: every page is in it, every link within it leads somewhere, nothing is loaded."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_wheel import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", place]
    environ = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    ended = subprocess.run(build, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return place


def test_every_page_is_in_the_site(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} | {"CONTRIBUTING", "CHANGELOG", "SECURITY"}
    assert {path.parent.name for path in site.glob("*/index.html")} == pages
    home = (site / "index.html").read_text("utf-8")
    assert all(f'href="{page}/' in home for page in pages)
    assert "What does an image encoder know about your camera?" in home


def test_a_page_loads_nothing_from_elsewhere(site: Path) -> None:
    loaded = re.compile(r'<(?:script|img|link|iframe)[^>]* (?:src|href)="?(?:https?:)?//[^>]*>')
    for page in site.glob("**/index.html"):
        assert [tag for tag in loaded.findall(page.read_text("utf-8")) if 'rel="canonical"' not in tag] == [], page


def test_the_gallery_shows_every_figure_of_its_folder(site: Path) -> None:
    shown = set(re.findall(r'src="\.\./images/gallery/([^"]+)"', (site / "gallery/index.html").read_text("utf-8")))
    assert shown == {path.name for path in (ROOT / "docs/images/gallery").iterdir()}
