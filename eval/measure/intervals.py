"""95% intervals of averages: the percentile bootstrap, and Wilson's where there is nothing to resample."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.results import BLOCKS

RESAMPLES = 2_000
LEVEL = 0.95
OVER_IMAGES = "test images"  # what most intervals are resampled over
FEWEST = 30  # images or groups with which a share has the bootstrap's interval
FEW = 100  # distinct values up to which their counts are drawn instead of indices


def share_interval(shares: ArrayLike, groups: ArrayLike | None = None, seed: int = 0) -> tuple[float, float]:
    """The 95% interval of the mean of `shares` [n], each from 0 to 1, such as right (1) or wrong (0).

    As `bootstrap_interval`; but where fewer than FEWEST images (or groups) are resampled, or the bootstrap has no
    spread, as where all are right, Wilson's, with the images (or groups) as n: 18 of 18 is not 100% to 100%.
    """
    values = np.asarray(shares, dtype=np.float64).reshape(-1)
    low, high = bootstrap_interval(values, groups, seed)
    n = len(values) if groups is None else len(np.unique(np.asarray(groups)))
    return wilson_interval(float(values.mean()), n) if n < FEWEST or low == high else (low, high)


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """The 95% interval of a share of n images by Wilson (1927): the shares from which `share` is likely.

    With z = 1.96:  (share + z²/2n ± z sqrt(share (1 - share) / n + z²/4n²)) / (1 + z²/n).
    """
    z = NormalDist().inv_cdf((1 + LEVEL) / 2)
    centre, half = share + z * z / (2 * n), z * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    low, high = ((centre + side * half) / (1 + z * z / n) for side in (-1, 1))
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def in_blocks(units: Sequence[object], values: Mapping[str, ArrayLike]) -> dict[str, list[float]]:
    """Sums of values [n] in blocks of units [n] (ids of test images, photographers, pairs), and in `n` how many values.

    The block of a unit is drawn by its name alone. So it is the same in every record, and resampling blocks takes the
    same images in all of them: an interval of what several records are combined to, at a size that does not grow.
    """
    block = [rank(0, "block of the bootstrap", str(unit)) % BLOCKS for unit in units]
    sums = {name: np.bincount(block, np.asarray(value, np.float64), BLOCKS) for name, value in values.items()}
    return {name: column.round(4).tolist() for name, column in (sums | {"n": np.bincount(block, None, BLOCKS)}).items()}


def bootstrap_interval(values: ArrayLike, groups: ArrayLike | None = None, seed: int = 0) -> tuple[float, float]:
    """The 95% interval of the mean of `values` [n]: how much it would vary over other images, or other photographers.

    Resamples the n values with replacement 2,000 times (Efron's percentile interval). With `groups` [n], such as the
    photographer of each image, whole groups are resampled, since photos of one person resemble each other; the mean
    of a resample is the sum of its values over their number. Raises FlickrExifError for no values, for values that are
    not finite and for groups of another length.
    """
    scores = np.asarray(values, dtype=np.float64).reshape(-1)
    members = np.arange(len(scores)) if groups is None else np.asarray(groups).reshape(-1)
    if not len(scores) or not np.isfinite(scores).all() or len(members) != len(scores):
        message = f"No interval can be made of {len(scores)} values in {len(members)} groups."
        raise FlickrExifError(message, "Give finite values, at least one, and a group for each or none.")
    if groups is None:
        units = np.stack([scores, np.ones_like(scores)], axis=1)
    else:
        _, group = np.unique(members, return_inverse=True)
        units = np.stack([np.bincount(group, scores), np.bincount(group)], axis=1)
    generator = np.random.default_rng(rank(seed, "bootstrap", ""))
    means = [drawn[:, 0] / drawn[:, 1] for drawn in _sums(units, generator)]
    low, high = np.quantile(np.concatenate(means), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def _sums(units: np.ndarray, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """The columns of `units` [n, 2] summed over each of the resamples, some resamples at a time: [resamples, 2]."""
    # Equal units are interchangeable: drawing how often each distinct one comes is the same bootstrap, and scores of
    # right or wrong have two distinct ones whatever the number of images. With many, drawing indices is faster.
    distinct, times = np.unique(units, axis=0, return_counts=True)
    if len(distinct) <= FEW:
        yield generator.multinomial(len(units), times / len(units), size=RESAMPLES) @ distinct
        return
    for _ in range(RESAMPLES):
        yield units[generator.integers(0, len(units), len(units))].sum(axis=0, keepdims=True)
