"""`flickrexif eval` over embeddings that others made: every setting, every place of labels, held-out test images, the
layout of the released code, and exit codes. The numbers are those of tests/test_knn.py and its like."""

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from itertools import product
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from flickrexif.core.errors import UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, pack_text, read_embeddings, write_embeddings
from flickrexif.eval.measure import MEASUREMENTS, read_result
from flickrexif.eval.measure.inputs import is_held_out
from flickrexif.processing.variants import classes
from tests.measured import measured

torch.set_num_threads(1)
MASKS = (0.0, 0.9)
PHOTOS, IMAGES, PAIRS = 60, 80, 6
TEST = range(30, PHOTOS)  # photos of the test part of split files
METADATA = {"encoder": "own:x", "family": "OWN", "origin": "flickr", "class_names": '["cat", "dog", "owl"]'}
Run = Callable[..., tuple[int, str, str]]


def features(count: int, seed: int) -> np.ndarray:
    """Vectors around three centres, by their row, so that classes and traces are seen and missed."""
    rng = np.random.default_rng(seed)
    return 1.2 * np.eye(3, 12)[np.arange(count) % 3] + rng.normal(0, 0.6, (count, 12))


def write_images(root: Path, parts: dict[str | None, list[int]], metadata: dict[str, str]) -> None:
    """The images of each split by their numbers, in every class of sharpening, and unprocessed under each mask."""
    base, moves = features(IMAGES, 0), np.random.default_rng(1).normal(0, 0.3, (9, 12))
    places = [*product((*classes("sharpening"), "IDENTITY"), MASKS)]
    for move, (processing, mask) in zip(moves, dict.fromkeys(places), strict=False):
        for split, rows in parts.items():
            columns = {"label": torch.tensor(rows) % 3, "image_id": pack_text([str(row) for row in rows])}
            path = EmbeddingKey("ImageNet", "m", "v", processing, mask, split).path(root)
            write_embeddings(path, torch.tensor(base[rows] + move).float(), columns, metadata)


def write_split(path: Path, attribute: str) -> None:
    record: dict[str, Any] = {"target_attribute": attribute, "label_encoder_classes": ["False", "True"]}
    for split, ids in (("train", range(20)), ("val", range(20, 30)), ("test", TEST)):
        record |= {f"{split}_ids": [*ids], f"encoded_{split}_labels": [n % 2 for n in ids]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))


def write_table(path: Path, rows: range) -> None:
    columns = {"owner": [f"owner {n // 2}" for n in rows], "is_smartphone": [bool(n % 2) for n in rows]}
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"Flickr ID": [*rows]} | columns), path)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`e`, embeddings of all three data sets; `flickrexif`, labels and split files as a data set folder has them."""
    folder = tmp_path_factory.mktemp("front")
    write_images(folder / "e", {"train": [*range(50)], "val": [*range(50, IMAGES)]}, METADATA)
    for mask in MASKS:
        path = EmbeddingKey("FlickrExif", "m", "v", mask=mask).path(folder / "e")
        write_embeddings(path, torch.tensor(features(PHOTOS, 2)), {"Flickr ID": torch.arange(PHOTOS)}, METADATA)
        path = EmbeddingKey("PairCams", "m", "v", mask=mask).path(folder / "e")
        rows = torch.arange(2 * PAIRS)
        write_embeddings(
            path, torch.tensor(features(2 * PAIRS, 3)), {"subject": rows // 2, "model": rows % 2}, METADATA
        )
    for attribute in ("Make", "Is Smartphone"):
        write_split(folder / f"flickrexif/splits/split_data_target_attribute={attribute}.json", attribute)
    for month, photos in (("2024-07", range(20)), ("2024-08", range(20, PHOTOS))):
        write_table(folder / f"flickrexif/labels/train-{month}.parquet", photos)
    return folder


# --- every setting

SETTINGS: dict[str, tuple[str, dict[str, Any]]] = {
    "probe": ("ImageNet", {"parameter": "sharpening", "mask": 0.9, "protocol": "fast", "seeds": 2, "seed": 3}),
    "knn": ("ImageNet", {"parameter": "sharpening", "mask": 0.9, "k": 3, "seeds": 2}),
    "similarity": ("ImageNet", {"parameter": "sharpening", "mask": 0.9, "queries": 7, "seed": 3}),
    "masking": ("ImageNet", {"ratios": [0.9], "k": 3}),
    "neighbors": ("FlickrExif", {"attribute": "is_smartphone", "mask": 0.9, "k": [3, 4]}),
    "retrieval": ("PairCams", {"mask": 0.9}),
    "tsne": ("FlickrExif", {"attribute": "is_smartphone", "mask": 0.9, "limit": 40, "perplexity": 5.0, "seed": 3}),
    "strips": ("ImageNet", {"parameter": "sharpening", "mask": 0.9, "queries": 2, "k": 3, "seed": 3}),
    "mitigation": (
        "ImageNet",
        {"parameter": "sharpening", "mask": 0.9, "protocol": "fast", "k": 3, "seeds": 2, "seed": 3},
    ),
}
"""Task -> a data set, and a value of each of its settings that is not the default."""
NO_CHOICE = {"probe": {"attribute"}, "strips": {"attribute"}, "masking": {"mask"}}


def as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("task", MEASUREMENTS)
def test_every_setting_can_be_set(run: Run, written: Path, tmp_path: Path, task: str) -> None:
    dataset, values = SETTINGS[task]
    chosen = []
    for number, (name, value) in enumerate(values.items()):  # of the task, or of all that have it
        chosen += ["--set", f"{name if number % 2 else f'{task}.{name}'}={as_text(value)}"]
    place = ("--embeddings", written / "e", "--dataset", dataset, "--encoder", "m/v", "--device", "cpu")
    place = (*place, "--labels", written / "flickrexif", "--out", tmp_path / "r.json")
    code, out, err = run("eval", task, *place, *chosen)
    assert code == 0, err
    record = read_result(tmp_path / "r.json")
    identity = {"parameter": record.parameter, "attribute": record.attribute}
    assert {name: {**record.settings, **identity}[name] for name in values} == values
    for name, value in record.metrics.items():
        assert [name, f"{value:.4f}"] in [line.split()[:2] for line in out.splitlines()]


@pytest.mark.parametrize("task", MEASUREMENTS)
def test_no_setting_is_left_out(task: str) -> None:
    kind = MEASUREMENTS[task]
    hints = get_type_hints(kind)
    simple = {field.name: field.default for field in fields(kind) if not is_dataclass(hints[field.name])}
    values = SETTINGS[task][1]
    unset = simple.keys() - values.keys()
    assert unset <= {"parameter", "attribute"} | NO_CHOICE.get(task, set())
    assert not any(simple[name] == value for name, value in values.items())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("knn.kk=1", "no setting 'knn.kk'"),
        ("tsne.k=1", "no setting 'tsne.k'"),
        ("probe.paper=1", "no setting 'probe.paper'"),
        ("knn.k=1.5", "knn.k cannot be '1.5'"),
        ("neighbors.k=", "is no setting"),
        ("neighbors.k=1,x", "neighbors.k cannot be '1,x'"),
        ("neighbors.k=0", "0 neighbours cannot be taken"),
        ("masking.ratios=0,2", "2"),
        ("similarity.queries=0", "Set similarity.queries"),
        ("probe.seeds=0", "must be a draw"),
        ("probe.protocol=slow", "probe.protocol cannot be 'slow'"),
        ("probe.parameter=jpg", "no probe.parameter 'jpg' to measure. There: interpolation, jpeg"),
        ("attribute=Maker", "no attribute 'Maker' to measure. There: Is Smartphone, Make, is_smartphone"),
        ("knn.mask=2", "mask"),
        ("knn.mask=-0.5", "mask"),
        ("knn.mask=nan", "mask"),
        ("retrieval.mask=inf", "mask"),
        ("seed", "is no setting"),
    ],
)
def test_a_setting_that_cannot_be_is_a_sentence(
    run: Run, written: Path, tmp_path: Path, setting: str, said: str
) -> None:
    place = ("--embeddings", written / "e", "--encoder", "m/v", "--device", "cpu")
    place = (*place, "--labels", written / "flickrexif", "--out", tmp_path / "results")
    code, out, err = run("eval", *place, "--set", setting)
    assert (code, out) == (2, ""), err
    assert said in " ".join(err.split())
    assert "Traceback" not in err
    assert not (tmp_path / "results").exists()


# --- test images where there is no validation split

HELD_OUT: dict[str, dict[str, Any]] = {
    task: {"protocol": "fast", "seeds": 2, "parameter": "sharpening"} for task in ("probe", "mitigation")
} | {
    "knn": {"k": 3, "parameter": "sharpening"},
    "similarity": {"parameter": "sharpening"},
    "strips": {"parameter": "sharpening", "queries": 3, "k": 30},
    "masking": {"ratios": MASKS, "k": 3},
}


@pytest.mark.parametrize("split", [None, "train"])
@pytest.mark.parametrize("task", HELD_OUT)
def test_without_a_validation_split_the_drawn_images_are_one(tmp_path: Path, task: str, split: str | None) -> None:
    test = [row for row in range(IMAGES) if is_held_out(str(row))]
    train = [row for row in range(IMAGES) if not is_held_out(str(row))]
    write_images(tmp_path / "drawn/e", {split: [*range(IMAGES)]}, METADATA)
    write_images(tmp_path / "apart/e", {"train": train, "val": test}, METADATA)
    drawn, apart = (
        measured(task, "ImageNet", HELD_OUT[task], tmp_path / name / "e", encoder="m/v") for name in ("drawn", "apart")
    )
    assert (drawn.state, drawn.metrics, drawn.intervals) == ("measured", apart.metrics, apart.intervals)
    details = [{f.name: getattr(r.detail, f.name) for f in fields(r.detail)} for r in (drawn, apart)]
    assert [detail.pop("left_out") for detail in details] == [{"all": 0}, {"train": 0, "val": 0}]
    assert details[0] == details[1]
    assert drawn.settings == {**apart.settings, "test_images": "one in 5, drawn by id"}
    assert drawn.key != apart.key


# --- the layout of the released code


@pytest.mark.parametrize("task", MEASUREMENTS)
def test_files_without_metadata_are_measured_alike(written: Path, tmp_path: Path, task: str) -> None:
    """They have no ids of images either: their rows are numbered, as the images of `written` are."""
    shutil.copytree(written / "flickrexif", tmp_path / "flickrexif")
    write_images(tmp_path / "e", {"train": [*range(50)], "val": [*range(50)]}, METADATA)
    for name in ("FlickrExif", "PairCams"):
        shutil.copytree(written / "e" / name, tmp_path / "e" / name)
    dataset, values = SETTINGS[task]
    told = measured(task, dataset, values, tmp_path / "e", encoder="m/v")
    for path in (tmp_path / "e").rglob("*.safetensors"):
        embeddings = read_embeddings(path)
        columns = {name: column.clone() for name, column in embeddings.columns.items() if name != "image_id"}
        write_embeddings(path, embeddings.image_embeddings.clone(), columns)
    plain = measured(task, dataset, values, tmp_path / "e", encoder="m/v")
    assert plain.state == "measured", plain.reason
    assert (plain.metrics, plain.intervals, plain.settings) == (told.metrics, told.intervals, told.settings)
    assert (told.encoder, told.origin, plain.encoder, plain.origin) == ("own:x", "flickr", "m:v", "")
    if task != "strips":  # which tells the names of classes
        assert plain.detail == told.detail


# --- places of labels


def share(k: int, rows: range) -> float:
    """The share of the k nearest of these photos with the label of a photo."""
    x = features(PHOTOS, 2)[rows]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    similarity = x @ x.T
    np.fill_diagonal(similarity, -2)
    near = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    return float(np.mean(near % 2 == np.arange(len(rows))[:, None] % 2))


SPLIT_FILE = "splits/split_data_target_attribute=Is Smartphone.json"


@pytest.mark.parametrize(
    ("place", "rows", "interval", "files"),
    [
        ("", range(PHOTOS), "photographers", {"train-2024-07.parquet", "train-2024-08.parquet"}),
        ("labels", range(PHOTOS), "photographers", {"train-2024-07.parquet", "train-2024-08.parquet"}),
        ("labels/train-2024-08.parquet", range(20, PHOTOS), "photographers", {"train-2024-08.parquet"}),
        ("splits", TEST, "photos", {Path(SPLIT_FILE).name}),
        (SPLIT_FILE, TEST, "photos", {Path(SPLIT_FILE).name}),
    ],
)
def test_labels_of_cameras_are_read_wherever_they_are(
    run: Run, written: Path, tmp_path: Path, place: str, rows: range, interval: str, files: set[str]
) -> None:
    options = ("--embeddings", written / "e", "--dataset", "FlickrExif", "--encoder", "m/v", "--device", "cpu")
    options = (*options, "--labels", written / "flickrexif" / place, "--out", tmp_path / "r.json")
    code, _, err = run("eval", "neighbors", *options, "--set", "k=4")
    assert code == 0, err
    result = read_result(tmp_path / "r.json")
    assert result.metrics == {"4": pytest.approx(share(4, rows))}
    assert (result.n["photos"], result.interval) == (len(rows), interval)
    assert {name for name in result.fingerprints if not name.startswith("FlickrExif/")} == files


@pytest.mark.parametrize(("place", "attributes"), [
    ("", ["Is Smartphone", "Make"]),
    ("labels", ["Is Smartphone", "Make"]),
    ("splits", ["Is Smartphone", "Make"]),
    ("splits/split_data_target_attribute=Make.json", ["Make"]),
])  # fmt: skip
def test_a_probe_of_every_split_file(
    run: Run, written: Path, tmp_path: Path, place: str, attributes: list[str]
) -> None:
    options = ("--embeddings", written / "e", "--dataset", "FlickrExif", "--encoder", "m/v", "--device", "cpu")
    options = (*options, "--labels", written / "flickrexif" / place, "--out", tmp_path, "--set", "protocol=fast")
    code, _, err = run("eval", "probe", *options)
    assert code == 0, err
    results = [read_result(path) for path in sorted(tmp_path.rglob("*.json"))]
    assert [(r.attribute, r.mask, r.n["test"]) for r in results] == [(a, 0.9, len(TEST)) for a in attributes]


def test_labels_of_another_attribute_are_not_those_of_cameras(written: Path, tmp_path: Path) -> None:
    make = written / "flickrexif/splits/split_data_target_attribute=Make.json"
    for task in ("neighbors", "tsne", "strips"):
        result = measured(task, "FlickrExif", {}, written / "e", make, "m/v", out=tmp_path / "r.json")
        assert result.state == "failed"
        assert "holds labels of Make, not of Is Smartphone" in result.reason


def test_labels_that_are_not_there_are_said(written: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There are no labels .*none"):
        measured("neighbors", "FlickrExif", {}, written / "e", tmp_path / "none", "m/v", out=tmp_path / "r.json")


# --- exit codes


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("knnn",), "no task 'knnn'"),
        (("knn", "--dataset", "Other"), "There are no embeddings of Other"),
        (("knn", "--dataset", "FlickrExif"), "nothing to measure"),
        (("knn", "--embeddings", "nowhere"), "nothing to measure"),
        (("knn", "--out", "one.json"), "is a file for one record, not for 4 measurements"),
        (("knn", "--encoder", "m/w"), "of its embedding files are not here"),
        (("knn", "--encoder", "nobody"), "nobody"),
        (("knn", "--memory", "much"), "--memory much is no size"),
        (("knn", "--device", "tpu"), "no device"),
    ],
)
def test_what_cannot_be_asked_is_two(
    run: Run, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = {"--embeddings": written / "e", "--encoder": "m/v", "--out": tmp_path / "results", "--device": "cpu"}
    options = [word for name, value in usual.items() if name not in words for word in (name, value)]
    code, out, err = run("eval", *words, *options)
    assert (code, out) == (2, ""), err
    assert said in " ".join(err.split())
    assert "Traceback" not in err


def test_a_failed_measurement_is_three_and_the_others_are_made(run: Run, written: Path, tmp_path: Path) -> None:
    shutil.copytree(written / "e", tmp_path / "e")
    EmbeddingKey("ImageNet", "m", "v", "SHARPEN_2", 0.0, "val").path(tmp_path / "e").write_bytes(b"broken")
    options = ("--embeddings", tmp_path / "e", "--encoder", "m/v", "--out", tmp_path / "results", "--device", "cpu")
    options = (*options, "--labels", written / "flickrexif", "--set", "parameter=sharpening")
    code, out, err = run("eval", "knn", "masking", "retrieval", *options)
    assert code == 3, err
    assert "Failed: m:v knn sharpening ImageNet: " in err
    assert "is no whole safetensors file" in err
    assert "Traceback" not in out + err
    (record,) = (read_result(path) for path in (tmp_path / "results").rglob("knn*.json"))
    assert (record.state, set(record.metrics.values())) == ("failed", {None})
    code, out, err = run("eval", "masking", "retrieval", *options[:-2], "--set", "ratios=0,0.9")
    assert code == 0, err
    assert {path.name.split("_")[0] for path in (tmp_path / "results").rglob("*.json")} == {
        "knn",
        "masking",
        "retrieval",
    }
