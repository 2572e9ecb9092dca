"""t-SNE: groups stay groups, the same points every time; its shares against plain sums."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.manifold import trustworthiness
from threadpoolctl import threadpool_limits

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.measure.tsne import (
    FEWEST,
    NEAREST,
    chance_of,
    fitting_perplexity,
    same_label_in_plane,
    tsne,
    why_no_tsne,
)


def groups(n: int, d: int = 24, apart: float = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of three groups whose directions differ, of any length, and their groups."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    x = apart * np.eye(d)[labels] + generator.normal(0, 0.5, (n, d))
    return torch.tensor(x * generator.uniform(0.1, 9, (n, 1)), dtype=torch.float32), torch.tensor(labels)


def plain_share(points: np.ndarray, labels: np.ndarray, k: int) -> float:
    """The share of the k nearest points with the point's label, by sorting every distance."""
    shares = []
    for t, point in enumerate(points):
        order = np.argsort(((points - point) ** 2).sum(1), kind="stable")
        near = [n for n in order if n != t][:k]
        shares.append(np.mean(labels[near] == labels[t]))
    return float(np.mean(shares))


def test_neighbours_by_cosine_are_neighbours_in_the_plane() -> None:
    x, labels = groups(150)
    points = tsne(x, perplexity=20, random_state=3)
    assert points.shape == (150, 2)
    assert same_label_in_plane(points, labels) > 0.99
    unit = (x / x.norm(dim=1, keepdim=True)).numpy()
    shuffled = np.random.default_rng(0).permutation(points)
    assert trustworthiness(unit, points, n_neighbors=10) > 0.85
    assert trustworthiness(unit, shuffled, n_neighbors=10) < 0.6


def test_equal_input_gives_equal_points_whatever_the_threads_and_lengths() -> None:
    x, _ = groups(300, d=512, apart=1)  # large enough for the threads to count
    with threadpool_limits(1):
        first = tsne(x, perplexity=30, random_state=3)
    with threadpool_limits(4):
        assert np.array_equal(tsne(x, perplexity=30, random_state=3), first)
    assert np.array_equal(tsne(4 * x, perplexity=30, random_state=3), first)  # lengths do not count
    assert np.array_equal(first, first.round(3))


@pytest.mark.parametrize("n", [FEWEST, 12, 40])
def test_few_images_many_equal_ones_and_few_numbers(n: int) -> None:
    """scikit-learn warns of none of these, and warnings are errors here."""
    generator = np.random.default_rng(n)
    for x in (
        generator.normal(size=(n, 2)),
        generator.normal(size=(n, 500)),
        generator.choice([-1.0, 1.0], (n, 2)),
        np.repeat([[1.0, 0, 0], [0, 1, 0]], [n - 1, 1], axis=0),
        np.where(np.arange(n)[:, None] == 0, 1.0, [[1, 1e-3, 0]]),
    ):
        points = tsne(torch.tensor(x, dtype=torch.float16), perplexity=fitting_perplexity(30, n), random_state=0)
        assert np.isfinite(points).all()


def test_perplexity_leaves_room_for_its_neighbours() -> None:
    assert fitting_perplexity(30, 2_000) == 30
    assert fitting_perplexity(30, 91) == 30
    assert fitting_perplexity(30, 61) == 20


def test_why_there_is_none() -> None:
    x = groups(FEWEST)[0]
    assert why_no_tsne(x) == ""
    for wrong, reason in (
        (x[1:], "10 photos are too few"),
        (x[:, :1].abs(), "no plane"),
        (x[:1] * torch.arange(1, FEWEST + 1)[:, None], "alike"),
        (x[:0], "0 photos are too few"),
    ):
        assert reason in why_no_tsne(wrong)
        with pytest.raises(FlickrExifError, match=reason):
            tsne(wrong, perplexity=3, random_state=0)
    x[4] = torch.nan
    with pytest.raises(FlickrExifError, match="row 4 is zero or not finite"):
        tsne(x, perplexity=3, random_state=0)


@given(seed=st.integers(0, 2**32), n=st.integers(FEWEST, 80), classes=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_the_shares_are_those_of_a_plain_sort(seed: int, n: int, classes: int) -> None:
    generator = np.random.default_rng(seed)
    points, labels = generator.normal(size=(n, 2)), generator.integers(0, classes, n)
    share = same_label_in_plane(points, torch.tensor(labels))
    assert share == pytest.approx(plain_share(points, labels, NEAREST))
    others = [labels[t] == labels[m] for t in range(n) for m in range(n) if m != t]
    assert chance_of(torch.tensor(labels)) == pytest.approx(np.mean(others))
