"""Image files with Exif and XMP of every container, byte order, carrier and type, and with planted faults."""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from PIL import Image

from benchmarks.pictures import saved
from flickrexif.core.draws import rng

MAKE, MODEL, SOFTWARE, ORIENTATION, EXIF_IFD, XMP_TAG = 271, 272, 305, 274, 0x8769, 700
EXPOSURE, F_NUMBER, PROGRAM, ISO, DATE, FLASH, FOCAL = 33434, 33437, 34850, 34855, 36867, 37385, 37386
SOURCE, MODE, BALANCE, FOCAL_35, LENS, MAKER_NOTE, COMMENT = 41728, 41986, 41987, 41989, 42036, 37500, 37510
ASCII, BYTE, SHORT, LONG, RATIONAL, UNDEFINED, SLONG, SRATIONAL, FLOAT, DOUBLE = 2, 1, 3, 4, 5, 7, 9, 10, 11, 12
LETTERS = {BYTE: "B", SHORT: "H", LONG: "L", RATIONAL: "LL", SLONG: "l", SRATIONAL: "ll", FLOAT: "f", DOUBLE: "d"}
SIZES = {ASCII: 1, UNDEFINED: 1} | {code: struct.calcsize("<" + letters) for code, letters in LETTERS.items()}


class Entry(NamedTuple):
    """An entry of a directory, with the bytes of its value."""

    code: int
    type: int
    value: bytes


class Made(NamedTuple):
    """A file, and what is odd about it."""

    name: str
    data: bytes
    carrier: str
    fault: str


# --- values

TEXTS = (
    "Canon",
    "NIKON CORPORATION",
    "samsung\0rest",
    "  padded  ",
    "Фото",
    "tab\tin",
    "<b>&amp;",
    "x" * 1_200,
    "",
    "7",
)
RATIONALS = (
    (1, 125),
    (10, 1_250),
    (345, 1_000),
    (399, 100),
    (178, 100),
    (0, 1),
    (1, 0),
    (0, 0),
    (30, 1),
    (2**32 - 1, 1),
)
DATES = ("2011:03:08 16:23:00", "0000:00:00 00:00:00", "2015:08:22 24:08:19", "    :  :     :  :  ", "2013:05:12")
CODES = (0, 1, 2, 5, 9, 16, 24, 65, 95, 255, 256, 65_535)


def entry(order: str, code: int, type_: int, *values: Any) -> Entry:
    """An entry; texts of ASCII get their NUL."""
    if type_ in (ASCII, UNDEFINED):
        text = values[0] if isinstance(values[0], bytes) else values[0].encode()
        return Entry(code, type_, text + b"\0" * (type_ == ASCII))
    return Entry(code, type_, struct.pack(f"{order}{len(values)}{LETTERS[type_][0]}", *values))


def number(draw: Random, order: str, code: int) -> Entry:
    """A setting, mostly a rational, at times of a type that it should not have."""
    top, bottom = draw.choice(RATIONALS)
    type_ = draw.choice((RATIONAL, RATIONAL, RATIONAL, SRATIONAL, DOUBLE, FLOAT, SHORT, LONG, ASCII))
    if type_ == RATIONAL:
        return entry(order, code, type_, top, bottom)
    if type_ == SRATIONAL:
        return entry(order, code, type_, top % 1_000, -bottom if top and draw.randrange(9) == 0 else bottom)
    if type_ == ASCII:
        return entry(order, code, type_, draw.choice(("2.8", "0.345", "1/60", "none")))
    if type_ in (FLOAT, DOUBLE):
        return entry(order, code, type_, draw.choice((0.5, 0.345, 3.99, 2.8, 35.0)))
    return entry(order, code, type_, draw.choice((1, 4, 35)))


def text(draw: Random, order: str, code: int) -> Entry:
    """A name, mostly ASCII."""
    return entry(order, code, draw.choice((ASCII, ASCII, ASCII, UNDEFINED)), draw.choice(TEXTS).partition("\0")[0])


def directories(draw: Random, order: str) -> tuple[list[Entry], list[Entry]]:
    """IFD0 and Exif IFD, each tag at times missing, at times in the other directory."""
    ifd0 = [text(draw, order, code) for code in (MAKE, MODEL, SOFTWARE)]
    ifd0.append(entry(order, ORIENTATION, SHORT, draw.randrange(1, 9)))
    exif = [number(draw, order, code) for code in (EXPOSURE, F_NUMBER, FOCAL)]
    iso = draw.choice(((SHORT, 400), (SHORT, 65_535), (SHORT, 100, 0, 0), (SHORT, 100, 200), (LONG, 102_400)))
    exif.append(entry(order, ISO, *iso))
    exif += [entry(order, code, SHORT, draw.choice(CODES)) for code in (FLASH, PROGRAM, MODE, BALANCE, FOCAL_35)]
    exif.append(entry(order, SOURCE, UNDEFINED, bytes([draw.randrange(5)])))
    exif.append(entry(order, DATE, ASCII, draw.choice(DATES)))
    exif.append(text(draw, order, LENS))
    exif.append(entry(order, MAKER_NOTE, UNDEFINED, b"maker's own " * 9))
    ifd0 = [item for item in ifd0 if draw.randrange(12)]
    exif = [item for item in exif if draw.randrange(8)]
    if exif and draw.randrange(8) == 0:
        ifd0.append(draw.choice(exif)._replace(value=draw.choice(exif).value))
        ifd0[-1] = draw.choice(exif)
    return ifd0, exif


# --- TIFF structures

# Faults of one entry, and of a directory or the whole.
OF_ENTRY = ("outside", "huge_count", "in_directory", "in_head", "no_type", "type_99", "no_values", "twice")
OF_BLOCK = ("loop", "exif_outside", "exif_text", "more_entries", "fewer_entries", "cut", "not_42", "unsorted")


class Writer:
    """Writes one TIFF structure; a fault hits one entry of the directory `hit`."""

    def __init__(self, order: str, big: bool, fault: str, draw: Random, start: int = 0) -> None:
        self.order, self.big, self.fault, self.draw = order, big, fault, draw
        self.wide = 8 if big else 4
        self.out = bytearray(start)

    def directory(self, entries: Sequence[Entry], hit: bool) -> int:
        """Append a directory and its values; where it begins."""
        entries = list(entries)
        if hit and self.fault == "twice" and entries:
            again = self.draw.choice([item for item in entries if item.code != EXIF_IFD] or entries)
            entries.append(again._replace(value=entries[0].value, type=entries[0].type))
        if not (hit and self.fault == "unsorted"):
            entries.sort(key=lambda item: item.code)
        struck = self.draw.randrange(len(entries)) if hit and entries else -1
        self.out += bytes(len(self.out) % 2)
        start = len(self.out)
        width = 4 + 2 * self.wide
        count = len(entries) + {"more_entries": 30, "fewer_entries": -1}.get(self.fault if hit else "", 0)
        self.out += struct.pack(self.order + ("Q" if self.big else "H"), max(count, 0))
        places = len(self.out)
        end = places + width * len(entries)
        self.out += bytes(width * len(entries) + self.wide)
        for index, item in enumerate(entries):
            packed = self._packed(item, self.fault if index == struck else "", end)
            self.out[places + width * index : places + width * (index + 1)] = packed
        return start

    def _packed(self, item: Entry, fault: str, end: int) -> bytes:
        type_ = {"no_type": 0, "type_99": 99}.get(fault, item.type)
        count = {"huge_count": 0x1FFFFFFF, "no_values": 0}.get(fault, len(item.value) // SIZES[item.type])
        if len(item.value) <= self.wide and fault not in ("outside", "in_directory", "in_head", "huge_count"):
            inline = item.value.ljust(self.wide, b"\0")
        else:
            place = {"outside": 0xFFFFF0, "in_directory": end - 6, "in_head": 4}.get(fault, len(self.out))
            if fault in ("outside", "in_directory", "in_head") and len(item.value) <= self.wide:
                count = 40
            inline = struct.pack(self.order + ("Q" if self.big else "L"), place)
            self.out += item.value + bytes(len(item.value) % 2)
        return struct.pack(self.order + "HH" + ("Q" if self.big else "L"), item.code, type_, count) + inline


def tiff(
    draw: Random, fault: str, *, order: str, big: bool = False, extra: Sequence[Entry] = (), image: bool = False
) -> bytes:
    """A TIFF structure with drawn values and a fault; with `image` the file has a picture of one grey pixel."""
    ifd0, exif = directories(draw, order)
    ifd0 += extra
    if image:
        values = {256: 1, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 1}
        ifd0 += [entry(order, code, SHORT, value) for code, value in values.items()]
    writer = Writer(order, big, fault, draw, 16 if big else 8)
    in_exif = fault in OF_ENTRY and draw.randrange(2) == 0
    place = writer.directory(exif, in_exif)
    if fault == "exif_outside":
        place = 0xFFFFF0
    if fault != "loop":
        ifd0.append(entry(order, EXIF_IFD, LONG, place) if fault != "exif_text" else Entry(EXIF_IFD, ASCII, b"abc\0"))
    else:
        ifd0.append(entry(order, EXIF_IFD, LONG, len(writer.out) + len(writer.out) % 2))
    first = writer.directory(ifd0, not in_exif)
    magic = 43 if big else 41 if fault == "not_42" else 42
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", magic)
    head += struct.pack(order + ("HHQ" if big else "L"), *((8, 0, first) if big else (first,)))
    writer.out[: len(head)] = head
    return bytes(writer.out[: draw.randrange(len(writer.out))] if fault == "cut" else writer.out)


# --- XMP

NAMESPACES = {
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
PROPERTIES = {
    "tiff:Make": ("Canon", "Smith &amp; Sons", "カメラ"),
    "tiff:Model": ("Canon EOS 6D", "D750"),
    "tiff:Software": ("Ver.1", "GIMP 2.10"),
    "exif:ExposureTime": ("10/1250", "345/1000", "0.345", "1/0"),
    "exif:FNumber": ("28/10", "178/100", "0/0", "2.8"),
    "exif:FocalLength": ("399/100", "50"),
    "exif:ExposureProgram": ("2", "0", "77"),
    "exif:ExposureMode": ("1", "9"),
    "exif:WhiteBalance": ("0", "1"),
    "exif:FocalLengthIn35mmFilm": ("75",),
    "exif:DateTimeOriginal": ("2021-07-04T10:11:12+02:00", "2021-07-04T10:11", "2021-07-04", "2021-07-04T10:11:12.55Z"),
    "exifEX:LensModel": ("50.0 mm f/1.8",),
    "xmp:CreatorTool": ("Adobe Photoshop Lightroom 5.0",),
}
FLASHES = ((True, 0, 1), (False, 0, 2), (True, 3, 3))
OF_XMP = ("other_prefix", "ingredient", "comment", "elements", "padded")


def xmp(draw: Random, fault: str = "") -> bytes:
    """A packet, its properties as attributes or as elements, at times with another picture's inside."""
    chosen = [(name, draw.choice(texts)) for name, texts in PROPERTIES.items() if draw.randrange(4)]
    prefix = {name: f"{name}_1_" if fault == "other_prefix" else name for name in NAMESPACES}
    declared = " ".join(f'xmlns:{prefix[name]}="{uri}"' for name, uri in NAMESPACES.items())

    def named(name: str) -> str:
        space, _, local = name.partition(":")
        return f"{prefix[space]}:{local}"

    attributes = [item for item in chosen if fault != "elements" and draw.randrange(2)]
    elements = [item for item in chosen if item not in attributes]
    inside = "".join(f"<{named(name)}>{value}</{named(name)}>\n" for name, value in elements)
    if draw.randrange(2):
        items = "".join(f"<rdf:li>{value}</rdf:li>" for value in draw.choice((("400",), ("100", "200"))))
        space = " " if fault == "padded" else ""
        name = named("exif:ISOSpeedRatings")
        inside += f"<{name}>{space}<rdf:Seq>{space}{items}\n</rdf:Seq></{name}>"
    if draw.randrange(2):
        fired, back, mode = draw.choice(FLASHES)
        e = prefix["exif"]
        fields = f"<{e}:Fired>{fired}</{e}:Fired><{e}:Return>{back}</{e}:Return><{e}:Mode>{mode}</{e}:Mode>"
        inside += f'<{e}:Flash rdf:parseType="Resource">{fields}</{e}:Flash>'
    other = f'<rdf:li rdf:parseType="Resource"><{prefix["tiff"]}:Make>Other</{prefix["tiff"]}:Make></rdf:li>'
    if fault == "ingredient":
        pantry = (
            f'<xmpMM:Pantry xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><rdf:Bag>{other}</rdf:Bag></xmpMM:Pantry>'
        )
        inside = pantry + inside
    if fault == "comment":
        inside = f"<!-- <{prefix['tiff']}:Make>Other</{prefix['tiff']}:Make> -->" + inside
    said = " ".join(f'{named(name)}="{value}"' for name, value in attributes)
    return (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        f"<rdf:Description rdf:about='' {declared} {said}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>"
        "<?xpacket end='w'?>"
    ).encode()


# --- containers


@cache
def _plain(kind: str) -> bytes:
    return saved(kind, Image.new("RGB", (12, 8), (200, 100, 50)))


def segment(marker: int, body: bytes) -> bytes:
    """A segment of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def chunk(kind: bytes, body: bytes, wrong: bool = False) -> bytes:
    """A chunk of a PNG file, at times with a wrong checksum."""
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body) ^ wrong)


def jpeg(*segments: bytes) -> bytes:
    """A JPEG file with segments behind its first."""
    data = _plain("JPEG")
    place = 4 + int.from_bytes(data[4:6], "big")
    return data[:place] + b"".join(segments) + data[place:]


def png(before: bytes = b"", after: bytes = b"") -> bytes:
    """A PNG file with chunks in front of its pixels and behind them."""
    data = _plain("PNG")
    return data[:33] + before + data[33:-12] + after + data[-12:]


def webp(*chunks: tuple[bytes, bytes], flags: int | None) -> bytes:
    """A WebP file; None: without the VP8X chunk that announces the others."""
    parts = [] if flags is None else [(b"VP8X", struct.pack("<L", flags) + bytes((11, 0, 0, 7, 0, 0)))]
    parts += [(b"VP8 ", _plain("WEBP")[20:]), *chunks]
    body = b"".join(name + struct.pack("<L", len(data)) + data + bytes(len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<L", len(body) + 4) + b"WEBP" + body


def box(name: bytes, body: bytes, version: int | None = None) -> bytes:
    """A box of a HEIF file, with its version where it has one."""
    full = b"" if version is None else struct.pack(">L", version << 24)
    return struct.pack(">L", 8 + len(full) + len(body)) + name + full + body


def heif(items: Sequence[tuple[bytes, bytes]], brand: bytes, version: int, inside: bool, turn: bytes = b"") -> bytes:
    """A HEIF file whose picture is missing: items of Exif and XMP in the mdat box, or `inside` the meta box."""
    codec = b"av01" if brand == b"avif" else b"hvc1"
    entries = [box(b"infe", struct.pack(">HH4s", 1, 0, codec) + b"\0", 2)]
    for index, (name, _) in enumerate(items, 2):
        entries.append(box(b"infe", struct.pack(">HH", index, 0) + name + b"\0", 2))
    properties = [box(b"ispe", struct.pack(">LL", 12, 8), 0), *([turn] if turn else [])]
    links = bytes(range(1, len(properties) + 1))
    ipma = struct.pack(">LHB", 1, 1, len(links)) + links
    head = box(b"ftyp", brand + bytes(4) + b"mif1" + brand)
    data = b"".join(body for _, body in items)

    def meta(start: int) -> bytes:
        places, place = b"", 0 if inside else start
        for index, (_, body) in enumerate(items, 2):
            places += struct.pack(">L" if version == 2 else ">H", index)
            places += struct.pack(">H", int(inside)) if version else b""
            half = len(body) // 2
            places += struct.pack(">HHLLLL", 0, 2, place, half, place + half, len(body) - half)
            place += len(body)
        count = struct.pack(">L" if version == 2 else ">H", len(items))
        described = [box(b"cdsc", struct.pack(">HHH", index, 1, 1)) for index in range(2, len(items) + 2)]
        parts = [
            box(b"hdlr", bytes(4) + b"pict" + bytes(13), 0),
            box(b"pitm", struct.pack(">H", 1), 0),
            box(b"iinf", struct.pack(">H", len(entries)) + b"".join(entries), 0),
            box(b"iref", b"".join(described), 0),
            box(b"iprp", box(b"ipco", b"".join(properties)) + box(b"ipma", ipma, 0)),
            box(b"iloc", struct.pack(">H", 0x4400) + count + places, version),
            *([box(b"idat", data)] if inside else []),
        ]
        return box(b"meta", b"".join(parts), 0)

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", b"" if inside else data)


def profile(block: bytes, name: bytes = b"exif") -> bytes:
    """A raw profile as ImageMagick writes it."""
    digits = block.hex().encode()
    lines = b"\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
    return b"\n" + name + b"\n%8d\n" % len(block) + lines + b"\n"


EXIF, ADOBE_XMP, XMP_TEXT = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0"
Make = Callable[[Random, bytes, bytes], bytes]  # from a TIFF structure and an XMP packet, perhaps empty


def _xmp_segment(packet: bytes) -> bytes:
    return segment(0xE1, ADOBE_XMP + packet) if packet else b""


def _xmp_chunk(packet: bytes) -> bytes:
    return chunk(b"iTXt", XMP_TEXT + bytes(4) + packet) if packet else b""


def _heif_items(block: bytes, packet: bytes, lead: bytes) -> list[tuple[bytes, bytes]]:
    items = [(b"Exif\0", struct.pack(">L", len(lead)) + lead + block)] if block else []
    return [*items, (b"mime\0application/rdf+xml\0", packet)] if packet else items


CARRIERS: dict[str, Make] = {
    "jpg": lambda draw, block, packet: jpeg(segment(0xE1, EXIF + block), _xmp_segment(packet)),
    "jpg xmp first": lambda draw, block, packet: jpeg(_xmp_segment(packet), segment(0xE1, EXIF + block)),
    "jpg nul ff": lambda draw, block, packet: jpeg(segment(0xE1, b"Exif\0\xff" + block)),
    "jpg lower case": lambda draw, block, packet: jpeg(segment(0xE1, b"exif\0\0" + block)),
    "jpg garbage": lambda draw, block, packet: jpeg(segment(0xE1, b"\0\7" + EXIF + block)),
    "jpg app13": lambda draw, block, packet: jpeg(segment(0xED, b"Photoshop 3.0\0"), segment(0xE1, EXIF + block)),
    "jpg empty first": lambda draw, block, packet: jpeg(segment(0xE1, EXIF), segment(0xE1, EXIF + block)),
    "jpg two pieces": lambda draw, block, packet: jpeg(
        segment(0xE1, EXIF + block[: len(block) // 2]), segment(0xE1, EXIF + block[len(block) // 2 :])
    ),
    "jpg comment between": lambda draw, block, packet: jpeg(
        segment(0xE1, EXIF + block), segment(0xFE, b"hello"), segment(0xE1, EXIF + tiff(draw, "", order="<"))
    ),
    "jpg two": lambda draw, block, packet: jpeg(
        segment(0xE1, EXIF + tiff(draw, "", order=">")), segment(0xE1, EXIF + block)
    ),
    "jpg fill bytes": lambda draw, block, packet: jpeg(b"\xff\xff\xff", segment(0xE1, EXIF + block)),
    "png": lambda draw, block, packet: png(chunk(b"eXIf", block) + _xmp_chunk(packet)),
    "png after": lambda draw, block, packet: png(_xmp_chunk(packet), chunk(b"eXIf", block)),
    "png preamble": lambda draw, block, packet: png(chunk(b"eXIf", EXIF + block)),
    "png crc": lambda draw, block, packet: png(chunk(b"eXIf", block, True) + chunk(b"tEXt", b"a\0b", True)),
    "png profile exif": lambda draw, block, packet: png(
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile(EXIF + block)))
    ),
    "png profile APP1": lambda draw, block, packet: png(
        chunk(b"tEXt", b"Raw profile type APP1\0" + profile(EXIF + block, b"generic profile"))
    ),
    "png profile xmp": lambda draw, block, packet: png(
        chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(profile(ADOBE_XMP + packet, b"generic profile")))
        if packet
        else chunk(b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(profile(block)))
    ),
    "png compressed xmp": lambda draw, block, packet: png(
        chunk(b"iTXt", XMP_TEXT + b"\1\0\0\0" + zlib.compress(packet or xmp(draw)))
    ),
    "webp": lambda draw, block, packet: webp((b"EXIF", block), *([(b"XMP ", packet)] if packet else []), flags=12),
    "webp no flag": lambda draw, block, packet: webp((b"EXIF", block), flags=0),
    "webp no vp8x": lambda draw, block, packet: webp((b"EXIF", block), flags=None),
    "webp preamble": lambda draw, block, packet: webp((b"EXIF", EXIF + block), flags=8),
    "heic": lambda draw, block, packet: heif(_heif_items(block, packet, b""), b"heic", draw.randrange(3), False),
    "heic preamble": lambda draw, block, packet: heif(_heif_items(block, packet, EXIF), b"heic", 1, False),
    "heic idat": lambda draw, block, packet: heif(_heif_items(block, packet, EXIF), b"heic", 1, True),
    "heic bare": lambda draw, block, packet: heif([(b"Exif\0", block or tiff(draw, "", order="<"))], b"heic", 0, False),
    "avif": lambda draw, block, packet: heif(_heif_items(block, packet, b""), b"avif", draw.randrange(3), False),
    "tif": lambda draw, block, packet: b"",  # the structure is the file
    "tif big": lambda draw, block, packet: b"",
}


def files(count: int, seed: int = 0) -> Iterator[Made]:
    """Files of all carriers in turn, a third of them with a fault, a third with XMP."""
    carriers = list(CARRIERS)
    for index in range(count):
        draw = rng(seed, "exif file", str(index))
        carrier = carriers[index % len(carriers)]
        order = draw.choice("<>")
        fault = draw.choice((*OF_ENTRY, *OF_BLOCK)) if draw.randrange(3) == 0 else ""
        of_xmp = draw.choice(OF_XMP) if draw.randrange(2) else ""
        packet = xmp(draw, of_xmp) if draw.randrange(3) == 0 else b""
        kind = carrier.partition(" ")[0]
        if kind == "tif":
            extra = [Entry(XMP_TAG, draw.choice((BYTE, UNDEFINED)), packet)] if packet else []
            data = tiff(draw, fault, order=order, big=carrier == "tif big", extra=extra, image=True)
        else:
            block = b"" if packet and draw.randrange(3) == 0 else tiff(draw, fault, order=order)
            data = CARRIERS[carrier](draw, block, packet)
        yield Made(f"{index:05}.{kind}", data, carrier, fault)


def write(folder: Path, count: int, seed: int = 0) -> dict[Path, Made]:
    """The files in a folder."""
    made = {folder / item.name: item for item in files(count, seed)}
    for path, item in made.items():
        path.write_bytes(item.data)
    return made
