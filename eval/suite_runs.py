"""One measurement of the suite: running it, and whether its record still holds."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flickrexif.eval.embeddings import read_embeddings
from flickrexif.eval.encoders.record import EncoderRecord
from flickrexif.eval.probe import ProbeSettings, Protocol
from flickrexif.eval.results import Result, environment, fingerprint
from flickrexif.eval.suite_sets import Need
from flickrexif.eval.suite_tasks import BY_CAMERA, HEADLINES, KS, MASKS, K, Measurement
from flickrexif.eval.task_files import EmbeddingFiles
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
from flickrexif.eval.tasks_probe import SPLIT_FILE, run_probe

QUERIES = 1_000  # of the similarities
FAILED, NOT_POSSIBLE = "failed", "not possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocols:
    """What is the same for every measurement."""

    probe: Protocol = "paper"
    seeds: int = 10
    device: str = "cpu"

    @property
    def of_probe(self) -> ProbeSettings:
        """The settings of every probe."""
        return ProbeSettings(protocol=self.probe, device=self.device)


def run(m: Measurement, files: EmbeddingFiles, protocols: Protocols) -> Result:
    """The result record of a measurement that is possible, over its files. Raises as the tasks do."""
    device, seeds, k = protocols.device, protocols.seeds, K.get(m.dataset, 10)
    match m.task:
        case "probe":
            settings, splits = protocols.of_probe, m.labels
            return run_probe(files, settings, parameter=m.parameter, attribute=m.attribute, splits=splits, seeds=seeds)
        case "knn":
            return run_knn(files, parameter=str(m.parameter), k=k, seeds=seeds, device=device)
        case "similarity":
            return run_similarity(files, parameter=str(m.parameter), queries=QUERIES, device=device)
        case "masking":
            return run_masking(files, ratios=MASKS, k=k, device=device)
        case "neighbors":
            return run_neighbors(files, labels=_labels(m), ks=_ks(m, files), device=device)
        case "tsne":
            return run_tsne(files, labels=_labels(m))
        case "strips":
            return run_strips(files, labels=m.labels, parameter=m.parameter)
    return run_retrieval(files, device=device)


def _labels(m: Measurement) -> Path:
    return m.labels or Path()


def _ks(m: Measurement, files: EmbeddingFiles) -> tuple[int, ...]:
    """Those of KS that the number of photos allows."""
    photos = read_labels(_labels(m)).label.keys() & set(read_embeddings(files.path()).columns["Flickr ID"].tolist())
    return tuple(k for k in KS if k < len(photos)) or KS


def no_result(m: Measurement, record: EncoderRecord, state: str, reason: str, protocols: Protocols) -> Result:
    """The record of a measurement that could not be made: FAILED or NOT_POSSIBLE, and why.

    Of the settings it has those that tell it from others of its task.
    """
    k = {"k": K.get(m.dataset, 10)}
    probe = {"protocol": protocols.probe, "mask": m.mask}
    settings: Mapping[str, Mapping[str, Any]] = {"probe": probe, "knn": k, "masking": k}
    return Result(
        task=m.task,
        encoder=record.key,
        family=record.family,
        dataset=m.dataset,
        parameter=m.parameter,
        attribute=LABEL if m.labels and m.task in BY_CAMERA else m.attribute,
        metrics=dict.fromkeys(HEADLINES[m.task]),
        detail={"reason": reason, "state": state},
        settings=settings.get(m.task, {}),
        versions=environment(),
    )


# --- whether a record still holds


def holds(result: Result, m: Measurement, files: EmbeddingFiles, protocols: Protocols) -> bool:
    """Whether a measurement would have these settings and read these very files. Raises where a file is missing."""
    wanted = json.loads(json.dumps(_settings(m, files, protocols) | files.settings()))
    settings = {name: result.settings.get(name) for name in wanted}
    return (
        settings == wanted
        and ("test_images" in result.settings) == files.held_out
        and result.detail.get("state") not in (FAILED, NOT_POSSIBLE)
        and result.detail.get("split_file") == _split_file(m)
        and result.fingerprints == _inputs(m, files)
    )


def _settings(m: Measurement, files: EmbeddingFiles, protocols: Protocols) -> dict[str, Any]:
    """What the task will write as its settings, but for constants."""
    device, seeds, k = protocols.device, protocols.seeds, K.get(m.dataset, 10)
    match m.task:
        case "probe":
            return asdict(protocols.of_probe) | {"seeds": seeds if m.parameter else 1, "mask": m.mask}
        case "knn":
            half = half_of(device)
            return {"k": k, "seeds": seeds, "device": device, "half": half and str(half)}
        case "similarity":
            return {"queries": QUERIES, "seed": 0, "device": device}
        case "masking":
            return {"k": k, "ratios": list(MASKS), "device": device}
        case "neighbors":
            return {"k": list(_ks(m, files)), "device": device}
        case "tsne":
            return {"limit": 2_000, "perplexity": 30.0, "seed": 0}
        case "strips":
            return {"queries": 1, "k": 10, "seed": 0}
    return {"device": device}


def _split_file(m: Measurement) -> str | None:
    return fingerprint(_labels(m) / SPLIT_FILE.format(m.attribute)) if m.attribute else None


def _inputs(m: Measurement, files: EmbeddingFiles) -> Mapping[str, str]:
    found = {path.relative_to(files.root).as_posix(): fingerprint(path) for path in paths(m, files).values()}
    labels = label_files(_labels(m)) if m.labels and m.task in BY_CAMERA else []
    return found | {path.name: fingerprint(path) for path in labels}


def paths(m: Measurement, files: EmbeddingFiles) -> Mapping[Need, Path]:
    """Where each embedding file that the measurement reads is, or will be."""
    return {need: path_of(need, files) for need in m.needs}


def path_of(need: Need, files: EmbeddingFiles) -> Path:
    """Where an encoder's file is; of `files` the root and the encoder's names count."""
    return replace(files, dataset=need.dataset, mask=need.mask).path(processing=need.processing, split=need.split)
