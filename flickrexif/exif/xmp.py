"""The photographing values of an XMP packet, for files whose Exif lacks them."""

import re
from contextlib import suppress
from fractions import Fraction
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

_NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
    "aux": "http://ns.adobe.com/exif/1.0/aux/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
}
# XMP property -> tag name; of several for one tag, the first wins
_PROPERTIES = {
    "tiff:Make": "Make",
    "tiff:Model": "Model",
    "tiff:Software": "Software",
    "exif:ExposureTime": "ExposureTime",
    "exif:FNumber": "FNumber",
    "exif:ISOSpeedRatings": "ISO",
    "exif:PhotographicSensitivity": "ISO",
    "exifEX:PhotographicSensitivity": "ISO",
    "exifEX:SensitivityType": "SensitivityType",
    "exifEX:StandardOutputSensitivity": "StandardOutputSensitivity",
    "exifEX:RecommendedExposureIndex": "RecommendedExposureIndex",
    "exifEX:ISOSpeed": "ISOSpeed",
    "exif:FocalLength": "FocalLength",
    "exif:FocalLengthIn35mmFilm": "FocalLengthIn35mmFormat",
    "exif:ExposureProgram": "ExposureProgram",
    "exif:ExposureMode": "ExposureMode",
    "exif:WhiteBalance": "WhiteBalance",
    "exif:FileSource": "FileSource",
    "exif:DateTimeOriginal": "DateTimeOriginal",
    "exifEX:LensModel": "LensModel",
    "aux:Lens": "LensModel",
    "exifEX:BodySerialNumber": "BodySerialNumber",
    "aux:SerialNumber": "BodySerialNumber",
    "xmp:CreatorTool": "CreatorTool",
}
# Field of exif:Flash -> the lowest of its bits in Exif's Flash, and how many (XMP specification, part 2)
_FLASH = {"Fired": (0, 1), "Return": (1, 2), "Mode": (3, 2), "Function": (5, 1), "RedEyeMode": (6, 1)}
_UTF_16 = {b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le", b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be"}
_DECLARATION = re.compile(r"^[\s\0\ufeff]*(?:<\?xml[^>]*\?>)?")
_RATIONAL = re.compile(r"(-?[0-9]{1,10})/(-?[0-9]{1,10})")
_DATE_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)\s*(\S*)")
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}")
MAX_PACKET = 1_000_000  # bytes that are read


def xmp_values(packet: bytes) -> dict[str, Fraction | int | str]:
    """Tag name -> value, a rational where the packet has a rational; of a broken packet, what can be read.

    A property is told by its namespace, whatever its prefix. Those of pictures that were placed into this one lie
    deeper in the packet and do not count.
    """
    texts: dict[str, str] = {}
    values: dict[str, Fraction | int | str] = {}
    for description in _descriptions(packet[:MAX_PACKET].decode(_UTF_16.get(packet[:2], "utf-8"), "replace")):
        for name, text in (*description.items(), *((child.tag, _text(child)) for child in description)):
            texts.setdefault(name, text.strip())
        flash = description.find(_full("exif:Flash"))
        if flash is not None and (code := _flash_code(flash)) is not None:
            values.setdefault("Flash", code)
    for name, tag in _PROPERTIES.items():
        if text := texts.get(_full(name), ""):
            values.setdefault(tag, _date(text) if tag == "DateTimeOriginal" else _number(text))
    return values


def _descriptions(text: str) -> list[Element]:
    """The elements whose attributes and children are the properties of the picture itself."""
    if "<!DOCTYPE" in text:  # no XMP has one, and its entities could grow without bound
        return []
    known = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())  # some packets forget them
    parser: Any = XMLPullParser(("start",))
    with suppress(ParseError):
        parser.feed(f"<packet {known}>{_DECLARATION.sub('', text)}")
    _, root = next(iter(parser.read_events()))
    rdfs = (rdf for path in ("", "*/") for rdf in root.iterfind(path + _full("rdf:RDF")))
    return [element for rdf in rdfs for element in rdf.iterfind(_full("rdf:Description"))]


def _full(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _text(element: Element) -> str:
    """The text of a property, or the items of its list, separated by blanks."""
    items = element.findall(f"*/{_full('rdf:li')}")
    return " ".join(filter(None, ((item.text or "").strip() for item in items or [element])))


def _flash_code(flash: Element) -> int | None:
    """Exif's code of a Flash structure, whose fields are attributes or elements; None without any."""
    inner = flash.find(_full("rdf:Description"))
    fields = flash if inner is None else inner
    texts = {**fields.attrib, **{child.tag: _text(child) for child in fields}}
    code, is_empty = 0, True
    for field, (bit, width) in _FLASH.items():
        text = texts.get(_full(f"exif:{field}"), "").strip().lower()
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else text == "true"
        code |= (number & (1 << width) - 1) << bit
        is_empty = is_empty and not text
    return None if is_empty else code


def _number(text: str) -> Fraction | str:
    """XMP writes rationals as "1/250"; ExifTool calls 1/0 inf and 0/0 undef."""
    match = _RATIONAL.fullmatch(text)
    if not match:
        return text
    top, bottom = int(match[1]), int(match[2])
    return Fraction(top, bottom) if bottom else "inf" if top else "undef"


def _date(text: str) -> str:
    """XMP writes dates as "2021-07-04T10:11:12+02:00", Exif and ExifTool with colons and a blank."""
    if match := _DATE_TIME.fullmatch(text):
        return f"{match[1]}:{match[2]}:{match[3]} {match[4]}{match[5]}"
    return text.replace("-", ":") if _DATE.match(text) else text
