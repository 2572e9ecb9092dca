"""The photographing tags of an XMP packet, for files whose Exif lacks them."""

import re
from contextlib import suppress
from fractions import Fraction
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from flickrexif.exif.printed import printed
from flickrexif.exif.tags import MAX_LENGTH

_NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "exifEX": "http://cipa.jp/exif/1.0/",
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
    "exif:FocalLength": "FocalLength",
    "exif:FocalLengthIn35mmFilm": "FocalLengthIn35mmFormat",
    "exif:ExposureProgram": "ExposureProgram",
    "exif:ExposureMode": "ExposureMode",
    "exif:WhiteBalance": "WhiteBalance",
    "exif:FileSource": "FileSource",
    "exif:DateTimeOriginal": "DateTimeOriginal",
    "exifEX:LensModel": "LensModel",
    "xmp:CreatorTool": "CreatorTool",
}
_DECLARATION = re.compile(r"^[\s\0\ufeff]*(?:<\?xml[^>]*\?>)?")
_RATIONAL = re.compile(r"(-?[0-9]{1,10})/(-?[0-9]{1,10})")
_DATE_TIME = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)\s*(\S*)")
_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}){0,2}")
MAX_PACKET = 1_000_000  # bytes that are read


def xmp_tags(packet: bytes) -> dict[str, str]:
    """Tag name -> raw string as ExifTool prints it; of a broken packet, what can be read.

    A property is told by its namespace, whatever its prefix. Those of pictures that were placed into this one lie
    deeper in the packet and do not count.
    """
    texts: dict[str, str] = {}
    for description in _descriptions(packet[:MAX_PACKET].decode("utf-8", "replace")):
        for name, text in (*description.items(), *((child.tag, _text(child)) for child in description)):
            texts.setdefault(name, text.strip())
    tags: dict[str, str] = {}
    for name, tag in _PROPERTIES.items():
        text = texts.get(_full(name), "")
        if text := printed(tag, _date(text) if tag == "DateTimeOriginal" else _number(text))[:MAX_LENGTH]:
            tags.setdefault(tag, text)
    return tags


def _descriptions(text: str) -> list[Element]:
    """The elements whose attributes and children are the properties of the picture itself."""
    if "<!DOCTYPE" in text:  # no XMP has one, and its entities could grow without bound
        return []
    known = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in _NAMESPACES.items())  # some packets forget them
    parser: Any = XMLPullParser(("start",))
    with suppress(ParseError):
        parser.feed(f"<packet {known}>{_DECLARATION.sub('', text)}")
    _, root = next(iter(parser.read_events()))
    return [element for rdf in root.iter(_full("rdf:RDF")) for element in rdf.findall(_full("rdf:Description"))]


def _full(name: str) -> str:
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _text(element: Element) -> str:
    """The text of a property, or the first item of its list."""
    item = element.find(f"*/{_full('rdf:li')}")
    return (element if item is None else item).text or ""


def _number(text: str) -> object:
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
