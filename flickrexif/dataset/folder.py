"""Photos of a folder to Parquet files: what `flickrexif label` writes.

    <out>/data/train-folder.parquet    the nine published columns
    <out>/labels/train-folder.parquet  the full record, and two columns more: path and reason
    <out>/images/train-folder-*.parquet  the images: links to the files (bytes null, path absolute), or copies
    <out>/collection.json

Every image file gets a row. `owner` is whoever counts as the photographer (`flickrexif.collectors.owners`).
"""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import put, remove
from flickrexif.core.kinds import SIMULATED_CAMERA
from flickrexif.core.parquet import Row, is_linked, link_digest, read_columns, runs, schema_of, write_images, write_rows
from flickrexif.core.photos import FolderPhoto
from flickrexif.dataset.build import SIMULATED, TAG_COLUMNS, Collection, read_collection, write_collection
from flickrexif.dataset.images import SHARD_BYTES
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.schema import FULL_COLUMNS, IMAGE_COLUMNS, PUBLISHED_COLUMNS
from flickrexif.exif import label
from flickrexif.exif.dates import read_date

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


Images = Literal["link", "copy", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderReport:
    """Labelled files in all, and how many have no or few labels, or no image, by reason; and who took them."""

    rows: int
    reasons: Mapping[str, int]
    written: tuple[Path, ...]
    without_image: Mapping[str, int]
    photographers: Mapping[str, int]  # -> photos
    owners: str  # in words, who counts as the photographer
    passed_over: Mapping[str, int] = field(default_factory=dict)  # kind -> files that are no images


def write_folder(
    photos: Iterable[FolderPhoto],
    out: Path,
    owners: str,
    images: Images,
    clean: Callable[[bytes], bytes | None],
) -> FolderReport:
    """Label `photos` and write the data set `out`. The same photos give the same bytes.

    `owners` says in words who counts as the photographer, for the card. With `images="copy"` the bytes
    of the files are stored as `clean` returns them, None for a file that it cannot clean; with "link" their places are.
    """
    import pyarrow as pa

    schema = arrow_schema(FULL_COLUMNS + FOLDER_COLUMNS)
    tables: list[pa.Table] = []
    records: list[Row] = []
    without_image = Counter[str]()

    def image_rows() -> Iterator[Row]:
        for photo in photos:
            records.append(_record(photo))
            if len(records) == BATCH:
                tables.append(pa.Table.from_pylist(records, schema))
                records.clear()
            if images != "none":
                row = _image_row(photo, clean if images == "copy" else None)
                if isinstance(row, str):
                    without_image[row] += 1
                else:
                    yield row

    collection = Collection(source="folder", settings={"owners": owners, "images": images})
    written = [write_collection(out, collection)[1], *_write_images(image_rows(), out / FOLDERS["images"])]
    table = pa.concat_tables([*tables, pa.Table.from_pylist(records, schema)])
    if simulated := table["software_raw"].to_pylist().count(SIMULATED_CAMERA):
        write_collection(out, replace(collection, settings={**collection.settings, SIMULATED: simulated}))
    for config, columns in (("default", PUBLISHED_COLUMNS), ("labels", FULL_COLUMNS + FOLDER_COLUMNS)):
        path = out / FOLDERS[config] / FILE_NAME
        written.append(put(path, partial(write_rows, table=table, columns=columns))[1])
    reasons = Counter(reason for reason in table["reason"].to_pylist() if reason)
    return FolderReport(
        rows=len(table),
        reasons=dict(sorted(reasons.items())),
        written=tuple(written),
        without_image=without_image,
        photographers=Counter(table["owner"].to_pylist()),
        owners=owners,
    )


def check_links(folder: Path, files: Iterable[Path]) -> None:
    """FlickrExifError where a photo that the data set links to is gone, or no longer the one that was labelled.

    `files` are those of the images.
    """
    collection = read_collection(folder)
    if collection is None or collection.settings.get("images") != "link":
        return
    for table in read_columns(files, ["image", "sha256"]):
        for row in table.to_pylist():
            check_link(row)


def check_link(row: Row) -> None:
    """As `check_links`, of a row of the images; nothing is read where the image itself is stored."""
    if row["image"]["bytes"] is None and not is_linked(Path(row["image"]["path"]), row["sha256"]):
        message = f"{row['image']['path']} is gone, or no longer the photo that was labelled."
        raise FlickrExifError(message, "Label the photos again: flickrexif label FOLDER --out DATA_SET.")


def photo_id(path: str) -> int:
    """The number that stands for a photo in the column `Flickr ID`: it stays when other photos come or go."""
    return rank(0, "photo of a folder", path)


def _record(photo: FolderPhoto) -> dict[str, Any]:
    """The row of a photo; columns that only Flickr fills are missing."""
    taken = read_date(photo.tags.get("DateTimeOriginal"))
    return {
        "Flickr ID": photo_id(photo.path),
        "owner": photo.owner,
        "date_taken": taken.time,
        "date_taken_granularity": 0 if taken.to_the_second else None,
        "month": taken.month,
        "width": photo.width,
        "height": photo.height,
        "orientation": photo.orientation,
        **{column: photo.tags.get(tag) for column, tag in TAG_COLUMNS.items()},
        **asdict(label(photo.tags, numbers=photo.numbers)),
        "exif_source": "file",
        "path": photo.path,
        "reason": photo.reason,
    }


def _image_row(photo: FolderPhoto, clean: Callable[[bytes], bytes | None] | None) -> Row | str:
    """The image of a photo: a copy with `clean`, else a link; or why there is none."""
    if photo.width is None:
        return "not an image"
    if clean is None and not _is_utf8(photo.file):
        return "its name is not UTF-8"
    try:
        stored = clean(photo.file.read_bytes()) if clean else None
        digest = hashlib.sha256(stored).hexdigest() if stored else link_digest(photo.file)
    except OSError:
        return "cannot be read"
    if clean and stored is None:
        return "private metadata cannot be taken out"
    return {
        "Flickr ID": photo_id(photo.path),
        "image": {"bytes": stored, "path": photo.file.name if clean else str(photo.file)},
        "sha256": digest,
        "width": photo.width,
        "height": photo.height,
        "image_size": None,
    }


def _is_utf8(path: Path) -> bool:
    return str(path).isascii() or os.fsencode(path).decode("utf-8", "replace") == str(path)


def _write_images(rows: Iterator[Row], folder: Path) -> Iterator[Path]:
    """Write shards of about SHARD_BYTES, and remove those of an earlier call that are left over."""
    stale = set(folder.glob("train-*.parquet"))
    schema = schema_of(IMAGE_COLUMNS)
    for number, shard in enumerate(runs(rows, SHARD_BYTES)):
        path = folder / f"{Path(FILE_NAME).stem}-{number:05}.parquet"
        yield put(path, partial(write_images, schema=schema, rows=shard))[1]
        stale.discard(path)
    remove(sorted(stale))
