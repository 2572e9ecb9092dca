"""Removes private metadata from an image file and leaves the compressed picture unchanged.

Removed are positions, serial numbers, names, comments, maker notes, XMP, IPTC, thumbnails, further pictures and
whatever follows the picture. The tags of the camera's settings (`scrub_exif`), colour profiles and all that decoding
needs stay.
"""

import re
import struct
from collections.abc import Iterator
from typing import Literal

from flickrexif.core.pictures import HEIF_BRANDS, png_chunk
from flickrexif.paircams.scrub_exif import Unscrubbable, scrub_exif
from flickrexif.paircams.scrub_heif import scrub_heif

Kind = Literal["jpeg", "png", "heif"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Chunks that the picture and its colours need.
PNG_CHUNKS = frozenset(b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP sBIT pHYs bKGD mDCV cLLI".split())
# Frames, tables (DHT, DAC, DQT, DRI, DNL); ITU-T T.81, table B.1.
JPEG_PICTURE = frozenset((*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDB, 0xDC, 0xDD))
APP0, APP1, APP2, APP14, SOS, EOI = 0xE0, 0xE1, 0xE2, 0xEE, 0xDA, 0xD9
# A marker that is not a restart. Decoders skip the reserved markers below C0 as damage.
SCAN_END = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")
MAX_SEGMENT = 0xFFFF - 2


def kind_of(data: bytes) -> Kind | None:
    """The format of an image file, by its first bytes."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if data[:8] == PNG_SIGNATURE:
        return "png"
    return "heif" if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS else None


def scrub(data: bytes) -> bytes:
    """A JPEG, PNG or HEIC file without private metadata; its decoded pixels and quantisation tables stay.

    Raises `Unscrubbable` for other files and for those whose structure is broken. A HEIC file keeps its size, as
    metadata is overwritten, and its thumbnail, which is coded like the picture.
    """
    kind = kind_of(data)
    if kind == "jpeg":
        return b"".join(_jpeg(data))
    if kind == "png":
        return PNG_SIGNATURE + b"".join(_png(data))
    if kind == "heif":
        return scrub_heif(data)
    raise Unscrubbable("it is neither JPEG, PNG nor HEIC")


# --- JPEG


def _jpeg(data: bytes) -> Iterator[bytes]:
    """The parts of the file that stay, up to the end of the first picture."""
    yield data[:2]
    place, has_exif, scanned = 2, False, False
    while True:
        place, marker = _marker(data, place)
        if marker == EOI:
            break
        length = int.from_bytes(data[place : place + 2], "big")
        body = data[place + 2 : place + length]
        if length < 2 or len(body) != length - 2:
            raise Unscrubbable("a segment of the JPEG file is cut short")
        place += length
        kept = None if marker == APP1 and has_exif else _segment(marker, body)
        has_exif |= marker == APP1 and kept is not None
        if kept is not None:
            yield bytes((0xFF, marker)) + (len(kept) + 2).to_bytes(2, "big") + kept
        if marker == SOS:
            end = SCAN_END.search(data, place)
            if not end:
                raise Unscrubbable("the JPEG file is cut short")
            yield data[place : end.start()]
            place, scanned = end.start(), True
    if not scanned:
        raise Unscrubbable("the JPEG file has no picture")
    yield bytes((0xFF, EOI))


def _marker(data: bytes, place: int) -> tuple[int, int]:
    """The position behind the next marker, and the marker; like decoders, skip what lies before it."""
    while True:
        place = data.find(b"\xff", place)
        while 0 <= place < len(data) and data[place] == 0xFF:
            place += 1
        if not 0 <= place < len(data):
            raise Unscrubbable("the JPEG file is cut short")
        marker = data[place]
        place += 1
        if 0x01 < marker < 0xC0:
            raise Unscrubbable("the JPEG file has a marker of no known meaning")
        if marker not in (0x00, 0x01, *range(0xD0, 0xD9)):  # no segment follows TEM, RST and SOI
            return place, marker


def _segment(marker: int, body: bytes) -> bytes | None:
    """The part of a segment that stays, or None."""
    if marker in JPEG_PICTURE or marker == SOS:
        return body
    if marker == APP0 and body[:5] == b"JFIF\0" and len(body) >= 14:
        return body[:12] + b"\0\0"  # without its thumbnail
    if marker == APP1 and body[:5] == b"Exif\0":
        exif = scrub_exif(body[6:])
        return b"Exif\0\0" + exif if exif and len(exif) + 6 <= MAX_SEGMENT else None
    if marker == APP2 and body[:12] == b"ICC_PROFILE\0":
        return body
    if marker == APP14 and body[:5] == b"Adobe" and len(body) >= 12:
        return body[:12]  # says how the colours are stored
    return None


# --- PNG


def _png(data: bytes) -> Iterator[bytes]:
    place = len(PNG_SIGNATURE)
    while True:
        length, name = struct.unpack_from(">L4s", data, place) if place + 12 <= len(data) else (0, b"")
        end = place + 12 + length
        if not name or end > len(data):
            raise Unscrubbable("the PNG file is cut short")
        if name == b"eXIf":
            if exif := scrub_exif(data[place + 8 : end - 4].removeprefix(b"Exif\0\0")):
                yield png_chunk(name, exif)
        elif name in PNG_CHUNKS:
            yield data[place:end]
        if name == b"IEND":
            return
        place = end
