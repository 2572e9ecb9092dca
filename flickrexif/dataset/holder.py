"""Photos out of FlickrExif data sets and others of their layout: credits, images, rows.

Only files that hold them are written again, by the functions that made them; a month without rows loses its files.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import put, remove
from flickrexif.core.kinds import Holder
from flickrexif.core.parquet import image_writer, write_rows
from flickrexif.core.photo_ids import names_photo
from flickrexif.dataset.fingerprint import write_fingerprint
from flickrexif.dataset.images import BATCH_BYTES
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.schema import IMAGE_COLUMNS

if TYPE_CHECKING:
    import pyarrow.parquet as pq

ID = "Flickr ID"
BATCH_ROWS = 64  # rows with images in memory when a shard is read


def _roots(files: Sequence[Path]) -> list[Path]:
    return sorted({path.parent for path in files if path.name == "collection.json"})


def _tables(root: Path, config: str) -> list[Path]:
    return sorted((root / FOLDERS[config]).glob("*.parquet"))


# --- whose photos


def _photos_of(files: Sequence[Path], ids: Collection[str], owners: Collection[str]) -> Mapping[str, str]:
    photos: dict[str, str] = {}
    for root in _roots(files):
        for path in chain(_tables(root, "default"), _tables(root, "labels")):
            photos.update(_rows_of(path, ids, owners))
    return photos


def _rows_of(path: Path, ids: Collection[str], owners: Collection[str]) -> Iterator[tuple[str, str]]:
    """(id, owner) of the rows of these; a row of a labelled folder is also one of `ids` when its file is named so."""
    with _opened(path) as file:
        columns = [name for name in (ID, "owner", "path") if name in file.schema_arrow.names]
        table = file.read(columns=columns)
    paths = table["path"].to_pylist() if "path" in columns else [None] * len(table)
    for number, owner, below in zip(table[ID].to_pylist(), table["owner"].to_pylist(), paths, strict=True):
        named = [one for one in ids if below and names_photo(below, {one})] if below and names_photo(below, ids) else []
        if named or str(number) in ids or owner in owners:
            yield from ((photo_id, owner) for photo_id in (str(number), *named))


# --- out of the files


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    """Labels go last, so that a photographer's photos are found again when this is interrupted."""
    numbers = {int(one) for one in ids if one.isdecimal()}
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    for root in _roots(files):
        removed[root]["credits"] = _without_credits(root / "ATTRIBUTION.csv", ids, write=write)
        for path in _tables(root, "images"):
            removed[root]["images"] += _without_images(path, numbers, write=write)
        for config in ("default", "labels"):
            for path in _tables(root, config):
                removed[root]["data rows" if config == "default" else "label rows"] += _without_rows(
                    path, numbers, write=write
                )
        if write:
            write_fingerprint(root)
    return removed


HOLDER = Holder(forget=_forget, photos_of=_photos_of)


def _without_credits(path: Path, ids: Collection[str], *, write: bool) -> int:
    """A table that the card makes again from the labels."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            count = sum(row.get(ID) in ids for row in csv.DictReader(file))
    except FileNotFoundError:
        return 0
    if count and write:
        list(remove([path]))
    return count


@contextmanager
def _opened(path: Path) -> "Iterator[pq.ParquetFile]":
    """The file, and Arrow's refusals of it as a sentence."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, KeyError) as error:
        message = f"{path} cannot be read ({str(error).splitlines()[0][:120]})."
        raise FlickrExifError(message, "Delete it, then run the same command again.") from None


def _count(file: "pq.ParquetFile", ids: Collection[int]) -> int:
    return sum(photo_id in ids for photo_id in file.read(columns=[ID])[ID].to_pylist())


def _without_rows(path: Path, ids: Collection[int], *, write: bool) -> int:
    with _opened(path) as file:
        count = _count(file, ids)
        table = file.read() if count and write else None
    if table is not None:
        kept = [row for row, photo_id in enumerate(table[ID].to_pylist()) if photo_id not in ids]
        if kept:
            put(path, partial(write_rows, table=table.take(kept)))
        else:
            list(remove([path]))
    return count


def _without_images(path: Path, ids: Collection[int], *, write: bool) -> int:
    with _opened(path) as file:
        count, rows = _count(file, ids), file.metadata.num_rows
        if write and 0 < count < rows:
            put(path, partial(_write_images, file, ids))
    if write and 0 < count == rows:
        list(remove([path]))
    return count


def _write_images(file: "pq.ParquetFile", ids: Collection[int], path: Path) -> None:
    """The rows of `file` without `ids`, in row groups as the build cuts them."""
    import pyarrow as pa

    with image_writer(path, IMAGE_COLUMNS) as writer:
        for batch in _batches(_image_rows(file, ids)):
            writer.write_table(pa.Table.from_pylist(batch, writer.schema))


def _image_rows(file: "pq.ParquetFile", ids: Collection[int]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        yield from (row for row in batch.to_pylist() if row[ID] not in ids)


def _batches(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Runs of rows whose images hold at most BATCH_BYTES together; at least one row each."""
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        length = len(row["image"]["bytes"])
        if batch and size + length > BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch
