"""Print: distributions, clouds of points, and two numbers against each other with a zoom."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flickrexif.eval.report.render.paper_marks import INK, mark
from flickrexif.eval.report.render.paper_parts import (
    DOUBLE,
    SINGLE,
    SMALL,
    Frame,
    framed,
    framed_grid,
    in_percent,
    name_axes,
    number,
    shown,
    whiskers,
)
from flickrexif.eval.report.spec import Cloud, Distributions, Pairwise, Point
from flickrexif.eval.report.style import (
    Look,
    corners_of,
    families_in,
    look_of,
    measured_pairs,
    series_look,
    short,
    title_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas


def distributions(content: Distributions, title: str, y_label: str) -> "Canvas":
    """A panel an encoder, side by side, with equal axes."""
    names = list(dict.fromkeys(name for panel in content.panels for name, _ in panel.shares))
    looks = {name: series_look(order) for order, name in enumerate(names)}
    legend = [(name, mark(look, marker="", linestyle=look.dash[0])) for name, look in looks.items()]
    count = len(content.panels)
    frame = Frame(DOUBLE if count > 1 else SINGLE, 1.5)
    figure, (row,) = framed_grid(frame, title, legend, count, gap=0.12)
    centres = [(a + b) / 2 for a, b in zip(content.edges, content.edges[1:], strict=False)]
    top = max((share for panel in content.panels for _, shares in panel.shares for share in shares), default=1.0)
    for place, (axes, panel) in enumerate(zip(row, content.panels, strict=True)):
        for name, shares in panel.shares:
            axes.plot(centres, shares, color=looks[name].color, linestyle=looks[name].dash[0])
        axes.set_ylim(0, 1.15 * top)
        axes.text(0.02, 0.98, shown(short(panel.encoder), 30), transform=axes.transAxes, va="top", fontsize=SMALL + 0.5)
        axes.grid()
        name_axes(axes, content.x_label, "" if place else y_label)
        in_percent(axes.yaxis)
        if place:
            axes.tick_params(axis="y", labelleft=False)
    return figure


def cloud(content: Cloud, title: str) -> "Canvas":
    """Points coloured by label; in SVG and PDF too they are pixels."""
    labels = sorted(set(content.labels))
    looks = {label: series_look(order + 1) for order, label in enumerate(labels)}
    legend = [(label, mark(look)) for label, look in looks.items()]
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


def pairwise(content: Pairwise, title: str) -> "Canvas":
    """Two numbers an encoder with the diagonal; beside them their upper corner, enlarged, where most of them are."""
    pairs, values = measured_pairs(content)
    whole, low = corners_of(values)
    families = families_in([x for x, _ in pairs])
    legend = [(family or title_of(family), mark(look_of(family))) for family in families]
    corners = [whole] if low is None else [whole, low]
    width = SINGLE if low is None else DOUBLE
    figure, (row,) = framed_grid(Frame(width, 2.69 if low is None else 2.79), title, legend, len(corners), gap=0.66)
    for axes, start in zip(row, corners, strict=True):
        for family in families:
            _family_points(axes, pairs, look_of(family))
        axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=0.8, zorder=1)
        axes.set_xlim(start, 1 + 0.02 * (1 - start))
        axes.set_ylim(start, 1 + 0.02 * (1 - start))
        name_axes(axes, content.x_label, content.y_label)
        axes.grid()
        in_percent(axes.xaxis)
        in_percent(axes.yaxis)
    if low is not None:
        row[0].plot([low, 1, 1, low, low], [low, low, 1, 1, low], color=INK, linestyle=":", linewidth=0.8)
    return figure


def _family_points(axes: "Axes", pairs: Sequence[tuple[Point, Point]], look: Look) -> None:
    members = [(x, y) for x, y in pairs if look_of(x.family) is look]
    across, up = ([pair[side] for pair in members] for side in (0, 1))
    x, y = ([number(point.value) for point in side] for side in (across, up))
    axes.errorbar(x, y, xerr=whiskers(across), yerr=whiskers(up), fmt="none", ecolor=look.color, elinewidth=0.4)
    axes.plot(x, y, marker=look.marker[0], color=look.color, linestyle="", markersize=4, alpha=0.85, markeredgewidth=0)
