"""The linear probe as a measurement: of a processing, or of an acquisition label with its split file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch

from flickrexif.dataset.split_files import SPLITS
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.measure.base import Inputs, Measurement, Outcome, of_processing
from flickrexif.eval.measure.inputs import (
    flickr_ids,
    only_split,
    paths_of_splits,
    photographers_of,
    read_split,
    split_path,
    train_and_test,
    uniform_draws,
)
from flickrexif.eval.measure.intervals import OVER_IMAGES, in_blocks
from flickrexif.eval.measure.knn import check_seeds
from flickrexif.eval.measure.probe.fast import Fast
from flickrexif.eval.measure.probe.paper import Paper
from flickrexif.eval.measure.probe.probe import (
    Part,
    ProbeData,
    ProbeSettings,
    Protocol,
    labelled_data,
    probe,
    processing_data,
)
from flickrexif.processing.variants import classes as classes_of

MASK = 0.9  # masked share of the image in acquisition probes
ProbeInputs = tuple[ProbeData, Sequence[int | str], dict[str, int], dict[str, int]]
"""The data, the ids of the test images, how many images of each split are left out, and what else is counted."""
METRICS = ("accuracy", "accuracy_std", "chance", "mean_per_class_recall")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeDetail:
    """Of the search and of the trained heads."""

    best: Mapping[str, float]  # lr and weight_decay, or C and penalty
    trials: list[Mapping[str, float | str | None]]
    per_seed: list[float]
    recall: Mapping[str, float | None]  # by class
    confusion: list[list[int]]  # true class x predicted class, summed over seeds
    classes: list[str]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe(Measurement):
    """Linear probe: how well can the trace be read out?"""

    task = "probe"
    section = "Processing"
    headlines = ("accuracy",)
    decisive = ("protocol",)
    keeps_tensors = True
    Detail = ProbeDetail

    protocol: Protocol = "paper"  # paper: SGD and Optuna; fast: L-BFGS
    seeds: int = 10  # draws of the processing of the training images
    seed: int = 0
    paper: Paper = field(default_factory=Paper)
    fast: Fast = field(default_factory=Fast)

    def __post_init__(self) -> None:
        check_seeds(self.seeds)

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One a processing; of labelled photos one an attribute with a split file."""
        for parameter, reason in of_processing(data, labelled=False):
            yield cls(parameter=parameter), reason
        if data.labels is None:
            return
        reason = data.lack or only_split(data)
        for attribute in (attributes := paths_of_splits(data.labels)):
            yield cls(attribute=attribute, mask=MASK), reason
        if not attributes:
            lack = f"there are no splits: type `flickrexif splits {data.labels} --protocol proportional`"
            yield cls(mask=MASK), reason or lack

    @property
    def trains(self) -> bool:  # type: ignore[override]
        """Whether test images are drawn where there is no split: not where a split file tells them."""
        return self.parameter is not None

    @property
    def settings(self) -> dict[str, Any]:
        """All that changes its numbers; labels that images came with are drawn once."""
        return self._fields() | ({} if self.parameter else {"seeds": 1})

    def label_files(self, labels: Path) -> list[Path]:
        """The split file of the attribute."""
        return [split_path(labels, self.attribute)] if self.attribute else []

    def measure(self, inputs: Inputs) -> Outcome:
        """Train it and score it on the test images."""
        settings = probe_settings(self, inputs.device)
        read = self._processing if self.parameter else self._acquisition
        data, test_ids, left_out, counts = read(inputs, settings)
        outcome = probe(data, settings)
        images = int((~data.validation).sum()), int(data.validation.sum()), len(test_ids)
        detail = ProbeDetail(
            best=outcome.best,
            trials=list(outcome.trials),
            per_seed=list(outcome.per_seed),
            recall=outcome.recall,
            confusion=[list(row) for row in outcome.confusion],
            classes=list(data.classes),
            left_out=left_out,
        )
        heads = outcome.heads
        return Outcome(
            metrics={name: getattr(outcome, name) for name in METRICS},
            intervals={"accuracy": outcome.interval} if outcome.interval else {},
            interval=OVER_IMAGES,
            n=dict(zip(("train", "validation", "test"), images, strict=True)) | counts,
            blocks=in_blocks(test_ids, {"accuracy": outcome.right}) if outcome.right is not None else {},
            reason=outcome.reason or "",
            detail=detail,
            tensors={"weight": heads.weight, "bias": heads.bias} if heads else {},
            names=data.classes,
        )

    def _processing(self, inputs: Inputs, settings: ProbeSettings) -> ProbeInputs:
        images, names = train_and_test(inputs), classes_of(str(self.parameter))
        draws = uniform_draws(str(self.parameter), images.train.ids, range(self.seeds))
        data = processing_data(images.train.embeddings, images.test.embeddings, names, draws, settings)
        classes = {name: count for name, count in images.n.items() if name == "classes"}
        return data, images.test.ids, images.left_out, classes

    def _acquisition(self, inputs: Inputs, settings: ProbeSettings) -> ProbeInputs:
        assert inputs.labels is not None
        split = read_split(split_path(inputs.labels, str(self.attribute)))
        row_of = {flickr_id: row for row, flickr_id in enumerate(flickr_ids(inputs.only))}
        parts, missing = [], {}
        for name in SPLITS:
            photos = zip(split.ids[name].tolist(), split.labels[name].tolist(), strict=True)
            kept = [(row_of[photo], label) for photo, label in photos if photo in row_of]
            rows, labels = torch.tensor(kept, dtype=torch.int64).reshape(-1, 2).unbind(1)
            parts.append(Part(inputs.only.embeddings.image_embeddings[rows], labels))
            missing[name] = len(split.ids[name]) - len(kept)
        test_ids = [photo for photo in split.ids["test"].tolist() if photo in row_of]
        data = labelled_data(parts[0], parts[1], parts[2], split.classes, settings)
        return data, test_ids, missing, photographers_of(inputs.labels, test_ids)


def probe_settings(measurement: Any, device: str) -> ProbeSettings:
    """The settings of a measurement that are those of its probe."""
    names = ("protocol", "seed", "paper", "fast")
    return ProbeSettings(**{name: getattr(measurement, name) for name in names}, device=device)
