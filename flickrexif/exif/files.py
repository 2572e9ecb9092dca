"""The photographing tags of an image file, printed as ExifTool prints them.

Only the tags of `flickrexif.exif.tags.TAGS` and CreatorTool are looked at: no position, serial number or owner's
name is ever read out.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from flickrexif.core.errors import FlickrExifError
from flickrexif.exif.printed import printed
from flickrexif.exif.tags import MAX_LENGTH, NUMERIC_TAGS
from flickrexif.exif.xmp import xmp_tags

if TYPE_CHECKING:
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

_EXIF_IFD = 0x8769
_XMP_CODE = 700
_CODES = {int(code): tag for code, tag in NUMERIC_TAGS.items()}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
# What a broken file or a broken Exif block makes Pillow and pillow-heif raise.
_BROKEN = (
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
)


class UnreadablePhoto(FlickrExifError):
    """A file that this cannot read; `reason` is not_found, not_readable, not_an_image or needs_pillow_heif."""

    def __init__(self, reason: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """What a file tells of its photo: tag name -> raw string, and its size in pixels as stored."""

    tags: Mapping[str, str]
    width: int
    height: int


class _Blocks(NamedTuple):
    """A TIFF structure with the Exif directories, or None; an XMP packet, perhaps empty; width and height."""

    exif: IO[bytes] | None
    xmp: bytes
    size: tuple[int, int]


def read_tags(path: Path) -> dict[str, str]:
    """Tag name -> raw string, as `exiftool` prints it, of a JPEG, TIFF, PNG, WebP or HEIC file.

    IFD0 and the Exif IFD come first; XMP (tiff, exif, xmp) fills in what they lack. A broken Exif block gives what can
    be read of it. Raises `UnreadablePhoto`.
    """
    return dict(read_photo(path).tags)


def read_photo(path: Path) -> PhotoFile:
    """`read_tags` and the size. Raises `UnreadablePhoto`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of every oddity in a stranger's Exif
        try:
            with _blocks(path) as blocks:
                tags = xmp_tags(blocks.xmp) | (_exif_tags(blocks.exif) if blocks.exif else {})
                return PhotoFile(tags, *blocks.size)
        except FileNotFoundError:
            raise UnreadablePhoto("not_found", f"There is no file {path}.", "Check the path.") from None
        except PermissionError:
            raise UnreadablePhoto("not_readable", f"{path} may not be read.", "Check its permissions.") from None
        except _BROKEN as error:
            raise UnreadablePhoto(
                "not_an_image", f"{path} is no readable JPEG, TIFF, PNG, WebP or HEIC: {error}.", "Leave it out."
            ) from None


@contextmanager
def _blocks(path: Path) -> Iterator[_Blocks]:
    """Open an image; no pixel is decoded, but where a PNG has not shown its Exif before the pixels."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.TiffImagePlugin import TiffImageFile

    if path.exists() and not path.is_file():
        raise IsADirectoryError("no file")  # nor a pipe, which would be waited for
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
            yield _heif_blocks(path)
        elif head[:2] == b"\xff\xd8":
            # not Image.open: it refuses photos of more than 178 megapixels, which phones take
            with JpegImageFile(path) as image:
                yield _info_blocks(image.info, image.size)
        else:
            with Image.open(path, formats=["TIFF", "PNG", "WEBP"]) as image:
                if image.format == "PNG" and "exif" not in image.info:
                    image.load()
                if isinstance(image, TiffImageFile):
                    file.seek(0)
                    yield _Blocks(file, _bytes(image.tag_v2.get(_XMP_CODE)), image.size)
                else:
                    yield _info_blocks(image.info, image.size)


def _heif_blocks(path: Path) -> _Blocks:
    try:
        pillow_heif = import_module("pillow_heif")
    except ImportError:
        raise UnreadablePhoto(
            "needs_pillow_heif", f"{path} is a HEIC file, which pillow-heif reads.", "pip install pillow-heif"
        ) from None
    image = pillow_heif.open_heif(path)
    return _info_blocks(image.info, image.size)


def _info_blocks(info: Mapping[Any, Any], size: tuple[int, int]) -> _Blocks:
    """Exif and XMP out of Pillow's `info`; ImageMagick stores Exif in a PNG as hexadecimal text after three lines."""
    exif = _bytes(info.get("exif"))
    profile = info.get("Raw profile type exif")
    if not exif and isinstance(profile, str):
        exif = bytes.fromhex("".join(profile.split("\n")[3:]))
    exif = re.sub(rb"^(Exif\0\0){1,2}", b"", exif)
    xmp = _bytes(info.get("xmp") or info.get("XML:com.adobe.xmp"))
    return _Blocks(io.BytesIO(exif) if exif else None, xmp, size)


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else b""


def _exif_tags(stream: IO[bytes]) -> dict[str, str]:
    """The tags of IFD0, and of the Exif IFD that it points to, in a TIFF structure; IFD0 wins."""
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

    directory = ImageFileDirectory_v2(head, group=group)
    with suppress(*_BROKEN):
        stream.seek(directory.next if offset is None else offset)
        directory.load(stream)
    return directory


def _printed_tags(directory: "ImageFileDirectory_v2") -> dict[str, str]:
    found = ((tag, printed(tag, _value(directory, code))[:MAX_LENGTH]) for code, tag in _CODES.items())
    return {tag: text for tag, text in found if text}


def _value(directory: "ImageFileDirectory_v2", code: int) -> Any:
    """The decoded value of one entry, None where it is missing or broken."""
    try:
        value = directory.get(code)
    except _BROKEN:
        return None
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value
