"""Opens the images of a data set: FlickrExif, PairCams, processed ImageNet, any folder, any Hugging Face data set.

`open_images` returns a `Source` for each split and stored variant.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from flickrexif.core.addresses import data_set_address, expanded, split_query
from flickrexif.core.errors import UsageError
from flickrexif.core.folder import default_data_dir
from flickrexif.core.kinds import DataSetKind
from flickrexif.core.parquet import opened, read_columns
from flickrexif.core.text import as_utf8, reason_of
from flickrexif.dataset.kind import FLICKREXIF, FOLDER
from flickrexif.eval.data.source import Files, HubRows, Reader, Source, fingerprint, parquet_files
from flickrexif.kinds import origin_of, recognised
from flickrexif.processing.kind import TRACES
from flickrexif.processing.sources import EXTENSIONS
from flickrexif.processing.variants import variant

NAMES = {
    "flickrexif": "FlickrExif",
    "paircams": "PairCams",
    "imagenet-traces": "ImageNet",
    "imagenet": "ImageNet",
    "inaturalist-traces": "iNaturalist",
    "inaturalist": "iNaturalist",
}
"""Folder of a data set -> folder of its embeddings in the published layout."""

SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
FLICKREXIF_NAME, PAIRCAMS_NAME = NAMES["flickrexif"], NAMES["paircams"]
WHOLE = (FLICKREXIF_NAME, PAIRCAMS_NAME)  # published as a single split: the names of their embedding files have none

# The published table of PairCams' cameras; it counts XT1032, a phone of 2013, among the cameras.
PHONES = frozenset(
    {"iPhone XR", "Pixel 4", "iPhone SE (3rd generation)", "22101320G", "iPhone 12", "iPhone 14 Pro", "A065"}
    | {"iPhone 12 Pro"}
)
CAMERAS = frozenset(
    {"Canon IXY 630", "DSC-WX300", "C8080WZ", "EX-FH20", "Canon EOS 450D", "u700,S700", "COOLPIX S200", "XT1032"}
)

HINT = (
    "Give flickrexif, paircams or imagenet-traces, a folder of images (train/ and val/ of class folders, or flat), "
    "a folder of Parquet files, or a Hugging Face data set such as uoft-cs/cifar10."
)


Stored = Mapping[str, Mapping[str, Sequence[Path]]]  # variant -> split -> files


class Listing(NamedTuple):
    """The small columns of a data set, a value an image."""

    ids: list[str]
    columns: dict[str, list[int]]
    contents: list[Any]  # hashes of the images; [] where there is no column of them


def open_images(
    spec: str, *, data_dir: Path | None = None, variants: Sequence[str] = (), split: str | None = None
) -> list[Source]:
    """The sources of a data set: those of `variants` and `split`, or all that it has.

    `spec` is a name of NAMES (a folder of `data_dir`; None: of the default data folder), a folder, or a Hugging Face
    data set `name[?config=..&image=..&label=..]`. Raises UsageError where it has no such images.
    """
    folder = (data_dir or default_data_dir()) / spec if spec in NAMES else expanded(spec)
    origin = origin_of(folder)
    sources = [replace(source, origin=origin) for source in _sources(spec, folder, variants)]
    if not sources:
        raise UsageError(f"There is no image in {folder}.", HINT)
    if split is not None:
        split_name = SPLITS.get(split, split)
        names = {source.split or "train" for source in sources}
        sources = [source for source in sources if (source.split or "train") == split_name]
        if not sources:
            raise UsageError(f"{spec} has no split {split!r}.", f"Known: {', '.join(sorted(names))}.")
    for source in sources:
        if len(set(source.ids)) < len(source):
            raise UsageError(f"Two images of {spec} have the same id.", "Give each its own.")
    return sources


def _sources(spec: str, folder: Path, variants: Sequence[str]) -> Iterator[Source]:
    if not folder.exists() and spec not in NAMES:
        if variants:
            raise _no_variants(spec)
        yield from _hub(spec)
        return
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", HINT)
    if variants and recognised(folder) is not TRACES:
        raise _no_variants(spec)
    yield from sources_in(folder, variants) or _hub(str(folder))


def dataset_of(folder: Path) -> str:
    """What the data set in `folder` is called in the published layout; FlickrExif by what it is, too."""
    name = folder.resolve().name
    return FLICKREXIF_NAME if recognised(folder) is FLICKREXIF else NAMES.get(name.lower(), name)


def sources_in(folder: Path, variants: Sequence[str] = ()) -> list[Source]:
    """The sources in a folder, of these stored variants or of all; none where it holds no images that we read."""
    return list(_sources_in(folder, variants))


def _sources_in(folder: Path, variants: Sequence[str]) -> Iterator[Source]:
    kind = recognised(folder)
    if kind in (FLICKREXIF, FOLDER):
        yield _flickrexif(folder)
    elif kind is None or not kind.images:
        yield from _of_strangers(folder)
    else:
        stored = stored_variants(folder, kind)
        for chosen in [variant(name).name for name in variants] or list(stored):
            if chosen not in stored:
                raise UsageError(f"{folder} has no variant {chosen}.", f"It has: {', '.join(stored)}.")
            yield from _parquet_splits(dataset_of(folder), stored[chosen], chosen)


def stored_variants(folder: Path, kind: DataSetKind) -> Stored:
    """The variants that a data set has images in, in the table's order."""
    configs = kind.configs(folder)
    return {name: configs[config] for name, config in kind.images.items() if config in configs}


def _of_strangers(folder: Path) -> Iterator[Source]:
    """Images of a folder that none of our commands made: Parquet files, or files of images."""
    files = sorted((folder / "data").glob("*.parquet")) or sorted(folder.glob("*.parquet"))
    splits: dict[str, list[Path]] = {}
    for path in files:
        splits.setdefault(path.name.removesuffix(".parquet").partition("-")[0], []).append(path)
    if splits:
        yield from _parquet_splits(dataset_of(folder), splits, "IDENTITY")
    else:
        yield from _image_folders(dataset_of(folder), folder)


def _no_variants(spec: str) -> UsageError:
    return UsageError(f"{spec} has no stored variants.", "Apply them: --on-the-fly jpeg.")


# --- Parquet


def _parquet_splits(name: str, splits: Mapping[str, Sequence[Path]], chosen: str) -> Iterator[Source]:
    """A source for each split of (split -> files)."""
    for split, paths in splits.items():
        missing = _read_failures(paths[0].with_name(f"{split}-failures.csv"))
        yield _parquet(name, paths, chosen, None if name in WHOLE else SPLITS.get(split, split), missing)


def _parquet(name: str, paths: Sequence[Path], chosen: str, split: str | None, missing: Mapping[str, str]) -> Source:
    import pyarrow as pa

    with opened(paths[0]) as file:
        schema = file.schema_arrow
    image = _one("image", [field.name for field in schema if field.name == "image"] or _binary(schema), paths[0].parent)
    tables = [_small_columns(path, image) for path in paths]
    table = pa.concat_tables(tables, promote_options="permissive")
    listing = listed({column: table[column].to_pylist() for column in table.column_names}, table.num_rows)
    contents = listing.contents or [(path.name, path.stat().st_size) for path in paths]
    return Source(
        dataset=name,
        ids=listing.ids,
        read=parquet_files(paths, image),
        fingerprint=fingerprint(listing.ids, listing.columns, contents),
        contents=listing.contents,
        columns=listing.columns,
        split=split,
        variant=chosen,
        missing=missing,
        class_names=_class_names(schema.metadata),
    )


def _binary(schema: Any) -> list[str]:
    import pyarrow as pa

    return [f.name for f in schema if pa.types.is_struct(f.type) and f.type.get_field_index("bytes") >= 0]


def _small_columns(path: Path, image: str) -> Any:
    with opened(path) as file:
        return file.read(columns=[name for name in file.schema_arrow.names if name in USED and name != image])


def _class_names(metadata: Mapping[bytes, bytes] | None) -> tuple[str, ...]:
    """The names of the ClassLabel `label`, which `datasets` writes into Parquet files; () where there are none."""
    import orjson

    try:
        info = orjson.loads((metadata or {})[b"huggingface"])
        return tuple(map(str, info["info"]["features"]["label"]["names"]))
    except (KeyError, TypeError, ValueError):
        return ()


def _read_failures(path: Path) -> dict[str, str]:
    """Image id -> reason, of the images that could not be processed."""
    import csv

    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["image_id"]: row["reason"] for row in csv.DictReader(file)}
    except FileNotFoundError:
        return {}


# --- columns


def listed(values: Mapping[str, list[Any]], rows: int) -> Listing:
    """Ids and columns from what a data set calls them; a row without an id is called by its number."""
    columns: dict[str, list[int]] = {}
    for name, (sources, convert) in COLUMNS.items():
        for column in sources:
            if name not in columns and column in values and (converted := convert(values[column])) is not None:
                columns[name] = converted
    ids = next((values[name] for name in ID_COLUMNS if name in values and None not in values[name]), None)
    texts = list(map(str, range(rows))) if ids is None else [as_utf8(str(image_id)) for image_id in ids]
    return Listing(texts, columns, values.get("sha256", []))


def _integers(values: Sequence[Any]) -> list[int] | None:
    """Integers, -1 for none; None where a value is of another kind."""
    if any(value is not None and not isinstance(value, int) for value in values):
        return None
    return [-1 if value is None else int(value) for value in values]


def _labels(values: Sequence[Any]) -> list[int]:
    """Labels that are numbers. UsageError for texts: each split would number them differently."""
    numbers = _integers(values)
    if numbers is None:
        raise UsageError("The labels are no numbers.", "Make the column `label` a ClassLabel, or leave it out.")
    return numbers


def _subjects(values: Sequence[Any]) -> list[int]:
    """Subjects as numbers; names are numbered in their sorted order."""
    numbers = _integers(values)
    if numbers is not None:
        return numbers
    names = {name: place for place, name in enumerate(sorted(set(map(str, values))))}
    return [names[str(value)] for value in values]


def _sides(values: Sequence[Any]) -> list[int] | None:
    """1 for phone, 0 for camera, from PairCams' sides or published models; None where one is neither."""
    side_of = {"phone": 1, "camera": 0} | dict.fromkeys(PHONES, 1) | dict.fromkeys(CAMERAS, 0)
    sides = [side_of.get(str(value)) for value in values]
    return None if None in sides else [side for side in sides if side is not None]


# Column of the embedding file: the columns it is made from (the first that fits), and how.
COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[Sequence[Any]], list[int] | None]]] = {
    "label": (("label",), _labels),
    "Flickr ID": (("Flickr ID",), _integers),
    "subject": (("subject_idx",), _subjects),
    "model": (("side", "model"), _sides),
}
ID_COLUMNS = ("Flickr ID", "image_id", "id")
USED = frozenset({*ID_COLUMNS, "sha256", *(name for names, _ in COLUMNS.values() for name in names)})


def _one(role: str, columns: Sequence[str], place: object) -> str:
    if len(columns) != 1:
        candidates = f" (candidates: {', '.join(columns)})" if columns else ""
        raise UsageError(f"{place} does not say which column holds the {role}s{candidates}.", f"Call it `{role}`.")
    return columns[0]


# --- FlickrExif


def _flickrexif(root: Path) -> Source:
    """The config `images`, or files images/<Flickr ID>.<ext>; labelled photos without an image are `missing`."""
    configs = FLICKREXIF.configs(root)
    if "images" in configs:
        source = _parquet(FLICKREXIF_NAME, configs["images"]["train"], "IDENTITY", None, {})
    else:
        source = _numbered_files(root / "images")
        if not source.ids:
            hint = "Type: flickrexif crawl --images large --month 2024-08, or embed the folder of photos itself."
            raise UsageError(f"{root} holds no images.", hint)
    labelled = (
        str(number)
        for table in read_columns(configs.get("labels", {}).get("train", ()), ["Flickr ID"])
        for number in table["Flickr ID"].to_pylist()
    )
    with_image = set(source.ids)
    missing = {number: "missing" for number in labelled if number not in with_image}
    return replace(source, missing={**source.missing, **missing})


def _numbered_files(folder: Path) -> Source:
    sizes = _walk(folder)
    files = {path: size for path, size in sizes.items() if _stem(path).isdecimal()}
    ids = [str(int(_stem(path))) for path in files]
    columns = {"Flickr ID": list(map(int, ids))}
    return Source(
        dataset=FLICKREXIF_NAME,
        ids=ids,
        read=Files(str(folder.absolute()), list(files)),
        fingerprint=fingerprint(ids, columns, files.values()),
        contents=list(files.values()),
        columns=columns,
        missing={as_utf8(path): "not_a_flickr_id" for path in sizes if path not in files},
    )


def _stem(path: str) -> str:
    return Path(path).stem


# --- folders of images


def _walk(folder: Path) -> dict[str, int]:
    """Path below `folder` -> size in bytes, of all image files, sorted by path; without hidden folders."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if path.suffix.lower() in EXTENSIONS and not any(part.startswith(".") for part in below.parts):
            sizes[below.as_posix()] = path.stat().st_size if path.exists() else 0  # a broken link is listed too
    return sizes


def _image_folders(name: str, root: Path) -> list[Source]:
    """The sources of train/ and val/, or of the folder itself, with or without class folders.

    Classes are numbered over all splits.
    """
    split_folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and folder.name in SPLITS]
    folders = {SPLITS[folder.name]: folder for folder in split_folders}
    if len(folders) < len(split_folders):
        raise UsageError(f"{root} has two folders of one split.", "Rename one of val/, valid/ and validation/.")
    places: dict[str | None, Path] = dict(folders.items()) if folders else {None: root}
    files = {split: sizes for split, place in places.items() if (sizes := _walk(place))}
    flat = any("/" not in path for sizes in files.values() for path in sizes)
    classes = () if flat else tuple(sorted({path.partition("/")[0] for sizes in files.values() for path in sizes}))
    make = partial(_image_folder, name, classes)
    return [make(split, places[split], sizes) for split, sizes in files.items()]


def _image_folder(
    name: str, classes: tuple[str, ...], split: str | None, root: Path, files: Mapping[str, int]
) -> Source:
    number_of = {class_name: place for place, class_name in enumerate(classes)}
    columns = {"label": [number_of[path.partition("/")[0]] for path in files]} if classes else {}
    ids = list(map(as_utf8, files))
    return Source(
        dataset=name,
        ids=ids,
        read=Files(str(root.absolute()), list(files)),
        fingerprint=fingerprint(ids, columns, files.values()),
        contents=list(files.values()),
        columns=columns,
        split=split,
        class_names=tuple(map(as_utf8, classes)),
    )


# --- Hugging Face data sets


def _hub(spec: str) -> Iterator[Source]:
    """Every split of `name[?config=..&image=..&label=..]`, through the cache of `datasets`."""
    import datasets

    path, query = split_query(spec)
    options = dict(parse_qsl(query))
    if wrong := set(options) - {"config", "image", "label"}:
        raise UsageError(f"{', '.join(sorted(wrong))} is no option of a data set.", "Known: config, image, label.")
    try:
        splits = datasets.load_dataset(data_set_address(path), options.get("config"))
    except (OSError, ValueError, LookupError, datasets.exceptions.DatasetsError) as error:
        reason = reason_of(error, 200)
        raise UsageError(f"{spec} is no folder of images and no data set ({reason}).", HINT) from None
    name = NAMES.get(path.rpartition("/")[2].lower(), path if not Path(path).exists() else Path(path).resolve().name)
    for split, rows in splits.items():
        yield _hub_split(name, str(split), rows, options)


def _hub_split(name: str, split: str, rows: Any, options: Mapping[str, str]) -> Source:
    import datasets

    images = [column for column, kind in rows.features.items() if isinstance(kind, datasets.Image)]
    image = options.get("image") or _one("image", ["image"] if "image" in images else images, name)
    label = options.get("label", "label")
    if image not in images or ("label" in options and label not in rows.features):
        raise UsageError(f"{name} has no such column.", f"It has: {', '.join(rows.features)}.")
    values = {column: rows.with_format(None)[column][:] for column in rows.column_names if column in USED - {image}}
    if label in rows.features:
        values["label"] = rows[label][:]
    listing = listed(values, len(rows))
    kind = rows.features.get(label)
    reader: Reader = HubRows(rows.select_columns([image]).cast_column(image, datasets.Image(decode=False)), image)
    return Source(
        dataset=name,
        ids=listing.ids,
        read=reader,
        fingerprint=fingerprint(listing.ids, listing.columns, listing.contents or [rows.info.dataset_size]),
        columns=listing.columns,
        split=None if name in WHOLE else SPLITS.get(split, split),
        class_names=tuple(kind.names) if isinstance(kind, datasets.ClassLabel) else (),
    )
