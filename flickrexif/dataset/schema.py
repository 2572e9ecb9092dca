"""The records and columns of the FlickrExif data set: Parquet files and cards derive from this file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flickrexif.core.columns import Column

Source = Literal["flickr", "sandbox:simulated", "sandbox:photos", "folder"]  # where photos came from


@dataclass(frozen=True, slots=True, kw_only=True)
class RawPhoto:
    """One usable photo as a collector found it, before any label is made."""

    flickr_id: int
    owner: str  # NSID, e.g. 7478087@N06
    owner_name: str | None
    title: str | None
    page_url: str
    license_id: int
    license: str  # name with its version
    license_url: str
    date_taken: str  # "YYYY-MM-DD HH:MM:SS", the photographer's clock, no zone
    date_taken_granularity: int
    month: str  # "YYYY-MM", of date_taken
    width: int | None  # of image_url, pixels
    height: int | None
    image_url: str
    image_size: str  # Flickr's letter of image_url's size: l, c, z or m
    exif: Mapping[str, str] = field(default_factory=dict)  # tag name -> raw string, see exif/tags.py
    exif_source: str = "flickr.photos.getExif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What the raw Exif strings of one photo mean; `None` where a value is missing or impossible."""

    make: str | None = None
    make_published: str | None = None
    model: str | None = None
    device_category: str = "unknown"
    is_smartphone: bool | None = None
    exposure_seconds: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length_mm: float | None = None
    exposure_class: str | None = None
    aperture_class: str | None = None
    iso_class: str | None = None
    focal_length_class: str | None = None
    exposure_exact: str | None = None
    aperture_exact: str | None = None
    iso_exact: str | None = None
    focal_length_exact: str | None = None
    flash: bool | None = None
    exposure_program: str | None = None
    exposure_mode: str | None = None
    white_balance: str | None = None
    software: str | None = None
    edited: bool | None = None
    year: int | None = None
    null_reasons: str | None = None  # "iso=saturated; f_number=zero": why a value that was there is null


PUBLISHED_COLUMNS = (
    Column("Flickr ID", "int64", "Flickr's id of the photo"),
    Column("url", "string", "address of the image, the largest size up to 1024 px (l, then c, z, m)"),
    Column("owner", "string", "NSID of the photographer"),
    Column("Make", "string", "camera maker, as ExifTool prints it"),
    Column("Model", "string", "camera model, as ExifTool prints it"),
    Column("Exposure", "string", "ExposureTime as ExifTool prints it, seconds"),
    Column("Aperture", "string", "FNumber as ExifTool prints it"),
    Column("ISO Speed", "string", "ISO as ExifTool prints it"),
    Column("Focal Length", "string", "FocalLength as ExifTool prints it, with its unit"),
)

PHOTO_COLUMNS = (
    Column("title", "string", "the photographer's title; a stranger's text, escape it"),
    Column("owner_name", "string", "the photographer's name; a stranger's text, escape it"),
    Column("page_url", "string", "the photo's page on Flickr"),
    Column("license_id", "int16", "Flickr's licence id"),
    Column("license", "string", "licence name with its version"),
    Column("license_url", "string", "the licence's text"),
    Column("attribution", "string", "title, author, page and licence in one line"),
    Column("date_taken", "timestamp[ms]", "when the photo was taken, the photographer's clock, no zone"),
    Column("date_taken_granularity", "int16", "0: exact to the second"),
    Column("month", "string", "month the photo was taken, YYYY-MM"),
    Column("width", "int32", "pixels of the image at image_url"),
    Column("height", "int32", "pixels of the image at image_url"),
    Column("image_url", "string", "address of the image"),
    Column("image_size", "string", "Flickr's size suffix of image_url: l (1024), c (800), z (640), m (500)"),
)

RAW_COLUMNS = tuple(
    Column(name, "string", f"{tag} as ExifTool prints it")
    for name, tag in (
        ("make_raw", "Make"),
        ("model_raw", "Model"),
        ("exposure_raw", "ExposureTime"),
        ("aperture_raw", "FNumber"),
        ("iso_raw", "ISO"),
        ("focal_length_raw", "FocalLength"),
        ("focal_length_35mm_raw", "FocalLengthIn35mmFormat"),
        ("flash_raw", "Flash"),
        ("exposure_program_raw", "ExposureProgram"),
        ("exposure_mode_raw", "ExposureMode"),
        ("white_balance_raw", "WhiteBalance"),
        ("date_time_original_raw", "DateTimeOriginal"),
        ("lens_model_raw", "LensModel"),
        ("file_source_raw", "FileSource"),
        ("software_raw", "Software"),
    )
)

LABEL_COLUMNS = (
    Column("make", "string", "one canonical name a maker"),
    Column("make_published", "string", "the maker in the spelling of the published class names"),
    Column("model", "string", "model name without padding, serial numbers and firmware"),
    Column("device_category", "string", "smartphone, feature_phone, tablet, dslr, mirrorless, compact, ..."),
    Column("is_smartphone", "bool", "smart or non-smart, from device_category; null when unknown"),
    Column("exposure_seconds", "float64", "exposure time, seconds"),
    Column("f_number", "float64", "f-number"),
    Column("iso", "int32", "ISO speed"),
    Column("focal_length_mm", "float64", "focal length, millimetres"),
    Column("exposure_class", "string", "nearest nominal third-stop exposure time"),
    Column("aperture_class", "string", "nearest nominal third-stop f-number"),
    Column("iso_class", "string", "nearest nominal third-stop ISO speed"),
    Column("focal_length_class", "string", "focal-length bin"),
    Column("exposure_exact", "string", "the printed exposure time as its own class, as in the paper"),
    Column("aperture_exact", "string", "the printed f-number as its own class, as in the paper"),
    Column("iso_exact", "string", "the printed ISO speed as its own class, as in the paper"),
    Column("focal_length_exact", "string", "the printed focal length as its own class, as in the paper"),
    Column("flash", "bool", "whether the flash fired"),
    Column("exposure_program", "string", "ExposureProgram"),
    Column("exposure_mode", "string", "ExposureMode"),
    Column("white_balance", "string", "WhiteBalance"),
    Column("software", "string", "firmware or editor that wrote the file"),
    Column("edited", "bool", "whether `software` is an editor"),
    Column("year", "int16", "year taken"),
    Column("null_reasons", "string", "why a value that was there became null"),
    Column("exif_source", "string", "where the raw Exif came from"),
)

FULL_COLUMNS = PUBLISHED_COLUMNS + PHOTO_COLUMNS + RAW_COLUMNS + LABEL_COLUMNS

IMAGE_COLUMNS = (
    Column("Flickr ID", "int64", "Flickr's id of the photo"),
    Column("image", "image", "the file's bytes as fetched, never re-encoded"),
    Column("sha256", "string", "of the bytes"),
    Column("width", "int32", "pixels"),
    Column("height", "int32", "pixels"),
    Column("image_size", "string", "Flickr's size suffix: o (original), l, c, z or m"),
)
