"""JPEG: segments up to the first scan (ITU-T T.81, annex B)."""

import re
from typing import IO

from flickrexif.core.containers.header import MAX_BLOCK, MAX_PARTS, Header

_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # start of frame
_ALONE = frozenset((0x01, *range(0xD0, 0xD9)))  # markers without a segment
_END, _SCAN, _APP1 = 0xD9, 0xDA, 0xE1
_EXIF = re.compile(rb".{0,4}Exif\0.", re.DOTALL | re.IGNORECASE)
_TIFF = (b"II*\0", b"MM\0*")
_XMP = b"http://ns.adobe.com/xap/1.0/\0"


def read_jpeg(stream: IO[bytes]) -> Header | None:
    """None without a frame. A TIFF structure may go on in the segments behind its own."""
    size: tuple[int, int] | None = None
    exif: list[bytearray] = []
    xmp: list[bytes] = []
    total = 0
    goes_on = False
    stream.seek(2)
    for _ in range(MAX_PARTS):
        marker = _marker(stream)
        if marker in (None, _END, _SCAN):
            break
        if marker in _ALONE:
            continue
        length = int.from_bytes(stream.read(2), "big") - 2
        if length < 0:
            break
        if marker in _SIZES:
            body = stream.read(length)
            size = size or (int.from_bytes(body[3:5], "big"), int.from_bytes(body[1:3], "big"))
        elif marker == _APP1 and total < MAX_BLOCK:
            body = stream.read(length)
            total += length
            if match := _EXIF.match(body):
                tiff = body[match.end() :]
                if goes_on and body[:6] == b"Exif\0\0" and tiff[:4] not in _TIFF:
                    exif[-1] += tiff
                else:
                    exif.append(bytearray(tiff))
            elif body.startswith(_XMP):
                xmp.append(body[len(_XMP) :])
            goes_on = match is not None
            continue
        else:
            stream.seek(length, 1)
        goes_on = False
    return Header(*size, tuple(map(bytes, exif)), tuple(xmp)) if size else None


def _marker(stream: IO[bytes]) -> int | None:
    """The next marker; bytes in front of it are passed over, as decoders do."""
    byte = stream.read(1)
    while byte != b"\xff":
        if not byte:
            return None
        ahead = stream.read(4096)
        place = ahead.find(b"\xff")
        if place >= 0:
            stream.seek(place + 1 - len(ahead), 1)
            byte = b"\xff"
        elif not ahead:
            return None
    while byte == b"\xff":
        byte = stream.read(1)
    return byte[0] if byte else None
