"""Removes private metadata from HEIC files by overwriting it in place, so that no offset changes.

Of the media data only the extents of picture items stay, and Exif is replaced by its scrubbed form. Boxes and
properties that do not describe the picture become free space. See ISO/IEC 14496-12 (boxes) and 23008-12 (items).
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flickrexif.paircams.scrub_exif import Unscrubbable, scrub_exif

PICTURES = frozenset(b"hvc1 hvt1 av01 avc1 jpeg grid iden iovl tmap".split())
META_BOXES = frozenset(b"hdlr pitm iinf iloc iref iprp idat dinf grpl".split())
PROPERTIES = frozenset(
    b"hvcC lhvC av1C avcC jpgC ispe colr pixi irot imir clap pasp auxC rloc lsel a1op clli mdcv cclv amve".split()
)
NO_EXIF = b"II*\0\x08\0\0\0" + bytes(6)  # a TIFF structure without tags


class Box(NamedTuple):
    """A box: its type, and where it starts, where its content starts and where it ends."""

    name: bytes
    start: int
    body: int
    end: int


class Item(NamedTuple):
    """An item of the meta box: its type, and the extents of its data as (start, end) in the file."""

    name: bytes
    extents: list[tuple[int, int]]


def scrub_heif(data: bytes) -> bytes:
    """The scrubbed file, of the same size. Raises `Unscrubbable` for a video and for an unknown or broken structure."""
    try:
        return _scrub(data)
    except (struct.error, IndexError, RecursionError):
        raise Unscrubbable("the HEIC file is broken") from None


def _scrub(data: bytes) -> bytes:
    out = bytearray(data)
    boxes = list(_boxes(data, 0, len(data)))
    metas = [box for box in boxes if box.name == b"meta"]
    if len(metas) != 1 or any(box.name in (b"moov", b"moof") for box in boxes):
        raise Unscrubbable("the HEIC file is more than a still picture")
    items = _meta(out, data, metas[0])
    kept = [extent for item in items if item.name in PICTURES for extent in item.extents]
    for box in boxes:
        if box.name == b"mdat":
            _blank(out, box.body, box.end, kept)
        elif box.name not in (b"ftyp", b"meta"):
            _free(out, box)
    for item in items:
        if item.name == b"Exif":
            _put_exif(out, data, item.extents, kept)
    return bytes(out)


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start < end:
        size, name = struct.unpack_from(">L4s", data, start)
        body = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, body)
            body += 8
        stop = end if size == 0 else start + size
        if not body <= stop <= end:
            raise Unscrubbable("a box of the HEIC file is cut short")
        yield Box(name, start, body, stop)
        start = stop


def _free(out: bytearray, box: Box) -> None:
    out[box.start + 4 : box.start + 8] = b"free"
    out[box.body : box.end] = bytes(box.end - box.body)


def _blank(out: bytearray, start: int, end: int, kept: Iterable[tuple[int, int]]) -> None:
    """Overwrite what lies between the extents that are kept."""
    for first, last in sorted(kept):
        if first < end and last > start:
            gap = max(first - start, 0)
            out[start : start + gap] = bytes(gap)
            start = max(start, min(last, end))
    out[start:end] = bytes(end - start)


def _meta(out: bytearray, data: bytes, meta: Box) -> list[Item]:
    """Clean the meta box and all within it; return its items."""
    parts: dict[bytes, Box] = {}
    for box in _boxes(data, meta.body + 4, meta.end):
        if box.name not in META_BOXES or box.name in parts:
            _free(out, box)
        else:
            parts[box.name] = box
    for name in (b"iinf", b"iloc", b"iprp"):
        if name not in parts:
            raise Unscrubbable("the HEIC file lists no items")
    if b"hdlr" in parts:
        _blank(out, min(parts[b"hdlr"].body + 24, parts[b"hdlr"].end), parts[b"hdlr"].end, ())  # a name
    _properties(out, data, parts[b"iprp"])
    idat = parts.get(b"idat")
    names = dict(_item_names(out, data, parts[b"iinf"]))
    places = dict(_item_places(data, parts[b"iloc"], idat.body if idat else len(data)))
    if names.keys() - places.keys():
        places |= {item: [] for item in names.keys() - places.keys()}
    items = [Item(names.get(item, b""), extents) for item, extents in places.items()]
    if idat:
        _blank(out, idat.body, idat.end, [e for item in items if item.name in PICTURES for e in item.extents])
    return items


def _properties(out: bytearray, data: bytes, iprp: Box) -> None:
    for box in _boxes(data, iprp.body, iprp.end):
        if box.name == b"ipco":
            for prop in _boxes(data, box.body, box.end):
                if prop.name not in PROPERTIES:
                    _free(out, prop)  # it stays in the list, so that the others keep their numbers
        elif box.name != b"ipma":
            _free(out, box)


def _item_names(out: bytearray, data: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    """(item, type) of every entry; their texts (name, content type, URI) are overwritten."""
    version = data[iinf.body]
    for box in _boxes(data, iinf.body + (6 if version == 0 else 8), iinf.end):
        version = data[box.body]
        if box.name != b"infe" or version not in (2, 3):
            raise Unscrubbable("an item of the HEIC file is of an unknown kind")
        form = ">HH4s" if version == 2 else ">LH4s"
        item, _, name = struct.unpack_from(form, data, box.body + 4)
        texts = box.body + 4 + struct.calcsize(form)
        out[texts : box.end] = bytes(0 if byte == 0 else 0x5F for byte in data[texts : box.end])
        if name not in PICTURES and name != b"Exif":
            out[texts - 4 : texts] = b"skip"  # so that no reader parses the blanked data
        yield item, name


def _item_places(data: bytes, iloc: Box, idat: int) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """(item, extents) of every entry of the iloc box."""
    version, place = data[iloc.body], iloc.body + 4
    (sizes,) = struct.unpack_from(">H", data, place)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    place += 2

    def number(size: int) -> int:
        nonlocal place
        place += size
        if place > iloc.end:
            raise Unscrubbable("the HEIC file is broken")
        return int.from_bytes(data[place - size : place], "big")

    wide = 4 if version == 2 else 2
    for _ in range(number(wide)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)  # data reference: 0, this file
        base = number(base_size)
        extents = []
        for _ in range(number(2)):
            number(index_size if version else 0)
            start = base + number(offset_size) + (idat if method == 1 else 0)
            extents.append((start, start + number(length_size)))
        if method > 1 or any(not 0 <= first < last <= len(data) for first, last in extents):
            raise Unscrubbable("an item of the HEIC file lies where it cannot be found")
        yield item, extents


def _put_exif(out: bytearray, data: bytes, extents: list[tuple[int, int]], kept: Iterable[tuple[int, int]]) -> None:
    """Write the scrubbed Exif over the old one, which is at least as long, and zeros behind it."""
    if not extents:
        return
    if len(extents) > 1 or any(first < extents[0][1] and last > extents[0][0] for first, last in kept):
        raise Unscrubbable("the Exif of the HEIC file lies in pieces or in the picture")
    start, end = extents[0]
    content = data[start:end]
    tiff = scrub_exif(content[4 + int.from_bytes(content[:4], "big") :]) or NO_EXIF
    scrubbed = bytes(4) + tiff
    if len(scrubbed) <= len(content):
        out[start:end] = scrubbed.ljust(len(content), b"\0")
