"""Removes the trace of a processing from embeddings, in one of three ways.

    centring   subtract the mean of the embedding's processing (which must be known), add the mean of all
    leace      project away the linear subspace that predicts the processing (Belrose et al. 2023, arXiv:2306.03819)
    averaging  replace a test image's embedding by the mean over its processings

All take embeddings of length 1, and are fitted on the training images alone.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.encoders.erasing import NAMES, Eraser
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.base import Inputs, Measurement, Outcome, of_processing
from flickrexif.eval.measure.inputs import train_and_test, uniform_draws
from flickrexif.eval.measure.intervals import OVER_IMAGES, share_interval
from flickrexif.eval.measure.knn import IN_BLOCKS, K, check_seeds, five_setups
from flickrexif.eval.measure.probe.fast import Fast
from flickrexif.eval.measure.probe.measurement import probe_settings
from flickrexif.eval.measure.probe.paper import Paper
from flickrexif.eval.measure.probe.probe import Protocol, probe, processing_data
from flickrexif.processing.variants import classes as classes_of

Variants = Sequence[Tensor]
"""The same images under each class of a processing: V times [n, d]."""
Change = Callable[[Variants], list[Tensor]]
"""One mitigation, ready to be applied: variants in, changed variants out."""


def unchanged(variants: Variants) -> list[Tensor]:
    """The embeddings as they are."""
    return list(variants)


def centring(train: Variants) -> Change:
    """Moves the mean of each class to the mean of all classes, as the training images have them."""
    means = [variant.double().mean(0) for variant in train]
    shifts = [(torch.stack(means).mean(0) - mean).float() for mean in means]
    return lambda variants: [variant + shift for variant, shift in zip(variants, shifts, strict=True)]


def leace(train: Variants) -> Eraser:
    """Removes the directions in which the means of the classes differ, with the least change to the training images.

    No linear classifier can then tell the classes of the training images better than by chance. To apply it, the class
    of an image need not be known.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the package's import calls torch.jit.script
        from concept_erasure import LeaceFitter

    classes, width = len(train), train[0].shape[1]
    # The statistics in float64; `svd_tol` and the trace constraint would leave part of the subspace in place.
    fitter = LeaceFitter(
        width, classes, device=train[0].device, dtype=torch.float64, svd_tol=1e-9, constrain_cov_trace=False
    )
    for label, variant in enumerate(train):
        concept = torch.zeros(len(variant), classes, dtype=torch.float64, device=variant.device)
        concept[:, label] = 1
        fitter.update(variant.double(), concept)
    eraser = fitter.eraser
    return Eraser(eraser.proj_left, eraser.proj_right, eraser.bias)


def averaging(variants: Variants) -> list[Tensor]:
    """Replaces each variant of an image by the mean of its variants."""
    mean = sum(variant / len(variants) for variant in variants)
    assert isinstance(mean, Tensor)
    return [mean] * len(variants)


def mitigations(train: Variants, eraser: Eraser) -> Mapping[str, tuple[Change, Change]]:
    """Name -> (what is done to training images, what is done to test images), fitted on `train`."""

    def erased(variants: Variants) -> list[Tensor]:
        return [eraser(variant) for variant in variants]

    centred = centring(train)
    return {
        "none": (unchanged, unchanged),
        "centring": (centred, centred),
        "leace": (erased, erased),
        "averaging": (unchanged, averaging),
    }


# --- the measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """The probe after one mitigation."""

    best: Mapping[str, float]
    recall: Mapping[str, float | None]
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MitigationDetail:
    """By mitigation."""

    none: Left
    centring: Left
    leace: Left
    averaging: Left
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mitigation(Measurement):
    """How much of the trace can be removed, and at what cost to semantics."""

    task = "mitigation"
    section = "Mitigation"
    headlines = ("none.accuracy", "leace.accuracy", "none.all_same", "leace.all_same")
    decisive = ("protocol", "k")
    keeps_tensors = True
    Detail = MitigationDetail

    protocol: Protocol = "paper"
    k: int = 10
    seeds: int = 10
    seed: int = 0
    paper: Paper = field(default_factory=Paper)
    fast: Fast = field(default_factory=Fast)

    def __post_init__(self) -> None:
        tiles.check_k(self.k)
        check_seeds(self.seeds)

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One a processing."""
        for parameter, reason in of_processing(data, labelled=True):
            yield cls(parameter=parameter, k=K.get(data.name, 10)), reason

    def measure(self, inputs: Inputs) -> Outcome:
        """The probe (the trace left) and the five set-ups of kNN (the semantics left), before and after each."""
        images, names = train_and_test(inputs, "label"), classes_of(str(self.parameter))
        draws = uniform_draws(str(self.parameter), images.train.ids, range(self.seeds))
        settings = probe_settings(self, inputs.device)
        train, test = (
            [tiles.unit_rows(v, slice(0, len(v))) for v in p.embeddings] for p in (images.train, images.test)
        )
        metrics: dict[str, float | None] = {"chance": 1 / len(names)}
        intervals: dict[str, tuple[float, float]] = {}
        left = {}
        eraser = leace(train)
        for name, (on_train, on_test) in mitigations(train, eraser).items():
            changed_train, changed_test = on_train(train), on_test(test)
            outcome = probe(processing_data(changed_train, changed_test, names, draws, settings), settings)
            neighbours = five_setups(
                test=changed_test,
                test_labels=images.test.labels,
                train=changed_train,
                train_labels=images.train.labels,
                draws=draws,
                k=self.k,
                memory=inputs.memory,
                device=inputs.device,
            )
            recall = {"accuracy": outcome.accuracy, "mean_per_class_recall": outcome.mean_per_class_recall}
            metrics |= {f"{name}.{measure}": value for measure, value in {**recall, **neighbours.accuracy}.items()}
            intervals |= {f"{name}.accuracy": outcome.interval} if outcome.interval else {}
            intervals |= {f"{name}.{setup}": share_interval(neighbours.correct[setup]) for setup in IN_BLOCKS}
            left[name] = Left(best=outcome.best, recall=outcome.recall, reason=outcome.reason)
        return Outcome(
            metrics=metrics,
            intervals=intervals,
            interval=OVER_IMAGES,
            n=images.n,
            detail=MitigationDetail(**left, left_out=images.left_out),
            tensors={name: getattr(eraser, name) for name in NAMES},
        )
