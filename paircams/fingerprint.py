"""A hash by which the pairs of two builds are compared."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flickrexif.core.parquet import Row, column_names, read_columns
from flickrexif.paircams.columns import COLUMNS

SMALL = tuple(column.name for column in COLUMNS if column.type != "image")


class RowsHash:
    """A hash of rows but their images, whose own hashes are among the columns."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def update(self, rows: Iterable[Row]) -> None:
        for row in rows:
            values: list[Any] = [row[name] for name in SMALL if name in row]
            self._digest.update(repr(values).encode("utf-8", "backslashreplace"))

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def rows_sha256(files: Sequence[Path]) -> str:
    """The hash of all rows of a data set's files. Raises FlickrExifError for one that is not whole."""
    rows_hash = RowsHash()
    for path in files:
        present = column_names(path)
        for table in read_columns([path], [name for name in SMALL if name in present]):
            rows_hash.update(table.to_pylist())
    return rows_hash.hexdigest()
