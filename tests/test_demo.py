"""The finding, in the records of a smaller demo: its labelled photos, under resizing alone, and its encoders."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import flickrexif
from flickrexif.eval.results import Result

ENCODERS = ("mini:plain", "mini:augmented", "lite0", "control:dct", "control:random")
CHANCE = 1 / 3
Records = Mapping[tuple[str, str], Result]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("demo") / "data"
    flickrexif.simulate(data / "simulated-photos", train=8, val=6, data_dir=data)
    return data


@pytest.fixture(scope="module")
def records(data: Path) -> Records:
    evaluation = flickrexif.evaluate(
        ENCODERS,
        ("probe", "knn"),
        data_dir=data,
        dataset=str(data / "simulated-photos"),
        settings={"parameter": "resizing", "protocol": "fast"},
        device="cpu",
    )
    assert not evaluation.failed
    return {(result.encoder, result.task): result for result in evaluation.results}


def accuracy(records: Records, encoder: str, setup: str) -> float:
    value = records[encoder, "knn"].metrics[setup]
    assert value is not None
    return value


def loss(records: Records, encoder: str) -> tuple[float, float, float]:
    """What kNN loses from all-same to neg-same, and its 95% interval: both are resampled over the same images."""
    record = records[encoder, "knn"]
    lost, n = np.subtract(record.blocks["all_same"], record.blocks["neg_same"]), np.array(record.blocks["n"])
    rows = np.random.default_rng(0).integers(len(n), size=(4_000, len(n)))
    low, high = np.quantile(lost[rows].sum(1) / n[rows].sum(1), (0.025, 0.975))
    mean = accuracy(records, encoder, "all_same") - accuracy(records, encoder, "neg_same")
    assert lost.sum() / n.sum() == pytest.approx(mean, abs=1e-3)
    return mean, float(low), float(high)


def test_the_records_are_of_enough_simulated_photos(records: Records) -> None:
    assert len(records) == 2 * len(ENCODERS)
    assert {record.origin for record in records.values()} == {"simulated"}
    assert {sum(records[encoder, "knn"].blocks["n"]) for encoder in ENCODERS} == {19 * 6}


@pytest.mark.parametrize("encoder", ["mini:plain", "lite0"])
def test_resizing_is_read_out_and_pulls_the_neighbours(records: Records, encoder: str) -> None:
    probe = records[encoder, "probe"]
    assert probe.metrics["chance"] == pytest.approx(CHANCE)
    assert probe.intervals["accuracy"][0] > CHANCE + 0.1
    assert loss(records, encoder)[1] > 0
    assert 0.55 < accuracy(records, encoder, "all_same") < 0.97  # hard enough for the trace to matter


def test_augmentation_takes_most_of_the_pull_away(records: Records) -> None:
    assert loss(records, "mini:plain")[0] >= 3 * loss(records, "mini:augmented")[0]


def test_bare_compression_pulls_more_than_half_of_the_neighbours(records: Records) -> None:
    """From the set-up that the trace helps most to the one that it harms most."""
    assert accuracy(records, "control:dct", "pos_same") - accuracy(records, "control:dct", "neg_same") > 0.5


def test_of_nothing_nothing_is_read(records: Records) -> None:
    low, high = records["control:random", "probe"].intervals["accuracy"]
    assert low <= CHANCE <= high
    _, low, high = loss(records, "control:random")
    assert low <= 0 <= high


@pytest.mark.usefixtures("records")
def test_the_report_says_so(data: Path) -> None:
    finding = flickrexif.report(data / "results", data_dir=data, formats="").finding
    assert 1 <= len(finding) <= 3
    assert "mini:plain" in " ".join(finding)
    assert "resizing" in finding[0]
