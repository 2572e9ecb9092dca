"""The kinds of data sets there are, and the data sets of a data folder."""

from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.core.folder import STATE, DataFolder
from flickrexif.core.kinds import SIMULATED_NOTE, DataSetKind
from flickrexif.core.remote import is_remote
from flickrexif.dataset.kind import FETCHED, FLICKREXIF, FOLDER
from flickrexif.paircams.kind import PAIRCAMS
from flickrexif.processing.kind import TRACES

KINDS = (FLICKREXIF, FETCHED, FOLDER, PAIRCAMS, TRACES)  # the first that recognises a folder is its kind


def recognised(folder: Path) -> DataSetKind | None:
    """The kind of the data set in `folder`, built or half built; None where there is none."""
    return next((kind for kind in KINDS if kind.recognises(folder)), None)


def kind_of(folder: Path) -> DataSetKind:
    """The kind of the data set in `folder`, built or half built. Raises UsageError where there is none."""
    kind = recognised(folder)
    if kind is None:
        check_data_set(folder)
        hint = "Build one first: flickrexif crawl, fetch, label, pairs build or process."
        raise UsageError(f"{folder} holds no data set.", hint)
    return kind


def check_data_set(folder: Path) -> None:
    """UsageError for a data folder, which is none itself but holds some."""
    inside = [str(path) for path, _ in data_sets(folder) if path.parent == folder]
    if inside and (folder / STATE).is_dir() and not recognised(folder):
        raise UsageError(f"{folder} is a data folder, not a data set.", f"Name one in it: {', '.join(inside)}.")


def data_sets(data_folder: Path) -> list[tuple[Path, DataSetKind]]:
    """The data sets in a data folder, and those of this machine that are registered in it, sorted by folder."""
    inside = [path for path in data_folder.glob("*/") if not path.name.startswith(".")]
    elsewhere = [path for path in DataFolder(data_folder).registered() if not is_remote(path) and path.is_dir()]
    return [(folder, kind) for folder in sorted({*inside, *elsewhere}) if (kind := recognised(folder))]


def origin_of(folder: Path, below: frozenset[Path] = frozenset()) -> str:
    """Where the photos of a data set came from, or those of what it was made of; "" where nothing tells it.

    `below` are the data sets that were made of it, in which it is not looked for again.
    """
    folder = folder.absolute()
    kind = recognised(folder)
    if kind is None:
        return "simulated" if (folder / SIMULATED_NOTE).is_file() else ""
    sources = sorted({source for some in kind.sources(folder).values() for source in some} - below - {folder})
    origins = (origin_of(source, below | {folder}) for source in sources)
    return kind.origin(folder) or next(filter(None, origins), "")
