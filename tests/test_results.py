"""Result records: whole round trips, every problem of a bad file named, tables in a fixed order."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.measure import read_result, read_results
from flickrexif.eval.measure.mitigation import Left, MitigationDetail
from flickrexif.eval.results import (
    COLUMNS,
    SCHEMA_VERSION,
    Result,
    environment,
    fingerprint,
    from_json,
    results_table,
    to_json,
    write_result,
)

RESULT = Result(
    task="own",  # no measurement of ours, so that any detail is one
    encoder="paper:clip/ViT-B-16",
    family="CVL",
    dataset="ImageNet",
    origin="flickr",
    parameter="jpeg",
    metrics={"accuracy": 0.8125, "chance": 1 / 6, "accuracy_std": None},
    intervals={"accuracy": (0.8, 0.825)},
    detail={"best": {"lr": 3.5}, "confusion": [[1, 2], [3, 4]]},
    settings={"seeds": 10, "mask": 0.0},
    versions={"python": "3.11.7"},
    fingerprints={"ImageNet/a.safetensors": "sha256:00"},
    seconds=12.5,
)


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    outcome, path = write_result(tmp_path / "deep" / "probe.json", RESULT)
    assert outcome == "written"
    assert read_result(path) == RESULT
    assert write_result(path, RESULT)[0] == "unchanged"
    assert json.loads(path.read_text())["schema_version"] == SCHEMA_VERSION


names = st.text(min_size=1, max_size=10)


@given(
    metrics=st.dictionaries(names, st.none() | st.floats(-1, 1)),
    detail=st.dictionaries(names, st.lists(st.integers() | st.text() | st.none())),
    seconds=st.floats(0, 1e9),
)
def test_any_record_survives_json(metrics: Any, detail: Any, seconds: float) -> None:
    result = replace(RESULT, metrics=metrics, detail=detail, intervals={}, seconds=seconds)
    assert from_json(to_json(result)) == result


def test_arrays_become_lists_and_what_is_no_number_null() -> None:
    metrics = {"accuracy": np.float32(0.5), "other": math.nan}
    result = replace(RESULT, metrics=metrics, detail={"x": np.arange(2), 3: (math.inf, 1)})  # type: ignore[dict-item]
    record = json.loads(to_json(result))
    assert record["metrics"] == {"accuracy": 0.5, "other": None}
    assert record["detail"] == {"x": [0, 1], "3": [None, 1]}


BROKEN = [
    ({"task": ""}, "task"),
    ({"family": 3}, "family"),
    ({"metrics": {"accuracy": 81.2}}, "metrics.accuracy"),
    ({"metrics": {"accuracy": True}}, "metrics.accuracy"),
    ({"metrics": {"accuracy": "0.5"}}, "metrics.accuracy"),
    ({"metrics": [0.5]}, "metrics"),
    ({"intervals": {"accuracy": [0.9, 0.1]}}, "intervals.accuracy"),
    ({"intervals": {"accuracy": [0.9]}}, "intervals.accuracy.1"),
    ({"versions": {"torch": 2.1}}, "versions.torch"),
    ({"origin": None}, "origin"),
    ({"state": "half"}, "state"),
    ({"reason": None}, "reason"),
    ({"settings": {"seeds": 10}}, "settings"),
    ({"settings": {"mask": 1.5}}, "settings"),
    ({"settings": {"mask": None}}, "settings"),
    ({"settings": {"mask": True}}, "settings"),
    ({"seconds": "12"}, "seconds"),
    ({"accuracy": 0.8}, "accuracy"),
]


@pytest.mark.parametrize(("change", "field"), BROKEN)
def test_what_is_wrong_is_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(FlickrExifError) as error:
        from_json(json.dumps(json.loads(to_json(RESULT)) | change), "a.json")
    assert error.value.message.startswith(f"a.json is no result record: `{field}`: ")
    assert ";" not in error.value.message  # and nothing else


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, None, "3", [3]])
def test_a_record_of_another_version_says_which(version: Any) -> None:
    with pytest.raises(FlickrExifError) as error:
        from_json(json.dumps(json.loads(to_json(RESULT)) | {"schema_version": version}))
    assert f"its schema_version is {version}, not {SCHEMA_VERSION}" in error.value.message


def test_all_problems_are_named_together() -> None:
    with pytest.raises(FlickrExifError) as error:
        from_json(f'{{"schema_version": {SCHEMA_VERSION}, "task": "", "seconds": []}}')
    for name in ("task", "encoder", "family", "dataset", "origin", "metrics", "settings", "seconds"):
        assert f"`{name}`" in error.value.message


# --- the detail of a measurement

LEFT = Left(best={"C": 0.5}, recall={"IDENTITY": 1.0, "SHARPEN_2": None})
DETAIL = MitigationDetail(none=LEFT, centring=LEFT, leace=LEFT, averaging=LEFT, left_out={"train": 0, "val": 1})
MITIGATION = replace(RESULT, task="mitigation", detail=DETAIL)


def test_a_detail_comes_back_as_that_of_its_measurement(tmp_path: Path) -> None:
    write_result(tmp_path / "x.json", MITIGATION)
    assert read_result(tmp_path / "x.json") == MITIGATION


def test_every_problem_of_a_detail_is_named(tmp_path: Path) -> None:
    record = json.loads(to_json(MITIGATION))
    record["detail"]["leace"]["best"] = {"C": "0.5"}
    del record["detail"]["averaging"]["recall"], record["detail"]["left_out"]
    (tmp_path / "x.json").write_text(json.dumps(record))
    with pytest.raises(FlickrExifError, match=r"x\.json has no usable detail") as error:
        read_result(tmp_path / "x.json")
    for field in ("leace.best.C", "averaging.recall", "left_out"):
        assert f"`{field}`" in error.value.message


@pytest.mark.parametrize("state", ["failed", "not possible"])
def test_what_was_not_measured_has_no_detail(state: Any, tmp_path: Path) -> None:
    write_result(tmp_path / "x.json", replace(MITIGATION, state=state, reason="no disk", detail=None))
    assert read_result(tmp_path / "x.json").detail is None


# --- the key

CHANGES: dict[str, Any] = {
    "task": "knn", "dataset": "x", "origin": "", "parameter": "x", "attribute": "Make", "encoder": "x",
    "encoder_digest": "x", "settings": {"mask": 0.9}, "fingerprints": {"x": "sha256:01"},
}  # fmt: skip
BESIDE: dict[str, Any] = {
    "metrics": {}, "intervals": {}, "detail": None, "versions": {}, "seconds": 1.0, "family": None, "state": "failed",
}  # fmt: skip


def test_the_key_is_of_what_was_measured_and_of_nothing_else(tmp_path: Path) -> None:
    keys = {name: replace(RESULT, **{name: value}).key for name, value in CHANGES.items()}
    assert len({RESULT.key, *keys.values()}) == len(CHANGES) + 1
    assert {replace(RESULT, **{name: value}).key for name, value in BESIDE.items()} == {RESULT.key}
    backwards = {name: RESULT.settings[name] for name in reversed([*RESULT.settings])}
    assert replace(RESULT, settings=backwards).key == RESULT.key
    write_result(tmp_path / "x.json", RESULT)
    assert read_result(tmp_path / "x.json").key == RESULT.key


# --- files


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"schema_version": NaN}', '"probe"'])
def test_what_is_no_record_is_no_traceback(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(FlickrExifError, match=r"x\.json is no"):
        read_result(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_what_cannot_be_read_is_no_traceback(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(FlickrExifError, match="cannot be read"):
        read_result(tmp_path / "x.json")


def test_a_folder_is_read_in_order(tmp_path: Path) -> None:
    for name in ("b/2.json", "a.json", "b/1.json"):
        write_result(tmp_path / name, replace(RESULT, dataset=name))
    assert [result.dataset for result in read_results(tmp_path)] == ["a.json", "b/1.json", "b/2.json"]


def test_a_table_has_one_row_a_metric() -> None:
    table = results_table([RESULT, replace(RESULT, encoder="other", metrics={"accuracy": None}, intervals={})])
    assert tuple(table.columns) == COLUMNS
    rows = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    identity = ["own", "ImageNet", "flickr", "jpeg", None, 0.0, "paper:clip/ViT-B-16", "CVL"]
    assert rows[0] == [*identity, "accuracy", 0.8125, 0.8, 0.825]
    assert rows[1] == [*identity, "chance", 1 / 6, None, None]
    assert (len(rows), rows[3][6:]) == (4, ["other", "CVL", "accuracy", None, None, None])
    assert table.groupby("encoder")["value"].count().to_dict() == {"paper:clip/ViT-B-16": 2, "other": 0}


def test_a_fingerprint_is_the_hash_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1000)
    assert fingerprint(path) == f"sha256:{hashlib.sha256(b'abc' * 1000).hexdigest()}"
    with pytest.raises(FlickrExifError, match="cannot be read"):
        fingerprint(tmp_path / "y")


def test_the_environment_names_what_numbers_depend_on() -> None:
    assert {"python", "platform", "torch", "numpy"} <= environment().keys()
    assert environment()["numpy"] == np.__version__
