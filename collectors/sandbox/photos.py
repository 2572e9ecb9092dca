"""A folder of real photos as a population: Exif comes from the files, smaller sizes are made on request."""

import io
import os
import re
from bisect import bisect_left, bisect_right
from calendar import timegm
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flickrexif.collectors.sandbox.images import pixels
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.core.decoding import decoding
from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.core.image_files import is_image
from flickrexif.core.pictures import SUFFIXES, BadPicture, Picture, open_picture
from flickrexif.core.pixels import to_rgb, upright
from flickrexif.exif.dates import read_date
from flickrexif.exif.files import photo_of

if TYPE_CHECKING:
    from PIL import Image

LICENSE = 4
DAY = 86_400
JPEG_QUALITY = 90
EXIF_IFD, MODIFY_DATE, CREATE_DATE = 0x8769, 306, 36868
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

    The owner of a photo in a sub-folder is the outermost sub-folder. Each file outside sub-folders has its own owner,
    as nothing says that one person took them all and a cap per owner must not remove them. `skipped`: path within the
    folder -> why that file is not served.
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
        """The file's own bytes (o), or a JPEG without Exif, upright (l, c, z, m). Raises OSError or BadPicture."""
        file = self._files[photo.id]
        dimensions = pixels(photo, size)
        if size == "o" or dimensions is None:
            return file.path.read_bytes()
        return _resized(file, dimensions)

    def _read(self, folder: Path, path: Path) -> SandboxPhoto | None:
        relative = path.relative_to(folder)
        if not path.is_file() or not is_image(str(path)):
            self._skip(relative, "not a photo")
            return None
        picture = open_picture(path, tuple(SUFFIXES))
        if isinstance(picture, BadPicture):
            self._skip(relative, picture)
            return None
        photo, exif = photo_of(picture), _exif(picture)
        photo_id = self._new_id(_text(relative))
        self._files[photo_id] = PhotoFile(path, photo.tags, picture.orientation, _jfif_version(path))
        size = (photo.width, photo.height) if picture.orientation < 5 else (photo.height, photo.width)
        return _photo(photo_id, relative, _taken(photo.tags, exif), path.stat().st_mtime, size)

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
    """A path as text; what is not UTF-8 is replaced, as file names need not be Unicode."""
    return os.fsencode(path).decode("utf-8", "replace")


def _photo(
    photo_id: int, relative: Path, taken: datetime | None, modified: float, size: tuple[int, int]
) -> SandboxPhoto:
    owner_name = _text(relative.parts[0])
    owner = rank(0, "owner", owner_name)
    # Without a date in the Exif, the file's time is used, and taken_unknown says so.
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
    return next((moment for text in texts if (moment := read_date(str(text)).time)), None)


def _exif(picture: Picture) -> "Image.Exif":
    """The Exif as Pillow reads it, Exif IFD included; empty when it cannot be read."""
    from PIL import Image

    exif = Image.Exif()
    with suppress(BadPicture), picture.metadata() as (streams, _), decoding:
        if streams:
            exif.load_from_fp(streams[-1])
            exif.get_ifd(EXIF_IFD)
        return exif
    return Image.Exif()


def _jfif_version(path: Path) -> str | None:
    """The version in a JPEG file's first segment."""
    with path.open("rb") as file:
        head = file.read(13)
    return f"{head[11]}.{head[12]:02d}" if head[6:11] == b"JFIF\0" and len(head) == 13 else None


def _resized(file: PhotoFile, size: tuple[int, int]) -> bytes:
    """A JPEG of width and height `size`, upright, with nothing but pixels in it. Raises BadPicture."""
    from PIL import Image

    picture = open_picture(file.path, tuple(SUFFIXES))
    image = picture if isinstance(picture, BadPicture) else picture.decode()
    if isinstance(image, BadPicture):
        raise image
    small = upright(to_rgb(image), file.orientation).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    small.info.clear()
    output = io.BytesIO()
    small.save(output, "JPEG", quality=JPEG_QUALITY)
    return output.getvalue()


def _tagspace(tag: str) -> str:
    return "IFD0" if tag in IFD0_TAGS else "XMP-xmp" if tag == "CreatorTool" else "ExifIFD"


def _entry(tagspace: str, tag: str, raw: str) -> Mapping[str, Any]:
    label = LABELS.get(tag) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag)
    return {"tagspace": tagspace, "tagspaceid": 0, "tag": tag, "label": label, "raw": {"_content": raw}}
