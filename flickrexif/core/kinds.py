"""What the rest of the toolkit must know of a kind of data set, and of a format that holds photos.

Each package that writes a format says it here of its own: `dataset.kind`, `paircams.kind`, `processing.kind` for data
sets, a `Holder` beside each other format. `flickrexif.kinds` lists them. Nobody else looks for files.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flickrexif.core.facts import Facts

SIMULATED_NOTE = "SIMULATED.txt"  # in a folder of simulated photos
SIMULATED_CAMERA = "flickrexif simulated camera"  # Exif's Software of every simulated photo
FINGERPRINT = ".huggingface.yaml"  # in the folder of a data set; `datasets` names its cache after it, too
Configs = Mapping[str, Mapping[str, Sequence[Path]]]  # config -> split -> its Parquet files, sorted

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # there is one object a kind: told apart by identity
class DataSetKind:
    """A kind of data set: how its folder is told from others, what it holds, how it is described and loaded.

    The functions take the folder of a data set. All but `recognises` raise FlickrExifError for a file that cannot be
    read, with what to type.
    """

    name: str  # flickrexif, folder, paircams, imagenet-traces
    made_by: str  # the command that makes one
    hub: str | None = None  # where it is published: user/name
    file_names: re.Pattern[str]  # of its files that may be published, relative to the folder: on disk or on the Hub
    credited: bool = False  # whether photos have authors and licences, which ATTRIBUTION.csv lists
    images: Mapping[str, str] = field(default_factory=dict)  # variant, as images are stored -> the config with them

    recognises: Callable[[Path], bool]  # whether a folder, built or half built, is one
    origin: Callable[[Path], str]  # where its photos came from: flickr, sandbox:simulated, real, ...; "" if not told
    sources: Callable[[Path], Mapping[str, Sequence[Path]]] = lambda _: {}  # split -> the data sets it was made of
    configs: Callable[[Path], Configs]  # what can be loaded: those that have files, no split that is still being made
    files: Callable[[Path], list[Path]]  # what may be published, sorted, without the files that describe it
    fingerprint: Callable[[Path], str]  # the text of FINGERPRINT: other data, other text
    describe: Callable[[Path], Facts]  # what its card tells


def named_files(folder: Path, file_names: re.Pattern[str]) -> list[Path]:
    """The files in `folder` and in the folders in it whose relative names match, sorted."""
    paths = (path for pattern in ("*", "*/*") for path in folder.glob(pattern))
    return sorted(path for path in paths if file_names.fullmatch(path.relative_to(folder).as_posix()))
