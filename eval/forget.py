"""Images out of embedding files, which from then on belong to the data sets without them.

A later `flickrexif embed` of such a data set, from which the images are gone too, finds every file made.
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from flickrexif.core.errors import UsageError
from flickrexif.core.parquet import column_names, read_table
from flickrexif.eval.embeddings import (
    FLICKR_ID,
    IMAGE_ID,
    SUFFIX,
    Embeddings,
    pack_text,
    read_embeddings,
    write_embeddings,
)
from flickrexif.eval.image_sets import ID_COLUMNS, NAMES, USED, listed
from flickrexif.eval.images import fingerprint
from flickrexif.eval.targets import read_failures, reasons, write_failures

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class _Shrunk:
    """The data sets that hold some of the images: their names, and the fingerprint of each source with and without."""

    names: frozenset[str]
    fingerprints: Mapping[str, str]


def forget_images(root: Path, ids: Collection[str], data_dir: Path, *, write: bool = True) -> int:
    """Take the images `ids` (Flickr IDs) out of every embeddings file below `root`; returns how many rows there were.

    `data_dir` has the data sets, still with the images. Files without ids, and those of data sets whose ids are row
    numbers, are left as they are. With `write=False` nothing is changed. Raises UsageError while a run makes a file,
    FlickrExifError for files that are broken.
    """
    shrunk = _shrunk(data_dir, ids)
    if write:
        _remove_blocks(root, shrunk.names)
    files = sorted(path for path in root.rglob(f"*{SUFFIX}") if not path.parent.name.startswith("."))
    return sum(_without(path, ids, shrunk.fingerprints, write=write) for path in files)


def _without(path: Path, ids: Collection[str], fingerprints: Mapping[str, str], *, write: bool) -> int:
    found = read_embeddings(path)
    failures = read_failures(path)
    if FLICKR_ID not in found.columns and IMAGE_ID not in found.columns:
        return 0  # of the released code: rows without a name
    names = list(map(str, found.columns[FLICKR_ID].tolist())) if FLICKR_ID in found.columns else found.image_ids()
    shards = int(found.metadata.get("shard", "").partition("/")[2] or 1)
    if FLICKR_ID not in found.columns and are_row_numbers(names, (len(names) + len(failures)) * shards):
        return 0
    kept = [row for row, name in enumerate(names) if name not in ids]
    left = [failure for failure in failures if failure[0] not in ids]
    metadata = _metadata(found, left, fingerprints)
    if write and (len(kept), len(left), metadata) != (len(names), len(failures), found.metadata):
        write_failures(path, left)
        write_embeddings(path, found.image_embeddings[kept], _columns(found, kept), metadata)
    return len(names) - len(kept) + len(failures) - len(left)


def are_row_numbers(ids: Sequence[str], rows: int) -> bool:
    """Whether a data set without ids was embedded: its images are called by their row numbers, below `rows`."""
    return bool(ids) and all(one.isdecimal() and int(one) < rows for one in ids)


def _columns(found: Embeddings, kept: Sequence[int]) -> "dict[str, torch.Tensor]":
    columns = {name: column[kept] for name, column in found.columns.items()}
    if IMAGE_ID in columns:  # as wide as the longest that is left
        names = found.image_ids()
        columns[IMAGE_ID] = pack_text([names[row] for row in kept])
    return columns


def _metadata(
    found: Embeddings, failures: Sequence[tuple[str, str]], fingerprints: Mapping[str, str]
) -> Mapping[str, str]:
    """The metadata, told of the smaller source."""
    if "settings_hash" not in found.metadata:
        return found.metadata  # of another program
    told = dict(found.metadata) | {"failures": json.dumps(reasons(failures))}
    settings = json.loads(told["settings"])
    if smaller := fingerprints.get(settings.get("data", "")):
        settings["data"] = smaller
        told["settings"] = json.dumps(settings)
        told["settings_hash"] = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return told


# --- the data sets


def _shrunk(data_dir: Path, ids: Collection[str]) -> _Shrunk:
    names: set[str] = set()
    fingerprints: dict[str, str] = {}
    for files in _splits(data_dir):
        pair = _fingerprints(files, ids)
        if pair:
            folder = files[0].parents[1].resolve().name
            names.add(NAMES.get(folder.lower(), folder))
            fingerprints.update([pair])
    return _Shrunk(frozenset(names), fingerprints)


def _splits(data_dir: Path) -> Iterator[list[Path]]:
    """The Parquet files of each split of each config of each data set."""
    for folder in sorted(data_dir.glob("*/*/")):
        splits: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("*.parquet")):
            splits.setdefault(path.name.removesuffix(".parquet").partition("-")[0], []).append(path)
        yield from splits.values()


def _fingerprints(files: Sequence[Path], ids: Collection[str]) -> tuple[str, str] | None:
    """What `embed` calls these images, with and without `ids`; None where there is none of them."""
    import pyarrow as pa

    there = column_names(files[0])
    columns = [name for name in there if name in USED]
    if "image" not in there or "sha256" not in columns:
        return None
    table = read_table(files, columns)
    names = listed(table.select([name for name in columns if name in ID_COLUMNS]).to_pydict(), len(table)).ids
    kept = [row for row, name in enumerate(names) if name not in ids]
    if len(kept) == len(names) or are_row_numbers(names, len(names)):
        return None
    before, after = (listed(rows.to_pydict(), len(rows)) for rows in (table, table.take(pa.array(kept, pa.int64()))))
    return (
        fingerprint(before.ids, before.columns, before.contents),
        fingerprint(after.ids, after.columns, after.contents),
    )


def _remove_blocks(root: Path, names: Collection[str]) -> None:
    """Rows of unfinished files of these data sets, which no run could go on with."""
    for blocks in [path for name in names for path in (root / name).rglob(".*.blocks")]:
        lock = FileLock(blocks / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            hint = "Wait for it, then run the same command again."
            raise UsageError(f"Another run is making embeddings in {blocks.parent}.", hint) from None
        lock.release()
        shutil.rmtree(blocks)
