"""Photos of a folder to Parquet files: what `flickrexif label` writes.

    <out>/data/train-folder.parquet    the nine published columns
    <out>/labels/train-folder.parquet  the full record, and two columns more: path and reason
    <out>/collection.json

Every image file gets a row. `owner` is the outermost folder that a photo lies in, or its own name, so that splits can
keep what belongs together.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.draws import rank
from flickrexif.core.files import put
from flickrexif.core.parquet import write_rows
from flickrexif.core.photos import FolderPhoto
from flickrexif.dataset.build import TAG_COLUMNS, Collection, write_collection
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.schema import FULL_COLUMNS, PUBLISHED_COLUMNS
from flickrexif.exif import label
from flickrexif.exif.settings import time_taken

if TYPE_CHECKING:
    import pyarrow as pa

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
class FolderReport:
    """Labelled files in all, and how many have no or few labels, by reason."""

    rows: int
    reasons: Mapping[str, int]
    written: tuple[Path, ...]


def write_folder(photos: Iterable[FolderPhoto], out: Path) -> FolderReport:
    """Label `photos` and write the data set `out`. The same photos give the same bytes."""
    import pyarrow as pa

    schema = arrow_schema(FULL_COLUMNS + FOLDER_COLUMNS)
    records = map(_record, photos)
    tables = []
    while batch := list(islice(records, BATCH)):
        tables.append(pa.Table.from_pylist(batch, schema))
    table = pa.concat_tables(tables)
    reasons = Counter(reason for reason in table["reason"].to_pylist() if reason)
    return FolderReport(rows=len(table), reasons=dict(sorted(reasons.items())), written=_write(table, out))


def _record(photo: FolderPhoto) -> dict[str, Any]:
    """The row of a photo; columns that only Flickr fills are missing."""
    taken = time_taken(photo.tags.get("DateTimeOriginal"))
    return {
        "Flickr ID": rank(0, "photo of a folder", photo.path),  # stays when other photos come or go
        "owner": photo.path.partition("/")[0],
        "date_taken": taken,
        "date_taken_granularity": None if taken is None else 0,
        "month": None if taken is None else f"{taken:%Y-%m}",
        "width": photo.width,
        "height": photo.height,
        **{column: photo.tags.get(tag) for column, tag in TAG_COLUMNS.items()},
        **asdict(label(photo.tags)),
        "exif_source": "file",
        "path": photo.path,
        "reason": photo.reason,
    }


def _write(table: "pa.Table", out: Path) -> tuple[Path, ...]:
    written = [write_collection(out, Collection(source="folder"))[1]]
    for config, columns in (("default", PUBLISHED_COLUMNS), ("labels", FULL_COLUMNS + FOLDER_COLUMNS)):
        path = out / FOLDERS[config] / FILE_NAME
        put(path, partial(write_rows, table=table, columns=columns))
        written.append(path)
    return tuple(written)
