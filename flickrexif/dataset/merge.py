"""Data sets of several crawls (other months, other seeds) into one: `flickrexif merge`.

    <data folder>/flickrexif/data labels images collection.json   as `dataset.build` writes them
    <data folder>/flickrexif/.crawl/takedowns.csv                                   the takedown lists together

A photo has one row: that of the later collection. A photographer has at most `per_user_cap` photos a month, drawn by
(seed, "merge", id). The result does not depend on the order of the data sets, and running it again changes nothing.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flickrexif.core.caps import within_cap
from flickrexif.core.columns import arrow_schema
from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.core.files import remove, remove_unfinished
from flickrexif.core.takedowns import Takedowns, read_takedowns, takedown_path, write_takedowns
from flickrexif.core.takedowns import merge as joined
from flickrexif.dataset.build import Collection, read_collection, write_collection, write_month
from flickrexif.dataset.images import StoredImage, write_images
from flickrexif.dataset.merge_inputs import DataSet, full_records, largest_images, open_data_set, photos_of
from flickrexif.dataset.parquet import FOLDERS, parquet_files
from flickrexif.dataset.schema import FULL_COLUMNS
from flickrexif.dataset.split_files import Ints

Progress = Callable[[int, int], None]  # months done, and in all


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeSettings:
    """What to merge, and how."""

    inputs: tuple[Path, ...]  # data folders, or the `flickrexif` folders in them
    data_dir: Path  # the result is its `flickrexif` folder
    per_user_cap: int | None = None  # photos a photographer and month; None: the smallest of the inputs'
    seed: int = 0

    @property
    def out(self) -> Path:
        """The folder of the result."""
        return self.data_dir / "flickrexif"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedMonth:
    """A month's rows, and why some are not in the result: `rows` sum to `forgotten` to `photos`."""

    month: str
    rows: tuple[int, ...]  # of each input, in the order given
    forgotten: int  # on a takedown list
    duplicates: int  # of a photo that has another row
    over_cap: int
    photos: int  # in the result
    images: int


def merge(
    settings: MergeSettings, progress: Progress | None = None, *, dry_run: bool = False
) -> tuple[MergedMonth, ...]:
    """Merge the data sets `settings.inputs`; with `dry_run` only count.

    One month is in memory at a time. Raises UsageError for data sets that cannot be merged and for an output folder
    with photos of its own, FlickrExifError for files that are broken or of another layout.
    """
    plan = _plan(settings)
    out = settings.out
    if not dry_run:
        remove_unfinished((out, *(out / name for name in FOLDERS.values())))
        # The takedown list first, so that what is left of an interrupted merge has it.
        write_takedowns(takedown_path(out), plan.takedowns)
        write_collection(out, plan.collection)
    months = []
    for number, month in enumerate(plan.months, start=1):
        merged, table, images = _merged_month(plan, month)
        months.append(merged)
        if not dry_run:
            list(write_month(out, month, table))
            list(write_images(out / FOLDERS["images"], month, images))
        if progress:
            progress(number, len(plan.months))
    if not dry_run:
        old = [path for config in FOLDERS for month, path in parquet_files(out, config) if month not in plan.months]
        remove(old)
    return tuple(months)


# --- before the first month


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    sets: tuple[DataSet, ...]
    collection: Collection
    takedowns: Takedowns
    cap: int
    seed: int
    months: tuple[str, ...]
    # A photo whose date was changed between two crawls is in several months; `home` is the one that keeps it.
    moved: Mapping[int, frozenset[str]]
    home: Mapping[int, str]


def check_inputs(settings: MergeSettings) -> tuple[DataSet, ...]:
    """The data sets to merge. Raises UsageError for those that cannot be merged, or not into this folder."""
    if len(settings.inputs) < 2:
        raise UsageError("There is nothing to merge with.", "Name two data folders or more.")
    sets = tuple(map(open_data_set, settings.inputs))
    _check_sources(sets)
    _check_out(settings.out, sets)
    return sets


def _plan(settings: MergeSettings) -> _Plan:
    sets = check_inputs(settings)
    takedowns = joined(read_takedowns(takedown_path(root)) for root in (*(s.root for s in sets), settings.out))
    ids = _ids_by_month(sets)
    if not ids:
        raise UsageError("There is nothing to merge: no data set has a photo.", "Name others.")
    _check_nothing_lost(settings.out, ids, takedowns)
    moved = _moved(ids)
    cap = _cap(sets) if settings.per_user_cap is None else settings.per_user_cap
    return _Plan(
        sets=sets,
        collection=_collection(sets, cap, settings.seed),
        takedowns=takedowns,
        cap=cap,
        seed=settings.seed,
        months=tuple(sorted(ids)),
        moved=moved,
        home=_homes(sets, moved, takedowns),
    )


def _check_sources(sets: Sequence[DataSet]) -> None:
    sources = {data_set.collection.source: data_set.root for data_set in reversed(sets)}
    if len(sources) > 1:
        first, second = sorted(sources)[:2]
        message = f"{sources[first]} holds photos of the source `{first}`, {sources[second]} of `{second}`."
        raise UsageError(message, "Merge data sets of one source.")
    if "folder" in sources:
        message = f"{sources['folder']} is a labelled folder, whose photos belong to no month."
        raise UsageError(message, "Put the photos into one folder and run `flickrexif label` on it.")


def _check_out(out: Path, sets: Sequence[DataSet]) -> None:
    """A merge replaces an earlier merge, and nothing else."""
    hint = "Name another folder with --data-dir."
    if any(out.resolve() == data_set.root.resolve() for data_set in sets):
        raise UsageError(f"{out} is one of the data sets to merge.", hint)
    collection = read_collection(out)
    # A merged data set may have a journal too, made by `refresh`.
    own = "merged" not in collection.settings if collection else (out / ".crawl" / "journal.sqlite").exists()
    if own:
        raise UsageError(f"{out} holds a data set of its own.", hint)


def _check_nothing_lost(out: Path, ids: Mapping[str, Ints], takedowns: Takedowns) -> None:
    kept_ids = np.concatenate(list(ids.values()))
    for _, path in parquet_files(out, "labels"):
        table = photos_of(path)
        rows = _allowed(table, takedowns)
        lost = np.setdiff1d(table["Flickr ID"].to_numpy()[rows], kept_ids)
        if lost.size:
            message = f"{path} holds photos that none of the data sets has, for example {lost[0]}."
            raise UsageError(message, "Name another folder with --data-dir.")


def _ids_by_month(sets: Sequence[DataSet]) -> dict[str, Ints]:
    files: dict[str, list[Path]] = defaultdict(list)
    for data_set in sets:
        for month, paths in data_set.labels.items():
            files[month] += paths
    columns = {m: [photos_of(path)["Flickr ID"] for path in paths] for m, paths in files.items()}
    return {m: np.unique(np.concatenate([c.to_numpy() for c in cs])) for m, cs in columns.items()}


def _moved(ids: Mapping[str, Ints]) -> dict[int, frozenset[str]]:
    """The photos that are in several months -> those months."""
    photos, months = np.unique(np.concatenate(list(ids.values())), return_counts=True)
    several: dict[int, set[str]] = {int(photo): set() for photo in photos[months > 1]}
    for month, ids_of_month in ids.items():
        for photo in several.keys() & set(ids_of_month.tolist()):
            several[photo].add(month)
    return {photo: frozenset(where) for photo, where in several.items()}


def _homes(sets: Sequence[DataSet], moved: Mapping[int, frozenset[str]], takedowns: Takedowns) -> dict[int, str]:
    if not moved:
        return {}
    table, origin = _rows(sets, sorted(frozenset.union(*moved.values())), moved)
    newest = _newest(table, [sets[place].age for place in origin], _allowed(table, takedowns))
    return {photo: table["month"][row].as_py() for photo, row in newest.items()}


def _cap(sets: Sequence[DataSet]) -> int:
    caps = [data_set.collection.settings.get("per_user_cap") for data_set in sets]
    numbers = [cap for cap in caps if isinstance(cap, int)]
    if not numbers:
        raise UsageError("None of the data sets has a cap in its settings.", "Give one, for example --per-user-cap 10.")
    return min(numbers)


def _collection(sets: Sequence[DataSet], cap: int, seed: int) -> Collection:
    collections = [data_set.collection for data_set in sets]
    parts = {}  # JSON -> part: each once, also when an input was merged itself
    for collection in collections:
        for part in collection.settings.get("merged") or [{"settings": collection.settings, "dates": collection.dates}]:
            parts[json.dumps(part, sort_keys=True)] = part
    licenses = {license_id for collection in collections for license_id in collection.settings.get("licenses", ())}
    days = [day for collection in collections for day in collection.dates or ()]
    return Collection(
        source=collections[0].source,
        settings={
            "per_user_cap": cap,
            "licenses": sorted(licenses),
            "seed": seed,
            "merged": [parts[key] for key in sorted(parts)],
        },
        dates=(min(days), max(days)) if days else None,
    )


# --- a month


def _merged_month(plan: _Plan, month: str) -> tuple[MergedMonth, pa.Table | None, list[StoredImage]]:
    table, origin = _rows(plan.sets, [month])
    allowed = _allowed(table, plan.takedowns)
    newest = _newest(table, [plan.sets[place].age for place in origin], allowed)
    newest_here = {photo: row for photo, row in newest.items() if plan.home.get(photo, month) == month}
    kept = _within_cap(newest_here, table["owner"].to_pylist(), plan)
    months = frozenset((month,)).union(*(plan.moved[photo] for photo in kept if photo in plan.moved))
    shards = [path for data_set in plan.sets for m in sorted(months) for path in data_set.images.get(m, ())]
    images = largest_images(shards, set(kept), len(plan.sets))
    merged = MergedMonth(
        month=month,
        rows=tuple(origin.count(place) for place in range(len(plan.sets))),
        forgotten=len(origin) - len(allowed),
        duplicates=len(allowed) - len(newest_here),
        over_cap=len(newest_here) - len(kept),
        photos=len(kept),
        images=len(images),
    )
    rows = [newest_here[photo] for photo in sorted(kept)]
    return merged, table.take(rows).combine_chunks() if rows else None, images


def _rows(
    sets: Sequence[DataSet], months: Iterable[str], only: Iterable[int] | None = None
) -> tuple[pa.Table, list[int]]:
    """The rows of all data sets, or of the photos in `only`; and for each row the place of its data set."""
    tables, origin = [arrow_schema(FULL_COLUMNS).empty_table()], []
    only_ids = None if only is None else pa.array(only, pa.int64())
    for place, data_set in enumerate(sets):
        for month in months:
            for path in data_set.labels.get(month, ()):
                table = full_records(path, month)
                tables.append(table if only_ids is None else table.filter(pc.is_in(table["Flickr ID"], only_ids)))
                origin += [place] * tables[-1].num_rows
    return pa.concat_tables(tables), origin


def _allowed(table: pa.Table, takedowns: Takedowns) -> list[int]:
    """The rows of photos and photographers on no takedown list."""
    ids, nsids = table["Flickr ID"].to_pylist(), table["owner"].to_pylist()
    photos, owners = takedowns.photos(set(ids)), takedowns.owners(set(nsids))
    both = zip(ids, nsids, strict=True)
    return [row for row, (photo, owner) in enumerate(both) if photo not in photos and owner not in owners]


def _newest(table: pa.Table, ages: Sequence[tuple[str, ...]], rows: Iterable[int]) -> dict[int, int]:
    """Photo -> its row in the later collection; of equally late ones the row whose content sorts last."""
    ids = table["Flickr ID"].to_pylist()
    latest: dict[int, list[int]] = {}
    for row in rows:
        rivals = latest.get(ids[row])
        if rivals is None or ages[row] > ages[rivals[0]]:
            latest[ids[row]] = [row]
        elif ages[row] == ages[rivals[0]]:
            rivals.append(row)
    tied = [row for rivals in latest.values() if len(rivals) > 1 for row in rivals]
    content = dict(zip(tied, map(repr, table.take(tied).to_pylist()), strict=True)) if tied else {}
    return {photo: max(rivals, key=lambda row: content.get(row, "")) for photo, rivals in latest.items()}


def _within_cap(photos: Mapping[int, int], owners: Sequence[str], plan: _Plan) -> list[int]:
    drawn = sorted(photos, key=lambda photo: rank(plan.seed, "merge", str(photo)))
    return [photo for photo, within in within_cap(((owners[photos[p]], p) for p in drawn), plan.cap) if within]
