"""A record of every task, measured by the public function on small data: masked and whole, simulated and not told."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import flickrexif
from flickrexif.commands.evaluate import named_in_files
from flickrexif.eval.data.catalog import of_embeddings
from flickrexif.eval.embed.store import file_names
from flickrexif.eval.measure.base import Subject
from flickrexif.eval.results import Result, to_json
from tests.suite_data import write_data

ENCODER = "control:dct"
SIMULATED = "sandbox:simulated"
MASKS = (0.0, 0.9)
ORIGINS = {"ImageNet": "", "FlickrExif": SIMULATED, "PairCams": "real"}  # of the data sets of `write_embedded`
FAST = {"protocol": "fast", "seeds": 2}
SHARPENING = {"parameter": "sharpening"}

Record = dict[str, Any]


def write_embedded(root: Path) -> Path:
    """The data folder of `suite_data`, its photos simulated and its pairs real, embedded whole and masked."""
    data = write_data(root)
    (data / "flickrexif" / "collection.json").write_text(json.dumps({"source": SIMULATED}))
    (data / "paircams" / "pairs.json").write_text(json.dumps({"simulated_images": 0}))
    for name in ("imagenet-traces", "flickrexif", "paircams"):
        flickrexif.embed(name, ENCODER, data_dir=data, mask=MASKS, device="cpu")
    return data


MEASUREMENTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "knn": ("knn", "ImageNet", {**SHARPENING, "k": 3, "seeds": 2}),
    "probe": ("probe", "ImageNet", {**SHARPENING, **FAST}),
    "probe-attribute": ("probe", "FlickrExif", {"attribute": "Make", "protocol": "fast"}),
    "retrieval": ("retrieval", "PairCams", {}),
    "neighbors": ("neighbors", "FlickrExif", {}),
    "similarity": ("similarity", "ImageNet", SHARPENING),
    "masking": ("masking", "ImageNet", {"ratios": MASKS}),
    "mitigation": ("mitigation", "ImageNet", {**SHARPENING, **FAST}),
    "tsne": ("tsne", "FlickrExif", {}),
    "strips": ("strips", "ImageNet", SHARPENING),
    "strips-labels": ("strips", "FlickrExif", {}),
}
"""File stem -> (task, data set, settings), of at least one measurement of every task."""


def measured(
    task: str,
    dataset: str,
    settings: dict[str, Any],
    embeddings: Path,
    labels: Path | None = None,
    encoder: str = "control/dct",
    **options: Any,
) -> Result:
    """The record of the one measurement of these embeddings, which are taken as they are."""
    options = {"device": "cpu", "out": embeddings.parent / "results", **options}
    beside = embeddings.parent / "flickrexif"
    options["labels"] = labels or (beside if beside.exists() else None)
    (result,) = flickrexif.evaluate(
        encoder, task, dataset=dataset, settings=settings, embeddings=embeddings, **options
    ).results
    return result


def subject_of(embeddings: Path, dataset: str, encoder: str, labels: Path | None = None) -> Subject:
    """The embeddings of an encoder, by MODEL/VARIANT, to be measured with settings that only Python can give."""
    (data,), (spec,) = of_embeddings(embeddings, [dataset]), named_in_files(encoder)
    model, variant = file_names(spec)
    return Subject(data=replace(data, labels=labels), root=embeddings, model=model, variant=variant, spec=spec)


def plain_text(result: Result) -> str:
    """The record as a text, without the time that it took."""
    return to_json(replace(result, seconds=0.0))


def measure_all(data: Path, out: Path) -> dict[str, Record]:
    """Make every measurement under both masks; file name -> the record as JSON has it."""
    for stem, (task, dataset, settings) in MEASUREMENTS.items():
        for mask in MASKS if task != "masking" else (None,):
            name = f"{stem}-masked.json" if mask else f"{stem}.json"
            chosen = settings if mask is None else {**settings, "mask": mask}
            measured(task, dataset, chosen, data / "embeddings", out=out / name)
    return {path.name: json.loads(path.read_text()) for path in sorted(out.glob("*.json"))}
