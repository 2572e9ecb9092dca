"""Raw photos to Parquet files, one a month.

    <root>/data/train-2024-08.parquet          the nine published columns
    <root>/labels/train-2024-08.parquet        the full record
    <root>/images/train-2024-08-00000.parquet  the images' bytes, when there are any
    <root>/collection.json

`flickrexif.cards.write_card` then writes the card, without which `load_dataset` takes the folder for half built.

The same photos give the same bytes, and a file whose bytes are already there is left as it is.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import partial
from itertools import pairwise
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flickrexif.core.columns import Column, arrow_schema
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import Outcome, put, put_text, remove, remove_unfinished
from flickrexif.core.parquet import write_rows
from flickrexif.core.photos import RawPhoto, Source
from flickrexif.core.versions import fields_of, versioned
from flickrexif.dataset.attribution import attribution
from flickrexif.dataset.images import StoredImage, write_images
from flickrexif.dataset.parquet import FILE_NAME, FOLDERS
from flickrexif.dataset.schema import FULL_COLUMNS, LABEL_COLUMNS, PUBLISHED_COLUMNS
from flickrexif.exif import label
from flickrexif.exif.labels import Labels

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "Then run `flickrexif build` again."
SIMULATED = "simulated_photos"  # the setting of a folder that says how many are in it; left out where none is


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The source of the photos, as in `collection.json`."""

    source: Source
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the crawl or of the folder; JSON values
    dates: tuple[str, str] | None = None  # first and last day of the collection, YYYY-MM-DD

    @property
    def origin(self) -> str:
        """Where the photos came from: the source, or "simulated" of a folder with photos of simulated cameras."""
        return "simulated" if self.settings.get(SIMULATED) else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """Rows and images of the months of a build, and its files: written, unchanged or removed."""

    root: Path  # the data set
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
    """Write the months given as ("YYYY-MM", its photos) into `root`.

    One month is in memory at a time. Months that are not given keep their files; a month without photos loses
    them. `images(month)` gives the month's images; those of photos without a row are left out. Without `images` the
    image files in the folder stay. Raises FlickrExifError for two photos of one id, a photo in the wrong month, an
    image file that is missing or changed, a full disk, or a folder with data of another source.
    """
    check_source(root, collection.source)
    remove_unfinished((root, *(root / name for name in FOLDERS.values())))
    rows: dict[str, int] = {}
    stored: Counter[str] = Counter()
    done = [write_collection(root, collection)]
    for month, month_photos in months:
        photos = _month(month, month_photos)
        rows[month] = len(photos)
        done += write_month(root, month, month_table(photos) if photos else None)
        if images is not None or not photos:
            ids = {photo.flickr_id for photo in photos}
            chosen = [image for image in images(month) if image.flickr_id in ids] if images is not None and ids else []
            stored[month] = len(chosen)
            done += write_images(root / FOLDERS["images"], month, chosen)
    return BuildReport(root=root, rows=rows, images=dict(stored), **outcomes(done))


def outcomes(done: Iterable[tuple[Outcome, Path]]) -> dict[Outcome, tuple[Path, ...]]:
    """The files that were written, unchanged and removed."""
    files: dict[Outcome, list[Path]] = {"written": [], "unchanged": [], "removed": []}
    for outcome, path in done:
        files[outcome].append(path)
    return {outcome: tuple(paths) for outcome, paths in files.items()}


# --- the rows of a month


def _month(month: str, unsorted: Iterable[RawPhoto]) -> list[RawPhoto]:
    """The photos of one month, sorted by id and checked."""
    if not FILE_NAME.fullmatch(f"train-{month}.parquet"):
        raise FlickrExifError(f"{month!r} is no month.", "Write it as YYYY-MM, for example 2024-08.")
    photos = sorted(unsorted, key=attrgetter("flickr_id"))
    for first, second in pairwise(photos):
        if first.flickr_id == second.flickr_id:
            raise FlickrExifError(f"Photo {first.flickr_id} comes twice in {month}.", "Give each photo once.")
    for photo in photos:
        if photo.month != month or (photo.date_taken or "")[:7] != month:
            taken = f"was taken {photo.date_taken} and is filed under {photo.month}"
            raise FlickrExifError(f"Photo {photo.flickr_id} {taken}.", f"Give {month} its own photos.")
    return photos


def _credit(photo: RawPhoto) -> str | None:
    if photo.license_id is None or photo.license is None:
        return None
    return attribution(
        title=photo.title,
        owner_name=photo.owner_name,
        owner=photo.owner,
        page_url=photo.page_url,
        license_id=photo.license_id,
        license_name=photo.license,
        license_url=photo.license_url or "",
    )


def _taken(photo: RawPhoto) -> datetime | None:
    if photo.date_taken is None:
        return None
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
        return [_strings(photo, name).get(tag) or None for photo in photos]
    if name in LABEL_NAMES:
        return list(map(attrgetter(name), labels))
    return list(map(PHOTO_VALUES.get(name) or attrgetter(name), photos))


def _strings(photo: RawPhoto, column: str) -> Mapping[str, str]:
    """The strings by tag that a column is of: as the source has them, or as ExifTool prints them."""
    return photo.raw if photo.raw is not None and column.endswith("_raw") else photo.exif


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

    labels = [label(photo.exif, photo.date_taken, photo.numbers) for photo in photos]
    schema = arrow_schema(FULL_COLUMNS)
    columns = (_array(c, _values(c.name, photos, labels), schema.field(c.name).type) for c in FULL_COLUMNS)
    return pa.Table.from_arrays(list(columns), schema=schema)


def write_month(root: Path, month: str, table: "pa.Table | None") -> Iterator[tuple[Outcome, Path]]:
    """Write the two row files of a month from its full records, sorted by id; without any, remove them."""
    for config, columns in (("default", PUBLISHED_COLUMNS), ("labels", FULL_COLUMNS)):
        path = root / FOLDERS[config] / f"train-{month}.parquet"
        if table is None:
            yield from remove([path])
            continue
        yield put(path, partial(write_rows, table=table, columns=columns))


# --- collection.json


def check_source(root: Path, source: Source, option: str = "--data-dir") -> None:
    """A folder holds photos of one source: simulated and real rows look alike. Raises FlickrExifError."""
    check_not_merged(root, option)
    existing = read_collection(root)
    if existing and existing.source != source:
        message = f"{root} holds photos of the source `{existing.source}`, these are of `{source}`."
        raise FlickrExifError(message, f"Name another folder with {option}.")


def check_not_merged(root: Path, option: str = "--data-dir") -> None:
    """Raise FlickrExifError for a merged data set: the next merge would remove photos built into it."""
    collection = read_collection(root)
    if collection and "merged" in collection.settings:
        message = f"{root} was merged from other data sets."
        raise FlickrExifError(message, f"Name another folder with {option}, then merge that one too.")


def read_collection(root: Path) -> Collection | None:
    """What `collection.json` says; None without one. Raises FlickrExifError for a bad file."""
    path = root / "collection.json"
    try:
        record = fields_of(json.loads(path.read_bytes()), path)
        source, settings, dates = record["source"], record.get("settings", {}), record.get("dates")
        right = isinstance(source, str) and isinstance(settings, dict)
        if dates is not None:
            dates = (date.fromisoformat(dates[0]).isoformat(), date.fromisoformat(dates[1]).isoformat())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        right = False
    if not right:
        raise FlickrExifError(f"{path} cannot be read.", f"Delete it. {AGAIN}")
    return Collection(source=cast(Source, source), settings=settings, dates=dates)


def write_collection(root: Path, collection: Collection) -> tuple[Outcome, Path]:
    """Write `collection.json`."""
    text = json.dumps(versioned(asdict(collection)), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    return put_text(root / "collection.json", text)
