"""The photographing tags of an image file, printed as ExifTool prints them.

Only the tags of `flickrexif.exif.tags.TAGS` are read: never a position or an owner's name. Of a serial number a hash
alone is kept, which tells cameras apart.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from flickrexif.core.decoding import DECODER_ERRORS, quiet
from flickrexif.core.pictures import BadPicture, Picture, open_picture
from flickrexif.exif.printed import printed
from flickrexif.exif.tags import MAX_LENGTH, NUMERIC_TAGS
from flickrexif.exif.xmp import xmp_tags

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

FORMATS = ("JPEG", "TIFF", "PNG", "WEBP", "HEIF")
_EXIF_IFD = 0x8769
_BODY_SERIAL, _DNG_SERIAL = 0xA431, 0xC62F  # of the Exif IFD; of IFD0 in DNG and what was made from it
_CODES = {int(code): tag for code, tag in NUMERIC_TAGS.items()}


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """The tags of an image file (name -> raw string), its size in pixels as stored, and which camera took it."""

    tags: Mapping[str, str]
    width: int
    height: int
    camera: str | None = None  # a hash of maker, model and serial number; None without a serial number


def read_tags(path: Path) -> dict[str, str]:
    """Tag name -> raw string, as `exiftool` prints it, of a JPEG, TIFF, PNG, WebP or HEIC file.

    XMP (tiff, exif, exifEX, xmp) is used for tags that IFD0 and the Exif IFD lack. Of a broken Exif block, what can be
    read is used. No pixel is decoded. Raises `BadPicture`.
    """
    return dict(read_photo(path).tags)


def read_photo(path: Path) -> PhotoFile:
    """The tags (see `read_tags`) and the size of an image file. Raises `BadPicture`."""
    picture = open_picture(path, FORMATS)
    if isinstance(picture, BadPicture):
        raise picture
    return photo_of(picture)


def photo_of(picture: Picture) -> PhotoFile:
    """The tags and the size of a picture."""
    with picture.metadata() as (exif, xmp), quiet:
        exif_tags, serial = _exif_tags(exif) if exif else ({}, "")
        tags = xmp_tags(xmp) | exif_tags
    return PhotoFile(tags, picture.width, picture.height, _camera(tags, serial))


def _camera(tags: Mapping[str, str], serial: str) -> str | None:
    """A hash of a camera; None without its serial number, or with one that is a filling (0000000)."""
    if not serial.strip("0 -"):
        return None
    named = "\0".join((tags.get("Make", ""), tags.get("Model", ""), serial))
    return f"camera-{hashlib.sha256(named.encode()).hexdigest()[:12]}"


def _exif_tags(stream: IO[bytes]) -> tuple[dict[str, str], str]:
    """The tags of IFD0 and of its Exif IFD in a TIFF structure, where IFD0 wins, and the camera's serial number."""
    head = stream.read(8)
    if head[:4] in (b"II\x2b\0", b"MM\0\x2b"):  # BigTIFF
        head += stream.read(8)
    elif len(head) < 8 or head[:4] not in (b"II*\0", b"MM\0*"):
        return {}, ""
    ifd0 = _directory(stream, head, None, None)
    directories, offset = [ifd0], _value(ifd0, _EXIF_IFD)
    if isinstance(offset, int):
        directories.insert(0, _directory(stream, head, _EXIF_IFD, offset))
    serials = (_value(directory, code) for directory in directories for code in (_BODY_SERIAL, _DNG_SERIAL))
    serial = next((value.strip("\0 ") for value in serials if isinstance(value, str)), "")
    return {tag: text for directory in directories for tag, text in _printed_tags(directory).items()}, serial


def _directory(stream: IO[bytes], head: bytes, group: int | None, offset: int | None) -> "ImageFileDirectory_v2":
    """The directory at `offset` (None: where `head` says), with as many entries as can be read."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(group=group)
    with suppress(*DECODER_ERRORS):
        directory = ImageFileDirectory_v2(head, group=group)
        stream.seek(directory.next if offset is None else offset)
        directory.load(stream)
    return directory


def _printed_tags(directory: "ImageFileDirectory_v2") -> dict[str, str]:
    texts = ((tag, printed(tag, _value(directory, code))[:MAX_LENGTH]) for code, tag in _CODES.items())
    return {tag: text for tag, text in texts if text}


def _value(directory: "ImageFileDirectory_v2", code: int) -> Any:
    """The decoded value of one entry, None where it is missing or broken."""
    try:
        value = directory.get(code)
    except DECODER_ERRORS:
        return None
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value
