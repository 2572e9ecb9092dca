"""Same-label neighbours against a plain sort, and the task over files."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, write_embeddings
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.neighbors import same_label_share
from flickrexif.eval.results import Result
from flickrexif.processing.variants import classes
from tests.measured import measured


def signs(generator: np.random.Generator, count: int, distinct: int) -> np.ndarray:
    """Vectors of 16 entries +-1, few of them distinct: all cosines are exact."""
    return generator.choice([-1.0, 1.0], (distinct, 16))[generator.integers(0, distinct, count)]


def plain_neighbours(queries: np.ndarray, base: np.ndarray, k: int, itself: list[int]) -> list[list[int]]:
    similarity = queries @ base.T
    order = [sorted(range(len(base)), key=lambda n: (-row[n], n)) for row in similarity]
    return [[n for n in ranked if n != own][:k] for ranked, own in zip(order, itself, strict=True)]


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(2, 90),
    distinct=st.integers(1, 60),
    classes=st.integers(1, 3),
    memory=st.sampled_from([1, 10_000, 2**20]),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_the_share_of_neighbours_with_the_querys_label(
    seed: int, n: int, distinct: int, classes: int, memory: int, data: st.DataObject
) -> None:
    generator = np.random.default_rng(seed)
    x, labels = signs(generator, n, distinct), generator.integers(0, classes, n)
    ks = data.draw(st.lists(st.integers(1, n - 1), min_size=1, max_size=3))
    record = same_label_share(
        embeddings=torch.tensor(x, dtype=torch.float16), labels=torch.tensor(labels), ks=ks, memory=memory
    )
    for k in ks:
        near = plain_neighbours(x, x, k, list(range(n)))
        shares = [np.mean([labels[m] == labels[t] for m in row]) for t, row in enumerate(near)]
        np.testing.assert_allclose(record.per_query[k].numpy(), shares, atol=1e-6)
        assert record.share[k] == pytest.approx(np.mean(shares))
        for label in set(labels.tolist()):
            assert record.by_label[k][label] == pytest.approx(np.mean(np.array(shares)[labels == label]))
    others = [labels[t] == labels[m] for t in range(n) for m in range(n) if m != t]
    assert record.chance == pytest.approx(np.mean(others))


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 20),
    m=st.integers(1, 100),
    k=st.integers(1, 120),
    memory=st.sampled_from([1, 10_000, 2**20]),
)
@settings(max_examples=40, deadline=None)
def test_nearest_with_and_without_oneself(seed: int, n: int, m: int, k: int, memory: int) -> None:
    generator = np.random.default_rng(seed)
    queries, base = signs(generator, n, 30), signs(generator, m, 30)
    itself = generator.integers(-1, m, n).tolist()
    keys = tiles.nearest(
        queries=torch.tensor(queries), base=torch.tensor(base), k=k, itself=torch.tensor(itself), memory=memory
    )
    for row, expected in zip(tiles.index_of(keys).tolist(), plain_neighbours(queries, base, k, itself), strict=True):
        assert row == expected + [-1] * (k - len(expected))


def test_bad_input_is_told_in_a_sentence() -> None:
    x, labels = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 0, 1, 1])
    for ks in ([5], [0], [2, -1], []):
        with pytest.raises(UsageError, match="Give values of k from 1 to 4"):
            same_label_share(embeddings=x, labels=labels, ks=ks)
    with pytest.raises(FlickrExifError, match="5 embeddings and labels of shape"):
        same_label_share(embeddings=x, labels=labels[:4], ks=[1])
    x[2] = 0
    with pytest.raises(FlickrExifError, match="row 2 is zero"):
        same_label_share(embeddings=x, labels=labels, ks=[1])


# --- over files


def write_photos(root: Path, ids: list[int]) -> None:
    x = torch.randn(len(ids), 8, generator=torch.Generator().manual_seed(1))
    write_embeddings(
        EmbeddingKey("FlickrExif", "clip", "ViT-B-32").path(root / "e"), x, {"Flickr ID": torch.tensor(ids)}
    )


def of_photos(root: Path, labels: Path, k: object = (1, 10)) -> Result:
    return measured("neighbors", "FlickrExif", {"k": k}, root / "e", labels, "clip/ViT-B-32")


def test_photos_without_a_label_are_counted_and_left_out(tmp_path: Path) -> None:
    write_photos(tmp_path, list(range(100, 130)))
    table = {
        "Flickr ID": [*range(105, 130), 500],
        "owner": ["a", "b"] * 13,
        "is_smartphone": [None, *[True, False] * 12, True],
    }
    pq.write_table(pa.table(table), tmp_path / "labels.parquet")
    result = of_photos(tmp_path, tmp_path / "labels.parquet")
    assert result.detail.left_out == {"no_label": 6, "no_embedding": 1}
    assert (result.encoder, result.family) == ("paper:clip/ViT-B-32", "CVL")
    assert result.interval == "photographers"
    x = torch.randn(30, 8, generator=torch.Generator().manual_seed(1)).double().numpy()[6:]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    near = plain_neighbours(x, x, 10, list(range(24)))
    assert result.metrics["10"] == pytest.approx(np.mean([[m % 2 == t % 2 for m in row] for t, row in enumerate(near)]))
    low, high = result.intervals["10"]
    assert low <= result.metrics["10"] <= high


def write_split(path: Path) -> None:
    """The labels of photos 100 to 103, in no order of their ids; those of other splits are not read."""
    split = {"target_attribute": "Is Smartphone", "label_encoder_classes": ["False", "True"]}
    split |= {f"{s}_ids": [n] for n, s in enumerate(("train", "val"), start=110)}
    split |= {f"encoded_{s}_labels": [0] for s in ("train", "val")}
    split |= {"test_ids": [103, 101, 102, 100], "encoded_test_labels": [0, 1, 1, 0]}
    path.write_text(json.dumps(split))


def test_a_split_file_gives_the_labels_of_its_test_photos(tmp_path: Path) -> None:
    write_photos(tmp_path, list(range(100, 130)))
    write_split(tmp_path / "split.json")
    result = of_photos(tmp_path, tmp_path / "split.json", 3)
    assert result.metrics["3"] == pytest.approx(1 / 3)  # of the three others one has the query's label
    assert (result.n, result.detail.left_out) == ({"photos": 4}, {"no_label": 26, "no_embedding": 0})
    assert result.interval == "photos"
    assert set(result.fingerprints) == {"FlickrExif/model=clip_variant=ViT-B-32.safetensors", "split.json"}


def test_more_neighbours_than_photos_are_left_out(tmp_path: Path) -> None:
    write_photos(tmp_path, list(range(100, 130)))
    write_split(tmp_path / "split.json")
    assert of_photos(tmp_path, tmp_path / "split.json", (2, 4)).metrics.keys() == {"2"}
    result = of_photos(tmp_path, tmp_path / "split.json", (4, 5))
    assert (result.state, result.reason) == ("failed", "4 photos have no 4 neighbours. Embed more photos.")


def test_files_that_are_missing_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There are no embeddings of FlickrExif"):
        of_photos(tmp_path, tmp_path / "none.parquet")
    write_photos(tmp_path, [1, 2, 3])
    with pytest.raises(UsageError, match=r"There are no labels .*none\.parquet"):
        of_photos(tmp_path, tmp_path / "none.parquet")
    for name, reason in (("text.parquet", "cannot be read"), ("text.json", "is not JSON")):
        (tmp_path / name).write_text("no table")
        result = of_photos(tmp_path, tmp_path / name)
        assert (result.state, result.metrics) == ("failed", {"10": None})
        assert re.search(rf"{re.escape(name)}.*({reason})", result.reason)


def test_the_five_setups_over_files(tmp_path: Path) -> None:
    """Classes far apart and no trace: every set-up finds the class, but for two images whose labels are swapped."""
    generator = torch.Generator().manual_seed(4)
    for name in classes("resizing"):
        for split, count in (("train", 40), ("val", 10)):
            labels = torch.arange(count) % 4
            x = 3 * torch.eye(4, 8)[labels] + 0.1 * torch.randn(count, 8, generator=generator)
            if split == "val":
                labels[:2] = labels[:2].flip(0)
            path = EmbeddingKey("ImageNet", "dino", "vits16", processing=name, split=split).path(tmp_path / "e")
            write_embeddings(path, x, {"label": labels})
    settings = {"parameter": "resizing", "k": 5, "seeds": 2}
    result = measured("knn", "ImageNet", settings, tmp_path / "e", encoder="dino/vits16")
    assert result.metrics == pytest.approx(
        dict.fromkeys(("all_same", "all_diff", "pos_same", "neg_same", "uniform"), 0.8)
    )
    assert len(result.fingerprints) == 6
    (path,) = (p for p in tmp_path.rglob("*.safetensors") if "HALF" in str(p) and "train" in p.name)
    path.unlink()
    with pytest.raises(UsageError, match="it lacks RESIZE_HALF"):
        measured("knn", "ImageNet", settings, tmp_path / "e", encoder="dino/vits16")
