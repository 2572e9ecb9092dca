"""A record of every task, measured by the public function on small data: masked and whole, simulated and not told."""

import json
from pathlib import Path
from typing import Any

import flickrexif
from tests.suite_data import write_data

ENCODER = "control:dct"
PLACE = {"model": "control", "variant": "dct"}
SIMULATED = "sandbox:simulated"
MASKS = (0.0, 0.9)
ORIGINS = {"ImageNet": "", "FlickrExif": SIMULATED, "PairCams": "real"}  # of the data sets of `write_embedded`
FAST = {"protocol": "fast", "seeds": 2}
SHARPENING = {"dataset": "ImageNet", "parameter": "sharpening"}

Record = dict[str, Any]


def write_embedded(root: Path) -> Path:
    """The data folder of `suite_data`, its photos simulated and its pairs real, embedded whole and masked."""
    data = write_data(root)
    (data / "flickrexif" / "collection.json").write_text(json.dumps({"source": SIMULATED}))
    (data / "paircams" / "pairs.json").write_text(json.dumps({"simulated_images": 0}))
    for name in ("imagenet-traces", "flickrexif", "paircams"):
        flickrexif.embed(name, ENCODER, data_dir=data, mask=MASKS, device="cpu")
    return data


def measurements(data: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """File stem -> (task, settings), of at least one measurement of every task."""
    labels, splits = {"labels": data / "flickrexif" / "labels"}, data / "flickrexif" / "splits"
    return {
        "knn": ("knn", {**SHARPENING, "k": 3, "seeds": 2}),
        "probe": ("probe", {**SHARPENING, **FAST}),
        "probe-attribute": (
            "probe",
            {"dataset": "FlickrExif", "attribute": "Make", "splits": splits, "protocol": "fast"},
        ),
        "retrieval": ("retrieval", {}),
        "neighbors": ("neighbors", labels),
        "similarity": ("similarity", SHARPENING),
        "masking": ("masking", {"dataset": "ImageNet", "ratios": MASKS}),
        "mitigation": ("mitigation", {**SHARPENING, **FAST}),
        "tsne": ("tsne", labels),
        "strips": ("strips", SHARPENING),
        "strips-labels": ("strips", {"dataset": "FlickrExif", **labels}),
    }


def measure_all(data: Path, out: Path) -> dict[str, Record]:
    """Make every measurement under both masks; file name -> the record as JSON has it."""
    for stem, (task, settings) in measurements(data).items():
        for mask in MASKS if task != "masking" else (None,):
            name = f"{stem}-masked.json" if mask else f"{stem}.json"
            flickrexif.measure(task, **PLACE, **settings, mask=mask, data_dir=data, out=out / name)
    return {path.name: json.loads(path.read_text()) for path in sorted(out.glob("*.json"))}
