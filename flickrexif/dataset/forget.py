"""Photos out of the folder of a FlickrExif data set: rows, images and split entries.

Only files that hold them are written again, by the functions that made them; a month without rows loses its files.
"""

import csv
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import put, put_bytes, remove, remove_unfinished
from flickrexif.core.parquet import BATCH_BYTES, image_writer, schema_of, write_rows
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.schema import IMAGE_COLUMNS
from flickrexif.dataset.split_files import SPLITS, STEM, Split, read_split, write_split

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BATCH_ROWS = 64  # rows with images in memory when a shard is read


def is_data_set(folder: Path) -> bool:
    """Whether `folder` holds a FlickrExif data set, or one of the same layout."""
    return (folder / "collection.json").is_file()


def photos_of(root: Path, ids: Collection[int], owners: Collection[str]) -> dict[int, str]:
    """The rows of these ids and of these photographers: id -> owner."""
    found: dict[int, str] = {}
    for path in chain(_tables(root, "default"), _tables(root, "labels")):
        with _opened(path) as file:
            table = file.read(columns=["Flickr ID", "owner"])
        pairs = zip(table["Flickr ID"].to_pylist(), table["owner"].to_pylist(), strict=True)
        found.update((photo_id, owner) for photo_id, owner in pairs if photo_id in ids or owner in owners)
    return found


def forget_photos(root: Path, ids: Collection[int], *, write: bool = True) -> Counter[str]:
    """Take the photos `ids` out of `root`; returns how many of each kind there were.

    Labels go last, so that a photographer's photos are found again when this is interrupted. With `write=False`
    nothing is changed. Raises FlickrExifError for a file that cannot be read or written.
    """
    if write:
        remove_unfinished((root, root / "splits", *(root / name for name in FOLDERS.values())))
    removed: Counter[str] = Counter()
    steps: tuple[tuple[str, list[Path], Callable[..., int]], ...] = (
        ("credits", [*root.glob("ATTRIBUTION.csv")], _without_credits),
        ("image files", _image_files(root, ids), _without_file),
        ("images", _tables(root, "images"), _without_images),
        ("split entries", _split_files(root), _without_entries),
        ("data rows", _tables(root, "default"), _without_rows),
        ("label rows", _tables(root, "labels"), _without_rows),
    )
    for kind, paths, step in steps:
        for path in paths:
            removed[kind] += step(path, ids, write=write)
    return +removed


def _tables(root: Path, config: str) -> list[Path]:
    return sorted((root / FOLDERS[config]).glob("*.parquet"))


def _split_files(root: Path) -> list[Path]:
    """One file of each split."""
    files = (path for kind in ("parquet", "json") for path in (root / "splits").glob(f"{STEM}*.{kind}"))
    return sorted({path.stem: path for path in files}.values())


def _image_files(root: Path, ids: Collection[int]) -> list[Path]:
    """Files named by a photo's id: what the crawl fetched, or images of one's own beside the labels."""
    names = set(map(str, ids))
    files = chain((root / ".crawl/images").glob("*/*"), (root / FOLDERS["images"]).rglob("*"))
    return sorted(path for path in files if path.stem in names)


def _without_file(path: Path, _ids: Collection[int], *, write: bool) -> int:
    if write:
        remove([path])
    return 1


def _without_credits(path: Path, ids: Collection[int], *, write: bool) -> int:
    """A table that the card makes again from the labels."""
    names = set(map(str, ids))
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        count = sum(row.get("Flickr ID") in names for row in csv.DictReader(file))
    if count and write:
        remove([path])
    return count


# --- Parquet


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
    return sum(photo_id in ids for photo_id in file.read(columns=["Flickr ID"])["Flickr ID"].to_pylist())


def _without_rows(path: Path, ids: Collection[int], *, write: bool) -> int:
    with _opened(path) as file:
        count = _count(file, ids)
        table = file.read() if count and write else None
    if table is not None:
        kept = [row for row, photo_id in enumerate(table["Flickr ID"].to_pylist()) if photo_id not in ids]
        if kept:
            put(path, partial(write_rows, table=table.take(kept)))
        else:
            remove([path])
    return count


def _without_images(path: Path, ids: Collection[int], *, write: bool) -> int:
    with _opened(path) as file:
        count, rows = _count(file, ids), file.metadata.num_rows
        if write and 0 < count < rows:
            put(path, partial(_write_images, file, ids))
    if write and count == rows:
        remove([path])
    return count


def _write_images(file: "pq.ParquetFile", ids: Collection[int], path: Path) -> None:
    """The rows of `file` without `ids`, in row groups as the build cuts them."""
    import pyarrow as pa

    with image_writer(path, schema_of(IMAGE_COLUMNS)) as writer:
        for batch in _batches(_image_rows(file, ids)):
            writer.write_table(pa.Table.from_pylist(batch, writer.schema))


def _image_rows(file: "pq.ParquetFile", ids: Collection[int]) -> Iterator[dict[str, Any]]:
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        yield from (row for row in batch.to_pylist() if row["Flickr ID"] not in ids)


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


# --- split files


def _without_entries(path: Path, ids: Collection[int], *, write: bool) -> int:
    """Of a split that is there as JSON, as Parquet or both; `path` is either."""
    files = [one for one in (path.with_suffix(".json"), path.with_suffix(".parquet")) if one.exists()]
    splits = [read_split(one) for one in files]
    counts = [_entries(split, ids) for split in splits]
    for file, split, count in zip(files, splits, counts, strict=True):
        if count and write:
            with TemporaryDirectory() as folder:
                made = write_split(_smaller(split, ids), Path(folder))
                put_bytes(file, next(one for one in made if one.suffix == file.suffix).read_bytes())
    return max(counts)


def _entries(split: Split, ids: Collection[int]) -> int:
    return sum(one in ids for name in SPLITS for one in split.ids[name].tolist())


def _smaller(split: Split, ids: Collection[int]) -> Split:
    kept = {name: np.array([one not in ids for one in split.ids[name].tolist()], dtype=bool) for name in SPLITS}
    return replace(
        split,
        ids={name: split.ids[name][kept[name]] for name in SPLITS},
        labels={name: split.labels[name][kept[name]] for name in SPLITS},
    )
