"""For print: figures with one place an encoder along the axis (bars, dots), and lines against the mask ratio."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flickrexif.eval.report.render.paper_parts import (
    DOUBLE,
    MANY,
    SINGLE,
    Frame,
    framed,
    in_percent,
    label_height,
    name_axes,
    name_encoders,
    note_gaps,
    number,
    whiskers,
)
from flickrexif.eval.report.spec import Bars, GroupedDots, Lines, Point, Series
from flickrexif.eval.report.style import (
    FEW,
    Look,
    families_in,
    look_of,
    percent,
    places,
    published_of,
    series_look,
    short,
    span_of,
    title_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

INK = "black"
HOLLOW: Mapping[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.8, "linestyle": ""}


def mark(look: Look, **more: Any) -> Any:
    """The mark of a series or family in a legend."""
    from matplotlib.lines import Line2D

    settings: dict[str, Any] = {"marker": look.marker[0], "color": look.color, "linestyle": "", "markersize": 4}
    return Line2D([], [], **(settings | more))


def _patch(look: Look) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor="white" if look.hatch[0] else look.color, edgecolor=look.color, hatch=look.hatch[0])


def _level(style: str) -> Any:
    return mark(Look(INK), marker="", linestyle=style, linewidth=0.8)


def _chance(chance: float | None) -> list[tuple[str, Any]]:
    return [] if chance is None else [(f"chance {percent(chance)}", _level("--"))]


def _width(points: Sequence[Point]) -> float:
    return DOUBLE if len(points) > MANY else SINGLE


def bars(content: Bars, title: str, y_label: str) -> "Canvas":
    """Bars coloured and hatched by family; the paper's numbers as hollow marks."""
    points = content.points
    place = dict(zip((point.encoder for point in points), places(points), strict=True))
    own, levels = published_of(content.published, place)
    legend = [(family or title_of(family), _patch(look_of(family))) for family in families_in(points)]
    legend += _chance(content.chance)
    legend += [("paper", mark(Look(INK, marker=("D", "")), **HOLLOW))] if own else []
    legend += [(f"paper: {name} {percent(value)}", _level(":")) for name, value in levels]
    figure, axes = framed(Frame(_width(points), 1.6, below=label_height(points)), title, legend)
    at = name_encoders(axes, points)
    for family in families_in(points):
        _family_bars(axes, points, at, look_of(family))
    note_gaps(axes, points, at)
    if content.chance is not None:
        axes.axhline(content.chance, color=INK, linestyle="--", linewidth=0.8)
    for _, value in levels:
        axes.axhline(value, color=INK, linestyle=":", linewidth=0.8)
    _published(axes, own, place, INK, "D")
    axes.set_ylim(0, 1.02)
    name_axes(axes, "", y_label)
    in_percent(axes.yaxis)
    return figure


def _family_bars(axes: "Axes", points: Sequence[Point], at: Sequence[float], look: Look) -> None:
    members = [(p, x) for p, x in zip(points, at, strict=True) if look_of(p.family) is look and p.value is not None]
    where, values = [x for _, x in members], [number(point.value) for point, _ in members]
    if members:
        axes.add_patch(_rectangles(where, values, look))
    down, up = whiskers([point for point, _ in members])
    if any(down) or any(up):
        axes.errorbar(where, values, yerr=(down, up), fmt="none", ecolor=INK, elinewidth=0.6, capsize=1, capthick=0.5)


def _rectangles(where: Sequence[float], values: Sequence[float], look: Look) -> Any:
    """All bars, from 0, as one shape: drawing the hatch takes longest, and this draws it only once."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    half = 0.375
    corners = [
        corner
        for x, top in zip(where, values, strict=True)
        for corner in ((x - half, 0.0), (x - half, top), (x + half, top), (x + half, 0.0), (x - half, 0.0))
    ]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(where)
    face = "white" if look.hatch[0] else look.color
    return PathPatch(Path(corners, codes), facecolor=face, edgecolor=look.color, hatch=look.hatch[0], linewidth=0.5)


def _published(
    axes: "Axes", values: Sequence[tuple[str, float]], place: Mapping[str, float], color: str, marker: str
) -> None:
    if values:
        x, y = [place[encoder] for encoder, _ in values], [value for _, value in values]
        axes.plot(x, y, marker=marker, markersize=3.5, color=color, zorder=4, **HOLLOW)


def grouped_dots(content: GroupedDots, title: str, y_label: str) -> "Canvas":
    """A place an encoder, with a dot a series; a thin line joins the dots."""
    points = content.series[0].points
    place = dict(zip((point.encoder for point in points), places(points), strict=True))
    legend: list[tuple[str, Any]] = []
    for order, series in enumerate(content.series):
        look = series_look(order)
        legend.append((series.name, mark(look)))
        if published_of(series.published, place)[0]:
            legend.append((f"paper, {series.name}", mark(look, **HOLLOW)))
    legend += _chance(content.chance)
    figure, axes = framed(Frame(_width(points), 1.6, below=label_height(points)), title, legend)
    at = name_encoders(axes, points)
    _joined(axes, content.series, at)
    for order, series in enumerate(content.series):
        look = series_look(order)
        _dots(axes, series, at, look)
        _published(axes, published_of(series.published, place)[0], place, look.color, look.marker[0])
    if content.chance is not None:
        axes.axhline(content.chance, color=INK, linestyle="--", linewidth=0.8)
    without = [all(s.points[n].value is None for s in content.series) for n in range(len(points))]
    empty = [(p, x) for p, x, none in zip(points, at, without, strict=True) if none]
    note_gaps(axes, [p for p, _ in empty], [x for _, x in empty])
    axes.set_ylim(*span_of(content.series, content.chance))
    name_axes(axes, "", y_label)
    in_percent(axes.yaxis)
    return figure


def _joined(axes: "Axes", series: Sequence[Series], at: Sequence[float]) -> None:
    """A thin line from the lowest to the highest value at each place."""
    groups = (
        [p.value for p in group if p.value is not None] for group in zip(*(s.points for s in series), strict=True)
    )
    spans = [(x, min(values), max(values)) for x, values in zip(at, groups, strict=True) if values]
    axes.vlines([x for x, _, _ in spans], [low for _, low, _ in spans], [high for _, _, high in spans],
                color="#AAAAAA", linewidth=0.5, zorder=1)  # fmt: skip


def _dots(axes: "Axes", series: Series, at: Sequence[float], look: Look) -> None:
    values = [number(point.value) for point in series.points]
    axes.plot(at, values, marker=look.marker[0], color=look.color, linestyle="", markersize=3.2, markeredgewidth=0)
    down, up = whiskers(series.points)
    if any(down) or any(up):
        axes.errorbar(at, values, yerr=(down, up), fmt="none", ecolor=look.color, elinewidth=1.0)


def lines(content: Lines, title: str, y_label: str) -> "Canvas":
    """A line an encoder; up to FEW are named, more are coloured by family."""
    few = len(content.series) <= FEW
    firsts = [series.points[0] for series in content.series]
    looks = [series_look(order) if few else look_of(point.family) for order, point in enumerate(firsts)]
    if few:
        names = [(short(series.name), look) for series, look in zip(content.series, looks, strict=True)]
    else:
        names = [(family or title_of(family), look_of(family)) for family in families_in(firsts)]
    legend = [(name, mark(look, linestyle=look.dash[0])) for name, look in names]
    figure, axes = framed(Frame(SINGLE, 2.1), title, legend)
    for series, look in zip(content.series, looks, strict=True):
        measured = [(x, p.value) for x, p in zip(content.x, series.points, strict=True) if p.value is not None]
        axes.plot(
            [x for x, _ in measured], [value for _, value in measured], marker=look.marker[0], color=look.color,
            linestyle=look.dash[0], markersize=3.5 if few else 1.5, linewidth=1.2 if few else 0.5,
            alpha=1 if few else 0.7, markeredgewidth=0,
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    name_axes(axes, content.x_label, y_label)
    axes.grid()
    in_percent(axes.xaxis)
    in_percent(axes.yaxis)
    return figure
