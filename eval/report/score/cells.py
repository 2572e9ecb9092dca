"""One measurement of an encoder as a share from 0 (no trace) to 1, and how it varies with the test images.

How it varies is told by a bootstrap: blocks of images are drawn with replacement, in all records of a data set alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from flickrexif.core.draws import rank
from flickrexif.eval.measure.intervals import LEVEL, RESAMPLES
from flickrexif.eval.report.charts import CHARTS, part_of
from flickrexif.eval.report.charts.base import Part
from flickrexif.eval.report.datasets import tested
from flickrexif.eval.report.identity import Entry, group_of
from flickrexif.eval.report.style import plain
from flickrexif.eval.report.wording import measurement_of
from flickrexif.eval.results import BLOCKS, Result

CellKey = tuple[str, ...]
AGAIN = "measured by an earlier version: measure again with --no-resume"
NOTHING_TO_LOSE = "not above chance, so that there is nothing to lose"
Draws = np.ndarray
"""A share for each of RESAMPLES resamples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One measurement of an encoder as a share; the value is None where it has no number, and `reason` says why."""

    key: CellKey  # the measurement, see `identity.group_of`
    part: str
    label: str
    record: str
    value: float | None
    n: int  # test images, photos or pairs
    draws: Draws | None = None  # None where the record has no blocks
    semantics: float | None = None  # how well the class of an image is told
    reason: str = ""


def cell_of(entry: Entry) -> Cell | None:
    """The cell of a record; None for one that does not count."""
    path, result = entry
    part = part_of(result)
    if not part:
        return None
    chance, reason, title = part.chance(result), _lack(part, result), CHARTS[result.task].title
    return Cell(
        key=group_of(result),
        part=part.name,
        label=measurement_of(result, title[0].lower() + title[1:]),
        record=path,
        value=None if reason else float(part.share([result.metrics[name] for name in part.metrics], chance)),
        n=tested(result),
        draws=None if reason else _draws(part, result, chance),
        semantics=result.metrics.get(part.semantics),
        reason=plain(reason, 120),
    )


def _lack(part: Part, result: Result) -> str:
    """Why the record has no share; "" where it has one."""
    chance, before = part.chance(result), result.metrics.get(part.metrics[0])
    if any(result.metrics.get(name) is None for name in part.metrics):
        return result.reason or "no number in the record"
    if chance is None:
        return AGAIN
    if chance >= 1:
        return "all images are of one class"
    low = result.intervals.get(part.metrics[0], (before, before))[0]
    is_loss = len(part.metrics) > 1
    return NOTHING_TO_LOSE if is_loss and low is not None and low <= chance else ""


def _draws(part: Part, result: Result, chance: float | None) -> Draws | None:
    if not {*part.metrics, "n"} <= result.blocks.keys():
        return None
    shares: Draws = part.share([resampled(result, name) for name in part.metrics], chance)
    return shares


def resampled(result: Result, metric: str) -> Draws:
    """The metric in each resample of the blocks.

    One that is the same for all images has no spread to resample: its draws are then those of a share of n with its
    mean, by the Beta distribution of Jeffreys.
    """
    sums, n = np.array(result.blocks[metric]), np.array(result.blocks["n"])
    times = _resamples(result.dataset)
    with np.errstate(invalid="ignore"):  # a resample without any image of a few photographers is NaN
        draws: Draws = (times @ sums) / (times @ n)
    if np.nanmax(draws) - np.nanmin(draws) > 1e-3 / n.sum():  # sums are rounded
        return draws
    generator = np.random.default_rng(rank(0, "share without spread", f"{result.dataset} {metric}"))
    right = float(np.clip(sums.sum(), 0, n.sum()))
    return generator.beta(right + 0.5, n.sum() - right + 0.5, RESAMPLES)


@cache
def _resamples(dataset: str) -> np.ndarray:
    """How often each block of a data set is in each resample, [RESAMPLES, BLOCKS]."""
    generator = np.random.default_rng(rank(0, "resampled blocks", dataset))
    return generator.multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), RESAMPLES).astype(np.float64)


def mean_draws(draws: Sequence[Draws | None]) -> Draws | None:
    """The mean of several shares in each resample; None where one cannot be resampled, or there is none."""
    present = [values for values in draws if values is not None]
    mean: Draws = np.mean(present, axis=0) if present else np.empty(0)
    return mean if len(present) == len(draws) > 0 else None


def interval_of(draws: Draws | None, value: float | None) -> tuple[float, float] | tuple[None, None]:
    """The 95% interval of resampled shares, which holds their value."""
    if draws is None or value is None:
        return None, None
    low, high = np.nanquantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return min(float(low), value), max(float(high), value)
