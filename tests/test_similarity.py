"""The four distributions of similarities against plain loops over pairs."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, write_embeddings
from flickrexif.eval.measure.similarity import GROUPS, similarity_distributions
from flickrexif.processing.variants import classes
from tests.measured import measured


def plain_groups(queries, base, itself) -> list[list[list[float]]]:  # type: ignore[no-untyped-def]
    """[group][query] -> similarities; queries and base are (vectors, classes, metadata)."""
    groups: list[list[list[float]]] = [[[] for _ in queries[0]] for _ in GROUPS]
    for t, (q, q_class, q_metadata) in enumerate(zip(*queries, strict=True)):
        for n, (x, x_class, x_metadata) in enumerate(zip(*base, strict=True)):
            if n != itself[t]:
                name = f"{'same' if q_class == x_class else 'different'}_class_"
                name += f"{'same' if q_metadata == x_metadata else 'different'}_metadata"
                groups[GROUPS.index(name)][t].append(float(q @ x))
    return groups


def histogram(values: list[float], bins: int) -> np.ndarray:
    return np.histogram(values, bins, (-1, 1))[0]


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 12),
    m=st.integers(1, 70),
    bins=st.sampled_from([1, 8, 200]),  # similarities are multiples of 1/8: some lie on edges
    memory=st.sampled_from([1, 10_000, 2**20]),
)
@settings(max_examples=60, deadline=None)
def test_distributions(seed: int, n: int, m: int, bins: int, memory: int) -> None:
    generator = np.random.default_rng(seed)
    sides = [
        (generator.choice([-0.25, 0.25], (size, 16)), generator.integers(0, 3, size), generator.integers(0, 2, size))
        for size in (n, m)
    ]
    itself = generator.integers(-1, m, n)
    record = similarity_distributions(
        queries=torch.tensor(sides[0][0]),
        query_classes=torch.tensor(sides[0][1]),
        query_metadata=torch.tensor(sides[0][2]),
        base=torch.tensor(sides[1][0]),
        base_classes=torch.tensor(sides[1][1]),
        base_metadata=torch.tensor(sides[1][2]),
        itself=torch.tensor(itself),
        bins=bins,
        memory=memory,
    )
    for g, of_queries in enumerate(plain_groups(*sides, itself)):
        pairs = [value for values in of_queries for value in values]
        assert record.counts[g].tolist() == histogram(pairs, bins).tolist()
        shares = [histogram(values, bins) / len(values) for values in of_queries if values]
        expected = np.mean(shares, axis=0) if shares else np.full(bins, np.nan)
        np.testing.assert_allclose(record.averaged[g].numpy(), expected, atol=1e-6)
        np.testing.assert_allclose(record.mean[g].item(), np.mean(pairs) if pairs else np.nan, atol=1e-6)
        means = [np.mean(values) if values else np.nan for values in of_queries]
        np.testing.assert_allclose(record.per_query[:, g].numpy(), means, atol=1e-6)


def test_bad_input_is_told_in_a_sentence() -> None:
    x, labels = torch.eye(3), torch.arange(3)
    whole = {"queries": x, "query_classes": labels, "query_metadata": labels}
    whole |= {"base": x, "base_classes": labels, "base_metadata": labels}
    for name in ("query_classes", "base_metadata"):
        with pytest.raises(FlickrExifError, match="do not fit 3 queries and 3 base images"):
            similarity_distributions(**whole | {name: labels[:2]})
    with pytest.raises(FlickrExifError, match="differ in width"):
        similarity_distributions(**whole | {"base": x[:, :2]})


def test_a_trace_in_files_raises_the_similarity_of_the_same_processing(tmp_path: Path) -> None:
    """Variant p adds an axis of its own: class and processing each add 1 of 2 to the similarity of a pair."""
    axes = torch.eye(8)
    for p, name in enumerate(classes("sharpening")):
        for split, count in (("train", 60), ("val", 20)):
            labels = torch.arange(count) % 4
            path = EmbeddingKey("ImageNet", "dino", "vits16", processing=name, split=split).path(tmp_path / "e")
            write_embeddings(path, (axes[labels] + axes[4 + p]).half(), {"label": labels})
    settings = {"parameter": "sharpening", "queries": 15}
    result = measured("similarity", "ImageNet", settings, tmp_path / "e", encoder="dino/vits16")
    assert [result.metrics[name] for name in GROUPS] == pytest.approx([1, 0.5, 0.5, 0], abs=1e-3)
    assert sum(map(sum, result.detail.counts.values())) == 15 * 60
    with pytest.raises(UsageError, match="0 queries"):
        measured("similarity", "ImageNet", {"queries": 0}, tmp_path / "e", encoder="dino/vits16")
