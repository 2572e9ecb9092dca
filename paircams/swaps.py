"""Finds images that are filed under the wrong subject, as they fit another subject's image better.

Thumbnails decide which images are worth comparing.
"""

from collections.abc import Iterator, Sequence, Set
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from flickrexif.paircams.framing import Match, View, compare
from flickrexif.paircams.records import Side

if TYPE_CHECKING:
    from flickrexif.paircams.framing import Array

MIN_RATIO = 2.0  # times the score of its own pair that a swap must have
BETTER_CANDIDATES = 3  # subjects compared with an image that fits its own subject but resembles them more
CANDIDATES = 20  # subjects compared with an image that does not fit, and as many of those that do not fit either


class Swap(NamedTuple):
    """The image of `side` fits the other side's image of subject `other`."""

    side: Side
    other: int
    match: Match


def swaps(phones: Sequence[View], cameras: Sequence[View], own: Sequence[Match], fit: Set[int]) -> dict[int, Swap]:
    """Subject -> where its phone image, or else its camera image, belongs.

    `phones`, `cameras`, `own`: the views and the match of each subject. `fit`: the subjects whose own match fits.
    """
    alike = _alike(phones, cameras)

    @cache
    def match(phone: int, camera: int) -> Match:
        return compare(phones[phone], cameras[camera])

    def best(subject: int, side: Side) -> Swap | None:
        row = alike[subject] if side == "phone" else alike[:, subject]
        candidates = (
            Swap(side, other, match(subject, other) if side == "phone" else match(other, subject))
            for other in _candidates(subject, row, fit)
        )
        return max(candidates, key=lambda swap: swap.match.score, default=None)

    sides: tuple[Side, ...] = ("phone", "camera")
    swapped = {}
    for subject, mine in enumerate(own):
        candidates = (best(subject, side) for side in sides)
        better = (swap for swap in candidates if swap and swap.match.fits and swap.match.score > MIN_RATIO * mine.score)
        if swap := next(better, None):
            swapped[subject] = swap
    return swapped


def _alike(phones: Sequence[View], cameras: Sequence[View]) -> "Array":
    """[phones, cameras]: correlation of the thumbnails."""
    import numpy as np

    product: Array = np.stack([v.thumbnail for v in phones]) @ np.stack([v.thumbnail for v in cameras]).T
    return product


def _candidates(subject: int, row: "Array", fit: Set[int]) -> Iterator[int]:
    """The subjects worth comparing, given how much each resembles the image: [subjects]."""
    import numpy as np

    others = [int(other) for other in np.argsort(-row, kind="stable") if other != subject]
    if subject in fit:
        return iter([other for other in others if row[other] > row[subject]][:BETTER_CANDIDATES])
    loose = [other for other in others if other not in fit]
    return iter(dict.fromkeys(others[:CANDIDATES] + loose[:CANDIDATES]))
