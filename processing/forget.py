"""Images out of the splits of a folder of processed images, whose records then tell of the rest.

A later `flickrexif process` of the same source, from which the images are gone too, finds every file made.
"""

import csv
import hashlib
import io
import json
from array import array
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import put, put_text, remove_unfinished
from flickrexif.processing.parts import read_record
from flickrexif.processing.shards import MARKERS, ROW_GROUP_BYTES, Marker, slices
from flickrexif.processing.sources import open_source
from flickrexif.processing.table import Row, table

BATCH_ROWS = 64  # images in memory when a shard is read


@dataclass(frozen=True, slots=True)
class Listing:
    """What a source lists when the images are gone."""

    digest: str
    sizes: Sequence[int]


def is_processed(folder: Path) -> bool:
    """Whether `folder` holds processed images."""
    return any(folder.glob(f"*/{MARKERS}/*.json"))


def forget_images(out: Path, ids: Collection[str], sources: Sequence[Path], *, write: bool = True) -> int:
    """Take the images `ids` (Flickr IDs) out of every split of `out`; returns how many images there were.

    `sources` are FlickrExif folders that still have their images: splits made of them are from then on splits of what
    these folders will hold. Data sets whose image ids are row numbers are left as they are. With `write=False` nothing
    is changed. Raises FlickrExifError while another run writes to `out`, and for files that are broken.
    """
    with _locked(out) if write else nullcontext():
        listings = _listings(sources, ids) if write else {}
        records = sorted(path for path in out.glob(f"*/{MARKERS}/*.json") if "-of-" not in path.name)
        return sum(_without(path, ids, listings, write=write) for path in records)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    lock = FileLock(out / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"Another run is writing to {out}.", "Wait for it, then run the same command again.") from None
    try:
        yield
    finally:
        lock.release()


# --- the source


def _listings(sources: Sequence[Path], ids: Collection[str]) -> dict[str, Listing]:
    """What each source with some of the images lists now, and what it will list without them."""
    found = {}
    for root in sources:
        if not any(root.glob("images/train-*.parquet")):
            continue
        source = open_source(str(root))
        kept = [place for place, one in enumerate(source.ids) if one not in ids]
        if kept and len(kept) < len(source):
            from flickrexif.processing.rows import SIZED

            first = list(islice((len(item.data or b"") for item in source if item.image_id not in ids), SIZED))
            sizes = array("q", [sum(first) // len(first)]) * len(kept)
            rest = [source.ids[place] for place in kept], [source.labels[place] for place in kept]
            found[_digest(source.ids, source.labels, source.sizes)] = Listing(_digest(*rest, sizes), sizes)
    return found


def _digest(ids: Sequence[str], labels: Sequence[int], sizes: Sequence[int]) -> str:
    """As the settings of a split name what its source listed."""
    digest = hashlib.sha256()
    for one in zip(ids, labels, sizes, strict=True):
        digest.update("{}\0{}\0{}\n".format(*one).encode())
    return digest.hexdigest()


def _settings(record: Mapping[str, Any], listings: Mapping[str, Listing]) -> Mapping[str, Any]:
    """The settings of a finished split, of its source without the images.

    As they were where a run would cut or draw the rest in another way: it then asks for another folder.
    """
    told: Mapping[str, Any] = record["settings"]
    listing = listings.get(told.get("listing", ""))
    if listing is None or "rows" not in record or told.get("draw") == "balanced":
        return told
    if len(slices(listing.sizes, told["shard_bytes"])) != told["shards"]:
        return told
    return {**told, "images": len(listing.sizes), "listing": listing.digest}


# --- a split


def _without(path: Path, ids: Collection[str], listings: Mapping[str, Listing], *, write: bool) -> int:
    """`path` is the split's record."""
    record = read_record(path)
    assert record is not None  # it was just listed
    folder, split = path.parent.parent, path.stem
    shards = sorted(folder.glob(f"{split}-*-of-*.parquet"))
    held = {shard: _column(shard, "image_id") for shard in shards}
    if _are_row_numbers([one for some in held.values() for one in some], record["settings"].get("images", 0)):
        return 0
    markers = {shard: marker for shard in shards if (marker := _marker(shard))}
    counts = {shard: sum(one in ids for one in some) for shard, some in held.items()}
    failed = sum(one in ids for marker in markers.values() for one, _ in marker.failures)
    if write:
        remove_unfinished([folder])
        for shard, count in counts.items():
            if count:
                put(shard, partial(_write_rows, shard, ids))
        _write_records(path, record, _settings(record, listings), markers, ids)
    return sum(counts.values()) + failed


def _are_row_numbers(ids: Sequence[str], images: int) -> bool:
    """Whether a data set without ids was processed: its images are called by their row numbers, below `images`."""
    return bool(ids) and all(one.isdecimal() and int(one) < images for one in ids)


def _column(shard: Path, *names: str) -> list[Any]:
    """The values of a column, or the rows of several."""
    try:
        found = pq.read_table(shard, columns=list(names))
    except (pa.ArrowException, OSError) as error:
        message = f"{shard} cannot be read ({str(error).splitlines()[0][:120]})."
        raise FlickrExifError(message, "Delete it, then run the same command again.") from None
    columns = [found[name].to_pylist() for name in names]
    return columns[0] if len(names) == 1 else list(zip(*columns, strict=True))


def _write_rows(shard: Path, ids: Collection[str], path: Path) -> None:
    """The rows of `shard` without `ids`, in row groups as `flickrexif process` cuts them."""
    with pq.ParquetFile(shard) as file:
        schema = file.schema_arrow
        small = [name for name in schema.names if name != "image"]
        options = {"compression": "none", "use_dictionary": False, "write_statistics": small}
        with pq.ParquetWriter(path, schema, **options) as writer:
            for rows in _groups(_rows(file, ids)):
                writer.write_table(table(rows, schema))


def _rows(file: pq.ParquetFile, ids: Collection[str]) -> Iterator[Row]:
    for batch in file.iter_batches(batch_size=BATCH_ROWS):
        for row in batch.to_pylist():
            if row["image_id"] not in ids:
                image = row.pop("image")
                yield Row(data=image["bytes"], path=image["path"], **row)


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    held = 0
    for row in rows:
        group.append(row)
        held += len(row.data)
        if held >= ROW_GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


# --- markers and the record


def _marker_path(shard: Path) -> Path:
    return shard.parent / MARKERS / f"{shard.stem}.json"


def _marker(shard: Path) -> Marker | None:
    """What the marker of a shard tells, also where the shard was written anew and the marker was not."""
    try:
        told = json.loads(_marker_path(shard).read_bytes())
        return Marker(**{**told, "failures": tuple((one, reason) for one, reason in told["failures"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError):
        message = f"{_marker_path(shard)} cannot be read."
        raise FlickrExifError(message, "Delete it, then run `flickrexif process` as before.") from None


def _write_records(
    path: Path,
    record: Mapping[str, Any],
    settings: Mapping[str, Any],
    markers: Mapping[Path, Marker],
    ids: Collection[str],
) -> None:
    """The markers, then the table of failures and the record of a finished split."""
    old, new = _hash(record["settings"]), _hash(settings)
    made = [_without_failures(_as_written(shard, marker), ids) for shard, marker in markers.items()]
    for shard, marker in zip(markers, made, strict=True):
        renamed = replace(marker, settings=new if marker.settings == old else marker.settings)
        put_text(_marker_path(shard), json.dumps(asdict(renamed)) + "\n")
    if "rows" not in record:
        return
    failures = [failure for marker in made for failure in marker.failures]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("image_id", "reason"), *failures])
    put_text(path.parent.parent / f"{path.stem}-failures.csv", text.getvalue())
    told = {
        **record,
        "settings": settings,
        "rows": sum(marker.rows for marker in made),
        "failures": dict(sorted(Counter(reason for _, reason in failures).items())),
        "content": hashlib.sha256("".join(f"{marker.content}\n" for marker in made).encode()).hexdigest(),
    }
    put_text(path, json.dumps(told, indent=2) + "\n")


def _hash(settings: Mapping[str, Any]) -> str:
    """As markers name the settings."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _as_written(shard: Path, marker: Marker) -> Marker:
    """The marker of the shard as it is now."""
    size = shard.stat().st_size
    if size == marker.size:
        return marker
    rows = _column(shard, "image_id", "label", "variant", "sha256")
    content = hashlib.sha256()
    for row in rows:
        content.update("{}\0{}\0{}\0{}\n".format(*row).encode())
    return replace(marker, rows=len(rows), size=size, content=content.hexdigest())


def _without_failures(marker: Marker, ids: Collection[str]) -> Marker:
    return replace(marker, failures=tuple(one for one in marker.failures if one[0] not in ids))
