"""What a report calls data sets, and where it shows the paper's numbers: never ImageNet unless it is."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import flickrexif
from flickrexif.eval.measure import read_result
from flickrexif.eval.report.build import write_report
from flickrexif.eval.report.datasets import is_whole
from flickrexif.eval.report.published import published
from flickrexif.eval.report.select import read_records
from flickrexif.eval.results import Result, write_result
from tests.measured import SHARPENING
from tests.report_records import records
from tests.samples import DATA
from tests.suite_data import write_classes

BY_PATH = {path.partition("/")[2]: result for path, result in records(1, points=20)}
PROBE, NEIGHBORS, RETRIEVAL = (BY_PATH[name] for name in ("probe-ImageNet-jpeg.json", "neighbors.json",
                                                          "retrieval.json"))  # fmt: skip


def of(result: Result, **n: int) -> Result:
    return replace(result, n={**result.n, **n})


@pytest.mark.parametrize(
    ("result", "whole"),
    [
        (PROBE, True),
        (of(PROBE, classes=1_000), True),
        (of(PROBE, classes=10), False),
        (of(PROBE, test=49_999), False),
        (of(PROBE, train=9_469, validation=0), False),
        (replace(of(PROBE, test=49_998), detail=replace(PROBE.detail, left_out={"val": 2})), True),
        (replace(PROBE, n={}), False),
        (replace(PROBE, dataset="imagenette"), False),
    ],
)
def test_imagenet_is_known_by_its_counts(result: Result, whole: bool) -> None:
    assert is_whole(result) is whole


def test_the_papers_numbers_are_shown_beside_its_own_data_parameter_and_protocol_alone() -> None:
    assert published(PROBE, "accuracy") == [("CVL encoders over", 0.8)]
    for other in (
        of(PROBE, test=300),
        replace(PROBE, dataset="imagenette"),
        replace(PROBE, parameter="interpolation"),
        replace(PROBE, settings={**PROBE.settings, "protocol": "fast"}),
        replace(PROBE, settings={**PROBE.settings, "mask": 0.9}),
        replace(PROBE, origin="sandbox:simulated"),
    ):
        assert published(other, "accuracy") == [], other
    assert len(published(NEIGHBORS, "10")) == 6
    assert published(replace(NEIGHBORS, n={"photos": 70}), "10") == []
    gone = replace(NEIGHBORS, n={"photos": 970}, detail=replace(NEIGHBORS.detail, left_out={"no_embedding": 30}))
    assert len(published(gone, "10")) == 6
    assert len(published(RETRIEVAL, "same")) == 1
    assert published(replace(RETRIEVAL, n={"pairs": 18}), "same") == []


def write(folder: Path, **results: Result) -> Path:
    for name, result in results.items():
        write_result(folder / f"{name}.json", result)
    return folder


@pytest.mark.parametrize(
    ("results", "name"),
    [
        ({"a": PROBE}, "ImageNet"),
        ({"a": PROBE, "failed": replace(PROBE, encoder="b", n={}, state="failed", reason="memory")}, "ImageNet"),
        ({"a": PROBE, "b": of(PROBE, test=300)}, "imagenet-traces"),
        ({"a": replace(PROBE, n={}, state="failed", reason="memory", metrics={"accuracy": None})}, "imagenet-traces"),
        ({"a": replace(of(PROBE, test=300), dataset="imagenette")}, "imagenette"),
    ],
)
def test_data_are_called_imagenet_only_if_they_are(tmp_path: Path, results: dict[str, Result], name: str) -> None:
    assert {result.dataset for _, result in read_records(write(tmp_path, **results)).entries} == {name}


def test_a_page_of_a_few_classes_never_says_imagenet(tmp_path: Path) -> None:
    few = {path.removesuffix(".json"): of(result, train=400, test=250, classes=10) for path, result in BY_PATH.items()
           if result.dataset == "ImageNet" and result.task in ("probe", "knn", "similarity")}  # fmt: skip
    write_report(write(tmp_path / "results", **few), tmp_path / "report", formats=())
    page = (tmp_path / "report/index.html").read_text("utf-8")
    texts = re.findall(r"<(?:bdi|h3|caption|li)[^>]*>([^<]*)<", page)
    assert any("imagenet-traces" in text for text in texts)
    assert [text for text in texts if "ImageNet" in text] == []
    rows = csv.DictReader((tmp_path / "report/tables/numbers.csv").read_text("utf-8").splitlines())
    assert {row["dataset"] for row in rows} == {"imagenet-traces"}


def test_records_of_before_tell_imagenet_by_their_images(tmp_path: Path) -> None:
    """Version 3 did not count the classes."""
    old: dict[str, Any] = json.loads((DATA / "records/3/probe.json").read_text())
    old["detail"]["images"] = {"train": 1_024_934, "validation": 256_233, "test": 50_000}
    (tmp_path / "probe.json").write_text(json.dumps(old))
    assert is_whole(read_result(tmp_path / "probe.json"))


def test_no_home_folder_is_in_a_record_or_on_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home" / "jo"
    monkeypatch.setenv("HOME", str(home))
    weights = home / "w.pt"
    weights.parent.mkdir(parents=True)
    weights.write_text("no weights")
    images = write_classes(home / "photos", train=4, val=2)
    for name in ("results", "before"):
        places = {"dataset": str(images), "data_dir": home / "data", "out": home / name, "device": "cpu"}
        done = flickrexif.evaluate(f"timm:test_vit.r160_in1k@{weights}", "knn", settings=SHARPENING, **places)
        assert {result.state for result in done.results} == {"failed"}
    (home / "before/broken.json").write_text("{")
    write_report(home / "results", home / "report", baseline=home / "before", formats=())
    texts = [path for folder in ("results", "report") for path in (home / folder).rglob("*") if path.suffix != ".log"]
    for path in texts:
        assert "jo" not in path.relative_to(home).as_posix()
        if path.is_file():
            assert "home/jo" not in path.read_text("utf-8")
    assert "broken.json" in (home / "report/index.html").read_text("utf-8")
