"""Takes images out of folders of processed images: rows, failures and entries of the listing.

A later `flickrexif process` goes on without them, whether or not its source still has the photo.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

from flickrexif.core.failures import read_failure_table, write_failure_table
from flickrexif.core.files import put
from flickrexif.core.image_files import ENDINGS
from flickrexif.core.kinds import Holder
from flickrexif.core.parquet import AGAIN, column_names, image_writer, opened, read_table, rows_without
from flickrexif.core.photo_ids import are_row_numbers, names_photo, naming
from flickrexif.processing.kind import shards_of, split_of
from flickrexif.processing.listing import hash_of, read_listing, write_listing
from flickrexif.processing.parts import (
    failures_path,
    read_record,
    totals,
    write_record,
)
from flickrexif.processing.shards import MARKERS, Marker, content_of, row_groups, stored_marker, write_marker
from flickrexif.processing.table import SCHEMA, Row, table

CONTENT = ("image_id", "label", "variant", "sha256")
Markers = dict[str, Marker]  # by the shards' names


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    names = {*ids, *_file_names(files, ids)}
    removed: dict[Path, Counter[str]] = {}
    for config in _configs(files):
        counts = removed.setdefault(config.parent, Counter())
        for split in _splits(config):
            counts["processed images"] += _without(config, split, names, write=write)
    return removed


HOLDER = Holder(forget=_forget)


def _file_names(files: Sequence[Path], ids: Collection[str]) -> set[str]:
    """The image ids that a source may give to files named after these photos: their paths below any folder."""
    named = (path for path in files if path.suffix.lower() in ENDINGS and names_photo(path.stem, ids))
    return set(
        chain.from_iterable(accumulate(reversed(path.parts), lambda below, part: f"{part}/{below}") for path in named)
    )


def _configs(files: Sequence[Path]) -> list[Path]:
    folders = {path.parent for path in files if path.match("*-*-of-*.parquet")}
    folders |= {path.parents[1] for path in files if path.parent.name == MARKERS}
    return sorted(
        folder for folder in folders if all(column_names(shard) == SCHEMA.names for shard in shards_of(folder)[:1])
    )


def _splits(config: Path) -> list[str]:
    records = {path.stem for path in (config / MARKERS).glob("*.json") if "-of-" not in path.name}
    return sorted(records.union(map(split_of, shards_of(config))))


# --- a split


def _without(config: Path, split: str, names: Collection[str], *, write: bool) -> int:
    """Take images out of a split; returns how many. The listing goes first, the record last: an interrupted call is
    finished by the same call."""
    record = read_record(config / MARKERS / f"{split}.json")
    shards = [shard for shard in shards_of(config) if split_of(shard) == split]
    rows = {shard: read_table([shard], ["image_id"])["image_id"].to_pylist() for shard in shards}
    markers = _markers(config, split)
    failures = read_failure_table(failures_path(config, split), AGAIN)
    failed = [image_id for image_id, _ in chain(failures, *(marker.failures for marker in markers.values()))]
    present = {*chain(*rows.values()), *failed}
    if are_row_numbers(present, record["settings"].get("images", 0) if record else len(present)):
        return 0
    gone = naming(present, names)
    if write:
        record = _take_out_of_listing(config, split, record, gone, names)
        for shard in shards:
            if not gone.isdisjoint(rows[shard]):
                put(shard, partial(_write_rows, shard, gone))
        markers = {name: _without_failures(config, name, marker, gone) for name, marker in markers.items()}
        if not gone.isdisjoint(failed):
            left = [failure for failure in failures if failure[0] not in gone]
            write_failure_table(failures_path(config, split), left)
        if record and "rows" in record and len(markers) == record["settings"]["shards"]:
            write_record(config, split, {**record, **totals(markers.values())})
    return sum(image_id in gone for image_id in chain(*rows.values())) + len(gone.intersection(failed))


def _markers(config: Path, split: str) -> Markers:
    paths = sorted((config / MARKERS).glob(f"{split}-*-of-*.json"))
    return {path.stem: marker for path in paths if (marker := stored_marker(config, path.stem))}


def _take_out_of_listing(
    config: Path, split: str, record: dict[str, Any] | None, gone: Collection[str], names: Collection[str]
) -> dict[str, Any] | None:
    """Returns the record. A split of version 0.1 has no listing to shorten: its record then matches no source."""
    listing = read_listing(config, split)
    if listing:
        smaller = listing.without({hash_of(name) for name in {*gone, *names}})
        if (smaller.images != listing.images).any():
            write_listing(config, split, smaller)
    elif record and gone:
        record = {**record, "settings": {**record["settings"], "listing": ""}}
        write_record(config, split, record)
    return record


def _write_rows(shard: Path, gone: Collection[str], path: Path) -> None:
    """The other rows, in row groups as `flickrexif process` cuts them."""
    with opened(shard) as file:
        schema = file.schema_arrow
    rows = (
        row | {"data": row["image"]["bytes"], "path": row["image"]["path"]}
        for row in rows_without(shard, "image_id", gone)
    )
    with image_writer(path, schema) as shard_writer:
        for group in row_groups(Row(**{name: row[name] for name in Row._fields}) for row in rows):
            shard_writer.write_table(table(group, schema))


def _without_failures(config: Path, name: str, marker: Marker, gone: Collection[str]) -> Marker:
    """Write the marker of the shard as it is now; returns it."""
    shard = config / f"{name}.parquet"
    if shard.exists() and shard.stat().st_size != marker.size:
        rows = list(zip(*read_table([shard], CONTENT).to_pydict().values(), strict=True))
        marker = replace(marker, size=shard.stat().st_size, rows=len(rows), content=content_of(rows))
    marker = replace(marker, failures=tuple(failure for failure in marker.failures if failure[0] not in gone))
    write_marker(config, name, marker)
    return marker
