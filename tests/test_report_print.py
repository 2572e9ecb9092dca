"""The files of figures: each is the chart under its title, the same every time, whole, and safe to open."""

import io
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from flickrexif.core.drawing import SCALE
from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.report.pictures import Picture, key_of, with_pictures
from flickrexif.eval.report.render.files import FORMATS, save, save_all, svg_of
from flickrexif.eval.report.spec import (
    Cloud,
    Distributions,
    Figure,
    Lines,
    Multiples,
    Overview,
    Pairwise,
    Point,
    Rows,
    Series,
    Shot,
    Strip,
    Strips,
)
from tests.folders import hashes
from tests.report_records import Entry, figures, records, with_published

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>$\\frac{1}$ & 🦩漢\u202e"
SHOWN = "<script>$\\frac{1}$ & 🦩漢"  # without the character that would turn the text around
RECORDS = records(47, points=200)
KINDS = {
    "bars": "probe-sharpening-imagenet",
    "dots": "setups-jpeg-imagenet",
    "shares": "neighbors-is-smartphone-flickrexif",
    "lines": "masking-imagenet",
    "densities": "similarity-jpeg-imagenet",
    "cloud": "tsne-is-smartphone-flickrexif-dinov2-vitl14",
    "pairs": "retrieval-paircams",
    "strips": "strips-jpeg-imagenet-clip-vit-l-14-336px",
}


def picture(image_id: str) -> Picture:
    """A thumbnail of one colour, by the image's number; wide, high or square; some images have none."""
    number = int(image_id.removeprefix("image-"))
    if number % 7 == 0:
        return Picture(jpeg=b"")
    file = io.BytesIO()
    Image.new("RGB", [(90, 60), (60, 90), (80, 80)][number % 3], (number % 256, 80, 160)).save(file, "JPEG")
    return Picture(jpeg=file.getvalue())


def complete(entries: list[Entry]) -> dict[str, Figure]:
    """The figures of the records with pictures, and with numbers of the paper."""
    by_name = {}
    for figure in figures(entries):
        shots = figure.content.shots if isinstance(figure.content, Strips) else ()
        pictured = with_pictures(figure, {key_of(shot): picture(shot.image_id) for shot in shots})
        by_name[figure.name] = with_published(pictured, (("paper:clip/RN50", 0.61803), ("most CVL", 0.8)), "k = 25")
    return by_name


@pytest.fixture(scope="module")
def figure_of() -> dict[str, Figure]:
    by_name = complete(RECORDS)
    by_kind = {kind: by_name[name] for kind, name in KINDS.items()}
    bars = by_kind["bars"].content
    assert isinstance(bars, Rows)
    many = Multiples(panels=tuple((f"{letter}, a name that is long", bars) for letter in "ABCDE"))
    strip = Strip(title="Processing read out", points=bars.points, references=bars.points[:2], chance=0.3)
    by_kind["multiples"] = replace(by_kind["bars"], name="multiples", content=many)
    by_kind["overview"] = replace(by_kind["bars"], name="overview", content=Overview(strips=(strip, strip, strip)))
    return by_kind


def texts_of(svg: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("kind", [*KINDS, "multiples", "overview"])
@pytest.mark.parametrize("count", [47, 3])
def test_nothing_is_cut_off(figure_of: dict[str, Figure], tmp_path: Path, kind: str, count: int) -> None:
    figure = figure_of[kind]
    if count != 47 and kind in KINDS:
        few = complete(records(count, points=20))
        figure = few.get(KINDS[kind]) or next(f for f in few.values() if type(f.content) is type(figure.content))
    save(figure, tmp_path, ("png",))
    with Image.open(tmp_path / f"{figure.name}.png") as image:
        ink = np.asarray(image.convert("L")) < 128
    assert ink.any()
    edges = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
    assert not any(edge.any() for edge in edges)  # a text or a mark that is cut off would touch an edge


def test_titles_names_and_notes_are_in_the_file(figure_of: dict[str, Figure]) -> None:
    figure = figure_of["bars"]
    assert isinstance(figure.content, Rows)
    texts = texts_of(svg_of(figure))
    assert {figure.title, "Hollow marks and dotted lines: the paper’s numbers.", "CVL", "SUP", "SSL"} <= set(texts)
    assert {point.encoder.removeprefix("paper:") for point in figure.content.points} <= set(texts)
    assert "every trial diverged" in texts


def test_strips_frame_every_picture_by_its_label(figure_of: dict[str, Figure]) -> None:
    content = figure_of["strips"].content
    assert isinstance(content, Strips)
    shots = list(content.shots)
    tree = ElementTree.fromstring(svg_of(figure_of["strips"]))
    frames = [
        (box.get("stroke"), bool(box.get("stroke-dasharray"))) for box in tree.iter(f"{SVG}rect") if box.get("stroke")
    ]
    looks = {None: ("black", False), True: ("#009E73", False), False: ("#D55E00", True)}
    assert frames == [looks[shot.same] for shot in shots]
    pictured = [shot for shot in shots if shot.jpeg]
    assert 0 < len(list(tree.iter(f"{SVG}image"))) == len(pictured) < len(shots)
    texts = ["".join(text.itertext()) for text in tree.iter(f"{SVG}text")]
    assert texts.count("query") == len(content.rows)
    strokes = [path.get("stroke") for path in tree.iter(f"{SVG}path")]
    assert strokes == [looks[shot.same][0] for shot in shots if shot.same is not None]
    assert all(shot.badge in texts for shot in shots)
    assert all(shot.image_id in texts for shot in shots if not shot.jpeg)


def test_strips_show_the_pictures(figure_of: dict[str, Figure], tmp_path: Path) -> None:
    content = figure_of["strips"].content
    assert isinstance(content, Strips)
    save(figure_of["strips"], tmp_path, ("png",))
    with Image.open(next(tmp_path.glob("*.png"))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    for at, shot in enumerate(content.rows[0]):
        if shot.jpeg:
            number = int(shot.image_id.removeprefix("image-"))
            middle = pixels[round((26 + 38) * SCALE), round((84 * at + 42) * SCALE)]
            assert np.abs(middle - (number % 256, 80, 160)).max() <= 8


def test_files_are_the_same_every_time(figure_of: dict[str, Figure], tmp_path: Path) -> None:
    for folder in ("a", "b"):
        for figure in figure_of.values():
            assert [outcome for outcome, _ in save(figure, tmp_path / folder)] == ["written"] * 3
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert len(hashes(tmp_path / "a")) == 3 * len(figure_of)
    assert [outcome for outcome, _ in save(figure_of["bars"], tmp_path / "a")] == ["unchanged"] * 3


def test_processes_write_what_one_process_writes(figure_of: dict[str, Figure], tmp_path: Path) -> None:
    several = save_all(list(figure_of.values()), tmp_path / "two", ("svg", "pdf"), workers=2)
    alone = save_all(list(figure_of.values()), tmp_path / "one", ("svg", "pdf"), workers=1)
    assert [path.name for _, path in several] == [path.name for _, path in alone]
    assert hashes(tmp_path / "two") == hashes(tmp_path / "one")


def test_a_disk_that_refuses_is_a_sentence(figure_of: dict[str, Figure], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FlickrExifError, match=r"masking-imagenet\.svg cannot be written"):
        save(figure_of["lines"], tmp_path / "file", ("svg",))


def test_files_are_what_they_say_and_tell_no_date(figure_of: dict[str, Figure], tmp_path: Path) -> None:
    for name in FORMATS:
        save(figure_of["bars"], tmp_path, (name,))
    command = ["exiftool", "-json", "-G", *map(str, sorted(tmp_path.iterdir()))]
    metadata = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert [record["File:FileType"] for record in metadata] == ["PDF", "PNG", "SVG"]
    for record in metadata:
        ours = {name: value for name, value in record.items() if not name.startswith(("File:", "ExifTool:"))}
        assert not [name for name in ours if re.search("Date|Time|Software|Creator", name)]
    assert metadata[0]["PDF:PageCount"] == 1
    assert metadata[1]["PNG:ImageWidth"] > 1000
    pdf = (tmp_path / f"{figure_of['bars'].name}.pdf").read_bytes()
    assert {font.split(b"+")[-1] for font in re.findall(rb"/BaseFont /([\w+-]+)", pdf)} == {b"LiberationSans"}
    assert {len(font) for font in re.findall(rb"/BaseFont /(\w+)\+", pdf)} == {6}  # a part of it is in the file
    assert b"/Type3" not in pdf  # which publishers refuse


def hostile_figures() -> Iterator[Figure]:
    point = Point(encoder=HOSTILE, family="OWN", value=0.5, low=0.4, high=0.6)
    gap = replace(point, encoder="gap", value=None, low=None, high=None, reason=HOSTILE)
    shot = Shot(image_id=HOSTILE, same=None, badge=HOSTILE[:12], label=HOSTILE)
    contents = [
        Rows(
            series=(Series(name="", points=(point, gap), published=((HOSTILE, 0.3), (HOSTILE * 2, 0.6))),),
            as_bars=True,
        ),
        Cloud(x=(0.0, 1.0), y=(0.0, 1.0), labels=(HOSTILE, "a")),
        Strips(rows=((shot, replace(shot, same=True)), (shot,))),
        Pairwise(x=(point, gap), y=(point, gap), x_label=HOSTILE, y_label=HOSTILE),
        Distributions(edges=(0.0, 0.5, 1.0), panels=()),
    ]
    for n, content in enumerate(contents):
        yield Figure(
            name=f"strips-{n}", section="s", title=HOSTILE, caption="", alt="", content=content, y_label=HOSTILE
        )


def test_hostile_names_are_written_as_they_are() -> None:
    for figure in hostile_figures():
        svg = svg_of(figure)
        assert SHOWN in texts_of(svg)
        assert not [tag for tag in ElementTree.fromstring(svg).iter() if "script" in str(tag.tag)]


def test_figures_without_numbers_are_drawn(tmp_path: Path) -> None:
    gap = Point(encoder="e", family="", value=None, reason="no file")
    rows = Rows(series=(Series(name="", points=(gap,)),), as_bars=True)
    empty = [
        rows,
        Multiples(panels=(("a", rows),)),
        Overview(strips=(Strip(title="s", points=(gap,), references=(gap,)),)),
        Overview(strips=()),
        Pairwise(x=(gap,), y=(gap,), x_label="x", y_label="y"),
        Lines(x=(0.0,), x_label="x", series=()),
        Strips(rows=()),
        Cloud(x=(), y=(), labels=()),
    ]
    for content in empty:
        figure = Figure(name="strips", section="s", title="t", caption="c", alt="a", content=content)
        assert len(save(figure, tmp_path, ("png",))) == 1
