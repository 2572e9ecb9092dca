"""Hugging Face data sets as sources, from the Hub or a folder, read as streams: nothing is copied to a cache.

A data set is listed once, by its columns of labels and ids alone where its files are Parquet; a part of it is then
read from the file in which it begins.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import datasets
import pyarrow as pa
import pyarrow.compute as pc

from flickrexif.core.addresses import address_of, check_data_set, data_set_address, image_of_row, place_of, split_query
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.parquet import stored_bytes
from flickrexif.core.remote import remote
from flickrexif.core.text import reason_of
from flickrexif.processing.kind import configs
from flickrexif.processing.source import LAYOUTS, SPLITS, UNLABELLED, Lister, Source

ID_COLUMNS = ("image_id", "Flickr ID", "id")  # the first whose values all differ; else the row's number
SIZED = 32  # images at the start whose mean size stands for all
PIECES = 1_000  # at most, of a data set of very many files
BATCH = 1_000  # rows of a listing at a time
OPTIONS = ("config", "label", "image", "revision")

# What `datasets` raises for data that is not there, not reachable or not whole.
ERRORS = (OSError, ValueError, LookupError, pa.ArrowException, datasets.exceptions.DatasetsError)


@dataclass(frozen=True, slots=True)
class Place:
    """A split, as arguments of `datasets.load_dataset`."""

    path: str
    split: str = ""  # as the data set calls it
    config: str | None = None
    revision: str | None = None
    data_files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Reads the column `image` as stored, from row `first` on; `counts` are the rows of each piece of the data set."""

    place: Place
    image: str
    counts: tuple[int, ...]

    def __call__(self, ids: Sequence[str], first: int) -> Iterator[bytes | None]:
        with _readable(self.place):
            yield from islice(self._read(first), len(ids))

    def _read(self, first: int) -> Iterator[bytes | None]:
        stream = _images(self.place, self.image)
        for number, count in enumerate(self.counts):
            if first < count:
                rows = islice(stream.shard(len(self.counts), number).skip(first), count - first)
                yield from (_bytes(row, self.image, self.place) for row in rows)
            first = max(0, first - count)


class Columns(NamedTuple):
    """The columns to read, and the class names if the data set has them."""

    image: str
    label: str | None
    ids: tuple[str, ...]
    class_names: tuple[str, ...] = ()


def data_set(spec: str) -> dict[str, Lister]:
    """The splits of `name[?config=..&label=..&image=..&revision=..]`. Raises UsageError."""
    name, query = split_query(spec)
    options = dict(parse_qsl(query))
    if wrong := set(options) - set(OPTIONS):
        raise UsageError(f"{', '.join(sorted(wrong))} is no option of a data set.", f"Known: {', '.join(OPTIONS)}.")
    config, revision = options.get("config"), options.get("revision")
    if folder := remote(name):
        return _at_store(folder, config)
    check_data_set(name, LAYOUTS, revision)
    try:
        names = datasets.get_dataset_split_names(data_set_address(name), config, revision=revision)
    except ERRORS as error:
        raise UsageError(f"{spec} is no folder of images and no data set ({reason_of(error, 200)}).", LAYOUTS) from None
    places = {SPLITS.get(split, split): Place(name, split, config, revision) for split in names}
    column_names = options.get("image"), options.get("label")
    return {
        split: partial(_listed, split, tuple(places.values()), place, column_names) for split, place in places.items()
    }


def _at_store(folder: Path, config: str | None) -> dict[str, Lister]:
    """The splits of a data set that `process` wrote to an address, of which `datasets` takes files alone."""
    known = configs(folder)
    if not known:
        hint = "Of a store these can be read: folders of images, and what `flickrexif process` wrote."
        raise UsageError(f"{folder} is no folder of images and no data set.", hint)
    if config is None and len(known) == 1:
        (config,) = known
    if config is None or config not in known:
        raise UsageError(
            f"{folder} has several configs.", f"Write {folder}?config=NAME with one of: {', '.join(known)}."
        )
    places = {
        SPLITS.get(split, split): Place("parquet", split, data_files=tuple(map(str, files)))
        for split, files in known[config].items()
    }
    return {
        split: partial(_listed, split, tuple(places.values()), place, (None, None)) for split, place in places.items()
    }


def unlabelled(files: Sequence[str]) -> dict[str, Lister]:
    """Parquet files with a column `image` and no label, as the split `train`."""
    place = Place("parquet", "train", data_files=tuple(files))

    def listed(limit: int | None) -> Source:
        with _readable(place):
            return _list("train", place, Columns("image", None, ("Flickr ID",)), limit)

    return {"train": listed}


def _listed(
    split: str, places: Sequence[Place], place: Place, column_names: tuple[str | None, str | None], limit: int | None
) -> Source:
    with _readable(place):
        columns = _columns(place, _features(place), *column_names)
        if columns.label and not columns.class_names:
            columns = columns._replace(class_names=_values(places, columns.label))
        return _list(split, place, columns, limit)


@contextmanager
def _readable(place: Place) -> Iterator[None]:
    """Turn errors of `datasets` into a FlickrExifError."""
    try:
        yield
    except ERRORS as error:
        message = f"The data set {place.path} cannot be read ({reason_of(error, 200)})."
        raise FlickrExifError(message, "Mend that, then run the same command again.") from None


@lru_cache(maxsize=2)
def _stream(place: Place, columns: tuple[str, ...] = ()) -> Any:
    """The split as a stream of these columns, or of all."""
    paths = [f"{address_of(file.parent)}/{file.name}" for file in map(place_of, place.data_files)]
    files = {"data_files": {place.split: paths}} if paths else {}
    address = place.path if paths else data_set_address(place.path)
    builder = datasets.load_dataset_builder(address, place.config, revision=place.revision, **files)
    if not columns:
        return builder.as_streaming_dataset(split=place.split)
    if hasattr(builder.config, "columns"):  # Parquet: the other columns are not even read
        builder.config.columns = list(columns)
    return builder.as_streaming_dataset(split=place.split).select_columns(list(columns))


def _features(place: Place) -> Mapping[str, Any]:
    stream = _stream(place)
    features: Mapping[str, Any] = stream.features or stream._resolve_features().features or {}
    return features


def _columns(place: Place, features: Mapping[str, Any], image: str | None, label: str | None) -> Columns:
    """The columns named by the user; else the only ones of their kind. Raises UsageError where there are several."""
    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    labels = [name for name, kind in features.items() if isinstance(kind, datasets.ClassLabel)]
    if "label" in features:
        labels = ["label"]
    image = _only_column(place, features, "image", image, ["image"] if "image" in images else images)
    label = _only_column(place, features, "label", label, labels)
    if image not in images:
        raise UsageError(f"The column {image!r} of {place.path} holds no images.", f"Images: {', '.join(images)}.")
    names = tuple(features[label].names) if isinstance(features[label], datasets.ClassLabel) else ()
    return Columns(image, label, tuple(name for name in ID_COLUMNS if name in features and name != label), names)


def _only_column(
    place: Place, features: Mapping[str, Any], what: str, named: str | None, candidates: Sequence[str]
) -> str:
    candidates = [named] if named else candidates
    if len(candidates) == 1 and candidates[0] in features:
        return candidates[0]
    message = f"The data set {place.path} does not say which column is the {what}."
    raise UsageError(message, f"Write {place.path}?{what}=COLUMN with one of: {', '.join(features)}.")


def _values(places: Iterable[Place], label: str) -> tuple[str, ...]:
    """The class names of a column that is no ClassLabel: the numbers from 0 to the largest, or all texts, sorted.

    Every split is read, so that a class has the same number in each.
    """
    columns = [_column(_stream(place, (label,)), label) for place in places]
    values = {value for column in columns for value in pc.unique(column).to_pylist() if value is not None}
    if all(isinstance(value, int) and 0 <= value < 10**6 for value in values):
        return tuple(map(str, range(max(values, default=-1) + 1)))
    return tuple(sorted(map(str, values)))


def _column(stream: Any, name: str) -> pa.ChunkedArray:
    tables = stream.with_format("arrow").iter(batch_size=BATCH)
    return pa.chunked_array([table[name].combine_chunks() for table in tables] or [pa.array([], pa.int64())])


def _list(split: str, place: Place, columns: Columns, limit: int | None) -> Source:
    """The ids and labels of a split, or of its first `limit` rows."""
    names = tuple(filter(None, (columns.label, *columns.ids)))
    stream = _stream(place, names or (columns.image,))
    pieces = min(stream.num_shards, PIECES)
    tables: list[pa.Table] = []
    counts: list[int] = []
    left = limit
    for number in range(pieces):
        piece = stream.shard(pieces, number)
        batches = list((piece if left is None else piece.take(left)).with_format("arrow").iter(batch_size=BATCH))
        tables += [table.select(names) for table in batches]
        counts.append(sum(map(len, batches)))
        if left is not None:
            left -= counts[-1]
            if left == 0:
                counts += [0] * (pieces - number - 1)  # the pieces keep their numbers
                break
    table = pa.concat_tables(tables) if tables else None
    rows = sum(counts)
    return Source(
        name=place.path,
        split=split,
        class_names=columns.class_names,
        ids=_ids(table, columns.ids, rows),
        labels=_labels(table, columns, rows),
        sizes=array("q", [_mean_size(place, columns.image)]) * rows,
        reader=Rows(place, columns.image, tuple(counts)),
        places=range(rows),
    )


def _ids(table: pa.Table | None, names: Iterable[str], rows: int) -> list[str]:
    for name in names:
        values = [] if table is None else list(map(str, table[name].to_pylist()))
        if values and len(set(values)) == rows:
            return values
    return list(map(str, range(rows)))


def _labels(table: pa.Table | None, columns: Columns, rows: int) -> "array[int]":
    if table is None or columns.label is None:
        return array("i", [UNLABELLED]) * rows
    values = table[columns.label].to_pylist()
    texts = {name: place for place, name in enumerate(columns.class_names)}
    return array("i", (_label(value, texts) for value in values))


def _label(value: object, texts: Mapping[str, int]) -> int:
    if value is None:
        return UNLABELLED
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 0 <= value < len(texts) else UNLABELLED
    return texts[str(value)]


def _mean_size(place: Place, image: str) -> int:
    stream = _images(place, image)
    sizes = [len(_bytes(row, image, place) or b"") for row in stream.take(SIZED)]
    return sum(sizes) // max(1, len(sizes))


def _images(place: Place, image: str) -> Any:
    """The images undecoded, of our own data sets with the hash of each, which tells whether a linked file changed."""
    columns = [image, "sha256"] if place.data_files else [image]
    return _stream(place).select_columns(columns).cast_column(image, datasets.Image(decode=False))


def _bytes(row: Mapping[str, Any], image: str, place: Place) -> bytes | None:
    """The bytes of a row's image; of our own data sets, which may link to files, with the hash beside it."""
    return stored_bytes(row[image], row["sha256"]) if place.data_files else image_of_row(row[image], place.path)
