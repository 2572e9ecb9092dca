"""Plots without rows: distributions, clouds of points, and two numbers against each other with a zoom."""

from collections.abc import Sequence
from typing import Any

from flickrexif.eval.report.render.plotly_parts import (
    HOVER,
    Plot,
    inert,
    interval,
    layout,
    rounded,
    share_axis,
    whiskers,
)
from flickrexif.eval.report.spec import Cloud, Distributions, Pairwise, Point
from flickrexif.eval.report.style import (
    corners_of,
    families_in,
    look_of,
    measured_pairs,
    percent,
    series_look,
    short,
    title_of,
)

PANEL = 150  # pixels


def distributions(content: Distributions, y_label: str) -> Plot:
    """A panel an encoder, one below the other, over a common axis."""
    count = len(content.panels)
    width = content.edges[1] - content.edges[0]
    more: dict[str, Any] = {"xaxis": {"title": {"text": inert(content.x_label)}, "anchor": _axis("y", count - 1)}}
    data, notes = [], []
    for number, panel in enumerate(content.panels):
        top = 1 - number / count
        more[_axis("yaxis", number)] = {
            "domain": [top - 1 / count, top - 0.2 / count],
            "tickformat": ".1%",
            "rangemode": "tozero",
            "nticks": 4,
            "title": {"text": inert(y_label)},
        }
        notes.append(_name(panel.encoder, top - 0.2 / count))
        for order, (name, shares) in enumerate(panel.shares):
            look = series_look(order)
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
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
    height = 120 + PANEL * count
    return {"data": data, "layout": layout(height, annotations=notes, meta={"narrow": {}}, **more)}


def _name(encoder: str, y: float) -> dict[str, Any]:
    """The name of a panel, above its left end."""
    place = {"x": 0.01, "xref": "paper", "xanchor": "left", "y": y, "yref": "paper", "yanchor": "bottom"}
    return place | {"text": f"<b>{inert(short(encoder))}</b>"}


def _axis(kind: str, number: int) -> str:
    """Plotly's name of an axis: y, y2, y3, ..."""
    return kind if number == 0 else f"{kind}{number + 1}"


def cloud(content: Cloud) -> Plot:
    """Points coloured by label; the axes mean nothing and are left out."""
    data = []
    for number, label in enumerate(sorted(set(content.labels))):
        look = series_look(number + 1)
        members = [at for at, point_label in enumerate(content.labels) if point_label == label]
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": inert(label),
                "x": [float(f"{content.x[at]:.4g}") for at in members],
                "y": [float(f"{content.y[at]:.4g}") for at in members],
                "marker": {"color": look.color, "symbol": look.marker[1], "size": 4, "opacity": 0.7},
                "hoverinfo": "name",
            }
        )
    hidden = {"visible": False}
    axes = {"xaxis": hidden, "yaxis": hidden | {"scaleanchor": "x"}}
    plot_layout = layout(480, meta={"narrow": {}}, **axes)
    plot_layout["legend"] |= {"itemsizing": "constant"}
    return {"data": data, "layout": plot_layout}


def pairwise(content: Pairwise) -> Plot:
    """Two numbers an encoder with the diagonal; beside them their upper corner, enlarged, where most of them are."""
    pairs, values = measured_pairs(content)
    whole, low = corners_of(values)
    families = families_in([x for x, _ in pairs])
    panels = (0,) if low is None else (0, 1)
    data = [_family_points(content, pairs, family, panel) for panel in panels for family in families]
    shapes = [{"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1, "line": {"dash": "dash"}} | _on(p) for p in panels]
    frame = [whole, 1 + 0.02 * (1 - whole)]
    axes: dict[str, Any] = {
        "xaxis": share_axis(content.x_label, range=frame),
        "yaxis": share_axis(content.y_label, range=frame),
    }
    narrow: dict[str, Any] = {}
    if low is not None:
        corner = {"type": "rect", "x0": low, "y0": low, "x1": 1, "y1": 1, "line": {"dash": "dot"}}
        shapes.append(corner)
        zoomed = {"range": [low, 1 + 0.02 * (1 - low)]}
        axes["xaxis"]["domain"] = [0, 0.46]
        axes["xaxis2"] = share_axis(content.x_label, domain=[0.56, 1], anchor="y2", **zoomed)
        axes["yaxis2"] = share_axis(content.y_label, anchor="x2", **zoomed)
        narrow = {"height": 900, "xaxis.domain": [0, 1], "xaxis2.domain": [0, 1], "yaxis.domain": [0.57, 1],
                  "yaxis2.domain": [0, 0.43]}  # fmt: skip
    return {"data": data, "layout": layout(500, shapes=shapes, meta={"narrow": narrow}, **axes)}


def _on(panel: int) -> dict[str, str]:
    return {"xref": _axis("x", panel), "yref": _axis("y", panel)}


def _family_points(content: Pairwise, pairs: Sequence[tuple[Point, Point]], family: str, panel: int) -> dict[str, Any]:
    look = look_of(family)
    members = [(x, y) for x, y in pairs if look_of(x.family) is look]
    across, up = ([pair[side] for pair in members] for side in (0, 1))
    return {
        "type": "scatter",
        "mode": "markers",
        "name": family or title_of(family),
        "legendgroup": family,
        "showlegend": panel == 0,
        "x": [rounded(point.value) for point in across],
        "y": [rounded(point.value) for point in up],
        "error_x": whiskers(across, color=look.color, width=0),
        "error_y": whiskers(up, color=look.color, width=0),
        "xaxis": _axis("x", panel),
        "yaxis": _axis("y", panel),
        "marker": {"color": look.color, "symbol": look.marker[1], "size": 8, "opacity": 0.85},
        "customdata": [_hover_texts(content, x, y) for x, y in members],
        "hovertemplate": HOVER,
    }


def _hover_texts(content: Pairwise, x: Point, y: Point) -> list[str]:
    values = (f"{inert(label)}: {percent(point.value, 2)}{interval(point)}"
              for label, point in ((content.x_label, x), (content.y_label, y)))  # fmt: skip
    return [inert(x.encoder, 100), "<br>".join(values), inert(x.record, 160)]
