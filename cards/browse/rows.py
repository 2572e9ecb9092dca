"""Rows of a data set's Parquet files: columns of them all, or some rows by their id without reading the others."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.errors import FlickrExifError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

Row = dict[str, Any]


def read_columns(files: Sequence[Path], columns: Sequence[str]) -> "Iterator[pa.Table]":
    """Some columns of each file. Raises FlickrExifError for a file that is not whole or lacks one of them."""
    for path in files:
        with _opened(path) as file:
            yield file.read(columns=list(columns)).select(list(columns))


def read_rows(files: Sequence[Path], key: str, wanted: Collection[Any], columns: Sequence[str]) -> Iterator[Row]:
    """The rows whose `key` is one of `wanted`, in the files' order; a column that a file lacks is None.

    Only row groups that hold such rows are read, one at a time: the images of the others stay on the disk. Raises
    FlickrExifError.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = dict.fromkeys(columns)
    for path in files:
        with _opened(path) as file:
            here = [name for name in columns if name in file.schema_arrow.names]
            values = pa.array(sorted(wanted), file.schema_arrow.field(key).type)
            for group in _groups(file, key, wanted):
                found = pc.is_in(file.read_row_group(group, columns=[key])[key], value_set=values)
                if pc.any(found).as_py():
                    rows = file.read_row_group(group, columns=here).filter(found)
                    yield from (empty | row for row in rows.to_pylist())


def class_names(file: Path, column: str) -> list[str]:
    """The names of a ClassLabel column as `datasets` stores them; none where the file does not tell."""
    with _opened(file) as opened:
        told = (opened.schema_arrow.metadata or {}).get(b"huggingface", b"{}")
        kind = json.loads(told).get("info", {}).get("features", {}).get(column, {})
        return list(map(str, kind.get("names") or ()))


def image_bytes(row: Row) -> bytes:
    """The stored file of a row's column `image`; empty where there is none."""
    return (row["image"] or {}).get("bytes") or b""


@contextmanager
def _opened(path: Path) -> "Iterator[pq.ParquetFile]":
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # Arrow's own are among these
        reason = " ".join(str(error).split())[:120]
        raise FlickrExifError(f"{path} cannot be read as a file of a data set ({reason}).", "Build it again.") from None


def _groups(file: "pq.ParquetFile", key: str, wanted: Collection[Any]) -> Iterator[int]:
    """The row groups that may hold one of `wanted`, by their least and greatest value."""
    place = [file.schema.column(number).path for number in range(len(file.schema))].index(key)
    for group in range(file.num_row_groups):
        told = file.metadata.row_group(group).column(place).statistics
        if not told or not told.has_min_max or any(told.min <= value <= told.max for value in wanted):
            yield group
