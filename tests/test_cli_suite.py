"""`eval`: the plan, the records of embeddings as they are, the summary and the exit codes."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.suite_data import MADE, records, snapshot, write_data

ROOT = Path(__file__).parents[1]
ENTRY = "import sys; sys.argv[0] = 'flickrexif'; from flickrexif.__main__ import main; main()"
FAST = ("--set", "protocol=fast", "--set", "seeds=2", "--device", "cpu")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("suite"))


@pytest.fixture
def data(untouched: Path, tmp_path: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(untouched, tmp_path / "data"))


def test_embeddings_as_they_are_give_the_records_that_their_images_give(run: Any, data: Path, tmp_path: Path) -> None:
    code, out, err = run("eval", "all", "--encoder", "control:colour", "--data-dir", data, *FAST)
    assert (code, err.count("Failed")) == (0, 0)
    place = ("--encoder", "control/colour", "--embeddings", data / "embeddings", "--labels", data / "flickrexif")
    assert run("eval", *place, *FAST, "--out", tmp_path / "alone" / "results")[0] == 0
    ours, expected = records(data), records(tmp_path / "alone")
    measured = {name for name, record in ours.items() if record["state"] == "measured"}
    assert len(measured) == 19
    for name in measured:
        assert expected[name] == ours[name]
    single = tmp_path / "one.json"
    chosen = ("--set", "seeds=2", "--set", "parameter=jpeg", "--device", "cpu")
    knn = ("knn", *place, *chosen, "--dataset", "ImageNet", "--out", single)
    code, shown, _ = run("eval", *knn)
    assert code == 0
    record = json.loads(single.read_text())
    assert record["metrics"] == ours["control-colour/knn_ImageNet_jpeg.json"]["metrics"]
    assert f"{record['metrics']['all_same']:.4f}" in shown
    probe = ours["control-colour/probe_ImageNet_jpeg_protocol=fast.json"]
    assert f"{probe['metrics']['accuracy']:.3f}" in out
    assert "Of fewer than 100 images, too few to compare encoders by:" in err
    assert f"probe of ImageNet ({probe['n']['test']})" in err
    assert "0.167" in out  # the chance of six classes


def test_heads_are_kept_beside_their_records(run: Any, data: Path) -> None:
    command = ("eval", "probe", "--encoder", "control:colour", "--data-dir", data, "--dataset", "FlickrExif", *FAST)
    assert run(*command)[0] == 0
    folder = data / "results" / "control-colour"
    assert not list(folder.glob("*.safetensors"))
    assert run(*command, "--heads")[0] == 0
    with safe_open(folder / "probe_FlickrExif_Make_protocol=fast_mask=0.9.safetensors", "np") as file:
        assert file.get_tensor("weight").shape == (1, 2, 6)
        assert json.loads(file.metadata()["classes"]) == ["Apple", "Canon"]


def test_a_second_run_changes_nothing_and_shows_the_same(run: Any, data: Path) -> None:
    command = ("eval", "all", "--encoder", "control:colour", "--data-dir", data, *FAST)
    code, out, _ = run(*command)
    before = snapshot(data)
    again = run(*command)
    assert (code, again[0]) == (0, 0)
    assert again[1] == out
    assert snapshot(data) == before
    assert "19 done, 0 to do" in again[2]


def test_the_plan_is_printed_and_nothing_touched(run: Any, data: Path, tmp_path: Path) -> None:
    broken = tmp_path / "weights.pth"
    broken.write_bytes(b"no weights")  # would be told if they were loaded
    before = snapshot(data)
    names = ("--encoder", "control:colour", "--encoder", f"timm:resnet18.a1_in1k@{broken}")
    code, out, err = run("eval", "all", *names, "--data-dir", data, "--dry-run")
    assert (code, err) == (0, "")
    assert snapshot(data) == before
    assert "38 to do, 58 not possible" in out
    assert "its images have no class labels" in out


def test_mitigation_is_made_alone_when_it_is_named(run: Any, data: Path) -> None:
    command = ("eval", "mitigation", "--encoder", "control:colour", "--data-dir", data, *FAST)
    code, out, _ = run(*command)
    assert code == 0
    made = records(data)
    assert {record["task"] for record in made.values()} == {"mitigation"}
    assert sum(record["state"] == "measured" for record in made.values()) == 2
    unlabelled = made[f"control-colour/mitigation_{MADE}_jpeg_protocol=fast.json"]
    assert unlabelled["reason"] == "its images have no class labels"
    value = made["control-colour/mitigation_ImageNet_jpeg_protocol=fast.json"]["metrics"]["leace.all_same"]
    assert f"{value:.3f}" in out
    before = snapshot(data)
    again = run(*command)
    assert (again[0], again[1]) == (0, out)
    assert snapshot(data) == before


def test_an_encoder_that_cannot_be_loaded_is_a_reason_and_others_are_measured(
    run: Any, data: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "weights.pth"
    broken.write_bytes(b"no weights")
    names = ("--encoder", f"timm:resnet18.a1_in1k@{broken}", "--encoder", "control:colour")
    code, out, err = run("eval", "retrieval", *names, "--data-dir", data, "--device", "cpu")
    assert code == 3
    assert "failed" in out
    assert "Failed: timm:resnet18" in err
    assert "Traceback" not in err
    record_of = {record["encoder"]: record for record in records(data).values()}
    assert record_of["control:colour"]["metrics"]["same"] is not None
    bad = next(record for name, record in record_of.items() if name.startswith("timm:"))
    assert bad["state"] == "failed"
    assert set(bad["metrics"].values()) == {None}


def test_images_that_are_broken_end_in_3(run: Any, data: Path) -> None:
    for path in (data / "paircams" / "data").iterdir():
        path.write_bytes(b"PAR1")
    code, _, err = run("eval", "retrieval", "--encoder", "control:colour", "--data-dir", data)
    assert code == 3
    assert "cannot be read" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--encoder", "control:color"), "Nearest: control:colour"),
        (("probes", "--encoder", "control:colour"), "There is no task 'probes'"),
        (("neighbors", "3", "--encoder", "control:colour"), "There is no task '3'"),
        (("--encoder", "control:colour", "--dataset", "pyproject.toml"), "There is no folder pyproject.toml"),
        (("--encoder", "control:colour", "--set", "knn.k"), "'knn.k' is no setting"),
        (("--encoder", "control:colour", "--set", "knn.k=ten"), "knn.k cannot be 'ten'"),
        (("--encoder", "control:colour", "--set", "knn.l=1"), "There is no setting 'knn.l'"),
        (("knn", "--encoder", "control:colour", "--out", "x.json"), "is a file for one record"),
        (("knn",), "No encoder was named"),
        (("--encoder", "m/v", "--embeddings", "nowhere"), "There is nothing to measure"),
        (("--encoder", "m/v", "--embeddings", "nowhere", "--dataset", "X"), "There are no embeddings of X in nowhere"),
        (("--encoder", "control:colour", "--device", "tpu"), "no device"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Any, untouched: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(ROOT)
    code, out, err = run("eval", *arguments, "--data-dir", untouched)
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
    assert len([1 for r in records(data).values() if r["state"] == "measured"]) == 57


def test_the_summary_is_data_on_stdout(run: Any, data: Path) -> None:
    code, out, _ = run("eval", "probe", "--encoder", "@ctl", "--data-dir", data, *FAST)
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.split()[:1] == ["control:random"]]
    values = {
        f"{record['metrics']['accuracy']:.3f}" for n, record in records(data).items() if n.startswith("control-random")
    }
    assert {cell for row in rows for cell in row[1:]} == values
    assert json.dumps(str(data / "results"))[1:-1] in out
