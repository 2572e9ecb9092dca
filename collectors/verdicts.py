"""The verdict on every photo that a search brought: one word from a closed list."""

from collections.abc import Container
from datetime import UTC, datetime, timedelta

from flickrexif.collectors.flickr.models import SearchPhoto

KEPT = "kept"

# Decided from the search answer alone, before getExif is called.
BEFORE_EXIF = {
    "license": "its licence is not one of those asked for",
    "not_a_photo": "a video",
    "date_unknown": "Flickr does not know when it was taken",
    "date_inexact": "the date taken is not exact to the second",
    "other_month": "taken in another month than the search says",
    "taken_after_upload": "taken more than a day after it was uploaded",
    "no_image": "no size up to 1024 px may be fetched",
}

# Decided by what is kept and tried of the photographer's other photos of the month (walk.py).
BY_CAP = {
    "over_cap": "the photographer already has as many photos kept this month as the cap allows",
    "photographer_without_exif": "twice as many photos of the photographer as the cap allows were tried",
}

# Decided by the answer of getExif.
BY_EXIF = {
    "not_found": "deleted or private since the search (code 1)",
    "exif_hidden": "the owner does not share Exif (code 2)",
    "skipped": "Flickr refuses this one photo (code 116 or one it does not document)",
    "no_answer": "Flickr kept failing on this one photo while it answered others",
    "no_exif": "no camera tags, only what every JPEG has",
    "no_make_or_model": "the camera is not named",
    "no_exposure_setting": "no exposure time, f-number or focal length: a scanner",
}

REASONS = {KEPT: "in the data set", **BEFORE_EXIF, **BY_CAP, **BY_EXIF}

SKIP_CODES = {1: "not_found", 2: "exif_hidden"}

CLOCK_SLACK = timedelta(days=1)  # as the camera's clock has no zone and the upload time is GMT


def before_exif(photo: SearchPhoto, month: str, licenses: Container[int]) -> str | None:
    """Why `photo` is rejected without calling getExif, or None. `month` is YYYY-MM."""
    if photo.license_id not in licenses:
        return "license"
    if photo.media != "photo":
        return "not_a_photo"
    if photo.date_taken_unknown or not (taken := parse_date(photo.date_taken)):
        return "date_unknown"
    if photo.date_taken_granularity != 0:
        return "date_inexact"
    if f"{taken:%Y-%m}" != month:
        return "other_month"
    if photo.date_upload is not None and taken > _gmt(photo.date_upload) + CLOCK_SLACK:
        return "taken_after_upload"
    return None if photo.image else "no_image"


def parse_date(text: str | None) -> datetime | None:
    """The time in Flickr's form `YYYY-MM-DD HH:MM:SS`, or None when `text` is not one."""
    try:
        return datetime.strptime(text or "", "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None


def _gmt(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), 2**35), UTC).replace(tzinfo=None)
