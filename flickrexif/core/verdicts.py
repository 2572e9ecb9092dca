"""The verdict on every photo that a search brought: one word from a closed list."""

KEPT = "kept"

# Decided from the search answer alone, before getExif is called.
BEFORE_EXIF = {
    "license": "its licence is not one of those asked for",
    "not_a_photo": "a video",
    "date_unknown": "Flickr does not know when it was taken",
    "date_inexact": "the date taken is not exact to the second",
    "other_month": "taken in another month than the search says",
    "taken_after_upload": "taken more than a day after it was uploaded",
    "twice": "an earlier line of YFCC100M has the same id",
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
    "no_exposure_setting": "no exposure time, f-number or focal length, as of a scanner",
}

REASONS = {KEPT: "in the data set", **BEFORE_EXIF, **BY_CAP, **BY_EXIF}
