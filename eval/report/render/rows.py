"""Charts with a row an encoder: bars or dots, several of them side by side, and the answer at a glance."""

from collections.abc import Sequence

from flickrexif.core.drawing import Spec
from flickrexif.eval.report import style
from flickrexif.eval.report.render import parts
from flickrexif.eval.report.render.parts import (
    INK,
    SHOWN,
    SINGLE,
    WHOLE,
    Plot,
    Row,
    heading,
    layer,
    numbers,
    view_of,
)
from flickrexif.eval.report.spec import Multiples, Overview, Rows, Series, Strip
from flickrexif.eval.report.style import FAMILIES, plain, rounded, series_look, short

ACROSS = 4  # most views side by side
NARROW = 210  # pixels of a view beside names
STRIP = 270  # pixels of a strip: two stand beside the answer in words
LAST = 10_000  # what encoders without any number have more than others, so that they stand below
LANES = 5  # marks of a strip that are close in value stand on as many heights
LANE: Spec = {"yOffset": {"field": "series", "type": "nominal", "sort": None}}  # of each series, within a row
PAPER = "Hollow marks and dotted lines: the paper\N{RIGHT SINGLE QUOTATION MARK}s numbers."


def rows_plot(content: Rows, label: str) -> Plot:
    """One view; see `multiples_plot`."""
    return multiples_plot(Multiples(panels=(("", content),)), label)


def multiples_plot(content: Multiples, label: str) -> Plot:
    """Bars from the left, coloured by family; or a mark a series in lanes of its own, so that none hides another."""
    panels = [rows for _, rows in content.panels]
    spans = [style.span_of(rows) for rows in panels]
    domain = min((low for low, _ in spans), default=0), max((high for _, high in spans), default=1)
    width = SINGLE if len(panels) == 1 else (WHOLE - 14 * len(panels)) // min(ACROSS, len(panels) or 1)
    views = [
        _view(number, rows, label, domain) | {"width": width} | (heading(title, width) if title else {})
        for number, (title, rows) in enumerate(content.panels)
    ]
    return Plot(
        rows=[row for number, rows in enumerate(panels) for row in _data(number, rows)],
        views=views,
        points=content.points,
        says=parts.says(parts.share("value")),
        columns=ACROSS,
        shared=("color", "shape", "y"),
        narrow=NARROW,
        note=PAPER if any(line.published for rows in panels for line in rows.series) else "",
    )


def _data(view: int, content: Rows) -> list[Row]:
    last = {point.encoder for point in content.gaps}
    return [
        numbers(point)
        | {"view": view, "row": row + LAST * (point.encoder in last)}
        | ({"series": plain(line.name, 60)} if len(content.series) > 1 else {})
        for line in content.series
        for row, point in enumerate(line.points)
    ]


def _view(number: int, content: Rows, label: str, domain: tuple[float, float]) -> Spec:
    several = len(content.series) > 1
    lane = LANE if several else {}
    marks = _series_looks(content.series) if several else parts.family_looks(content.points)
    value = {"x": parts.share_axis(label, domain) | {"field": "value"}}
    ends = {"x": {"aggregate": "min", "field": "value"}, "x2": {"aggregate": "max", "field": "value"}}
    below = layer("rule", ends | {"color": {"value": INK}}, strokeOpacity=0.25)  # joins the marks of a row
    if content.as_bars:
        below = layer("bar", value | {"fillOpacity": parts.opacity(0.35)}, height={"band": 0.8})
    reason = {"text": {"field": "reason"}, "x": {"value": 4}, "color": {"value": INK}}
    is_gap = [{"filter": "!isValid(datum.value)"}]
    layers = [
        below,
        layer("rule", parts.whiskers() | lane, strokeWidth=1.5),
        parts.dots(value | {"shape": marks["shape"]} | lane, size=26 if several else 34),
        *_published(content, lane),
        *parts.levels(_levels(content), sum(domain) / 2),
        *([layer("text", reason, transform=is_gap, align="left", fontSize=9, limit=160)] if content.gaps else []),
    ]
    height = {"step": 5 * len(content.series) + 1 if several else 15, "for": "position"}
    shared = {"y": parts.names_axis(labels=number % ACROSS == 0), "color": marks["color"]}
    return view_of(number, layers, height=height, encoding=shared)


def _series_looks(series: Sequence[Series]) -> Spec:
    return parts.looks("series", {plain(line.name, 60): series_look(number) for number, line in enumerate(series)})


def _published(content: Rows, lane: Spec) -> list[Spec]:
    """The paper's numbers of encoders that have a row, as hollow marks."""
    points = {point.encoder: (row, point) for row, point in enumerate(content.series[0].points)}
    hollow: list[Row] = []
    for line in content.series:
        for name, value in style.published_of(line.published, points)[0]:
            row, point = points[name]
            says = f"{short(name, 100)}\n{style.percent(value)} in the paper"
            named = {
                "encoder": parts.shown_name(name),
                "family": parts.family_of(point),
                "series": plain(line.name, 60),
            }
            hollow.append(named | {"value": rounded(value), "says": says, "row": row})
    place = {"x": {"field": "value", "type": "quantitative"}, "color": {"value": INK}, "tooltip": parts.SAYS} | lane
    look = {"shape": "diamond", "size": 40, "filled": False, "strokeWidth": 1.2}
    return [layer("point", place, data={"values": hollow}, transform=[SHOWN, parts.PLACE], **look)] if hollow else []


def _levels(content: Rows) -> list[tuple[float, str, bool]]:
    """The chance level, and the levels that the paper states."""
    chance = [] if content.chance is None else [(content.chance, parts.level_text("chance", content.chance), True)]
    stated = [level for line in content.series for level in style.published_of(line.published, content.encoders)[1]]
    return chance + [(value, parts.level_text(f"paper: {name}", value), False) for name, value in stated]


def overview_plot(content: Overview, _: str) -> Plot:
    """A strip a quantity: a line a family with a mark an encoder; controls are lines across."""
    rows = [
        numbers(point) | {"view": view, "row": row, "lane": row % LANES}
        for view, strip in enumerate(content.strips)
        for row, point in enumerate(sorted(strip.points, key=lambda point: (point.family, point.value or 0)))
    ]
    views = [_strip(number, strip) for number, strip in enumerate(content.strips)]
    return Plot(rows=rows, views=views, points=content.points, says=parts.says(parts.share("value")), columns=2)


def _strip(number: int, strip: Strip) -> Spec:
    marks = parts.family_looks(strip.points)
    shown = [n for p in (*strip.points, *strip.references) for n in (p.value, p.low, p.high) if n is not None]
    low, high = min([0.0, *shown]), max([0.01, *shown, strip.chance or 0])
    room = 0.02 * (high - low)
    value = {"x": parts.share_axis("", (low - room, high + room)) | {"field": "value"}}
    axis = {"title": None, "ticks": False, "domain": False, "labelFontSize": 11}
    heights = {"field": "lane", "type": "ordinal", "scale": {"domain": list(range(LANES))}}
    family = {"y": {"field": "family", "type": "nominal", "sort": list(FAMILIES), "axis": axis}}
    lane = {"yOffset": heights}
    own = [{"filter": "datum.family == 'OWN'"}]
    name = {"text": {"field": "encoder"}, "color": {"value": INK}}
    layers = [
        layer("rule", parts.whiskers(full=0.5) | lane),
        parts.dots(value | {"shape": marks["shape"]} | lane, size=60, full=0.85),
        layer("text", value | lane | name, transform=own, align="left", dx=7, limit=150),
        *parts.levels(_references(strip), (low + high) / 2),
    ]
    width = STRIP
    height = {"step": 8 * LANES, "for": "position"}
    shared = family | {"color": marks["color"]}
    return view_of(number, layers, width=width, height=height, encoding=shared) | heading(strip.title, width)


def _references(strip: Strip) -> list[tuple[float, str, bool]]:
    """The chance level and the controls, by value."""
    controls = [
        (p.value, parts.level_text(short(p.encoder, 30), p.value), False)
        for p in strip.references
        if p.value is not None
    ]
    chance = [] if strip.chance is None else [(strip.chance, parts.level_text("chance", strip.chance), True)]
    return sorted(controls + chance)
