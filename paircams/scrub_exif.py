"""Exif with only the camera's name and settings: a TIFF structure written anew from a list of allowed tags.

All else goes: positions, serial numbers, names, comments, maker notes, thumbnails, unknown tags, and whatever lies
between the values. Codes and types are those of Exif 2.32 (CIPA DC-008-2019).
"""

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from flickrexif.core.errors import FlickrExifError
from flickrexif.exif.models import clean_model

MODEL, EXIF_IFD = 272, 34665
TEXTS = frozenset((271, MODEL, 305, 42035, 42036))  # Make, Model, Software, LensMake, LensModel
DATES = frozenset((306, 36867, 36868))  # ModifyDate, DateTimeOriginal, CreateDate
NUMBERS = frozenset(
    (
        *(274, 282, 283, 296, 531),  # Orientation, X- and YResolution, ResolutionUnit, YCbCrPositioning
        *(33434, 33437, 34850, 34855, 34864, 34865, 34866),  # ExposureTime, FNumber, ExposureProgram, ISO and its kinds
        *(36864, 37121, 37122, 40960),  # ExifVersion, ComponentsConfiguration, CompressedBitsPerPixel, FlashpixVersion
        *(37377, 37378, 37379, 37380, 37381, 37382),  # shutter, aperture, brightness, compensation, widest, distance
        *(37383, 37384, 37385, 37386),  # MeteringMode, LightSource, Flash, FocalLength
        *(40961, 40962, 40963, 41486, 41487, 41488),  # ColorSpace, ExifImageWidth, -Height, focal plane resolution
        *(41495, 41728, 41729, 41985, 41986, 41987, 41988, 41989, 41990),  # SensingMethod ... SceneCaptureType
        *(41991, 41992, 41993, 41994, 41996, 42034),  # GainControl, Contrast, Saturation, Sharpness, range, LensInfo
    )
)
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8}  # of a value of each type, bytes
ASCII, LONG = 2, 4
MAX_TEXT, MAX_NUMBERS = 100, 32  # bytes; LensInfo is four rationals
DATE = re.compile(rb"[0-9 ]{4}:[0-9 ]{2}:[0-9 ]{2} [0-9 ]{2}:[0-9 ]{2}:[0-9 ]{2}")


class Unscrubbable(FlickrExifError):
    """A file from which private metadata cannot be removed without touching the picture."""

    def __init__(self, why: str) -> None:
        super().__init__(f"The metadata cannot be taken out: {why}.", "Export the photo as JPEG, or leave it out.")
        self.why = why


class Entry(NamedTuple):
    """A tag as the file stores it."""

    code: int
    type: int
    number: int  # of values
    value: bytes


def scrub_exif(tiff: bytes) -> bytes:
    """The TIFF structure (without "Exif\\0\\0") with only the allowed tags of IFD0 and the Exif IFD; empty without any.

    Broken entries and the values they point to are left out. The byte order stays.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return b""
    ifd0_entries = list(_entries(tiff, order, struct.unpack_from(order + "L", tiff, 4)[0]))
    pointers = [e for e in ifd0_entries if e.code == EXIF_IFD and e.type == LONG and e.number == 1]
    ifd0 = _kept(ifd0_entries)
    exif = _kept(_entries(tiff, order, struct.unpack(order + "L", pointers[0].value)[0])) if pointers else []
    if not ifd0 and not exif:
        return b""
    if not exif:
        return tiff[:4] + struct.pack(order + "L", 8) + _directory(order, 8, ifd0)
    pointer = Entry(EXIF_IFD, LONG, 1, bytes(4))
    start = 8 + len(_directory(order, 8, [*ifd0, pointer]))
    ifd0.append(pointer._replace(value=struct.pack(order + "L", start)))
    head = tiff[:4] + struct.pack(order + "L", 8)
    return head + _directory(order, 8, ifd0) + _directory(order, start, exif)


def _entries(tiff: bytes, order: str, offset: int) -> Iterator[Entry]:
    """The entries of the directory at `offset` whose values lie within the structure."""
    if not 8 <= offset <= len(tiff) - 2:
        return
    (number,) = struct.unpack_from(order + "H", tiff, offset)
    for place in range(offset + 2, min(offset + 2 + 12 * number, len(tiff) - 11), 12):
        code, type_, count = struct.unpack_from(order + "HHL", tiff, place)
        size = SIZES.get(type_, 0) * count
        start = place + 8 if size <= 4 else struct.unpack_from(order + "L", tiff, place + 8)[0]
        if size and start + size <= len(tiff):
            yield Entry(code, type_, count, tiff[start : start + size])


def _kept(entries: Iterator[Entry] | list[Entry]) -> list[Entry]:
    """The entries with an allowed code, cleaned; of several with one code, the first."""
    kept: dict[int, Entry] = {}
    for entry in entries:
        cleaned = _clean(entry)
        if cleaned:
            kept.setdefault(entry.code, cleaned)
    return list(kept.values())


def _clean(entry: Entry) -> Entry | None:
    code, type_, _, value = entry
    if code in NUMBERS and type_ != ASCII and len(value) <= MAX_NUMBERS:
        return entry
    if type_ != ASCII:
        return None
    text = value.partition(b"\0")[0]  # programs do not show what follows a NUL
    if code in DATES:
        return _text(entry, text) if DATE.fullmatch(text) else None
    return _text(entry, _words(code, text)) if code in TEXTS else None


def _words(code: int, text: bytes) -> bytes:
    """Printable text of bounded length; a model loses the serial number that some cameras append."""
    plain = "".join(c for c in text.decode("utf-8", "replace") if c.isprintable())
    if code == MODEL:
        plain = clean_model(None, plain) or ""
    return plain.encode()[:MAX_TEXT].decode(errors="ignore").encode()


def _text(entry: Entry, text: bytes) -> Entry | None:
    return entry._replace(number=len(text) + 1, value=text + b"\0") if text else None


def _directory(order: str, start: int, entries: list[Entry]) -> bytes:
    """A directory at offset `start`, followed by the values that are longer than 4 bytes."""
    head, values = struct.pack(order + "H", len(entries)), b""
    behind = start + 2 + 12 * len(entries) + 4
    for code, type_, count, value in sorted(entries):
        head += struct.pack(order + "HHL", code, type_, count)
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack(order + "L", behind + len(values))
            values += value + bytes(len(value) % 2)
    return head + bytes(4) + values
