"""Raw Exif strings -> labels, by pure functions and small tables; whatever the strings hold, nothing raises."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from flickrexif.exif import bins, settings, values
from flickrexif.exif.dates import Taken, read_date
from flickrexif.exif.devices import device_category, is_smartphone
from flickrexif.exif.labels import Labels
from flickrexif.exif.makes import canonical_make, published_make
from flickrexif.exif.models import clean_model

__all__ = ["label", "read_labels"]

CACHED = 1 << 14  # results cached by each function; most photos repeat a few thousand raw strings
MAX_TEXT = 200  # characters of a raw string that are read


class Number(NamedTuple):
    """An exposure setting: its number or why it has none, its class and its printed form."""

    value: float | None = None
    reason: str | None = None
    binned: str | None = None
    exact: str | None = None


class Device(NamedTuple):
    """The labels that come from Make and Model."""

    make: str | None
    make_published: str | None
    model: str | None
    category: str
    is_smartphone: bool | None


class Words(NamedTuple):
    """The labels from tags that hold words or codes, and (label, reason) where a tag has no meaning."""

    flash: bool | None
    exposure_program: str | None
    exposure_mode: str | None
    white_balance: str | None
    reasons: tuple[tuple[str, str], ...]


def label(
    tags: Mapping[str, str], date_taken: str | None = None, numbers: Mapping[str, Fraction | float] | None = None
) -> Labels:
    """The labels of one photo from its raw strings (tag names as in `exif/tags.py`, printed as ExifTool does).

    `numbers`: ExposureTime, FNumber, FocalLength and ISO as the file holds them, before ExifTool rounds them; values
    and classes come from these where there are any. The year comes from `date_taken` ("YYYY-MM-DD HH:MM:SS", Flickr's
    date), else from DateTimeOriginal. Never raises: a label without a value is None, and `null_reasons` says why when
    the tag had one.
    """
    exact = {"ISO": _sensitivity(tags), **(numbers or {})}
    exposure, aperture, iso, focal = (
        _setting(parse, _text(tags, tag), exact.get(tag)) for tag, parse in _SETTINGS.items()
    )
    device = _device(_text(tags, "Make"), _text(tags, "Model"), _text(tags, "FileSource"))
    words = _words(*(_text(tags, tag) for tag in ("Flash", "ExposureProgram", "ExposureMode", "WhiteBalance")))
    software = _text(tags, "Software") or _text(tags, "CreatorTool")
    taken = _taken(date_taken, _text(tags, "DateTimeOriginal"))
    parsed = {"exposure_seconds": exposure, "f_number": aperture, "iso": iso, "focal_length_mm": focal}
    reasons = [(name, number.reason) for name, number in parsed.items()]
    reasons += [*words.reasons, ("date_taken", taken.reason)]
    return Labels(
        make=device.make,
        make_published=device.make_published,
        model=device.model,
        device_category=device.category,
        is_smartphone=device.is_smartphone,
        exposure_seconds=exposure.value,
        f_number=aperture.value,
        iso=None if iso.value is None else int(iso.value),
        focal_length_mm=focal.value,
        exposure_class=exposure.binned,
        aperture_class=aperture.binned,
        iso_class=iso.binned,
        focal_length_class=focal.binned,
        exposure_exact=exposure.exact,
        aperture_exact=aperture.exact,
        iso_exact=iso.exact,
        focal_length_exact=focal.exact,
        flash=words.flash,
        exposure_program=words.exposure_program,
        exposure_mode=words.exposure_mode,
        white_balance=words.white_balance,
        software=software,
        edited=_edited(software),
        year=taken.year,
        null_reasons="; ".join(f"{name}={reason}" for name, reason in reasons if reason) or None,
    )


def read_labels(path: Path | str) -> Labels:
    """The labels of a JPEG, TIFF, PNG, WebP or HEIC file. Raises `BadPicture`."""
    from flickrexif.exif.files import read_photo

    photo = read_photo(Path(path))
    return label(photo.tags, numbers=photo.numbers)


def _text(tags: Mapping[str, str], tag: str) -> str | None:
    """A tag's raw string without NULs and outer blanks, or None when nothing is left."""
    raw = tags.get(tag)
    return raw[:MAX_TEXT].replace("\0", "").strip() or None if isinstance(raw, str) else None


def _taken(*dates: str | None) -> Taken:
    """The first of `dates` that tells a year, else the first that is there."""
    read = [read_date(date) for date in dates if date]
    return next((taken for taken in read if taken.year), read[0] if read else Taken())


def _setting(parse: Callable[[object], Number], text: str | None, number: Fraction | float | None) -> Number:
    """A setting by its number where the file has one; as a class of its own it is what is printed."""
    printed = parse(text)
    if number is None:
        return printed
    exact = parse(number)
    return exact if exact.value is None else exact._replace(exact=printed.exact or exact.exact)


def _sensitivity(tags: Mapping[str, str]) -> int | None:
    """What ISO stands for (Exif 2.32, 4.6.5), where its field is full or empty; as Flickr names it."""
    if _text(tags, "ISO") not in (None, "65535"):
        return None
    kind = _text(tags, "SensitivityType") or ""
    named = [tag for tag, words in _SENSITIVITIES.items() if words in kind]
    speeds = (_iso(_text(tags, tag)).value for tag in (*named, *_SENSITIVITIES))
    return next((int(speed) for speed in speeds if speed), None)


def _number(parsed: values.Parsed, to_class: Callable[[float], str | None], to_exact: Callable[[float], str]) -> Number:
    value, reason = parsed
    return Number(None, reason) if value is None else Number(value, None, to_class(value), to_exact(value))


@lru_cache(CACHED)
def _exposure(raw: object) -> Number:
    return _number(values.parse_exposure(raw), bins.exposure_class, bins.exposure_exact)


@lru_cache(CACHED)
def _aperture(raw: object) -> Number:
    return _number(values.parse_f_number(raw), bins.aperture_class, bins.aperture_exact)


@lru_cache(CACHED)
def _iso(raw: object) -> Number:
    return _number(values.parse_iso(raw), bins.iso_class, bins.iso_exact)


@lru_cache(CACHED)
def _focal_length(raw: object) -> Number:
    return _number(values.parse_focal_length(raw), bins.focal_length_class, bins.focal_length_exact)


# Of several that SensitivityType names, the first counts.
_SENSITIVITIES = {
    "ISOSpeed": "ISO Speed",
    "RecommendedExposureIndex": "Recommended Exposure Index",
    "StandardOutputSensitivity": "Standard Output Sensitivity",
}
_SETTINGS: Mapping[str, Callable[[object], Number]] = {
    "ExposureTime": _exposure,
    "FNumber": _aperture,
    "ISO": _iso,
    "FocalLength": _focal_length,
}


@lru_cache(CACHED)
def _device(make: str | None, model: str | None, file_source: str | None) -> Device:
    category = device_category(make, model, file_source=file_source)
    return Device(
        canonical_make(make), published_make(make), clean_model(make, model), category, is_smartphone(category)
    )


@lru_cache(CACHED)
def _words(flash: str | None, program: str | None, mode: str | None, balance: str | None) -> Words:
    raw = {"flash": flash, "exposure_program": program, "exposure_mode": mode, "white_balance": balance}
    parsed = (
        settings.flash_fired(flash),
        settings.exposure_program(program),
        settings.exposure_mode(mode),
        settings.white_balance(balance),
    )
    lost = (name for (name, text), value in zip(raw.items(), parsed, strict=True) if text and value is None)
    return Words(*parsed, tuple((name, settings.null_reason(raw[name])) for name in lost))


_edited = lru_cache(CACHED)(settings.edited)
