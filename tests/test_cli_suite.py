"""`eval all`: the plan, the records that the single commands write, the summary and the exit codes."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.suite_data import MADE, records, snapshot, write_data

ROOT = Path(__file__).parents[1]
ENTRY = "import sys; sys.argv[0] = 'flickrexif'; from flickrexif.cli import main; main()"
FAST = ("--protocol", "fast", "--seeds", 2, "--device", "cpu")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("suite"))


@pytest.fixture
def data(untouched: Path, tmp_path: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(untouched, tmp_path / "data"))


def test_every_record_is_the_one_that_the_single_command_writes(run: Any, data: Path, tmp_path: Path) -> None:
    code, out, err = run("eval", "all", "--encoder", "control:colour", "--data-dir", data, *FAST)
    assert (code, err.count("Failed")) == (0, 0)
    place = ("--model", "control", "--variant", "colour", "--embeddings", data / "embeddings")
    imagenet = ("--dataset", "ImageNet")
    fast = ("--protocol", "fast", "--seeds", 2)
    ratios = [word for ratio in (0, 0.25, 0.5, 0.75, 0.9, 0.95) for word in ("--ratio", ratio)]
    single: dict[str, tuple[object, ...]] = {"masking_ImageNet": ("masking", *imagenet, *ratios)}
    for parameter in ("jpeg", "sharpening"):
        for task, options in (("knn", ("--seeds", 2)), ("probe", fast), ("similarity", ())):
            name = f"{task}_ImageNet_{parameter}"
            single[name] = (task, *imagenet, "--parameter", parameter, *options)
        single[f"strips_ImageNet_{parameter}"] = ("strips", *imagenet, "--parameter", parameter)
    splits = ("--dataset", "FlickrExif", "--splits", data / "flickrexif" / "splits", "--mask", 0.9)
    for attribute in ("Make", "Is Smartphone"):
        name = f"probe_FlickrExif_{attribute.replace(' ', '-')}_mask=0.9"
        single[name] = ("probe", *splits, "--attribute", attribute, *fast)
    for task in ("neighbors", "tsne", "strips"):
        single[f"{task}_FlickrExif"] = (task, "--dataset", "FlickrExif", "--labels", data / "flickrexif" / "labels")
    single["retrieval_PairCams"] = ("retrieval",)
    for name, arguments in single.items():
        path = tmp_path / "single" / "results" / "control-colour" / f"{name}.json"
        device = () if arguments[0] in ("tsne", "strips") else ("--device", "cpu")
        assert run("eval", *arguments, *place, *device, "--out", path)[0] == 0, name
    ours, expected = records(data), records(tmp_path / "single")
    assert len(expected) == 15
    assert {name: ours[name] for name in expected} == expected
    shown = expected["control-colour/probe_ImageNet_jpeg.json"]["metrics"]["accuracy"]
    assert f"{shown:.3f}" in out
    assert "0.167" in out  # the chance of six classes
    assert set(ours) - set(expected) == {
        f"control-colour/{task}_{MADE}_jpeg.json" for task in ("probe", "knn", "similarity", "strips")
    }


def test_a_second_run_changes_nothing_and_shows_the_same(run: Any, data: Path) -> None:
    command = ("eval", "all", "--encoder", "control:colour", "--data-dir", data, *FAST)
    code, out, _ = run(*command)
    before = snapshot(data)
    again = run(*command)
    assert (code, again[0]) == (0, 0)
    assert again[1] == out
    assert snapshot(data) == before
    assert "17 done, 0 to do" in again[2]


def test_the_plan_is_printed_and_nothing_touched(run: Any, data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "weights.pth"
    broken.write_bytes(b"no weights")  # would be told if they were loaded
    before = snapshot(data)
    names = ("--encoder", "control:colour", "--encoder", f"timm:resnet18@{broken}")
    code, out, err = run("eval", "all", *names, "--data-dir", data, "--dry-run")
    assert (code, err) == (0, "")
    assert snapshot(data) == before
    assert "34 to do, 46 not possible" in out
    assert "its images have no class labels" in out
    assert "Left out: mitigation, as each takes as long as four probes and four kNN. Name it with --tasks" in out


def test_mitigation_is_made_when_it_is_named(run: Any, data: Path, tmp_path: Path) -> None:
    code, out, _ = run("eval", "all", "--encoder", "control:colour", "--data-dir", data, "--tasks", "mitigation", *FAST)
    assert code == 0
    place = ("--model", "control", "--variant", "colour", "--embeddings", data / "embeddings", "--dataset", "ImageNet")
    for parameter in ("jpeg", "sharpening"):
        path = tmp_path / "single" / "results" / "control-colour" / f"mitigation_ImageNet_{parameter}.json"
        assert run("eval", "mitigation", *place, "--parameter", parameter, "--seeds", 2, "--out", path)[0] == 0
    made, expected = records(data), records(tmp_path / "single")
    assert {name: record for name, record in made.items() if "state" not in record["detail"]} == expected
    unlabelled = made[f"control-colour/mitigation_{MADE}_jpeg.json"]
    assert unlabelled["detail"]["reason"] == "its images have no class labels"
    value = expected["control-colour/mitigation_ImageNet_jpeg.json"]["metrics"]["leace.all_same"]
    assert f"{value:.3f}" in out
    before = snapshot(data)
    again = run("eval", "all", "--encoder", "control:colour", "--data-dir", data, "--tasks", "mitigation", *FAST)
    assert (again[0], again[1]) == (0, out)
    assert snapshot(data) == before


def test_an_encoder_that_cannot_be_loaded_is_a_reason_and_others_are_measured(
    run: Any, data: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "weights.pth"
    broken.write_bytes(b"no weights")
    names = ("--encoder", f"timm:resnet18@{broken}", "--encoder", "control:colour")
    code, out, err = run("eval", "all", *names, "--data-dir", data, "--tasks", "retrieval", *FAST)
    assert code == 3
    assert "failed" in out
    assert "Failed: timm:resnet18" in err
    assert "Traceback" not in err
    record_of = {record["encoder"]: record for record in records(data).values()}
    assert record_of["control:colour"]["metrics"]["same"] is not None
    bad = next(record for name, record in record_of.items() if name.startswith("timm:"))
    assert bad["detail"]["state"] == "failed"
    assert set(bad["metrics"].values()) == {None}


def test_images_that_are_broken_end_in_3(run: Any, data: Path) -> None:
    for path in (data / "paircams" / "data").iterdir():
        path.write_bytes(b"PAR1")
    code, _, err = run("eval", "all", "--encoder", "control:colour", "--data-dir", data, "--tasks", "retrieval")
    assert code == 3
    assert "cannot be read" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--encoder", "control:color"), "Nearest: control:colour"),
        (("--encoder", "control:colour", "--tasks", "probes"), "There is no task 'probes'"),
        (("--encoder", "control:colour", "--images", "pyproject.toml"), "There is no folder pyproject.toml"),
        (("--encoder", "control:colour", "--device", "tpu"), "no device"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Any, untouched: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(ROOT)
    code, out, err = run("eval", "all", *arguments, "--data-dir", untouched)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err


def test_an_interruption_is_told_and_the_same_command_goes_on(data: Path, run: Any) -> None:
    command = ["eval", "all", "--encoder", "@ctl", "--data-dir", str(data), *map(str, FAST)]
    with subprocess.Popen(
        [sys.executable, "-c", ENTRY, *command], cwd=ROOT, stderr=subprocess.PIPE, bufsize=0
    ) as started:
        assert started.stderr is not None
        while b"embedding" not in started.stderr.readline():
            assert started.poll() is None
        started.send_signal(signal.SIGINT)
        err = started.stderr.read()
    assert started.returncode == 130
    assert b"what was done is saved" in err
    assert run(*command)[0] == 0
    assert len([1 for r in records(data).values() if "state" not in r["detail"]]) == 51


def test_the_summary_is_data_on_stdout(run: Any, data: Path) -> None:
    code, out, _ = run("eval", "all", "--encoder", "@ctl", "--data-dir", data, "--tasks", "probe", *FAST)
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.split()[:1] == ["control:random"]]
    values = {
        f"{record['metrics']['accuracy']:.3f}" for n, record in records(data).items() if n.startswith("control-random")
    }
    assert {cell for row in rows for cell in row[1:]} == values
    assert json.dumps(str(data / "results"))[1:-1] in out
