"""The index of YFCC100M's two files, made once: the photos in Parquet, a row group a month.

    FOLDER/index/part-00000.parquet   the photos of some lines, in the order of their months
    FOLDER/index/index.json           of which files it is and, once it is whole, what was left out

A part is of the same lines of both files, whatever they hold, and is there whole or not at all: after an interruption
the files are read up to the first lines that no part has. That costs their decompression alone.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.collectors.drawn import Say
from flickrexif.collectors.yfcc100m.chunk import REASONS, rows_of, schema
from flickrexif.collectors.yfcc100m.lines import Lines, dataset_files, exif_file
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.extras import require
from flickrexif.core.files import put, put_text, remove, remove_unfinished
from flickrexif.core.folder import DataFolder

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK = 1 << 14  # lines that are in memory at once, some kilobytes each
CHUNKS = 16  # of a part
SAID = 4  # parts, a million lines, between two lines of progress
COUNTS = b"counts"


def index_path(folder: Path) -> Path:
    """The index of the files in a folder."""
    return folder / "index"


def index_counts(folder: Path) -> Mapping[str, int] | None:
    """Lines of the indexed files ("lines"), and how many are left out by reason; None where there is no whole index."""
    record = _record(folder)
    if "counts" not in record or not _is_of(folder, record["files"]):
        return None
    counts: Mapping[str, int] = record["counts"]
    return counts


def parts(folder: Path) -> list[Path]:
    """The files of the index, in the order of the lines."""
    return sorted(index_path(folder).glob("part-*.parquet"))


def make_index(folder: Path, say: Say) -> Mapping[str, int]:
    """Index the files in `folder`, or what of them is not indexed yet; the counts as `index_counts`.

    Raises UsageError where a file or a package is missing or another command indexes, FlickrExifError for a file that
    is cut off or damaged; what is indexed until there is kept.
    """
    if (counts := index_counts(folder)) is not None:
        return counts
    require("indexed_bzip2")
    dataset, exif = dataset_files(folder), exif_file(folder)
    if not os.access(index_path(folder) if index_path(folder).exists() else folder, os.W_OK):
        hint = "Link the files into a folder of your own, and name that with --files."
        raise UsageError(f"{folder} cannot be written, and the index of its files goes there.", hint)
    files = {path.name: path.stat().st_size for path in (*dataset, exif)}
    with DataFolder(index_path(folder)).writing("crawl"):
        if _record(folder).get("files") != files:
            remove(parts(folder))
        _write_record(folder, {"files": files})
        remove_unfinished([index_path(folder)])
        finished = len(parts(folder))
        say(f"Indexing {sum(files.values()) / 1e9:,.1f} GB of {folder}, once; it can be stopped and goes on.")
        chunks = _chunks(Lines(dataset), Lines([exif]), finished * CHUNKS)
        number = finished
        while part := _part(chunks):
            path = index_path(folder) / f"part-{number:05}.parquet"
            put(path, partial(_write, table=part[0], counts=part[1]))
            number += 1
            if number % SAID == 0:
                say(f"{number * CHUNK * CHUNKS:,} lines are indexed.")
        counts = dict(sum(map(_counts, parts(folder)), Counter[str]()))
        _write_record(folder, {"files": files, "counts": counts})
        say(f"{counts.get('lines', 0):,} lines are indexed.")
        for reason, meaning in REASONS.items():
            if count := counts.get(reason):
                say(f"Left out: {count:,} {reason} ({meaning}).")
    return counts


def is_indexed(folder: Path) -> bool:
    """Whether there is a whole index. UsageError where there is none, and no files to make it of."""
    if index_counts(folder) is not None:
        return True
    require("indexed_bzip2")
    return not (dataset_files(folder) and exif_file(folder))


def _chunks(dataset: Lines, exif: Lines, passed: int) -> "Iterator[tuple[pa.Table, Counter[str]]]":
    """The rows of each chunk of lines after the first `passed`; the next lines are read meanwhile."""
    with ThreadPoolExecutor(2) as pool:

        def read() -> tuple[bytes, bytes]:
            both = [pool.submit(lines.take, CHUNK) for lines in (dataset, exif)]
            return both[0].result(), both[1].result()

        with ThreadPoolExecutor(1) as ahead:
            for _ in range(passed):
                read()
            coming = ahead.submit(read)
            while any(lines := coming.result()):
                coming = ahead.submit(read)
                yield rows_of(*lines)


def _part(chunks: "Iterator[tuple[pa.Table, Counter[str]]]") -> "tuple[pa.Table, Counter[str]] | None":
    """The rows of the next chunks, sorted by month, and their counts; None where there are no more lines."""
    import pyarrow as pa

    some = [chunk for _, chunk in zip(range(CHUNKS), chunks, strict=False)]
    if not some:
        return None
    table = pa.concat_tables([rows for rows, _ in some])
    return table.sort_by("month"), sum((counts for _, counts in some), Counter[str]())


def _write(path: Path, table: "pa.Table", counts: Counter[str]) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    described = schema().with_metadata({COUNTS: json.dumps(counts)})
    with pq.ParquetWriter(path, described, compression="zstd") as writer:
        start = 0
        for month in pc.value_counts(table["month"].combine_chunks()):
            writer.write_table(table.slice(start, month["counts"].as_py()).cast(described))
            start += month["counts"].as_py()


def _counts(part: Path) -> Counter[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return Counter(json.loads(pq.read_schema(part).metadata[COUNTS]))
    except (pa.ArrowException, OSError, LookupError, ValueError):
        raise FlickrExifError(f"{part} cannot be read.", f"Delete {part.parent}, then run the same command.") from None


def _record(folder: Path) -> dict[str, dict[str, int]]:
    path = index_path(folder) / "index.json"
    try:
        record: dict[str, dict[str, int]] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise FlickrExifError(f"{path} cannot be read.", f"Delete {path.parent}, then run the same command.") from None
    return record


def _write_record(folder: Path, record: Mapping[str, Mapping[str, int]]) -> None:
    put_text(index_path(folder) / "index.json", json.dumps(record, indent=2, sort_keys=True) + "\n")


def _is_of(folder: Path, files: Mapping[str, int]) -> bool:
    """Whether the files in the folder, where they still are, are those that were indexed."""
    there = {name: (folder / name).stat().st_size for name in files if (folder / name).is_file()}
    return all(files[name] == size for name, size in there.items())
