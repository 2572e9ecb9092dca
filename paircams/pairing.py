"""Reads pairs of images from folders, from named files, from a manifest, or from a published data set.

    <source>/<subject>/<two images>
    <source>/<subject>_<camera>.<ext>        split at the last underscore
    <manifest>.csv                           subject,file,side; files relative to the manifest, side may be empty
    a folder of Parquet files, or the name of a data set on the Hub: columns image, subject_idx and model

All files are read, and all faults are reported at once.
"""

import csv
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from flickrexif.core.addresses import check_data_set, data_set_address, expanded, image_of_row
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.image_files import RAW, files, is_image
from flickrexif.core.pictures import BadPicture, open_picture, suffixes
from flickrexif.exif import label
from flickrexif.exif.dates import read_date
from flickrexif.exif.files import PhotoFile, photo_of
from flickrexif.paircams.protocol import SIDES, Camera, model_key, read_cameras, side_of
from flickrexif.paircams.records import PairImage, Problem, Side
from flickrexif.paircams.scrub import kind_of, scrub
from flickrexif.paircams.scrub_exif import Unscrubbable

FORMATS = ("JPEG", "PNG", "HEIF")
READABLE = suffixes(*FORMATS)
DATA_SET = re.compile(r"[\w.-]+/[\w.-]+")
MANIFEST_COLUMNS = ("subject", "file")
LAYOUTS = (
    "Give a folder of <subject>/<two images> or <subject>_<camera>.jpg, a CSV file with subject,file,side, or a data "
    "set such as CTU-OU/PairCams."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One image that a source names, before it is read."""

    subject: str
    file: str
    read: Callable[[], bytes]
    path: Path | None = None
    side: Side | None = None  # None: the source does not say
    model: str | None = None


class Listing(NamedTuple):
    """The images that a source names, and the faults in how it names them."""

    entries: list[Entry]
    problems: list[Problem]


def read_pairs(
    source: str | Path, cameras: Path | None = None, progress: Callable[[int, int], None] | None = None
) -> tuple[list[PairImage], list[Problem]]:
    """The readable images of `source`, sorted by subject, phone first, and all its faults (protocol.FAULTS).

    `cameras`: a table that adds to the package's own, see `read_cameras`. Every image is decoded once. An image whose
    side is unknown is only among the faults. Raises UsageError when `source` is not of a form named above.
    """
    table = read_cameras(cameras)
    listing = _listing(source)
    images: list[PairImage] = []
    problems = list(listing.problems)
    for done, entry in enumerate(listing.entries, start=1):
        outcome = _image(entry, table)
        (images if isinstance(outcome, PairImage) else problems).append(outcome)  # type: ignore[arg-type]
        if progress:
            progress(done, len(listing.entries))
    problems += _structure(listing.entries, images)
    return sorted(images, key=lambda image: (natural_key(image.subject), image.side == "camera")), sorted(problems)


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """A sort key that puts 9 before 10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(part)) if part.isdecimal() and len(part) < 1_000 else (1, part) for part in parts)


# --- what a source names


def check_source(source: str | Path) -> None:
    """UsageError for what is no folder, no manifest and no name of a data set."""
    path = expanded(source)
    is_name = not path.exists() and DATA_SET.fullmatch(str(source))
    if not (path.is_dir() or path.suffix.lower() == ".csv" or is_name):
        raise UsageError(f"There is no source {source}.", LAYOUTS)


def _listing(source: str | Path) -> Listing:
    check_source(source)
    path = expanded(source)
    if path.is_dir():
        listing = _data_set(str(path)) if _is_data_set(path) else _folder(path)
    elif path.suffix.lower() == ".csv":
        listing = _manifest(path)
    else:
        listing = _data_set(str(source))
    if not listing.entries and not listing.problems:
        raise UsageError(f"There is no image in {source}.", LAYOUTS)
    return listing


def _is_data_set(folder: Path) -> bool:
    return any(any(place.glob("*.parquet")) for place in (folder, folder / "data"))


def _folder(root: Path) -> Listing:
    """The images of a folder in either layout; hidden files and files that are not photos are ignored."""
    listing = Listing([], [])
    for path in sorted(root.iterdir(), key=lambda path: natural_key(path.name)):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            _subject_folder(path, listing)
        elif _is_photo(path):
            subject, joint, camera = path.stem.rpartition("_")
            if joint and subject and camera:
                listing.entries.append(_file(subject, path, path.name, SIDES.get(camera.lower()), camera))
            else:
                detail = "name it <subject>_<camera>, or put it into a folder of its subject"
                listing.problems.append(_problem("", path.name, "unplaced", detail))
    return listing


def _subject_folder(folder: Path, listing: Listing) -> None:
    photos = [path for path in sorted(folder.rglob("*")) if _is_photo(path)]
    for path in photos:
        name = path.relative_to(folder.parent).as_posix()
        if path.parent == folder:
            listing.entries.append(_file(folder.name, path, name, SIDES.get(path.stem.lower()), None))
        else:
            listing.problems.append(_problem(folder.name, name, "unplaced", "it lies in a folder within the subject's"))
    if not photos:
        listing.problems.append(_problem(folder.name, "", "two_images", "no image"))


def _is_photo(path: Path) -> bool:
    """Whether it is an image or a camera's raw file; those of other formats than FORMATS are faults, not ignored."""
    return not path.name.startswith(".") and not path.is_dir() and _is_named(str(path))


def _is_named(path: str) -> bool:
    return is_image(path) or Path(path).suffix.lower() in RAW


def passed_over(source: str | Path) -> Counter[str]:
    """The files in a folder of pairs that are no photos, by kind; empty for other sources."""
    path = expanded(source)
    if not path.is_dir() or _is_data_set(path):
        return Counter()
    return Counter(kind for _, kind in files(path, is_wanted=_is_named) if kind)


def _file(subject: str, path: Path, name: str, side: Side | None, model: str | None) -> Entry:
    return Entry(subject=subject, file=name, read=path.read_bytes, path=path, side=side, model=model)


def _manifest(path: Path) -> Listing:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            rows = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"The manifest {path} cannot be read ({error}).", LAYOUTS) from None
    if missing := [name for name in MANIFEST_COLUMNS if name not in columns]:
        raise UsageError(f"The manifest {path} has no column {' and no column '.join(missing)}.", LAYOUTS)
    listing = Listing([], [])
    for line, row in rows:
        subject, name, side = ((row.get(column) or "").strip() for column in ("subject", "file", "side"))
        file = path.parent / name
        if not subject or not name or side.lower() not in SIDES or "\0" in name:
            detail = f"line {line}: it needs a subject, a file and, if any, the side phone or camera"
            listing.problems.append(_problem(subject, name, "bad_manifest", detail))
            continue
        listing.entries.append(_file(subject, file, name, SIDES[side.lower()], None))
    return listing


def _data_set(name: str) -> Listing:
    """The rows of a data set; a numeric `model` is 1 for phone and 0 for camera, as in published embedding files."""
    import datasets

    check_data_set(name, LAYOUTS)
    try:
        rows = datasets.load_dataset(data_set_address(name), split="train")
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise FlickrExifError(f"The data set {name} cannot be loaded ({str(error)[:200]}).", LAYOUTS) from None
    columns = set(rows.column_names)
    if missing := {"image", "subject_idx", "model"} - columns:
        raise UsageError(f"The data set {name} has no column {', '.join(sorted(missing))}.", LAYOUTS)
    kind = rows.features["model"]
    small = rows.select_columns([column for column in ("subject_idx", "model", "side") if column in columns])
    images = rows.select_columns(["image"]).cast_column("image", datasets.Image(decode=False))
    entries = []
    for number, row in enumerate(small):
        model = kind.int2str(row["model"]) if hasattr(kind, "int2str") else row["model"]
        coded: dict[object, Side] = {1: "phone", 0: "camera"}
        entries.append(
            Entry(
                subject=str(row["subject_idx"]),
                file=f"row {number}",
                read=partial(_cell, images, number, name),
                side=SIDES.get(str(row.get("side") or "")) or coded.get(model),
                model=model if isinstance(model, str) else None,
            )
        )
    return Listing(entries, [])


def _cell(images: Any, number: int, name: str) -> bytes:
    return image_of_row(images[number]["image"], name) or b""


# --- one image


def _image(entry: Entry, cameras: Mapping[str, Camera]) -> PairImage | Problem:
    """Read and decode an image and try to scrub it; a Problem when any of that fails."""
    problem = partial(_problem, entry.subject, entry.file)
    if entry.path is not None and not entry.path.is_file():  # a pipe too: reading it might never end
        return problem("no_such_file", "there is no such file")
    try:
        data = entry.read()
    except OSError as error:
        return problem("unreadable", error.strerror or str(error))
    if kind_of(data) is None:
        readable_kind = entry.path is None or entry.path.suffix.lower() in READABLE
        return problem("unreadable", "it is no image") if readable_kind else problem("unsupported", "export it as JPEG")
    try:
        photo, turn = _decoded(data)
        scrub(data)
    except BadPicture as bad:
        return problem("unreadable", f"{bad.reason}: {bad.detail or bad.hint}")
    except Unscrubbable as error:
        return problem("private", error.why)
    return _described(entry, data, photo, turn, cameras) or problem(
        "side_unknown", "name the side in a manifest, or the model in a table for --cameras"
    )


def _described(
    entry: Entry, data: bytes, photo: PhotoFile, orientation: int, cameras: Mapping[str, Camera]
) -> PairImage | None:
    """The image with its facts from file, source and table; None when its side is unknown."""
    source_model = entry.model if entry.path is None or model_key(entry.model or "") in cameras else None
    model = (source_model if entry.path is None else None) or photo.tags.get("Model") or source_model
    camera = cameras.get(model_key(model or "")) or cameras.get(model_key(source_model or ""))
    make = photo.tags.get("Make") or (camera.make if camera else None)
    named = {name: text for name, text in (("Make", make), ("Model", model)) if text}
    labels = label({**photo.tags, **named})
    side = entry.side or side_of(camera, labels.device_category)
    if side is None:
        return None
    return PairImage(
        subject=entry.subject,
        path=entry.path,
        read=entry.read,
        file_name=entry.file,
        side=side,
        make=make,
        model=model,
        device_category=labels.device_category,
        released=camera.released if camera else None,
        tags=photo.tags,
        taken=read_date(photo.tags.get("DateTimeOriginal")).time,
        width=photo.width,
        height=photo.height,
        orientation=orientation,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _decoded(data: bytes) -> tuple[PhotoFile, int]:
    """The file's tags and size, and its Exif orientation; decodes all of it, a JPEG at an eighth of its size."""
    picture = open_picture(data, FORMATS)
    if isinstance(picture, BadPicture):
        raise picture
    image = picture.decode(least=(picture.width // 8, picture.height // 8))
    if isinstance(image, BadPicture):
        raise image
    return photo_of(picture), picture.orientation


# --- subjects


def _structure(entries: Sequence[Entry], images: Sequence[PairImage]) -> Iterator[Problem]:
    """Faults of whole subjects; images that could not be read still count."""
    named: defaultdict[str, list[Entry]] = defaultdict(list)
    seen: defaultdict[str, list[PairImage]] = defaultdict(list)
    for entry in entries:
        named[entry.subject].append(entry)
    for image in images:
        seen[image.subject].append(image)
    for subject, subject_entries in named.items():
        if len(subject_entries) != 2:
            files = ", ".join(entry.file for entry in subject_entries[:6])
            yield _problem(
                subject, "", "two_images", f"{len(subject_entries)} image{'s' * (len(subject_entries) > 1)}: {files}"
            )
        elif len(seen[subject]) == 2:
            yield from _sides(subject, *seen[subject])


def _sides(subject: str, first: PairImage, second: PairImage) -> Iterator[Problem]:
    if first.model and model_key(first.model) == model_key(second.model or ""):
        yield _problem(subject, "", "two_cameras", f"both are of {first.model}")
    elif first.side == second.side:
        models = f"{first.model or 'unknown'} and {second.model or 'unknown'}"
        yield _problem(subject, "", "one_a_side", f"both are of a {first.side}: {models}")


def _problem(subject: str, file: str, rule: str, detail: str) -> Problem:
    return Problem(subject=subject, file=file, rule=rule, detail=detail[:200])
