"""Records of a benchmark in one file: what is wrong is said, a machine's business stays there, and a report shows
the shipped ones beside one's own."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.data.benchmark import BENCHMARKS
from flickrexif.eval.report.identity import group_of
from flickrexif.eval.report.reference import reference_entries
from flickrexif.eval.results import Result, read_json, write_result
from flickrexif.eval.submission import expected_settings, from_text, to_text

REFERENCE = Path(__file__).parents[1] / "eval" / "benchmark" / "reference"
MINI = BENCHMARKS["imagenette-mini"]
SHIPPED = sorted(REFERENCE.glob("*.json"))


def shipped(name: str = "control-dct") -> list[Result]:
    return from_text((REFERENCE / f"{name}.json").read_text(), name)


def mine(**changed: Any) -> list[Result]:
    """The records of an encoder `mine`: those of control:dct under another name."""
    return [replace(result, **{"encoder": "mine", "family": "OWN", **changed}) for result in shipped()]


def write(folder: Path, results: list[Result]) -> Path:
    for result in results:
        folder.mkdir(parents=True, exist_ok=True)
        write_result(folder / f"{result.task}_{result.parameter}.json", result)
    return folder


# --- what ships


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_file_is_the_whole_benchmark_of_one_encoder(path: Path) -> None:
    results = from_text(path.read_text(), path.name)
    assert {(r.task, r.parameter) for r in results} == {
        (task, parameter) for task in MINI.tasks for parameter in ("jpeg", "sharpening", "resizing", "interpolation")
    }
    assert {r.dataset for r in results} == {"imagenette-mini"}
    assert all(r.n["test"] == 300 for r in results)
    text = path.read_text()
    assert "platform" not in text
    assert str(Path.home()) not in text
    assert to_text(MINI, results[0].encoder, results) == text


def test_what_ships_is_small_and_shows_the_finding() -> None:
    assert sum(path.stat().st_size for path in SHIPPED) < 1_000_000
    assert {"control-dct", "control-random"} <= {path.stem for path in SHIPPED}
    probes = {
        name: {r.parameter: r for r in shipped(name) if r.task == "probe"} for name in ("control-dct", "control-random")
    }
    low, _ = probes["control-dct"]["resizing"].intervals["accuracy"]
    assert low > 0.9
    for parameter, result in probes["control-random"].items():
        low, high = result.intervals["accuracy"]
        assert low <= result.metrics["chance"] <= high, parameter  # type: ignore[operator]


def test_the_augmented_network_loses_a_third_of_what_the_plain_loses_at_most() -> None:
    """In resizing: what kNN loses where only wrong classes share the processing, and the probe of the plain one."""
    lost = {}
    for name in ("mini-plain", "mini-augmented"):
        (knn,) = [r for r in shipped(name) if (r.task, r.parameter) == ("knn", "resizing")]
        lost[name] = knn.metrics["all_same"] - knn.metrics["neg_same"]  # type: ignore[operator]
    assert lost["mini-plain"] > 3 * lost["mini-augmented"]
    (probe,) = [r for r in shipped("mini-plain") if (r.task, r.parameter) == ("probe", "resizing")]
    assert probe.intervals["accuracy"][0] > probe.metrics["chance"] + 0.3  # type: ignore[operator]


# --- submit


def test_it_writes_one_file_that_is_read_again(run: Any, tmp_path: Path) -> None:
    results = write(tmp_path / "results" / "mine", mine(seconds=3.0)).parent
    out = tmp_path / "offer.json"
    command = ("submit", "mine", "--results", results, "--out", out)
    code, _, err = run(*command, "--dry-run")
    assert (code, out.exists()) == (0, False), err
    code, shown, err = run(*command)
    assert code == 0, err
    assert shown.strip() == str(out)
    assert "eval/benchmark/reference/" in err
    content = json.loads(out.read_text())
    assert (content["format"], content["benchmark"], content["encoder"]) == (
        "flickrexif benchmark records 1",
        "imagenette-mini",
        "mine",
    )
    assert from_text(out.read_text(), "offer") == mine()


def test_records_of_other_settings_data_and_encoders_are_left_out(tmp_path: Path) -> None:
    others = [replace(r, dataset="imagenette-mini-limit-300") for r in mine()]
    others += [replace(r, settings={**r.settings, "k": 1}) for r in mine() if r.task == "knn"]
    assert to_text(MINI, "mine", [*others, *mine(), *shipped()]) == to_text(MINI, "mine", mine())


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda results: results[1:], "is missing"),
        (lambda results: [replace(results[0], encoder_digest="sha256:other"), *results[1:]], "different weights"),
        (lambda results: [replace(r, encoder_digest="unrevised:1") for r in results], "give a revision"),
        (lambda results: [replace(results[0], encoder_digest=""), *results[1:]], "which weights"),
        (lambda results: [replace(results[0], state="failed", reason="it broke"), *results[1:]], "it broke"),
        (lambda results: [replace(results[0], origin="simulated"), *results[1:]], "other photos"),
        (lambda results: [replace(results[0], versions={}), *results[1:]], "versions of"),
        (
            lambda results: [replace(results[0], fingerprints={"/home/ann/x": "sha256:1"}), *results[1:]],
            "names a folder of a machine",
        ),
        (
            lambda results: [
                replace(results[0], versions={**results[0].versions, "torch": r"C:\Users\ann"}),
                *results[1:],
            ],
            "names a folder of a machine",
        ),
    ],
)
def test_what_is_wrong_is_said_and_nothing_written(run: Any, tmp_path: Path, spoil: Any, problem: str) -> None:
    results = write(tmp_path / "results" / "mine", spoil(mine())).parent
    code, _, err = run("submit", "mine", "--results", results, "--out", tmp_path / "offer.json")
    assert code == 1
    assert problem in err
    assert "--benchmark imagenette-mini" in err
    assert not (tmp_path / "offer.json").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no JSON"),
        ("[]", "is no file of benchmark records"),
        (json.dumps({"format": "other", "records": []}), "is no file of benchmark records"),
    ],
)
def test_another_file_is_refused(text: str, problem: str) -> None:
    with pytest.raises(FlickrExifError, match=problem):
        from_text(text, "x.json")


def test_a_changed_number_of_settings_is_noticed() -> None:
    text = (REFERENCE / "control-dct.json").read_text()
    with pytest.raises(FlickrExifError, match="has other settings"):
        from_text(text.replace('"seeds":10', '"seeds":9', 1), "x.json")


def test_the_settings_are_the_benchmarks() -> None:
    settings = expected_settings(MINI)
    assert all(values["mask"] == 0 for values in settings.values())
    assert {values.get("protocol") for (task, _), values in settings.items() if task != "knn"} == {"fast"}


# --- a report


def test_a_report_shows_shipped_records_beside_those_that_measured_the_same(tmp_path: Path) -> None:
    some = [r for r in mine() if r.parameter == "resizing"]
    entries = reference_entries([(f"mine/{r.task}.json", r) for r in some])
    assert {group_of(result) for _, result in entries} == {group_of(result) for result in some}
    assert len(entries) == len(SHIPPED) * len(some)
    assert all(path.startswith("reference/") for path, _ in entries)
    assert len({path for path, _ in entries}) == len(entries)
    own = reference_entries([(f"dct/{r.task}.json", r) for r in shipped()])
    assert "control:dct" not in {result.encoder for _, result in own}
    limited = [(path, replace(result, dataset="imagenette-mini-limit-300")) for path, result in entries]
    assert reference_entries(limited) == []


def test_the_page_has_them_unless_it_is_asked_not_to(run: Any, tmp_path: Path) -> None:
    results = write(tmp_path / "results" / "mine", mine()).parent
    before = {path: path.read_bytes() for path in results.rglob("*") if path.is_file()}
    for options, there in (((), True), (("--no-reference",), False)):
        code, _, err = run("report", results, "--formats", "", *options)
        assert code == 0, err
        page = (tmp_path / "report" / "index.html").read_text()
        assert ("control:random" in page) == there
        assert ("For reference, records that ship with flickrexif: " in page) == there
        assert "mine" in page
        shutil.rmtree(tmp_path / "report")
    assert {path: read_json(path) for path in before} == {path: read_json(path) for path in results.rglob("*.json")}
