"""A folder of one's own photos as a source: `flickrexif label`.

    <out>/data/train-folder.parquet    the nine published columns
    <out>/labels/train-folder.parquet  the full record, and two columns more: path and reason
    <out>/collection.json .huggingface.yaml

Every image file gets a row. No position, serial number or owner's name is read, so none is written: `owner` is the
outermost folder that a photo lies in, or its own name, so that splits can keep what belongs together.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.core.files import put
from flickrexif.dataset.build import TAG_COLUMNS, Collection, check_source, write_collection
from flickrexif.dataset.fingerprint import write_fingerprint
from flickrexif.dataset.parquet import FOLDERS, features, write_rows
from flickrexif.dataset.schema import FULL_COLUMNS, PUBLISHED_COLUMNS
from flickrexif.exif import label
from flickrexif.exif.files import UnreadablePhoto, read_photo
from flickrexif.exif.models import clean_model
from flickrexif.exif.tags import unusable

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = frozenset((".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".webp", ".heic", ".heif", ".hif"))
FILE_NAME = "train-folder.parquet"
BATCH = 4_096  # rows
FOLDER_COLUMNS = (
    Column("path", "string", "the file, relative to the folder"),
    Column(
        "reason",
        "string",
        "why there are no labels (not_an_image, not_found, not_readable, needs_pillow_heif, no_exif) or few "
        "(no_make_or_model, no_exposure_setting)",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRow:
    """One image file of the folder."""

    path: str  # relative to the folder, with /
    tags: Mapping[str, str]  # tag name -> raw string as ExifTool prints it
    width: int | None  # pixels as stored
    height: int | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReport:
    """What was labelled: files in all, and by reason those with no or few labels."""

    rows: int
    reasons: Mapping[str, int]
    written: tuple[Path, ...]


def photo_paths(folder: Path) -> list[Path]:
    """The image files in `folder` and the folders in it, sorted; hidden ones and links to folders are passed over."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        visible = (Path(root, name) for name in names if not name.startswith("."))
        found += [path for path in visible if path.suffix.lower() in SUFFIXES]
    return sorted(found)


def photos(folder: Path) -> Iterator[FolderRow]:
    """A row for every image file in `folder`, also for those that cannot be read."""
    return (_row(folder, path) for path in photo_paths(folder))


def label_folder(folder: Path, out: Path, progress: Callable[[int, int], None] | None = None) -> FolderReport:
    """Label the photos in `folder` and write the data set `out`; `progress(done, total)` is called for each photo.

    Raises UsageError when `folder` holds no photo or `out` another data set. The same photos give the same bytes.
    """
    import pyarrow as pa

    paths = check_folder(folder, out)
    schema = arrow_schema(FULL_COLUMNS + FOLDER_COLUMNS)
    records = _records(folder, paths, progress)
    tables = []
    while batch := list(islice(records, BATCH)):
        tables.append(pa.Table.from_pylist(batch, schema))
    table = pa.concat_tables(tables)
    reasons = Counter(reason for reason in table["reason"].to_pylist() if reason)
    return FolderReport(rows=len(paths), reasons=dict(sorted(reasons.items())), written=_write(table, out))


def check_folder(folder: Path, out: Path) -> list[Path]:
    """The photos in `folder`. UsageError when there is none, or `out` is another data set."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name the folder that your photos are in.")
    check_source(out, "folder", "--out")
    paths = photo_paths(folder)
    if not paths:
        raise UsageError(f"There is no photo in {folder}.", f"Looked for: {' '.join(sorted(SUFFIXES))}.")
    return paths


def _row(folder: Path, path: Path) -> FolderRow:
    # A name that is no UTF-8 keeps what can be read of it.
    name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
    try:
        photo = read_photo(path)
    except UnreadablePhoto as unreadable:
        return FolderRow(path=name, tags={}, width=None, height=None, reason=unreadable.reason)
    tags = dict(photo.tags)
    if model := clean_model(tags.get("Make"), tags.get("Model")):
        tags["Model"] = model  # some cameras glue their serial number to it
    return FolderRow(path=name, tags=tags, width=photo.width, height=photo.height, reason=unusable(tags))


def _records(folder: Path, paths: list[Path], progress: Callable[[int, int], None] | None) -> Iterator[dict[str, Any]]:
    for done, path in enumerate(paths, start=1):
        yield _record(_row(folder, path))
        if progress:
            progress(done, len(paths))


def _record(row: FolderRow) -> dict[str, Any]:
    """One row of the table; columns that only Flickr fills are missing."""
    taken = _taken(row.tags.get("DateTimeOriginal"))
    return {
        "Flickr ID": rank(0, "photo of a folder", row.path),  # stays when other photos come or go
        "owner": row.path.partition("/")[0],
        "date_taken": taken,
        "date_taken_granularity": None if taken is None else 0,
        "month": None if taken is None else f"{taken:%Y-%m}",
        "width": row.width,
        "height": row.height,
        **{column: row.tags.get(tag) for column, tag in TAG_COLUMNS.items()},
        **asdict(label(row.tags)),
        "exif_source": "file",
        "path": row.path,
        "reason": row.reason,
    }


def _taken(raw: str | None) -> datetime | None:
    try:
        return datetime.strptime(raw or "", "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _write(table: "pa.Table", out: Path) -> tuple[Path, ...]:
    written = []
    for config, columns in (("default", PUBLISHED_COLUMNS), ("labels", FULL_COLUMNS + FOLDER_COLUMNS)):
        path = out / FOLDERS[config] / FILE_NAME
        part = table.select([column.name for column in columns]).replace_schema_metadata(features(columns))
        put(path, partial(write_rows, table=part))
        written.append(path)
    for _, path in (write_collection(out, Collection(source="folder")), write_fingerprint(out)):
        written.append(path)
    return tuple(written)
