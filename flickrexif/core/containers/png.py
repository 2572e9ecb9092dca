"""PNG: its chunks (PNG specification, third edition). Checksums are not looked at: they tell nothing of the picture."""

import re
import struct
import zlib
from contextlib import suppress
from typing import IO

from flickrexif.core.containers.header import MAX_BLOCK, MAX_PARTS, Header, tiff_of

_TEXTS = frozenset((b"tEXt", b"zTXt", b"iTXt"))
_PROFILES = frozenset((b"Raw profile type exif", b"Raw profile type APP1", b"Raw profile type xmp"))
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"
_PROFILE = re.compile(rb"\n[^\n]*\n\s*\d+\n(.*)", re.DOTALL)  # as ImageMagick writes it: name, length, hexadecimal


def read_png(stream: IO[bytes]) -> Header | None:
    """None without a header. Exif and XMP count wherever they are, also as the text profiles of ImageMagick."""
    size: tuple[int, int] | None = None
    exif: list[bytes] = []
    xmp: list[bytes] = []
    stream.seek(8)
    for _ in range(MAX_PARTS):
        head = stream.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            break
        length, name = struct.unpack(">L4s", head)
        if length > 0x7FFFFFFF:
            break
        body = b""
        if name in _TEXTS or name == b"IHDR" or name.lower() == b"exif":
            body = stream.read(min(length, MAX_BLOCK))
        stream.seek(length - len(body) + 4, 1)
        if name == b"IHDR" and len(body) >= 8:
            size = size or struct.unpack_from(">LL", body)
        elif name in _TEXTS:
            keyword, text = _text(name, body)
            if keyword == _XMP_KEYWORD:
                xmp.append(text)
            elif keyword in _PROFILES:
                _add_profile(text, exif, xmp)
        elif body:
            exif.append(tiff_of(body))
    return Header(*size, tuple(exif), tuple(xmp)) if size else None


def _text(name: bytes, body: bytes) -> tuple[bytes, bytes]:
    """Keyword and text of a chunk; the text only where it can hold metadata."""
    keyword, _, rest = body.partition(b"\0")
    if keyword != _XMP_KEYWORD and keyword not in _PROFILES:
        return keyword, b""
    compressed = name == b"zTXt"
    if compressed:
        rest = rest[1:]
    elif name == b"iTXt":
        compressed = rest[:1] == b"\1"
        rest = rest[2:].split(b"\0", 2)[-1]  # behind language and translated keyword
    return keyword, _inflated(rest) if compressed else rest


def _inflated(data: bytes) -> bytes:
    """As much as can be decompressed."""
    stream, text = zlib.decompressobj(), bytearray()
    with suppress(zlib.error):
        for start in range(0, len(data), 4096):
            text += stream.decompress(data[start : start + 4096], MAX_BLOCK - len(text))
            if len(text) >= MAX_BLOCK:
                break
    return bytes(text)


def _add_profile(text: bytes, exif: list[bytes], xmp: list[bytes]) -> None:
    if not (match := _PROFILE.match(text)):
        return
    with suppress(ValueError):
        block = bytes.fromhex(match[1].decode("ascii", "replace"))
        if block.startswith(_XMP_SEGMENT):
            xmp.append(block[len(_XMP_SEGMENT) :])
        elif block.lstrip(b"\xef\xbb\xbf\0 \r\n\t").startswith(b"<"):
            xmp.append(block)
        else:
            exif.append(tiff_of(block))
