"""For print: queries with pictures of their nearest neighbours, marked by whether they have the query's label."""

from typing import TYPE_CHECKING, Any

from flickrexif.core.pictures import BadPicture, small_picture
from flickrexif.eval.report.render.paper_parts import DOUBLE, GREY, SMALL, Frame, framed, shown
from flickrexif.eval.report.spec import Shot, Strips
from flickrexif.eval.report.style import GREEN, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

PIXELS = 160  # a side of a thumbnail
SIDE, BADGE = 0.9, 0.2  # of a picture and of the line below it, in cells
MARKS = {True: ("✓", GREEN, "-"), False: ("✗", VERMILLION, "--"), None: ("query", "black", "-")}


def strips(content: Strips, title: str, _: str) -> "Canvas":
    """A row a query: the query, then its neighbours."""
    cells = max((len(row) for row in content.rows), default=1)
    cell = (DOUBLE - 0.1) / max(cells, 6)
    rows = max(1, len(content.rows))
    height = rows * cell * (1 + BADGE)
    figure, axes = framed(Frame(DOUBLE, height, below=0.05, left=0.05, right=0.05), title, [])
    axes.set_xlim(0, max(cells, 6))
    axes.set_ylim(rows * (1 + BADGE), 0)
    axes.set_axis_off()
    for at, row in enumerate(content.rows):
        for place, shot in enumerate(row):
            _draw(axes, shot, place, at * (1 + BADGE))
    return figure


def _draw(axes: "Axes", shot: Shot, x: float, y: float) -> None:
    """One picture in its frame, with its badge below and its mark in the corner."""
    from matplotlib.patches import Rectangle

    mark, color, line = MARKS[shot.same]
    middle = x + 0.5
    pixels = _pixels(shot.jpeg)
    if pixels is None:
        axes.text(middle, y + 0.5, shown(shot.image_id, 14), fontsize=SMALL - 1.5, color=GREY, ha="center", va="center")
    else:
        high, wide = (side * SIDE / max(pixels.shape[:2]) for side in pixels.shape[:2])
        box = (middle - wide / 2, middle + wide / 2, y + 0.5 + high / 2, y + 0.5 - high / 2)
        axes.imshow(pixels, extent=box, aspect="auto", interpolation="antialiased")
    corner = (x + 0.5 - SIDE / 2, y + 0.5 - SIDE / 2)
    axes.add_patch(Rectangle(corner, SIDE, SIDE, fill=False, edgecolor=color, linestyle=line, linewidth=1.4, zorder=3))
    axes.text(
        corner[0] + 0.05, corner[1] + 0.05, mark, fontsize=SMALL - 0.5, color=color, ha="left", va="top", zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
    )  # fmt: skip
    badge = shown(shot.badge, 15)
    axes.text(middle, y + 1 + BADGE / 4, badge, fontsize=SMALL - 1.5, ha="center", va="center")


def _pixels(jpeg: bytes) -> Any:
    """A thumbnail as an array; None where there is no readable picture."""
    import numpy as np

    image = small_picture(jpeg, PIXELS)
    return None if isinstance(image, BadPicture) else np.asarray(image)
