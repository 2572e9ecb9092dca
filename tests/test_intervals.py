"""Intervals against the normal approximation, exact small cases, scipy's Wilson interval and the spread of groups."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.measure.intervals import bootstrap_interval, in_blocks, share_interval
from flickrexif.eval.results import BLOCKS


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


# --- shares


@pytest.mark.parametrize("right", range(19))
def test_a_share_of_few_has_wilsons_interval(right: int) -> None:
    expected = binomtest(right, 18).proportion_ci(method="wilson")
    shares = np.r_[np.ones(right), np.zeros(18 - right)]
    assert share_interval(shares) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert share_interval(np.repeat(shares, 5), np.repeat(np.arange(18), 5)) == pytest.approx(share_interval(shares))


@pytest.mark.parametrize("share", [0.0, 1.0, 1 / 3])
def test_a_share_without_spread_has_wilsons_interval(share: float) -> None:
    low, high = share_interval(np.full(300, share))
    expected = binomtest(round(300 * share), 300).proportion_ci(method="wilson")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= low <= share <= high <= 1
    assert high - low > 0.01


def test_a_share_of_many_has_the_bootstraps_interval() -> None:
    right = np.random.default_rng(3).random(200) < 0.9
    assert share_interval(right, seed=4) == bootstrap_interval(right, seed=4)
    groups = np.arange(200) // 4
    assert share_interval(right, groups) == bootstrap_interval(right, groups)


@pytest.mark.parametrize("images", [120, 300, 5_000])
def test_resampled_blocks_vary_as_resampled_images(images: int) -> None:
    values = np.random.default_rng(images).random(images)
    blocks = in_blocks([f"image {number}" for number in range(images)], {"x": values})
    sums, n = np.array(blocks["x"]), np.array(blocks["n"])
    assert (sums.sum(), n.sum()) == (pytest.approx(values.sum(), abs=0.02), images)
    draws = np.random.default_rng(0).multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), 4_000)
    of_blocks = np.std((draws @ sums) / (draws @ n))
    assert of_blocks == pytest.approx(values.std() / math.sqrt(images), rel=0.2)


def test_an_image_is_in_the_same_block_whatever_is_beside_it() -> None:
    names = [f"image {number}" for number in range(50)]
    several = in_blocks(names, {"x": np.eye(50)[7]})
    alone = in_blocks(["image 7"], {"x": [1.0]})
    assert several["x"] == alone["x"] == alone["n"]
