"""Runs one measurement of the suite, and tells whether its record still holds."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flickrexif.eval.embeddings import FLICKR_ID, read_embeddings
from flickrexif.eval.encoders.record import EncoderRecord
from flickrexif.eval.probe import ProbeSettings, Protocol
from flickrexif.eval.results import Result, environment, fingerprint
from flickrexif.eval.suite_sets import Need
from flickrexif.eval.suite_tasks import BY_CAMERA, HEADLINES, KS, MASKS, K, Measurement
from flickrexif.eval.task_files import EmbeddingFiles, split_path
from flickrexif.eval.tasks_neighbors import (
    LABEL,
    half_of,
    label_files,
    read_labels,
    run_knn,
    run_masking,
    run_neighbors,
    run_retrieval,
    run_similarity,
)
from flickrexif.eval.tasks_pictures import run_strips, run_tsne
from flickrexif.eval.tasks_probe import run_probe

QUERIES = 1_000  # of the similarities
FAILED, NOT_POSSIBLE = "failed", "not possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocols:
    """The settings that all measurements share."""

    probe: Protocol = "paper"
    seeds: int = 10
    device: str = "cpu"

    @property
    def of_probe(self) -> ProbeSettings:
        """The settings of every probe."""
        return ProbeSettings(protocol=self.probe, device=self.device)


def run(measurement: Measurement, files: EmbeddingFiles, protocols: Protocols) -> Result:
    """The result record of a measurement, made from its embedding files. Raises as the tasks do."""
    device, seeds, k = protocols.device, protocols.seeds, K.get(measurement.dataset, 10)
    match measurement.task:
        case "probe":
            label: dict[str, Any] = {"parameter": measurement.parameter, "attribute": measurement.attribute}
            return run_probe(files, protocols.of_probe, **label, splits=measurement.labels, seeds=seeds)
        case "knn":
            return run_knn(files, parameter=str(measurement.parameter), k=k, seeds=seeds, device=device)
        case "similarity":
            return run_similarity(files, parameter=str(measurement.parameter), queries=QUERIES, device=device)
        case "masking":
            return run_masking(files, ratios=MASKS, k=k, device=device)
        case "neighbors":
            return run_neighbors(files, labels=_labels(measurement), ks=_ks(measurement, files), device=device)
        case "tsne":
            return run_tsne(files, labels=_labels(measurement))
        case "strips":
            return run_strips(files, labels=measurement.labels, parameter=measurement.parameter)
    return run_retrieval(files, device=device)


def _labels(measurement: Measurement) -> Path:
    return measurement.labels or Path()


def _ks(measurement: Measurement, files: EmbeddingFiles) -> tuple[int, ...]:
    """The values of KS that the number of photos allows."""
    embedded = set(read_embeddings(files.path()).columns[FLICKR_ID].tolist())
    photos = read_labels(_labels(measurement)).label.keys() & embedded
    return tuple(k for k in KS if k < len(photos)) or KS


def no_result(measurement: Measurement, record: EncoderRecord, state: str, reason: str, protocols: Protocols) -> Result:
    """The record of a measurement that was not made; `state` is FAILED or NOT_POSSIBLE.

    Of the settings it has only those that make it another measurement than others of its task.
    """
    k = {"k": K.get(measurement.dataset, 10)}
    probe = {"protocol": protocols.probe, "mask": measurement.mask}
    settings: Mapping[str, Mapping[str, Any]] = {"probe": probe, "knn": k, "masking": k}
    return Result(
        task=measurement.task,
        encoder=record.key,
        family=record.family,
        dataset=measurement.dataset,
        parameter=measurement.parameter,
        attribute=LABEL if measurement.labels and measurement.task in BY_CAMERA else measurement.attribute,
        metrics=dict.fromkeys(HEADLINES[measurement.task]),
        detail={"reason": reason, "state": state},
        settings=settings.get(measurement.task, {}),
        versions=environment(),
    )


# --- whether a record still holds


def holds(result: Result, measurement: Measurement, files: EmbeddingFiles, protocols: Protocols) -> bool:
    """Whether the measurement, made again, would have the same settings and inputs. Raises where a file is missing."""
    expected = json.loads(json.dumps(_settings(measurement, files, protocols) | files.settings()))
    settings = {name: result.settings.get(name) for name in expected}
    return (
        settings == expected
        and ("test_images" in result.settings) == files.held_out
        and result.detail.get("state") not in (FAILED, NOT_POSSIBLE)
        and result.detail.get("split_file") == _split_file(measurement)
        and result.fingerprints == _inputs(measurement, files)
    )


def _settings(measurement: Measurement, files: EmbeddingFiles, protocols: Protocols) -> dict[str, Any]:
    """The settings that the task would write, without those that never change."""
    device, seeds, k = protocols.device, protocols.seeds, K.get(measurement.dataset, 10)
    match measurement.task:
        case "probe":
            seeds = seeds if measurement.parameter else 1
            return asdict(protocols.of_probe) | {"seeds": seeds, "mask": measurement.mask}
        case "knn":
            half = half_of(device)
            return {"k": k, "seeds": seeds, "device": device, "half": half and str(half)}
        case "similarity":
            return {"queries": QUERIES, "seed": 0, "device": device}
        case "masking":
            return {"k": k, "ratios": list(MASKS), "device": device}
        case "neighbors":
            return {"k": list(_ks(measurement, files)), "device": device}
        case "tsne":
            return {"limit": 2_000, "perplexity": 30.0, "seed": 0}
        case "strips":
            return {"queries": 1, "k": 10, "seed": 0}
    return {"device": device}


def _split_file(measurement: Measurement) -> str | None:
    attribute = measurement.attribute
    return fingerprint(split_path(_labels(measurement), attribute)) if attribute else None


def _inputs(measurement: Measurement, files: EmbeddingFiles) -> Mapping[str, str]:
    inputs = {path.relative_to(files.root).as_posix(): fingerprint(path) for path in paths(measurement, files).values()}
    labels = label_files(_labels(measurement)) if measurement.labels and measurement.task in BY_CAMERA else []
    return inputs | {path.name: fingerprint(path) for path in labels}


def paths(measurement: Measurement, files: EmbeddingFiles) -> Mapping[Need, Path]:
    """The path of each embedding file that the measurement reads."""
    return {need: path_of(need, files) for need in measurement.needs}


def path_of(need: Need, files: EmbeddingFiles) -> Path:
    """The path of the embedding file `need`, by the root and the encoder of `files`."""
    return replace(files, dataset=need.dataset, mask=need.mask).path(processing=need.processing, split=need.split)
