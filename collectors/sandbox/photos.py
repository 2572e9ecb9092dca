"""A folder of real photos as a population: their Exif is read from the files, their smaller sizes are made."""

import io
import os
import re
import struct
import warnings
import zlib
from bisect import bisect_left, bisect_right
from calendar import timegm
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from flickrexif.collectors.sandbox.images import pixels
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.exif.files import read_tags

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".heic", ".heif"))
LICENSE = 4
DAY = 86_400
JPEG_QUALITY = 90
EXIF_IFD, MODIFY_DATE, CREATE_DATE, ORIENTATION = 0x8769, 306, 36868, 274
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Exif's orientation -> Pillow's Image.Transpose
# What a broken file makes Pillow raise besides OSError.
_BROKEN = (SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, struct.error, zlib.error)
_OPENING = Lock()
IFD0_TAGS = frozenset(("Make", "Model", "Software", "ModifyDate", "Orientation"))
# Flickr's labels where they are not the tag's name in words
LABELS = {
    "ExposureTime": "Exposure",
    "FNumber": "Aperture",
    "ISO": "ISO Speed",
    "DateTimeOriginal": "Date and Time (Original)",
    "FocalLengthIn35mmFormat": "Focal Length (35mm format)",
}


class PhotoFile(NamedTuple):
    """A file that is served, and its tags."""

    path: Path
    tags: Mapping[str, str]
    orientation: int  # Exif's, 1 to 8
    jfif: str | None  # version of its JFIF header


class FolderPopulation:
    """The photos in `folder` and the folders within it. Raises UsageError when there is none.

    A photo in a sub-folder belongs to the owner named after that folder (the outermost one). Loose files each have an
    owner of their own: nothing says that one person took them, and a cap per owner must not thin them out. `skipped`:
    path within the folder -> why that file is not served.
    """

    name = "photos"

    def __init__(self, folder: Path) -> None:
        self.skipped: dict[str, str] = {}
        self._files: dict[int, PhotoFile] = {}
        paths = _files(folder, lambda error: self._skip(Path(error.filename).relative_to(folder), error))
        photos = [photo for path in paths if (photo := self._read(folder, path))]
        if not photos:
            raise UsageError(f"There is no readable photo in {folder}.", "Name a folder with JPEG files.")
        self._photos = sorted(photos, key=lambda photo: (photo.taken, photo.id))
        self._taken = [photo.taken for photo in self._photos]
        self._by_id = {photo.id: photo for photo in photos}

    def taken_between(self, first: datetime, last: datetime) -> Sequence[SandboxPhoto]:
        """The photos taken in [first, last], sorted by (taken, id)."""
        return self._photos[bisect_left(self._taken, first) : bisect_right(self._taken, last)]

    def photo(self, photo_id: int) -> SandboxPhoto | None:
        """The photo of that id, or None."""
        return self._by_id.get(photo_id)

    def exif(self, photo: SandboxPhoto) -> list[Mapping[str, Any]]:
        """The file's tags as getExif lists them; a file without Exif has at most its JFIF version."""
        file = self._files[photo.id]
        if not file.tags and file.jfif:
            return [_entry("JFIF", "JFIFVersion", file.jfif)]
        return [_entry(_tagspace(tag), tag, raw) for tag, raw in file.tags.items()]

    def image(self, photo: SandboxPhoto, size: str) -> bytes:
        """The file's own bytes (o), or a JPEG without Exif, turned upright (l, c, z, m). Raises OSError."""
        file = self._files[photo.id]
        dimensions = pixels(photo, size)
        if size == "o" or dimensions is None:
            return file.path.read_bytes()
        return _resized(file, dimensions)

    def _read(self, folder: Path, path: Path) -> SandboxPhoto | None:
        relative = path.relative_to(folder)
        if path.suffix.lower() not in SUFFIXES or not path.is_file():
            self._skip(relative, "not a photo")
            return None
        try:
            tags, modified = read_tags(path), path.stat().st_mtime
            with _opened(path) as image:
                exif, size = _exif(image), image.size
                jfif = image.info.get("jfif_version")
        except (FlickrExifError, OSError) as error:
            self._skip(relative, error)
            return None
        photo_id = self._new_id(_text(relative))
        orientation = _orientation(exif)
        version = f"{jfif[0]}.{jfif[1]:02d}" if jfif else None
        self._files[photo_id] = PhotoFile(path, tags, orientation, version)
        upright = size if orientation < 5 else (size[1], size[0])
        return _photo(photo_id, relative, _taken(tags, exif), modified, upright)

    def _skip(self, relative: Path, reason: object) -> None:
        self.skipped[str(relative)] = str(reason)

    def _new_id(self, name: str) -> int:
        """An id that stays the same as long as the file's path within the folder does."""
        photo_id = 10**14 + rank(0, "photo id", name) % 10**14
        while photo_id in self._files:
            photo_id += 1
        return photo_id


def _files(folder: Path, unreadable: Callable[[OSError], None]) -> Iterator[Path]:
    """The files below `folder`, in the order of their names; hidden ones are left out."""
    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(parent, name) for name in sorted(names) if not name.startswith("."))


def _text(path: Path | str) -> str:
    """A path as text that every encoding can hold: file names need not be Unicode."""
    return os.fsencode(path).decode("utf-8", "replace")


def _photo(
    photo_id: int, relative: Path, taken: datetime | None, modified: float, size: tuple[int, int]
) -> SandboxPhoto:
    owner_name = _text(relative.parts[0])
    owner = rank(0, "owner", owner_name)
    # No date in the file: the file's own stands in, and taken_unknown says so.
    moment = taken or datetime.fromtimestamp(int(modified), UTC).replace(tzinfo=None)
    return SandboxPhoto(
        id=photo_id,
        owner=f"{10**7 + owner % 10**8}@N0{owner % 9 + 1}",
        owner_name=owner_name,
        path_alias=None,
        title=_text(relative.stem),
        secret=f"{rank(0, 'secret', str(photo_id)):016x}"[-10:],
        server="65535",
        license=LICENSE,
        taken=moment,
        taken_unknown=taken is None,
        uploaded=timegm(moment.timetuple()) + DAY,
        width=size[0],
        height=size[1],
    )


def _taken(tags: Mapping[str, str], exif: "Image.Exif") -> datetime | None:
    """When the photo was taken: DateTimeOriginal, else CreateDate, else ModifyDate; None without any of them."""
    texts = tags.get("DateTimeOriginal"), exif.get_ifd(EXIF_IFD).get(CREATE_DATE), exif.get(MODIFY_DATE)
    return next((moment for text in texts if (moment := exif_date(text))), None)


def exif_date(text: object) -> datetime | None:
    """An Exif date ("2011:03:08 16:23:00", perhaps with fractions or a zone, which are left out), or None."""
    match = re.match(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)", str(text))
    if not match:
        return None
    try:
        return datetime(*map(int, match.groups()))  # type: ignore[arg-type]
    except ValueError:  # 0000:00:00 00:00:00
        return None


def _opened(path: Path) -> "Image.Image":
    """A file opened by Pillow, no pixel decoded. Raises OSError."""
    from PIL import Image

    # Pillow warns of every oddity in a stranger's Exif; catch_warnings is not for several threads at once.
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Image.open(path)
        except (*_BROKEN, Image.DecompressionBombError) as error:
            raise OSError(f"Pillow cannot open it: {error}") from error


def _exif(image: "Image.Image") -> "Image.Exif":
    """Pillow's reading of the Exif with its Exif IFD, empty where it cannot be read."""
    from PIL import Image

    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exif = image.getexif()
            exif.get_ifd(EXIF_IFD)
        except (*_BROKEN, OSError):
            return Image.Exif()
        return exif


def _orientation(exif: "Image.Exif") -> int:
    value = exif.get(ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _resized(file: PhotoFile, size: tuple[int, int]) -> bytes:
    """A JPEG of width and height `size`, upright, with nothing but pixels in it. Raises OSError."""
    from PIL import Image

    with _opened(file.path) as image:
        try:
            upright = image.convert("RGB")
        except _BROKEN as error:
            raise OSError(f"Pillow cannot decode it: {error}") from error
    if file.orientation in TURNS:
        upright = upright.transpose(Image.Transpose(TURNS[file.orientation]))
    small = upright.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    small.info.clear()
    output = io.BytesIO()
    small.save(output, "JPEG", quality=JPEG_QUALITY)
    return output.getvalue()


def _tagspace(tag: str) -> str:
    return "IFD0" if tag in IFD0_TAGS else "XMP-xmp" if tag == "CreatorTool" else "ExifIFD"


def _entry(tagspace: str, tag: str, raw: str) -> Mapping[str, Any]:
    label = LABELS.get(tag) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag)
    return {"tagspace": tagspace, "tagspaceid": 0, "tag": tag, "label": label, "raw": {"_content": raw}}
