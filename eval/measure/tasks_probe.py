"""The linear probe and the mitigations on embedding files: each function reads files and returns one result record."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_bytes
from flickrexif.dataset.split_files import SPLITS
from flickrexif.eval.data.embeddings import read_embeddings
from flickrexif.eval.measure.inputs import (
    EmbeddingFiles,
    ReadFiles,
    attributes_with_split,
    flickr_ids,
    input_fields,
    read_split,
    read_variants,
    split_path,
)
from flickrexif.eval.measure.knn import SETUPS, five_setups
from flickrexif.eval.measure.mitigation import mitigations
from flickrexif.eval.measure.probe.heads import Heads
from flickrexif.eval.measure.probe.probe import (
    Part,
    ProbeData,
    ProbeOutcome,
    ProbeSettings,
    labelled_data,
    probe,
    processing_data,
)
from flickrexif.eval.measure.tiles import unit_rows
from flickrexif.eval.results import Result, fingerprint
from flickrexif.processing.variants import classes as classes_of

# --- the tasks


def run_probe(
    files: EmbeddingFiles,
    settings: ProbeSettings,
    *,
    parameter: str | None = None,
    attribute: str | None = None,
    splits: Path | None = None,
    seeds: int = 10,
    weights: Path | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """The linear probe of a processing `parameter`, or of an acquisition `attribute` with its split file in `splits`.

    Writes the trained heads to `weights` (safetensors) if given. Raises UsageError for a missing file or an unknown
    name, FlickrExifError for a broken file.
    """
    began = clock()
    if (parameter is None) == (attribute is None):
        raise UsageError("A probe has one label.", "Name --parameter or --attribute, and not both.")
    if parameter is not None:
        data, read, counts = _processing(files, parameter, seeds, settings)
    else:
        data, read, counts = _acquisition(files, str(attribute), splits, settings)
    outcome = probe(data, settings)
    if weights is not None and outcome.heads is not None:
        save_heads(weights, outcome.heads, data.classes)
    metrics = {name: getattr(outcome, name) for name in ("accuracy", "accuracy_std", "chance", "mean_per_class_recall")}
    used = asdict(settings) | {"seeds": data.seeds, "interval": "bootstrap over test images"}
    return Result(
        task="probe",
        **input_fields(files, read, used),
        parameter=parameter and parameter.lower(),
        attribute=attribute,
        metrics=metrics,
        intervals={"accuracy": outcome.interval} if outcome.interval else {},
        detail=_detail(outcome, data) | counts,
        seconds=clock() - began,
    )


def run_mitigation(
    files: EmbeddingFiles,
    settings: ProbeSettings,
    *,
    parameter: str,
    k: int = 10,
    seeds: int = 10,
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """The probe (the trace left) and the five set-ups of kNN (the semantics left), without and with each mitigation.

    Metrics are `<mitigation>.<measure>`: `none.accuracy` is the probe before, `leace.all_same` a set-up after.
    """
    began = clock()
    images, draws = read_variants(files, parameter, seeds)
    train, test = ([unit_rows(v, slice(0, len(v))) for v in part.embeddings] for part in (images.train, images.test))
    names = classes_of(parameter)
    metrics: dict[str, float | None] = {}
    intervals: dict[str, tuple[float, float]] = {}
    detail: dict[str, Any] = {}
    for name, (on_train, on_test) in mitigations(train).items():
        changed_train, changed_test = on_train(train), on_test(test)
        outcome = probe(processing_data(changed_train, changed_test, names, draws, settings), settings)
        neighbours = five_setups(
            test=changed_test, test_labels=images.test.labels, train=changed_train, train_labels=images.train.labels,
            draws=draws, k=k, device=settings.device,
        )  # fmt: skip
        metrics |= {
            f"{name}.accuracy": outcome.accuracy,
            f"{name}.mean_per_class_recall": outcome.mean_per_class_recall,
        }
        metrics |= {f"{name}.{setup}": neighbours.accuracy[setup] for setup in SETUPS}
        intervals |= {f"{name}.accuracy": outcome.interval} if outcome.interval else {}
        detail[name] = {"best": dict(outcome.best), "recall": dict(outcome.recall), "reason": outcome.reason}
    used = asdict(settings) | {"seeds": seeds, "k": k, "interval": "bootstrap over test images"}
    return Result(
        task="mitigation",
        **input_fields(files, images.read, used),
        parameter=parameter.lower(),
        metrics=metrics | {"chance": 1 / len(names)},
        intervals=intervals,
        detail=detail | {"left_out": images.left_out},
        seconds=clock() - began,
    )


def save_heads(path: Path, heads: Heads, classes: Sequence[str]) -> None:
    """Write the trained heads as safetensors: `weight` [H, C, d], `bias` [H, C], and the names of the classes."""
    from safetensors.torch import save

    tensors = {"weight": heads.weight.cpu().contiguous(), "bias": heads.bias.cpu().contiguous()}
    content = save(tensors, {"classes": json.dumps(list(classes))})
    put_bytes(path, content)


def _detail(outcome: ProbeOutcome, data: ProbeData) -> dict[str, Any]:
    names = ("best", "trials", "per_seed", "recall", "confusion", "reason")
    images = {
        "train": int((~data.validation).sum()),
        "validation": int(data.validation.sum()),
        "test": len(data.test[0].labels),
    }
    return {name: getattr(outcome, name) for name in names} | {"classes": list(data.classes), "images": images}


def _processing(
    files: EmbeddingFiles, parameter: str, seeds: int, settings: ProbeSettings
) -> tuple[ProbeData, ReadFiles, dict[str, Any]]:
    images, draws = read_variants(files, parameter, seeds)
    data = processing_data(images.train.embeddings, images.test.embeddings, classes_of(parameter), draws, settings)
    return data, images.read, {"left_out": images.left_out}


def _acquisition(
    files: EmbeddingFiles, attribute: str, splits: Path | None, settings: ProbeSettings
) -> tuple[ProbeData, ReadFiles, dict[str, Any]]:
    if splits is None:
        raise UsageError(f"The labels of {attribute!r} are in split files.", "Name their folder with --splits.")
    split_file = _split_file(splits, attribute)
    split = read_split(split_file)
    path = files.path()
    embeddings = read_embeddings(path)
    row_of = {flickr_id: row for row, flickr_id in enumerate(flickr_ids(path, embeddings))}
    parts, missing = [], {}
    for name in SPLITS:
        photos = zip(split.ids[name].tolist(), split.labels[name].tolist(), strict=True)
        kept = [(row_of[photo], label) for photo, label in photos if photo in row_of]
        rows, labels = torch.tensor(kept, dtype=torch.int64).reshape(-1, 2).unbind(1)
        parts.append(Part(embeddings.image_embeddings[rows], labels))
        missing[name] = len(split.ids[name]) - len(kept)
    data = labelled_data(parts[0], parts[1], parts[2], split.classes, settings)
    return data, [(path, embeddings)], {"left_out": missing, "split_file": fingerprint(split_file)}


def _split_file(splits: Path, attribute: str) -> Path:
    """The split file of an attribute in the folder `splits`. UsageError names the attributes that have one."""
    path = split_path(splits, attribute)
    if not path.is_file():
        attributes = attributes_with_split(splits)
        hint = f"There: {', '.join(attributes)}." if attributes else "Make them with `flickrexif splits`."
        raise UsageError(f"{splits} has no split file of {attribute[:80]!r}.", hint)
    return path
