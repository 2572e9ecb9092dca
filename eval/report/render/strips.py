"""For print: queries with pictures of their nearest neighbours, marked by whether they have the query's label."""

from base64 import b64encode
from collections.abc import Iterator
from html import escape

from flickrexif.core.drawing import FONT
from flickrexif.eval.report.spec import Shot, Strips
from flickrexif.eval.report.style import GREEN, VERMILLION, plain

CELL, SIDE, BELOW, TOP = 84, 76, 16, 26  # pixels: of a cell, of the frame in it, of the line below, of the title
FEWEST = 6  # cells of the shortest row
FRAMES = {True: (GREEN, ""), False: (VERMILLION, "4 3"), None: ("black", "")}  # colour and dashes
MARKS = {True: "m1 4 3 3 5-7", False: "m1 0 7 7m0-7-7 7"}  # a tick and a cross, drawn: the font has neither


def strips_svg(content: Strips, title: str) -> str:
    """An SVG with a row a query: the query, then its neighbours, as the JPEG files that they are."""
    width = CELL * max(FEWEST, *(len(row) for row in content.rows), 0)
    height = TOP + (CELL + BELOW) * len(content.rows)
    shots = [
        part
        for row, shots in enumerate(content.rows)
        for column, shot in enumerate(shots)
        for part in _shot(shot, column * CELL + (CELL - SIDE) / 2, TOP + row * (CELL + BELOW))
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
            f'font-family="{FONT}" font-size="9">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            f'<text x="4" y="14" font-size="12">{escape(title)}</text>',
            *shots,
            "</svg>\n",
        ]
    )


def _shot(shot: Shot, x: float, y: float) -> Iterator[str]:
    """One picture in its frame, with its badge below and its mark in the corner."""
    color, dash = FRAMES[shot.same]
    middle = x + SIDE / 2
    box = f'x="{x}" y="{y}" width="{SIDE}" height="{SIDE}"'
    if shot.jpeg:
        data = b64encode(shot.jpeg).decode()
        yield f'<image {box} preserveAspectRatio="xMidYMid meet" href="data:image/jpeg;base64,{data}"/>'
    else:
        name = escape(plain(shot.image_id, 14))
        yield f'<text x="{middle}" y="{y + SIDE / 2}" text-anchor="middle" fill="#555">{name}</text>'
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    yield f'<rect {box} fill="none" stroke="{color}" stroke-width="2"{dashes}/>'
    yield f'<rect x="{x + 3}" y="{y + 3}" width="{12 if shot.same is not None else 27}" height="12" fill="white"/>'
    if shot.same is None:
        yield f'<text x="{x + 5}" y="{y + 12}">query</text>'
    else:
        yield f'<path d="M{x + 5} {y + 5}{MARKS[shot.same]}" fill="none" stroke="{color}" stroke-width="1.6"/>'
    badge = escape(plain(shot.badge, 15))
    yield f'<text x="{middle}" y="{y + SIDE + 12}" text-anchor="middle">{badge}</text>'
