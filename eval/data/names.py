"""What data sets call themselves, their splits and their columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from flickrexif.core.errors import UsageError
from flickrexif.core.text import as_utf8

NAMES = {
    "flickrexif": "FlickrExif",
    "paircams": "PairCams",
    "imagenet-traces": "ImageNet",
    "imagenet": "ImageNet",
    "inaturalist-traces": "iNaturalist",
    "inaturalist": "iNaturalist",
}
"""Folder of a data set -> folder of its embeddings in the published layout."""

SPLITS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
FLICKREXIF_NAME, PAIRCAMS_NAME = NAMES["flickrexif"], NAMES["paircams"]
LABELS = ("label", "cls")  # names of an integer label in the metadata of other tools
WHOLE = (FLICKREXIF_NAME, PAIRCAMS_NAME)  # published as a single split: the names of their embedding files have none

# The published table of PairCams' cameras; it counts XT1032, a phone of 2013, among the cameras.
PHONES = frozenset(
    {"iPhone XR", "Pixel 4", "iPhone SE (3rd generation)", "22101320G", "iPhone 12", "iPhone 14 Pro", "A065"}
    | {"iPhone 12 Pro"}
)
CAMERAS = frozenset(
    {"Canon IXY 630", "DSC-WX300", "C8080WZ", "EX-FH20", "Canon EOS 450D", "u700,S700", "COOLPIX S200", "XT1032"}
)

HINT = (
    "Give flickrexif, paircams or imagenet-traces, a folder of images (train/ and val/ of class folders, or flat), "
    "a folder of Parquet files, of WebDataset's tar files, of img2dataset or of save_to_disk, or a Hugging Face data "
    "set such as uoft-cs/cifar10."
)


class Listing(NamedTuple):
    """The small columns of a data set, a value an image."""

    ids: list[str]
    columns: dict[str, list[int]]
    contents: list[Any]  # hashes of the images; [] where there is no column of them


def listed(values: Mapping[str, list[Any]], rows: int) -> Listing:
    """Ids and columns from what a data set calls them; a row without an id is called by its number."""
    columns: dict[str, list[int]] = {}
    for name, (sources, convert) in COLUMNS.items():
        for column in sources:
            if name not in columns and column in values and (converted := convert(values[column])) is not None:
                columns[name] = converted
    ids = next((values[name] for name in ID_COLUMNS if name in values and None not in values[name]), None)
    texts = list(map(str, range(rows))) if ids is None else [as_utf8(str(image_id)) for image_id in ids]
    return Listing(texts, columns, values.get("sha256", []))


def integer(value: object) -> int | None:
    """The value where it is an integer that a column can hold."""
    return value if type(value) is int and -(2**63) <= value < 2**63 else None


def _integers(values: Sequence[Any]) -> list[int] | None:
    """Integers, -1 for none; None where a value is of another kind."""
    if any(value is not None and not isinstance(value, int) for value in values):
        return None
    return [-1 if value is None else int(value) for value in values]


def _labels(values: Sequence[Any]) -> list[int]:
    """Labels that are numbers. UsageError for texts: each split would number them differently."""
    numbers = _integers(values)
    if numbers is None:
        raise UsageError("The labels are no numbers.", "Make the column `label` a ClassLabel, or leave it out.")
    return numbers


def _subjects(values: Sequence[Any]) -> list[int]:
    """Subjects as numbers; names are numbered in their sorted order."""
    numbers = _integers(values)
    if numbers is not None:
        return numbers
    names = {name: place for place, name in enumerate(sorted(set(map(str, values))))}
    return [names[str(value)] for value in values]


def _sides(values: Sequence[Any]) -> list[int] | None:
    """1 for phone, 0 for camera, from PairCams' sides or published models; None where one is neither."""
    side_of = {"phone": 1, "camera": 0} | dict.fromkeys(PHONES, 1) | dict.fromkeys(CAMERAS, 0)
    sides = [side_of.get(str(value)) for value in values]
    return None if None in sides else [side for side in sides if side is not None]


# Column of the embedding file: the columns it is made from (the first that fits), and how.
COLUMNS: dict[str, tuple[tuple[str, ...], Callable[[Sequence[Any]], list[int] | None]]] = {
    "label": (("label",), _labels),
    "Flickr ID": (("Flickr ID",), _integers),
    "subject": (("subject_idx",), _subjects),
    "model": (("side", "model"), _sides),
}
ID_COLUMNS = ("Flickr ID", "image_id", "id")
USED = frozenset({*ID_COLUMNS, "sha256", *(name for names, _ in COLUMNS.values() for name in names)})


def one_of(role: str, columns: Sequence[str], place: object) -> str:
    if len(columns) != 1:
        candidates = f" (candidates: {', '.join(columns)})" if columns else ""
        raise UsageError(f"{place} does not say which column holds the {role}s{candidates}.", f"Call it `{role}`.")
    return columns[0]
