"""TIFF structures: of TIFF files, and of the Exif in other files (TIFF 6.0, BigTIFF, Exif 2.32)."""

import struct
from collections.abc import Container, Iterator
from fractions import Fraction
from typing import IO, NamedTuple

from flickrexif.core.containers.header import MAX_BLOCK, Header, size_of

Number = int | float | Fraction | str  # str: "inf" for 1/0, "undef" for 0/0
Value = Number | bytes | tuple[Number, ...]  # ASCII is a str, UNDEFINED is bytes

WIDTH, HEIGHT, ORIENTATION, XMP = 256, 257, 274, 700
MAX_VALUE = 8_192  # bytes of one value that are read; who prints 1,000 characters needs no more
_MOST_NUMBERS = 100_000  # of one value, which otherwise is damage
_ASCII, _RATIONAL, _UNDEFINED, _SIGNED_RATIONAL, _UTF8 = 2, 5, 7, 10, 129
_LETTERS = {1: "B", 3: "H", 4: "L", 6: "b", 8: "h", 9: "l", 11: "f", 12: "d", 13: "L", 16: "Q", 17: "q", 18: "Q"}
_LETTERS |= {_ASCII: "s", _UNDEFINED: "s", _UTF8: "s", _RATIONAL: "LL", _SIGNED_RATIONAL: "ll"}
_SIZES = {code: struct.calcsize("<" + letters) for code, letters in _LETTERS.items()}


class Tiff(NamedTuple):
    """The head of a TIFF structure."""

    order: str  # of bytes, as `struct` says it
    big: bool  # BigTIFF
    first: int  # offset of IFD0
    size: int  # bytes of the whole


class Entry(NamedTuple):
    """An entry of a directory."""

    code: int
    type: int
    number: int  # of values
    inline: bytes  # its value, or where that is


def read_tiff(stream: IO[bytes]) -> Header | None:
    """None without a size. Its Exif is the file itself."""
    head = read_head(stream)
    if head is None:
        return None
    ifd0 = read_directory(stream, head, head.first, (WIDTH, HEIGHT, XMP), most_bytes=MAX_BLOCK)
    width, height, xmp = ifd0.get(WIDTH), ifd0.get(HEIGHT), ifd0.get(XMP)
    if not (isinstance(width, int) and isinstance(height, int)):
        return None
    return Header(width, height, (), (_packet(xmp),) if xmp else ())


def read_head(stream: IO[bytes]) -> Tiff | None:
    """None where no TIFF structure begins. In Exif the number 42 is not asked for: some cameras write another."""
    size = size_of(stream)
    stream.seek(0)
    head = stream.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    (magic,) = struct.unpack_from(order + "H", head, 2)
    if magic == 43 and len(head) == 16:
        return Tiff(order, True, struct.unpack_from(order + "Q", head, 8)[0], size)
    (first,) = struct.unpack_from(order + "L", head, 4)
    return Tiff(order, False, first, size) if first >= 8 else None


def read_directory(
    stream: IO[bytes], head: Tiff, offset: int, codes: Container[int], most_bytes: int = MAX_VALUE
) -> dict[int, Value]:
    """Code -> value of the entries with these codes.

    As ExifTool reads it: an entry whose value lies outside of the structure, in its head or in the directory is left
    out, and only that one; nothing is read of a directory that does not fit in or that begins with an unknown type.
    Of several entries with one code the last counts.
    """
    wide = 8 if head.big else 4
    width, start = 4 + 2 * wide, offset + (8 if head.big else 2)
    entries = _entries(stream, head, offset, start, width)
    end = start + width * len(entries)
    values: dict[int, Value] = {}
    for code, type_, count, inline in entries:
        if code not in codes or type_ not in _SIZES:
            continue
        size = _SIZES[type_] * count
        data = inline[:size]
        if size > wide:
            place = int.from_bytes(inline, "little" if head.order == "<" else "big")
            if place < 8 or place + size > head.size or (place < end and place + size > offset):
                continue
            if count > _MOST_NUMBERS and _LETTERS[type_] != "s" and code != XMP:
                continue
            stream.seek(place)
            data = stream.read(min(size, most_bytes))
        if count:
            values[code] = _decoded(head.order, type_, data)
    return values


def _entries(stream: IO[bytes], head: Tiff, offset: int, start: int, width: int) -> list[Entry]:
    """All entries; none of a broken directory."""
    if not 8 <= offset <= head.size - (start - offset):
        return []
    stream.seek(offset)
    (count,) = struct.unpack(head.order + ("Q" if head.big else "H"), stream.read(start - offset))
    behind = head.size - start - width * count
    if behind < 0 or (behind in (1, 3) and not head.big) or count > 0xFFFF:
        return []
    form = head.order + ("HHQ8s" if head.big else "HHL4s")
    entries = [Entry(*fields) for fields in struct.iter_unpack(form, stream.read(width * count))]
    return entries if entries and entries[0].type in _SIZES else []


def _decoded(order: str, type_: int, data: bytes) -> Value:
    if type_ == _UNDEFINED:
        return data
    if type_ in (_ASCII, _UTF8):
        return _text(data)
    count = len(data) // _SIZES[type_]
    letter = _LETTERS[type_][0]
    numbers = struct.unpack_from(f"{order}{count * len(_LETTERS[type_])}{letter}", data)
    if type_ in (_RATIONAL, _SIGNED_RATIONAL):
        numbers = tuple(_quotients(numbers))
    return numbers[0] if count == 1 else numbers


def _text(data: bytes) -> str:
    """Text up to the first NUL, as UTF-8, else as Latin-1."""
    data = data.partition(b"\0")[0]
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _quotients(numbers: tuple[int, ...]) -> Iterator[Number]:
    for top, bottom in zip(numbers[::2], numbers[1::2], strict=True):
        yield Fraction(top, bottom) if bottom else "inf" if top else "undef"


def _packet(value: Value) -> bytes:
    """An XMP packet, which is stored as bytes of any type."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    items = value if isinstance(value, tuple) else (value,)
    return bytes(item for item in items if isinstance(item, int) and 0 <= item < 256)


def orientation_of(stream: IO[bytes]) -> int | None:
    """Exif's orientation in IFD0, 1 to 8; None without it."""
    head = read_head(stream)
    value = read_directory(stream, head, head.first, (ORIENTATION,)).get(ORIENTATION) if head else None
    return value if isinstance(value, int) and 1 <= value <= 8 else None
