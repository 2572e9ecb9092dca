"""How the verdict on a photo is found from what the search said of it."""

from collections.abc import Container
from datetime import UTC, datetime, timedelta

from flickrexif.collectors.flickr.models import SearchPhoto
from flickrexif.exif.dates import read_date

SKIP_CODES = {1: "not_found", 2: "exif_hidden"}

CLOCK_SLACK = timedelta(days=1)  # as the camera's clock has no zone and the upload time is GMT


def before_exif(photo: SearchPhoto, month: str, licenses: Container[int]) -> str | None:
    """Why `photo` is rejected without calling getExif, or None. `month` is YYYY-MM."""
    if photo.license_id not in licenses:
        return "license"
    if photo.media != "photo":
        return "not_a_photo"
    if photo.date_taken_unknown or not (taken := read_date(photo.date_taken).time):
        return "date_unknown"
    if photo.date_taken_granularity != 0:
        return "date_inexact"
    if f"{taken:%Y-%m}" != month:
        return "other_month"
    if photo.date_upload is not None and taken > _gmt(photo.date_upload) + CLOCK_SLACK:
        return "taken_after_upload"
    return None if photo.image else "no_image"


def _gmt(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), 2**35), UTC).replace(tzinfo=None)
