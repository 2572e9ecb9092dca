"""The paper's linear probe against a plain loop: one head, one step, one trial at a time."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import optuna
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, pack_text, write_embeddings
from flickrexif.eval.measure.base import run
from flickrexif.eval.measure.inputs import read_split, uniform_draws
from flickrexif.eval.measure.probe import paper as probe_paper
from flickrexif.eval.measure.probe.heads import Heads, Sgd, batch_order, starting_heads, train_heads
from flickrexif.eval.measure.probe.measurement import Probe
from flickrexif.eval.measure.probe.paper import Paper, Trial
from flickrexif.eval.measure.probe.probe import (
    Part,
    ProbeSettings,
    labelled_data,
    probe,
    processing_data,
    validation_rows,
)
from tests.measured import measured, subject_of
from tests.samples import SPLIT_FILES

torch.set_num_threads(1)
SHORT = Sgd(epochs=5, batch=64)
QUICK = Paper(trials=6, startup=3, sgd=SHORT, ahead=3)


def samples(images: int, classes: int, width: int, seed: int, spread: float = 2.0) -> tuple[Tensor, Tensor]:
    """Unit vectors around one point a class, which overlap, and their labels."""
    rng = np.random.default_rng([seed, classes])
    centres = np.random.default_rng(classes).normal(size=(classes, width))
    labels = rng.integers(0, classes, images)
    features = centres[labels] + spread * rng.normal(size=(images, width)) + 1
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return torch.tensor(features, dtype=torch.float32), torch.tensor(labels)


def plain_sgd(
    features: np.ndarray, labels: np.ndarray, rate: float, decay: float, start: Heads, orders: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """One linear layer by SGD with momentum 0.9 as the protocol says it, in float64."""
    weight, bias = start.weight[0].double().numpy().copy(), start.bias[0].double().numpy().copy()
    speed, bias_speed = np.zeros_like(weight), np.zeros_like(bias)
    lr = rate
    for epoch, order in enumerate(orders, start=1):
        for first in range(0, len(order), SHORT.batch):
            rows = order[first : first + SHORT.batch]
            logits = features[rows] @ weight.T + bias
            odds = np.exp(logits - logits.max(1, keepdims=True))
            slope = odds / odds.sum(1, keepdims=True)
            slope[np.arange(len(rows)), labels[rows]] -= 1
            slope /= len(rows)
            speed = 0.9 * speed + slope.T @ features[rows] + decay * weight
            bias_speed = 0.9 * bias_speed + slope.sum(0) + decay * bias
            weight, bias = weight - lr * speed, bias - lr * bias_speed
        lr = rate / 2 * (1 + math.cos(math.pi * epoch / len(orders)))  # set after each epoch
    return weight, bias


# --- heads


@pytest.mark.parametrize(("images", "classes"), [(200, 4), (64, 3), (50, 2), (129, 5)])
def test_heads_together_are_heads_alone(images: int, classes: int) -> None:
    features, labels = samples(images, classes, 12, 0)
    pairs = [(0.1, 1e-4), (3.0, 1e-12), (10.0, 1e-2), (1.0, 0.0)]
    heads = train_heads(features[None], labels[None], *zip(*pairs, strict=True), classes=classes, sgd=SHORT, seed=5)
    orders = [batch_order(images, epoch, 5).numpy() for epoch in range(SHORT.epochs)]
    start = starting_heads(1, classes, 12, 5)
    for head, pair in enumerate(pairs):
        weight, bias = plain_sgd(features.double().numpy(), labels.numpy(), *pair, start, orders)
        np.testing.assert_allclose(heads.weight[head], weight, atol=2e-4 * max(1, np.abs(weight).max()))
        np.testing.assert_allclose(heads.bias[head], bias, atol=2e-4 * max(1, np.abs(weight).max()))
        test_features = samples(300, classes, 12, 1)[0]
        expected = (test_features.double().numpy() @ weight.T + bias).argmax(1)
        assert (heads.predict(test_features, rows=64)[head].numpy() == expected).mean() > 0.99


def test_heads_with_features_of_their_own_are_heads_alone() -> None:
    sets, labels = zip(*(samples(150, 3, 9, seed) for seed in range(4)), strict=True)
    together = train_heads(torch.stack(sets), torch.stack(labels), [2.0] * 4, [1e-3] * 4, classes=3, sgd=SHORT, seed=1)
    for head in range(4):
        alone = train_heads(sets[head][None], labels[head][None], [2.0], [1e-3],
                            classes=3, sgd=SHORT, seed=1)  # fmt: skip
        torch.testing.assert_close(together.weight[head], alone.weight[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(together.bias[head], alone.bias[0], atol=1e-4, rtol=1e-4)


def test_the_start_is_that_of_a_linear_layer_and_the_order_a_permutation() -> None:
    start = starting_heads(3, 40, 100, 0)
    assert torch.equal(start.weight[0], start.weight[2])
    assert start.weight.abs().max() <= 0.1
    assert start.weight.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.05)
    assert not torch.equal(start.weight, starting_heads(3, 40, 100, 1).weight)
    assert sorted(batch_order(50, 3, 0).tolist()) == list(range(50))
    assert not torch.equal(batch_order(50, 3, 0), batch_order(50, 4, 0))


def test_a_head_that_diverges_leaves_its_neighbours_alone() -> None:
    features, labels = samples(200, 4, 12, 0)
    args = {"classes": 4, "sgd": SHORT, "seed": 0}
    both = train_heads(features[None], labels[None], [1.0, 1e30], [1e-6, 1.0], **args)  # type: ignore[arg-type]
    alone = train_heads(features[None], labels[None], [1.0], [1e-6], **args)  # type: ignore[arg-type]
    assert both.finite().tolist() == [True, False]
    torch.testing.assert_close(both.weight[:1], alone.weight, atol=1e-5, rtol=1e-5)


# --- the search


def smooth(pairs: Sequence[tuple[float, float]]) -> list[float | None]:
    """An accuracy that is best near rate 5, coarse as accuracies are, and a region of divergence."""
    return [
        None if rate > 80 else round(0.9 - 0.1 * (math.log10(rate) - 0.7) ** 2 - 0.01 * math.log10(decay) / 12, 3)
        for rate, decay in pairs
    ]


@pytest.mark.parametrize("seed", range(3))
def test_trials_trained_ahead_are_those_of_a_search_one_by_one(seed: int) -> None:
    calls = []

    def counted(pairs: Sequence[tuple[float, float]]) -> list[float | None]:
        calls.append(len(pairs))
        return smooth(pairs)

    paper = Paper(ahead=6)
    expected: list[Trial] = []
    while len(expected) < paper.trials:
        pair = probe_paper.suggest(expected, paper, seed)
        expected.append(Trial(*pair, smooth([pair])[0]))
    assert probe_paper.search(counted, paper, seed) == expected
    assert calls[0] == 10
    assert len(calls) < 15  # the guesses are worth something: 21 calls without


def test_suggestions_stay_in_range_and_tpe_takes_over_after_the_start() -> None:
    trials = probe_paper.search(smooth, Paper(), 0)
    assert all(0.1 <= trial.rate <= 100 and 1e-12 <= trial.weight_decay <= 1e-4 for trial in trials)
    start, rest = trials[:10], trials[10:]
    assert len({trial.rate for trial in trials}) == 30
    near = [sum(abs(math.log10(t.rate) - 0.7) < 0.5 for t in part) / len(part) for part in (start, rest)]
    assert near[1] > near[0]  # a random search would not come nearer to the optimum


def test_the_suggestion_is_what_optuna_gives_for_the_same_history() -> None:
    paper, trials = Paper(), [Trial(*pair, smooth([pair])[0]) for pair in [(0.2, 1e-9), (9.0, 1e-5), (50.0, 1e-7)] * 4]
    other = [replace(trial, accuracy=0.5) for trial in trials]
    assert probe_paper.suggest(trials, paper, 0) == probe_paper.suggest(trials, paper, 0)
    assert probe_paper.suggest(trials, paper, 0) != probe_paper.suggest(other, paper, 0)
    assert isinstance(probe_paper._sampler(10, 0), optuna.samplers.TPESampler)


def test_the_best_trial_is_the_first_of_the_highest() -> None:
    trials = [Trial(1, 0, 0.5), Trial(2, 0, None), Trial(3, 0, 0.75), Trial(4, 0, 0.75)]
    assert probe_paper.best(trials) == trials[2]
    assert probe_paper.best([Trial(2, 0, None)]) is None
    assert trials[1].record()["reason"] == "diverged"


# --- the protocol


def processed(images: int, classes: int, seed: int) -> list[Tensor]:
    """The same images under each class: each class moves them its own way."""
    base, _ = samples(images, 5, 16, seed)
    moves = torch.tensor(np.random.default_rng(99).normal(size=(classes, 16)) * 0.12, dtype=torch.float32)
    return [base + move for move in moves]


def test_the_protocol_for_processing_labels() -> None:
    settings = ProbeSettings(paper=QUICK)
    train, test, seeds = processed(260, 3, 0), processed(70, 3, 1), 4
    draws = torch.tensor(np.random.default_rng(5).integers(0, 3, (seeds, 260)))
    outcome = probe(processing_data(train, test, ["a", "b", "c"], draws, settings), settings)

    held = validation_rows(260, 0).numpy()
    assert held.sum() == 52
    tables = [np.stack([v.double().numpy() for v in variants]) for variants in (train, test)]
    train_all, test_all = (table / np.linalg.norm(table, axis=2, keepdims=True) for table in tables)

    def fit(seed: int, rows: np.ndarray, rate: float, decay: float) -> tuple[np.ndarray, np.ndarray]:
        labels = draws[seed].numpy()[rows]
        features = train_all[labels, rows]
        orders = [batch_order(len(rows), epoch, 0).numpy() for epoch in range(SHORT.epochs)]
        return plain_sgd(features, labels, rate, decay, starting_heads(1, 3, 16, 0), orders)

    for trial in outcome.trials:
        weight, bias = fit(0, np.flatnonzero(~held), trial["rate"], trial["weight_decay"])
        labels = draws[0].numpy()[held]
        logits = train_all[labels, np.flatnonzero(held)] @ weight.T + bias
        assert trial["accuracy"] == pytest.approx((logits.argmax(1) == labels).mean(), abs=1.5 / 52)
    values = [trial["accuracy"] for trial in outcome.trials]
    best = outcome.trials[values.index(max(values))]
    assert outcome.best == {"lr": best["rate"], "weight_decay": best["weight_decay"]}

    hits = np.zeros((seeds, 3, 70))
    confusion = np.zeros((3, 3))
    for seed in range(seeds):
        weight, bias = fit(seed, np.arange(260), best["rate"], best["weight_decay"])
        for label in range(3):
            predicted = (test_all[label] @ weight.T + bias).argmax(1)
            hits[seed, label] = predicted == label
            confusion[label] += np.bincount(predicted, minlength=3)
    assert outcome.accuracy == pytest.approx(hits.mean(), abs=0.003)
    assert outcome.per_seed == pytest.approx(hits.mean((1, 2)).tolist(), abs=0.008)
    assert outcome.accuracy_std == pytest.approx(math.sqrt(np.var(outcome.per_seed)))  # of the seeds that there are
    assert outcome.mean_per_class_recall == pytest.approx(hits.mean((0, 2)).mean(), abs=0.003)
    assert np.abs(np.array(outcome.confusion) - confusion).sum() <= 10
    assert outcome.chance == 1 / 3
    assert outcome.accuracy is not None
    assert outcome.interval is not None
    assert outcome.accuracy > 0.5
    assert outcome.interval[0] < outcome.accuracy < outcome.interval[1]


def test_test_images_choose_nothing() -> None:
    settings = ProbeSettings(paper=QUICK)
    train, draws = processed(150, 3, 0), torch.tensor(np.random.default_rng(5).integers(0, 3, (2, 150)))
    outcomes = [
        probe(processing_data(train, processed(40, 3, seed), ["a", "b", "c"], draws, settings), settings)
        for seed in (1, 2)
    ]
    assert outcomes[0].trials == outcomes[1].trials
    assert outcomes[0].heads is not None
    assert outcomes[1].heads is not None
    assert torch.equal(outcomes[0].heads.weight, outcomes[1].heads.weight)


def test_a_class_without_validation_or_test_images() -> None:
    settings = ProbeSettings(paper=QUICK)
    train = Part(*samples(120, 3, 8, 0))
    validation, test = (
        part.of(part.labels != 2) for part in (Part(*samples(40, 3, 8, 1)), Part(*samples(50, 3, 8, 2)))
    )
    outcome = probe(labelled_data(train, validation, test, ["a", "b", "c"], settings), settings)
    assert outcome.recall["c"] is None
    assert outcome.mean_per_class_recall == pytest.approx((outcome.recall["a"] + outcome.recall["b"]) / 2)  # type: ignore[operator]
    assert outcome.accuracy_std is None


@pytest.mark.parametrize("protocol", ["paper", "fast"])
def test_constant_features_give_chance_and_tiny_sets_work(protocol: str) -> None:
    settings = ProbeSettings(protocol=protocol, paper=QUICK)  # type: ignore[arg-type]
    draws = torch.tensor([[0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 0, 0]])
    constant = [torch.ones(6, 4)] * 2
    outcome = probe(processing_data(constant, constant, ["a", "b"], draws, settings), settings)
    assert outcome.accuracy == 0.5
    tiny = [torch.eye(2)] * 2
    outcome = probe(processing_data(tiny, tiny, ["a", "b"], torch.tensor([[0, 1]]), settings), settings)
    assert outcome.accuracy == 0.5


def test_divergence_is_a_result_with_a_reason() -> None:
    settings = ProbeSettings(paper=replace(QUICK, rate=(1e30, 1e31), weight_decay=(1.0, 2.0)))
    part = Part(*samples(100, 3, 8, 0))
    outcome = probe(labelled_data(part, part, part, ["a", "b", "c"], settings), settings)
    assert (outcome.accuracy, outcome.heads) == (None, None)
    assert outcome.reason == "every trial of the search diverged"
    assert {trial["reason"] for trial in outcome.trials} == {"diverged"}
    assert outcome.best == {}


def test_embeddings_of_16_bits_are_measured_in_32() -> None:
    train = [torch.from_numpy(np.random.default_rng(seed).normal(size=(6, 4))).half() for seed in (0, 1)]
    draws = torch.tensor([[0, 1, 1, 0, 1, 0]])
    features = processing_data(train, train, ["a", "b"], draws, ProbeSettings()).train(0).features
    rows = np.stack([train[label][row].numpy().astype(float) for row, label in enumerate(draws[0].tolist())])
    assert np.allclose(features.numpy(), rows / np.linalg.norm(rows, axis=1, keepdims=True), rtol=0, atol=1e-6)


def test_shapes_that_do_not_fit_and_empty_parts_are_errors() -> None:
    settings = ProbeSettings()
    ones, draws = [torch.ones(6, 4)] * 2, torch.zeros(1, 6, dtype=torch.int64)
    for train, test, drawn in [
        (ones[:1], ones, draws),
        (ones, [torch.ones(6, 4), torch.ones(5, 4)], draws),
        (ones, [torch.ones(6, 3)] * 2, draws),
        (ones, ones, draws[:, :5]),
        (ones, ones, draws[:0]),
    ]:
        with pytest.raises(UsageError, match=r"have the shapes \[6, 4\]|cannot be made of \[6, 4\] training and \[6, "):
            processing_data(train, test, ["a", "b"], drawn, settings)
    part = Part(*samples(10, 2, 4, 0))
    with pytest.raises(UsageError, match="no validation images"):
        labelled_data(part, part.of(part.labels > 5), part, ["a", "b"], settings)
    broken = Part(part.features * math.nan, part.labels)
    with pytest.raises(FlickrExifError, match="not finite"):
        labelled_data(broken, part, part, ["a", "b"], settings)


# --- over files

JPEG = ("JPEG75_420", "JPEG75_444", "JPEG85_420", "JPEG85_444", "JPEG95_420", "JPEG95_444")


def write_processed(root: Path, *, missing: str = "", named: bool = True) -> None:
    """Embedding files of 150 and 60 images under the six JPEG classes; one file lacks the image `missing`."""
    for split, images, seed in (("train", 150, 0), ("val", 60, 1)):
        for number, (name, features) in enumerate(zip(JPEG, processed(images, 6, seed), strict=True)):
            ids = [f"{split}/{i}" for i in range(images)]
            kept = [i for i in range(images) if number != 2 or ids[i] != missing]
            columns = {"label": torch.arange(images)[kept] % 5}
            if named:
                columns["image_id"] = pack_text([ids[i] for i in kept])
            path = EmbeddingKey("ImageNet", "clip", "ViT-B-16", processing=name, split=split).path(root)
            write_embeddings(path, features[kept], columns, {"encoder": "own:x", "family": "OWN"} if named else None)


SETTINGS = ProbeSettings(paper=QUICK)
FAST = {"parameter": "jpeg", "protocol": "fast", "seeds": 1}
measured_clip = partial(measured, "probe", encoder="clip/ViT-B-16")


def test_a_probe_over_files_is_that_over_arrays(tmp_path: Path) -> None:
    write_processed(tmp_path)
    subject = subject_of(tmp_path, "ImageNet", "clip/ViT-B-16")
    result, kept = run(Probe(parameter="jpeg", seeds=2, paper=QUICK), subject)
    draws = uniform_draws("jpeg", [f"train/{i}" for i in range(150)], [0, 1])
    data = processing_data(processed(150, 6, 0), processed(60, 6, 1), JPEG, draws, SETTINGS)
    outcome = probe(data, SETTINGS)
    assert result.metrics == {
        "accuracy": outcome.accuracy,
        "accuracy_std": outcome.accuracy_std,
        "chance": 1 / 6,
        "mean_per_class_recall": outcome.mean_per_class_recall,
    }
    assert (result.encoder, result.family, result.parameter) == ("own:x", "OWN", "jpeg")
    assert result.detail.best == outcome.best
    assert result.n == {"train": 120, "validation": 30, "test": 60, "classes": 5}
    assert len(result.fingerprints) == 12
    assert result.settings["paper"]["trials"] == QUICK.trials
    assert outcome.heads is not None
    assert torch.equal(kept.tensors["weight"], outcome.heads.weight)


def test_the_trained_heads_are_kept_beside_the_record(tmp_path: Path) -> None:
    write_processed(tmp_path / "e")
    settings = {**FAST, "seeds": 2}
    result = measured_clip("ImageNet", settings, tmp_path / "e", out=tmp_path / "r.json", heads=True)
    with safe_open(tmp_path / "r.safetensors", "pt") as file:
        weight, bias = file.get_tensor("weight"), file.get_tensor("bias")
        assert json.loads(file.metadata()["classes"]) == list(JPEG)
    assert (weight.shape, bias.shape) == ((2, 6, 16), (2, 6))
    test = torch.stack(processed(60, 6, 1))
    scores = torch.nn.functional.normalize(test, dim=-1) @ weight.mT[:, None] + bias[:, None, None]
    hits = scores.argmax(-1) == torch.arange(6)[:, None]
    assert hits.double().mean().item() == pytest.approx(result.metrics["accuracy"])


def test_an_image_missing_under_one_class_is_left_out_under_all(tmp_path: Path) -> None:
    write_processed(tmp_path, missing="train/7")
    subject = subject_of(tmp_path, "ImageNet", "clip/ViT-B-16")
    result = run(Probe(parameter="jpeg", seeds=1, paper=QUICK), subject)[0]
    kept = [i for i in range(150) if i != 7]
    draws = uniform_draws("jpeg", [f"train/{i}" for i in kept], [0])
    train = [features[kept] for features in processed(150, 6, 0)]
    outcome = probe(processing_data(train, processed(60, 6, 1), JPEG, draws, SETTINGS), SETTINGS)
    assert result.detail.left_out == {"train": 1, "val": 0}
    assert result.detail.trials == outcome.trials
    assert result.metrics["accuracy"] == outcome.accuracy


def test_files_of_the_released_code_are_told_by_their_names(tmp_path: Path) -> None:
    write_processed(tmp_path / "e", named=False)
    result = measured_clip("ImageNet", FAST, tmp_path / "e")
    assert (result.encoder, result.encoder_digest, result.family) == ("paper:clip/ViT-B-16", "", "CVL")


def test_rows_that_cannot_be_matched_are_an_error(tmp_path: Path) -> None:
    write_processed(tmp_path / "e", missing="train/7", named=False)
    result = measured_clip("ImageNet", FAST, tmp_path / "e")
    assert (result.state, result.metrics) == ("failed", {"accuracy": None})
    assert "name no images" in result.reason


def write_attribute(root: Path, gone: int = 0) -> None:
    """Embeddings of FlickrExif in an order of their own, and the published split file; `gone` photos are not there."""
    features, labels = samples(200, 3, 8, 0)
    ids = np.random.default_rng(0).permutation(10_000)[:200] + 53_000_000_000
    record = {"target_attribute": "Make", "label_encoder_classes": ["Apple", "Canon", "samsung"]}
    for split, rows in (("train", slice(0, 120)), ("val", slice(120, 150)), ("test", slice(150, 200))):
        record |= {f"{split}_ids": ids[rows].tolist(), f"encoded_{split}_labels": labels[rows].tolist()}
    (root / "split_data_target_attribute=Make.json").write_text(json.dumps(record))
    order = torch.tensor(np.random.default_rng(1).permutation(np.arange(gone, 200)))
    path = EmbeddingKey("FlickrExif", "clip", "ViT-B-16", mask=0.9).path(root / "e")
    write_embeddings(path, features[order], {"Flickr ID": torch.tensor(ids)[order]})


def test_an_attribute_joins_on_the_flickr_id_and_counts_photos_that_are_gone(tmp_path: Path) -> None:
    write_attribute(tmp_path, gone=5)
    subject = subject_of(tmp_path / "e", "FlickrExif", "clip/ViT-B-16", tmp_path)
    result = run(Probe(attribute="Make", mask=0.9, paper=QUICK), subject)[0]
    assert result.detail.left_out == {"train": 5, "val": 0, "test": 0}
    features, labels = samples(200, 3, 8, 0)
    parts = [Part(features[rows], labels[rows]) for rows in (slice(5, 120), slice(120, 150), slice(150, 200))]
    outcome = probe(labelled_data(parts[0], parts[1], parts[2], ["Apple", "Canon", "samsung"], SETTINGS), SETTINGS)
    assert result.metrics["accuracy"] == outcome.accuracy
    assert result.metrics["accuracy_std"] is None
    assert (result.attribute, result.mask) == ("Make", 0.9)
    assert "photographers" not in result.n  # no table of labels


def test_the_photographers_of_the_test_photos_are_counted(tmp_path: Path) -> None:
    write_attribute(tmp_path, gone=5)
    split = json.loads((tmp_path / "split_data_target_attribute=Make.json").read_text())
    ids = [photo for name in ("train", "val", "test") for photo in split[f"{name}_ids"]]
    owners = [f"owner-{place // 4}" for place in range(len(ids))]  # of four photos each
    pq.write_table(pa.table({"Flickr ID": ids, "owner": owners}), tmp_path / "train-2024-08.parquet")
    subject = subject_of(tmp_path / "e", "FlickrExif", "clip/ViT-B-16", tmp_path)
    result = run(Probe(attribute="Make", mask=0.9, paper=QUICK), subject)[0]
    assert result.n["photographers"] == len(set(owners[ids.index(split["test_ids"][0]) :]))


def test_what_cannot_be_probed_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There are no embeddings of ImageNet"):
        measured_clip("ImageNet", FAST, tmp_path / "e")
    write_attribute(tmp_path)
    of_make = partial(measured_clip, "FlickrExif", embeddings=tmp_path / "e", labels=tmp_path)
    with pytest.raises(UsageError, match=r"no attribute 'Maker' to measure\. There: Make\."):
        of_make({"attribute": "Maker"})
    write_processed(tmp_path / "e")
    with pytest.raises(UsageError, match=r"no parameter 'jpg' to measure\. There: interpolation, jpeg"):
        measured_clip("ImageNet", {**FAST, "parameter": "jpg"}, tmp_path / "e")
    with pytest.raises(UsageError, match="must be a draw"):
        measured_clip("ImageNet", {**FAST, "seeds": 0}, tmp_path / "e")
    path = EmbeddingKey("FlickrExif", "clip", "ViT-B-16").path(tmp_path / "e")
    write_embeddings(path, torch.ones(3, 4), {"label": torch.zeros(3)})
    result = of_make({"attribute": "Make", "mask": 0.0})
    assert (result.state, "no column 'Flickr ID'" in result.reason) == ("failed", True)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"train_ids": [1]}, "encoded_train_labels has 120 labels for 1 ids"),
        ({"encoded_val_labels": [9] * 30}, "encoded_val_labels has 30 labels that are no place"),
        ({"encoded_val_labels": [-1] * 30}, "encoded_val_labels has 30 labels that are no place"),
        ({"label_encoder_classes": ["x"], "encoded_train_labels": [0] * 120, "encoded_val_labels": [0] * 30,
          "encoded_test_labels": [0] * 50}, "has only one class"),
        ({"test_ids": None}, "test_ids is missing or not a list of whole numbers"),
        ({"test_ids": ["x"]}, "test_ids is missing or not a list of whole numbers"),
    ],
)  # fmt: skip
def test_a_broken_split_file_is_named(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    write_attribute(tmp_path)
    path = tmp_path / "split_data_target_attribute=Make.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FlickrExifError, match=f"{re.escape(path.name)}.* {problem}"):
        read_split(path)


PHOTOS_A_CLASS = {"splits": [12, 10, 11], "official-splits": [3_899, 200, 500]}


@pytest.mark.parametrize("folder", SPLIT_FILES)
def test_published_split_files_are_read(folder: Path) -> None:
    split = read_split(folder / "split_data_target_attribute=Make.json")
    assert len(split.classes) == 9
    assert [len(split.ids[name]) / 9 for name in ("train", "val", "test")] == PHOTOS_A_CLASS[folder.name]
