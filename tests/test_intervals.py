"""Bootstrap intervals against the normal approximation, an exact small case and the spread of groups."""

import math

import numpy as np
import pytest

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.measure.intervals import bootstrap_interval


@pytest.mark.parametrize("kind", ["right or wrong", "all different"])
def test_a_large_sample_has_the_normal_interval(kind: str) -> None:
    rng = np.random.default_rng(0)
    values = (rng.random(4_000) < 0.7).astype(float) if kind == "right or wrong" else rng.normal(3, 2, 4_000)
    half = 1.96 * values.std() / math.sqrt(len(values))
    low, high = bootstrap_interval(values)
    assert low == pytest.approx(values.mean() - half, abs=half / 10)
    assert high == pytest.approx(values.mean() + half, abs=half / 10)


def test_a_small_case_that_can_be_counted() -> None:
    # Two values 0 and 1: a resample's mean is 0, 1/2 or 1, the outer ones with probability 1/4 each.
    assert bootstrap_interval([0, 1]) == (0, 1)
    # Eight values with one 1: P(mean = 0) = (7/8)^8 = 0.34, P(mean <= 3/8) = 0.9893, P(mean <= 2/8) = 0.933.
    assert bootstrap_interval([1, 0, 0, 0, 0, 0, 0, 0]) == (0, 3 / 8)


def test_one_value_and_equal_values_have_no_width() -> None:
    assert bootstrap_interval([0.25]) == (0.25, 0.25)
    assert bootstrap_interval(np.full(300, 0.5), np.arange(300) % 7) == pytest.approx((0.5, 0.5))


def test_groups_of_like_values_widen_the_interval() -> None:
    groups = np.repeat(np.arange(40), 25)
    values = np.random.default_rng(1).random(40)[groups]
    alone, grouped = bootstrap_interval(values), bootstrap_interval(values, groups)
    of_means = bootstrap_interval(values.reshape(40, 25).mean(1))  # equal sizes: groups are then the values
    assert grouped == pytest.approx(of_means, abs=0.01)
    assert grouped[1] - grouped[0] > 3 * (alone[1] - alone[0])


def test_groups_of_unequal_size_weigh_by_their_values() -> None:
    # A group of 99 ones and a group of one zero: means 0.99 (or 1 and 0 where one group is drawn twice).
    values, groups = np.r_[np.ones(99), 0], np.r_[np.zeros(99), 1]
    assert bootstrap_interval(values, groups) == (0, 1)
    assert bootstrap_interval(values)[0] > 0.9


def test_the_seed_and_nothing_else_decides() -> None:
    values = np.random.default_rng(2).random(500)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)
    strings = [f"owner {i % 9}" for i in range(500)]
    assert bootstrap_interval(values, strings) == bootstrap_interval(values, np.arange(500) % 9)


@pytest.mark.parametrize(("values", "groups"), [([], None), ([0.5, math.nan], None), ([1, 2, 3], [0, 1])])
def test_what_has_no_interval_is_an_error(values: list[float], groups: list[int] | None) -> None:
    with pytest.raises(FlickrExifError, match="No interval"):
        bootstrap_interval(values, groups)
