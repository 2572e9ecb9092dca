"""Raw exposure settings -> numbers in SI units (ISO has none), or the reason why not.

All forms that cameras, ExifTool, Flickr and Exif readers use are read: "1/125", "0.008", "1/125 s",
"0.01 sec (1/100)", "10/1250", "f/2.8", "28/10", "50.0 mm", "ISO 100", "100, 0, 0", numbers, rationals, pairs of
integers, bytes. No value raises, as strangers wrote them.
"""

import math
import re
from collections.abc import Sequence
from numbers import Rational, Real
from typing import Any

Parsed = tuple[float | None, str | None]  # (value, None), (None, reason), or (None, None) for an empty string

REASONS = (
    "zero",
    "negative",
    "infinite",  # "inf", or a zero denominator
    "undefined",  # "undef": 0/0
    "saturated",  # ISO 65535, the largest that its field can hold: the real one is higher
    "out_of_range",  # a number that no camera has
    "several_values",
    "not_a_number",
)

# Wider than any camera or lens goes.
EXPOSURE_RANGE = (1e-6, 86_400.0)  # seconds
F_NUMBER_RANGE = (0.5, 512.0)
ISO_RANGE = (1.0, 10_000_000.0)
FOCAL_LENGTH_RANGE = (0.1, 20_000.0)  # millimetres
SATURATED_ISO = (65_535.0, 4_294_967_295.0)  # all bits set in a 16- or 32-bit field

_MAX_LENGTH = 64  # characters of a text that can be a number
_MAX_BITS = 1_024  # of an integer that a float can hold
_NUMBER = r"[+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:e[+-]?\d+)?"
_FORM = re.compile(rf"({_NUMBER})(?:\s*/\s*({_NUMBER}))?", re.ASCII | re.IGNORECASE)
_WORDS = re.compile(r"[+-]?(?:(inf(?:inity)?)|undef)(?![a-z])", re.IGNORECASE)
# What may surround the number.
_EXPOSURE_UNIT = re.compile(r"\s*(?:s|secs?\.?|seconds?|\"|'')$", re.IGNORECASE)
_F_NUMBER_SIGN = re.compile(r"^[f\u0192]\s*[/:]?\s*", re.IGNORECASE)
_ISO_SIGN = re.compile(r"^iso\s*", re.IGNORECASE)
_FOCAL_LENGTH_UNIT = re.compile(r"\s*mm$", re.IGNORECASE)


def parse_exposure(raw: object) -> Parsed:
    """Seconds. A fraction in brackets wins: "0.017 sec (1/60)" is 1/60."""
    text = _text(raw)
    if text and "(" in text:
        raw = text.partition("(")[2].partition(")")[0].strip() or text
    return _within(_number(raw, _EXPOSURE_UNIT), EXPOSURE_RANGE)


def parse_f_number(raw: object) -> Parsed:
    """The f-number: focal length over the diameter of the opening."""
    return _within(_number(raw, _F_NUMBER_SIGN), F_NUMBER_RANGE)


def parse_focal_length(raw: object) -> Parsed:
    """The lens's own focal length, millimetres."""
    return _within(_number(raw, _FOCAL_LENGTH_UNIT), FOCAL_LENGTH_RANGE)


def parse_iso(raw: object) -> Parsed:
    """ISO speed, a whole number. Of several values ("100, 0, 0") zeros are ignored, and the others must be equal."""
    text = _text(raw)
    values: Sequence[object]
    if text is not None:
        values = re.split(r"[,;\s]+", _ISO_SIGN.sub("", text))
    else:
        values = raw if isinstance(raw, list | tuple) else [raw]
    speeds = {_one_iso(value) for value in values[:_MAX_LENGTH]} - {(None, None)}
    if len(speeds) > 1:
        speeds.discard((None, "zero"))
    if len(speeds) > 1:
        return None, "several_values"
    return speeds.pop() if speeds else (None, "not_a_number" if text else None)


def _one_iso(raw: object) -> Parsed:
    number = _number(raw, _ISO_SIGN)
    if number in SATURATED_ISO:
        return None, "saturated"
    value, reason = _within(number, ISO_RANGE)
    return (None, reason) if value is None else (float(round(value)), None)


def _text(raw: object) -> str | None:
    """Text or bytes as text without NULs and outer blanks, cut when too long for a number; None for other types."""
    if isinstance(raw, bytes | bytearray):
        raw = raw[: 4 * _MAX_LENGTH].decode("latin-1")
    return raw[: 4 * _MAX_LENGTH].replace("\0", " ").strip() if isinstance(raw, str) else None


def _number(raw: object, around: re.Pattern[str]) -> float | str | None:
    """The number in `raw`, else the reason why it is not a number, or None when it is empty."""
    for _ in range(4):  # ((28, 10),)
        if not isinstance(raw, list | tuple) or len(raw) != 1:
            break
        raw = raw[0]
    if raw is None or (isinstance(raw, list | tuple) and not raw):
        return None
    if (text := _text(raw)) is not None:
        return _text_number(around.sub("", text).strip()) if text else None
    if isinstance(raw, list | tuple):
        pair = len(raw) == 2 and all(type(item) is int for item in raw)
        return _quotient(raw[0], raw[1]) if pair else "several_values"
    if isinstance(raw, bool):
        return "not_a_number"
    if isinstance(raw, Rational):
        top, bottom = rational_parts(raw)
        return _quotient(top, bottom)
    return float(raw) if isinstance(raw, Real) else "not_a_number"


def rational_parts(rational: Any) -> tuple[float, float]:
    """Numerator and denominator, which may be 0 in Pillow's rationals."""
    return rational.numerator, rational.denominator


def _text_number(text: str) -> float | str:
    if word := _WORDS.match(text):
        return "infinite" if word[1] else "undefined"
    form = _FORM.fullmatch(text) if len(text) <= _MAX_LENGTH else None
    if not form:
        return "not_a_number"
    top, bottom = (float(part.replace(",", ".")) for part in (form[1], form[2] or "1"))
    return _quotient(top, bottom)


def _quotient(top: float, bottom: float) -> float | str:
    if any(isinstance(part, int) and part.bit_length() > _MAX_BITS for part in (top, bottom)):
        return "out_of_range"
    if not bottom:
        return "infinite" if top else "undefined"
    try:
        return top / bottom
    except OverflowError:
        return "out_of_range"


def _within(number: float | str | None, limits: tuple[float, float]) -> Parsed:
    if number is None or isinstance(number, str):
        return None, number
    if math.isnan(number):
        return None, "undefined"
    if math.isinf(number):
        return None, "infinite"
    if number <= 0:
        return None, "negative" if number < 0 else "zero"
    return (number, None) if limits[0] <= number <= limits[1] else (None, "out_of_range")
