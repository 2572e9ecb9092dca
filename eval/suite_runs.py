"""Runs one measurement of the suite, and tells whether its record still holds."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flickrexif.eval.data.catalog import Need
from flickrexif.eval.data.embeddings import FLICKR_ID, read_embeddings
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.eval.measure.inputs import EmbeddingFiles, shared_origin, split_path, with_inputs
from flickrexif.eval.measure.probe.probe import ProbeSettings, Protocol
from flickrexif.eval.measure.tasks_neighbors import (
    LABEL,
    label_files,
    read_labels,
    run_knn,
    run_masking,
    run_neighbors,
    run_retrieval,
    run_similarity,
)
from flickrexif.eval.measure.tasks_pictures import run_strips, run_tsne
from flickrexif.eval.measure.tasks_probe import run_mitigation, run_probe
from flickrexif.eval.results import Result, environment, fingerprint
from flickrexif.eval.suite_tasks import BY_CAMERA, HEADLINES, KS, MASKS, K, Measurement

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
    return RUNS[measurement.task].run(measurement, files, protocols)


def _labels(measurement: Measurement) -> Path:
    return measurement.labels or Path()


def _ks(measurement: Measurement, files: EmbeddingFiles) -> tuple[int, ...]:
    """The values of KS that the number of photos allows."""
    embedded = set(read_embeddings(files.path()).columns[FLICKR_ID].tolist())
    photos = read_labels(_labels(measurement)).label.keys() & embedded
    return tuple(k for k in KS if k < len(photos)) or KS


def no_result(
    measurement: Measurement, spec: EncoderSpec, origin: str, state: str, reason: str, protocols: Protocols
) -> Result:
    """The record of a measurement that was not made, of photos of that origin; `state` is FAILED or NOT_POSSIBLE.

    Of the settings it has only those that make it another measurement than others of its task.
    """
    settings = RUNS[measurement.task].identity(measurement, protocols)
    mask = {} if "ratios" in settings else {"mask": measurement.mask or 0.0}
    return Result(
        task=measurement.task,
        encoder=spec.key,
        encoder_digest=spec.digest,
        family=spec.family,
        dataset=measurement.dataset,
        origin=origin,
        parameter=measurement.parameter,
        attribute=LABEL if measurement.labels and measurement.task in BY_CAMERA else measurement.attribute,
        metrics=dict.fromkeys(HEADLINES[measurement.task]),
        detail={"reason": reason, "state": state},
        settings=settings | mask,
        versions=environment(),
    )


# --- whether a record still holds


def holds(result: Result, measurement: Measurement, files: EmbeddingFiles, origin: str, protocols: Protocols) -> bool:
    """Whether the measurement, made again, would have the same settings and inputs; `origin` is that of the images,
    which embedding files may not tell. Raises where a file is missing."""
    read = [(path, read_embeddings(path)) for path in paths(measurement, files).values()]
    settings = RUNS[measurement.task].settings(measurement, files, protocols)
    expected = json.loads(json.dumps(with_inputs(settings, files, read)))
    settings = {name: result.settings.get(name) for name in expected}
    return (
        settings == expected
        and result.origin == (shared_origin(embeddings for _, embeddings in read) or origin)
        and ("test_images" in result.settings) == files.held_out
        and result.detail.get("state") not in (FAILED, NOT_POSSIBLE)
        and result.detail.get("split_file") == _split_file(measurement)
        and result.fingerprints == _inputs(measurement, files)
    )


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


# --- the tasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How the suite runs a task."""

    run: Callable[[Measurement, EmbeddingFiles, Protocols], Result]
    settings: Callable[[Measurement, EmbeddingFiles, Protocols], dict[str, Any]]
    """The settings that the task would write, without those that never change and those that files tell."""
    identity: Callable[[Measurement, Protocols], dict[str, Any]] = lambda *_: {}
    """Of the settings those that make it another measurement than others of its task, without the mask."""


def _k(measurement: Measurement, _: Protocols) -> dict[str, Any]:
    return {"k": K.get(measurement.dataset, 10)}


RUNS: Mapping[str, Run] = {
    "probe": Run(
        run=lambda m, files, p: run_probe(
            files, p.of_probe, parameter=m.parameter, attribute=m.attribute, splits=m.labels, seeds=p.seeds
        ),
        settings=lambda m, _, p: asdict(p.of_probe) | {"seeds": p.seeds if m.parameter else 1},
        identity=lambda _, p: {"protocol": p.probe},
    ),
    "knn": Run(
        run=lambda m, files, p: run_knn(files, parameter=str(m.parameter), **_k(m, p), seeds=p.seeds, device=p.device),
        settings=lambda m, _, p: _k(m, p) | {"seeds": p.seeds, "device": p.device},
        identity=_k,
    ),
    "similarity": Run(
        run=lambda m, files, p: run_similarity(files, parameter=str(m.parameter), queries=QUERIES, device=p.device),
        settings=lambda _, __, p: {"queries": QUERIES, "seed": 0, "device": p.device},
    ),
    "masking": Run(
        run=lambda m, files, p: run_masking(files, ratios=MASKS, **_k(m, p), device=p.device),
        settings=lambda m, _, p: _k(m, p) | {"ratios": list(MASKS), "device": p.device},
        identity=lambda m, p: _k(m, p) | {"ratios": list(MASKS)},
    ),
    "neighbors": Run(
        run=lambda m, files, p: run_neighbors(files, labels=_labels(m), ks=_ks(m, files), device=p.device),
        settings=lambda m, files, p: {"k": list(_ks(m, files)), "device": p.device},
    ),
    "retrieval": Run(
        run=lambda _, files, p: run_retrieval(files, device=p.device),
        settings=lambda _, __, p: {"device": p.device},
    ),
    "tsne": Run(
        run=lambda m, files, _: run_tsne(files, labels=_labels(m)),
        settings=lambda *_: {"limit": 2_000, "perplexity": 30.0, "seed": 0},
    ),
    "strips": Run(
        run=lambda m, files, _: run_strips(files, labels=m.labels, parameter=m.parameter),
        settings=lambda *_: {"queries": 1, "k": 10, "seed": 0},
    ),
    "mitigation": Run(
        run=lambda m, files, p: run_mitigation(
            files, p.of_probe, parameter=str(m.parameter), **_k(m, p), seeds=p.seeds
        ),
        settings=lambda m, _, p: asdict(p.of_probe) | _k(m, p) | {"seeds": p.seeds},
        identity=lambda m, p: {"protocol": p.probe} | _k(m, p),
    ),
}
"""How each of suite_tasks.TASKS is run."""
