"""Tables of images that have no row: a CSV file of `image_id` and `reason`."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import put_text
from flickrexif.core.text import safe_cell, text_of_cell

COLUMNS = ("image_id", "reason")


def write_failure_table(path: Path, failures: Iterable[tuple[str, str]]) -> None:
    """Write the table of (image id, reason)."""
    text = io.StringIO()
    rows = ((safe_cell(image_id), reason) for image_id, reason in failures)
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    put_text(path, text.getvalue())


def read_failure_table(path: Path, hint: str) -> list[tuple[str, str]]:
    """(image id, reason) of a table; empty without one. Raises FlickrExifError with `hint` for a file that is none."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
            return [(text_of_cell(row["image_id"]), row["reason"]) for row in rows]
    except FileNotFoundError:
        return []
    except (AttributeError, KeyError, csv.Error, UnicodeDecodeError):  # the first: of a row that ends early
        raise FlickrExifError(f"{path} is no table of failures.", hint) from None
