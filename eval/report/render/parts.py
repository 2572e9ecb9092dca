"""What the charts share: their look, the rows of their data, and the encodings and marks that occur in several.

Strangers' texts stand in data, titles and domains only, which Vega shows as they are: never in an expression.
Three parameters let a page change any chart: `families` that are shown, encoders of `mine` that stand out, and the
`ranking` in which encoders are listed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flickrexif.core.drawing import FONT, Spec
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import FAMILIES, Look, families_in, look_of, percent, plain, rounded, short, title_of

# Letters are of one weight: the renderer writes several fonts to a PDF in an order of chance.
INK, FAINT = "currentColor", "#888888"  # the ink is the page's: light, dark, or on paper
NAME = 34  # characters of an encoder's name beside its row
NAMES_WIDTH = 190  # pixels of that

CONFIG: Spec = {
    "aria": False,  # the page describes the whole figure, and has its numbers as a table
    "font": FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": INK, "titleColor": INK, "domainColor": FAINT, "tickColor": FAINT, "gridColor": FAINT,
        "gridOpacity": 0.25, "titleFontWeight": "normal", "titleFontSize": 11, "labelFontSize": 10,
    },
    "legend": {
        "orient": "top", "direction": "horizontal", "title": None, "labelColor": INK, "labelFontSize": 11,
        "labelLimit": 260, "symbolStrokeWidth": 1.5, "columns": 5,
    },
    "title": {"color": INK, "subtitleColor": INK, "anchor": "start", "fontSize": 11.5, "fontWeight": "normal",
              "subtitleFontSize": 10, "frame": "group"},
    "text": {"color": INK, "fontSize": 10},
    "rule": {"color": INK},
}  # fmt: skip

WHOLE, SINGLE = 880, 340  # widths of all views in a row, and of one alone, in pixels
Row = dict[str, Any]

SHOWN: Spec = {"filter": "indexof(families, datum.family) >= 0"}
STANDS_OUT = "!length(mine) || indexof(mine, datum.encoder) >= 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """The data of a chart, and its views, of which `columns` stand side by side."""

    rows: Sequence[Row]
    views: Sequence[Spec]
    points: Sequence[Point] = ()  # the encoders by which a page filters; () for charts without
    says: str = ""  # the expression of the text beside the pointer
    columns: int = 4
    shared: Sequence[str] = ("color", "shape")  # scales of all views
    narrow: int = 290  # width of a view on a narrow screen, in pixels
    note: str = ""  # what a mark means that no legend names


def view_of(number: int, layers: Sequence[Spec], **more: Any) -> Spec:
    """A view of the rows that are its own."""
    return {"transform": [{"filter": f"datum.view == {number}"}], "layer": list(layers), **more}


def heading(text: str, width: float) -> Spec:
    """The name of a view that is `width` pixels wide."""
    return {"title": {"text": plain(text, 60), "limit": width}}


def numbers(point: Point) -> dict[str, Any]:
    """A point as a row of data, without what it lacks."""
    row = {
        "encoder": shown_name(point.encoder),
        "family": family_of(point),
        "value": rounded(point.value),
        "low": rounded(point.low),
        "high": rounded(point.high),
        "n": point.n,
        "reason": plain(point.reason, 120),
    }
    return {name: value for name, value in row.items() if value not in (None, "")} | {"family": row["family"]}


def shown_name(encoder: str) -> str:
    """The name under which charts and the page's script know an encoder."""
    return short(encoder, 100)


def family_of(point: Point) -> str:
    """The family, "" for an unknown one."""
    return point.family if point.family in FAMILIES else ""


def params(points: Iterable[Point]) -> list[Spec]:
    """The three parameters, as they are before a page changes them."""
    return [
        {"name": "families", "value": families_in(list(points))},
        {"name": "mine", "value": []},
        {"name": "ranking", "value": []},
    ]


def share_axis(title: str, domain: Sequence[float] | None = None, **more: Any) -> Spec:
    """A quantitative channel of fractions, shown in %."""
    scale: Spec = {"nice": False, "zero": False, "domain": list(domain)} if domain else {"zero": False}
    axis = {"format": ".0%", "tickCount": 5, "labelFlush": False, "title": plain(title, 60) or None}
    return {"type": "quantitative", "scale": scale, "axis": axis | more}


def names_axis(labels: bool = True) -> Spec:
    """The rows of encoders, by family and name or in the page's ranking."""
    cut = f"slice(datum.label, 0, {NAME // 2 - 1}) + '…' + slice(datum.label, {-NAME // 2})"
    label = f"length(datum.label) > {NAME} ? {cut} : datum.label"
    bold = {"condition": {"test": "indexof(mine, datum.label) >= 0", "value": "bold"}, "value": "normal"}
    shown = {"labels": labels, "labelExpr": label, "labelLimit": NAMES_WIDTH, "labelFontWeight": bold}
    axis = shown | {"title": None, "ticks": False, "domain": False, "labelPadding": 6, "labelOverlap": False}
    sort = {"field": "place", "op": "min"}
    return {"field": "encoder", "type": "nominal", "sort": sort, "axis": axis, "scale": {"paddingInner": 0.2}}


PLACE: Spec = {
    "calculate": "length(ranking) ? (indexof(ranking, datum.encoder) + 9999) % 9999 : datum.row",
    "as": "place",
}
"""The place of a row: its own, or that in the ranking; encoders that the ranking lacks come last."""


def looks(field: str, named: Mapping[str, Look]) -> Spec:
    """Colour and shape by a field: name -> look."""
    names, shown = list(named), list(named.values())
    label = f"datum.label == '' ? '{title_of('')}' : datum.label"
    channel = {
        "field": field,
        "type": "nominal",
        "legend": {"symbolOpacity": 1, "symbolDash": [1, 0], "labelExpr": label},
    }
    return {
        "color": channel | {"scale": {"domain": names, "range": [look.color for look in shown]}},
        "shape": channel | {"scale": {"domain": names, "range": [look.shape for look in shown]}},
    }


def family_looks(points: Iterable[Point]) -> Spec:
    """Colour and shape by family."""
    return looks("family", {family: look_of(family) for family in families_in(list(points))})


def opacity(full: float = 1) -> Spec:
    """Full for what stands out, faint for the rest while something does."""
    return {"condition": {"test": STANDS_OUT, "value": full}, "value": 0.12}


def share(quantity: str, prefix: str = "") -> str:
    """An expression: the value in % with its interval, or the reason why there is none."""
    low, high = (f"format(datum.{prefix}{end}, '.1%')" for end in ("low", "high"))
    interval = f"(isValid(datum.{prefix}low) ? ' (95%: ' + {low} + ' to ' + {high} + ')' : '')"
    return f"(isValid(datum.{quantity}) ? format(datum.{quantity}, '.1%') + {interval} : datum.reason)"


def says(*lines: str) -> str:
    """An expression: the text beside the pointer, a line each: encoder, series, `lines`, what the number is of."""
    named = "datum.encoder + (datum.series ? '\\n' + datum.series : '')"
    return " + '\\n' + ".join([named, *lines]) + " + (datum.n ? '\\n' + datum.n : '')"


SAYS: Spec = {"field": "says", "type": "nominal"}


def whiskers(channel: str = "x", full: float = 1, prefix: str = "") -> Spec:
    """The encoding of intervals as rules."""
    ends = {channel: {"field": f"{prefix}low", "type": "quantitative"}, f"{channel}2": {"field": f"{prefix}high"}}
    return ends | {"strokeOpacity": opacity(full)}


def layer(mark: str, encoding: Spec, /, **more: Any) -> Spec:
    """A mark, with its properties, and its encoding; `data` and `transform` are the layer's own."""
    own = {name: more.pop(name) for name in ("data", "transform") if name in more}
    return own | {"mark": {"type": mark, **more}, "encoding": encoding}


def dots(encoding: Spec, size: int, full: float = 1) -> Spec:
    """Filled marks that say what they are."""
    return layer("point", {"tooltip": SAYS, "fillOpacity": opacity(full), **encoding}, filled=True, size=size)


def levels(values: Sequence[tuple[float, str, bool]], middle: float = 0.5) -> list[Spec]:
    """Lines across a chart, each with its name above: (value, text, whether it is dashed and not dotted).

    A name stands to the right of its line, or to the left of one beyond the `middle`.
    """
    layers: list[Spec] = []
    for number, (value, text, dashed) in enumerate(values):
        data = {"values": [{"level": rounded(value), "text": plain(text, 60)}]}
        x = {"x": {"field": "level", "type": "quantitative"}, "color": {"value": INK}}
        whole = {"y": {"value": 0}, "y2": {"value": "height"}}
        layers.append(layer("rule", x | whole, data=data, strokeDash=[4, 3] if dashed else [1, 3]))
        side = {"align": "left", "dx": -2} if value < middle else {"align": "right", "dx": 2}
        above = x | {"y": {"value": 0}, "text": {"field": "text"}}
        layers.append(layer("text", above, data=data, baseline="bottom", dy=-2 - 10 * number, fontSize=9, **side))
    return layers


def level_text(name: str, value: float) -> str:
    """ "chance 16.7%"."""
    return f"{name} {percent(value)}"
