"""Figures for the page, as JSON for plotly.js, without its script and without a theme.

The page draws a plot with `layout.template = THEMES["light"]` or `["dark"]`, and switches with
`Plotly.relayout(element, {template: ...})`: whatever has no colour of its own gets the template's. On a screen below
NARROW pixels, the page applies `layout.meta.narrow` with `Plotly.relayout`.

Plotly reads markup in texts (`<b>`, `<a href=…>`, entities), so every text from a record goes through `inert`.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from flickrexif.eval.report import style
from flickrexif.eval.report.render import plotly_parts as parts
from flickrexif.eval.report.render.plotly_parts import Plot, inert, rounded
from flickrexif.eval.report.spec import Cloud, Distributions, Figure, Lines, Pairwise, Point, Rows, Series
from flickrexif.eval.report.style import percent, series_look, short, title_of

CONFIG: dict[str, Any] = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d", "toImage"],  # the files are beside the page
}
"""The third argument of `Plotly.newPlot`."""
PANEL = 150  # pixels
MARKS = {"type": "scatter", "mode": "markers"}
LINE = {"type": "scatter", "mode": "lines"}


def plot(figure: Figure) -> Plot | None:
    """{"data": ..., "layout": ...} for plotly.js; None for strips, which are HTML."""
    draw = PLOTS.get(type(figure.content))
    return draw(figure.content, figure.y_label) if draw else None


def to_json(value: Any) -> str:
    """Compact JSON, safe in a script element: nothing in it ends the element or opens a comment."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# --- a row an encoder


def _rows(content: Rows, label: str) -> Plot:
    """Bars from the left, coloured and hatched by family; or a dot a series, joined by a thin line."""
    points = content.series[0].points
    at, axis = parts.rows(points)
    place = dict(zip(content.encoders, at, strict=True))
    data = [] if content.as_bars else [_joined(content.series, at)]
    for number, series in enumerate(content.series):
        look = series_look(number)
        own, levels = style.published_of(series.published, place)
        if content.as_bars:
            data += [_family_bars(points, at, family) for family in style.families_in(points)]
            hollow = _hollow(own, place, "diamond-open", "paper")
        else:
            data.append(_dots(series, at, look))
            hollow = _hollow(own, place, f"{look.marker[1]}-open", f"paper, {inert(series.name)}", color=look.color)
        data += [hollow] if own else []
        data += [parts.level(value, at, f"paper: {inert(text)} {percent(value)}", "dot") for text, value in levels]
    if content.chance is not None:
        data.append(parts.level(content.chance, at, f"chance {percent(content.chance)}", "dash"))
    x = parts.share_axis(label, range=[rounded(end) for end in style.span_of(content)])
    notes = parts.gap_notes(content.gaps, [place[point.encoder] for point in content.gaps])
    return {
        "data": data,
        "layout": parts.row_layout(at, data, barmode="overlay", xaxis=x, yaxis=axis, annotations=notes),
    }


def _family_bars(points: Sequence[Point], at: Sequence[float], family: str) -> dict[str, Any]:
    look = style.look_of(family)
    members = [(p, place) for p, place in zip(points, at, strict=True) if style.look_of(p.family) is look]
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
        "error_x": parts.whiskers(shown),
        **parts.hover(map(parts.hover_texts, shown)),
    }


def _hollow(
    values: Sequence[tuple[str, float]], place: dict[str, float], symbol: str, name: str, **color: str
) -> dict[str, Any]:
    """The paper's numbers."""
    return {
        **MARKS,
        "name": name,
        "x": [rounded(value) for _, value in values],
        "y": [place[encoder] for encoder, _ in values],
        "marker": {"symbol": symbol, "size": 9, "line": {"width": 1.5}, **color},
        **parts.hover([inert(encoder, 100), f"{percent(value, 2)} in the paper", ""] for encoder, value in values),
    }


def _joined(series: Sequence[Series], at: Sequence[float]) -> dict[str, Any]:
    """A thin line from the lowest to the highest value of each row."""
    x: list[float | None] = []
    y: list[float | None] = []
    for group, place in zip(zip(*(s.points for s in series), strict=True), at, strict=True):
        if values := [point.value for point in group if point.value is not None]:
            x += [rounded(min(values)), rounded(max(values)), None]
            y += [place, place, None]
    return {**LINE, "x": x, "y": y, "line": {"width": 1}, "opacity": 0.4, "hoverinfo": "skip", "showlegend": False}


def _dots(series: Series, at: Sequence[float], look: style.Look) -> dict[str, Any]:
    return {
        **MARKS,
        "name": inert(series.name),
        "x": [rounded(point.value) for point in series.points],
        "y": list(at),
        "marker": {"color": look.color, "symbol": look.marker[1], "size": 8},
        "error_x": parts.whiskers(series.points, color=look.color, width=0, thickness=2),
        **parts.hover(map(parts.hover_texts, series.points)),
    }


# --- without rows


def _lines(content: Lines, y_label: str) -> Plot:
    """A line an encoder; up to FEW are named, more are coloured by family."""
    few = len(content.series) <= style.FEW
    data: list[dict[str, Any]] = []
    for number, series in enumerate(content.series):
        family = series.points[0].family
        look = series_look(number) if few else style.look_of(family)
        name = inert(short(series.name)) if few else family or title_of(family)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": name,
                "legendgroup": name,
                "showlegend": name not in {trace["name"] for trace in data},
                "x": [rounded(x) for x in content.x],
                "y": [rounded(point.value) for point in series.points],
                "connectgaps": True,
                "opacity": 1 if few else 0.7,
                "line": {"color": look.color, "dash": look.dash[1], "width": 2 if few else 1},
                "marker": {"color": look.color, "symbol": look.marker[1], "size": 7 if few else 4},
                **parts.hover(map(parts.hover_texts, series.points)),
            }
        )
    x, y = parts.share_axis(content.x_label), parts.share_axis(y_label, rangemode="tozero")
    return {"data": data, "layout": parts.layout(460, xaxis=x, yaxis=y)}


def _distributions(content: Distributions, y_label: str) -> Plot:
    """A panel an encoder, one below the other, over a common axis."""
    count = len(content.panels)
    width = content.edges[1] - content.edges[0]
    axes: dict[str, Any] = {"xaxis": {"title": {"text": inert(content.x_label)}, "anchor": _axis("y", count - 1)}}
    data, notes = [], []
    for number, panel in enumerate(content.panels):
        top = 1 - number / count
        room = {"domain": [top - 1 / count, top - 0.2 / count], "rangemode": "tozero", "nticks": 4}
        axes[_axis("yaxis", number)] = parts.share_axis(y_label, **room, tickformat=".1%")
        place = {"x": 0.01, "xref": "paper", "xanchor": "left", "yref": "paper", "yanchor": "bottom"}
        notes.append(place | {"y": top - 0.2 / count, "text": f"<b>{inert(short(panel.encoder))}</b>"})
        for order, (name, shares) in enumerate(panel.shares):
            look = series_look(order)
            data.append(
                {
                    **LINE,
                    "name": inert(name),
                    "legendgroup": inert(name),
                    "showlegend": number == 0,
                    "x0": rounded(content.edges[0] + width / 2),
                    "dx": rounded(width),
                    "y": [rounded(share) for share in shares],
                    "yaxis": _axis("y", number),
                    "line": {"color": look.color, "dash": look.dash[1], "width": 1.5},
                    "hovertemplate": f"{inert(name)}: %{{y:.2%}} at %{{x:.2f}}<extra></extra>",
                }
            )
    return {"data": data, "layout": parts.layout(120 + PANEL * count, annotations=notes, **axes)}


def _axis(kind: str, number: int) -> str:
    """Plotly's name of an axis: y, y2, y3, ..."""
    return kind if number == 0 else f"{kind}{number + 1}"


def _cloud(content: Cloud, _: str) -> Plot:
    """Points coloured by label; the axes mean nothing and are left out."""
    data = []
    for number, label in enumerate(sorted(set(content.labels))):
        look = series_look(number + 1)
        members = [at for at, point_label in enumerate(content.labels) if point_label == label]
        data.append(
            {
                **MARKS,
                "name": inert(label),
                "x": [float(f"{content.x[at]:.4g}") for at in members],
                "y": [float(f"{content.y[at]:.4g}") for at in members],
                "marker": {"color": look.color, "symbol": look.marker[1], "size": 4, "opacity": 0.7},
                "hoverinfo": "name",
            }
        )
    layout = parts.layout(480, xaxis={"visible": False}, yaxis={"visible": False, "scaleanchor": "x"})
    layout["legend"] |= {"itemsizing": "constant"}
    return {"data": data, "layout": layout}


def _pairwise(content: Pairwise, _: str) -> Plot:
    """Two numbers an encoder with the diagonal; beside them their upper corner, enlarged, where most of them are."""
    pairs, values = style.measured_pairs(content)
    whole, low = style.corners_of(values)
    starts = [whole] if low is None else [whole, low]
    families = style.families_in([x for x, _ in pairs])
    data = [_family_points(content, pairs, family, panel) for panel in range(len(starts)) for family in families]
    line = {"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": {"dash": "dash"}}
    shapes = [line | {"xref": _axis("x", panel), "yref": _axis("y", panel)} for panel in range(len(starts))]
    axes: dict[str, Any] = {}
    narrow: dict[str, Any] = {}
    for panel, start in enumerate(starts):
        for axis, label in (("x", content.x_label), ("y", content.y_label)):
            axes[_axis(f"{axis}axis", panel)] = parts.share_axis(label, range=[start, 1 + 0.02 * (1 - start)])
    if low is not None:
        shapes.append({"type": "rect", "x0": low, "y0": low, "x1": 1, "y1": 1, "line": {"dash": "dot"}})
        axes["xaxis"]["domain"] = [0, 0.46]
        axes["xaxis2"] |= {"domain": [0.56, 1], "anchor": "y2"}
        axes["yaxis2"] |= {"anchor": "x2"}
        narrow = {"height": 900, "xaxis.domain": [0, 1], "xaxis2.domain": [0, 1], "yaxis.domain": [0.57, 1],
                  "yaxis2.domain": [0, 0.43]}  # fmt: skip
    return {"data": data, "layout": parts.layout(500, narrow, shapes=shapes, **axes)}


def _family_points(content: Pairwise, pairs: Sequence[tuple[Point, Point]], family: str, panel: int) -> dict[str, Any]:
    look = style.look_of(family)
    members = [(x, y) for x, y in pairs if style.look_of(x.family) is look]
    across, up = ([pair[side] for pair in members] for side in (0, 1))
    return {
        **MARKS,
        "name": family or title_of(family),
        "legendgroup": family,
        "showlegend": panel == 0,
        "x": [rounded(point.value) for point in across],
        "y": [rounded(point.value) for point in up],
        "error_x": parts.whiskers(across, color=look.color, width=0),
        "error_y": parts.whiskers(up, color=look.color, width=0),
        "xaxis": _axis("x", panel),
        "yaxis": _axis("y", panel),
        "marker": {"color": look.color, "symbol": look.marker[1], "size": 8, "opacity": 0.85},
        **parts.hover(_hover_texts(content, x, y) for x, y in members),
    }


def _hover_texts(content: Pairwise, x: Point, y: Point) -> list[str]:
    values = (f"{inert(label)}: {percent(point.value, 2)}{parts.interval(point)}"
              for label, point in ((content.x_label, x), (content.y_label, y)))  # fmt: skip
    return [inert(x.encoder, 100), "<br>".join(values), inert(x.record, 160)]


PLOTS: dict[type, Callable[[Any, str], Plot]] = {
    Rows: _rows, Lines: _lines, Distributions: _distributions, Cloud: _cloud, Pairwise: _pairwise
}  # fmt: skip
