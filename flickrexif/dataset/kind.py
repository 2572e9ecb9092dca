"""The kinds of data set with the layout of FlickrExif: FlickrExif itself, the photos of a published table with their
images, and a labelled folder of one's own photos."""

import re
from functools import partial
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.kinds import Configs, DataSetKind, named_files
from flickrexif.core.parquet import column_names, read_table
from flickrexif.dataset.build import read_collection
from flickrexif.dataset.facts import flickrexif_facts
from flickrexif.dataset.fingerprint import fingerprint
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.published import IMAGE_REASON, TABLE

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


def _fetched_files(folder: Path) -> list[Path]:
    """What may be published of fetched photos. UsageError where an image is under no open licence that is known."""
    files = configs(folder)
    if "images" in files:
        licenses = read_table(files["labels"]["train"], ["license_id", IMAGE_REASON.name])
        of_images = [one for one, reason in zip(*licenses.to_pydict().values(), strict=True) if reason is None]
        if closed := sum(not license_id for license_id in of_images):  # none, or 0: all rights reserved
            message = f"{closed:,} of {len(of_images):,} images of {folder} are under no open licence that is known."
            hint = "They stay here; `flickrexif refresh` asks Flickr for licences. Delete images/ to publish the rows."
            raise UsageError(message, hint)
    return named_files(folder, FILE_NAMES)


def is_fetched(folder: Path) -> bool:
    """Whether the data set holds the photos of a table, by `flickrexif fetch`. Raises FlickrExifError for a bad one."""
    collection = read_collection(folder)
    return collection is not None and TABLE in collection.settings


def _is_fetched(folder: Path) -> bool:
    try:
        return is_fetched(folder)
    except FlickrExifError:
        return False


def _is_own(folder: Path) -> bool:
    try:
        collection = read_collection(folder)
    except FlickrExifError:
        return False
    return collection is not None and collection.source == OWN


def _is_flickrexif(folder: Path) -> bool:
    """Whether it has a `collection.json` (which is written first), a crawl's journal, or rows of photos."""
    marks = (folder / "collection.json", folder / ".crawl" / "journal.sqlite")
    of_others = _is_own(folder) or _is_fetched(folder)
    return not of_others and (any(path.is_file() for path in marks) or _has_rows(folder))


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

FETCHED = DataSetKind(
    name="published",
    made_by="flickrexif fetch CTU-OU/FlickrExif --out data/published",
    file_names=FILE_NAMES,
    credited=True,
    images={"IDENTITY": "images"},
    recognises=_is_fetched,
    origin=origin,
    configs=configs,
    files=_fetched_files,
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

PHOTOS = (FLICKREXIF, FETCHED, FOLDER)  # data sets of labelled photos with their ids
