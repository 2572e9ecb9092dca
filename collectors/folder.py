"""A folder of your own photos as a source: every image file in it, with its Exif.

Tags of positions and owners' names are not read; of a serial number a hash alone is kept, to tell cameras apart.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flickrexif.collectors.owners import Owners
from flickrexif.core.image_files import images
from flickrexif.core.photos import FolderPhoto
from flickrexif.core.pictures import BadPicture
from flickrexif.exif.exiftool import Reader
from flickrexif.exif.files import read_photo
from flickrexif.exif.tags import unusable

# Reason of core.pictures why a picture cannot be opened -> reason in the data set, where the two differ.
REASON_OF_PICTURE = dict.fromkeys(("empty", "truncated", "damaged", "too_large"), "not_an_image")


def photo_paths(folder: Path, passed_over: Counter[str] | None = None) -> list[Path]:
    """The image files in `folder` and below, sorted; hidden files and folders and links to folders are left out.

    Files that are no images are added to `passed_over`, by kind.
    """
    kinds = Counter[str]() if passed_over is None else passed_over
    return [folder / path for path in images(folder, kinds, links=False)]


def name_of(folder: Path, path: Path) -> str:
    """A photo's path relative to `folder`, with `/`; what is not UTF-8 in it is replaced."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")


def photos(
    folder: Path, owners: Owners, passed_over: Counter[str] | None = None, read: Reader = read_photo
) -> Iterator[FolderPhoto]:
    """Every image file in `folder`; those that cannot be read have a reason. `passed_over` as in `photo_paths`."""
    return (_photo(path, name_of(folder, path), owners, read) for path in photo_paths(folder, passed_over))


def _photo(path: Path, name: str, owners: Owners, read: Reader) -> FolderPhoto:
    about: dict[str, Any] = {"path": name, "file": path.absolute()}
    try:
        photo = read(path)
    except BadPicture as bad:
        reason = REASON_OF_PICTURE.get(bad.reason, bad.reason)
        return FolderPhoto(**about, owner=owners.of(name, None), tags={}, width=None, height=None, reason=reason)
    return FolderPhoto(
        **about,
        owner=owners.of(name, photo.camera),
        tags=photo.tags,
        numbers=photo.numbers,
        orientation=photo.orientation,
        width=photo.width,
        height=photo.height,
        reason=unusable(photo.tags),
    )
