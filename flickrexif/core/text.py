"""The one way to clean strangers' texts: names, titles, messages of other programs.

Texts are cleaned when they enter a table, a message or a page, and escaped when they are shown.
"""

import unicodedata
from urllib.parse import urlsplit

URL_LENGTH = 500
LONGEST = 10_000  # characters of a text that are looked at
FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - what makes a spreadsheet take a cell for a formula (OWASP)
JOINERS = "\u200c\u200d"  # invisible, but Persian words and emoji are spelt with them


def plain(text: object, length: int) -> str:
    """`text` on one line without control, bidirectional and other invisible characters; "" for None.

    A text longer than `length` characters is cut and ends in "…".
    """
    line = " ".join(visible("" if text is None else str(text)[: LONGEST + length]).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def visible(text: str) -> str:
    """`text` without invisible characters, its lines as they are."""
    return text if text.isprintable() else "".join(map(_visible, text))


def link(url: str | None) -> str:
    """`url` where it leads to a web page, else "": other schemes run code or open programs."""
    if not url or plain(url, URL_LENGTH) != url:
        return ""
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""


def safe_cell(value: str) -> str:
    """A cell of a CSV file: `value`, with an apostrophe before it where a spreadsheet would run it."""
    return f"'{value}" if value.lstrip("'").startswith(FORMULA) else value


def text_of_cell(cell: str) -> str:
    """The text that `safe_cell` made a cell of."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA) else cell


def reason_of(error: BaseException, length: int = 120) -> str:
    """The message of another program's error on one line, or the error's name if it has none."""
    return plain(error, length) or type(error).__name__


def as_utf8(name: str) -> str:
    """A file's name as text that can be stored: bytes that are not UTF-8 become escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _visible(char: str) -> str:
    if char.isprintable() or char in JOINERS or char == "\n":
        return char
    # Separators and control characters (tab) part words; format characters (bidi) and surrogates go.
    return " " if unicodedata.category(char) in {"Cc", "Zl", "Zp", "Zs"} else ""
