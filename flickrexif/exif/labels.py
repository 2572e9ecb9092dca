"""The labels of a photo."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """The labels of one photo; `None` where a value is missing or impossible."""

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
    null_reasons: str | None = None  # "iso=saturated; f_number=zero": why a label is null although its tag has a value
