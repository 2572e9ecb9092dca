"""A measurement that could not be made is told from others of its task, as the ones that were made are."""

from typing import Any

import pytest

from flickrexif.eval.encoders import resolve
from flickrexif.eval.report.entries import group_of
from flickrexif.eval.results import Result
from flickrexif.eval.suite_runs import FAILED, Protocols, no_result
from flickrexif.eval.suite_tasks import Measurement


@pytest.mark.parametrize(
    ("about", "settings"),
    [
        ({"task": "probe", "dataset": "FlickrExif", "attribute": "Make", "mask": 0.9}, {"mask": 0.9}),
        ({"task": "probe", "dataset": "ImageNet", "parameter": "jpeg"}, {"mask": None}),
        ({"task": "knn", "dataset": "ImageNet", "parameter": "jpeg"}, {"k": 10}),
        ({"task": "knn", "dataset": "iNaturalist", "parameter": "jpeg"}, {"k": 1}),
        ({"task": "masking", "dataset": "iNaturalist"}, {"k": 1}),
        ({"task": "similarity", "dataset": "ImageNet", "parameter": "jpeg"}, {}),
    ],
)
@pytest.mark.parametrize("protocol", ["paper", "fast"])
def test_a_failure_stands_beside_the_numbers_of_other_encoders(
    about: dict[str, Any], settings: dict[str, Any], protocol: Any
) -> None:
    measurement, record = Measurement(**about), resolve("control:random")
    failed = no_result(measurement, record, FAILED, "no file", Protocols(probe=protocol))
    expected = settings | ({"protocol": protocol} if about["task"] == "probe" else {})
    fields = {name: value for name, value in about.items() if name != "mask"}
    measured = Result(encoder="other", family="OWN", metrics={}, settings=expected, **fields)
    assert group_of(failed) == group_of(measured)
    assert failed.settings == expected
    assert (failed.detail["reason"], failed.detail["state"]) == ("no file", "failed")
