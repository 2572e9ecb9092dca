"""What the figures for print share: sizes, the frame with title, legend and axes, and texts that the font can show.

We lay figures out ourselves, in inches: matplotlib would spend most of its time on measuring texts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from flickrexif.eval.report.render.paper_font import family, glyphs
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import plain, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

SINGLE, DOUBLE = 3.35, 6.9  # widths of one column and of two, in inches
MANY = 12  # most encoders of a figure that is one column wide
TICK_LENGTH = 34  # characters of an encoder's name on an axis
SMALL, NORMAL = 5.5, 7.0  # sizes of letters in points
LEFT = 0.5  # room for the names beside the axes, in inches
EDGE = 0.06  # room along the edges of a figure, in inches
LINE = 0.15  # height of a line of the legend, in inches
GREY = "#555555"

SETTINGS: Mapping[str, Any] = {
    "font.size": NORMAL,
    "text.parse_math": False,  # a name with $ is no formula
    "axes.linewidth": 0.6,
    "axes.labelsize": SMALL + 1,
    "xtick.labelsize": SMALL + 0.5,
    "ytick.labelsize": SMALL + 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.linewidth": 0.4,
    "grid.color": "#DDDDDD",
    "hatch.linewidth": 0.5,
    "lines.linewidth": 1.0,
    "legend.frameon": False,
    "legend.fontsize": SMALL + 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",  # texts stay texts
    "svg.hashsalt": "flickrexif",
    "text.hinting": "none",
}
"""The look of the figures, except the font; a user's own matplotlibrc changes nothing."""


def shown(text: object, length: int) -> str:
    """Strangers' text on one line, with a question mark for each character that the font lacks."""
    return "".join(char if ord(char) in glyphs() else "?" for char in plain(text, length))


@cache
def width_of(text: str, size: float) -> float:
    """The width of a text in inches."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=[family()], size=size)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]) / 72


def _fitting(text: str, size: float, width: float) -> str:
    """`text`, with its middle cut out if it is wider than `width` inches."""
    length = len(text)
    while length > 1 and width_of(plain(text, length), size) > width:
        length -= 1
    return plain(text, length)


@dataclass(frozen=True, slots=True)
class Frame:
    """The room around the axes, in inches."""

    width: float
    height: float  # of the axes alone
    below: float = 0.4
    left: float = LEFT
    right: float = 0.16


def framed(frame: Frame, title: str, legend: Sequence[tuple[str, Any]]) -> tuple["Canvas", "Axes"]:
    """A figure with a title, the legend (name, handle) below it in as many lines as it needs, and empty axes."""
    figure, (axes,) = framed_row(frame, title, legend, 1)
    return figure, axes


def framed_row(
    frame: Frame, title: str, legend: Sequence[tuple[str, Any]], panels: int, gap: float = 0.45
) -> tuple["Canvas", list["Axes"]]:
    """As `framed`, with `panels` axes in a row, `gap` inches apart."""
    from matplotlib.figure import Figure as Canvas

    names = [shown(name, 60) for name, _ in legend]
    columns = _columns(names, frame.width)
    order = [at for column in range(columns) for at in range(column, len(names), columns)]  # row by row
    lines = -(-len(names) // columns) if names else 0
    above = 0.24 + LINE * lines
    height = frame.below + frame.height + above
    figure = Canvas(figsize=(frame.width, height), dpi=100)
    heading = _fitting(shown(title, 200), NORMAL, frame.width - 2 * EDGE)
    figure.text(EDGE / frame.width, 1 - EDGE / height, heading, va="top", fontsize=NORMAL)
    if legend:
        figure.legend(
            [legend[at][1] for at in order],
            [names[at] for at in order],
            loc="upper left",
            bbox_to_anchor=(EDGE / frame.width, 1 - 0.19 / height),
            ncols=columns,
            borderaxespad=0,
            borderpad=0,
            columnspacing=1.2,
            handlelength=2.2,
            labelspacing=0.3,
        )
    inner = (frame.width - frame.left - frame.right - gap * (panels - 1)) / panels
    boxes = [(frame.left + number * (inner + gap), frame.below, inner, frame.height) for number in range(panels)]
    size = (frame.width, height, frame.width, height)
    row = [figure.add_axes(tuple(side / whole for side, whole in zip(box, size, strict=True))) for box in boxes]  # type: ignore[arg-type]
    return figure, row


def _columns(names: Sequence[str], width: float) -> int:
    """How many entries of the legend fit side by side."""
    widest = max((width_of(name, SMALL + 0.5) for name in names), default=0)
    return max(1, min(len(names) or 1, int((width - 2 * EDGE) / (widest + 0.4))))


def name_axes(axes: "Axes", x_label: str, y_label: str, left: float = LEFT) -> None:
    """Write the names of the axes at fixed places; `left` is the room beside the axes in inches."""
    figure = axes.figure.get_figure(root=True)
    assert figure is not None
    width = axes.get_position().width * figure.get_figwidth()
    axes.set_xlabel(shown(x_label, 60))
    axes.set_ylabel(shown(y_label, 60), va="top")
    axes.yaxis.set_label_coords(-(left - EDGE) / width, 0.5)


def label_height(points: Sequence[Point]) -> float:
    """The room below the axes for the upright names of encoders, in inches."""
    return max(width_of(_tick(point), SMALL) for point in points) + 2 * EDGE


def _tick(point: Point) -> str:
    return shown(short(point.encoder, TICK_LENGTH), TICK_LENGTH)


def name_encoders(axes: "Axes", points: Sequence[Point], at: Sequence[float]) -> None:
    """Encoders along the axis, upright, each at its place."""
    for point, x in zip(points, at, strict=True):  # plain texts: ticks take twice the time
        axes.text(
            x, -0.02, _tick(point), rotation=90, ha="center", va="top", fontsize=SMALL,
            transform=axes.get_xaxis_transform(),
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_xlim(-0.7, at[-1] + 0.7)
    axes.grid(axis="y")


def in_percent(axis: Any) -> None:
    """Label the fractions on an axis as percentages."""
    axis.set_major_formatter(lambda value, _: f"{round(100 * value, 4):g}%")


def note_gaps(axes: "Axes", points: Sequence[Point], at: Sequence[float]) -> None:
    """Write the reasons of encoders without a value, upright, at their places."""
    for point, place in zip(points, at, strict=True):
        axes.text(
            place, 0.02, shown(point.reason, 40), rotation=90, ha="center", va="bottom", fontsize=SMALL - 0.5,
            color=GREY, transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def whiskers(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """How far the interval of each value extends down and up; 0 where there is none."""
    return [point.down or 0.0 for point in points], [point.up or 0.0 for point in points]


def number(value: float | None) -> float:
    """The value, or NaN for None, which matplotlib does not draw."""
    return float("nan") if value is None else value
