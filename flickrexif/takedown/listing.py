"""All files that may name or show photos: those below a data folder, and what its register names elsewhere."""

import os
from collections.abc import Iterator
from pathlib import Path

from flickrexif.core.folder import DataFolder
from flickrexif.core.remote import is_remote


def all_files(data_folder: DataFolder) -> tuple[Path, ...]:
    """Every file below the data folder and below what is registered elsewhere, sorted, each once."""
    places = (data_folder.path.absolute(), *data_folder.registered())
    return tuple(sorted({path for place in places for path in _below(place)}, key=str))


def _below(place: Path) -> Iterator[Path]:
    """The files below a folder, or the file itself; links are followed, each folder once."""
    if place.is_file():
        yield place
    if is_remote(place):
        yield from place.rglob("*")
        return
    walked: set[str] = set()
    for folder, folders, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        if real in walked:
            folders.clear()
            continue
        walked.add(real)
        yield from (path for name in names if (path := Path(folder, name)).is_file())
