"""Figures for print: a place an encoder along the axis (bars, dots), lines, distributions, clouds, and pairs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from flickrexif.eval.report import style
from flickrexif.eval.report.render import paper_parts as parts
from flickrexif.eval.report.render.paper_parts import DOUBLE, SINGLE, SMALL, Frame, framed, framed_row, number
from flickrexif.eval.report.render.paper_strips import strips
from flickrexif.eval.report.spec import Cloud, Distributions, Figure, Lines, Pairwise, Point, Rows, Series, Strips
from flickrexif.eval.report.style import Look, look_of, percent, series_look, short, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

INK = "black"
HOLLOW: Mapping[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.8, "linestyle": ""}
Legend = list[tuple[str, Any]]


def draw(figure: Figure) -> "Canvas":
    """The figure as a matplotlib figure; drawn and saved within `paper.settings`."""
    return PLOTS[type(figure.content)](figure.content, figure.title, figure.y_label)


def _mark(look: Look, **more: Any) -> Any:
    """The mark of a series or family in a legend."""
    from matplotlib.lines import Line2D

    settings: dict[str, Any] = {"marker": look.marker[0], "color": look.color, "linestyle": "", "markersize": 4}
    return Line2D([], [], **(settings | more))


def _level(style_of_line: str) -> Any:
    return _mark(Look(INK), marker="", linestyle=style_of_line, linewidth=0.8)


# --- a place an encoder


def _rows(content: Rows, title: str, y_label: str) -> "Canvas":
    """Bars coloured and hatched by family; or a dot a series, joined by a thin line. The paper's numbers are hollow."""
    points = content.series[0].points
    at = style.places(points)
    place = dict(zip(content.encoders, at, strict=True))
    own = [style.published_of(series.published, place)[0] for series in content.series]
    levels = [level for series in content.series for level in style.published_of(series.published, place)[1]]
    looks = [Look(INK, marker=("D", ""))] if content.as_bars else list(map(series_look, range(len(content.series))))
    legend: Legend = []
    if content.as_bars:
        legend += [(family or title_of(family), _patch(look_of(family))) for family in style.families_in(points)]
    else:
        for series, look, stated in zip(content.series, looks, own, strict=True):
            legend.append((series.name, _mark(look)))
            legend += [(f"paper, {series.name}", _mark(look, **HOLLOW))] if stated else []
    legend += [] if content.chance is None else [(f"chance {percent(content.chance)}", _level("--"))]
    legend += [("paper", _mark(looks[0], **HOLLOW))] if content.as_bars and own[0] else []
    legend += [(f"paper: {name} {percent(value)}", _level(":")) for name, value in levels]
    width = DOUBLE if len(points) > parts.MANY else SINGLE
    figure, axes = framed(Frame(width, 1.6, below=parts.label_height(points)), title, legend)
    parts.name_encoders(axes, points, at)
    if content.as_bars:
        for family in style.families_in(points):
            _family_bars(axes, points, at, look_of(family))
    else:
        _joined(axes, content.series, at)
    for series, look, stated in zip(content.series, looks, own, strict=True):
        if not content.as_bars:
            _dots(axes, series, at, look)
        if stated:
            x, y = [place[encoder] for encoder, _ in stated], [value for _, value in stated]
            axes.plot(x, y, marker=look.marker[0], markersize=3.5, color=look.color, zorder=4, **HOLLOW)
    if content.chance is not None:
        axes.axhline(content.chance, color=INK, linestyle="--", linewidth=0.8)
    for _, value in levels:
        axes.axhline(value, color=INK, linestyle=":", linewidth=0.8)
    parts.note_gaps(axes, content.gaps, [place[point.encoder] for point in content.gaps])
    axes.set_ylim(*style.span_of(content))
    parts.name_axes(axes, "", y_label)
    parts.in_percent(axes.yaxis)
    return figure


def _patch(look: Look) -> Any:
    from matplotlib.patches import Patch

    return Patch(facecolor="white" if look.hatch[0] else look.color, edgecolor=look.color, hatch=look.hatch[0])


def _family_bars(axes: "Axes", points: Sequence[Point], at: Sequence[float], look: Look) -> None:
    members = [(p, x) for p, x in zip(points, at, strict=True) if look_of(p.family) is look and p.value is not None]
    where, values = [x for _, x in members], [number(point.value) for point, _ in members]
    if members:
        axes.add_patch(_rectangles(where, values, look))
    down, up = parts.whiskers([point for point, _ in members])
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
    down, up = parts.whiskers(series.points)
    if any(down) or any(up):
        axes.errorbar(at, values, yerr=(down, up), fmt="none", ecolor=look.color, elinewidth=1.0)


# --- without places


def _lines(content: Lines, title: str, y_label: str) -> "Canvas":
    """A line an encoder; up to FEW are named, more are coloured by family."""
    few = len(content.series) <= style.FEW
    firsts = [series.points[0] for series in content.series]
    looks = [series_look(order) if few else look_of(point.family) for order, point in enumerate(firsts)]
    if few:
        names = [(short(series.name), look) for series, look in zip(content.series, looks, strict=True)]
    else:
        names = [(family or title_of(family), look_of(family)) for family in style.families_in(firsts)]
    legend = [(name, _mark(look, linestyle=look.dash[0])) for name, look in names]
    figure, axes = framed(Frame(SINGLE, 2.1), title, legend)
    for series, look in zip(content.series, looks, strict=True):
        measured = [(x, p.value) for x, p in zip(content.x, series.points, strict=True) if p.value is not None]
        axes.plot(
            [x for x, _ in measured], [value for _, value in measured], marker=look.marker[0], color=look.color,
            linestyle=look.dash[0], markersize=3.5 if few else 1.5, linewidth=1.2 if few else 0.5,
            alpha=1 if few else 0.7, markeredgewidth=0,
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    parts.name_axes(axes, content.x_label, y_label)
    axes.grid()
    parts.in_percent(axes.xaxis)
    parts.in_percent(axes.yaxis)
    return figure


def _distributions(content: Distributions, title: str, y_label: str) -> "Canvas":
    """A panel an encoder, side by side, with equal axes."""
    names = list(dict.fromkeys(name for panel in content.panels for name, _ in panel.shares))
    looks = {name: series_look(order) for order, name in enumerate(names)}
    legend = [(name, _mark(look, marker="", linestyle=look.dash[0])) for name, look in looks.items()]
    count = len(content.panels)
    frame = Frame(DOUBLE if count > 1 else SINGLE, 1.5)
    figure, row = framed_row(frame, title, legend, count, gap=0.12)
    centres = [(a + b) / 2 for a, b in zip(content.edges, content.edges[1:], strict=False)]
    top = max((share for panel in content.panels for _, shares in panel.shares for share in shares), default=1.0)
    for place, (axes, panel) in enumerate(zip(row, content.panels, strict=True)):
        for name, shares in panel.shares:
            axes.plot(centres, shares, color=looks[name].color, linestyle=looks[name].dash[0])
        axes.set_ylim(0, 1.15 * top)
        axes.text(
            0.02, 0.98, parts.shown(short(panel.encoder), 30), transform=axes.transAxes, va="top", fontsize=SMALL + 0.5
        )
        axes.grid()
        parts.name_axes(axes, content.x_label, "" if place else y_label)
        parts.in_percent(axes.yaxis)
        if place:
            axes.tick_params(axis="y", labelleft=False)
    return figure


def _cloud(content: Cloud, title: str, _: str) -> "Canvas":
    """Points coloured by label; in SVG and PDF too they are pixels."""
    labels = sorted(set(content.labels))
    looks = {label: series_look(order + 1) for order, label in enumerate(labels)}
    legend = [(label, _mark(look)) for label, look in looks.items()]
    figure, axes = framed(Frame(SINGLE, 2.9, below=0.1, left=0.1), title, legend)
    for label, look in looks.items():
        members = [at for at, point_label in enumerate(content.labels) if point_label == label]
        axes.scatter(
            [content.x[at] for at in members], [content.y[at] for at in members], s=3, marker=look.marker[0],
            color=look.color, alpha=0.7, linewidths=0, rasterized=True,
        )  # fmt: skip
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()
    return figure


def _pairwise(content: Pairwise, title: str, _: str) -> "Canvas":
    """Two numbers an encoder with the diagonal; beside them their upper corner, enlarged, where most of them are."""
    pairs, values = style.measured_pairs(content)
    whole, low = style.corners_of(values)
    families = style.families_in([x for x, _ in pairs])
    legend = [(family or title_of(family), _mark(look_of(family))) for family in families]
    corners = [whole] if low is None else [whole, low]
    width = SINGLE if low is None else DOUBLE
    figure, row = framed_row(Frame(width, 2.69 if low is None else 2.79), title, legend, len(corners), gap=0.66)
    for axes, start in zip(row, corners, strict=True):
        for family in families:
            _family_points(axes, pairs, look_of(family))
        axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=0.8, zorder=1)
        axes.set_xlim(start, 1 + 0.02 * (1 - start))
        axes.set_ylim(start, 1 + 0.02 * (1 - start))
        parts.name_axes(axes, content.x_label, content.y_label)
        axes.grid()
        parts.in_percent(axes.xaxis)
        parts.in_percent(axes.yaxis)
    if low is not None:
        row[0].plot([low, 1, 1, low, low], [low, low, 1, 1, low], color=INK, linestyle=":", linewidth=0.8)
    return figure


def _family_points(axes: "Axes", pairs: Sequence[tuple[Point, Point]], look: Look) -> None:
    members = [(x, y) for x, y in pairs if look_of(x.family) is look]
    across, up = ([pair[side] for pair in members] for side in (0, 1))
    x, y = ([number(point.value) for point in side] for side in (across, up))
    axes.errorbar(
        x, y, xerr=parts.whiskers(across), yerr=parts.whiskers(up), fmt="none", ecolor=look.color, elinewidth=0.4
    )
    axes.plot(x, y, marker=look.marker[0], color=look.color, linestyle="", markersize=4, alpha=0.85, markeredgewidth=0)


PLOTS: dict[type, Callable[[Any, str, str], "Canvas"]] = {
    Rows: _rows, Lines: _lines, Distributions: _distributions, Cloud: _cloud, Pairwise: _pairwise, Strips: strips
}  # fmt: skip
