"""Which split each photographer goes to: all photos of one photographer go to one split, whatever their classes.

Walking the photographers in a keyed random order, test and val take those who bring photos of a class still wanted
and cost train little; single exchanges then mend what is short. What stays short is said, never leaked.
"""

import itertools
from random import Random
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from flickrexif.dataset.split_files import Ints

# What photographers may cost train, as a multiple of what they bring to val or test: the cheapest first.
TOLERANCES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 1e9)
MOST_PASSES = 5  # of mending; each mends what it can
MOST_EXCHANGED = 500  # photographers tried for one short class
MOST_SHAKES, SHAKEN_ENTRIES = 50, 20_000  # shakes in all, and entries of the holdings looked at by them

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]


class Holdings(NamedTuple):
    """Who has how many photos of what: one entry a (photographer, class) pair, sorted.

    Photographers are numbered in the keyed order; the entries of number i are start[i] to start[i + 1]. `photos` is
    how many.
    """

    owner: Ints
    label: Ints
    photos: Ints
    start: Ints


def assign(holdings: Holdings, wanted: Ints, rng: Random) -> Ints:
    """The split of every photographer (0 train, 1 val, 2 test) for `wanted` photos, shape [3, classes].

    val and test get what is wanted and little more, train the rest and, where it can be had, what is wanted. Where
    that is not reached, photographers are shaken and mended again (iterated local search), the more often the fewer
    they are: exact counts are hard to find with few and large ones.
    """
    place = np.zeros(len(holdings.start) - 1, dtype=np.int64)
    have = np.zeros_like(wanted)
    np.add.at(have[0], holdings.label, holdings.photos)
    _fill(holdings, wanted, place, have)
    _mend(holdings, wanted, place, have)
    for _ in range(min(MOST_SHAKES, SHAKEN_ENTRIES // len(holdings.label))):
        before = _missing(wanted, have).sum()
        if not before:
            break
        new_place, new_have = place.copy(), have.copy()
        split, k = rng.choice(np.argwhere(have < wanted).tolist())
        owner = rng.choice(holdings.owner[holdings.label == k].tolist())
        _move(holdings, wanted, new_place, new_have, owner, split)
        _mend(holdings, wanted, new_place, new_have)
        if _missing(wanted, new_have).sum() <= before:
            place, have = new_place, new_have
    return place


def _fill(holdings: Holdings, wanted: Ints, place: Ints, have: Ints) -> None:
    """Move photographers from train to test and val in the keyed order, round after round; updates both arrays."""
    rest = np.maximum(1, have[0] - wanted[1] - wanted[2])
    first = holdings.start[:-1]
    for tolerance, split in itertools.product(TOLERANCES, (2, 1)):
        # What is wanted only shrinks, so whoever is no good now will not be good later in this round.
        good = _good(holdings.label, holdings.photos, first, wanted, have, rest, split, tolerance)
        for owner in np.flatnonzero(good & (place == 0)).tolist():
            label, count = _entries(holdings, owner)
            if _good(label, count, _FIRST, wanted, have, rest, split, tolerance)[0]:
                _move(holdings, wanted, place, have, owner, split)


_FIRST = np.zeros(1, dtype=np.int64)


def _good(
    label: Ints, count: Ints, first: Ints, wanted: Ints, have: Ints, rest: Ints, split: int, tolerance: float
) -> Bools:
    """Which photographers bring what `split` wants, cost train at most `tolerance` times that, and leave it enough.

    What they bring and what they cost are shares of the classes, summed; `first` says where each one's entries begin.
    """
    useful = np.minimum(count, np.maximum(0, wanted[split] - have[split])[label])
    gain = np.add.reduceat(useful / wanted[split, label], first)
    cost = np.add.reduceat((count - useful) / rest[label], first)
    spared = np.logical_and.reduceat(count <= (have[0] - wanted[0])[label], first)
    return np.asarray((gain > 0) & (cost <= tolerance * gain) & spared)


def _mend(holdings: Holdings, wanted: Ints, place: Ints, have: Ints) -> None:
    """For each class that is short, move photographers, one or two at a time, while fewer photos are missing then."""
    for _ in range(MOST_PASSES):
        moved = False
        for split, k in np.argwhere(have < wanted).tolist():
            for owner in holdings.owner[holdings.label == k][:MOST_EXCHANGED].tolist():
                if have[split, k] >= wanted[split, k]:
                    break
                if place[owner] != split:
                    moved |= _exchange(holdings, wanted, place, have, owner, split)
        if not moved:
            return


def _exchange(holdings: Holdings, wanted: Ints, place: Ints, have: Ints, owner: int, split: int) -> bool:
    """Move `owner` to `split`, and another as well where that helps; take it back unless fewer photos are missing."""
    before = int(place[owner])
    change = _move(holdings, wanted, place, have, owner, split)
    if change < 0:
        return True
    other_change, other, other_split = _best_move(holdings, wanted, place, have, owner)
    if change + other_change < 0:
        _move(holdings, wanted, place, have, other, other_split)
        return True
    _move(holdings, wanted, place, have, owner, before)
    return False


def _move(holdings: Holdings, wanted: Ints, place: Ints, have: Ints, owner: int, split: int) -> int:
    """Move one photographer, in place; returns how many more photos are missing then (fewer: negative)."""
    label, count = _entries(holdings, owner)
    before = _missing(wanted[:, label], have[:, label]).sum()
    have[place[owner], label] -= count
    have[split, label] += count
    place[owner] = split
    return int(_missing(wanted[:, label], have[:, label]).sum() - before)


def _best_move(holdings: Holdings, wanted: Ints, place: Ints, have: Ints, after: int) -> tuple[int, int, int]:
    """The best single move of someone who shares a class with `after`: (change in missing photos, who, to where)."""
    shared = np.isin(holdings.label, _entries(holdings, after)[0])
    owners = np.unique(holdings.owner[shared])
    sizes = holdings.start[owners + 1] - holdings.start[owners]
    first = np.cumsum(sizes) - sizes
    entries = np.repeat(holdings.start[owners] - first, sizes) + np.arange(sizes.sum())
    label, count, source = holdings.label[entries], holdings.photos[entries], np.repeat(place[owners], sizes)
    change = np.zeros((3, len(owners)), dtype=np.int64)
    for split in range(3):
        more = _missing(wanted[source, label], have[source, label] - count)
        fewer = _missing(wanted[split, label], have[split, label] + count)
        now = _missing(wanted[source, label], have[source, label])
        now += _missing(wanted[split, label], have[split, label])
        change[split] = np.where(place[owners] == split, 0, np.add.reduceat(more + fewer - now, first))
    split, best = divmod(int(change.argmin()), len(owners))
    return int(change[split, best]), int(owners[best]), split


def _missing(wanted: Ints, have: Ints) -> Ints:
    return np.asarray(np.maximum(0, wanted - have))


def _entries(holdings: Holdings, owner: int) -> tuple[Ints, Ints]:
    entries = slice(holdings.start[owner], holdings.start[owner + 1])
    return holdings.label[entries], holdings.photos[entries]
