"""A figure as one Vega-Lite specification, from which its files and its chart on the page are both drawn.

A specification is a row of views over one table of data. Each view has a width in pixels; on a narrow screen the page
puts the views below each other, each `usermeta.narrow` pixels wide.
"""

from collections.abc import Callable
from typing import Any

from flickrexif.core.drawing import SCHEMA, Spec
from flickrexif.eval.report.render import parts
from flickrexif.eval.report.render.parts import Plot
from flickrexif.eval.report.render.planes import cloud_plot, distributions_plot, lines_plot, pairwise_plot
from flickrexif.eval.report.render.rows import multiples_plot, overview_plot, rows_plot
from flickrexif.eval.report.spec import Cloud, Distributions, Figure, Lines, Multiples, Overview, Pairwise, Rows

PLOTS: dict[type, Callable[[Any, str], Plot]] = {
    Rows: rows_plot, Multiples: multiples_plot, Overview: overview_plot, Lines: lines_plot,
    Distributions: distributions_plot, Cloud: cloud_plot, Pairwise: pairwise_plot,
}  # fmt: skip


def specification(figure: Figure) -> Spec | None:
    """The figure for Vega-Lite, without its title; None for strips of photos, which are no chart."""
    draw = PLOTS.get(type(figure.content))
    if not draw:
        return None
    plot = draw(figure.content, figure.y_label)
    transform = [parts.SHOWN, parts.PLACE] if plot.points else []
    return {
        "$schema": SCHEMA,
        "background": "transparent",
        "config": parts.CONFIG,
        "params": parts.params(plot.points) if plot.points else [],
        "data": {"values": list(plot.rows)},
        "transform": transform + ([{"calculate": plot.says, "as": "says"}] if plot.says else []),
        "concat": list(plot.views),
        "columns": min(plot.columns, max(1, len(plot.views))),
        "spacing": {"row": 18, "column": 14},
        "resolve": {"scale": dict.fromkeys(plot.shared, "shared")},
        "usermeta": {"narrow": plot.narrow, "note": plot.note},
    }
