"""What the plots of the page share: themes, axes, hover texts, and names in which plotly finds no markup."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import percent, places, plain, short

Plot = dict[str, Any]
"""What plotly.js draws: {"data": [...], "layout": {...}}."""

NARROW = 600  # pixels
TICK_LENGTH = 34  # characters of an encoder's name on an axis
ROW, LEGEND_LINE = 17, 18  # pixels


def template(ink: str, faint: str, paper: str) -> dict[str, Any]:
    """A theme: the colours of texts, of grids and whiskers, and of the labels that follow the pointer."""
    axis = {"gridcolor": faint, "linecolor": ink, "zeroline": False, "ticks": "", "automargin": True}
    whiskers = {"color": ink, "thickness": 1, "width": 2}
    return {
        "layout": {
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": "system-ui, sans-serif", "size": 12, "color": ink},
            "colorway": [ink],
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"bgcolor": paper, "bordercolor": ink, "font": {"color": ink}, "align": "left"},
            "shapedefaults": {"line": {"color": ink, "width": 1}},
            "annotationdefaults": {"font": {"color": ink, "size": 11}, "showarrow": False},
        },
        "data": {"bar": [{"error_x": whiskers}], "scatter": [{"error_x": whiskers, "error_y": whiskers}]},
    }


THEMES = {
    "light": template("#222222", "#DDDDDD", "#FFFFFF"),
    "dark": template("#E6E6E6", "#444444", "#1B1B1B"),
}


def inert(text: object, length: int = 60) -> str:
    """Strangers' text, escaped so that plotly shows it as it is."""
    return html.escape(plain(text, length))


def rounded(value: float | None) -> float | None:
    """The value with five decimals, which are more than a screen shows."""
    return None if value is None else round(value, 5)


def layout(height: int, narrow: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The layout that all plots share, and what differs on a `narrow` screen; the width is the page's."""
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"}
    margin = {"l": 10, "r": 16, "t": 30, "b": 40}
    fixed = {"autosize": True, "height": height, "margin": margin, "legend": legend, "hovermode": "closest"}
    return fixed | {"meta": {"narrow": narrow or {}}} | more


def hover(texts: Iterable[list[str]]) -> dict[str, Any]:
    """The three texts that appear beside the pointer at each mark."""
    template = "<b>%{customdata[0]}</b><br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>"
    return {"customdata": list(texts), "hovertemplate": template}


def hover_texts(point: Point) -> list[str]:
    """The texts beside the pointer: the encoder, the value with its interval, the record."""
    value = f"{percent(point.value, 2)}{interval(point)}" if point.value is not None else inert(point.reason, 120)
    return [inert(point.encoder, 100), value, inert(point.record, 160)]


def interval(point: Point) -> str:
    """ " (95%: 80.1% to 82.3%)", or "" where there is none."""
    if point.low is None or point.high is None:
        return ""
    return f" (95%: {percent(point.low, 2)} to {percent(point.high, 2)})"


def whiskers(points: Sequence[Point], **more: Any) -> dict[str, Any]:
    """The intervals as plotly's error bars, {} where no point has one."""
    if all(point.up is None for point in points):
        return {}
    above, below = [rounded(point.up) for point in points], [rounded(point.down) for point in points]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, **more}


def rows(points: Sequence[Point]) -> tuple[tuple[float, ...], dict[str, Any]]:
    """The place of each encoder on the vertical axis, and that axis."""
    at = tuple(round(place, 2) for place in places(points))
    axis = {
        "tickvals": list(at),
        "ticktext": [inert(short(point.encoder), TICK_LENGTH) for point in points],
        "range": [round(at[-1] + 0.7, 2), -0.7],
        "showgrid": False,
    }
    return at, axis


def row_layout(at: Sequence[float], data: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The layout of a plot with rows at the places `at`; on a narrow screen names are smaller, the legend longer."""
    height = round(120 + ROW * (at[-1] + 2))
    return layout(height, {"height": height + LEGEND_LINE * len(data), "yaxis.tickfont.size": 10}, **more)


def share_axis(title: str, **more: Any) -> dict[str, Any]:
    """An axis of fractions, shown in %."""
    return {"title": {"text": inert(title)}, "tickformat": ".0%"} | more


def gap_notes(points: Sequence[Point], at: Sequence[float]) -> list[dict[str, Any]]:
    """Annotations with the reasons of encoders without a value, in their rows."""
    return [
        {"x": 0, "xref": "paper", "xanchor": "left", "y": place, "text": f"<i>{inert(point.reason, 40)}</i>"}
        for point, place in zip(points, at, strict=True)
    ]


def level(value: float, at: Sequence[float], name: str, dash: str) -> dict[str, Any]:
    """A line across all rows, named in the legend."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [rounded(value)] * 2,
        "y": [-0.7, round(at[-1] + 0.7, 2)],
        "name": name,
        "line": {"dash": dash, "width": 1.5},
        "hoverinfo": "skip",
    }
