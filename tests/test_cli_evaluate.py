"""`encoders`, `embed`, `eval …` and `pairs …` on the command line, with controls, which need no weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from flickrexif.eval.data.embeddings import write_embeddings
from flickrexif.eval.measure import read_result


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ImageFolder of two classes that their colour tells apart."""
    root, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 6)):
        for number in range(count):
            red = number % 2
            folder = root / split / ("red" if red else "blue")
            folder.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 80, (32, 32, 3)) + (np.array([150, 0, 0]) if red else np.array([0, 0, 150]))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return root


def embedded(run: Any, images: Path, out: Path, *options: object) -> tuple[int, str, str]:
    names = ("--dataset", images, "--encoder", "control:colour", "--embeddings", out, "--device", "cpu")
    return run("embed", *names, *options)


def test_encoders_lists_the_papers_47(run: Any) -> None:
    code, out, _ = run("encoders", "--json")
    names = [row["spec"]["name"] for row in json.loads(out)]
    assert code == 0
    assert sum(name.startswith("paper:") for name in names) == 47
    assert {"lite0", "control:dct", "control:colour", "control:random"} <= set(names)
    assert "control:dct" in run("encoders", "--family", "CTL")[1]


def test_embed_then_every_measurement_over_variants(run: Any, images: Path, tmp_path: Path) -> None:
    code, out, _ = embedded(run, images, tmp_path, "--on-the-fly", "sharpening", "--mask", 0, "--mask", 0.9)
    assert code == 0
    assert out.count(": 12 images") == out.count(": 6 images") == 6  # three classes, two masks
    place = ("--embeddings", tmp_path, "--dataset", images.name, "--encoder", "control:colour", "--out")
    sharpening = ("--set", "parameter=sharpening", "--set", "seeds=2")
    assert run("eval", "knn", *place, tmp_path / "knn.json", *sharpening, "--set", "knn.k=1")[0] == 0
    assert read_result(tmp_path / "knn.json").metrics["all_same"] == 1.0
    assert run("eval", "probe", *place, tmp_path / "probe.json", *sharpening, "--set", "protocol=fast")[0] == 0
    assert read_result(tmp_path / "probe.json").metrics["chance"] == pytest.approx(1 / 3)
    others = ("similarity", "mitigation", *place, tmp_path / "others", *sharpening)
    assert run("eval", *others, "--set", "similarity.queries=4", "--set", "k=1", "--set", "protocol=fast")[0] == 0
    assert len(list((tmp_path / "others").rglob("*.json"))) == 2


def test_masking_over_files_of_each_ratio(run: Any, images: Path, tmp_path: Path) -> None:
    assert embedded(run, images, tmp_path, "--mask", 0, "--mask", 1)[0] == 0
    place = ("--embeddings", tmp_path, "--dataset", images.name, "--encoder", "control/colour")
    masking = ("masking", *place, "--set", "masking.ratios=0", "--set", "k=1", "--out", tmp_path / "masking.json")
    assert run("eval", *masking)[0] == 0
    metrics = read_result(tmp_path / "masking.json").metrics
    assert metrics == {"0": 1.0}


def test_pairs_from_simulation_to_retrieval(run: Any, tmp_path: Path) -> None:
    assert run("pairs", "simulate", tmp_path / "pairs", "--pairs", 3)[0] == 0
    code, out, err = run("pairs", "check", tmp_path / "pairs", "--page", tmp_path / "page", "--json")
    assert (code, json.loads(out)["findings"]) == (0, [])
    assert list((tmp_path / "page").glob("*.html"))
    assert "Contact sheet" in err
    assert run("pairs", "build", tmp_path / "pairs", "--out", tmp_path / "paircams")[0] == 0
    assert "exposure mode Auto" in run("pairs", "plan", tmp_path / "pairs")[1]
    names = ("--dataset", "paircams", "--data-dir", tmp_path, "--encoder", "control:colour", "--device", "cpu")
    assert run("embed", *names, "--embeddings", tmp_path / "embeddings")[0] == 0
    place = ("--embeddings", tmp_path / "embeddings", "--encoder", "control/colour", "--out", tmp_path / "records")
    code, out, _ = run("eval", "retrieval", *place)
    assert code == 0
    assert "different_phone" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("embed", "--dataset", ".", "--encoder", "control:color"), "Nearest: control:colour"),
        (("embed", "--dataset", ".", "--encoder", "control:colour", "--device", "tpu"), "There is no device 'tpu'"),
        (("encoders", "--family", "XYZ"), "There is no family"),
        (("eval", "knn", "--dataset", "x", "--encoder", "m/v", "--embeddings", "."), "no embeddings of x"),
        (("eval", "retrieval", "--encoder", "m/v", "--embeddings", "."), "nothing to measure in"),
        (
            ("eval", "neighbors", "--encoder", "m/v", "--embeddings", ".", "--out", "x", "--labels", "no.parquet"),
            "There are no labels no.parquet",
        ),
        (("pairs", "check", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert code in (1, 2)
    assert out == ""
    assert sentence in err
    assert "Traceback" not in err


def test_several_values_of_k(run: Any, tmp_path: Path) -> None:
    labels = tmp_path / "labels.parquet"
    columns = {"is_smartphone": [n % 2 == 0 for n in range(9)], "owner": [f"owner {n}" for n in range(9)]}
    pq.write_table(pa.table({"Flickr ID": range(9)} | columns), labels)
    path = tmp_path / "embeddings" / "FlickrExif" / "model=m_variant=v.safetensors"
    write_embeddings(path, torch.eye(9), {"Flickr ID": torch.arange(9)})
    place = ("eval", "neighbors", "--encoder", "m/v", "--embeddings", tmp_path / "embeddings", "--labels", labels)
    record = ("--out", tmp_path / "record.json")
    code, out, err = run(*place, *record, 3)
    assert (code, out) == (2, "")
    assert "There is no task '3'" in err
    assert not (tmp_path / "record.json").exists()
    code, _, err = run(*place, *record, "--set", "neighbors.k=2,3")
    assert code == 0, err
    assert read_result(tmp_path / "record.json").settings["k"] == [2, 3]


@pytest.mark.parametrize("memory", ["x", "-1G", "0", "G", "4P"])
def test_memory_is_a_size(run: Any, memory: str) -> None:
    arguments = ("eval", "knn", "--encoder", "control:colour")
    code, _, err = run(*arguments, "--memory", memory)
    assert code == 2
    assert "--memory" in err
