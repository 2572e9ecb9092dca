"""WebP: its RIFF chunks (RFC 9649). Exif and XMP count whether or not the VP8X chunk announces them."""

import struct
from typing import IO

from flickrexif.core.containers.header import MAX_BLOCK, MAX_PARTS, Header, tiff_of

_METADATA = (b"EXIF", b"XMP ")


def read_webp(stream: IO[bytes]) -> Header | None:
    """None without a canvas or a frame."""
    chunks: dict[bytes, bytes] = {}
    stream.seek(12)
    for _ in range(MAX_PARTS):
        head = stream.read(8)
        if len(head) < 8:
            break
        name, length = struct.unpack("<4sL", head)
        body = stream.read(min(length, MAX_BLOCK if name in _METADATA else 16))
        chunks.setdefault(name, body)
        stream.seek(length - len(body) + length % 2, 1)
    size = _size(chunks)
    exif, xmp = (tuple(chunks[name] for name in (kind,) if chunks.get(name)) for kind in _METADATA)
    return Header(*size, tuple(map(tiff_of, exif)), xmp) if size else None


def _size(chunks: dict[bytes, bytes]) -> tuple[int, int] | None:
    canvas, lossless, lossy = (chunks.get(name, b"") for name in (b"VP8X", b"VP8L", b"VP8 "))
    if len(canvas) >= 10:
        return int.from_bytes(canvas[4:7], "little") + 1, int.from_bytes(canvas[7:10], "little") + 1
    if len(lossless) >= 5:
        bits = int.from_bytes(lossless[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(lossy) >= 10:
        width, height = struct.unpack_from("<HH", lossy, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None
