"""Exif values as ExifTool prints them, so that a file and Flickr's `getExif` give the same raw strings.

The forms follow ExifTool 12.57 (`PrintExposureTime`, `PrintFNumber` and the print conversions of its Exif table):
exposure "1/250" up to a quarter of a second and "0.3" above, f-number "4.0", focal length "70.0 mm".
"""

import math
import re
from numbers import Rational, Real

from flickrexif.exif.codes import code_words
from flickrexif.exif.values import rational_parts

FLOAT = re.compile(r"[+-]?(?=\d|\.\d)\d*(?:\.\d*)?(?:[Ee][+-]?\d+)?", re.ASCII)
_HEX_CODES = ("Flash",)


def printed(tag: str, value: object) -> str:
    """What ExifTool prints for `value` of `tag`, or "".

    `value`: text, bytes, an int, a float, a rational (anything with numerator and denominator) or a tuple of these.
    """
    text = exif_text(value)
    if not text:
        return ""
    if tag == "ExposureTime":
        return print_exposure(float(text)) if FLOAT.fullmatch(text) else text
    if tag == "FNumber":
        return print_f_number(float(text)) if FLOAT.fullmatch(text) and float(text) > 0 else text
    if tag == "FocalLength":
        return _focal_length(text)
    if tag == "FocalLengthIn35mmFormat":
        return f"{text} mm"
    if tag == "ISO":
        return ", ".join(text.split())
    words = code_words(tag)
    return _code(tag, text, words) if words else text


def exif_text(value: object) -> str:
    """A value before ExifTool's print conversion: rationals as decimals, several values separated by blanks."""
    if isinstance(value, str):
        return value.partition("\0")[0].strip()
    if isinstance(value, bytes):
        return str(value[0]) if len(value) == 1 else _bytes_text(value)
    if isinstance(value, tuple):
        return " ".join(exif_text(item) for item in value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Rational):
        top, bottom = rational_parts(value)
        if not bottom:
            return "inf" if top else "undef"
        return f"{top / bottom:.10g}"
    if isinstance(value, Real):
        number = float(value)
        return f"{number:.15g}" if math.isfinite(number) else str(number).capitalize()
    return ""


def print_exposure(seconds: float) -> str:
    """ "1/125", "0.3", "2.5", "30": seconds as ExifTool prints an ExposureTime."""
    if 0 < seconds < 0.25001:
        fraction = 0.5 + 1 / seconds
        return f"1/{int(fraction)}" if math.isfinite(fraction) else "1/inf"
    return f"{seconds:.1f}".removesuffix(".0")


def print_f_number(f_number: float) -> str:
    """ "5.6", and "0.95" below 1."""
    return f"{f_number:.2f}" if f_number < 1 else f"{f_number:.1f}"


def print_focal_length(millimetres: float) -> str:
    """ "50.0 mm"."""
    return f"{millimetres:.1f} mm"


def _focal_length(text: str) -> str:
    if text.startswith("inf"):
        return "Inf mm"
    number = FLOAT.match(text)  # as Perl does: the number at the beginning, else 0
    return print_focal_length(float(number[0]) if number else 0.0)


def _code(tag: str, text: str, words: dict[int, str]) -> str:
    if text.isascii() and text.isdigit() and len(text) < 10:
        code = int(text)
        return words.get(code) or f"Unknown ({code:#x})" if tag in _HEX_CODES else words.get(code, f"Unknown ({code})")
    if tag == "FileSource" and text == "\3":  # Sigma writes four bytes, 3 0 0 0
        return "Sigma Digital Camera"
    return f"Unknown ({text})"


def _bytes_text(data: bytes) -> str:
    """Text up to the first NUL, as UTF-8, else Latin-1, without blanks around it."""
    data = data.partition(b"\0")[0]
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return text.strip()
