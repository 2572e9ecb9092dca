"""Figures of a card: a chart to PNG bytes, the same on every run."""

from flickrexif.core import drawing
from flickrexif.core.drawing import FONT, SCHEMA, Spec
from flickrexif.core.facts import Chart
from flickrexif.core.text import plain

WIDTH, HEIGHT = 900, 450  # pixels
DARK, GRID = "#1f4e79", "#d0d0d0"  # dark on white: readable in grey and without colour
LABEL_LENGTH = 32
TITLE_LENGTH = 80
SHORT_LABEL = 7  # characters: labels that fit below a bar
MOST_UPRIGHT = 24
MOST_DOTS = 60  # points of a line that have marks

CONFIG: Spec = {
    "font": FONT,
    "view": {"stroke": None},
    "axis": {"gridColor": GRID, "labelLimit": 260, "titleFontWeight": "normal", "tickCount": 6, "title": None},
    "title": {"anchor": "start", "fontSize": 14, "fontWeight": "normal", "frame": "bounds"},
}


def png(chart: Chart) -> bytes:
    """The chart as PNG, 900 x 450 pixels."""
    return drawing.png(drawing.svg(_specification(chart)), scale=1)


def _specification(chart: Chart) -> Spec:
    """The chart for Vega-Lite; labels may be equal, so a bar's place is its number."""
    rows = [{"place": place, "value": value, "number": _number(value)} for place, value in enumerate(chart.values)]
    return {
        "$schema": SCHEMA,
        "background": "white",
        "width": WIDTH,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": 8,
        "config": CONFIG,
        "title": plain(chart.title, TITLE_LENGTH),
        "params": [{"name": "labels", "value": [plain(label, LABEL_LENGTH) for label in chart.labels]}],
        "data": {"values": rows},
        "layer": _line(chart) if chart.kind == "line" else _bars(chart),
    }


def _bars(chart: Chart) -> list[Spec]:
    """Bars with their numbers: upright where labels are few and short, else lying."""
    is_upright = len(chart.labels) <= MOST_UPRIGHT and all(len(label) <= SHORT_LABEL for label in chart.labels)
    axis = {"labelExpr": "labels[datum.value]", "labelAngle": 0, "grid": False, "ticks": False, "labelOverlap": False}
    place = {"field": "place", "type": "ordinal", "axis": axis}
    value = {"field": "value", "type": "quantitative", "axis": {"title": plain(chart.unit, TITLE_LENGTH) or None}}
    sides = {"x": place, "y": value} if is_upright else {"y": place, "x": value}
    beside = {"dy": -6} if is_upright else {"dx": 4, "align": "left"}
    return [
        {"mark": {"type": "bar", "color": DARK}, "encoding": sides},
        {"mark": {"type": "text", "fontSize": 9, **beside}, "encoding": {**sides, "text": {"field": "number"}}},
    ]


def _line(chart: Chart) -> list[Spec]:
    axis = {"labelExpr": "labels[datum.value]", "grid": False, "tickCount": 10, "tickMinStep": 1, "labelFlush": False}
    place = {"field": "place", "type": "quantitative", "axis": axis, "scale": {"nice": False}}
    value = {"field": "value", "type": "quantitative", "axis": {"title": plain(chart.unit, TITLE_LENGTH) or None}}
    dots = len(chart.values) <= MOST_DOTS and {"color": DARK}
    mark = {"type": "line", "color": DARK, "strokeWidth": 1.5, "point": dots}
    return [{"mark": mark, "encoding": {"x": place, "y": value}}]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2g}"
