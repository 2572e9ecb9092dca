"""Files that occur twice, and scenes that were photographed for two subjects."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from flickrexif.paircams.framing import Match, View, compare
from flickrexif.paircams.records import PairImage, Problem
from flickrexif.paircams.rules import problem, shown

ALIKE = 0.85  # correlation of two thumbnails, before features are compared
INLIERS = 100  # at least, between two photos of one scene; two scenes on the same table share fewer
OVERLAP = 0.8
NEAREST = 5  # subjects compared by features, of those with a similar thumbnail
NAMED = 3  # other files that one finding names


class Twin(NamedTuple):
    """Two subjects that show one scene."""

    first: int
    second: int
    match: Match


def duplicates(images: Sequence[PairImage]) -> Iterator[Problem]:
    """A finding for each image whose file is also another image's."""
    for _, same in groupby(sorted(images, key=lambda image: image.sha256), key=lambda image: image.sha256):
        group = list(same)
        for image in group:
            others = [f"{shown(o.file_name)} of subject {shown(o.subject)}" for o in group if o is not image]
            if others:
                more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
                yield problem(image, "duplicate", f"the same bytes as {', '.join(others[:NAMED])}{more}")


def twins(views: Sequence[View], files: Sequence[str]) -> Iterator[Twin]:
    """Pairs of subjects whose images of one side show the same scene in the same framing, except equal files.

    `views` and `files` (sha256): those of one side, one a subject.
    """
    import numpy as np

    thumbnails = np.stack([view.thumbnail for view in views])
    for first, row in enumerate(np.triu(thumbnails @ thumbnails.T, 1)):
        alike = [int(second) for second in np.argsort(-row, kind="stable")[:NEAREST] if row[second] > ALIKE]
        for second in alike:
            match = compare(views[first], views[second])
            if files[first] != files[second] and match.inliers >= INLIERS and match.overlap >= OVERLAP:
                yield Twin(first, second, match)
