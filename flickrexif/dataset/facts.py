"""The facts of a FlickrExif folder, for its card: of a crawl, the embedded server, or a folder of one's own photos."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.facts import Chart, Config, Facts, Table, counted, split_of
from flickrexif.core.parquet import features, features_of, read_table
from flickrexif.core.verdicts import REASONS
from flickrexif.dataset import composition
from flickrexif.dataset.build import SIMULATED, Collection, read_collection
from flickrexif.dataset.composition import Count
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.published import IMAGE_REASON, TABLE
from flickrexif.dataset.schema import FULL_COLUMNS, IMAGE_COLUMNS, PUBLISHED_COLUMNS
from flickrexif.dataset.split_files import SPLITS, STEM, read_split, split_paths

CONFIGS = {
    "default": (PUBLISHED_COLUMNS, "the nine published columns"),
    "labels": (FULL_COLUMNS, "the full record: the photo, its raw Exif and the labels made from it"),
    "images": (IMAGE_COLUMNS, "the images: bytes as fetched; of one's own photos cleaned copies, or links"),
}
OTHER_COLUMNS = {  # of a folder of one's own photos, and of photos of a table
    "path": "the file, relative to the folder",
    "reason": "why there are no labels, or few",
    IMAGE_REASON.name: IMAGE_REASON.description,
}
SETTINGS = {
    "seed": "Seed of every random choice",
    "per_user_cap": "Most photos a photographer and month",
    "owners": "The photographer of a photo is told by",
    "images": "Images",
    SIMULATED: "Photos of simulated cameras",
    TABLE: "Table",
    "attributes": "Split files that name them",
    "where": "Only rows with",
    "limit": "Photos drawn, as many of each class and split",
}
NOT_KEPT = "not_kept"  # of the settings: reason -> photos
LABELS = (
    "make",
    "model",
    "is_smartphone",
    "exposure_class",
    "aperture_class",
    "iso_class",
    "focal_length_class",
    "flash",
    "exposure_program",
    "exposure_mode",
    "white_balance",
    "edited",
    "year",
)
NEEDED = ("owner", "license_id", "license", "month", "device_category", "file_source_raw", *LABELS)
SCANNERS = ("film_scanner", "flatbed_scanner")
CLASSES = {  # column -> title, what a value is, names of values that are not text
    "is_smartphone": ("Smart or not", "Device", {True: "smartphone", False: "no smartphone"}),
    "device_category": ("Kinds of device", "Kind", {}),
    "exposure_class": ("Exposure time", "Seconds, nearest third-stop", {}),
    "aperture_class": ("Aperture", "f-number, nearest third-stop", {}),
    "iso_class": ("ISO speed", "ISO, nearest third-stop", {}),
    "focal_length_class": ("Focal length", "Bin", {}),
    "flash": ("Flash", "Flash", {True: "fired", False: "did not fire"}),
    "exposure_program": ("Exposure program", "Program", {}),
    "exposure_mode": ("Exposure mode", "Mode", {}),
    "white_balance": ("White balance", "White balance", {}),
    "edited": ("Written by an editor", "Software", {True: "an editor", False: "firmware"}),
}
MONTH = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])")


def flickrexif_facts(root: Path) -> Facts:
    """The facts of a folder with a `collection.json`; only the columns that they need are read.

    Raises FlickrExifError for a file that is not whole or not of this data set.
    """
    collection = _collection(root)
    configs = tuple(_configs(root))
    table = _labels(root, configs)
    _check_ids(root, configs)
    photos = _photos_a_photographer(table)
    own = collection.source == "folder"  # there `owner` is a folder, and there is no licence
    months = [(month, n) for month, n in composition.counts(table["month"]) if MONTH.fullmatch(month)]
    licenses = _licenses(table)
    measured, smart = _measured(table, photos, own)
    return Facts(
        source=collection.origin,
        summary=_summary(configs, months, None if own else len(photos)),
        rows=max((split.rows for config in configs for split in config.splits), default=0),
        configs=configs,
        collection=tuple(_told(collection, licenses)),
        composition=tuple(
            t for t in (*_tables(table, photos, months, licenses, own), _not_kept(collection.settings)) if t.rows
        ),
        charts=(*_charts(table, photos, months, licenses, own), *smart),
        splits=tuple(_splits(root)),
        split_files=tuple(f"splits/{path.name}" for path in sorted((root / "splits").glob(f"{STEM}*.json"))),
        measured=tuple(measured),
        dates=collection.dates,
        years=_years(table),
    )


def _collection(root: Path) -> Collection:
    collection = read_collection(root)
    if collection is None:
        raise UsageError(f"There is no {root / 'collection.json'}.", "Build the data set first: flickrexif build.")
    return collection


# --- the files


def _configs(root: Path) -> Iterator[Config]:
    """The configs; `images` only if it has files."""
    for name, (columns_of_config, description) in CONFIGS.items():
        files = sorted((root / FOLDERS[name]).glob("train-*.parquet"))
        split = split_of(root, "train", f"{FOLDERS[name]}/train-*.parquet", files)
        if name == "images" and not files:
            continue
        default_kinds = features(columns_of_config)
        kinds = features_of(files[0]) if files else default_kinds
        columns = tuple(_column(column, kind, columns_of_config) for column, kind in kinds.items())
        yield Config(name=name, description=description, splits=(split,), columns=columns, features=kinds)


def _check_ids(root: Path, configs: tuple[Config, ...]) -> None:
    """Raise FlickrExifError unless data/ and labels/ hold the same photos and images/ no others.

    A build or a takedown that was stopped may leave them different.
    """
    ids = {config.name: _ids(root, config) for config in configs}
    labels = np.sort(ids["labels"])
    if not np.array_equal(np.sort(ids["default"]), labels) or not np.isin(ids.get("images", labels), labels).all():
        message = f"The photos in data/, labels/ and images/ of {root} are not the same: a command was stopped."
        raise FlickrExifError(message, "Run it again: flickrexif build, label, merge or forget.")


def _ids(root: Path, config: Config) -> npt.NDArray[np.int64]:
    files = [root / file for file in config.splits[0].files]
    return read_table(files, ["Flickr ID"])["Flickr ID"].to_numpy() if files else np.empty(0, np.int64)


def _column(name: str, kind: Mapping[str, Any], known_columns: tuple[Column, ...]) -> Column:
    """The column of that name, or one of OTHER_COLUMNS."""
    match = next((column for column in known_columns if column.name == name), None)
    return match or Column(name, str(kind.get("dtype", kind["_type"])), OTHER_COLUMNS.get(name, ""))


def _labels(root: Path, configs: tuple[Config, ...]) -> Any:
    """The needed columns of all rows, as one Arrow table."""
    labels = next(config for config in configs if config.name == "labels")
    if not labels.splits[0].files:
        return arrow_schema(FULL_COLUMNS).empty_table()
    names = [*NEEDED, *(name for name in ("reason", IMAGE_REASON.name) if name in labels.features)]
    return read_table([root / file for file in labels.splits[0].files], names)


def _photos_a_photographer(table: Any) -> npt.NDArray[np.int64]:
    return np.array([n for _, n in composition.counts(table["owner"])], dtype=np.int64)


def _licenses(table: Any) -> list[Count]:
    """(id, name) of each licence, and how many photos have it."""
    groups = table.group_by(["license_id", "license"]).aggregate([([], "count_all")]).to_pylist()
    pairs = [((group["license_id"], group["license"]), group["count_all"]) for group in groups]
    return sorted(((pair, n) for pair, n in pairs if pair[1]), key=lambda count: (-count[1], str(count[0])))


def _years(table: Any) -> tuple[int, int] | None:
    import pyarrow.compute as pc

    ends = pc.min_max(table["year"]).as_py()
    return None if ends["min"] is None else (ends["min"], ends["max"])


# --- the facts


def _summary(configs: tuple[Config, ...], months: list[Count], photographers: int | None) -> str:
    """One line; of a folder of one's own photos, where `photographers` is None, without photographers."""
    rows = {config.name: config.splits[0].rows for config in configs}
    if photographers is None:
        return f"{counted(rows['labels'], 'image file')}, {sum(n for _, n in months):,} with the date taken."
    images = f", {rows['images']:,} with their image" if "images" in rows else ""
    taken = f", taken in {counted(len(months), 'month')}" if months or not rows["labels"] else ""
    return f"{counted(rows['labels'], 'photo')} by {counted(photographers, 'photographer')}{taken}{images}."


def _told(collection: Collection, licenses: list[Count]) -> Iterator[tuple[str, str]]:
    """How the photos were collected, as names and values; for a merged data set, also of each part."""
    yield "Source", collection.source
    if dates := collection.dates:
        yield "Collected", f"{dates[0]} to {dates[1]}"
    settings = dict(collection.settings)
    merged = [part for part in settings.pop("merged", None) or [] if isinstance(part, dict)]
    yield from _settings(settings, licenses)
    for number, part in enumerate(merged, start=1):
        dates = part.get("dates")
        parts = [f"collected {dates[0]} to {dates[1]}"] if dates else []
        parts += [f"{name}: {value}" for name, value in _settings(part.get("settings") or {}, licenses)]
        yield f"Merged, part {number} of {len(merged)}", "; ".join(parts)
    yield "Made with", f"flickrexif {version('flickrexif')}"


def _settings(settings: Mapping[str, Any], licenses: list[Count]) -> Iterator[tuple[str, str]]:
    names = {pair[0]: pair[1] for pair, _ in licenses}
    for key, value in sorted(settings.items()):
        if key == NOT_KEPT:
            continue
        if key == "licenses" and isinstance(value, list):
            yield "Licences asked for", ", ".join(f"{names[n]} ({n})" if n in names else f"id {n}" for n in value)
        else:
            yield SETTINGS.get(key, key), value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _not_kept(settings: Mapping[str, Any]) -> Table:
    """How many of the photos that were drawn are not in the data set, by reason; of all parts of a merged one."""
    parts = (settings, *(part.get("settings") or {} for part in settings.get("merged") or () if isinstance(part, dict)))
    counts = sum((Counter(part.get(NOT_KEPT) or {}) for part in parts), Counter[str]())
    rows = [(reason, count, REASONS[reason]) for reason, count in counts.most_common() if reason in REASONS]
    return Table(title="Photos drawn and not kept", header=("Reason", "Photos", "Meaning"), rows=rows)


def _tables(
    table: Any, photos: npt.NDArray[np.int64], months: list[Count], licenses: list[Count], own: bool
) -> Iterator[Table]:
    rows = table.num_rows
    for column, title in (("reason", "Photos with no or few labels"), (IMAGE_REASON.name, "Photos without an image")):
        if column in table.column_names and (reasons := composition.counts(table[column])):
            yield composition.count_table(title, "Reason", reasons, rows, without="none")
    if months:
        yield composition.month_table(months)
    for column, title, what in (("make", "Makers", "Maker"), ("model", "Camera models", "Model")):
        yield composition.count_table(title, what, composition.counts(table[column]), rows)
    if not own:
        names = {pair: f"{pair[1]} (id {pair[0]})" for pair, _ in licenses}
        yield composition.count_table("Licences of the photos", "Licence", licenses, rows, names)
        if len(photos):
            yield composition.photographer_table(photos)
    for column, (title, what, value_names) in CLASSES.items():
        yield composition.count_table(title, what, composition.counts(table[column]), rows, value_names)


def _charts(
    table: Any, photos: npt.NDArray[np.int64], months: list[Count], licenses: list[Count], own: bool
) -> Iterator[Chart]:
    yield from composition.month_chart(months)
    yield from composition.bars("makes", "Photos by maker", composition.counts(table["make"]))
    yield from composition.bars("devices", "Photos by kind of device", composition.counts(table["device_category"]))
    if not own:
        names = {pair: pair[1] for pair, _ in licenses}
        yield from composition.bars("licenses", "Photos by licence", licenses, names)
        yield from composition.photographer_chart(photos)


def _measured(table: Any, photos: npt.NDArray[np.int64], own: bool) -> tuple[list[str], list[Chart]]:
    """Sentences on the biases, and the figure of smartphones by year."""
    import pyarrow.compute as pc

    rows = table.num_rows
    if not rows:
        return [], []
    kind, source = table["device_category"], table["file_source_raw"]
    scanned = pc.or_(
        pc.is_in(kind, value_set=_strings(SCANNERS)), pc.is_in(source, value_set=_strings(("Film Scanner",)))
    )
    by_year, charts = composition.smartphones(_smartphones(table))
    sentences = [
        *([] if own else composition.concentration(photos)),
        *composition.drift(_makes(table)),
        *composition.scanners(pc.sum(scanned).as_py() or 0, rows),
        *by_year,
        *composition.nulls({name: table[name].null_count for name in LABELS}, rows),
    ]
    return sentences, charts


def _strings(values: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _makes(table: Any) -> dict[int, dict[str, int]]:
    """Year -> maker -> photos, of those with both."""
    by_year: dict[int, dict[str, int]] = defaultdict(dict)
    for group in table.group_by(["year", "make"]).aggregate([([], "count_all")]).to_pylist():
        if group["year"] is not None and group["make"]:
            by_year[group["year"]][group["make"]] = group["count_all"]
    return by_year


def _smartphones(table: Any) -> dict[int, tuple[int, int]]:
    """Year -> (smartphones, photos of a known kind of device)."""
    by_year: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for group in table.group_by(["year", "is_smartphone"]).aggregate([([], "count_all")]).to_pylist():
        if group["year"] is not None and group["is_smartphone"] is not None:
            smart, total, n = *by_year[group["year"]], group["count_all"]
            by_year[group["year"]] = smart + n * group["is_smartphone"], total + n
    return by_year


def _splits(root: Path) -> Iterator[Table]:
    folder = root / "splits"
    if not any(folder.glob(f"{STEM}*")):
        return
    splits = [read_split(path) for path in split_paths([folder])]
    yield Table(
        title="Splits by attribute",
        header=("Attribute", "Classes", *(f"{name} photos" for name in SPLITS), "Fewest of a class in train"),
        rows=[
            (s.target_attribute, len(s.classes), *(len(s.ids[n]) for n in SPLITS), int(s.counts("train").min()))
            for s in splits
        ],
        note="Files `splits/split_data_target_attribute=<Attribute>.json`, and the same as Parquet.",
    )
