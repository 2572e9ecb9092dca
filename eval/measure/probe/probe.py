"""The linear probe: can a linear layer on frozen embeddings read the label?

Hyper-parameters are chosen on a validation part of the training images; then the probe is trained on all of them and
scored on the test images. For the labels of a processing, each training image is in one class, drawn at random, and the
accuracy is averaged over all classes applied to the test images and over the seeds of the draw. Embeddings are
normalised to length 1.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.eval.measure.intervals import share_interval
from flickrexif.eval.measure.probe import fast as probe_fast
from flickrexif.eval.measure.probe import paper as probe_paper
from flickrexif.eval.measure.probe.fast import Fast
from flickrexif.eval.measure.probe.heads import Heads
from flickrexif.eval.measure.probe.paper import Paper
from flickrexif.eval.measure.tiles import unit_rows

Protocol = Literal["paper", "fast"]
VALIDATION = 0.2  # of the training images


class Part(NamedTuple):
    """Embeddings [n, d] of length 1 and their labels [n]."""

    features: Tensor
    labels: Tensor

    def of(self, rows: Tensor) -> "Part":
        """The rows where `rows` [n] is true."""
        return Part(self.features[rows], self.labels[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeData:
    """The images and labels that a probe is trained and scored on."""

    train: Callable[[int], Part]  # number of a seed -> training and validation images with the labels it drew
    validation: Tensor  # which of them only choose hyper-parameters, [n] bool
    test: Sequence[Part]  # the same images once for each class of a processing; once only for acquisition labels
    classes: Sequence[str]
    seeds: int  # number of draws


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSettings:
    """The settings that change the numbers of a probe."""

    protocol: Protocol = "paper"
    seed: int = 0
    device: str = "cpu"
    paper: Paper = field(default_factory=Paper)
    fast: Fast = field(default_factory=Fast)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOutcome:
    """The scores of a probe; `accuracy` and `heads` are None where training diverged, and `reason` says so."""

    accuracy: float | None
    accuracy_std: float | None  # over the seeds of the draw; None for one seed
    mean_per_class_recall: float | None
    interval: tuple[float, float] | None  # 95%, of the accuracy, over test images
    chance: float
    best: Mapping[str, float]  # lr and weight_decay, or C
    trials: Sequence[Mapping[str, Any]]
    per_seed: Sequence[float] = ()
    recall: Mapping[str, float | None] = field(default_factory=dict)  # class -> recall; None without test images
    confusion: Sequence[Sequence[int]] = ()  # true class x predicted class, summed over seeds
    heads: Heads | None = None
    right: Tensor | None = None  # [n]: the share of seeds and processings in which each test image is right
    reason: str | None = None


def _unit(features: Tensor, device: str) -> Tensor:
    return unit_rows(features, slice(0, len(features)), device)


def validation_rows(images: int, seed: int, share: float = VALIDATION) -> Tensor:
    """Which of `images` images are the validation part, [images] bool: a share of them, drawn; at least one."""
    generator = torch.Generator().manual_seed(rank(seed, "validation part of the linear probe", ""))
    chosen = torch.zeros(images, dtype=torch.bool)
    chosen[torch.randperm(images, generator=generator)[: max(1, int(images * share))]] = True
    return chosen


def processing_data(
    train: Sequence[Tensor], test: Sequence[Tensor], classes: Sequence[str], draws: Tensor, settings: ProbeSettings
) -> ProbeData:
    """The data to probe a processing: embeddings of the same images under each class, [n, d] and [m, d] a class.

    `draws` [seeds, n] is the class of each training image for each seed. Raises UsageError for shapes that do not fit.
    """
    _check_shapes(train, test, draws, len(classes))

    def drawn(number: int) -> Part:
        labels = draws[number].long()
        features = train[0].new_empty(train[0].shape, dtype=torch.float32)
        for label, variant in enumerate(train):
            rows = labels == label
            features[rows] = variant[rows].float()
        return Part(_unit(features, settings.device), labels.to(settings.device))

    test_parts = [
        Part(_unit(variant, settings.device), torch.full((len(variant),), label, device=settings.device))
        for label, variant in enumerate(test)
    ]
    validation = validation_rows(draws.shape[1], settings.seed).to(settings.device)
    return ProbeData(train=drawn, validation=validation, test=test_parts, classes=classes, seeds=len(draws))


def _check_shapes(train: Sequence[Tensor], test: Sequence[Tensor], draws: Tensor, classes: int) -> None:
    for name, variants in (("training", train), ("test", test)):
        if len(variants) != classes or len({variant.shape for variant in variants}) != 1:
            shapes = ", ".join(str(list(variant.shape)) for variant in variants)
            message = f"The {name} embeddings of {classes} classes have the shapes {shapes}."
            raise UsageError(message, "Embed the same images under every class.")
    images, width = train[0].shape
    if draws.shape[1:] != (images,) or test[0].shape[1] != width or images < 2 or not len(test[0]) or not len(draws):
        message = (
            f"{list(train[0].shape)} training and {list(test[0].shape)} test embeddings, {list(draws.shape)} draws"
        )
        raise UsageError(f"A probe cannot be made of {message}.", "Embed both splits with one encoder.")


def labelled_data(
    train: Part, validation: Part, test: Part, classes: Sequence[str], settings: ProbeSettings
) -> ProbeData:
    """The data to probe labels that the images came with. Raises UsageError for an empty part."""
    for name, part in (("train", train), ("validation", validation), ("test", test)):
        if not len(part.labels):
            raise UsageError(f"There are no {name} images with an embedding.", "Embed the images of the split files.")
    parts = [Part(_unit(p.features, settings.device), p.labels.to(settings.device)) for p in (train, validation, test)]
    both = Part(torch.cat([parts[0].features, parts[1].features]), torch.cat([parts[0].labels, parts[1].labels]))
    held = torch.arange(len(both.labels), device=settings.device) >= len(train.labels)
    return ProbeData(train=lambda _: both, validation=held, test=[parts[2]], classes=classes, seeds=1)


def probe(data: ProbeData, settings: ProbeSettings) -> ProbeOutcome:
    """Choose hyper-parameters on the validation part, train on all training images, score on the test images."""
    first = data.train(0)
    choose = PROTOCOLS[settings.protocol]
    parts = first.of(~data.validation), first.of(data.validation)
    trials, best, refit = choose(parts, len(data.classes), settings)
    del parts  # they take as much memory as the features themselves
    chance = 1 / len(data.classes)
    if refit is None:
        reason = "every trial of the search diverged"
        return _diverged(chance, best, trials, reason)
    heads = _refit(data, first, refit)
    if not bool(heads.finite().all()):
        return _diverged(chance, best, trials, "the training with the chosen values diverged")
    return _scored(data, heads, best, trials, settings.seed)


Refit = Callable[[Sequence[Part]], Heads]
Choice = tuple[list[dict[str, Any]], dict[str, float], Refit | None]
"""The trials, the chosen values, and what trains a head a draw with them (None where every trial diverged)."""


def _choose_paper(parts: tuple[Part, Part], classes: int, settings: ProbeSettings) -> Choice:
    paper, seed = settings.paper, settings.seed
    trials = probe_paper.search(probe_paper.evaluator(*parts, classes, paper, seed), paper, seed)
    records, chosen = [trial.record() for trial in trials], probe_paper.best(trials)
    if chosen is None:
        return records, {}, None
    values = {"lr": chosen.rate, "weight_decay": chosen.weight_decay}
    return records, values, lambda draws: probe_paper.refit(draws, chosen, classes, paper, seed)


def _choose_fast(parts: tuple[Part, Part], classes: int, settings: ProbeSettings) -> Choice:
    fits = probe_fast.search(*parts, classes, settings.fast)
    chosen = probe_fast.best(fits)
    images = sum(len(part.labels) for part in parts)
    values = {"C": 1 / (images * chosen.penalty), "penalty": chosen.penalty}
    records = [{"penalty": fit.penalty, "accuracy": fit.accuracy} for fit in fits]
    return records, values, lambda draws: probe_fast.refit(draws, chosen, classes, settings.fast)


PROTOCOLS: Mapping[str, Callable[[tuple[Part, Part], int, ProbeSettings], Choice]] = {
    "paper": _choose_paper,
    "fast": _choose_fast,
}


BYTES_AT_ONCE = 4 * 2**30  # of embeddings that a GPU trains on together; their copy takes as much again


def _refit(data: ProbeData, first: Part, refit: Refit) -> Heads:
    """One head a seed; a GPU trains as many together as fit BYTES_AT_ONCE, a CPU one by one, so that a batch stays in
    its caches."""
    together = 1 if first.features.device.type == "cpu" else max(1, BYTES_AT_ONCE // first.features.nbytes)
    parts = []
    for start in range(0, data.seeds, together):
        seeds = range(start, min(start + together, data.seeds))
        parts.append(refit([first if seed == 0 else data.train(seed) for seed in seeds]))
    return Heads(torch.cat([heads.weight for heads in parts]), torch.cat([heads.bias for heads in parts]))


def _scored(
    data: ProbeData, heads: Heads, best: Mapping[str, float], trials: Sequence[Mapping[str, Any]], seed: int
) -> ProbeOutcome:
    classes = len(data.classes)
    right, confusion = [], torch.zeros(classes, classes, dtype=torch.int64)
    for part in data.test:
        predicted = heads.predict(part.features)
        right.append((predicted == part.labels).cpu())
        pairs = (part.labels * classes + predicted).flatten().cpu()
        confusion += torch.bincount(pairs, minlength=classes**2).view(classes, classes)
    hits = torch.stack(right).double()  # [processings, seeds, images]
    per_seed, right_of_image = hits.mean((0, 2)), hits.mean((0, 1))
    total = confusion.sum(1)
    recall = confusion.diagonal() / total
    return ProbeOutcome(
        accuracy=hits.mean().item(),
        accuracy_std=per_seed.std(correction=0).item() if len(per_seed) > 1 else None,
        mean_per_class_recall=recall[total > 0].double().mean().item(),
        interval=share_interval(right_of_image.numpy(), seed=seed),
        chance=1 / classes,
        best=best,
        trials=trials,
        per_seed=per_seed.tolist(),
        recall={
            name: value if count else None
            for name, value, count in zip(data.classes, recall.tolist(), total.tolist(), strict=True)
        },
        confusion=confusion.tolist(),
        heads=heads,
        right=right_of_image,
    )


def _diverged(
    chance: float, best: Mapping[str, float], trials: Sequence[Mapping[str, Any]], reason: str
) -> ProbeOutcome:
    return ProbeOutcome(
        accuracy=None,
        accuracy_std=None,
        mean_per_class_recall=None,
        interval=None,
        chance=chance,
        best=best,
        trials=trials,
        reason=reason,
    )
