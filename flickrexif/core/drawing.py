"""The one way to draw a chart: a Vega-Lite specification, or an SVG, to the files for pages, papers and cards.

The same specification gives the same bytes, of a PDF where its letters are of one font. They are of Liberation Sans,
which the renderer brings along; characters that it lacks come from the fonts of the machine.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
FONT = "Liberation Sans, Arial, sans-serif"
SCALE = 2.0  # pixels of a PNG for each of the SVG
RESOURCES = re.compile(rb"(?:^ +/\w+ \d+ 0 R\n)+", re.MULTILINE)  # of a PDF: "/xo44 149 0 R", a line each
Spec = dict[str, Any]
"""A Vega-Lite specification, or a part of it."""


def svg(spec: Spec) -> str:
    """The chart as SVG; a specification that names a file or an address is an error."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]))


def png(drawing: str, scale: float = SCALE) -> bytes:
    """An SVG as PNG."""
    import vl_convert

    return bytes(vl_convert.svg_to_png(drawing, scale=scale))


def pdf(drawing: str) -> bytes:
    """An SVG as PDF of one page, with the glyphs that it shows."""
    import vl_convert

    # The renderer lists the page's resources in an order of chance; sorted, they take the same room.
    return RESOURCES.sub(lambda lines: b"".join(sorted(lines[0].splitlines(True))), vl_convert.svg_to_pdf(drawing))


FORMATS: Mapping[str, Callable[[str], bytes]] = {"png": png, "svg": str.encode, "pdf": pdf}
"""Ending of a file -> an SVG in that format."""


@cache
def script() -> str:
    """The script that draws specifications on a page as `vegaEmbed`: Vega, Vega-Lite and Vega-Embed, about 0.9 MB."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed"))
