"""Figures of a card: a chart to PNG bytes, the same on every run."""

import io
from functools import cache
from typing import TYPE_CHECKING, Any

from flickrexif.core.facts import Chart
from flickrexif.core.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH, HEIGHT, DPI = 9.0, 4.5, 100  # inches: 900 x 450 pixels
DARK, GRID = "#1f4e79", "#d0d0d0"  # dark on white: readable in grey and without colour
LABEL_LENGTH = 32
TITLE_LENGTH = 80
SHORT_LABEL = 7  # characters: labels that fit below a bar
MOST_UPRIGHT = 24
MOST_TICKS = 12
MISSING = "\N{REPLACEMENT CHARACTER}"


def png(chart: Chart) -> bytes:
    """The chart as PNG, 900 x 450 pixels; characters that the font lacks are drawn as a mark."""
    import matplotlib
    import matplotlib.style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.style.use("default")  # whatever the user's matplotlibrc says
        matplotlib.rcParams |= {"text.parse_math": False, "font.size": 9, "font.family": "DejaVu Sans"}
        figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        axes.set_title(_drawable(chart.title, TITLE_LENGTH), loc="left", fontsize=11)
        _draw(axes, chart)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_axisbelow(True)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: "Axes", chart: Chart) -> None:
    labels = [_drawable(label, LABEL_LENGTH) for label in chart.labels]
    unit = _drawable(chart.unit, TITLE_LENGTH)
    if chart.kind == "line":
        _line(axes, chart, labels, unit)
        return
    places = range(len(labels))
    bars: Any
    if len(labels) <= MOST_UPRIGHT and all(len(label) <= SHORT_LABEL for label in labels):
        bars = axes.bar(places, chart.values, color=DARK)
        axes.set_xticks(places, labels)
        axes.set_ylabel(unit)
        axes.grid(axis="y", color=GRID)
    else:
        bars = axes.barh(places, chart.values, color=DARK)
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.grid(axis="x", color=GRID)
    axes.bar_label(bars, [_number(value) for value in chart.values], padding=2, fontsize=7)


def _line(axes: "Axes", chart: Chart, labels: list[str], unit: str) -> None:
    axes.plot(range(len(labels)), chart.values, color=DARK, linewidth=1.2, marker="." if len(labels) <= 60 else "")
    step = max(1, -(-len(labels) // MOST_TICKS))
    axes.set_xticks(range(0, len(labels), step), labels[::step])
    axes.set_ylim(min((0.0, *chart.values)), 1.08 * max((0.0, *chart.values)) or 1.0)
    axes.set_ylabel(unit)
    axes.grid(axis="y", color=GRID)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2g}"


def _drawable(text: str, length: int) -> str:
    """One bounded line of what the font can draw."""
    drawable = _characters()
    return "".join(char if ord(char) in drawable else MISSING for char in plain(text, length))


@cache
def _characters() -> frozenset[int]:
    """Code points of the font that comes with matplotlib."""
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont("DejaVu Sans")).get_charmap())
