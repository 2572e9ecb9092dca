"""The photographing tags of an image file, printed as ExifTool prints them.

Only the tags of `flickrexif.exif.tags.TAGS` are read: never a position, serial number or owner's name.
"""

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
_CODES = {int(code): tag for code, tag in NUMERIC_TAGS.items()}


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """The tags of an image file (name -> raw string) and its size in pixels as stored."""

    tags: Mapping[str, str]
    width: int
    height: int


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
        tags = xmp_tags(xmp) | (_exif_tags(exif) if exif else {})
    return PhotoFile(tags, picture.width, picture.height)


def _exif_tags(stream: IO[bytes]) -> dict[str, str]:
    """The tags of IFD0 and of its Exif IFD in a TIFF structure; IFD0 wins."""
    head = stream.read(8)
    if head[:4] in (b"II\x2b\0", b"MM\0\x2b"):  # BigTIFF
        head += stream.read(8)
    elif len(head) < 8 or head[:4] not in (b"II*\0", b"MM\0*"):
        return {}
    ifd0 = _directory(stream, head, None, None)
    offset = _value(ifd0, _EXIF_IFD)
    exif = _printed_tags(_directory(stream, head, _EXIF_IFD, offset)) if isinstance(offset, int) else {}
    return exif | _printed_tags(ifd0)


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
