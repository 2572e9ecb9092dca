"""The data sets of the paper: whether a record is of one as it was published, and else what its images are called.

A folder of a few classes is called ImageNet in the layout of embedding files, whatever is in it. A report calls it so
only if it has as many images and classes as ImageNet.
"""

from collections.abc import Iterable, Mapping

from flickrexif.eval.data.names import NAMES
from flickrexif.eval.results import Result

OFFICIAL: Mapping[str, Mapping[str, int]] = {
    "ImageNet": {"train": 1_281_167, "test": 50_000, "classes": 1_000},
    "iNaturalist": {"train": 437_513, "test": 24_426, "classes": 8_142},
}
"""Data set -> its images and classes: ILSVRC 2012 and iNaturalist 2018, training and validation split."""

FOLDERS = {name: folder for folder, name in reversed(NAMES.items())}
"""Data set -> the folder that is called so: {"ImageNet": "imagenet-traces"}."""


def names_of(results: Iterable[Result]) -> Mapping[str, str]:
    """The data sets that records name -> what a report calls them: ImageNet only if each record is of all its images.

    Records without numbers, as those of failures, neither say nor spoil it.
    """
    told: dict[str, list[bool]] = {}
    for result in results:
        told.setdefault(result.dataset, []).extend([is_whole(result)] if "test" in result.n else [])
    return {
        name: name if name not in OFFICIAL or (whole and all(whole)) else FOLDERS[name] for name, whole in told.items()
    }


def is_whole(result: Result) -> bool:
    """Whether a record is of as many images and classes as the published data set of its name has.

    Images that could not be embedded count; a record of earlier versions does not tell the classes.
    """
    left_out = getattr(result.detail, "left_out", {})
    there = {
        "train": result.n.get("train", 0) + result.n.get("validation", 0) + left_out.get("train", 0),
        "test": result.n.get("test", 0) + left_out.get("val", 0),
        "classes": result.n.get("classes", 0),
    }
    official = OFFICIAL.get(result.dataset, {})
    return bool(official) and all(there[name] in (0, count) for name, count in official.items()) and there["test"] > 0


FEWEST = 100  # test images, photos or pairs of a measurement that counts
UNITS = {"test": "test images", "photos": "photos", "pairs": "pairs", "queries": "queries"}
"""Name in `Result.n` -> of what a number is, the first that a record has."""


def tested(result: Result) -> int:
    """The number of test images, photos or pairs that the record's numbers are of; 0 where it does not tell."""
    return next((result.n[name] for name in UNITS if name in result.n), 0)
