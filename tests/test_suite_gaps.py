"""A measurement that could not be made is told from others of its task, as the ones that were made are."""

from pathlib import Path
from typing import Any

import pytest

from flickrexif.commands.measure import MEASUREMENTS
from flickrexif.eval.encoders import resolve
from flickrexif.eval.measure.inputs import EmbeddingFiles
from flickrexif.eval.report.identity import group_of
from flickrexif.eval.results import Result
from flickrexif.eval.suite_runs import FAILED, RUNS, Protocols, no_result, run
from flickrexif.eval.suite_tasks import HEADLINES, MASKS, ON_REQUEST, TASKS, Measurement


def test_every_task_says_how_it_is_run_and_what_is_shown() -> None:
    assert set(RUNS) == set(TASKS) == set(HEADLINES) == set(MEASUREMENTS)
    assert set(ON_REQUEST) < set(TASKS)


def test_a_task_without_a_run_is_no_other_task(tmp_path: Path) -> None:
    files = EmbeddingFiles(root=tmp_path, dataset="PairCams", model="m", variant="v")
    with pytest.raises(KeyError, match="retrieva1"):
        run(Measurement(task="retrieva1", dataset="PairCams"), files, Protocols())


@pytest.mark.parametrize(
    ("about", "settings"),
    [
        ({"task": "probe", "dataset": "FlickrExif", "attribute": "Make", "mask": 0.9}, {"mask": 0.9}),
        ({"task": "probe", "dataset": "ImageNet", "parameter": "jpeg"}, {"mask": None}),
        ({"task": "knn", "dataset": "ImageNet", "parameter": "jpeg"}, {"k": 10}),
        ({"task": "knn", "dataset": "iNaturalist", "parameter": "jpeg"}, {"k": 1}),
        ({"task": "mitigation", "dataset": "iNaturalist", "parameter": "jpeg"}, {"k": 1}),
        ({"task": "masking", "dataset": "iNaturalist"}, {"k": 1}),
        ({"task": "similarity", "dataset": "ImageNet", "parameter": "jpeg"}, {}),
    ],
)
@pytest.mark.parametrize("protocol", ["paper", "fast"])
def test_a_failure_stands_beside_the_numbers_of_other_encoders(
    about: dict[str, Any], settings: dict[str, Any], protocol: Any
) -> None:
    measurement, record = Measurement(**about), resolve("control:random")
    failed = no_result(measurement, record, "simulated", FAILED, "no file", Protocols(probe=protocol))
    expected = settings | ({"protocol": protocol} if about["task"] in ("probe", "mitigation") else {})
    expected = expected | ({"ratios": list(MASKS)} if about["task"] == "masking" else {"mask": about.get("mask") or 0})
    fields = {name: value for name, value in about.items() if name != "mask"}
    measured = Result(encoder="other", family="OWN", origin="simulated", metrics={}, settings=expected, **fields)
    assert group_of(failed) == group_of(measured)
    assert failed.settings == expected
    assert (failed.detail["reason"], failed.detail["state"]) == ("no file", "failed")
