"""Charts without rows: lines, distributions, points in the plane, and pairs of numbers."""

from collections.abc import Sequence

from flickrexif.core.drawing import Spec
from flickrexif.eval.report import style
from flickrexif.eval.report.render import parts
from flickrexif.eval.report.render.parts import (
    FAINT,
    INK,
    SINGLE,
    WHOLE,
    Plot,
    Row,
    heading,
    layer,
    numbers,
    view_of,
)
from flickrexif.eval.report.spec import Cloud, Distributions, Lines, Pairwise, Point
from flickrexif.eval.report.style import FEW, look_of, plain, rounded, series_look, short


def lines_plot(content: Lines, label: str) -> Plot:
    """A line an encoder; up to FEW are named, more are coloured by family."""
    few = len(content.series) <= FEW
    rows = [
        numbers(point) | {"view": 0, "row": row, "x": x}
        for row, line in enumerate(content.series)
        for x, point in zip(content.x, line.points, strict=True)
        if point.value is not None
    ]
    firsts = [line.points[0] for line in content.series]
    if few:
        field, named = "encoder", {parts.shown_name(p.encoder): series_look(n) for n, p in enumerate(firsts)}
    else:
        field, named = "family", {family: look_of(family) for family in style.families_in(firsts)}
    marks = parts.looks(field, named)
    dash = marks["color"] | {"scale": {"domain": list(named), "range": [list(look.dash) for look in named.values()]}}
    x = parts.share_axis(content.x_label) | {"field": "x"}
    y = parts.share_axis(label) | {"field": "value", "scale": {"zero": True}}
    shared = {"x": x, "y": y, "color": marks["color"], "detail": {"field": "encoder"}}
    layers = [
        layer("line", {"strokeDash": dash, "strokeOpacity": parts.opacity(0.8)}, strokeWidth=1.8 if few else 1),
        parts.dots({"shape": marks["shape"]}, size=36 if few else 16),
    ]
    view = view_of(0, layers, width=SINGLE + 100, height=260, encoding=shared)
    return Plot(rows=rows, views=[view] if rows else [], points=content.points, says=parts.says(parts.share("value")))


def distributions_plot(content: Distributions, label: str) -> Plot:
    """A panel an encoder, side by side, with equal axes."""
    centres = [(low + high) / 2 for low, high in zip(content.edges, content.edges[1:], strict=False)]
    names = list(dict.fromkeys(plain(name, 60) for panel in content.panels for name, _ in panel.shares))
    rows: list[Row] = [
        {"view": view, "series": plain(name, 60), "x": round(x, 3), "value": rounded(share)}
        for view, panel in enumerate(content.panels)
        for name, shares in panel.shares
        for x, share in zip(centres, shares, strict=True)
    ]
    looks = {name: series_look(number) for number, name in enumerate(names)}
    top = max((row["value"] for row in rows), default=1.0)
    dash = {"field": "series", "scale": {"domain": names, "range": [list(look.dash) for look in looks.values()]}}
    x = {"field": "x", "type": "quantitative", "scale": {"zero": False, "nice": False},
         "axis": {"title": plain(content.x_label, 60), "tickCount": 5}}  # fmt: skip
    views, width = [], WHOLE // 4
    for number, panel in enumerate(content.panels):
        y = parts.share_axis("" if number else label, (0, 1.1 * top), format=".1%") | {"field": "value"}
        color = parts.looks("series", looks)["color"]
        encoding = {
            "x": x,
            "y": y,
            "color": color,
            "strokeDash": dash | {"legend": color["legend"]},
            "tooltip": parts.SAYS,
        }
        views.append(
            view_of(number, [layer("line", encoding, strokeWidth=1.6)], width=width, height=140)
            | heading(short(panel.encoder), width)
        )
    says = "datum.series + ': ' + format(datum.value, '.1%') + ' at ' + format(datum.x, '.2f')"
    return Plot(rows=rows, views=views, says=says, shared=("color", "strokeDash"))


def cloud_plot(content: Cloud, _: str) -> Plot:
    """Points coloured by label; the axes mean nothing and are left out."""
    labels = sorted(set(content.labels))
    span = max((max(side) - min(side) for side in (content.x, content.y) if side), default=0) or 1
    x, y = ([round(1000 * (place - min(side)) / span) for place in side] for side in (content.x, content.y))
    rows = [
        {"view": 0, "series": plain(label, 60), "x": at[0], "y": at[1]}
        for at, label in zip(zip(x, y, strict=True), content.labels, strict=True)
    ]
    looks = {plain(label, 60): series_look(number + 1) for number, label in enumerate(labels)}
    sides = {name: {"field": name, "type": "quantitative", "axis": None, "scale": {"domain": [0, 1000], "nice": False}}
             for name in ("x", "y")}  # fmt: skip
    tooltip = {"tooltip": {"field": "series", "type": "nominal"}}
    layers = [layer("point", sides | parts.looks("series", looks) | tooltip, filled=True, size=12, fillOpacity=0.7)]
    return Plot(rows=rows, views=[view_of(0, layers, width=SINGLE, height=SINGLE)] if rows else [])


def pairwise_plot(content: Pairwise, _: str) -> Plot:
    """Two numbers an encoder with the diagonal; beside them their upper corner, enlarged, where most of them are."""
    pairs, values = style.measured_pairs(content)
    whole, low = style.corners_of(values)
    labels = {"across": plain(content.x_label, 60), "up": plain(content.y_label, 60)}
    rows = [_pair(x, y) | labels | {"row": row} for row, (x, y) in enumerate(pairs)]
    points = [x for x, _ in pairs]
    views = [_plane(content, points, start) for start in ([whole] if low is None else [whole, low])]
    if low is not None:
        box: Spec = {f"{side}{end}": {"datum": at} for side in "xy" for end, at in (("", low), ("2", 1))}
        box["color"] = {"value": INK}
        views[0]["layer"].append(layer("rect", box, data={"values": [{}]}, filled=False, strokeDash=[1, 3]))
    lines = (f"datum.{label} + ': ' + {parts.share(side, side)}" for label, side in (("across", "x"), ("up", "y")))
    return Plot(rows=rows, views=views if pairs else [], points=points, says=parts.says(*lines))


def _pair(x: Point, y: Point) -> Row:
    sides = {"x": x, "y": y}
    ends = {f"{side}{end}": rounded(getattr(point, end)) for side, point in sides.items() for end in ("low", "high")}
    values = {side: rounded(point.value) for side, point in sides.items()}
    return {"encoder": parts.shown_name(x.encoder), "family": parts.family_of(x), "n": x.n} | values | ends


def _plane(content: Pairwise, points: Sequence[Point], start: float) -> Spec:
    """The encoders from `start` to 1 on both axes; an interval that goes further ends at the edge."""
    domain = start, 1 + 0.02 * (1 - start)
    x, y = (parts.share_axis(label, domain) | {"field": field}
            for label, field in ((content.x_label, "x"), (content.y_label, "y")))  # fmt: skip
    for side in (x, y):
        side["scale"] = side["scale"] | {"clamp": True}
    marks = parts.family_looks(points)
    corners = {"values": [{"x": start, "y": start}, {"x": 1, "y": 1}]}
    layers = [
        layer("line", {"x": x, "y": y, "color": {"value": FAINT}}, data=corners, strokeDash=[4, 3], strokeWidth=1),
        layer("rule", {"y": y} | parts.whiskers("x", 0.6, "x")),
        layer("rule", {"x": x} | parts.whiskers("y", 0.6, "y")),
        parts.dots({"x": x, "y": y, "shape": marks["shape"]}, size=50, full=0.85),
    ]
    inside = {"filter": f"datum.x >= {start} && datum.y >= {start}"}
    return {
        "transform": [inside],
        "layer": layers,
        "encoding": {"color": marks["color"]},
        "width": SINGLE,
        "height": SINGLE,
    }
