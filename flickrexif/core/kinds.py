"""What the rest of the toolkit must know of a kind of data set, and of a format that holds photos.

Each package that writes a format says it here of its own: `dataset.kind`, `paircams.kind`, `processing.kind` for data
sets, a `Holder` beside each other format. `flickrexif.kinds` lists them. Nobody else looks for files.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Origin = Literal["real", "simulated"]


Forget = Callable[[Sequence[Path], Collection[str], bool], Mapping[Path, Counter[str]]]
PhotosOf = Callable[[Sequence[Path], Collection[str], Collection[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One format that names or shows photos, and how they are taken out of it. Photos are called by their ids as text.

    `forget(files, ids, write)` finds the format among `files`, which are all files of a data folder, and takes the
    photos out; it returns how many of which thing there were, by the file or folder that held them. Without `write` it
    only counts. What takes several steps is done in an order that lets the same call complete it after an
    interruption. Raises FlickrExifError for a file that cannot be read or written.

    `photos_of(files, ids, owners)` gives id -> owner of the photos that are among `ids` or by one of `owners`; None
    for a format that does not tell whose a photo is.
    """

    forget: Forget
    photos_of: PhotosOf | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSetKind:
    """A kind of data set: how its folder is told from others, what it holds and how it is described."""

    name: str  # flickrexif, folder, imagenet-traces, paircams
    made_by: str  # the command that makes one
    recognises: Callable[[Path], bool]  # whether a folder, built or half built, is one
    origin: Callable[[Path], Origin]
    configs: Callable[[Path], Mapping[str, Mapping[str, list[Path]]]]  # config -> split -> Parquet files there
    files: Callable[[Path], list[Path]]  # what belongs to the data set and may be published, without card and figures
    describe: Callable[[Path], Any]  # the facts that its card tells
    holder: Holder
