"""The data sets that `flickrexif merge` reads; files that `flickrexif.dataset.build` would not write are refused."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.parquet import opened, read_table
from flickrexif.dataset.build import Collection, read_collection
from flickrexif.dataset.images import BUILD_AGAIN, StoredImage
from flickrexif.dataset.parquet import parquet_files
from flickrexif.dataset.published import TABLE
from flickrexif.dataset.schema import FULL_COLUMNS, IMAGE_COLUMNS

SIZES = {"o": 0, "l": 1, "c": 2, "z": 3, "m": 4}  # Flickr's suffixes, the largest first
ABOUT_IMAGES = [column.name for column in IMAGE_COLUMNS if column.type != "image"]

GroupBytes = Callable[[Path, int], pa.ChunkedArray]  # a shard and its row group -> the images in it


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """One data set to merge: its folder, where its photos came from, and its files of each month."""

    root: Path
    collection: Collection
    labels: Mapping[str, Sequence[Path]]
    images: Mapping[str, Sequence[Path]]

    @property
    def age(self) -> tuple[str, ...]:
        """Last and first day of the collection: the greater, the later."""
        return (self.collection.dates or ("", ""))[::-1]


def root_of(path: Path) -> Path:
    """The data set's folder in a data folder, or that folder itself."""
    return path / "flickrexif" if (path / "flickrexif").is_dir() else path


def open_data_set(path: Path) -> DataSet:
    """The data set in a data folder, or in its `flickrexif` folder.

    Looks at the columns of every file. Raises UsageError when there is none, FlickrExifError for a file that is
    broken or of another layout.
    """
    root = root_of(path)
    collection = read_collection(root)
    if collection is None:
        raise UsageError(f"There is no data set in {path}.", "Name a folder that was given as --data-dir.")
    if TABLE in collection.settings:
        raise UsageError(f"{root} holds photos of a table, which crawls are not merged with.", "Leave it out.")
    _check_settings(root, collection.settings)
    labels, images = _by_month(root, "labels", FULL_COLUMNS), _by_month(root, "images", IMAGE_COLUMNS)
    if bare := {month for month, _ in parquet_files(root, "default")} ^ set(labels):
        raise FlickrExifError(f"{root} lacks rows in data/ or labels/ of {min(bare)}.", BUILD_AGAIN)
    return DataSet(root=root, collection=collection, labels=labels, images=images)


def _check_settings(root: Path, settings: Mapping[str, Any]) -> None:
    cap, licenses = settings.get("per_user_cap", 1), settings.get("licenses", [])
    lists = isinstance(licenses, list) and isinstance(settings.get("merged", []), list)
    if not lists or not all(type(number) is int and number >= 0 for number in (cap, *licenses)):
        raise FlickrExifError(f"{root / 'collection.json'} holds settings that no crawl writes.", BUILD_AGAIN)


def _by_month(root: Path, config: str, columns: tuple[Column, ...]) -> dict[str, list[Path]]:
    files = defaultdict(list)
    for month, path in parquet_files(root, config):
        with opened(path, BUILD_AGAIN) as file:
            if not file.schema_arrow.equals(arrow_schema(columns)):
                raise FlickrExifError(f"{path} does not have the columns of this version.", BUILD_AGAIN)
        files[month].append(path)
    return dict(files)


def full_records(path: Path, month: str) -> pa.Table:
    """The rows of a labels file. Raises FlickrExifError for a broken one, or rows of another month."""
    table = read_table([path], [column.name for column in FULL_COLUMNS], BUILD_AGAIN)
    months = pc.unique(table["month"]).to_pylist()
    if months not in ([], [month]) or table["Flickr ID"].null_count or table["owner"].null_count:
        raise FlickrExifError(f"{path} holds rows that are no photos of {month}.", BUILD_AGAIN)
    return table


def photos_of(path: Path) -> pa.Table:
    """`Flickr ID` and `owner` of the rows of a labels file. Raises FlickrExifError for a row without them."""
    table = read_table([path], ["Flickr ID", "owner"], BUILD_AGAIN)
    if any(column.null_count for column in table.columns):
        raise FlickrExifError(f"{path} holds rows that are no photos.", BUILD_AGAIN)
    return table


# --- images


def largest_images(shards: Iterable[Path], ids: Set[int], groups: int) -> list[StoredImage]:
    """The largest image in `shards` of each photo in `ids`; its bytes are read when they are written.

    `groups` row groups stay in memory meanwhile: one a data set is enough, since each is sorted by id.
    """
    read: GroupBytes = lru_cache(maxsize=groups)(_read_group)
    largest: dict[int, StoredImage] = {}
    for shard in shards:
        for image in _images(shard, ids, read):
            largest[image.flickr_id] = min(largest.get(image.flickr_id, image), image, key=_order)
    return list(largest.values())


def _order(image: StoredImage) -> tuple[Any, ...]:
    return SIZES.get(image.size, len(SIZES)), image.sha256, image.path.name, image.width, image.height


def _images(shard: Path, ids: Set[int], read: GroupBytes) -> Iterator[StoredImage]:
    with opened(shard, BUILD_AGAIN) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=[*ABOUT_IMAGES, "image.path"])
            table.validate(full=True)
            if any(column.null_count for column in table.columns):
                raise FlickrExifError(f"{shard} holds rows without an image.", BUILD_AGAIN)
            for index, row in enumerate(table.to_pylist()):
                if row["Flickr ID"] in ids:
                    path = shard / (row["image"]["path"] or str(row["Flickr ID"]))
                    content = partial(_content, read, shard, group, index)
                    about = row["sha256"], row["width"], row["height"], row["image_size"]
                    yield StoredImage(row["Flickr ID"], path, *about, content)


def _read_group(shard: Path, group: int) -> pa.ChunkedArray:
    with opened(shard, BUILD_AGAIN) as file:
        return file.read_row_group(group, columns=["image.bytes"])["image"]


def _content(read: GroupBytes, shard: Path, group: int, index: int) -> bytes:
    return read(shard, group)[index].as_py()["bytes"] or b""
