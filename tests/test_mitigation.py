"""Mitigations: what they promise holds on the training images, and the probe and the neighbours see it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from flickrexif import embed, evaluate, mitigate
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, pack_text, read_embeddings, write_embeddings
from flickrexif.eval.encoders import erased, load, resolve
from flickrexif.eval.measure.mitigation import averaging, centring, leace, mitigations
from flickrexif.processing.variants import classes
from tests.measured import measured
from tests.samples import write_image_folder

torch.set_num_threads(1)


def images(count: int, seed: int, variants: int = 3, trace: float = 0.3) -> tuple[list[Tensor], Tensor]:
    """Unit embeddings of images of 6 classes under each variant, which moves them and stretches one direction."""
    rng = np.random.default_rng(seed)
    fixed = np.random.default_rng(7)
    centres, moves = fixed.normal(size=(6, 20)), trace * fixed.normal(size=(variants, 20))
    labels = rng.integers(0, 6, count)
    base = centres[labels] + 0.5 * rng.normal(size=(count, 20))
    embeddings = [base + move + 0.05 * rng.normal(size=base.shape) for move in moves]
    embeddings = [m / np.linalg.norm(m, axis=1, keepdims=True) for m in embeddings]
    return [torch.tensor(m, dtype=torch.float32) for m in embeddings], torch.tensor(labels)


def test_centring_gives_every_class_the_mean_of_all() -> None:
    train, test = images(400, 0)[0], images(50, 1)[0]
    change = centring(train)
    means = np.stack([v.double().numpy().mean(0) for v in train])
    for label, (before, after) in enumerate(zip(test, change(test), strict=True)):
        np.testing.assert_allclose(after, before.numpy() - means[label] + means.mean(0), atol=1e-6)


@pytest.mark.parametrize("count", [400, 15])  # fewer images than dimensions too
def test_leace_leaves_no_linear_trace_in_the_training_images(count: int) -> None:
    train = images(count, 0)[0]
    eraser = leace(train)
    changed = [eraser(v) for v in train]
    means = np.stack([v.double().numpy().mean(0) for v in changed])
    assert np.abs(means - means.mean(0)).max() < 1e-6  # no direction tells the classes apart
    features, labels = np.concatenate([v.numpy() for v in changed]), np.repeat(np.arange(3), count)
    assert LogisticRegression(C=1e3, max_iter=5_000).fit(features, labels).score(features, labels) < 0.45
    before = np.concatenate([v.numpy() for v in train])
    assert LogisticRegression(C=1e3, max_iter=5_000).fit(before, labels).score(before, labels) > 0.8


def test_leace_changes_a_subspace_of_one_dimension_less_than_the_classes() -> None:
    train, test = images(400, 0)[0], images(60, 1)[0]
    eraser = leace(train)
    difference = np.concatenate([(eraser(v) - v).double().numpy() for v in test])
    values = np.linalg.svd(difference, compute_uv=False)
    assert values[1] > 1e-2
    assert values[2] < 1e-5
    everyone = np.concatenate([v.double().numpy() for v in train]).mean(0)
    np.testing.assert_allclose(np.concatenate([eraser(v).double().numpy() for v in train]).mean(0), everyone, atol=1e-6)


def test_leace_does_not_know_the_class_of_what_it_changes() -> None:
    train = images(200, 0)[0]
    eraser = leace(train)
    assert torch.equal(eraser(train[1]), eraser(torch.cat([train[2], train[1]]))[len(train[2]) :])


def test_averaging_makes_the_processings_of_an_image_one() -> None:
    test = images(50, 0)[0]
    expected = np.mean([v.numpy() for v in test], axis=0)
    for changed in averaging(test):
        np.testing.assert_allclose(changed, expected, atol=1e-6)


def test_training_images_alone_are_fitted_and_averaged_never() -> None:
    train = images(100, 0)[0]
    for name, (on_train, _) in mitigations(train, leace(train)).items():
        same = all(torch.equal(a, b) for a, b in zip(on_train(train), train, strict=True))
        assert same == (name in ("none", "averaging"))


def test_the_record_tells_trace_and_semantics_before_and_after(tmp_path: Path) -> None:
    for split, count, seed in (("train", 600, 0), ("val", 150, 1)):
        variants, labels = images(count, seed)
        for name, features in zip(classes("sharpening"), variants, strict=True):
            columns = {"label": labels, "image_id": pack_text([f"{split}{i}" for i in range(count)])}
            path = EmbeddingKey("ImageNet", "own", "x", processing=name, split=split).path(tmp_path / "e")
            write_embeddings(path, features, columns)
    settings = {"parameter": "sharpening", "protocol": "fast", "k": 5, "seeds": 2}
    result = measured("mitigation", "ImageNet", settings, tmp_path / "e", encoder="own/x")
    metrics = {name: value for name, value in result.metrics.items() if value is not None}
    assert metrics["chance"] == 1 / 3
    assert metrics["none.accuracy"] > 0.7
    for name in ("centring", "leace"):
        assert metrics[f"{name}.accuracy"] < 0.45
        assert metrics[f"{name}.all_same"] > metrics["none.all_same"] - 0.03
        assert metrics[f"{name}.neg_same"] >= metrics["none.neg_same"]
    assert metrics["averaging.accuracy"] == pytest.approx(1 / 3)  # all three are one image, so one class is right
    setups = {"all_same", "all_diff", "pos_same", "neg_same", "uniform"}
    assert {name.partition(".")[2] for name in metrics} >= setups | {"accuracy", "mean_per_class_recall"}
    assert result.detail.leace.best.keys() == {"C", "penalty"}
    assert result.detail.averaging.recall.keys() == set(classes("sharpening"))
    assert result.detail.left_out == {"train": 0, "val": 0}


# --- the projection of an encoder


@pytest.fixture(scope="module")
def projection(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A folder of images, the data folder, and the projection of `control:dct` under sharpening, fitted there."""
    folder = tmp_path_factory.mktemp("projection")
    images = write_image_folder(folder / "crops", classes=4, train=16, val=8)
    place = {"dataset": str(images), "data_dir": folder / "data", "device": "cpu"}
    return images, folder / "data", mitigate("control:dct", "sharpening", out=folder / "no trace.safetensors", **place)


def test_the_encoder_with_it_gives_an_affine_change_of_its_embeddings_in_which_the_classes_have_one_mean(
    projection: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    images, data, _ = projection
    place = {"data_dir": data, "device": "cpu"}
    file = mitigate("control:colour", "sharpening", dataset=str(images), out=tmp_path / "p.safetensors", **place)
    embed(images, f"control:colour+erase@{file}", on_the_fly="sharpening", **place)

    def rows(encoder: str, split: str) -> list[np.ndarray]:
        keys = [EmbeddingKey("crops", "control", encoder, processing, split=split) for processing in names]
        return [read_embeddings(key.path(data / "embeddings")).image_embeddings.double().numpy() for key in keys]

    names = classes("sharpening")
    before, after = [], []
    for split in ("train", "val"):
        before += [part / np.linalg.norm(part, axis=1, keepdims=True) for part in rows("colour", split)]
        after += rows("colour+erase@p.safetensors", split)
    means_before, means_after = (np.stack([part.mean(0) for part in parts[:3]]) for parts in (before, after))
    assert np.ptp(means_before, axis=0).max() > 1e-2
    assert np.ptp(means_after, axis=0).max() < 1e-5
    np.testing.assert_allclose(means_after[0], means_before.mean(0), atol=1e-5)
    change = np.concatenate(after) - np.concatenate(before)  # of training and test images alike
    with_one = np.concatenate([np.concatenate(before), np.ones((len(change), 1))], axis=1)
    solution = np.linalg.lstsq(with_one, change, rcond=None)[0]
    np.testing.assert_allclose(with_one @ solution, change, atol=1e-5)
    values = np.linalg.svd(change, compute_uv=False)
    assert values[1] > 1e-3
    assert values[2] < 1e-4


def test_its_trace_is_gone_and_its_records_are_its_own(projection: tuple[Path, Path, Path]) -> None:
    images, data, file = projection
    encoders = ["control:dct", f"control:dct+erase@{file}"]
    options = {"dataset": str(images), "data_dir": data, "device": "cpu"}
    settings = {"parameter": "sharpening", "protocol": "fast"}
    with_trace, without = evaluate(encoders, "probe", settings=settings, **options).results
    assert without.encoder == "control:dct+erase@no trace.safetensors"
    assert without.encoder_digest != with_trace.encoder_digest
    assert with_trace.metrics["accuracy"] > 0.9  # type: ignore[operator]
    assert without.metrics["accuracy"] < 0.6  # type: ignore[operator]
    again = evaluate(encoders, "probe", settings=settings, dry_run=True, **options)
    assert [item.state for item in again.items] == ["done", "done"]


def test_a_projection_of_other_weights_or_none_is_refused(projection: tuple[Path, Path, Path], tmp_path: Path) -> None:
    file = projection[2]
    (tmp_path / "x.safetensors").write_bytes(b"none")
    for name, problem in (
        (f"control:colour+erase@{file}", "was fitted to control:dct, not to control:colour"),
        (f"control:dct+erase@{tmp_path / 'x.safetensors'}", "is no projection"),
        (f"control:dct+erase@{tmp_path / 'missing'}", "There is no projection"),
    ):
        with pytest.raises(UsageError, match=problem):
            load(resolve(name))


def test_an_object_is_an_encoder_with_it_too(projection: tuple[Path, Path, Path]) -> None:
    image = Image.open(next(projection[0].rglob("*.jpg")))
    encoder = load(resolve("control:dct"))
    batch = torch.from_numpy(encoder.prepare(image, "id", None))[None]
    named = load(resolve(f"control:dct+erase@{projection[2]}"))
    assert torch.equal(erased(encoder, str(projection[2])).embed(batch), named.embed(batch))
