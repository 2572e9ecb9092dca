"""Figures for the page, as JSON for plotly.js, without its script and without a theme.

The page draws a plot with `layout.template = TEMPLATES["light"]` or `["dark"]`, and switches with
`Plotly.relayout(element, {template: ...})`: whatever has no colour of its own gets the template's. On a screen below
NARROW pixels, the page applies `layout.meta.narrow` with `Plotly.relayout`.

Plotly reads markup in texts (`<b>`, `<a href=…>`, entities), so every text from a record goes through `inert`.
"""

import json
from typing import Any

from flickrexif.eval.report.render.interactive_marks import bars, grouped_dots, lines
from flickrexif.eval.report.render.interactive_planes import cloud, distributions, pairwise
from flickrexif.eval.report.render.plotly_parts import NARROW, TEMPLATES, Plot
from flickrexif.eval.report.spec import Bars, Cloud, Distributions, Figure, GroupedDots, Lines, Pairwise

__all__ = ["CONFIG", "NARROW", "TEMPLATES", "plot", "to_json"]

CONFIG: dict[str, Any] = {
    "responsive": True,
    "displaylogo": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}
"""The third argument of `Plotly.newPlot`."""


def plot(figure: Figure) -> Plot | None:
    """{"data": ..., "layout": ...} for plotly.js; None for strips, which are HTML."""
    content, label = figure.content, figure.y_label
    match content:
        case Bars():
            return bars(content, label)
        case GroupedDots():
            return grouped_dots(content, label)
        case Lines():
            return lines(content, label)
        case Distributions():
            return distributions(content, label)
        case Cloud():
            return cloud(content)
        case Pairwise():
            return pairwise(content)
    return None


def to_json(value: Any) -> str:
    """Compact JSON, safe in a script element: nothing in it ends the element or opens a comment."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
