"""The photographing tags of an XMP packet, for files whose Exif lacks them."""

import html
import re
from fractions import Fraction

from flickrexif.exif.printed import printed
from flickrexif.exif.tags import MAX_LENGTH

# XMP property -> tag name
_PROPERTIES = {
    "tiff:Make": "Make",
    "tiff:Model": "Model",
    "tiff:Software": "Software",
    "exif:ExposureTime": "ExposureTime",
    "exif:FNumber": "FNumber",
    "exif:ISOSpeedRatings": "ISO",
    "exif:PhotographicSensitivity": "ISO",
    "exif:FocalLength": "FocalLength",
    "exif:FocalLengthIn35mmFilm": "FocalLengthIn35mmFormat",
    "exif:ExposureProgram": "ExposureProgram",
    "exif:ExposureMode": "ExposureMode",
    "exif:WhiteBalance": "WhiteBalance",
    "exif:FileSource": "FileSource",
    "xmp:CreatorTool": "CreatorTool",
}
# name="value", <name>value</name>, <name><rdf:Seq><rdf:li>value</rdf:li>…
_PROPERTY = re.compile(
    rf"({'|'.join(_PROPERTIES)})(?:=\"([^\"<]*)\"|=\'([^\'<]*)\'|>\s*(?:<rdf:\w+>\s*<rdf:li>)?([^<]*)<)", re.ASCII
)
_RATIONAL = re.compile(r"([0-9]{1,10})/([0-9]{1,10})")
MAX_PACKET = 1_000_000  # bytes that are read


def xmp_tags(packet: bytes) -> dict[str, str]:
    """Tag name -> raw string as ExifTool prints it; of a broken packet, what can be read."""
    tags: dict[str, str] = {}
    for match in _PROPERTY.finditer(packet[:MAX_PACKET].decode("utf-8", "replace")):
        tag = _PROPERTIES[match[1]]
        text = html.unescape(next((group for group in match.groups()[1:] if group), "")).strip()
        if text := printed(tag, _number(text))[:MAX_LENGTH]:
            tags.setdefault(tag, text)
    return tags


def _number(text: str) -> object:
    """XMP writes rationals as "1/250"."""
    match = _RATIONAL.fullmatch(text)
    return Fraction(int(match[1]), int(match[2])) if match and int(match[2]) else text
