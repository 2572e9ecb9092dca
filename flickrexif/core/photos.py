"""Photos as a collector returns them, before they are labelled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

Source = Literal["flickr", "yfcc100m", "sandbox:simulated", "sandbox:photos", "folder"]  # where photos came from
ExifSource = Literal["file", "flickr", "yfcc100m"]  # who read the Exif; docs/columns.md says what that means


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPhoto:
    """One usable photo of Flickr; where a source lacks them, licence, dates, granularity and sizes are None."""

    flickr_id: int
    owner: str  # NSID, e.g. 7478087@N06
    owner_name: str | None
    title: str | None
    page_url: str
    license_id: int | None
    license: str | None  # name with its version
    license_url: str | None
    date_taken: str | None  # "YYYY-MM-DD HH:MM:SS", the photographer's clock, no zone
    date_taken_granularity: int | None
    month: str | None  # "YYYY-MM", of date_taken
    width: int | None  # of image_url, pixels
    height: int | None
    image_url: str
    image_size: str | None  # Flickr's letter of image_url's size: l, c, z or m
    exif: Mapping[str, str] = field(default_factory=dict)  # tag name -> string as ExifTool prints it, see exif/tags.py
    raw: Mapping[str, str] | None = None  # tag name -> string as the source has it, where that is another
    numbers: Mapping[str, Fraction | float] = field(default_factory=dict)  # tag name -> number in it, less rounded
    exif_source: ExifSource = "flickr"
    orientation: int | None = None  # Exif's, 1 to 8, of the image at image_url; Flickr turns those images upright


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderPhoto:
    """One image file of a folder, also one that cannot be read."""

    path: str  # relative to the folder, with /
    file: Path  # absolute
    owner: str  # whoever counts as the photographer
    tags: Mapping[str, str]  # tag name -> raw string as ExifTool prints it
    width: int | None  # pixels as stored
    height: int | None
    reason: str | None  # why there are no labels, or few
    numbers: Mapping[str, Fraction | float] = field(default_factory=dict)  # tag name -> number as the file holds it
    orientation: int | None = None  # Exif's, 1 to 8
