"""HEIF, HEIC and AVIF: boxes of ISO/IEC 14496-12 and items of ISO/IEC 23008-12."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, NamedTuple

from flickrexif.core.containers.header import MAX_BLOCK, MAX_PARTS, Header, size_of, tiff_of

AVIF_BRANDS = frozenset((b"avif", b"avis"))
HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"))
_XMP_TYPE = b"application/rdf+xml"
_EXTENTS = 1_000  # of one item
# (quarter turns to the left, then mirrored, 0: top to bottom, 1: left to right) -> Exif's orientation
_TURNS: dict[tuple[int, int | None], int] = {(0, None): 1, (1, None): 8, (2, None): 3, (3, None): 6}
_TURNS |= {(0, 0): 4, (0, 1): 2, (1, 0): 5, (1, 1): 7, (2, 0): 2, (2, 1): 4, (3, 0): 7, (3, 1): 5}


class Box(NamedTuple):
    """A box: its type, and its content."""

    name: bytes
    body: bytes


class Place(NamedTuple):
    """Where an item lies: in the file (0) or in the idat box (1), and its extents as (start, length)."""

    method: int
    extents: list[tuple[int, int]]


def is_avif(stream: IO[bytes]) -> bool:
    """Whether the brands of the file, of which the first may be a general one, are those of AVIF."""
    stream.seek(0)
    head = stream.read(8)
    brands = stream.read(min(int.from_bytes(head[:4], "big") - 8, 1_024) if head[:4] > b"\0\0\0\x08" else 0)
    names = {brands[start : start + 4] for start in range(0, len(brands), 4)}
    return bool(names & AVIF_BRANDS) and not names & HEIC_BRANDS


def read_heif(stream: IO[bytes]) -> Header | None:
    """None without the size of the primary picture."""
    with suppress(struct.error, IndexError):
        meta = _meta(stream)
        if meta is not None:
            return _header(stream, meta)
    return None


def _meta(stream: IO[bytes]) -> bytes | None:
    """The content of the meta box of the file, cut to the block that may be read."""
    place, end = 0, size_of(stream)
    for _ in range(MAX_PARTS):
        stream.seek(place)
        head = stream.read(16)
        if len(head) < 8:
            return None
        size, name = struct.unpack_from(">L4s", head)
        start = place + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", head, 8)
            start += 8
        stop = end if size == 0 else place + size
        if stop < start:
            return None
        if name == b"meta":
            stream.seek(start)
            return stream.read(min(stop - start, MAX_BLOCK))[4:]
        place = stop
    return None


def _boxes(data: bytes) -> Iterator[Box]:
    place = 0
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">L4s", data, place)
        start = place + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        stop = len(data) if size == 0 else place + size
        if stop < start:
            return
        yield Box(name, data[start:stop])
        place = stop


def _header(stream: IO[bytes], meta: bytes) -> Header | None:
    parts: dict[bytes, bytes] = {}
    for box in _boxes(meta):
        parts.setdefault(box.name, box.body)
    primary = _primary(parts.get(b"pitm", bytes(6)))
    size, turn = _looks(parts.get(b"iprp", b""), primary)
    if size is None:
        return None
    blocks: dict[str, list[bytes]] = {"Exif": [], "XMP": []}
    with suppress(struct.error, IndexError):  # of a broken list of items, those that can be read
        kinds = {item: kind for item, kind in _items(parts.get(b"iinf", b"")) if kind}
        described = dict(_described(parts.get(b"iref", b"")))
        for item, place in _places(parts.get(b"iloc", b"")):
            kind = kinds.get(item)
            if kind and primary in described.get(item, (primary,)):
                blocks[kind].append(_content(stream, place, parts.get(b"idat", b"")))
    return Header(*size, tuple(map(_tiff, blocks["Exif"])), tuple(blocks["XMP"]), turn)


def _tiff(block: bytes) -> bytes:
    """The TIFF structure of an item: its offset stands in front of it, which some programs forget."""
    if block[:4] not in (b"II*\0", b"MM\0*", b"Exif"):
        block = block[4 + int.from_bytes(block[:4], "big") :]
    return tiff_of(block)


def _primary(pitm: bytes) -> int:
    return int.from_bytes(pitm[4:6] if pitm[0] == 0 else pitm[4:8], "big")


def _looks(iprp: bytes, primary: int) -> tuple[tuple[int, int] | None, int | None]:
    """Stored size of the primary item, and its turn."""
    properties: list[Box] = []
    numbers: list[int] = []
    for box in _boxes(iprp):
        if box.name == b"ipco":
            properties = list(_boxes(box.body))
        elif box.name == b"ipma":
            numbers += _associated(box.body, primary)
    size, turns, mirror = None, 0, None
    for number in numbers:
        name, body = properties[number - 1] if 0 < number <= len(properties) else (b"", b"")
        if name == b"ispe" and len(body) >= 12:
            size = struct.unpack_from(">LL", body, 4)
        elif name == b"irot" and body:
            turns = body[0] & 3
        elif name == b"imir" and body:
            mirror = body[0] & 1
    return size, _TURNS[turns, mirror] if turns or mirror is not None else None


def _associated(ipma: bytes, primary: int) -> list[int]:
    """The numbers of an item's properties."""
    version, wide = ipma[0], ipma[3] & 1
    (count,) = struct.unpack_from(">L", ipma, 4)
    place = 8
    for _ in range(count):
        item_size = 2 if version < 1 else 4
        item = int.from_bytes(ipma[place : place + item_size], "big")
        place += item_size
        number = ipma[place]
        place += 1
        size = 2 if wide else 1
        if item == primary:
            entries = (ipma[place + size * i : place + size * (i + 1)] for i in range(number))
            return [int.from_bytes(entry, "big") & (0x7FFF if wide else 0x7F) for entry in entries]
        place += size * number
    return []


def _items(iinf: bytes) -> Iterator[tuple[int, str]]:
    """(item, "Exif", "XMP" or "")."""
    for _, body in _boxes(iinf[6 if iinf[:1] == b"\0" else 8 :]):
        version = body[0]
        wide = 4 if version == 3 else 2
        item = int.from_bytes(body[4 : 4 + wide], "big")
        kind, rest = body[6 + wide : 10 + wide], body[10 + wide :]
        is_xmp = kind == b"mime" and rest.split(b"\0")[1:2] == [_XMP_TYPE]
        yield item, "Exif" if kind == b"Exif" else "XMP" if is_xmp else ""


def _described(iref: bytes) -> Iterator[tuple[int, list[int]]]:
    """(item, the pictures that it describes), for those that say so."""
    size = 2 if iref[:1] == b"\0" else 4
    for name, body in _boxes(iref[4:]):
        if name == b"cdsc":
            numbers = [
                int.from_bytes(body[place : place + size], "big") for place in (0, *range(size + 2, len(body), size))
            ]
            yield numbers[0], numbers[1:]


def _places(iloc: bytes) -> Iterator[tuple[int, Place]]:
    if not iloc:
        return
    version = iloc[0]
    (sizes,) = struct.unpack_from(">H", iloc, 4)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    place, wide = 6, 4 if version == 2 else 2

    def number(size: int) -> int:
        nonlocal place
        place += size
        if place > len(iloc):
            raise IndexError("the iloc box is cut")
        return int.from_bytes(iloc[place - size : place], "big")

    for _ in range(number(wide)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)  # data reference: 0, this file
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size if version else 0)
            extents.append((base + number(offset_size), number(length_size)))
        yield item, Place(method, extents)


def _content(stream: IO[bytes], place: Place, idat: bytes) -> bytes:
    content = bytearray()
    for start, length in place.extents[:_EXTENTS]:
        wanted = min(length, MAX_BLOCK - len(content))
        if place.method == 1:
            content += idat[start : start + wanted]
        elif place.method == 0:
            stream.seek(start)
            content += stream.read(wanted)
    return bytes(content)
