"""kNN accuracy against the mask ratio: plain kNN for each ratio."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, pack_text, write_embeddings
from flickrexif.eval.measure.masking import masked_accuracy
from tests.measured import measured


def plain_knn(test: np.ndarray, train: np.ndarray, labels: np.ndarray, k: int) -> list[tuple[int, bool]]:
    """(Winner, tied) of each test image: sort by (similarity, index), count, the nearest of the most frequent."""
    predictions = []
    for q in test:
        near = [int(labels[n]) for n in sorted(range(len(train)), key=lambda n: (-(q @ train[n]), n))[:k]]
        votes = Counter(near)
        leaders = [label for label in near if votes[label] == max(votes.values())]
        predictions.append((leaders[0], len(set(leaders)) > 1))
    return predictions


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 8),
    m=st.integers(1, 70),
    k=st.integers(1, 80),
    memory=st.sampled_from([1, 10_000, 2**20]),
)
@settings(max_examples=40, deadline=None)
def test_accuracy_at_each_ratio(seed: int, n: int, m: int, k: int, memory: int) -> None:
    generator = np.random.default_rng(seed)
    labels = [generator.integers(0, 4, size) for size in (n, m)]
    prototypes = generator.choice([-1.0, 1.0], (20, 16))
    sets = {ratio: [prototypes[generator.integers(0, 20, size)] for size in (n, m)] for ratio in (0.9, 0.0, 0.5)}
    record = masked_accuracy(
        embeddings={ratio: (torch.tensor(test), torch.tensor(train)) for ratio, (test, train) in sets.items()},
        test_labels=torch.tensor(labels[0]),
        train_labels=torch.tensor(labels[1]),
        k=k,
        memory=memory,
    )
    assert list(record.accuracy) == [0.0, 0.5, 0.9]
    for ratio, (test, train) in sets.items():
        predictions = plain_knn(test, train, labels[1], k)
        right = [winner == truth for (winner, _), truth in zip(predictions, labels[0], strict=True)]
        assert record.correct[ratio].tolist() == right
        assert record.accuracy[ratio] == pytest.approx(np.mean(right))
        assert record.vote_ties[ratio] == pytest.approx(np.mean([tied for _, tied in predictions]))


def test_the_ratios_must_hold_the_same_images() -> None:
    x, labels = torch.eye(4), torch.arange(4)
    with pytest.raises(FlickrExifError, match=r"At a mask of 0.9 there are 4 test and 3 training embeddings"):
        masked_accuracy(embeddings={0: (x, x), 0.9: (x, x[:3])}, test_labels=labels, train_labels=labels, k=1)


def test_over_files_an_image_missing_at_one_ratio_is_left_out_of_all(tmp_path: Path) -> None:
    """At ratio 0 the embeddings tell the class; at 1 all are alike, and the nearest is the first training image."""
    for ratio in (0.0, 1.0):
        for split, count in (("train", 12), ("val", 8)):
            rows = torch.arange(count)[1 if (ratio, split) == (1.0, "val") else 0 :]
            x = torch.eye(4)[rows % 4] if ratio == 0 else torch.ones(len(rows), 4)
            ids = pack_text([f"image {row}" for row in rows.tolist()])
            key = EmbeddingKey("ImageNet", "dino", "vits16", mask=ratio, split=split)
            write_embeddings(key.path(tmp_path / "e"), x, {"label": rows % 4, "image_id": ids})
    settings = {"ratios": (0.0, 1.0), "k": 1}
    result = measured("masking", "ImageNet", settings, tmp_path / "e", encoder="dino/vits16")
    assert result.metrics == pytest.approx({"0": 1.0, "1": 1 / 7})  # of images 1 to 7 only image 4 is of class 0
    assert result.detail.left_out == {"train": 0, "val": 1}
    for ratios in ((), (0.0, 2.0), (-1.0,)):
        with pytest.raises(UsageError, match=r"masking\.ratios|from 0 to 1"):
            measured("masking", "ImageNet", {"ratios": ratios}, tmp_path / "e", encoder="dino/vits16")
