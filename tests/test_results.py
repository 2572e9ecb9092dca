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
from flickrexif.eval.results import (
    COLUMNS,
    Result,
    environment,
    fingerprint,
    from_json,
    read_result,
    read_results,
    results_table,
    to_json,
    write_result,
)

RESULT = Result(
    task="probe",
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
    assert json.loads(path.read_text())["schema_version"] == 2


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
    ({"schema_version": 3}, "its schema_version is 3, not 2"),
    ({"task": ""}, "`task` is not a name"),
    ({"family": 3}, "`family` is not a name or null"),
    ({"metrics": {"accuracy": 81.2}}, "`metrics` is not names with numbers from -1 to 1, or nulls"),
    ({"metrics": {"accuracy": True}}, "`metrics` is not"),
    ({"metrics": [0.5]}, "`metrics` is not"),
    ({"intervals": {"accuracy": [0.9, 0.1]}}, "`intervals` is not names with two numbers, low and high"),
    ({"intervals": {"accuracy": [0.9]}}, "`intervals` is not"),
    ({"versions": {"torch": 2.1}}, "`versions` is not names with versions"),
    ({"origin": None}, "`origin` is not a text"),
    ({"settings": {"seeds": 10}}, "`settings` is not an object with a `mask` from 0 to 1"),
    ({"settings": {"mask": 1.5}}, "`settings` is not"),
    ({"settings": {"mask": None}}, "`settings` is not"),
    ({"seconds": "12"}, "`seconds` is not a number"),
    ({"accuracy": 0.8}, "`accuracy` is unknown"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(FlickrExifError) as error:
        from_json(json.dumps(json.loads(to_json(RESULT)) | change), "a.json")
    assert f"a.json is no result record: {message}" in str(error.value)


def test_all_problems_are_named_together() -> None:
    with pytest.raises(FlickrExifError) as error:
        from_json('{"schema_version": 2, "task": "", "seconds": []}')
    for name in ("task", "encoder", "family", "dataset", "origin", "metrics", "settings", "seconds"):
        assert f"`{name}`" in error.value.message


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
    identity = ["probe", "ImageNet", "flickr", "jpeg", None, 0.0, "paper:clip/ViT-B-16", "CVL"]
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
