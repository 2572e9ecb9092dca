"""95% intervals of averages, by the percentile bootstrap."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError

RESAMPLES = 2_000
LEVEL = 0.95
OVER_IMAGES = "test images"  # what most intervals are resampled over
FEW = 100  # distinct values up to which their counts are drawn instead of indices


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
