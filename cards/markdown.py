"""Strangers' text in Markdown: titles, camera models and class names, escaped.

Characters with a meaning in Markdown, HTML or the formulas of the Hub's pages become character references.
"""

import re
from collections.abc import Sequence

from flickrexif.core.facts import Cell
from flickrexif.core.text import plain

TEXT_LENGTH = 1_000
CELL_LENGTH = 120

ACTIVE = re.compile(
    r"[\\`*\[\]<>&|~$@#]"  # code, emphasis, links, HTML, cells, strike-through, formulas, mail addresses, headings
    r"|(?<![^\W_])_|_(?![^\W_])"  # emphasis, but not within a word
    r"|:(?=//|[a-z+-][\w+-]*:)"  # http://, :emoji:
    r"|(?<=www)\."  # linked without a scheme
    r"|^[-+=]",  # at the start of a line: a list, an underlined heading
    re.IGNORECASE,
)
LISTED = re.compile(r"^(\d+)([.)])(?!\S)")  # 1. at the start of a line: a numbered list
NAME = re.compile(r"[A-Za-z0-9](?:[\w .,/-]*\w)?", re.ASCII)


def text(value: str, length: int = TEXT_LENGTH) -> str:
    """`value` as inline Markdown that shows exactly `plain(value, length)`: one line, no markup, no link."""
    shown = plain(value, length)
    return LISTED.sub(lambda hit: hit[1] + _reference(hit[2]), ACTIVE.sub(lambda hit: _reference(hit[0]), shown))


def cell(value: Cell) -> str:
    """A cell of a table: numbers with thousands separators, "" for None, text as `text` gives it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return text(value, CELL_LENGTH)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.1f}" if abs(value) >= 1 or not value else f"{value:.2g}"


def code(name: str) -> str:
    """A name in code type, where it is a plain one; else as `text`."""
    return f"`{name}`" if len(name) <= CELL_LENGTH and NAME.fullmatch(name) else text(name, CELL_LENGTH)


def alignments(rows: Sequence[tuple[Cell, ...]], columns: int) -> list[str]:
    """The marks of a table's second line: columns of numbers are aligned right."""
    return ["---:" if _numbers([row[place] for row in rows]) else "---" for place in range(columns)]


def _numbers(cells: Sequence[Cell]) -> bool:
    filled = [value for value in cells if value is not None]
    return bool(filled) and not any(isinstance(value, str) for value in filled)


def _reference(char: str) -> str:
    return f"&#{ord(char)};"
