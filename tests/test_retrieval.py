"""PairCams retrieval against the protocol's sentences in plain numpy, one query at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.data.embeddings import EmbeddingKey, write_embeddings
from flickrexif.eval.measure.retrieval import paircams_recall
from tests.measured import measured


def plain_recall(x: np.ndarray, subject: list[int], phone: list[int]):  # type: ignore[no-untyped-def]
    """For each query with a pair: (its row, its type, found among same, tied, found among different, tied)."""
    kinds_of = {s: sorted(p for t, p in zip(subject, phone, strict=True) if t == s) for s in subject}
    paired = [n for n in range(len(x)) if kinds_of[subject[n]] == [0, 1]]
    rows = []
    for q in paired:
        (positive,) = (n for n in paired if subject[n] == subject[q] and n != q)
        outcome = [q, phone[q]]
        for of_query_type in (True, False):
            negatives = [n for n in paired if (phone[n] == phone[q]) == of_query_type and n not in (q, positive)]
            gallery = sorted([positive, *negatives], key=lambda n: (-(x[q] @ x[n]), n))
            outcome += [gallery[0] == positive, x[q] @ x[positive] == max(x[q] @ x[n] for n in negatives)]
        rows.append(outcome)
    return rows


@given(
    seed=st.integers(0, 2**32),
    pairs=st.integers(2, 12),
    odd=st.lists(st.sampled_from([(0,), (1,), (0, 0), (1, 1), (0, 0, 1)]), max_size=4),
    distinct=st.integers(1, 40),
)
@settings(max_examples=80, deadline=None)
def test_recall_at_1(seed: int, pairs: int, odd: list[tuple[int, ...]], distinct: int) -> None:
    generator = np.random.default_rng(seed)
    kinds = [(0, 1)] * pairs + odd
    names = generator.choice(1000, len(kinds), replace=False)
    images = [(int(name), kind) for name, group in zip(names, kinds, strict=True) for kind in group]
    order = generator.permutation(len(images))
    subject, phone = zip(*(images[n] for n in order), strict=True)
    x = generator.choice([-1.0, 1.0], (distinct, 16))[generator.integers(0, distinct, len(images))]
    record = paircams_recall(embeddings=torch.tensor(x), subject=torch.tensor(subject), phone=torch.tensor(phone))
    rows = plain_recall(x, list(subject), list(phone))
    assert record.queries.tolist() == [row[0] for row in rows]
    assert sorted(record.queries.tolist() + record.unpaired.tolist()) == list(range(len(images)))
    for name, column in (("same", 2), ("different", 4)):
        assert record.correct[name].tolist() == [row[column] for row in rows]
        assert record.ties[name] == pytest.approx(np.mean([row[column + 1] for row in rows]))
        by_type = [np.mean([row[column] for row in rows if row[1] == kind]) for kind in (0, 1)]
        assert record.recall[f"{name}_camera"] == pytest.approx(by_type[0])
        assert record.recall[f"{name}_phone"] == pytest.approx(by_type[1])
        assert record.recall[name] == pytest.approx(np.mean(by_type))


def test_a_trace_of_the_camera_hides_the_pair_among_its_own_type_only() -> None:
    """Subjects along their own axes, the camera's type along one more, twice as long."""
    subject = torch.arange(8).repeat(2)
    phone = torch.arange(16) // 8
    trace = torch.nn.functional.one_hot(phone, 2) * 2.0
    x = torch.cat((torch.nn.functional.one_hot(subject).float(), trace), dim=1)
    recall = paircams_recall(embeddings=x, subject=subject, phone=phone).recall
    assert (recall["same"], recall["different"]) == (0, 1)


def test_bad_input_is_told_in_a_sentence() -> None:
    x, one_each = torch.eye(4), torch.tensor([0, 1, 0, 1])
    subject = torch.tensor([7, 7, 9, 9])
    for wrong in ({"subject": subject[:3]}, {"phone": one_each[:3]}, {"phone": one_each * 2}):
        with pytest.raises(FlickrExifError, match="do not fit 4 embeddings"):
            paircams_recall(**{"embeddings": x, "subject": subject, "phone": one_each} | wrong)
    with pytest.raises(FlickrExifError, match="Only 1 subjects"):
        paircams_recall(embeddings=x, subject=torch.tensor([7, 7, 9, 8]), phone=one_each)
    with pytest.raises(FlickrExifError, match="Only 0 subjects"):
        paircams_recall(embeddings=x[:0], subject=subject[:0], phone=one_each[:0])


def test_over_a_file_the_unpaired_are_named(tmp_path: Path) -> None:
    path = EmbeddingKey("PairCams", "clip", "RN50").path(tmp_path / "e")
    x = torch.randn(21, 8, generator=torch.Generator().manual_seed(0))
    subject, phone = torch.arange(21) // 2, torch.arange(21) % 2
    write_embeddings(path, x, {"subject": subject, "model": phone})
    result = measured("retrieval", "PairCams", {}, tmp_path / "e", encoder="clip/RN50")
    assert (result.n, result.detail.unpaired) == ({"pairs": 10}, ["20"])
    vectors = (x / x.norm(dim=1, keepdim=True)).double().numpy()
    rows = plain_recall(vectors, subject.tolist(), phone.tolist())
    assert result.metrics["same"] == pytest.approx(np.mean([row[2] for row in rows]))
    assert set(result.intervals) == set(result.metrics)
    write_embeddings(path, x, {"subject": subject})
    result = measured("retrieval", "PairCams", {}, tmp_path / "e", encoder="clip/RN50")
    assert result.metrics == {"same": None, "different": None}
    assert 'no column "model"' in result.reason
