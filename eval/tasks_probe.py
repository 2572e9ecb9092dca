"""The probe and the mitigations over embedding files: files in, one result record out."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eval.embeddings import FLICKR_ID, Embeddings, embedding_path, read_embeddings
from eval.knn import SETUPS, five_setups, uniform_draws
from eval.mitigation import mitigations
from eval.probe import Part, ProbeData, ProbeOutcome, ProbeSettings, labelled_data, probe, processing_data
from eval.probe_heads import Heads
from eval.results import Result, environment, fingerprint
from eval.tiles import unit_rows
from flickrexif.errors import FlickrExifError, UsageError
from flickrexif.whole import put
from processing.variants import classes as classes_of

SPLIT_FILE = "split_data_target_attribute={}.json"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingFiles:
    """Where the embeddings of one encoder are: the words of `embedding_path`."""

    root: Path
    dataset: str
    model: str
    variant: str
    mask: float | None = None

    def path(self, *, processing: str | None = None, split: str | None = None) -> Path:
        """The file of one processing and split."""
        return embedding_path(
            self.root, self.dataset, self.model, self.variant, processing=processing, split=split, mask=self.mask
        )


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

    Writes the trained heads to `weights` (safetensors) where that is named. Raises UsageError for a missing file or
    an unknown name, FlickrExifError for a file that is not whole.
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
    return Result(
        task="probe",
        **_about(files, read[0][1]),
        parameter=parameter and parameter.lower(),
        attribute=attribute,
        metrics=metrics,
        intervals={"accuracy": outcome.interval} if outcome.interval else {},
        detail=_detail(outcome, data) | counts,
        settings=asdict(settings) | {"seeds": data.seeds, "interval": "bootstrap over test images", "mask": files.mask},
        versions=environment(),
        fingerprints=_fingerprints(files.root, [path for path, _ in read]),
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
    """The probe (the trace that is left) and kNN's five set-ups (the semantics), without and with each mitigation.

    Metrics are `<mitigation>.<measure>`: `none.accuracy` is the probe before, `leace.all_same` a set-up after.
    """
    began = clock()
    read, train, test, labels, draws, left_out = _variants(files, parameter, seeds)
    train, test = ([unit_rows(v, slice(0, len(v))) for v in variants] for variants in (train, test))
    names = classes_of(parameter)
    metrics: dict[str, float | None] = {}
    intervals: dict[str, tuple[float, float]] = {}
    detail: dict[str, Any] = {}
    for name, (on_train, on_test) in mitigations(train).items():
        changed, asked = on_train(train), on_test(test)
        outcome = probe(processing_data(changed, asked, names, draws, settings), settings)
        neighbours = five_setups(
            test=asked, test_labels=labels[1], train=changed, train_labels=labels[0], draws=draws, k=k,
            device=settings.device,
        )  # fmt: skip
        metrics |= {
            f"{name}.accuracy": outcome.accuracy,
            f"{name}.mean_per_class_recall": outcome.mean_per_class_recall,
        }
        metrics |= {f"{name}.{setup}": neighbours.accuracy[setup] for setup in SETUPS}
        intervals |= {f"{name}.accuracy": outcome.interval} if outcome.interval else {}
        detail[name] = {"best": dict(outcome.best), "recall": dict(outcome.recall), "reason": outcome.reason}
    return Result(
        task="mitigation",
        **_about(files, read[0][1]),
        parameter=parameter.lower(),
        metrics=metrics | {"chance": 1 / len(names)},
        intervals=intervals,
        detail=detail | {"left_out": left_out},
        settings=asdict(settings) | {"seeds": seeds, "k": k, "interval": "bootstrap over test images"},
        versions=environment(),
        fingerprints=_fingerprints(files.root, [path for path, _ in read]),
        seconds=clock() - began,
    )


def save_heads(path: Path, heads: Heads, classes: Sequence[str]) -> None:
    """The trained heads as safetensors: `weight` [H, C, d], `bias` [H, C], and the names of the classes."""
    from safetensors.torch import save

    tensors = {"weight": heads.weight.cpu().contiguous(), "bias": heads.bias.cpu().contiguous()}
    content = save(tensors, {"classes": json.dumps(list(classes))})
    put(path, lambda temporary: temporary.write_bytes(content))


def _detail(outcome: ProbeOutcome, data: ProbeData) -> dict[str, Any]:
    told = ("best", "trials", "per_seed", "recall", "confusion", "reason")
    images = {
        "train": int((~data.validation).sum()),
        "validation": int(data.validation.sum()),
        "test": len(data.test[0].labels),
    }
    return {name: getattr(outcome, name) for name in told} | {"classes": list(data.classes), "images": images}


def _about(files: EmbeddingFiles, found: Embeddings) -> dict[str, Any]:
    """Who was measured on what; the released code's files say neither encoder nor family, their names do."""
    from eval.encoders.registry import known

    encoder = found.metadata.get("encoder", f"paper:{files.model}/{files.variant}")
    family = found.metadata.get("family") or (known()[encoder].family if encoder in known() else None)
    return {"encoder": encoder, "family": family, "dataset": files.dataset}


def _fingerprints(root: Path, paths: Sequence[Path]) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): fingerprint(path) for path in paths}


# --- processing labels

Read = list[tuple[Path, Embeddings]]


def _processing(
    files: EmbeddingFiles, parameter: str, seeds: int, settings: ProbeSettings
) -> tuple[ProbeData, Read, dict[str, Any]]:
    read, train, test, _, draws, left_out = _variants(files, parameter, seeds)
    data = processing_data(train, test, classes_of(parameter), draws, settings)
    return data, read, {"left_out": left_out}


def _variants(
    files: EmbeddingFiles, parameter: str, seeds: int
) -> tuple[Read, list[Tensor], list[Tensor], list[Tensor], Tensor, dict[str, int]]:
    """Embeddings of every class, train and val; labels of both; the draws; images not in all files, by split."""
    if seeds < 1:
        raise UsageError(f"A probe needs a draw of the processing, not {seeds}.", "Give --seeds 10.")
    names = classes_of(parameter)
    read: Read = []
    variants, labels, ids, left_out = {}, [], {}, {}
    for split in ("train", "val"):
        paths = [files.path(processing=name, split=split) for name in names]
        found = [read_embeddings(path) for path in paths]
        read += zip(paths, found, strict=True)
        variants[split], ids[split], rows, left_out[split] = _common(found)
        labels.append(found[0].columns.get("label", torch.zeros(len(found[0]), dtype=torch.int64))[rows])
    draws = uniform_draws(parameter=parameter, image_ids=ids["train"], classes=len(names), seeds=range(seeds))
    return read, variants["train"], variants["val"], labels, draws, left_out


def _common(found: Sequence[Embeddings]) -> tuple[list[Tensor], list[str], Tensor, int]:
    """The images that all files have, in the order of the first: embeddings, ids, rows in the first, number left out.

    A file lacks the images that could not be decoded. Raises FlickrExifError where the files share none, and where
    files without ids differ in length, so that their rows cannot be matched.
    """
    every = [embeddings.image_ids() for embeddings in found]
    if all(ids == every[0] for ids in every):
        return [e.image_embeddings for e in found], every[0], torch.arange(len(every[0])), 0
    if not all(embeddings.columns.keys() & {"image_id", FLICKR_ID} for embeddings in found):
        raise FlickrExifError("The embeddings of the classes differ in length and name no images.", "Embed them again.")
    places = [{image_id: row for row, image_id in enumerate(ids)} for ids in every]
    shared = [image_id for image_id in every[0] if all(image_id in place for place in places)]
    if not shared:
        raise FlickrExifError("The embeddings of the classes have no image in common.", "Embed the same images.")
    rows = [torch.tensor([place[image_id] for image_id in shared]) for place in places]
    chosen = [embeddings.image_embeddings[row] for embeddings, row in zip(found, rows, strict=True)]
    return chosen, shared, rows[0], len(set().union(*every)) - len(shared)


# --- acquisition labels


def _acquisition(
    files: EmbeddingFiles, attribute: str, splits: Path | None, settings: ProbeSettings
) -> tuple[ProbeData, Read, dict[str, Any]]:
    if splits is None:
        raise UsageError(f"The labels of {attribute!r} are in split files.", "Name their folder with --splits.")
    split_path = _split_path(splits, attribute)
    classes, labelled = read_split(split_path)
    path = files.path()
    found = read_embeddings(path)
    if FLICKR_ID not in found.columns:
        raise UsageError(f"{path} has no column {FLICKR_ID!r}.", "Name the embeddings of FlickrExif with --dataset.")
    place = {flickr_id: row for row, flickr_id in enumerate(found.columns[FLICKR_ID].tolist())}
    parts, missing = [], {}
    for split, (ids, labels) in labelled.items():
        kept = [(place[i], label) for i, label in zip(ids, labels, strict=True) if i in place]
        rows, values = torch.tensor(kept, dtype=torch.int64).reshape(-1, 2).unbind(1)
        parts.append(Part(found.image_embeddings[rows], values))
        missing[split] = len(ids) - len(kept)
    data = labelled_data(parts[0], parts[1], parts[2], classes, settings)
    return data, [(path, found)], {"left_out": missing, "split_file": fingerprint(split_path)}


def _split_path(splits: Path, attribute: str) -> Path:
    """The split file of an attribute in the folder `splits`. UsageError names those that are there."""
    path = splits / SPLIT_FILE.format(attribute)
    if not path.is_file():
        start, end = SPLIT_FILE.split("{}")
        there = sorted(p.name.removeprefix(start).removesuffix(end) for p in splits.glob(SPLIT_FILE.format("*")))
        hint = f"There: {', '.join(there)}." if there else "Make them with `flickrexif splits`."
        raise UsageError(f"{splits} has no split file of {attribute[:80]!r}.", hint)
    return path


def read_split(path: Path) -> tuple[list[str], dict[str, tuple[list[int], list[int]]]]:
    """The classes of a split file, and ids and labels of train, val and test. FlickrExifError for any other file."""
    try:
        record = json.loads(path.read_text("utf-8"))
        classes = [str(name) for name in record["label_encoder_classes"]]
        labelled = {
            s: (list(map(int, record[f"{s}_ids"])), list(map(int, record[f"encoded_{s}_labels"]))) for s in SPLITS
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FlickrExifError(
            f"{path} is no split file ({error!r:.80}).", "Make it with `flickrexif splits`."
        ) from None
    if problem := next(_faults(classes, labelled), None):
        raise FlickrExifError(f"{path} is no split file: {problem}.", "Make it again with `flickrexif splits`.")
    return classes, labelled


def _faults(classes: Sequence[str], labelled: dict[str, tuple[list[int], list[int]]]) -> Iterator[str]:
    if len(classes) < 2:
        yield f"it has {len(classes)} classes"
    for split, (ids, labels) in labelled.items():
        if len(ids) != len(labels):
            yield f"{split} has {len(ids)} ids and {len(labels)} labels"
        elif labels and not 0 <= min(labels) <= max(labels) < len(classes):
            yield f"{split} has a label that is no class"
