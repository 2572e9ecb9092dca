"""Split files: the published JSON, one file an attribute, and the same as one Parquet table.

The JSON holds `target_attribute`, `label_encoder_classes`, and for train, val and test `<split>_ids` (Flickr IDs)
and `encoded_<split>_labels` (places in the classes), as the split files released with the paper do.
"""

import itertools
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import put_bytes
from flickrexif.core.parquet import opened
from flickrexif.core.versions import fields_of

SPLITS = ("train", "val", "test")
REMAKE = "Make it again with: flickrexif splits"
STEM = "split_data_target_attribute="
PARQUET_COLUMNS = ("Flickr ID", "attribute", "class", "split")

Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A class that has fewer photos in a split than the protocol asks: no photographer could be spared for more."""

    split: str
    class_name: str
    wanted: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """The photos of one attribute in train, val and test; `labels[s][i]` is the place of `ids[s][i]`'s class."""

    target_attribute: str
    classes: tuple[str, ...]
    ids: Mapping[str, Ints]
    labels: Mapping[str, Ints]
    shortfalls: tuple[Shortfall, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)  # reason -> rows of the table that could not be used

    def counts(self, split: str) -> Ints:
        """Photos a class in `split`, shape [classes]."""
        return np.bincount(self.labels[split], minlength=len(self.classes)).astype(np.int64)


def write_split(split: Split, folder: Path) -> tuple[Path, Path]:
    """Write `split` into `folder` as the published JSON and as Parquet; return both paths."""
    paths = split_files(split.target_attribute, folder)
    for path in paths:
        put_bytes(path, FORMATS[path.suffix](split))
    return paths


def split_files(attribute: str, folder: Path) -> tuple[Path, Path]:
    """Where `write_split` writes an attribute's split. FlickrExifError for a name that no file can have."""
    name = STEM + attribute
    if Path(name).name != name or "\0" in name:
        raise FlickrExifError(f"{attribute!r} cannot be part of a file name.", "Rename the attribute.")
    return folder / f"{name}.json", folder / f"{name}.parquet"


def read_split(path: Path, *, strict: bool = True) -> Split:
    """Read a split file, JSON or Parquet, ours or the published ones.

    Raises FlickrExifError that names the file and the wrong field. With `strict=False` labels that match no id or no
    class are let through, for the audit to report.
    """
    try:
        split = _read_parquet(path) if path.suffix == ".parquet" else _from_published(path, _load(path))
    except OSError as error:
        raise FlickrExifError(f"{path} cannot be read: {error.strerror or error}.", "Give a split file.") from None
    if strict and (problem := next(label_problems(split), None)):
        raise _malformed(path, *problem)
    return split


def without_photos(split: Split, photos: Collection[int]) -> Split:
    """The split without these photos."""
    kept = {name: ~np.isin(split.ids[name], np.array([*photos], np.int64)) for name in SPLITS}
    return replace(
        split,
        ids={name: split.ids[name][kept[name]] for name in SPLITS},
        labels={name: split.labels[name][kept[name]] for name in SPLITS},
    )


def label_problems(split: Split) -> Iterator[tuple[str, str]]:
    """`(field, what is wrong)` for labels that match no id or no class."""
    for name in SPLITS:
        ids, labels = split.ids[name], split.labels[name]
        if len(ids) != len(labels):
            yield f"encoded_{name}_labels", f"has {len(labels):,} labels for {len(ids):,} ids"
        if outside := int(((labels < 0) | (labels >= len(split.classes))).sum()):
            yield f"encoded_{name}_labels", f"has {outside:,} labels that are no place in label_encoder_classes"


def split_paths(paths: list[Path]) -> list[Path]:
    """The split files among `paths`; a folder stands for its JSON files, or its Parquet files where it has no JSON, and
    a data set for its folder `splits`."""
    files: list[Path] = []
    for path in paths:
        folders = (path, path / "splits")
        kinds = (sorted(folder.glob(f"{STEM}*.{kind}")) for folder in folders for kind in ("json", "parquet"))
        inside = next(filter(None, kinds), []) if path.is_dir() else [path]
        if not inside or not inside[0].exists():
            hint = f"Give a file, or a folder with files named {STEM}<Name>.json."
            raise FlickrExifError(f"{path} holds no split files.", hint)
        files += inside
    return files


def _json(split: Split) -> bytes:
    record: dict[str, Any] = {
        "target_attribute": split.target_attribute,
        "label_encoder_classes": list(split.classes),
    }
    for name in SPLITS:
        record[f"{name}_ids"] = np.ascontiguousarray(split.ids[name])
        record[f"encoded_{name}_labels"] = np.ascontiguousarray(split.labels[name])
    return orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY)


def _load(path: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise _malformed(path, "the file", f"is not JSON ({error})") from None


def _from_published(path: Path, record: Any) -> Split:
    if not isinstance(record, dict):
        raise _malformed(path, "the file", "is not a JSON object")
    record = fields_of(record, path)  # the published form has no version; one that is not this form would
    attribute = record.get("target_attribute")
    if not isinstance(attribute, str) or not attribute:
        raise _malformed(path, "target_attribute", "is missing or not a text")
    classes = record.get("label_encoder_classes")
    if not isinstance(classes, list) or not classes or not all(isinstance(c, str) for c in classes):
        raise _malformed(path, "label_encoder_classes", "is missing or not a list of texts")
    return Split(
        target_attribute=attribute,
        classes=tuple(classes),
        ids={name: _ints(path, record, f"{name}_ids") for name in SPLITS},
        labels={name: _ints(path, record, f"encoded_{name}_labels") for name in SPLITS},
    )


def _ints(path: Path, record: Mapping[str, Any], key: str) -> Ints:
    values = record.get(key)
    if not isinstance(values, list) or not set(map(type, values)) <= {int}:
        raise _malformed(path, key, "is missing or not a list of whole numbers")
    try:
        return np.asarray(values, dtype=np.int64)
    except OverflowError:
        raise _malformed(path, key, "holds a number beyond 64 bits") from None


def _parquet(split: Split) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = {name: len(split.ids[name]) for name in SPLITS}
    ids = np.concatenate([split.ids[name] for name in SPLITS])
    labels = np.concatenate([split.labels[name] for name in SPLITS])
    columns = (
        pa.array(ids),
        pa.array([split.target_attribute] * len(ids), pa.string()),
        pa.array([split.classes[label] for label in labels], pa.string()),
        pa.array(list(itertools.chain.from_iterable([name] * size[name] for name in SPLITS)), pa.string()),
    )
    metadata = {"target_attribute": split.target_attribute, "label_encoder_classes": json.dumps(split.classes)}
    table = pa.table(dict(zip(PARQUET_COLUMNS, columns, strict=True))).replace_schema_metadata(metadata)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


FORMATS: Mapping[str, Callable[[Split], bytes]] = {".json": _json, ".parquet": _parquet}  # suffix -> content


def _read_parquet(path: Path) -> Split:
    import pyarrow as pa

    with opened(path, REMAKE) as file:
        table = file.read()
    for place, name in enumerate(PARQUET_COLUMNS):
        if name not in table.column_names or table.column(name).null_count:
            raise _malformed(path, name, "is missing or has empty cells")
        column_type = pa.int64() if place == 0 else pa.string()
        try:
            column = table.column(name).cast(column_type)
        except pa.ArrowException:
            raise _malformed(path, name, f"is not of type {column_type}") from None
        table = table.set_column(table.column_names.index(name), name, column)
    return _from_rows(path, table)


def _from_rows(path: Path, table: Any) -> Split:
    ids = table.column("Flickr ID").to_numpy()
    classes, splits = (np.asarray(table.column(name).to_pylist(), dtype=object) for name in ("class", "split"))
    raw = table.schema.metadata or {}
    metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in raw.items()}
    attributes = set(table.column("attribute").to_pylist()) or {metadata.get("target_attribute", "")}
    if len(attributes) != 1 or "" in attributes:
        raise _malformed(path, "attribute", "does not name one attribute")
    if unknown := set(splits) - set(SPLITS):
        raise _malformed(path, "split", f"holds {sorted(unknown)[0]!r}, not train, val or test")
    names = _class_names(path, metadata, set(classes))
    place = {name: index for index, name in enumerate(names)}
    labels = np.asarray([place[name] for name in classes], dtype=np.int64)
    return Split(
        target_attribute=attributes.pop(),
        classes=names,
        ids={name: ids[splits == name] for name in SPLITS},
        labels={name: labels[splits == name] for name in SPLITS},
    )


def _class_names(path: Path, metadata: Mapping[str, str], used: set[str]) -> tuple[str, ...]:
    """The classes in the order of the file's own list, which also holds classes without photos."""
    try:
        names = json.loads(metadata.get("label_encoder_classes", json.dumps(sorted(used))))
    except json.JSONDecodeError:
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not used <= set(names):
        raise _malformed(path, "label_encoder_classes", "in the metadata does not list the classes")
    return tuple(names)


def _malformed(path: Path, where: str, what: str) -> FlickrExifError:
    return FlickrExifError(f"{path}: {where} {what}.", REMAKE)
