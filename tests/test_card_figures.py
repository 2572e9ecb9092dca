"""Figures of a card, looked at as pictures."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flickrexif.cards.figures import DARK, png
from flickrexif.core.facts import Chart

HOSTILE = (
    "$\\frac{1}",
    "東京の夜",
    "👩‍👩‍👧 \U0001f4f7",
    "<b>&amp;</b>",
    "a\nb\t\u202ec",
    "עברית العربية",
    "x" * 5_000,
    "",
    "%",
    "\x00",
)


def chart(labels: tuple[str, ...], values: tuple[float, ...], kind: str = "bars", title: str = "Title") -> Chart:
    return Chart(name="c", title=title, alt="alt", kind=kind, labels=labels, values=values)  # type: ignore[arg-type]


def pixels(content: bytes) -> npt.NDArray[np.bool_]:
    """Where the picture has the colour of bars and lines."""
    wanted = np.array([int(DARK[place : place + 2], 16) for place in (1, 3, 5)])
    found: npt.NDArray[np.bool_] = (np.asarray(Image.open(io.BytesIO(content)).convert("RGB")) == wanted).all(axis=2)
    return found


@pytest.mark.parametrize("labels", [("2019", "2020", "2021"), ("a camera maker", "another maker", "and a third")])
def test_bars_are_as_long_as_their_values(labels: tuple[str, ...]) -> None:
    dark = pixels(png(chart(labels, (100.0, 50.0, 25.0))))
    long = dark.sum(axis=0 if len(labels[0]) < 8 else 1)
    lengths = [part.max() for part in np.split(long, np.flatnonzero(np.diff(long > 0)) + 1) if part.max() > 0]
    assert len(lengths) == 3
    assert lengths[0] / lengths[1] == pytest.approx(2, rel=0.03)
    assert lengths[1] / lengths[2] == pytest.approx(2, rel=0.05)


def test_a_line_rises_where_the_values_do() -> None:
    dark = pixels(png(chart(tuple(map(str, range(100))), tuple(map(float, range(100))), "line")))
    columns = np.flatnonzero(dark.any(axis=0))
    heights = [
        np.flatnonzero(dark[:, column]).mean() for column in (columns[20], columns[len(columns) // 2], columns[-20])
    ]
    assert heights[0] > heights[1] > heights[2]  # rows count from the top


def test_equal_charts_give_equal_bytes_without_metadata() -> None:
    first = png(chart(("a", "b"), (1.0, 2.0)))
    assert png(chart(("a", "b"), (1.0, 2.0))) == first
    picture = Image.open(io.BytesIO(first))
    assert picture.size == (900, 450)
    assert set(picture.info) <= {"dpi"}
    assert png(chart(("a", "b"), (1.0, 3.0))) != first


def test_it_reads_in_grey() -> None:
    grey = np.asarray(Image.open(io.BytesIO(png(chart(("a", "b"), (1.0, 2.0))))).convert("L"))
    assert int(grey[pixels(png(chart(("a", "b"), (1.0, 2.0))))].max()) < 100
    assert int(grey[0, 0]) == 255


@pytest.mark.parametrize("kind", ["bars", "line"])
def test_strangers_text_is_drawn_or_marked(kind: str) -> None:
    values = tuple(float(n) for n in range(len(HOSTILE)))
    assert Image.open(io.BytesIO(png(chart(HOSTILE, values, kind, title="$$ \\bad $ 東 " * 50)))).size == (900, 450)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=4), st.text(max_size=20), st.sampled_from(["bars", "line"]))
def test_any_text_makes_a_picture(labels: list[str], title: str, kind: str) -> None:
    made = png(chart(tuple(labels), tuple(float(len(label)) for label in labels), kind, title))
    assert Image.open(io.BytesIO(made)).size == (900, 450)


@pytest.mark.parametrize("kind", ["bars", "line"])
def test_nothing_to_draw_is_an_empty_figure(kind: str) -> None:
    assert not pixels(png(chart((), (), kind))).any()


def test_no_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    png(chart(("a",), (1.0,)))
    assert list(tmp_path.iterdir()) == []
