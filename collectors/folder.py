"""A folder of your own photos as a source: every image file in it, with its Exif.

Tags of positions, serial numbers and owners' names are not read.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from flickrexif.core.photos import FolderPhoto
from flickrexif.core.pictures import BadPicture, suffixes
from flickrexif.exif.files import FORMATS, read_photo
from flickrexif.exif.tags import unusable

SUFFIXES = suffixes(*FORMATS)
# Reason of core.pictures why a picture cannot be opened -> reason in the data set, where the two differ.
REASON_OF_PICTURE = dict.fromkeys(("empty", "truncated", "damaged", "too_large"), "not_an_image")


def photo_paths(folder: Path) -> list[Path]:
    """The image files in `folder` and below, sorted; hidden files and folders and links to folders are left out."""
    paths = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        visible = (Path(root, name) for name in names if not name.startswith("."))
        paths += [path for path in visible if path.suffix.lower() in SUFFIXES]
    return sorted(paths)


def photos(folder: Path) -> Iterator[FolderPhoto]:
    """Every image file in `folder`; those that cannot be read have a reason."""
    return (_photo(folder, path) for path in photo_paths(folder))


def _photo(folder: Path, path: Path) -> FolderPhoto:
    # What is not UTF-8 in a file's name is replaced.
    name = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
    try:
        photo = read_photo(path)
    except BadPicture as bad:
        return FolderPhoto(
            path=name, tags={}, width=None, height=None, reason=REASON_OF_PICTURE.get(bad.reason, bad.reason)
        )
    return FolderPhoto(path=name, tags=photo.tags, width=photo.width, height=photo.height, reason=unusable(photo.tags))
