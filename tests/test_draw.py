"""The draws of processing: uniform or exactly balanced, and dependent on seed, purpose and image id alone."""

import random
from collections import Counter
from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import UsageError
from flickrexif.processing.draw import balanced_classes, draw_class, draw_scale
from flickrexif.processing.variants import PARAMETERS, VARIANTS

IDS = [f"n01440764/{number}.JPEG" for number in range(12_000)]
# 0.1% points of chi-squared by degrees of freedom
CRITICAL = {2: 13.82, 3: 16.27, 5: 20.52, 8: 26.12, 9: 27.88, 19: 43.82, 35: 66.62}
text = st.text(st.characters(exclude_categories=["Cs"]))


def chi_squared(counts: Counter[str], cells: int) -> float:
    expected = counts.total() / cells
    return sum((count - expected) ** 2 / expected for count in counts.values()) + (cells - len(counts)) * expected


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("seed", [0, 1, 9])
def test_every_class_is_as_likely(parameter: str, seed: int) -> None:
    counts = Counter(draw_class(parameter, image_id, seed) for image_id in IDS)
    assert set(counts) == set(PARAMETERS[parameter])
    assert chi_squared(counts, len(counts)) < CRITICAL[len(counts) - 1]


@pytest.mark.parametrize(("parameter", "cells"), [("jpeg", 36), ("resizing", 9)])
def test_two_seeds_draw_independently(parameter: str, cells: int) -> None:
    pairs = Counter(f"{draw_class(parameter, i, 0)} {draw_class(parameter, i, 1)}" for i in IDS)
    assert chi_squared(pairs, cells) < CRITICAL[cells - 1]


def test_two_parameters_draw_independently() -> None:
    pairs = Counter(f"{draw_class('sharpening', i, 0)} {draw_class('resizing', i, 0)}" for i in IDS)
    assert len(pairs) == 9
    assert chi_squared(pairs, 9) < CRITICAL[8]


def test_a_class_is_drawn_from_seed_and_id_alone() -> None:
    forward = [draw_class("jpeg", image_id, 3) for image_id in IDS[:500]]
    backward = [draw_class("JPEG", image_id, 3) for image_id in reversed(IDS[:500])]
    assert forward == backward[::-1]


@given(st.sets(text), st.integers(), st.sampled_from(sorted(PARAMETERS)), st.randoms(use_true_random=False))
def test_balanced_classes_differ_by_one_at_most_in_any_order(
    ids: set[str], seed: int, parameter: str, shuffler: random.Random
) -> None:
    found = balanced_classes(parameter, ids, seed)
    assert set(found) == ids
    counts = Counter(found.values())
    sizes = [counts[name] for name in PARAMETERS[parameter]]
    assert sum(sizes) == len(ids)
    assert max(sizes) - min(sizes) <= 1
    order = sorted(ids)
    shuffler.shuffle(order)
    assert balanced_classes(parameter, order, seed) == found


def test_balanced_classes_follow_no_order_of_the_ids() -> None:
    found = balanced_classes("interpolation", IDS, 0)
    names = PARAMETERS["interpolation"]
    by_position = Counter(f"{found[image_id]} {number % 4}" for number, image_id in enumerate(IDS))
    assert chi_squared(by_position, 16) < CRITICAL[9]  # both margins are fixed
    assert Counter(found.values()) == dict.fromkeys(names, 3_000)
    assert balanced_classes("interpolation", IDS, 1) != found


def test_an_id_that_comes_twice_cannot_be_balanced() -> None:
    with pytest.raises(UsageError, match="2 image ids"):
        balanced_classes("jpeg", ["a", "b", "a", "b"], 0)


@given(text, st.integers())
def test_a_scale_is_within_a_fifth(image_id: str, seed: int) -> None:
    for name in PARAMETERS["interpolation"]:
        assert 0.8 <= draw_scale(VARIANTS[name], 0.2, image_id, seed) <= 1.2


def test_scales_are_uniform_and_differ_between_variants() -> None:
    scales = {name: [draw_scale(VARIANTS[name], 0.2, i, 0) for i in IDS] for name in PARAMETERS["interpolation"]}
    for drawn in scales.values():
        assert chi_squared(Counter(str(int((scale - 0.8) * 50)) for scale in drawn), 20) < CRITICAL[19]
    assert len({scale for drawn in scales.values() for scale in drawn}) == 4 * len(IDS)


def test_the_scale_is_the_keyed_draw_it_says() -> None:
    digest = blake2b(b"7\x1fscale of INTERPOLATION_BOX\x1f42", digest_size=8).digest()
    share = random.Random(int.from_bytes(digest, "big") // 2).random()
    assert draw_scale(VARIANTS["INTERPOLATION_BOX"], 0.2, "42", 7) == pytest.approx(0.8 + 0.4 * share, abs=1e-12)
