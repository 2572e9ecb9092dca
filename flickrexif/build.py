"""Raw photos to Parquet files, one a month, and the card that describes them.

    <root>/data/train-2024-08.parquet          the nine published columns
    <root>/labels/train-2024-08.parquet        the full record
    <root>/images/train-2024-08-00000.parquet  the images' bytes, when there are any
    <root>/README.md collection.json .huggingface.yaml

The same photos give the same bytes, and a file whose bytes are already there is left as it is.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.attribution import attribution
from flickrexif.build_images import StoredImage, write_images
from flickrexif.card import FOLDERS, Source, card
from flickrexif.errors import FlickrExifError
from flickrexif.exif import label
from flickrexif.parquet import FILE_NAME, features, parquet_files
from flickrexif.schema import (
    FULL_COLUMNS,
    LABEL_COLUMNS,
    PUBLISHED_COLUMNS,
    Column,
    Labels,
    RawPhoto,
    arrow_schema,
)
from flickrexif.whole import Outcome, put, put_text, remove, remove_unfinished

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "Then run `flickrexif build` again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Where the photos came from, as `collection.json` tells it."""

    source: Source
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the crawl or of the folder; JSON values
    dates: tuple[str, str] | None = None  # first and last day of the collection, YYYY-MM-DD


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What one build did: rows and images of the months it was given, files by what became of them."""

    rows: Mapping[str, int]
    images: Mapping[str, int]
    written: tuple[Path, ...]
    unchanged: tuple[Path, ...]
    removed: tuple[Path, ...]


def build(
    months: Iterable[tuple[str, Iterable[RawPhoto]]],
    root: Path,
    collection: Collection,
    images: Callable[[str], Iterable[StoredImage]] | None = None,
) -> BuildReport:
    """Write the months given as ("YYYY-MM", its photos), then the card of all the months that `root` holds.

    One month is in memory at a time. Months that are not given keep their files; a month without photos loses
    them. `images(month)` names the month's image files; those of photos without a row are left out. Without
    `images` the image files that are there stay. Raises FlickrExifError for two photos of one id, a photo in the
    wrong month, an image file that is missing or changed, a full disk, or a folder with data of another source.
    """
    _check_source(root, collection.source)
    remove_unfinished((root, *(root / name for name in FOLDERS.values())))
    rows: dict[str, int] = {}
    stored: Counter[str] = Counter()
    done = [_write_collection(root, collection)]
    for month, found in months:
        photos = _month(month, found)
        rows[month] = len(photos)
        done += _write_rows(root, month, photos)
        if images is not None or not photos:
            ids = {photo.flickr_id for photo in photos}
            chosen = [image for image in images(month) if image.flickr_id in ids] if images is not None and ids else []
            stored[month] = len(chosen)
            done += write_images(root / FOLDERS["images"], month, chosen)
    done += _describe(root, collection)
    files: dict[Outcome, list[Path]] = {"written": [], "unchanged": [], "removed": []}
    for outcome, path in done:
        files[outcome].append(path)
    return BuildReport(rows=rows, images=dict(stored), **{kind: tuple(paths) for kind, paths in files.items()})


# --- the rows of a month


def _month(month: str, found: Iterable[RawPhoto]) -> list[RawPhoto]:
    """The photos of one month, sorted by id and checked."""
    if not FILE_NAME.fullmatch(f"train-{month}.parquet"):
        raise FlickrExifError(f"{month!r} is no month.", "Write it as YYYY-MM, for example 2024-08.")
    photos = sorted(found, key=attrgetter("flickr_id"))
    for first, second in pairwise(photos):
        if first.flickr_id == second.flickr_id:
            raise FlickrExifError(f"Photo {first.flickr_id} comes twice in {month}.", "Give each photo once.")
    for photo in photos:
        if photo.month != month or photo.date_taken[:7] != month:
            taken = f"was taken {photo.date_taken} and is filed under {photo.month}"
            raise FlickrExifError(f"Photo {photo.flickr_id} {taken}.", f"Give {month} its own photos.")
    return photos


def _credit(photo: RawPhoto) -> str:
    return attribution(
        title=photo.title,
        owner_name=photo.owner_name,
        owner=photo.owner,
        page_url=photo.page_url,
        license_id=photo.license_id,
        license_name=photo.license,
        license_url=photo.license_url,
    )


def _taken(photo: RawPhoto) -> datetime:
    with suppress(ValueError):
        taken = datetime.fromisoformat(photo.date_taken)
        if taken.tzinfo is None and str(taken) == photo.date_taken:  # no zone, and no other way to write it
            return taken
    message = f"Photo {photo.flickr_id} has no date that exists: {photo.date_taken[:30]!r}."
    raise FlickrExifError(message, "Leave it out or write its date as YYYY-MM-DD HH:MM:SS.")


# Exif tag behind each column of raw strings.
TAG_COLUMNS = {
    "Make": "Make",
    "Model": "Model",
    "Exposure": "ExposureTime",
    "Aperture": "FNumber",
    "ISO Speed": "ISO",
    "Focal Length": "FocalLength",
    "make_raw": "Make",
    "model_raw": "Model",
    "exposure_raw": "ExposureTime",
    "aperture_raw": "FNumber",
    "iso_raw": "ISO",
    "focal_length_raw": "FocalLength",
    "focal_length_35mm_raw": "FocalLengthIn35mmFormat",
    "flash_raw": "Flash",
    "exposure_program_raw": "ExposureProgram",
    "exposure_mode_raw": "ExposureMode",
    "white_balance_raw": "WhiteBalance",
    "date_time_original_raw": "DateTimeOriginal",
    "lens_model_raw": "LensModel",
    "file_source_raw": "FileSource",
    "software_raw": "Software",
}
# Columns that are not a field of the same name of RawPhoto.
PHOTO_VALUES: dict[str, Callable[[RawPhoto], object]] = {
    "Flickr ID": attrgetter("flickr_id"),
    "url": attrgetter("image_url"),
    "attribution": _credit,
    "date_taken": _taken,
}
LABEL_NAMES = frozenset(column.name for column in LABEL_COLUMNS) & frozenset(Labels.__dataclass_fields__)


def _values(name: str, photos: Sequence[RawPhoto], labels: Sequence[Labels]) -> list[Any]:
    """One column of a month."""
    if tag := TAG_COLUMNS.get(name):
        return [photo.exif.get(tag) or None for photo in photos]
    if name in LABEL_NAMES:
        return list(map(attrgetter(name), labels))
    return list(map(PHOTO_VALUES.get(name) or attrgetter(name), photos))


def _array(column: Column, values: list[Any], type_: "pa.DataType") -> "pa.Array":
    import pyarrow as pa

    try:
        return pa.array(values, type_)
    except UnicodeEncodeError:  # half a surrogate pair: a stranger's JSON can carry it, Parquet cannot
        whole = (value and value.encode("utf-8", "replace").decode() for value in values)
        return pa.array(list(whole), type_)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        message = f"A value of column `{column.name}` does not fit {column.type}: {error}."
        raise FlickrExifError(message, "Leave that photo out.") from None


def month_table(photos: Sequence[RawPhoto]) -> "pa.Table":
    """The full record (FULL_COLUMNS) of photos, with the labels made from their raw Exif."""
    import pyarrow as pa

    labels = [label(photo.exif, photo.date_taken) for photo in photos]
    schema = arrow_schema(FULL_COLUMNS)
    columns = (_array(c, _values(c.name, photos, labels), schema.field(c.name).type) for c in FULL_COLUMNS)
    return pa.Table.from_arrays(list(columns), schema=schema)


def _write_rows(root: Path, month: str, photos: Sequence[RawPhoto]) -> Iterator[tuple[Outcome, Path]]:
    import pyarrow.parquet as pq

    table = month_table(photos) if photos else None
    for config, columns in (("default", PUBLISHED_COLUMNS), ("labels", FULL_COLUMNS)):
        path = root / FOLDERS[config] / f"train-{month}.parquet"
        if table is None:
            yield from remove([path])
            continue
        part = table.select([c.name for c in columns]).replace_schema_metadata(features(columns))
        yield put(path, partial(pq.write_table, part, compression="zstd"))


# --- what describes the folder


def _check_source(root: Path, source: Source) -> None:
    """A folder holds photos of one source: simulated rows among real ones could not be told apart."""
    path = root / "collection.json"
    try:
        there = json.loads(path.read_bytes())["source"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        raise FlickrExifError(f"{path} cannot be read.", f"Delete it. {AGAIN}") from None
    if there != source:
        message = f"{root} holds photos of the source `{there}`, these are of `{source}`."
        raise FlickrExifError(message, "Name another folder with --data-dir, or delete that one.")


def _write_collection(root: Path, collection: Collection) -> tuple[Outcome, Path]:
    text = json.dumps(asdict(collection), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return put_text(root / "collection.json", text)


def _describe(root: Path, collection: Collection) -> Iterator[tuple[Outcome, Path]]:
    """The card and the fingerprint of all the months in the folder."""
    # `datasets` caches a local folder under a hash of its front matter, not of its files: without this file it
    # would go on serving the rows of an earlier build.
    info = f"dataset_info:\n- config_name: default\n  description: 'sha256 {_fingerprint(root)}'\n"
    yield put_text(root / ".huggingface.yaml", info)
    rows, images = _counts(root, "default"), _counts(root, "images")
    text = card(source=collection.source, dates=collection.dates, rows=rows, images=images)
    yield put_text(root / "README.md", text)


def _counts(root: Path, config: str) -> dict[str, int]:
    """Rows a month in the files of one config."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts: Counter[str] = Counter()
    for month, path in parquet_files(root, config):
        try:
            counts[month] += pq.read_metadata(path).num_rows
        except (pa.ArrowInvalid, OSError):
            raise FlickrExifError(f"{path} is no whole Parquet file.", f"Delete it. {AGAIN}") from None
    return dict(counts)


def _fingerprint(root: Path) -> str:
    """A hash of names and contents; of image files, which are large, only the footer (sizes and bounds)."""
    digest = hashlib.sha256()
    for config in FOLDERS:
        for _, path in parquet_files(root, config):
            digest.update(f"{config}/{path.name}".encode())
            digest.update(_footer(path) if config == "images" else path.read_bytes())
    return digest.hexdigest()


def _footer(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-8, 2)  # a Parquet file ends with its metadata, the metadata's length and "PAR1"
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, 2)
        return file.read()
