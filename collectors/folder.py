"""A folder of one's own photos as a source: every image file in it, with its Exif.

No position, serial number or owner's name is read.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from flickrexif.core.photos import FolderPhoto
from flickrexif.core.pictures import BadPicture, suffixes
from flickrexif.exif.files import FORMATS, read_photo
from flickrexif.exif.models import clean_model
from flickrexif.exif.tags import unusable

SUFFIXES = suffixes(*FORMATS)
# Why a picture cannot be opened (core.decoding) -> the column's word; other words are the same.
READING = dict.fromkeys(("empty", "truncated", "damaged", "too_large"), "not_an_image")


def photo_paths(folder: Path) -> list[Path]:
    """The image files in `folder` and the folders in it, sorted; hidden ones and links to folders are passed over."""
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        visible = (Path(root, name) for name in names if not name.startswith("."))
        found += [path for path in visible if path.suffix.lower() in SUFFIXES]
    return sorted(found)


def photos(folder: Path) -> Iterator[FolderPhoto]:
    """Every image file in `folder`, also those that cannot be read."""
    return (_photo(folder, path) for path in photo_paths(folder))


def _photo(folder: Path, path: Path) -> FolderPhoto:
    # A name that is no UTF-8 keeps what can be read of it.
    name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
    try:
        photo = read_photo(path)
    except BadPicture as bad:
        return FolderPhoto(path=name, tags={}, width=None, height=None, reason=READING.get(bad.reason, bad.reason))
    tags = dict(photo.tags)
    if model := clean_model(tags.get("Make"), tags.get("Model")):
        tags["Model"] = model  # some cameras glue their serial number to it
    return FolderPhoto(path=name, tags=tags, width=photo.width, height=photo.height, reason=unusable(tags))
