"""The Exif of YFCC100M: what metadata-extractor (releases 2.6 and 2.7) printed, to what ExifTool prints.

An item is `directory.tag:value`, each URL-encoded. Exposure times stay exact fractions ("1/60 sec", "833/100000 sec",
"0.02 sec"), focal lengths have one decimal or three, by release, f-numbers one. Flash loses whether "auto" stands for
"Auto" or "Off", so only whether it fired is taken; of several ISO speeds the first is left.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote_plus, unquote_plus

from flickrexif.exif.printed import printed
from flickrexif.exif.tags import MAX_LENGTH

DIRECTORIES = ("Exif IFD0", "Exif SubIFD")  # first wins; a thumbnail's tags are not the photo's
TAGS = {  # of metadata-extractor -> of ours; its "White Balance" is Exif's light source
    "Make": "Make",
    "Model": "Model",
    "Software": "Software",
    "Exposure Time": "ExposureTime",
    "F-Number": "FNumber",
    "ISO Speed Ratings": "ISO",
    "Focal Length": "FocalLength",
    "Focal Length 35": "FocalLengthIn35mmFormat",
    "Flash": "Flash",
    "Exposure Program": "ExposureProgram",
    "Exposure Mode": "ExposureMode",
    "White Balance Mode": "WhiteBalance",
    "Date/Time Original": "DateTimeOriginal",
    "Lens Model": "LensModel",
    "File Source": "FileSource",
}
CODES: Mapping[str, Mapping[str, int]] = {  # its wording of a code
    "ExposureProgram": {
        "Manual control": 1,
        "Program normal": 2,
        "Aperture priority": 3,
        "Shutter priority": 4,
        "Program creative (slow program)": 5,
        "Program action (high-speed program)": 6,
        "Portrait mode": 7,
        "Landscape mode": 8,
    },
    "ExposureMode": {"Auto exposure": 0, "Manual exposure": 1, "Auto bracket": 2},
    "WhiteBalance": {"Auto white balance": 0, "Manual white balance": 1},
    "FileSource": {"Film Scanner": 1, "Reflection Print Scanner": 2, "Digital Still Camera (DSC)": 3},
    "Flash": {"Flash did not fire": 0, "Flash fired": 1},
    "FocalLengthIn35mmFormat": {"Unknown": 0},
}
UNKNOWN = re.compile(r"Unknown \((\d{1,9})\)")  # a code that it has no words for
UNITS: Mapping[str, Callable[[str], str]] = {  # what surrounds a number
    "ExposureTime": lambda text: text.removesuffix(" sec"),
    "FNumber": lambda text: text.removeprefix("f/").removeprefix("F"),
    "FocalLength": lambda text: text.removesuffix(" mm"),
    "FocalLengthIn35mmFormat": lambda text: text.removesuffix("mm").rstrip(),
}
SETTINGS = ("ExposureTime", "FNumber", "FocalLength")


def _either(names: Mapping[str, str] | tuple[str, ...]) -> str:
    return "|".join(re.escape(quote_plus(name)) for name in names)


ITEM = rf"^(?:{_either(DIRECTORIES)})\.(?:{_either(TAGS)}):"  # of an item that is read, as the file has it


@dataclass(frozen=True, slots=True)
class FileExif:
    """A photo's Exif by our tag names: as ExifTool prints it, as the file has it, and the numbers in it."""

    tags: Mapping[str, str]
    raw: Mapping[str, str]
    numbers: Mapping[str, Fraction | float]


def read_exif(items: str) -> FileExif:
    """The Exif in the comma-separated items of a line. Never raises: strangers wrote the values."""
    texts: dict[tuple[str, str], str] = {}
    for item in items.split(","):
        name, _, value = item.partition(":")
        directory, _, tag = unquote_plus(name).partition(".")
        text = unquote_plus(value).replace("\0", "")[:MAX_LENGTH].strip()
        if directory in DIRECTORIES and tag in TAGS and text:
            texts.setdefault((directory, TAGS[tag]), text)
    raw = {tag: texts[key] for tag in TAGS.values() for key in _places(tag) if key in texts}
    numbers = {tag: number for tag in SETTINGS if (number := _number(tag, raw.get(tag, "")))}
    return FileExif({tag: print_as_exiftool(tag, text) for tag, text in raw.items()}, raw, numbers)


def print_as_exiftool(tag: str, text: str) -> str:
    """What ExifTool prints where metadata-extractor prints `text` for `tag`; a text of no known form stays."""
    if tag in UNITS and (number := _number(tag, text)) is not None:
        return printed(tag, number)
    words = CODES.get(tag)
    if not words:
        return printed(tag, text)
    if unknown := UNKNOWN.fullmatch(text):
        return printed(tag, int(unknown[1]))
    code = words.get(text.partition(",")[0] if tag == "Flash" else text)
    return text if code is None else printed(tag, code)


def _places(tag: str) -> list[tuple[str, str]]:
    return [(directory, tag) for directory in reversed(DIRECTORIES)]  # of a dict that is built, the last wins


def _number(tag: str, text: str) -> Fraction | None:
    with suppress(ValueError, ZeroDivisionError):
        return Fraction(UNITS[tag](text))
    return None
