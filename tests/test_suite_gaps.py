"""A measurement that could not be made is told from others of its task, as the ones that were made are."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.encoders import resolve
from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.measure.base import Subject, no_result
from flickrexif.eval.report.identity import group_of
from flickrexif.eval.results import Result


@pytest.mark.parametrize(
    ("task", "dataset", "about", "expected"),
    [
        ("probe", "FlickrExif", {"attribute": "Make", "mask": 0.9}, {"mask": 0.9}),
        ("probe", "ImageNet", {"parameter": "jpeg"}, {"mask": 0.0}),
        ("probe", "ImageNet", {"parameter": "jpeg", "protocol": "fast"}, {"mask": 0.0, "protocol": "fast"}),
        ("knn", "ImageNet", {"parameter": "jpeg"}, {"k": 10, "mask": 0.0}),
        ("knn", "iNaturalist", {"parameter": "jpeg", "k": 1}, {"k": 1, "mask": 0.0}),
        ("mitigation", "iNaturalist", {"parameter": "jpeg", "k": 1}, {"k": 1, "mask": 0.0}),
        ("masking", "iNaturalist", {"k": 1}, {"k": 1, "ratios": [0.0, 0.25, 0.5, 0.75, 0.9, 0.95]}),
        ("similarity", "ImageNet", {"parameter": "jpeg"}, {"mask": 0.0}),
    ],
)
def test_a_failure_stands_beside_the_numbers_of_other_encoders(
    task: str, dataset: str, about: dict[str, Any], expected: dict[str, Any]
) -> None:
    measurement, spec = MEASUREMENTS[task](**about), resolve("control:random")
    data = DataSet(name=dataset, origin="simulated")
    subject = Subject(data=data, root=Path(), model="control", variant="random", spec=spec)
    failed = no_result(measurement, subject, "failed", "no file")
    assert expected.items() <= failed.settings.items()
    fields = {name: about.get(name) for name in ("parameter", "attribute")}
    measured = Result(
        task=task, dataset=dataset, encoder="other", family="OWN", origin="simulated", metrics={}, settings=expected,
        **fields,
    )  # fmt: skip
    assert group_of(failed) == group_of(measured)
    assert (failed.reason, failed.state, failed.detail) == ("no file", "failed", None)
    assert replace(failed, encoder="x").key != failed.key


@pytest.mark.parametrize("name", ["iNaturalist", "ImageNet"])
def test_the_nearest_neighbour_alone_votes_on_inaturalist(name: str) -> None:
    data = DataSet(name=name, processed=True)
    for task in ("knn", "masking", "mitigation"):
        assert {measurement.k for measurement, _ in MEASUREMENTS[task].of(data)} == {1 if name == "iNaturalist" else 10}  # type: ignore[attr-defined]
