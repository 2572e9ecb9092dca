"""Parquet files: reading those that may be damaged or a stranger's, and writing ours.

Images are read only when needed, and written a bounded batch at a time. Raises FlickrExifError, which names the file,
for one that is broken or lacks a column.
"""

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import put, remove
from flickrexif.core.remote import is_remote, store_reason
from flickrexif.core.text import reason_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

AGAIN = "Make or fetch it again."
BATCH_BYTES = 16_000_000  # of images in memory, and a row group
BATCH_ROWS = 64  # with images, read at a time
LINK_BYTES = 65_536  # of either end of a linked file

Row = dict[str, Any]
Rows: TypeAlias = Iterable[Row]


# --- reading


@contextmanager
def opened(path: Path, hint: str = AGAIN) -> "Iterator[pq.ParquetFile]":
    """The file at `path`; errors of Arrow while it is read become a FlickrExifError with `hint`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with ExitStack() as stack:
            place = stack.enter_context(path.open("rb")) if is_remote(path) else path
            yield stack.enter_context(pq.ParquetFile(place))
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:  # the last two: of damaged values
        raise FlickrExifError(f"{path} cannot be read ({_reason(error)}).", hint) from None


def read_columns(files: Iterable[Path], columns: Sequence[str], hint: str = AGAIN) -> "Iterator[pa.Table]":
    """Some columns of each file."""
    for path in files:
        with opened(path, hint) as file:
            _check(path, file, columns, hint)
            table = file.read(columns=list(columns)).select(list(columns))
            table.validate(full=True)
        yield table


def read_table(files: Sequence[Path], columns: Sequence[str], hint: str = AGAIN) -> "pa.Table":
    """Some columns of all files, one after the other; at least one file."""
    import pyarrow as pa

    tables = list(read_columns(files, columns, hint))
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as error:
        where = files[0].parent
        raise FlickrExifError(f"The files in {where} differ in their columns ({_reason(error)}).", hint) from None


def read_rows(files: Iterable[Path], key: str, keys: Collection[Any], columns: Sequence[str]) -> Iterator[Row]:
    """The rows whose column `key` holds one of `keys`, in the files' order; a column that a file lacks is None.

    Only row groups that hold such rows are read, one at a time: the images of the others stay on the disk.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = dict.fromkeys(columns)
    for path in files:
        with opened(path) as file:
            _check(path, file, (key,), AGAIN)
            present = [name for name in columns if name in file.schema_arrow.names]
            values = pa.array(sorted(keys), file.schema_arrow.field(key).type)
            for group in _groups(file, key, keys):
                is_wanted = pc.is_in(file.read_row_group(group, columns=[key])[key], value_set=values)
                if pc.any(is_wanted).as_py():
                    rows = file.read_row_group(group, columns=present).filter(is_wanted)
                    yield from (empty | row for row in rows.to_pylist())


def rows_without(path: Path, key: str, gone: Collection[Any]) -> Iterator[Row]:
    """The rows of a file whose `key` is none of `gone`; only a few are in memory at a time, as they may hold images."""
    with opened(path) as file:
        for batch in file.iter_batches(batch_size=BATCH_ROWS):
            yield from (row for row in batch.to_pylist() if row[key] not in gone)


def column_names(path: Path) -> list[str]:
    """The names of a file's columns."""
    with opened(path) as file:
        return list(file.schema_arrow.names)


def check_columns(path: Path, columns: Iterable[str], hint: str = AGAIN) -> None:
    """Raise FlickrExifError when the file lacks one of `columns`."""
    with opened(path, hint) as file:
        _check(path, file, columns, hint)


def features_of(path: Path) -> dict[str, Any]:
    """Column -> feature, as `datasets` stored them in a file."""
    with opened(path) as file:
        metadata = file.schema_arrow.metadata or {}
    try:
        features: dict[str, Any] = json.loads(metadata[b"huggingface"])["info"]["features"]
        return features
    except (ValueError, LookupError, TypeError):
        raise FlickrExifError(f"{path} cannot be read (it holds no features).", AGAIN) from None


def stored_bytes(cell: Any, sha256: str | None = None) -> bytes | None:
    """The bytes of a cell, which holds bytes or a struct of bytes and the path of a file; None where there are none.

    A link, which has a path alone, is followed where the file has the `link_digest` that is stored beside it as
    `sha256`: without one a stranger's file could name any photo of this machine.
    """
    if isinstance(cell, Mapping):
        if cell.get("bytes") is None and cell.get("path") and sha256:
            return _linked(Path(cell["path"]), sha256)
        cell = cell.get("bytes")
    return bytes(cell) if cell is not None else None


def _linked(path: Path, digest: str) -> bytes | None:
    try:
        return path.read_bytes() if is_linked(path, digest) else None
    except OSError:
        return None


def is_linked(path: Path, digest: str) -> bool:
    """Whether the file is there and has this `link_digest`."""
    try:
        return link_digest(path) == digest
    except OSError:
        return False


def link_digest(path: Path) -> str:
    """SHA-256 of a file's size in bytes, the time of its last change in ns, and its first and last LINK_BYTES.

    It tells a changed file without reading all of it. Only a change in the middle that keeps size and time goes
    unnoticed, as with make, git and rsync. Raises OSError.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}\n".encode())
        digest.update(file.read(LINK_BYTES))
        file.seek(max(LINK_BYTES, status.st_size - LINK_BYTES))
        digest.update(file.read(LINK_BYTES))
    return digest.hexdigest()


def image_bytes(row: Row) -> bytes:
    """The file of a row's column `image`, stored or linked; empty without one."""
    return stored_bytes(row["image"], row.get("sha256")) or b""


def _check(path: Path, file: "pq.ParquetFile", columns: Iterable[str], hint: str) -> None:
    if missing := [name for name in columns if name not in file.schema_arrow.names]:
        raise FlickrExifError(f"{path} has no column {missing[0]!r}.", hint)


def _groups(file: "pq.ParquetFile", key: str, keys: Collection[Any]) -> Iterator[int]:
    """The row groups that may hold one of `keys`, by their least and greatest value."""
    place = [file.schema.column(number).path for number in range(len(file.schema))].index(key)
    for group in range(file.num_row_groups):
        statistics = file.metadata.row_group(group).column(place).statistics
        bounded = statistics and statistics.has_min_max
        if not bounded or any(statistics.min <= value <= statistics.max for value in keys):
            yield group


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno:
        return store_reason(error) or os.strerror(error.errno)  # Arrow's own text is long
    return reason_of(error)


# --- writing


def features(columns: Iterable[Column]) -> dict[str, dict[str, str]]:
    """Column -> feature, as `datasets` stores them."""
    return {c.name: {"_type": "Image"} if c.type == "image" else {"dtype": c.type, "_type": "Value"} for c in columns}


def schema_of(columns: Sequence[Column]) -> "pa.Schema":
    """The Arrow schema of `columns`, with the features, so that `datasets` decodes `image` as an image."""
    metadata = json.dumps({"info": {"features": features(columns)}})
    return arrow_schema(columns).with_metadata({b"huggingface": metadata.encode()})


def write_rows(path: Path, table: "pa.Table", columns: Sequence[Column] = ()) -> None:
    """A file of rows without images: the whole table, or `columns` of it with their features."""
    import pyarrow.parquet as pq

    if columns:
        schema = schema_of(columns)
        table = table.select(schema.names).replace_schema_metadata(schema.metadata)
    pq.write_table(table, path, compression="zstd")


def image_writer(path: Path, schema: "pa.Schema") -> "pq.ParquetWriter":
    """A writer of rows that hold images: these are compressed already, and statistics of their bytes would copy
    whole images into the footer."""
    import pyarrow.parquet as pq

    small = [name for name in schema.names if name != "image"]
    return pq.ParquetWriter(path, schema, compression="none", use_dictionary=False, write_statistics=small)


def runs(rows: Rows, limit: int | None = None) -> Iterator[Iterator[Row]]:
    """Runs of rows whose images hold at most `limit` bytes together (None: BATCH_BYTES); at least one row each.

    As with `groupby`, a run can be read until the next one is requested.
    """
    most = limit or BATCH_BYTES

    def numbered() -> Iterator[tuple[int, Row]]:
        number = held = 0
        for row in rows:
            size = len(row["image"]["bytes"] or b"")  # a link has none
            if held and held + size > most:
                number, held = number + 1, 0
            held += size
            yield number, row

    for _, run in groupby(numbered(), itemgetter(0)):
        yield (row for _, row in run)


def write_images(path: Path, schema: "pa.Schema", rows: Rows) -> None:
    """A file of rows that hold images, a row group of at most BATCH_BYTES of them in memory at a time."""
    import pyarrow as pa

    with image_writer(path, schema) as writer:
        for group in runs(rows):
            writer.write_table(pa.Table.from_pylist(list(group), schema))


def remove_rows(path: Path, key: str, unwanted: Collection[Any], hint: str, *, write: bool) -> int:
    """Remove the rows whose `key` is one of `unwanted` from a file, and the file if no row is left.

    Returns how many there are; with `write=False` only counts. The other rows are written as by the functions above.
    """
    keys = read_table([path], [key], hint)[key].to_pylist()
    kept = [place for place, value in enumerate(keys) if value not in unwanted]
    if write and not kept:
        remove([path] if keys else [])
    elif write and len(kept) < len(keys):
        with opened(path, hint) as file:
            schema = file.schema_arrow
            table = None if "image" in schema.names else file.read().take(kept)
        if table is None:
            put(path, partial(write_images, schema=schema, rows=rows_without(path, key, unwanted)))
        else:
            put(path, partial(write_rows, table=table))
    return len(keys) - len(kept)
