"""Generated result records of every task, for the tests of the report and its benchmark: plausible, not measured."""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from flickrexif.core.draws import rng
from flickrexif.eval.encoders.registry import registered_encoders
from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.measure.knn import IN_BLOCKS, SETUPS
from flickrexif.eval.measure.mitigation import Left
from flickrexif.eval.measure.retrieval import NEGATIVES
from flickrexif.eval.measure.similarity import BINS, GROUPS
from flickrexif.eval.measure.strips import Neighbor, Query
from flickrexif.eval.report.charts import charted, section_order
from flickrexif.eval.report.select import used_entries
from flickrexif.eval.report.spec import Figure, Rows
from flickrexif.eval.results import BLOCKS, Result, write_result
from flickrexif.processing.variants import PARAMETERS

Entry = tuple[str, Result]  # the record's path, and the record

ATTRIBUTES = {
    "Make": ("Apple", "Canon", "EASTMAN KODAK COMPANY", "FUJIFILM", "NIKON", "OLYMPUS OPTICAL CO.,LTD", "Panasonic",
             "SONY", "samsung"),
    "Model": tuple(f"model {number}" for number in range(88)),
    "Smartphone Model": tuple(f"iPhone {number}" for number in range(12)),
    "Is Smartphone": ("False", "True"),
    "Exposure": tuple(f"1/{number}" for number in range(30, 46)),
    "Aperture": tuple(f"{1.8 + 0.5 * number:.1f}" for number in range(17)),
    "ISO Speed": tuple(str(50 * 2**number) for number in range(16)),
    "Focal Length": tuple(f"{4 + number:.1f} mm" for number in range(13)),
}  # fmt: skip
RATIOS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
STRENGTH = {"CVL": 0.85, "SUP": 0.6, "SSL": 0.35, "CTL": 0.9, "OWN": 0.5}  # of the trace: 0 chance, 1 perfect
N = {
    "ImageNet": {"train": 1_281_167, "test": 50_000, "classes": 1_000},
    "iNaturalist": {"train": 437_513, "test": 24_426, "classes": 8_142},
}
"""Data set -> its official numbers."""


def encoders(count: int) -> list[tuple[str, str]]:
    """(name, family) of `count` encoders: the registry's in its order, then some of one's own."""
    names = [(record.name, str(record.family)) for record in registered_encoders().values()]
    own = [(f"module:own.encoders:factory_{number}", "OWN") for number in range(count - len(names))]
    return [*names, *own][:count]


def records(count: int = 47, *, seed: int = 0, points: int = 300) -> list[tuple[str, Result]]:
    """A record of every task for each encoder with its path; `points` in each t-SNE (2,000 in real ones).

    The fourth encoder's probe of sharpening diverged: it has no number, but a reason.
    """
    entries = []
    for number, (encoder, family) in enumerate(encoders(count)):
        for name, fields in _tasks(Maker(encoder, family, seed), points, fails=number == 3):
            entries.append((f"{_stem(encoder)}/{name}.json", _result(encoder, family, fields)))
    return entries


class Maker:
    """Keyed draws of one encoder."""

    def __init__(self, encoder: str, family: str, seed: int) -> None:
        self.encoder, self.seed = encoder, seed
        self.strength = min(0.98, max(0.05, STRENGTH[family] + self.draws("strength").gauss(0, 0.08)))
        self.skill = min(0.9, max(0.2, 0.7 + self.draws("skill").gauss(0, 0.08)))

    def draws(self, key: str) -> Random:
        return rng(self.seed, "generated record", f"{self.encoder} {key}")

    def between(self, key: str, chance: float) -> float:
        """An accuracy between chance and 1, by the strength of the encoder's trace."""
        strength = min(0.98, max(0.0, self.strength + self.draws(key).gauss(0, 0.05)))
        return round(chance + (1 - chance) * strength, 6)


def _stem(encoder: str) -> str:
    return "".join(char if char.isalnum() or char in "-._@" else "_" for char in encoder)


def _result(encoder: str, family: str, fields: dict[str, Any]) -> Result:
    digest = hashlib.sha256(json.dumps([encoder, fields["task"], fields["dataset"]]).encode()).hexdigest()
    settings = {"mask": 0.0, **fields.pop("settings")}
    if fields["task"] == "masking":
        del settings["mask"]  # its metrics are by ratio
    detail = MEASUREMENTS[fields["task"]].Detail(**fields.pop("detail"))
    return Result(
        settings=settings,
        detail=detail,
        encoder=encoder,
        family=family,
        versions={"python": "3.11.9", "platform": "Linux", "flickrexif": "0.1.0", "numpy": "2.4.6", "torch": "2.13.0"},
        origin="",
        fingerprints={f"{fields['dataset']}/{_stem(encoder)}.safetensors": f"sha256:{digest}"},
        seconds=12.5,
        **fields,
    )


def _tasks(maker: Maker, points: int, *, fails: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    for dataset in N:
        for parameter in PARAMETERS:
            stem = f"{dataset}-{parameter}"
            failed = fails and parameter == "sharpening"
            about = {"dataset": dataset, "parameter": parameter}
            about |= {"n": (n := N[dataset])}
            yield f"probe-{stem}", about | _probe(maker, stem, PARAMETERS[parameter], failed=failed, n=n, mask=0.0)
            yield f"knn-{stem}", about | _knn(maker, stem, 10 if dataset == "ImageNet" else 1, n["test"])
            yield f"similarity-{stem}", about | _similarity(maker, stem)
            yield f"mitigation-{stem}", about | _mitigation(maker, stem, len(PARAMETERS[parameter]))
    for attribute, classes in ATTRIBUTES.items():
        about = {"dataset": "FlickrExif", "attribute": attribute}
        n = {"train": 5_000 * len(classes), "test": 500 * len(classes)}
        yield f"probe-{attribute}", about | _probe(maker, attribute, classes, failed=False, n=n, mask=0.9)
    yield "masking", {"dataset": "ImageNet", "n": N["ImageNet"]} | _masking(maker)
    yield "neighbors", {"dataset": "FlickrExif", "attribute": "is_smartphone"} | _neighbors(maker)
    yield "retrieval", {"dataset": "PairCams"} | _retrieval(maker)
    yield "tsne", {"dataset": "FlickrExif", "attribute": "is_smartphone"} | _tsne(maker, points)
    yield "strips", {"dataset": "PairCams"} | _strips(maker, None)
    yield "strips-jpeg", {"dataset": "ImageNet", "parameter": "jpeg"} | _strips(maker, "jpeg") | {"n": {"test": 50_000}}


def _around(value: float, half: float) -> tuple[float, float]:
    return max(-1.0, round(value - half, 6)), min(1.0, round(value + half, 6))


def _blocks(maker: Maker, key: str, shares: dict[str, float], n: int) -> dict[str, tuple[float, ...]]:
    """Sums in blocks of `n` images that together have these shares."""
    draws, blocks, size = maker.draws(f"blocks of {key}"), {}, n / BLOCKS
    for name, share in shares.items():
        noise = [draws.gauss(0, math.sqrt(size * share * max(0.0, 1 - share))) for _ in range(BLOCKS)]
        blocks[name] = tuple(round(size * share + value - sum(noise) / BLOCKS, 4) for value in noise)
    return blocks | {"n": (size,) * BLOCKS}


def _probe(
    maker: Maker, key: str, classes: tuple[str, ...], *, failed: bool, n: dict[str, int], mask: float
) -> dict[str, Any]:
    chance, draws = 1 / len(classes), maker.draws(f"probe {key}")
    accuracy = maker.between(f"probe {key}", chance)
    count = 500
    confusion = [[round(count * (accuracy if i == j else (1 - accuracy) / (len(classes) - 1)))
                  for j in range(len(classes))] for i in range(len(classes))]  # fmt: skip
    trials = [{"rate": 10 ** draws.uniform(-1, 2), "weight_decay": 10 ** draws.uniform(-12, -4),
               "accuracy": None if failed else accuracy * draws.uniform(0.8, 1)} for _ in range(30)]  # fmt: skip
    metrics = {"accuracy": accuracy, "accuracy_std": 0.002, "mean_per_class_recall": accuracy}
    detail = {"best": trials[0], "trials": trials, "per_seed": [accuracy] * 10, "classes": list(classes),
              "recall": dict.fromkeys(classes, accuracy), "confusion": confusion, "left_out": {}}  # fmt: skip
    if failed:
        metrics = dict.fromkeys(metrics, None)
        detail |= {"best": {}, "per_seed": [], "recall": {}, "confusion": []}
    return {
        "task": "probe",
        "reason": "every trial diverged" if failed else "",
        "metrics": metrics | {"chance": chance},
        "intervals": {} if failed else {"accuracy": _around(accuracy, 0.01)},
        "interval": "test images",
        "n": {"train": n["train"] * 4 // 5, "validation": n["train"] - n["train"] * 4 // 5, "test": n["test"]},
        "blocks": {} if failed else _blocks(maker, f"probe {key}", {"accuracy": accuracy}, n["test"]),
        "detail": detail,
        "settings": {"protocol": "paper", "seed": 0, "device": "cpu", "seeds": 10, "mask": mask},
    }


def _setups(maker: Maker, key: str) -> dict[str, float]:
    drop = maker.strength * 0.4 * maker.skill
    levels = {"all_same": 0.0, "all_diff": 0.15, "pos_same": -0.3, "neg_same": 1.0, "uniform": 0.2}
    return {name: round(maker.skill - drop * levels[name] + maker.draws(f"{key} {name}").gauss(0, 0.005), 6)
            for name in SETUPS}  # fmt: skip


def _knn(maker: Maker, key: str, k: int, n: int) -> dict[str, Any]:
    metrics = _setups(maker, f"knn {key}")
    return {
        "task": "knn",
        "metrics": metrics,
        "intervals": {name: _around(value, 0.008) for name, value in metrics.items()},
        "interval": "test images",
        "blocks": _blocks(maker, f"knn {key}", {name: metrics[name] for name in IN_BLOCKS}, n),
        "detail": {
            "matrix": {},
            "vote_ties": dict.fromkeys(metrics, 0.02),
            "left_out": {},
            "classes": [],
        },
        "settings": {"k": k, "seeds": 10, "device": "cpu"},
    }


def _similarity(maker: Maker, key: str) -> dict[str, Any]:
    draws = maker.draws(f"similarity {key}")
    means = {name: 0.2 + 0.35 * (number < 2) + 0.1 * maker.strength * (number % 2 == 0) + draws.gauss(0, 0.02)
             for number, name in enumerate(GROUPS)}  # fmt: skip
    edges = [-1 + 2 * bin_ / BINS for bin_ in range(BINS + 1)]
    averaged = {}
    for name, mean in means.items():
        density = [math.exp(-(((left + 1 / BINS - mean) / 0.12) ** 2) / 2) for left in edges[:-1]]
        averaged[name] = [value / sum(density) for value in density]
    return {
        "task": "similarity",
        "metrics": {name: round(mean, 6) for name, mean in means.items()},
        "intervals": {name: _around(mean, 0.004) for name, mean in means.items()},
        "detail": {
            "edges": edges,
            "averaged": averaged,
            "queries": dict.fromkeys(GROUPS, 1000),
            "counts": {},
            "left_out": {},
        },
        "settings": {"queries": 1000, "seed": 0, "device": "cpu"},
    }


def _mitigation(maker: Maker, key: str, classes: int) -> dict[str, Any]:
    chance, before = 1 / classes, maker.between(f"mitigation {key}", 1 / classes)
    metrics: dict[str, float] = {"chance": chance}
    intervals = {}
    for name, left in {"none": 1.0, "centring": 0.5, "leace": 0.15, "averaging": 0.02}.items():
        metrics[f"{name}.accuracy"] = round(chance + (before - chance) * left, 6)
        intervals[f"{name}.accuracy"] = _around(metrics[f"{name}.accuracy"], 0.01)
        setups = {f"{name}.{setup}": value for setup, value in _setups(maker, f"{name} {key}").items()}
        metrics |= setups
        intervals |= {metric: _around(setups[metric], 0.008) for metric in (f"{name}.{s}" for s in IN_BLOCKS)}
    left = dict.fromkeys(("none", "centring", "leace", "averaging"), Left(best={}, recall={}))
    return {"task": "mitigation", "metrics": metrics, "intervals": intervals, "detail": {**left, "left_out": {}},
            "settings": {"protocol": "paper", "seeds": 10, "k": 10}}  # fmt: skip


def _masking(maker: Maker) -> dict[str, Any]:
    metrics = {f"{ratio:g}": round(maker.skill * (1 - ratio**3) + 0.001, 6) for ratio in RATIOS}
    return {"task": "masking", "metrics": metrics, "intervals": {n: _around(v, 0.006) for n, v in metrics.items()},
            "detail": {"vote_ties": {}, "left_out": {}}, "settings": {"k": 10, "ratios": list(RATIOS)}}  # fmt: skip


def _neighbors(maker: Maker) -> dict[str, Any]:
    excess = 0.22 * maker.strength
    metrics = {str(k): round(0.5 + excess * part, 6) for k, part in ((10, 1.0), (25, 0.9), (50, 0.8))}
    return {"task": "neighbors", "metrics": metrics, "intervals": {n: _around(v, 0.003) for n, v in metrics.items()},
            "interval": "photos", "n": {"photos": 1000}, "blocks": _blocks(maker, "neighbors", metrics, 1000),
            "detail": {"chance": 0.5003, "by_label": {}, "left_out": {}},
            "settings": {"k": [10, 25, 50]}}  # fmt: skip


def _retrieval(maker: Maker) -> dict[str, Any]:
    different = min(1.0, 0.9 + 0.1 * maker.skill + maker.draws("retrieval").gauss(0, 0.02))
    same = different - 0.25 * maker.strength * maker.draws("drop").random()
    metrics = {}
    for name, value in {"same": same, "different": different}.items():
        metrics |= {name: round(value, 6), f"{name}_camera": round(value, 6), f"{name}_phone": round(value, 6)}
    return {"task": "retrieval", "metrics": metrics, "intervals": {n: _around(v, 0.015) for n, v in metrics.items()},
            "interval": "subjects", "n": {"pairs": 730},
            "blocks": _blocks(maker, "retrieval", {name: metrics[name] for name in NEGATIVES}, 1460),
            "detail": {"unpaired": [], "ties": {}}, "settings": {"device": "cpu"}}  # fmt: skip


def _tsne(maker: Maker, points: int) -> dict[str, Any]:
    draws = maker.draws("tsne")
    label = [draws.randrange(2) for _ in range(points)]
    x = [round(draws.gauss(20 * maker.strength * (2 * value - 1), 12), 4) for value in label]
    y = [round(draws.gauss(0, 15), 4) for _ in label]
    return {"task": "tsne", "metrics": {}, "settings": {"seed": 0}, "n": {"photos": points},
            "detail": {"x": x, "y": y, "label": label, "classes": ["False", "True"], "left_out": {}}}  # fmt: skip


def _strips(maker: Maker, parameter: str | None) -> dict[str, Any]:
    draws, variants = maker.draws(f"strips {parameter}"), PARAMETERS[parameter] if parameter else (None,)

    def image() -> dict[str, Any]:
        number = draws.randrange(1000)
        return {"id": f"image-{number}", "label": ("phone", "camera")[number % 2], "variant": draws.choice(variants)}

    queries = []
    for _ in range(4):
        query = image()
        near = [image() | {"similarity": round(0.9 - 0.03 * rank, 4)} for rank in range(10)]
        neighbors = [Neighbor(**n, same=n["label"] == query["label"]) for n in near]
        queries.append(Query(**query, neighbors=neighbors))
    return {"task": "strips", "metrics": {}, "settings": {"seed": 0}, "n": {"photos": 1000},
            "detail": {"queries": queries, "left_out": {}}}  # fmt: skip


def of(count: int, seed: int = 0) -> list[Entry]:
    """Records of some encoders of all families."""
    every = records(47, seed=seed, points=40)
    names = list(dict.fromkeys(result.encoder for _, result in every))
    chosen = {names[place] for place in (0, 3, 8, 24, 25, 36, 40, 46)[:count]}
    return [entry for entry in every if entry[1].encoder in chosen and _is_kept(entry[1])]


def _is_kept(result: Result) -> bool:
    """Enough for figures of every kind, and for more of one kind than are shown at first."""
    parameters, attributes = ("jpeg", "sharpening"), ("Make", "Exposure", "Aperture", "ISO Speed", "Is Smartphone")
    is_shown = (result.parameter in parameters and result.dataset == "ImageNet") or result.attribute in attributes
    return is_shown or result.task in ("masking", "neighbors", "retrieval", "tsne", "strips")


def put(folder: Path, entries: list[Entry]) -> Path:
    for path, result in entries:
        write_result(folder / path, result)
    return folder


def figures(entries: Sequence[Entry]) -> list[Figure]:
    """The figures of the records that a report uses, of each processing alone."""
    used = used_entries(entries)
    parts = [[entry for entry in used if entry[1].parameter == parameter] for parameter in (*PARAMETERS, None)]
    drawn = [figure for part in parts for figure in charted(part).figures]
    return sorted(drawn, key=lambda figure: section_order(figure.section))


def together(entries: Sequence[Entry]) -> dict[str, Figure]:
    """The figures of the records by their names, as on a page: processings of a data set side by side."""
    return {figure.name: figure for figure in charted(used_entries(entries)).figures}


def with_published(figure: Figure, values: tuple[tuple[str, float], ...], series: str) -> Figure:
    """The figure with numbers of the paper: of its bars, or of the series of its dots of that name."""
    content = figure.content
    if not isinstance(content, Rows):
        return figure
    is_stated = [content.as_bars or line.name == series for line in content.series]
    changed = (replace(line, published=values) if stated else line
               for line, stated in zip(content.series, is_stated, strict=True))  # fmt: skip
    return replace(figure, content=replace(content, series=tuple(changed)))
