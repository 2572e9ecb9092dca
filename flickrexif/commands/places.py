"""Arguments that all commands share: places in the file system, and one value or several."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias, TypeVar

from flickrexif.core.addresses import expanded, place_of
from flickrexif.core.errors import UsageError
from flickrexif.core.folder import NO_DATA_FOLDER, DataFolder, default_data_dir
from flickrexif.core.remote import STORES_HINT, is_remote, remote

Place: TypeAlias = str | os.PathLike[str]  # `~` at its start is the user's home
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/")  # a Path has one of its slashes left; C:/ is none
ELSEWHERE = (
    "Locks, a journal or links are kept there, which no store can hold: mount it as a folder, or copy there what a "
    "command wrote. Addresses are for `process` and `embed`, and for `eval` of --embeddings."
)
Value = TypeVar("Value", str, float)


def path_of(place: Place, hint: str = ELSEWHERE) -> Path:
    """The path of a place, `~` expanded. UsageError, with `hint`, for an address such as s3://bucket/folder."""
    path = expanded(place)
    if remote(place) or (ADDRESS.match(os.fspath(place)) and not Path(path.parts[0]).exists()):
        address = re.sub(":/+", "://", os.fspath(place), count=1)
        raise UsageError(f"{address} is no folder of this machine.", hint)
    return path


def output_at(place: Place) -> Path:
    """As `path_of`, or the path at an address of a store (s3://bucket/folder)."""
    return remote(place) or path_of(place, STORES_HINT)


def unlocked(*places: Path | None) -> list[str]:
    """The sentence that says which of the outputs no lock keeps others from."""
    open_to_all = [str(place) for place in places if is_remote(place)]
    if not open_to_all:
        return []
    return [f"No lock can be held at {', '.join(open_to_all)}: see to it that no other command writes there."]


def optional_path(place: Place | None) -> Path | None:
    """As `path_of`; None for none."""
    return path_of(place) if place else None


def several_places(places: Place | Iterable[Place] | None) -> tuple[str, ...]:
    """One place, several or none as texts."""
    given = (places,) if isinstance(places, str | os.PathLike) else places or ()
    return tuple(os.fspath(place) for place in given)


def data_folder(data_dir: Place | None) -> DataFolder:
    """The data folder `data_dir`; None: `$FLICKREXIF_DATA`, else `data`."""
    return DataFolder(default_data_dir() if data_dir is None else path_of(data_dir, NO_DATA_FOLDER))


def home_of(source: Place, data_dir: Place | None = None) -> DataFolder:
    """The data folder that holds the photos in `source`; `data_dir` if none does or this user may not write to it."""
    place = place_of(source)
    folder = DataFolder.holding(place) if place.exists() else None
    return folder if folder and os.access(folder.path, os.W_OK) else data_folder(data_dir)


def several(values: Value | Iterable[Value] | None) -> tuple[Value, ...]:
    """One value, several or none as a tuple."""
    if values is None:
        return ()
    return (values,) if isinstance(values, str | int | float) else tuple(values)
