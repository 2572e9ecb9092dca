"""The photographing tags of an image file: as ExifTool prints them, and as numbers.

Only the tags of `flickrexif.exif.tags` are read: never a position or an owner's name. Of a serial number a hash
alone is kept, which tells cameras apart.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

from flickrexif.core.containers.tiff import Value, read_directory, read_head
from flickrexif.core.decoding import quiet
from flickrexif.core.pictures import SUFFIXES, BadPicture, Picture, open_picture
from flickrexif.exif.printed import FLOAT, printed
from flickrexif.exif.tags import MAX_LENGTH, NUMERIC_TAGS, SENSITIVITY_TAGS, SETTINGS_TAGS, TAGS
from flickrexif.exif.xmp import xmp_values

Number = Fraction | int | float

_EXIF_IFD = 0x8769
_SERIALS = {0xA431: "BodySerialNumber", 0xC62F: "CameraSerialNumber"}  # of Exif; of DNG and what was made from it
_NAMES = {int(code): tag for code, tag in NUMERIC_TAGS.items()} | SENSITIVITY_TAGS | _SERIALS
_IFD0_CODES = frozenset((*_NAMES, _EXIF_IFD))
_LARGEST_ISO = 65_535  # that the field of ISO can hold: it says that the real one stands elsewhere
# SensitivityType -> what ISO stands for (Exif 2.32, 4.6.5); of several the one that says most of the exposure.
_STANDARD, _RECOMMENDED, _SPEED = "StandardOutputSensitivity", "RecommendedExposureIndex", "ISOSpeed"
_SENSITIVITIES = {
    1: (_STANDARD,),
    2: (_RECOMMENDED,),
    3: (_SPEED,),
    4: (_RECOMMENDED, _STANDARD),
    5: (_SPEED, _STANDARD),
    6: (_SPEED, _RECOMMENDED),
    7: (_SPEED, _RECOMMENDED, _STANDARD),
}


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """What an image file says of its photo."""

    tags: Mapping[str, str]  # name -> raw string, as ExifTool prints it
    numbers: Mapping[str, Number]  # ExposureTime, FNumber, FocalLength, ISO: as exact as the file has them
    width: int  # pixels, as stored
    height: int
    orientation: int = 1  # how to turn the stored pixels upright, as Exif numbers it
    camera: str | None = None  # a hash of maker, model and serial number; None without a serial number


def read_tags(path: Path) -> dict[str, str]:
    """Tag name -> raw string, as `exiftool` prints it, of a JPEG, TIFF, PNG, WebP, HEIC or AVIF file.

    XMP (tiff, exif, exifEX, aux, xmp) is used for tags that IFD0 and the Exif IFD lack. Of a broken Exif block, what
    can be read is used. No pixel is decoded. Raises `BadPicture`.
    """
    return dict(read_photo(path).tags)


def read_photo(path: Path) -> PhotoFile:
    """The tags (see `read_tags`), numbers and size of an image file. Raises `BadPicture`."""
    picture = open_picture(path, tuple(SUFFIXES))
    if isinstance(picture, BadPicture):
        raise picture
    return photo_of(picture)


def photo_of(picture: Picture) -> PhotoFile:
    """The tags, the numbers and the size of a picture."""
    values: dict[str, Value] = {}
    with picture.metadata() as (blocks, packets), quiet:
        for packet in reversed(packets):  # of several, the first wins
            values |= xmp_values(packet)
        for block in blocks:
            values |= _exif_values(block)
    tags = {tag: text for tag in TAGS if (text := _print(tag, values.get(tag)))}
    serial = next((text for name in _SERIALS.values() if (text := _print(name, values.get(name)))), "")
    return PhotoFile(
        tags, _numbers(values), picture.width, picture.height, picture.orientation, camera_of(tags, serial)
    )


def _exif_values(stream: IO[bytes]) -> dict[str, Value]:
    """The values of IFD0 and of its Exif IFD in a TIFF structure, where IFD0 wins; empty ones are left out."""
    head = read_head(stream)
    if head is None:
        return {}
    ifd0 = read_directory(stream, head, head.first, _IFD0_CODES)
    offset = ifd0.pop(_EXIF_IFD, None)
    is_other = isinstance(offset, int) and offset != head.first
    directory = (read_directory(stream, head, offset, _NAMES) if isinstance(offset, int) and is_other else {}) | ifd0
    return {_NAMES[code]: value for code, value in directory.items() if _print(_NAMES[code], value)}


def _print(tag: str, value: Value | None) -> str:
    return printed(tag, value)[:MAX_LENGTH]


def _numbers(values: Mapping[str, Value]) -> dict[str, Number]:
    numbers = {tag: _number(values.get(tag)) for tag in SETTINGS_TAGS} | {"ISO": _iso(values)}
    return {tag: number for tag, number in numbers.items() if number is not None}


def _number(value: Value | None) -> Number | None:
    """A value as a number, also one that is written as text; None for anything else."""
    if isinstance(value, str):
        value = float(value) if FLOAT.fullmatch(value) else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | Fraction) else None


def _iso(values: Mapping[str, Value]) -> Number | None:
    """ISO, or what it stands for where it is too large for its field or missing."""
    iso = _number(values.get("ISO"))
    if "ISO" in values and iso != _LARGEST_ISO:
        return iso
    kind = values.get("SensitivityType")
    named = _SENSITIVITIES.get(kind, ()) if isinstance(kind, int) else ()
    speeds = (_number(values.get(name)) for name in (*named, *_SENSITIVITIES[7]))
    return next((speed for speed in speeds if speed), iso)


def camera_of(tags: Mapping[str, str], serial: str) -> str | None:
    """A hash of a camera; None without its serial number, or with one that is a filling (0000000)."""
    if not serial.strip("0 -"):
        return None
    named = "\0".join((tags.get("Make", ""), tags.get("Model", ""), serial))
    return f"camera-{hashlib.sha256(named.encode()).hexdigest()[:12]}"
