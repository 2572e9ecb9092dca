"""Reading Parquet files that may be damaged or a stranger's: some columns, some rows, the features `datasets` stored.

Images are read only where they are asked for. Raises FlickrExifError, which names the file, for one that is not whole
or lacks a column.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.errors import FlickrExifError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

AGAIN = "Make or fetch it again."
BATCH_ROWS = 64  # rows with images in memory

Row = dict[str, Any]


@contextmanager
def opened(path: Path, hint: str = AGAIN) -> "Iterator[pq.ParquetFile]":
    """The file at `path`; what goes wrong while it is read is a FlickrExifError with `hint`."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:  # Arrow's own are among these
        reason = " ".join(str(error).split())[:120]
        raise FlickrExifError(f"{path} cannot be read as a file of a data set ({reason}).", hint) from None


def read_columns(files: Iterable[Path], columns: Sequence[str]) -> "Iterator[pa.Table]":
    """Some columns of each file."""
    for path in files:
        with opened(path) as file:
            yield file.read(columns=list(columns)).select(list(columns))


def read_table(files: Sequence[Path], columns: Sequence[str]) -> "pa.Table":
    """Some columns of all files, one after the other; at least one file."""
    import pyarrow as pa

    tables = list(read_columns(files, columns))
    try:
        return pa.concat_tables(tables)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        reason = " ".join(str(error).split())[:120]
        raise FlickrExifError(f"The files in {files[0].parent} differ in their columns ({reason}).", AGAIN) from None


def read_rows(files: Iterable[Path], key: str, wanted: Collection[Any], columns: Sequence[str]) -> Iterator[Row]:
    """The rows whose `key` is one of `wanted`, in the files' order; a column that a file lacks is None.

    Only row groups that hold such rows are read, one at a time: the images of the others stay on the disk.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = dict.fromkeys(columns)
    for path in files:
        with opened(path) as file:
            present = [name for name in columns if name in file.schema_arrow.names]
            values = pa.array(sorted(wanted), file.schema_arrow.field(key).type)
            for group in _groups(file, key, wanted):
                is_wanted = pc.is_in(file.read_row_group(group, columns=[key])[key], value_set=values)
                if pc.any(is_wanted).as_py():
                    rows = file.read_row_group(group, columns=present).filter(is_wanted)
                    yield from (empty | row for row in rows.to_pylist())


def rows_without(path: Path, key: str, gone: Collection[Any]) -> Iterator[Row]:
    """The rows of a file whose `key` is none of `gone`; few are in memory at a time, for they may hold images."""
    with opened(path) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            yield from (row for row in batch.to_pylist() if row[key] not in gone)


def column_names(path: Path) -> list[str]:
    """The names of a file's columns."""
    with opened(path) as file:
        return list(file.schema_arrow.names)


def features_of(path: Path) -> dict[str, Any]:
    """Column -> feature, as `datasets` stored them in a file."""
    with opened(path) as file:
        features: dict[str, Any] = json.loads(file.schema_arrow.metadata[b"huggingface"])["info"]["features"]
        return features


def image_bytes(row: Row) -> bytes:
    """The stored file of a row's column `image`; empty where there is none."""
    return (row["image"] or {}).get("bytes") or b""


def _groups(file: "pq.ParquetFile", key: str, wanted: Collection[Any]) -> Iterator[int]:
    """The row groups that may hold one of `wanted`, by their least and greatest value."""
    place = [file.schema.column(number).path for number in range(len(file.schema))].index(key)
    for group in range(file.num_row_groups):
        statistics = file.metadata.row_group(group).column(place).statistics
        bounded = statistics and statistics.has_min_max
        if not bounded or any(statistics.min <= value <= statistics.max for value in wanted):
            yield group


# --- writing


def features(columns: tuple[Column, ...]) -> dict[bytes, bytes]:
    """Parquet metadata that tells `datasets` the features, so that it decodes `image` as an image."""
    kinds = {c.name: {"_type": "Image"} if c.type == "image" else _value(c.type) for c in columns}
    return {b"huggingface": json.dumps({"info": {"features": kinds}}).encode()}


def write_rows(path: Path, table: "pa.Table") -> None:
    """A file of rows without images."""
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def image_writer(path: Path, columns: tuple[Column, ...]) -> "pq.ParquetWriter":
    """A writer of rows that hold images: images are compressed already, and statistics of their bytes would copy
    whole images into the footer."""
    import pyarrow.parquet as pq

    schema = arrow_schema(columns).with_metadata(features(columns))
    small = [column.name for column in columns if column.type != "image"]
    return pq.ParquetWriter(path, schema, compression="none", use_dictionary=False, write_statistics=small)


def _value(type_: str) -> dict[str, str]:
    return {"dtype": type_, "_type": "Value"}
