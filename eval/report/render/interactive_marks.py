"""Plots with one row an encoder (bars, dots), and lines against the mask ratio."""

from collections.abc import Sequence
from typing import Any

from flickrexif.eval.report.render.plotly_parts import (
    HOVER,
    Plot,
    gap_notes,
    hover_texts,
    inert,
    layout,
    level,
    rounded,
    row_layout,
    rows,
    share_axis,
    whiskers,
)
from flickrexif.eval.report.spec import Bars, GroupedDots, Lines, Point, Series
from flickrexif.eval.report.style import (
    FEW,
    families_in,
    look_of,
    percent,
    published_of,
    series_look,
    short,
    span_of,
    title_of,
)


def bars(content: Bars, y_label: str) -> Plot:
    """Bars from the left, coloured and hatched by family; the paper's numbers as hollow marks."""
    at, axis = rows(content.points)
    data = [_family_bars(content.points, at, family) for family in families_in(content.points)]
    if content.chance is not None:
        data.append(level(content.chance, at, f"chance {percent(content.chance)}", "dash"))
    place = dict(zip((point.encoder for point in content.points), at, strict=True))
    own, levels = published_of(content.published, place)
    if own:
        data.append(_published(own, place, "diamond-open", "paper"))
    data += [level(value, at, f"paper: {inert(label)} {percent(value)}", "dot") for label, value in levels]
    axes = {"xaxis": share_axis(y_label, range=[0, 1.02]), "yaxis": axis}
    more = {"barmode": "overlay", "annotations": gap_notes(content.points, at)}
    return {"data": data, "layout": row_layout(at, data, **axes, **more)}


def _family_bars(points: Sequence[Point], at: Sequence[float], family: str) -> dict[str, Any]:
    look = look_of(family)
    members = [(p, place) for p, place in zip(points, at, strict=True) if look_of(p.family) is look]
    shown = [point for point, _ in members]
    marker: dict[str, Any] = {"color": look.color, "line": {"color": look.color, "width": 1}}
    if look.hatch[1]:
        marker["pattern"] = {"shape": look.hatch[1], "fillmode": "replace", "size": 6, "solidity": 0.4}
    return {
        "type": "bar",
        "orientation": "h",
        "name": family or title_of(family),
        "x": [rounded(point.value) for point in shown],
        "y": [place for _, place in members],
        "width": 0.75,
        "marker": marker,
        "error_x": whiskers(shown),
        "customdata": [hover_texts(point) for point in shown],
        "hovertemplate": HOVER,
    }


def _published(
    values: Sequence[tuple[str, float]], place: dict[str, float], symbol: str, name: str, color: str | None = None
) -> dict[str, Any]:
    marker = {"symbol": symbol, "size": 9, "line": {"width": 1.5}} | ({"color": color} if color else {})
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [rounded(value) for _, value in values],
        "y": [place[encoder] for encoder, _ in values],
        "marker": marker,
        "customdata": [[inert(encoder, 100), f"{percent(value, 2)} in the paper", ""] for encoder, value in values],
        "hovertemplate": HOVER,
    }


def grouped_dots(content: GroupedDots, y_label: str) -> Plot:
    """A row an encoder, with a dot a series; a thin line joins the dots."""
    points = content.series[0].points
    at, axis = rows(points)
    data = [_joined(content.series, at)]
    place = dict(zip((point.encoder for point in points), at, strict=True))
    for number, series in enumerate(content.series):
        data.append(_dots(series, at, number))
        own, _ = published_of(series.published, place)
        if own:
            look = series_look(number)
            data.append(_published(own, place, f"{look.marker[1]}-open", f"paper, {inert(series.name)}", look.color))
    if content.chance is not None:
        data.append(level(content.chance, at, f"chance {percent(content.chance)}", "dash"))
    empty = [p for p in zip(*(s.points for s in content.series), strict=True) if all(q.value is None for q in p)]
    missing = {group[0].encoder for group in empty}
    notes = gap_notes([p for p in points if p.encoder in missing], [place[e] for e in place if e in missing])
    x = share_axis(y_label, range=[rounded(end) for end in span_of(content.series, content.chance)])
    return {"data": data, "layout": row_layout(at, data, xaxis=x, yaxis=axis, annotations=notes)}


def _joined(series: Sequence[Series], at: Sequence[float]) -> dict[str, Any]:
    """A thin line from the lowest to the highest value of each row."""
    x: list[float | None] = []
    y: list[float | None] = []
    for group, place in zip(zip(*(s.points for s in series), strict=True), at, strict=True):
        values = [point.value for point in group if point.value is not None]
        if values:
            x += [rounded(min(values)), rounded(max(values)), None]
            y += [place, place, None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"width": 1},
        "opacity": 0.4,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _dots(series: Series, at: Sequence[float], number: int) -> dict[str, Any]:
    look = series_look(number)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": inert(series.name),
        "x": [rounded(point.value) for point in series.points],
        "y": list(at),
        "marker": {"color": look.color, "symbol": look.marker[1], "size": 8},
        "error_x": whiskers(series.points, color=look.color, width=0, thickness=2),
        "customdata": [hover_texts(point) for point in series.points],
        "hovertemplate": HOVER,
    }


def lines(content: Lines, y_label: str) -> Plot:
    """A line an encoder; up to FEW are named, more are coloured by family."""
    few = len(content.series) <= FEW
    data, named = [], set()
    for number, series in enumerate(content.series):
        family = series.points[0].family
        look = series_look(number) if few else look_of(family)
        name = inert(short(series.name)) if few else family or title_of(family)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "legendgroup": name,
                "showlegend": name not in named,
                "x": [rounded(x) for x in content.x],
                "y": [rounded(point.value) for point in series.points],
                "connectgaps": True,
                "opacity": 1 if few else 0.7,
                "line": {"color": look.color, "dash": look.dash[1], "width": 2 if few else 1},
                "marker": {"color": look.color, "symbol": look.marker[1], "size": 7 if few else 4},
                "customdata": [hover_texts(point) for point in series.points],
                "hovertemplate": HOVER,
            }
        )
        named.add(name)
    x, y = share_axis(content.x_label), share_axis(y_label, rangemode="tozero")
    return {"data": data, "layout": layout(460, xaxis=x, yaxis=y, meta={"narrow": {}})}
