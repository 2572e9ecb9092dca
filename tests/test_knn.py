"""The five set-ups against the protocol's sentences, written out in plain numpy, one test image at a time."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.inputs import uniform_draws
from flickrexif.eval.measure.knn import KnnRecord, five_setups, vote
from flickrexif.processing.draw import draw_class
from flickrexif.processing.variants import classes

PAIRED = ("all_same", "all_diff", "pos_same", "neg_same")


def plain_right(similarity: np.ndarray, labels: np.ndarray, truth: int, k: int) -> tuple[bool, bool]:
    """Is the majority of the k nearest the truth, and was it tied: sort by (similarity, index), count, look."""
    order = sorted(range(len(labels)), key=lambda n: (-similarity[n], n))[:k]
    votes = Counter(int(labels[n]) for n in order)
    most = max(votes.values())
    winner = next(int(labels[n]) for n in order if votes[int(labels[n])] == most)
    return winner == truth, sum(count == most for count in votes.values()) > 1


def plain_setups(test, test_labels, train, train_labels, draws, k):  # type: ignore[no-untyped-def]
    """Every run builds its own training set: {set-up: {(i, j or seed): [is each image right]}}, and the ties."""
    v, m = len(test), len(train_labels)
    runs: dict[str, dict[tuple[int, int], list[bool]]] = {name: {} for name in (*PAIRED, "uniform")}
    ties: dict[str, list[bool]] = {name: [] for name in runs}

    def run(name: str, key: tuple[int, int], chosen) -> None:  # type: ignore[no-untyped-def]
        runs[name][key] = []
        for t, truth in enumerate(test_labels):
            x = np.stack([train[chosen(n, truth)][n] for n in range(m)])
            right, tied = plain_right(x @ test[key[0]][t], train_labels, truth, k)
            runs[name][key].append(right)
            ties[name].append(tied)

    for i in range(v):
        run("all_same", (i, i), lambda n, truth, i=i: i)
        for j in set(range(v)) - {i}:
            run("all_diff", (i, j), lambda n, truth, j=j: j)
            run("pos_same", (i, j), lambda n, truth, i=i, j=j: i if train_labels[n] == truth else j)
            run("neg_same", (i, j), lambda n, truth, i=i, j=j: j if train_labels[n] == truth else i)
        for s in range(len(draws)):
            run("uniform", (i, s), lambda n, truth, s=s: draws[s, n])
    return runs, ties


def check(record: KnnRecord, runs, ties, v: int, seeds: int) -> None:  # type: ignore[no-untyped-def]
    for name, right_by_run in runs.items():
        expected = np.full((v, seeds if name == "uniform" else v), np.nan)
        for key, right in right_by_run.items():
            expected[key] = np.mean(right)
        np.testing.assert_allclose(record.matrix[name].numpy(), expected, atol=1e-6)
        assert record.accuracy[name] == pytest.approx(np.nanmean(expected))
        np.testing.assert_allclose(
            record.correct[name].numpy(), np.mean(list(right_by_run.values()), axis=0), atol=1e-6
        )
        assert record.vote_ties[name] == pytest.approx(np.mean(ties[name]))


def signs(generator: np.random.Generator, count: int, distinct: int) -> np.ndarray:
    """Vectors of 16 entries +-1, few of them distinct: length 4 and all products are exact in any float type."""
    return generator.choice([-1.0, 1.0], (distinct, 16))[generator.integers(0, distinct, count)]


def tensors(matrices: list[np.ndarray], dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    return [torch.tensor(matrix, dtype=dtype) for matrix in matrices]


def setups(case, **options) -> KnnRecord:  # type: ignore[no-untyped-def]
    test, test_labels, train, train_labels, draws, k = case
    return five_setups(
        test=tensors(test),
        test_labels=torch.tensor(test_labels),
        train=tensors(train),
        train_labels=torch.tensor(train_labels),
        draws=torch.tensor(draws),
        k=k,
        **options,
    )


def random_case(seed: int, *, v: int, n: int, m: int, c: int, seeds: int, k: int, distinct: int = 0):  # type: ignore[no-untyped-def]
    """Variants that share most of an image's vector, so that class and processing both matter; `distinct`: ties."""
    generator = np.random.default_rng(seed)
    test_labels, train_labels = generator.integers(0, c, n), generator.integers(0, c, m)
    if distinct:
        test = [signs(generator, n, distinct) for _ in range(v)]
        train = [signs(generator, m, distinct) for _ in range(v)]
    else:
        shift, centre = generator.normal(size=(v, 16)), generator.normal(size=(c, 16))
        make = lambda labels: (centre[labels] + 2 * generator.normal(size=(len(labels), 16)))[None] + shift[:, None]  # noqa: E731
        test, train = (
            [x / np.linalg.norm(x, axis=1, keepdims=True) for x in make(ls)] for ls in (test_labels, train_labels)
        )
    return test, test_labels, train, train_labels, generator.integers(0, v, (seeds, m)), k


SIZES = {
    "v": st.integers(2, 4),
    "n": st.integers(1, 7),
    "m": st.integers(1, 90),
    "c": st.integers(1, 6),
    "seeds": st.integers(1, 3),
    "k": st.integers(1, 12),
}


@given(seed=st.integers(0, 2**32), distinct=st.integers(1, 40), memory=st.sampled_from([1, 20_000, 2**20]), **SIZES)
@settings(max_examples=60, deadline=None)
def test_ties_duplicates_small_classes_and_large_k(seed: int, distinct: int, memory: int, **sizes: int) -> None:
    case = random_case(seed, distinct=distinct, **sizes)
    check(setups(case, memory=memory), *plain_setups(*case), sizes["v"], sizes["seeds"])


@given(seed=st.integers(0, 2**32), memory=st.sampled_from([1, 20_000, 2**20]), **SIZES)
@settings(max_examples=40, deadline=None)
def test_random_embeddings(seed: int, memory: int, **sizes: int) -> None:
    case = random_case(seed, **sizes)
    check(setups(case, memory=memory), *plain_setups(*case), sizes["v"], sizes["seeds"])


def test_many_tiles_and_chunks() -> None:
    case = random_case(3, v=3, n=5, m=1500, c=4, seeds=2, k=5)
    expected = plain_setups(*case)
    for memory in (1, 2**18, 2**30):
        check(setups(case, memory=memory), *expected, 3, 2)


def test_a_variant_far_above_the_others_does_not_hide_the_drawn_ones() -> None:
    """One variant's training images are nearest throughout, though the draws seldom choose it."""
    test, test_labels, train, train_labels, draws, k = random_case(5, v=3, n=4, m=2500, c=4, seeds=2, k=3)
    train[1] = np.repeat(test[0][:1], 2500, axis=0) + 0.05 * train[1]
    train[1] /= np.linalg.norm(train[1], axis=1, keepdims=True)
    draws = np.where(np.arange(2500) % 400 == 7, 1, 2 * (draws > 0))
    case = test, test_labels, train, train_labels, draws, k
    check(setups(case), *plain_setups(*case), 3, 2)


# --- inputs


def test_float_types_and_lengths_of_vectors_do_not_matter() -> None:
    test, test_labels, train, train_labels, draws, k = random_case(2, v=2, n=5, m=60, c=3, seeds=2, k=4, distinct=30)
    longer = [x * np.arange(1, len(x) + 1)[:, None] for x in train]  # whole numbers: exact in bfloat16
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        record = five_setups(
            test=tensors(test, dtype),
            test_labels=torch.tensor(test_labels),
            train=tensors(longer, dtype),
            train_labels=torch.tensor(train_labels),
            draws=torch.tensor(draws, dtype=torch.uint8),
            k=k,
        )
        check(record, *plain_setups(test, test_labels, train, train_labels, draws, k), 2, 2)


def test_no_draws_leave_uniform_out() -> None:
    case = random_case(2, v=2, n=3, m=20, c=3, seeds=0, k=4)
    assert tuple(setups(case).accuracy) == PAIRED


def test_bad_input_is_told_in_a_sentence() -> None:
    test, test_labels, train, train_labels, draws, k = case = random_case(2, v=2, n=3, m=20, c=3, seeds=1, k=4)
    broken = [train[0], train[1].copy()]
    for value in (np.nan, np.inf, 0):
        broken[1][13] = value
        with pytest.raises(FlickrExifError, match="row 13 is zero or not finite"):
            setups((test, test_labels, broken, train_labels, draws, k))
    for wrong, sentence in (
        ((test, test_labels, train, train_labels, draws, 0), "0 neighbours cannot be taken"),
        ((test[:1], test_labels, train[:1], train_labels, draws, k), "1 variants of the test images"),
        ((test, test_labels, train[:1], train_labels, draws, k), "1 of the training images"),
        (([x[:, :8] for x in test], test_labels, train, train_labels, draws, k), "differ in width"),
        ((test, test_labels, [train[0], train[1][:-1]], train_labels, draws, k), r"differ in number: \[19, 20\]"),
        ((test, test_labels[:2], train, train_labels, draws, k), "do not fit 3 test and 20 training"),
        ((test, test_labels, train, train_labels, draws[:, :-1], k), "do not fit 3 test and 20 training"),
        ((test, test_labels, train, train_labels - 5, draws, k), "A label is negative"),
        ((test, test_labels, train, train_labels, draws + 1, k), "a draw names no variant"),
        (([x[:0] for x in test], test_labels[:0], train, train_labels, draws, k), "no query embeddings"),
    ):
        with pytest.raises(FlickrExifError, match=sentence):
            setups(wrong)
    with pytest.raises(UsageError):
        setups((*case[:5], 0))


# --- the parts


@given(labels=st.lists(st.integers(0, 3), min_size=1, max_size=9), missing=st.integers(0, 3))
def test_the_vote(labels: list[int], missing: int) -> None:
    counts = Counter(labels)
    leaders = [label for label in labels if counts[label] == max(counts.values())]
    winner, tied = vote(torch.tensor([labels + [-1] * missing]))
    assert (winner.item(), tied.item()) == (leaders[0], len(set(leaders)) > 1)


def test_draws_are_those_of_the_processed_images() -> None:
    ids = [f"n0{number}.JPEG" for number in range(40)]
    draws = uniform_draws("jpeg", ids, [0, 4])
    for row, seed in zip(draws.tolist(), (0, 4), strict=True):
        assert [classes("jpeg")[number] for number in row] == [draw_class("jpeg", image_id, seed) for image_id in ids]


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_keys_sort_by_similarity_then_index(values: list[float]) -> None:
    similarity = torch.tensor(values, dtype=torch.float32)
    keys = tiles.pack(similarity, torch.arange(len(values)))
    order = sorted(range(len(values)), key=lambda n: (-values[n], n))
    ranked = keys.sort(descending=True).values
    assert tiles.index_of(ranked).tolist() == order
    assert tiles.similarity_of(ranked).tolist() == [values[n] for n in order]
