"""Figures for the page: each as the JSON that plotly.js draws, without plotly's script and without a theme.

The page draws a plot with `layout.template = TEMPLATES["light"]` or `["dark"]`, and switches with
`Plotly.relayout(element, {template: ...})`: what has no colour of its own takes the template's. `layout.meta.narrow`
is what `Plotly.relayout` changes on a screen below NARROW pixels.

Texts in plotly are a small language (`<b>`, `<a href=…>`, entities): all that comes from records goes through `inert`.
"""

import json
from typing import Any

from flickrexif.eval.report.interactive_marks import bars, grouped_dots, lines
from flickrexif.eval.report.interactive_planes import cloud, distributions, pairwise
from flickrexif.eval.report.plotly_parts import NARROW, TEMPLATES, Plot
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
    """Compact JSON that may stand in a script element: no character of it ends the element or opens a comment."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
