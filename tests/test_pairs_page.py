"""The contact sheet: whole, paged, inert whatever strangers wrote, and without their metadata."""

import base64
import io
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.kinds import SIMULATED_CAMERA
from flickrexif.paircams.check import Report
from flickrexif.paircams.clocks import Clock, device_name
from flickrexif.paircams.framing import Match
from flickrexif.paircams.page import write_pages
from flickrexif.paircams.records import PairImage, Problem, Side
from tests.pair_images import pair_image

TAKEN = datetime(2024, 6, 1, 12, 30)
SIDES: tuple[Side, Side] = ("phone", "camera")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; &amp; javascript:alert(1)",
    "</article></main><h1>mine</h1>",
    "\u202egnp.exe\x1b[31m\x00\n<!--",
    "\udcff\ud800",
    "x" * 3_000,
]


def file_of(picture: Image.Image, orientation: int = 1) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    exif[274], exif[271], exif[42033] = orientation, "Shot", "SERIAL-77"
    picture.save(file, "JPEG", quality=95, exif=exif, comment=b"COMMENT-77")
    return file.getvalue()


GRADIENT = file_of(Image.linear_gradient("L").resize((800, 600)).convert("RGB"))


def shot(subject: str, side: Side, data: bytes = GRADIENT, **fields: object) -> PairImage:
    usual = {"make": "Make", "model": "Model", "taken": TAKEN}
    return pair_image(subject, side, read=lambda: data, **(usual | fields))


def pairs(subjects: list[str]) -> list[PairImage]:
    return [shot(subject, side) for subject in subjects for side in SIDES]


def report(*problems: Problem, framing: Mapping[str, Match] | None = None, clocks: tuple[Clock, ...] = ()) -> Report:
    return Report(images=0, pairs=0, problems=problems, framing=framing or {}, clocks=clocks, checkable={})


def fault(subject: str, file: str = "phone.jpg", detail: str = "Flash is Fired") -> Problem:
    return Problem(subject=subject, file=file, rule="flash", detail=detail)


class Page(HTMLParser):
    """The elements of a page with their attributes, and the text of each article."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(path.read_text("utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "article":
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "article" in self.open:
            self.texts[-1] += data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def pictures(page: Page) -> list[Image.Image]:
    prefix = "data:image/jpeg;base64,"
    sources = [image["src"] for image in page.all("img")]
    assert all(source.startswith(prefix) for source in sources)
    return [Image.open(io.BytesIO(base64.b64decode(source.removeprefix(prefix), validate=True))) for source in sources]


def test_both_images_stand_side_by_side_with_an_alternative_text(tmp_path: Path) -> None:
    [path] = write_pages(tmp_path, pairs(["red", "blue"]), report())
    page = Page(path)
    assert [image["alt"] for image in page.all("img")] == [
        f"{side} image of subject {subject}, taken with Make Model" for subject in ("red", "blue") for side in SIDES
    ]
    for image, attributes in zip(pictures(page), page.all("img"), strict=True):
        assert image.size == (320, 240) == (int(attributes["width"]), int(attributes["height"]))
    assert all("2024-06-01 12:30:00" in text for text in page.texts)


def test_findings_are_marked_where_they_are(tmp_path: Path) -> None:
    blue_report = report(fault("blue"), fault("blue", "", "the whole of it"), framing={"blue": Match(31, 0.5, 0.25)})
    [path] = write_pages(tmp_path, pairs(["red", "blue", "green"]), blue_report)
    page = Page(path)
    assert [article.get("class") for article in page.all("article")] == ["found", None, None]
    assert [figure.get("class") for figure in page.all("figure")] == ["marked", *[None] * 5]
    blue, red, green = page.texts
    assert all(words in blue for words in ("blue", "Flash is Fired", "the whole of it", "31 inliers", "overlap 25%"))
    assert "inliers" not in red + green


def test_a_page_needs_nothing_else_and_runs_nothing(tmp_path: Path) -> None:
    [path] = write_pages(tmp_path, pairs(["red"]), report(fault("red")))
    page = Page(path)
    [policy] = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert not [name for name, _ in page.elements if name in ("script", "link", "iframe", "object", "form", "base")]
    text = path.read_text("utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert "prefers-color-scheme: dark" in text
    assert [m["content"] for m in page.all("meta") if m.get("name") == "viewport"]
    assert page.all("html") == [{"lang": "en"}]


def inert(path: Path, articles: int) -> None:
    """The page's own elements, and no other, whatever its texts are."""
    page = Page(path)
    plain = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "p",
        "span",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
    }
    cards = {"td", "main", "article", "div", "figure", "img", "figcaption", "br", "ul", "li", "b", "strong", "nav", "a"}
    assert {name for name, _ in page.elements} <= plain | cards
    assert len(page.all("article")) == articles
    assert len(page.all("h1")) == 1
    names = {name for _, attributes in page.elements for name in attributes}
    allowed = {"lang", "charset", "name", "content", "http-equiv", "class", "src", "width", "height", "alt", "scope"}
    assert names <= allowed | {"aria-label", "aria-current", "href"}
    pictures(page)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_inert(tmp_path: Path, text: str) -> None:
    images = [shot(text, side, file_name=text, make=text, model=text) for side in SIDES]
    loose = Problem(subject=f"{text}?", file=text, rule="unreadable", detail=text)
    clock = Clock(device_name(images[1]), TAKEN - datetime(2024, 6, 1), 5, 6)
    [path] = write_pages(tmp_path, images, report(fault(text, text, text), loose, clocks=(clock,)))
    inert(path, 1)
    assert len(path.read_text("utf-8")) < 60_000


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=60))
def test_no_text_adds_an_element(tmp_path: Path, text: str) -> None:
    small = file_of(Image.new("RGB", (8, 6)))
    images = [shot(text, side, small, file_name=text, model=text) for side in SIDES]
    [path] = write_pages(tmp_path, images, report(fault(text, text, text)))
    inert(path, 1)
    for title in Page(path).texts:
        assert all(c.isprintable() or c == "\n" for c in title)


def test_printable_names_are_shown_as_they_are(tmp_path: Path) -> None:
    subject = '<b>"Café" & Söhne</b>'
    [path] = write_pages(tmp_path, pairs([subject]), report())
    assert subject in Page(path).texts[0]


def test_many_subjects_are_paged_with_findings_first(tmp_path: Path) -> None:
    subjects = [f"{number:03}" for number in range(61)]
    paths = write_pages(tmp_path, pairs(subjects), report(fault("060"), fault("040")))
    assert [path.name for path in paths] == [f"contact-sheet-{number}.html" for number in (1, 2, 3)]
    pages = [Page(path) for path in paths]
    assert [len(page.texts) for page in pages] == [30, 30, 1]
    shown = [text.split()[0] for page in pages for text in page.texts]
    assert shown == ["040", "060", *(subject for subject in subjects if subject not in ("040", "060"))]
    for page in pages:
        assert {link["href"] for link in page.all("a")} <= {path.name for path in paths}
        assert len(page.all("a")) == 2


def test_pages_of_a_longer_sheet_are_removed(tmp_path: Path) -> None:
    other = tmp_path / "contact-sheet-2-notes.html"
    other.write_text("mine")
    write_pages(tmp_path, pairs([f"{number:03}" for number in range(31)]), report())
    write_pages(tmp_path, pairs(["000"]), report())
    assert {path.name for path in tmp_path.iterdir()} == {"contact-sheet-1.html", other.name}


def test_no_image_is_a_page_too(tmp_path: Path) -> None:
    [path] = write_pages(tmp_path, [], report(Problem(subject="s", file="f.jpg", rule="unreadable", detail="no image")))
    assert "f.jpg" in path.read_text("utf-8")
    inert(path, 0)


def test_an_image_that_cannot_be_read_has_its_place(tmp_path: Path) -> None:
    def gone() -> bytes:
        raise FileNotFoundError

    images = [replace(shot("red", "phone"), read=gone), shot("red", "camera", GRADIENT[:900])]
    [path] = write_pages(tmp_path, images, report())
    page = Page(path)
    assert page.all("img") == []
    assert page.texts[0].count("cannot be shown") == 2


def test_small_images_are_upright_and_without_metadata(tmp_path: Path) -> None:
    top_white = Image.new("RGB", (400, 300))
    top_white.paste("white", (0, 0, 400, 150))
    turned = file_of(top_white.transpose(Image.Transpose.ROTATE_90), orientation=6)
    [path] = write_pages(tmp_path, [shot("red", "phone", turned), shot("red", "camera")], report())
    for number, attributes in enumerate(Page(path).all("img")):
        data = base64.b64decode(attributes["src"].partition(",")[2])
        small = tmp_path / f"{number}.jpg"
        small.write_bytes(data)
        exiftool = subprocess.run(
            ["exiftool", "-a", "-G", "-Exif:all", "-XMP:all", "-Comment", str(small)], capture_output=True, text=True
        )
        assert exiftool.stdout == ""
        assert b"-77" not in data
    seen = np.asarray(Image.open(tmp_path / "0.jpg").convert("L"), float)
    assert seen.shape == (240, 320)
    assert seen[:100].mean() > 250
    assert seen[-100:].mean() < 5


@pytest.mark.parametrize(("software", "said"), [(SIMULATED_CAMERA, True), ("Photoshop", False)])
def test_simulated_images_are_marked(tmp_path: Path, software: str, said: bool) -> None:
    [path] = write_pages(tmp_path, [shot("red", "phone", tags={"Software": software})], report())
    assert ("SIMULATED" in path.read_text("utf-8")) is said


def test_the_same_images_give_the_same_page(tmp_path: Path) -> None:
    [first] = write_pages(tmp_path / "a", pairs(["red"]), report(fault("red")))
    [second] = write_pages(tmp_path / "b", pairs(["red"]), report(fault("red")))
    assert first.read_bytes() == second.read_bytes()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FlickrExifError, match="cannot be written"):
        write_pages(tmp_path / "file", pairs(["red"]), report())
