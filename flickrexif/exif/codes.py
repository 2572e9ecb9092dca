"""Exif tags whose values are codes: codes.csv, one row a code.

`printed` is ExifTool's wording, `standard` that of Exif 2.32 where it differs; `fired` is bit 0 of a Flash code.
"""

import csv
from functools import cache
from importlib.resources import files


@cache
def code_words(tag: str) -> dict[int, str]:
    """Code -> ExifTool's wording for Flash, ExposureProgram, ExposureMode, WhiteBalance or FileSource, else empty."""
    return {int(row["code"]): row["printed"] for row in table("codes.csv") if row["tag"] == tag}


@cache
def canonical_words(tag: str) -> dict[str, str]:
    """A wording of ExifTool or the standard, in lower case -> ExifTool's."""
    rows = [row for row in table("codes.csv") if row["tag"] == tag]
    return {row[wording].lower(): row["printed"] for row in rows for wording in ("standard", "printed") if row[wording]}


@cache
def flash_words() -> dict[str, bool]:
    """ExifTool's 27 ways to print a Flash code, in lower case -> whether the flash fired."""
    return {row["printed"].lower(): row["fired"] == "yes" for row in table("codes.csv") if row["tag"] == "Flash"}


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """The rows of a CSV file of this package."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))
