"""Sixty simulated pairs from a folder to recall@1 with the encoder that needs no download."""

from pathlib import Path

import datasets
import numpy as np
import pytest

import flickrexif
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.eval.data.embeddings import read_embeddings
from flickrexif.paircams.build import build_pairs

PAIRS = 60


def test_pairs_become_a_data_set_embeddings_and_recall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    simulate_pairs(tmp_path / "pairs", PAIRS, side=320)
    report = build_pairs(tmp_path / "pairs", tmp_path / "data/paircams")
    assert (report.pairs, report.findings) == (PAIRS, ())
    rows = datasets.load_dataset(str(tmp_path / "data/paircams"), split="train")
    assert sorted(zip(rows["subject_idx"], rows["side"], strict=True)) == [
        (n, side) for n in range(PAIRS) for side in ("camera", "phone")
    ]
    (result,) = flickrexif.evaluate("lite0", "retrieval", data_dir=tmp_path / "data", device="cpu").results

    (path,) = (tmp_path / "data/embeddings/PairCams").glob("*.safetensors")
    embeddings = read_embeddings(path)
    vectors = np.asarray(embeddings.image_embeddings, dtype=np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    subject, phone = (np.asarray(embeddings.columns[name]) for name in ("subject", "model"))
    similar = vectors @ vectors.T
    for metric, same_type in (("same", True), ("different", False)):
        hits = []
        for query in range(len(vectors)):
            pair = (subject == subject[query]) & (phone != phone[query])
            negatives = (subject != subject[query]) & ((phone == phone[query]) == same_type)
            hits.append(similar[query][pair].max() > similar[query][negatives].max())
        assert result.metrics[metric] == pytest.approx(np.mean(hits))
