"""Files without what their pixels do not need, so that a decoder meets no harmless damage and turns nothing.

JPEG by ITU-T T.81, PNG by ISO/IEC 15948, WebP by RFC 9649, GIF89a, TIFF 6.0 and BigTIFF, HEIF by ISO/IEC 14496-12
(boxes) and 23008-12 (items), JPEG 2000 by ISO/IEC 15444-1.
"""

import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from flickrexif.core.decoding import BadPicture

JPEG_TABLES = frozenset((0xC4, 0xDB, 0xDD))  # of Huffman codes and quantisation, and the restart interval
# Of JPEG's segments that decoders heed: marker -> how they begin, and the least length, in which their fields fit.
JPEG_SEGMENTS = {0xE0: (b"JFIF\0", 16), 0xE2: (b"ICC_PROFILE\0", 16), 0xEE: (b"Adobe", 14)}
PNG_PIXELS = frozenset((b"IHDR", b"PLTE", b"IDAT", b"IEND"))
MAX_PROFILE = MAX_VALUES = 2**23  # bytes of a colour profile, and of the values of a TIFF entry

# Of TIFF: size, samples, compression, strips and tiles, the fax options, predictor, colours, inks, alpha, the samples'
# format, JPEG's tables, YCbCr and the colour profile.
TIFF_PIXELS = frozenset((*range(256, 260), 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, *range(318, 326), 332))
TIFF_PIXELS |= {338, 339, 340, 341, 347, *range(512, 522), *range(529, 533), 34675, 50674}
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, STRIPS, SAMPLES, ROWS = 256, 257, 258, 259, 262, 273, 277, 278
PLANAR, TILE_WIDTH, SAMPLE_FORMAT = 284, 322, 339
SHORT, LONG, LONG8 = 3, 4, 16
_CODES = {1: "B", 2: "B", SHORT: "H", LONG: "L", 5: "LL", 6: "b", 7: "B", 8: "h", 9: "l", 10: "ll"}
_CODES |= {11: "f", 12: "d", 13: "L", LONG8: "Q", 17: "q", 18: "Q"}

WEBP_PIXELS = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
WEBP_METADATA = 0x0C  # bits of VP8X that announce Exif and XMP
JP2_PIXELS = frozenset((b"ihdr", b"bpcc", b"colr", b"pclr", b"cmap", b"cdef"))
TURNS = frozenset((b"irot", b"imir", b"clap"))  # properties that turn, mirror and crop


def bare_jpeg(content: bytes) -> bytes:
    """The file without the segments of applications and comments, but for JFIF, Adobe's and the colour profile."""
    parts, place = [content[:2]], 2
    while content[place : place + 1] == b"\xff" and len(head := content[place : place + 4]) == 4:
        marker, length = struct.unpack(">xBH", head)
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE) and marker not in JPEG_TABLES:
            break
        end = place + 2 + length
        name, least = JPEG_SEGMENTS.get(marker, (b"", 0))
        if marker in JPEG_TABLES or (least and length >= least and content.startswith(name, place + 4)):
            parts.append(content[place:end])
        place = end
    return b"".join((*parts, content[place:]))


def bare_png(content: bytes) -> tuple[bytes, bytes | None]:
    """The chunks of its pixels, and its colour profile if it is whole; of an animation the default image."""
    parts, profile, place = [content[:8]], None, 8
    while len(head := content[place : place + 8]) == 8:
        length, name = struct.unpack(">L4s", head)
        end = place + length + 12
        if name in PNG_PIXELS:
            parts.append(content[place:end])
        elif name == b"iCCP" and profile is None:
            profile = _profile(content[place + 4 : end])
        place = end
    return b"".join(parts), profile


def _profile(chunk: bytes) -> bytes | None:
    """The profile in an iCCP chunk, from its name to its checksum; None for a damaged one, which libpng skips too."""
    body, checksum = chunk[:-4], chunk[-4:]
    _, _, packed = body[4:].partition(b"\0")
    if checksum != struct.pack(">L", zlib.crc32(body)):
        return None
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(packed[1:], MAX_PROFILE)
    except zlib.error:
        return None
    return profile if inflater.eof else None


def bare_webp(content: bytes) -> bytes:
    """The chunks of its pixels and its colour profile: Exif and XMP, which may be cut short, are left out."""
    parts, place = [b"WEBP"], 12
    while len(head := content[place : place + 8]) == 8:
        name, length = struct.unpack("<4sL", head)
        end = place + 8 + length + length % 2
        chunk = content[place:end]
        if name == b"VP8X" and length:
            chunk = head + bytes((chunk[8] & ~WEBP_METADATA,)) + chunk[9:]
        if name in WEBP_PIXELS:
            parts.append(chunk)
        place = end
    body = b"".join(parts)
    return b"RIFF" + struct.pack("<L", len(body)) + body


def bare_gif(content: bytes) -> bytes:
    """The file without the extensions before its first picture, but for those that say what is transparent."""
    flags = content[10]
    place = 13 + (3 * (2 << (flags & 7)) if flags & 0x80 else 0)
    parts = [content[:place]]
    while content[place : place + 1] == b"!":
        end = place + 2
        while content[end]:  # the length of a block, 0 behind the last
            end += content[end] + 1
        if content[place + 1 : place + 3] == b"\xf9\4":
            parts.append(content[place : end + 1])
        place = end + 1
    return b"".join((*parts, content[place:]))


# --- TIFF


class BareTiff(NamedTuple):
    """A classic TIFF file of the first picture alone, and what its samples are."""

    content: bytes
    bits: int  # of a sample
    samples: int  # a pixel that were made pixels of one sample each: 3 of 12-bit RGB, else 1
    inverted: bool  # 0 is white, where no decoder heeds it


class Planes(NamedTuple):
    """The samples of 16 bits of a TIFF that keeps each colour, or its grey, apart and uncompressed."""

    content: bytes
    order: str  # "<" or ">", as struct has them
    shape: tuple[int, int, int]  # 3 colours or 1, height, width
    inverted: bool  # 0 is white


def bare_tiff(content: bytes) -> BareTiff | Planes:
    """The first picture of a TIFF or BigTIFF file without its further tags, so also without its orientation.

    Grey of more than 8 bits becomes "0 is black", 12-bit RGB becomes 12-bit grey three times as wide: Pillow reads
    these. Raises BadPicture for planes of more than 8 bits, but for 16 in strips, and for these cut short; struct.error
    for a header that is.
    """
    order = "<" if content[:2] == b"II" else ">"
    place, entries = _entries(content, order)
    numbers = {tag: entry.values for tag, entry in entries.items() if entry.values}
    bits, photometric = numbers.get(BITS, (1,)), numbers.get(PHOTOMETRIC, (0,))[0]
    deep, packed = max(bits) > 8, set(bits) == {12}
    if deep and numbers.get(PLANAR) == (2,) and numbers.get(COMPRESSION, (1,)) == (1,) and len(bits) > 1:
        return _planes(content, order, numbers)
    samples = 3 if packed and photometric == 2 and numbers.get(SAMPLES) == (3,) else 1
    inverted = deep and photometric == 0
    changes = {PHOTOMETRIC: 1} if inverted or samples > 1 else {}
    if samples > 1:
        changes |= {BITS: 12, SAMPLES: 1}
        changes |= {tag: 3 * numbers[tag][0] for tag in (WIDTH, TILE_WIDTH) if tag in numbers}
    out = bytearray(content)
    to = "<" if packed else order  # samples that fill no whole bytes are the same in both orders
    changed = {t: e._replace(kind=LONG, values=(changes[t],)) if t in changes else e for t, e in entries.items()}
    _write(out, place, changed, to)
    return BareTiff(bytes(out), max(bits), samples, inverted)


def _planes(content: bytes, order: str, numbers: Mapping[int, tuple[int, ...]]) -> Planes:
    colours = {0: 1, 1: 1, 2: 3}.get(numbers.get(PHOTOMETRIC, (0,))[0], 0)  # further planes are alpha
    is_unsigned = set(numbers.get(SAMPLE_FORMAT, (1,))) == {1}
    if set(numbers[BITS]) != {16} or not is_unsigned or TILE_WIDTH in numbers or not 0 < colours <= len(numbers[BITS]):
        raise BadPicture("unsupported_mode", "planes of more than 8 bits")
    (width, *_), (height, *_) = numbers.get(WIDTH, (0,)), numbers.get(HEIGHT, (0,))
    size, rows = 2 * width * height * colours, max(numbers.get(ROWS, (height,))[0], 1)
    heights = (min(rows, height - top) for _ in range(colours) for top in range(0, height, rows))
    strips = zip(numbers.get(STRIPS, ()), heights if size <= len(content) else (), strict=False)
    samples = b"".join(content[place : place + 2 * width * strip] for place, strip in strips)
    if not 0 < size == len(samples):
        raise BadPicture("truncated")
    return Planes(samples, order, (colours, height, width), numbers.get(PHOTOMETRIC, (0,)) == (0,))


class Entry(NamedTuple):
    """An entry of a directory: its type, its values and where they lie, None: within the entry."""

    kind: int
    values: tuple[int, ...]
    place: int | None


def _entries(content: bytes, order: str) -> tuple[int, dict[int, Entry]]:
    """Where the first directory is, and its entries of TIFF_PIXELS whose values lie in the file."""
    big = 43 in content[2:4]
    offset, count, entry, wide = ("Q", "Q", "HHQ8s", 8) if big else ("L", "H", "HHL4s", 4)
    (place,) = struct.unpack_from(order + offset, content, wide)
    (number,) = struct.unpack_from(order + count, content, place)
    start, size = place + struct.calcsize(order + count), struct.calcsize(order + entry)
    entries: dict[int, Entry] = {}
    for at in range(start, min(start + size * number, len(content) - size + 1), size):
        tag, kind, length, inline = struct.unpack_from(order + entry, content, at)
        if tag not in TIFF_PIXELS or kind not in _CODES:
            continue
        bytes_ = length * struct.calcsize(order + _CODES[kind])
        far = struct.unpack(order + offset, inline)[0] if bytes_ > wide else None
        source, first = (inline, 0) if far is None else (content, far)
        if bytes_ <= MAX_VALUES and first + bytes_ <= len(source):
            form = f"{order}{length * len(_CODES[kind])}{_CODES[kind][0]}"
            entries.setdefault(tag, Entry(kind, struct.unpack_from(form, source, first), far))
    return place, entries


def _write(out: bytearray, place: int, entries: Mapping[int, Entry], order: str) -> None:
    """Write a classic directory over the one at `place`, whose entries were as long or longer."""
    struct.pack_into(f"{order}2sHL", out, 0, b"II" if order == "<" else b"MM", 42, place)
    struct.pack_into(order + "H", out, place, len(entries))
    free = place + 2 + 12 * len(entries) + 4
    out[free - 4 : free] = bytes(4)  # there is no next directory
    for number, (tag, (kind, values, at)) in enumerate(sorted(entries.items())):
        kind = LONG if kind == LONG8 else kind
        packed = struct.pack(f"{order}{len(values)}{_CODES[kind][0]}", *values)
        if len(packed) > 4:
            if at is None:  # in an entry of BigTIFF, which leaves 8 bytes
                at, free = free, free + 8
            out[at : at + len(packed)] = packed
            packed = struct.pack(order + "L", at)
        length = len(values) // len(_CODES[kind])
        struct.pack_into(f"{order}HHL4s", out, place + 2 + 12 * number, tag, kind, length, packed.ljust(4, b"\0"))


# --- HEIF and JPEG 2000


def bare_jpeg2000(content: bytes) -> bytes:
    """The file, of the same size, with the boxes of its header that no pixel needs made free space."""
    out = bytearray(content)
    for header in _inside(content, b"jp2h", 0, len(content)):
        for name, body, _ in _boxes(content, *header):
            if name not in JP2_PIXELS:
                out[body - 4 : body] = b"free"
    return bytes(out)


def bare_heif(content: bytes) -> bytes:
    """The file, of the same size, with the properties that turn, mirror or crop belonging to no item.

    What a decoder then gives are the pixels as they are stored.
    """
    out = bytearray(content)
    for start, end in _inside(content, b"meta", 0, len(content)):
        for iprp in _inside(content, b"iprp", start + 4, end):
            names = [name for ipco in _inside(content, b"ipco", *iprp) for name, _, _ in _boxes(content, *ipco)]
            turns = {number for number, name in enumerate(names, 1) if name in TURNS}
            for ipma in _inside(content, b"ipma", *iprp):
                _loosen(out, *ipma, turns)
    return bytes(out)


def _loosen(out: bytearray, start: int, end: int, properties: Collection[int]) -> None:
    """Set the associations with these properties, in an ipma box from `start` to `end`, to 0, which is no property."""
    id_size, size = 4 if out[start] else 2, 2 if out[start + 3] & 1 else 1
    mask = (1 << 8 * size - 1) - 1  # the first bit says whether the property is essential
    place = start + 8
    for _ in range(int.from_bytes(out[start + 4 : place])):
        first = place + id_size + 1
        if first > end:
            return
        place = min(first + out[first - 1] * size, end)
        for at in range(first, place - size + 1, size):
            if int.from_bytes(out[at : at + size]) & mask in properties:
                out[at : at + size] = bytes(size)


def _inside(content: bytes, name: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the content of each box of this type in `content[start:end]`."""
    return ((body, stop) for kind, body, stop in _boxes(content, start, end) if kind == name)


def _boxes(content: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start and end of its content) of the boxes in `content[start:end]`."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">L4s", content, start)
        body = start + 8
        if size == 1 and body + 8 <= end:
            (size,) = struct.unpack_from(">Q", content, body)
            body += 8
        stop = end if size == 0 else min(start + size, end)
        if stop < body:
            return
        yield name, body, stop
        start = stop
