"""The figures for print: they draw what the records say, their files are always the same, every text is in sight."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise as neighbours
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.font_manager import findfont
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.text import Text
from PIL import Image

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.report.pictures import Picture, key_of, with_pictures
from flickrexif.eval.report.render import paper_font
from flickrexif.eval.report.render.paper import FORMATS, save, save_all, settings
from flickrexif.eval.report.render.paper_parts import DOUBLE, SINGLE, shown
from flickrexif.eval.report.render.paper_plots import draw
from flickrexif.eval.report.spec import (
    Cloud,
    Distributions,
    Figure,
    Lines,
    Pairwise,
    Point,
    Rows,
    Series,
    Shot,
    Strips,
)
from flickrexif.eval.report.style import FAMILIES, SERIES, look_of
from tests.folders import hashes
from tests.report_records import Entry, figures, records, with_published

HOSTILE = "<script>$\\frac{1}$ & 🦩漢\u202e"
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
    """A thumbnail of one colour, by the image's number; wide, high or square; one is broken."""
    number = int(image_id.removeprefix("image-"))
    if number % 7 == 0:
        return Picture(jpeg=b"\xff\xd8 no picture")
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


def drawn(figure: Figure) -> Any:
    with settings():
        return draw(figure)


@pytest.fixture(scope="module")
def figure_of() -> dict[str, Figure]:
    by_name = complete(RECORDS)
    return {kind: by_name[name] for kind, name in KINDS.items()}


def values_at(axes: Any, marker: str, color: str) -> list[tuple[float, float]]:
    """Where marks of that shape and colour stand, and at what height; hollow ones left out."""
    places: list[tuple[float, float]] = []
    for line in axes.lines:
        mine = (line.get_marker(), line.get_color(), line.get_markerfacecolor()) == (marker, color, color)
        if mine and line.get_linestyle() == "None":
            places += zip(line.get_xdata(), line.get_ydata(), strict=True)
    return [(x, y) for x, y in places if not np.isnan(y)]


def names_at(axes: Any) -> dict[float, str]:
    return {text.get_position()[0]: text.get_text() for text in axes.texts if text.get_position()[1] < 0}


def test_bars_are_the_values_of_their_encoders(figure_of: dict[str, Figure]) -> None:
    content = figure_of["bars"].content
    assert isinstance(content, Rows)
    (axes,) = drawn(figure_of["bars"]).axes
    names = names_at(axes)
    assert list(names.values()) == [point.encoder.removeprefix("paper:") for point in content.points]
    values = {}
    bars = [patch for patch in axes.patches if isinstance(patch, PathPatch)]
    for shape, family in zip(bars, ("CVL", "SUP", "SSL"), strict=True):
        assert to_hex(shape.get_edgecolor()).upper() == FAMILIES[family].color
        assert (shape.get_hatch() or "") == FAMILIES[family].hatch[0]
        for bar in shape.get_path().to_polygons():
            (left, bottom), (right, top) = bar.min(0), bar.max(0)
            assert bottom == 0
            assert set(map(tuple, bar)) == {(left, 0), (left, top), (right, top), (right, 0)}
            middle = (left + right) / 2
            values[names[min(names, key=lambda at: abs(at - middle))]] = (top, family)
    expected = {p.encoder.removeprefix("paper:"): (p.value, p.family) for p in content.points if p.value is not None}
    assert values == expected
    assert len(values) == 46


def test_intervals_chance_gap_and_the_papers_numbers_are_drawn(figure_of: dict[str, Figure]) -> None:
    content = figure_of["bars"].content
    assert isinstance(content, Rows)
    (axes,) = drawn(figure_of["bars"]).axes
    ends = {round(float(v), 6) for lines in axes.collections for segment in lines.get_segments() for v in segment[:, 1]}
    for point in content.points:
        if point.low is not None and point.high is not None:
            assert {round(point.low, 6), round(point.high, 6)} <= ends
    across = [line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]]
    assert across == [content.chance, 0.8]
    (reason,) = [text for text in axes.texts if text.get_text() == "every trial diverged"]
    assert names_at(axes)[reason.get_position()[0]] == "clip/ViT-L-14@336px"
    (hollow,) = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [names_at(axes)[hollow.get_xdata()[0]], hollow.get_ydata()[0]] == ["clip/RN50", 0.61803]


@pytest.mark.parametrize("kind", ["dots", "shares"])
def test_dots_are_the_values(figure_of: dict[str, Figure], kind: str) -> None:
    content = figure_of[kind].content
    assert isinstance(content, Rows)
    (axes,) = drawn(figure_of[kind]).axes
    names = names_at(axes)
    for series, look in zip(content.series, SERIES, strict=False):
        values = {names[x]: y for x, y in values_at(axes, look.marker[0], look.color)}
        assert values == {point.encoder.removeprefix("paper:"): point.value for point in series.points}


def test_lines_densities_clouds_and_pairs_are_the_values(figure_of: dict[str, Figure]) -> None:
    lines, densities, cloud, pairs = (figure_of[kind].content for kind in ("lines", "densities", "cloud", "pairs"))
    assert isinstance(lines, Lines)
    for series, line in zip(lines.series, drawn(figure_of["lines"]).axes[0].lines, strict=True):
        assert list(line.get_ydata()) == [point.value for point in series.points]
        assert tuple(line.get_xdata()) == lines.x
        assert line.get_color() == look_of(series.points[0].family).color
    assert isinstance(densities, Distributions)
    for axes, panel in zip(drawn(figure_of["densities"]).axes, densities.panels, strict=True):
        assert [tuple(line.get_ydata()) for line in axes.lines] == [shares for _, shares in panel.shares]
    assert isinstance(cloud, Cloud)
    at = np.concatenate([np.asarray(c.get_offsets()) for c in drawn(figure_of["cloud"]).axes[0].collections])
    assert sorted(map(tuple, at)) == sorted(zip(cloud.x, cloud.y, strict=True))
    assert isinstance(pairs, Pairwise)
    for axes in drawn(figure_of["pairs"]).axes:
        pairs_drawn = [pair for f in ("CVL", "SUP", "SSL")
                 for pair in values_at(axes, FAMILIES[f].marker[0], FAMILIES[f].color)]  # fmt: skip
        assert sorted(pairs_drawn) == sorted((p.value, q.value) for p, q in zip(pairs.x, pairs.y, strict=True))


def test_strips_frame_every_picture_by_its_label(figure_of: dict[str, Figure]) -> None:
    content = figure_of["strips"].content
    assert isinstance(content, Strips)
    shots = [shot for row in content.rows for shot in row]
    (axes,) = drawn(figure_of["strips"]).axes
    frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    looks = {None: ("#000000", "-", "query"), True: ("#009e73", "-", "✓"), False: ("#d55e00", "--", "✗")}
    marks = [text.get_text() for text in axes.texts if text.get_bbox_patch()]
    frames_drawn = [(to_hex(f.get_edgecolor()), f.get_linestyle(), m) for f, m in zip(frames, marks, strict=True)]
    assert frames_drawn == [looks[shot.same] for shot in shots]
    readable = [shot for shot in shots if int(shot.image_id.removeprefix("image-")) % 7]
    assert 0 < len(axes.images) == len(readable) < len(shots)
    for image, shot in zip(axes.images, readable, strict=True):
        number = int(shot.image_id.removeprefix("image-"))
        assert np.abs(np.asarray(image.get_array())[30, 30].astype(int) - (number % 256, 80, 160)).max() <= 6
        left, right, bottom, top = image.get_extent()
        assert (right - left) / (bottom - top) == pytest.approx([1.5, 1 / 1.5, 1][number % 3])
    texts = [text.get_text() for text in axes.texts]
    assert all(shot.badge in texts for shot in shots)
    assert all(shot.image_id in texts for shot in shots if shot not in readable)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [47, 3])
def test_every_text_is_in_sight_and_apart(figure_of: dict[str, Figure], kind: str, count: int) -> None:
    figure = figure_of[kind]
    if count != 47:
        few = complete(records(count, points=20))
        figure = few.get(KINDS[kind]) or next(f for f in few.values() if type(f.content) is type(figure.content))
    canvas = drawn(figure)
    assert canvas.get_figwidth() in (SINGLE, DOUBLE)
    canvas.draw_without_rendering()
    boxes = [(text.get_text(), text.get_window_extent()) for text in _texts(canvas)]
    assert len(boxes) >= 3
    for name, box in boxes:
        assert box.x0 >= -0.5, name
        assert box.y0 >= -0.5, name
        assert box.x1 <= canvas.bbox.width + 0.5, name
        assert box.y1 <= canvas.bbox.height + 0.5, name
    upright = sorted((box.x0, box.x1, name) for name, box in boxes if name.startswith(("clip/", "dino", "openclip/")))
    if kind in ("bars", "dots", "shares"):
        assert len(upright) > 2
        assert all(a[1] <= b[0] + 0.3 for a, b in neighbours(upright)), upright


def _texts(canvas: Canvas) -> Iterator[Text]:
    """All texts that are drawn: titles, legends, names, notes, and the ticks within the axes."""
    yield from canvas.texts
    for legend in canvas.legends:
        yield from legend.get_texts()
    for axes in canvas.axes:
        yield from (text for text in axes.texts if text.get_text())
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            yield from (text for text in [axis.label] if text.get_text())
            low, high = axis.get_view_interval()
            yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


def test_many_encoders_take_both_columns(figure_of: dict[str, Figure]) -> None:
    assert drawn(figure_of["bars"]).get_figwidth() == DOUBLE
    (few,) = [figure for figure in figures(records(3, points=10)) if figure.name == KINDS["bars"]]
    assert drawn(few).get_figwidth() == SINGLE


def test_files_are_the_same_whatever_the_users_settings(figure_of: dict[str, Figure], tmp_path: Path) -> None:
    for figure in figure_of.values():
        assert [outcome for outcome, _ in save(figure, tmp_path / "a")] == ["written"] * 3
    with matplotlib.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.grid": True, "text.usetex": False}):
        for figure in figure_of.values():
            save(figure, tmp_path / "b")
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert len(hashes(tmp_path / "a")) == 3 * len(KINDS)
    assert [outcome for outcome, _ in save(figure_of["bars"], tmp_path / "a")] == ["unchanged"] * 3


def test_processes_write_what_one_process_writes(figure_of: dict[str, Figure], tmp_path: Path) -> None:
    several = save_all(list(figure_of.values()), tmp_path / "two", ("svg",), workers=2)
    alone = save_all(list(figure_of.values()), tmp_path / "one", ("svg",), workers=1)
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
        assert not [name for name in ours if re.search("Date|Time|Software|Creator|Producer", name)]
    assert metadata[0]["PDF:PageCount"] == 1
    assert metadata[1]["PNG:ImageWidth"] == DOUBLE * 200
    pdf = (tmp_path / f"{figure_of['bars'].name}.pdf").read_bytes()
    assert {font.split(b"+")[-1] for font in re.findall(rb"/BaseFont /([\w+-]+)", pdf)} == {b"DejaVuSansCommon"}
    assert {len(font) for font in re.findall(rb"/BaseFont /(\w+)\+", pdf)} == {6}  # a part of it is in the file
    assert b"/Type3" not in pdf  # which publishers refuse


def test_the_font_draws_the_letters_of_dejavu_sans() -> None:
    with TTFont(findfont("DejaVu Sans")) as whole, TTFont(findfont(paper_font.family())) as part:
        assert {*map(ord, "Aé Ω Ж −–…✓✗→")} <= paper_font.glyphs() <= set(whole.getBestCmap())
        for code in paper_font.glyphs():
            name, theirs = part.getBestCmap()[code], whole.getBestCmap()[code]
            assert part["hmtx"][name] == whole["hmtx"][theirs]
            ours, original = part["glyf"][name], whole["glyf"][theirs]
            assert ours.getCoordinates(part["glyf"])[0] == original.getCoordinates(whole["glyf"])[0]


def test_the_file_of_the_font_is_gone_when_python_ends() -> None:
    code = "from flickrexif.eval.report.render import paper_font; from matplotlib.font_manager import findfont; "
    code += "print(findfont(paper_font.family()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path = Path(done.stdout.strip())
    assert path.name == "DejaVuSansCommon.ttf"
    assert not path.parent.exists()


def hostile_figures() -> list[Figure]:
    point = Point(encoder=HOSTILE, family="OWN", value=0.5, low=0.4, high=0.6)
    gap = replace(point, encoder="gap", value=None, low=None, high=None, reason=HOSTILE)
    shot = Shot(image_id=HOSTILE, same=None, badge=HOSTILE, label=HOSTILE)
    contents = [
        Rows(
            series=(Series(name="", points=(point, gap), published=((HOSTILE, 0.3), (HOSTILE * 2, 0.6))),),
            as_bars=True,
        ),
        Cloud(x=(0.0, 1.0), y=(0.0, 1.0), labels=(HOSTILE, "a")),
        Strips(rows=((shot, replace(shot, same=True)), (shot,))),
        Pairwise(x=(point, gap), y=(point, gap), x_label=HOSTILE, y_label=HOSTILE),
    ]
    return [
        Figure(name=f"strips-{n}", section="s", title=HOSTILE, caption="", alt="", content=content, y_label=HOSTILE)
        for n, content in enumerate(contents)
    ]


def test_hostile_names_are_written_as_they_are_as_far_as_the_font_goes(tmp_path: Path) -> None:
    written = "<script>$\\frac{1}$ & ??"
    assert shown(HOSTILE, 60) == written
    for figure in hostile_figures():
        save(figure, tmp_path)  # a missing glyph would be a warning, and so an error
        tree = ElementTree.parse(tmp_path / f"{figure.name}.svg")
        texts = ["".join(text.itertext()) for text in tree.iter("{http://www.w3.org/2000/svg}text")]
        assert written in texts
        assert not [tag for tag in tree.iter() if "script" in str(tag.tag)]


def test_figures_without_numbers_are_drawn(tmp_path: Path) -> None:
    gap = Point(encoder="e", family="", value=None, reason="no file")
    empty = [
        Rows(series=(Series(name="", points=(gap,)),), as_bars=True),
        Pairwise(x=(gap,), y=(gap,), x_label="x", y_label="y"),
        Lines(x=(0.0,), x_label="x", series=()),
        Strips(rows=()),
        Cloud(x=(), y=(), labels=()),
    ]
    for content in empty:
        figure = Figure(name="strips", section="s", title="t", caption="c", alt="a", content=content)
        assert len(save(figure, tmp_path, ("png",))) == 1


def test_no_figure_is_kept(figure_of: dict[str, Figure]) -> None:
    code = (
        "import gc, weakref; from tests.report_records import figures, records;"
        "from flickrexif.eval.report.render.paper_plots import draw;"
        "drawn = [weakref.ref(draw(f)) for f in figures(records(2, points=10))[:5]]; gc.collect();"
        "print([ref() for ref in drawn])"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[None, None, None, None, None]"


def test_marks_of_the_legend_are_those_of_the_plot(figure_of: dict[str, Figure]) -> None:
    canvas = drawn(figure_of["dots"])
    (legend,) = canvas.legends
    shapes = {text.get_text(): handle.get_marker() for text, handle in zip(
        legend.get_texts(), legend.legend_handles, strict=True) if isinstance(handle, Line2D)}  # fmt: skip
    expected = ("all-same", "all-diff", "pos-same", "neg-same", "uniform")
    assert shapes == {name: look.marker[0] for name, look in zip(expected, SERIES, strict=True)}
