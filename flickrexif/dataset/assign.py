"""Which split each photographer goes to: all photos of one photographer go to one split, whatever their classes.

The photographers are visited in a keyed random order: test and val take those who have photos of a class that is still
short and cost train little. Exchanges of one or two photographers then fill what is still short. A class that stays
short is reported; no photographer is put into two splits to fill it.
"""

import itertools
from random import Random
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from flickrexif.dataset.split_files import Ints

# The most that photographers may cost train, as a multiple of what they bring to val or test; tried in this order.
TOLERANCES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 1e9)
MOST_PASSES = 5  # of mending; each mends what it can
MOST_EXCHANGED = 500  # photographers tried for one short class
MOST_SHAKES, SHAKEN_ENTRIES = 50, 20_000  # shakes in all, and entries of the holdings looked at by them

Bools: TypeAlias = npt.NDArray[np.bool_]


class Holdings(NamedTuple):
    """The photos of each photographer in each class: one entry a (photographer, class) pair that has any, sorted.

    Photographers are numbered in the keyed order; the entries of number i are start[i] to start[i + 1].
    """

    owner: Ints
    label: Ints
    photos: Ints
    start: Ints


def assign(holdings: Holdings, target: Ints, rng: Random) -> Ints:
    """The split of every photographer (0 train, 1 val, 2 test) that comes near `target` photos, shape [3, classes].

    val and test get their target and little more, train the rest. While a target is missed, a photographer is moved at
    random and the exchanges run again (iterated local search). The fewer photographers there are, the more often:
    exact counts are hard to reach with few and large ones.
    """
    place = np.zeros(len(holdings.start) - 1, dtype=np.int64)
    have = np.zeros_like(target)
    np.add.at(have[0], holdings.label, holdings.photos)
    _fill(holdings, target, place, have)
    _mend(holdings, target, place, have)
    for _ in range(min(MOST_SHAKES, SHAKEN_ENTRIES // len(holdings.label))):
        before = _missing(target, have).sum()
        if not before:
            break
        new_place, new_have = place.copy(), have.copy()
        split, k = rng.choice(np.argwhere(have < target).tolist())
        owner = rng.choice(holdings.owner[holdings.label == k].tolist())
        _move(holdings, target, new_place, new_have, owner, split)
        _mend(holdings, target, new_place, new_have)
        if _missing(target, new_have).sum() <= before:
            place, have = new_place, new_have
    return place


def _fill(holdings: Holdings, target: Ints, place: Ints, have: Ints) -> None:
    """Move photographers from train to test and val in the keyed order, round after round; updates both arrays."""
    rest = np.maximum(1, have[0] - target[1] - target[2])
    first = holdings.start[:-1]
    for tolerance, split in itertools.product(TOLERANCES, (2, 1)):
        # What is missing only shrinks, so whoever is no good now will not be good later in this round.
        good = _good(holdings.label, holdings.photos, first, target, have, rest, split, tolerance)
        for owner in np.flatnonzero(good & (place == 0)).tolist():
            label, count = _entries(holdings, owner)
            if _good(label, count, _FIRST, target, have, rest, split, tolerance)[0]:
                _move(holdings, target, place, have, owner, split)


_FIRST = np.zeros(1, dtype=np.int64)


def _good(
    label: Ints, count: Ints, first: Ints, target: Ints, have: Ints, rest: Ints, split: int, tolerance: float
) -> Bools:
    """Which photographers have photos that `split` misses, cost train at most `tolerance` times that gain, and leave
    train its target.

    Gain and cost are sums over the classes of shares of a class; `first` is where each photographer's entries begin.
    """
    useful = np.minimum(count, np.maximum(0, target[split] - have[split])[label])
    gain = np.add.reduceat(useful / target[split, label], first)
    cost = np.add.reduceat((count - useful) / rest[label], first)
    spared = np.logical_and.reduceat(count <= (have[0] - target[0])[label], first)
    return np.asarray((gain > 0) & (cost <= tolerance * gain) & spared)


def _mend(holdings: Holdings, target: Ints, place: Ints, have: Ints) -> None:
    """For each class that is short, move one or two photographers at a time, if fewer photos are missing afterwards."""
    for _ in range(MOST_PASSES):
        moved = False
        for split, k in np.argwhere(have < target).tolist():
            for owner in holdings.owner[holdings.label == k][:MOST_EXCHANGED].tolist():
                if have[split, k] >= target[split, k]:
                    break
                if place[owner] != split:
                    moved |= _exchange(holdings, target, place, have, owner, split)
        if not moved:
            return


def _exchange(holdings: Holdings, target: Ints, place: Ints, have: Ints, owner: int, split: int) -> bool:
    """Move `owner` to `split`, alone or with another, if fewer photos are missing afterwards; returns whether so."""
    before = int(place[owner])
    change = _move(holdings, target, place, have, owner, split)
    if change < 0:
        return True
    other_change, other, other_split = _best_move(holdings, target, place, have, owner)
    if change + other_change < 0:
        _move(holdings, target, place, have, other, other_split)
        return True
    _move(holdings, target, place, have, owner, before)
    return False


def _move(holdings: Holdings, target: Ints, place: Ints, have: Ints, owner: int, split: int) -> int:
    """Move one photographer, in place; returns how many more photos are missing afterwards (negative: fewer)."""
    label, count = _entries(holdings, owner)
    before = _missing(target[:, label], have[:, label]).sum()
    have[place[owner], label] -= count
    have[split, label] += count
    place[owner] = split
    return int(_missing(target[:, label], have[:, label]).sum() - before)


def _best_move(holdings: Holdings, target: Ints, place: Ints, have: Ints, after: int) -> tuple[int, int, int]:
    """The best move of a photographer who shares a class with `after`: (change in missing photos, number, split)."""
    shared = np.isin(holdings.label, _entries(holdings, after)[0])
    owners = np.unique(holdings.owner[shared])
    sizes = holdings.start[owners + 1] - holdings.start[owners]
    first = np.cumsum(sizes) - sizes
    entries = np.repeat(holdings.start[owners] - first, sizes) + np.arange(sizes.sum())
    label, count, source = holdings.label[entries], holdings.photos[entries], np.repeat(place[owners], sizes)
    change = np.zeros((3, len(owners)), dtype=np.int64)
    for split in range(3):
        more = _missing(target[source, label], have[source, label] - count)
        fewer = _missing(target[split, label], have[split, label] + count)
        now = _missing(target[source, label], have[source, label])
        now += _missing(target[split, label], have[split, label])
        change[split] = np.where(place[owners] == split, 0, np.add.reduceat(more + fewer - now, first))
    split, best = divmod(int(change.argmin()), len(owners))
    return int(change[split, best]), int(owners[best]), split


def _missing(target: Ints, have: Ints) -> Ints:
    return np.asarray(np.maximum(0, target - have))


def _entries(holdings: Holdings, owner: int) -> tuple[Ints, Ints]:
    entries = slice(holdings.start[owner], holdings.start[owner + 1])
    return holdings.label[entries], holdings.photos[entries]
