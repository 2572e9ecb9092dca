"""Images to embed: ids and columns, without pixels; readers get the bytes of a range of images when they are needed.

We read stored bytes and decode them ourselves: `datasets.Image` would apply the Exif orientation.
"""

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from flickrexif.core import image_files
from flickrexif.core.addresses import image_of_row, place_of
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import AGAIN, read_below
from flickrexif.core.parquet import opened, stored_bytes
from flickrexif.core.photo_ids import are_row_numbers, naming

if TYPE_CHECKING:
    import pyarrow as pa


class Reader(Protocol):
    """Reads the bytes of the images start to stop - 1, None for an image that cannot be read. Can be pickled."""

    def __call__(self, start: int, stop: int) -> Iterator[bytes | None]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One split of a data set, in one stored variant."""

    dataset: str  # its folder in the published layout: ImageNet, iNaturalist, FlickrExif, PairCams, or a name
    ids: Sequence[str]
    read: Reader
    fingerprint: str  # of ids, columns, and sizes or hashes of the images
    contents: Sequence[object] = ()  # these sizes or hashes; none where the files are told as wholes
    columns: Mapping[str, Sequence[int]] = field(default_factory=dict)  # named as in the embedding files
    split: str | None = None  # train, val, ...; None where the data set has no splits
    variant: str = "IDENTITY"  # that the images are stored in
    missing: Mapping[str, str] = field(default_factory=dict)  # id -> reason, of images that the data set lacks
    class_names: Sequence[str] = ()
    passed_over: Mapping[str, int] = field(default_factory=dict)  # kind -> files and members beside the images
    origin: str = ""  # where the photos came from (core.kinds); "" where the data set does not tell

    def __len__(self) -> int:
        return len(self.ids)

    def fingerprint_without(self, photo_ids: Collection[str]) -> str | None:
        """Its fingerprint when the images that name one of these photos are gone.

        None where it has none of them, and where sizes and hashes of the images are not known.
        """
        gone = naming(self.ids, photo_ids)
        if not gone or len(self.contents) != len(self) or self.has_row_numbers:
            return None
        rows = [row for row, image_id in enumerate(self.ids) if image_id not in gone]
        columns = {name: [values[row] for row in rows] for name, values in self.columns.items()}
        return fingerprint([self.ids[row] for row in rows], columns, [self.contents[row] for row in rows])

    @property
    def has_row_numbers(self) -> bool:
        """Whether the images have no ids of their own."""
        return "Flickr ID" not in self.columns and are_row_numbers(self.ids, len(self))


def fingerprint(ids: Iterable[str], columns: Mapping[str, Sequence[int]], contents: Iterable[object]) -> str:
    """A hash of the ids, columns and images of a source; `contents` are sizes or hashes of the images."""
    digest = hashlib.sha256()
    for part in (ids, *(value for _, value in sorted(columns.items())), contents):
        for value in part:
            digest.update(f"{value}\n".encode())
        digest.update(b"\0")
    return digest.hexdigest()


def labelled(*, ids: Sequence[str], labels: Sequence[int | None], contents: Sequence[object], **options: Any) -> Source:
    """The source of images with these labels, where any has one; -1 stands for none."""
    numbers = [-1 if label is None else label for label in labels]
    columns = {"label": numbers} if any(label is not None for label in labels) else {}
    tells = fingerprint(ids, columns, contents)
    return Source(ids=ids, fingerprint=tells, contents=contents, columns=columns, **options)


def with_others(source: Source, others: Mapping[str, int]) -> Source:
    """The source, these passed over too."""
    return replace(source, passed_over=Counter(source.passed_over) + Counter(others))


def passed_over(sources: Iterable[Source]) -> list[str]:
    """A line a data set that has anything beside its images: what is not read, and how often."""
    counts: dict[str, Counter[str]] = {}
    for source in sources:
        counts.setdefault(source.dataset, Counter()).update(source.passed_over)
    return [line for dataset, kinds in counts.items() for line in image_files.passed_over(dataset, kinds)]


# --- files


@dataclass(frozen=True, slots=True)
class Files:
    """Reads image files below `root`."""

    root: str
    paths: Sequence[str]  # below root

    def __call__(self, start: int, stop: int) -> Iterator[bytes | None]:
        return (read_below(place_of(self.root), path) for path in self.paths[start:stop])


# --- Parquet


@dataclass(frozen=True, slots=True)
class ParquetFiles:
    """Reads the column `image` of Parquet files, a row group at a time, without a cache on the disk."""

    paths: Sequence[str]
    groups: Sequence[tuple[int, int]]  # (file, row group in it)
    starts: Sequence[int]  # the first row of each group
    image: str

    def __call__(self, start: int, stop: int) -> Iterator[bytes | None]:
        while start < stop:
            place = bisect_right(self.starts, start) - 1
            file, group = self.groups[place]
            path = self.paths[file]
            rows = _row_group(path, _time(path), group, self.image)
            first = start - self.starts[place]
            images = rows.slice(first, stop - start).to_pylist()
            if not images:
                raise FlickrExifError(f"{path} has changed since its images were listed.", AGAIN)
            yield from (stored_bytes(row[self.image], row.get("sha256")) for row in images)
            start += len(images)


def parquet_files(paths: Sequence[Path], image: str) -> ParquetFiles:
    """A reader of the rows of `paths`, one file after the other."""
    groups, starts, rows = [], [], 0
    for number, path in enumerate(paths):
        with opened(path) as parquet:
            counts = [parquet.metadata.row_group(group).num_rows for group in range(parquet.num_row_groups)]
        for group, count in enumerate(counts):
            if count:
                groups.append((number, group))
                starts.append(rows)
                rows += count
    return ParquetFiles([str(path.absolute()) for path in paths], groups, starts, image)


@lru_cache(maxsize=2)  # a worker gets a few images of a group at a time
def _row_group(path: str, time: int, group: int, image: str) -> "pa.Table":  # noqa: ARG001 - tells a new file
    with opened(place_of(path)) as parquet:
        names = [name for name in (image, "sha256") if name in parquet.schema_arrow.names]
        return parquet.read_row_group(group, columns=names)


def _time(path: str) -> int:
    """When the file changed, in nanoseconds; 0 where there is none, which reading it tells."""
    try:
        return place_of(path).stat().st_mtime_ns
    except OSError:
        return 0


# --- Hugging Face data sets


@dataclass(frozen=True, slots=True)
class HubRows:
    """Reads rows of a `datasets.Dataset` whose image column is not decoded."""

    rows: Any
    image: str
    data_set: str  # a folder, or a name on the Hub

    def __call__(self, start: int, stop: int) -> Iterator[bytes | None]:
        return (image_of_row(cell, self.data_set) for cell in self.rows[start:stop][self.image])
