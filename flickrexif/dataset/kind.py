"""The kinds of data set with the layout of FlickrExif: FlickrExif itself, and a labelled folder of one's own photos."""

import re
from functools import partial
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.kinds import Configs, DataSetKind, named_files
from flickrexif.core.parquet import column_names
from flickrexif.dataset.build import read_collection
from flickrexif.dataset.facts import flickrexif_facts
from flickrexif.dataset.fingerprint import fingerprint
from flickrexif.dataset.parquet import FOLDERS

FILE_NAMES = re.compile(
    r"collection\.json"
    r"|(?:data|labels|images)/train-[\w-]+\.parquet"
    r"|splits/split_data_target_attribute=[^/.]+\.(?:json|parquet)"
)
OWN = "folder"  # source of photos of one's own


def configs(folder: Path) -> Configs:
    """The configs that have files."""
    files = {config: sorted((folder / name).glob("train-*.parquet")) for config, name in FOLDERS.items()}
    return {config: {"train": paths} for config, paths in files.items() if paths}


def origin(folder: Path) -> str:
    """Where the photos came from, as `collection.json` tells; "" without the file. FlickrExifError for a bad one."""
    collection = read_collection(folder)
    return collection.origin if collection else ""


def _own_files(folder: Path) -> list[Path]:
    """What may be published of a labelled folder. UsageError where its images are links: nobody else has the files."""
    collection = read_collection(folder)
    if collection and collection.settings.get("images") == "link":
        message = f"The images of {folder} are links to files of this machine."
        raise UsageError(message, "Label the photos again with --images copy, or with --images none.")
    return named_files(folder, FILE_NAMES)


def _is_own(folder: Path) -> bool:
    try:
        collection = read_collection(folder)
    except FlickrExifError:
        return False
    return collection is not None and collection.source == OWN


def _is_flickrexif(folder: Path) -> bool:
    """Whether it has a `collection.json` (which is written first), a crawl's journal, or rows of photos."""
    marks = (folder / "collection.json", folder / ".crawl" / "journal.sqlite")
    return not _is_own(folder) and (any(path.is_file() for path in marks) or _has_rows(folder))


def _has_rows(folder: Path) -> bool:
    first = next((paths[0] for config in configs(folder).values() for paths in config.values()), None)
    try:
        return first is not None and "Flickr ID" in column_names(first)
    except FlickrExifError:
        return False


FLICKREXIF = DataSetKind(
    name="flickrexif",
    made_by="flickrexif crawl --month 2024-08 --sandbox",
    hub="CTU-OU/FlickrExif",
    file_names=FILE_NAMES,
    credited=True,
    images={"IDENTITY": "images"},
    recognises=_is_flickrexif,
    origin=origin,
    configs=configs,
    files=partial(named_files, file_names=FILE_NAMES),
    fingerprint=fingerprint,
    describe=flickrexif_facts,
)

FOLDER = DataSetKind(
    name="folder",
    made_by="flickrexif label PHOTOS --out data/folder",
    file_names=FILE_NAMES,
    images={"IDENTITY": "images"},
    recognises=_is_own,
    origin=origin,
    configs=configs,
    files=_own_files,
    fingerprint=fingerprint,
    describe=flickrexif_facts,
)
