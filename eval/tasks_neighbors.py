"""The neighbour measurements over embedding files: files in, one result record out."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eval.embeddings import FLICKR_ID, Embeddings, read_embeddings
from eval.intervals import bootstrap_interval
from eval.knn import five_setups, uniform_draws
from eval.masking import masked_accuracy
from eval.neighbors import same_label_share
from eval.results import Result, environment, fingerprint
from eval.retrieval import NEGATIVES, TYPES, paircams_recall
from eval.similarity import GROUPS, similarity_distributions
from eval.task_files import EmbeddingFiles, about, common, fingerprints, read_split, variants_of
from eval.tiles import DEFAULT_MEMORY
from flickrexif.draws import rank
from flickrexif.errors import FlickrExifError, UsageError
from processing.variants import classes as classes_of

OVER_IMAGES = "bootstrap over test images"
LABEL = "is_smartphone"
HALF = {"cuda": torch.float16}  # what a device's products make shortlists in; as fast as bfloat16 and 8 times finer


@dataclass(frozen=True, slots=True)
class PhotoLabels:
    """A label, and a photographer where known, for each Flickr ID."""

    label: Mapping[int, int]
    owner: Mapping[int, str]
    classes: Sequence[str]


def run_knn(
    files: EmbeddingFiles,
    *,
    parameter: str,
    k: int = 10,
    seeds: int = 10,
    memory: int = DEFAULT_MEMORY,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """The five set-ups of `eval.knn` for a processing parameter: a train and a val file for each of its classes.

    UsageError for a missing file or an unknown name, FlickrExifError for a file that is not whole or has no labels.
    """
    began = clock()
    read, train, test, labels, draws, left_out = variants_of(files, parameter, seeds)
    _need_column(read, "label")
    half = HALF.get(device.split(":")[0])
    found = five_setups(
        test=test,
        test_labels=labels[1],
        train=train,
        train_labels=labels[0],
        draws=draws,
        k=k,
        memory=memory,
        device=device,
        half=half,
    )
    detail = {"matrix": found.matrix, "vote_ties": found.vote_ties, "unproven": found.unproven, "left_out": left_out}
    return Result(
        task="knn",
        **about(files, read[0][1]),
        parameter=parameter.lower(),
        metrics=found.accuracy,
        intervals={name: bootstrap_interval(correct) for name, correct in found.correct.items()},
        detail=detail | {"classes": list(classes_of(parameter)), "images": [len(train[0]), len(test[0])]},
        settings={"k": k, "seeds": seeds, "device": device, "half": half and str(half), "interval": OVER_IMAGES},
        versions=environment(),
        fingerprints=fingerprints(files.root, [path for path, _ in read]),
        seconds=clock() - began,
    )


def run_neighbors(
    files: EmbeddingFiles,
    *,
    labels: Path,
    ks: Sequence[int] = (10, 25, 50),
    memory: int = DEFAULT_MEMORY,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """The share of the nearest photos with the query's label; `labels` as `read_labels` reads it.

    Photos without a label or without an embedding are counted and left out. Raises as `run_knn`.
    """
    began = clock()
    path = files.path()
    found, known = read_embeddings(path), read_labels(labels)
    if FLICKR_ID not in found.columns:
        raise UsageError(f"{path} has no column {FLICKR_ID!r}.", "Name the embeddings of FlickrExif with --dataset.")
    ids = found.columns[FLICKR_ID].tolist()
    rows = [row for row, flickr_id in enumerate(ids) if flickr_id in known.label]
    if not rows:
        raise UsageError(f"None of the photos in {labels} has an embedding in {path}.", "Embed the labelled photos.")
    here = [ids[row] for row in rows]
    record = same_label_share(
        embeddings=found.image_embeddings[torch.tensor(rows)],
        labels=torch.tensor([known.label[i] for i in here]),
        ks=ks,
        memory=memory,
        device=device,
    )
    owners = [known.owner.get(i, str(i)) for i in here] if known.owner else None
    counts = {"no_label": len(ids) - len(rows), "no_embedding": len(known.label.keys() - set(ids))}
    return Result(
        task="neighbors",
        **about(files, found),
        attribute=LABEL,
        metrics={str(k): share for k, share in record.share.items()},
        intervals={str(k): bootstrap_interval(values, owners) for k, values in record.per_query.items()},
        detail={
            "chance": record.chance,
            "by_label": {k: {known.classes[c]: s for c, s in shares.items()} for k, shares in record.by_label.items()},
            "images": len(rows),
            "left_out": counts,
        },
        settings={"k": list(ks), "device": device, "interval": _interval_name(owners)},
        versions=environment(),
        fingerprints=fingerprints(files.root, [path]) | {labels.name: fingerprint(labels)},
        seconds=clock() - began,
    )


def run_retrieval(
    files: EmbeddingFiles, *, device: str = "cpu", clock: Callable[[], float] = time.perf_counter
) -> Result:
    """recall@1 of PairCams, against negatives of the same and of the other type of camera. Raises as `run_knn`."""
    began = clock()
    path = files.path()
    found = read_embeddings(path)
    _need_column([(path, found)], "subject")
    _need_column([(path, found)], "model")
    subject, phone = found.columns["subject"], found.columns["model"]
    record = paircams_recall(embeddings=found.image_embeddings, subject=subject, phone=phone, device=device)
    pairs, is_phone = subject[record.queries], phone[record.queries]
    intervals = {}
    for name, right in record.correct.items():
        intervals[name] = bootstrap_interval(right, pairs)
        for number, kind in enumerate(TYPES):
            intervals[f"{name}_{kind}"] = bootstrap_interval(right[is_phone == number])
    ids = found.image_ids()
    return Result(
        task="retrieval",
        **about(files, found),
        metrics=record.recall,
        intervals=intervals,
        detail={
            "pairs": len(record.queries) // 2,
            "unpaired": [ids[row] for row in record.unpaired.tolist()],
            "ties": record.ties,
        },
        settings={"device": device, "interval": "bootstrap over subjects", "negatives": list(NEGATIVES)},
        versions=environment(),
        fingerprints=fingerprints(files.root, [path]),
        seconds=clock() - began,
    )


def run_similarity(
    files: EmbeddingFiles,
    *,
    parameter: str,
    queries: int = 1_000,
    seed: int = 0,
    memory: int = DEFAULT_MEMORY,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """Similarities of `queries` test images, drawn by the seed, to all training images, by class and processing.

    Every image is in one processing, drawn as for the probe. Raises as `run_knn`.
    """
    began = clock()
    if queries < 1:
        raise UsageError(f"{queries} queries have no similarities.", "Give --queries 1000.")
    read, train, test, labels, _, left_out = variants_of(files, parameter, 1)
    _need_column(read, "label")
    names = classes_of(parameter)
    ids = [common([e for path, e in read if path.stem.endswith(f"_split={split}")])[1] for split in ("train", "val")]
    base, asked = (
        uniform_draws(parameter=parameter, image_ids=part, classes=len(names), seeds=[seed])[0] for part in ids
    )
    chosen = sorted(range(len(ids[1])), key=lambda row: rank(seed, "queries of similarity", ids[1][row]))[:queries]
    at = torch.tensor(sorted(chosen))
    record = similarity_distributions(
        queries=_mixed(test, asked)[at],
        query_classes=labels[1][at],
        query_metadata=asked[at],
        base=_mixed(train, base),
        base_classes=labels[0],
        base_metadata=base,
        memory=memory,
        device=device,
    )
    per_query = {name: values[~values.isnan()] for name, values in zip(GROUPS, record.per_query.T, strict=True)}
    return Result(
        task="similarity",
        **about(files, read[0][1]),
        parameter=parameter.lower(),
        metrics={name: float(values.double().mean()) if len(values) else None for name, values in per_query.items()},
        intervals={name: bootstrap_interval(values) for name, values in per_query.items() if len(values)},
        detail={
            "edges": record.edges,
            "averaged": dict(zip(GROUPS, record.averaged, strict=True)),
            "counts": dict(zip(GROUPS, record.counts, strict=True)),
            "queries": {name: len(values) for name, values in per_query.items()},
            "left_out": left_out,
        },
        settings={"queries": queries, "seed": seed, "device": device, "interval": OVER_IMAGES},
        versions=environment(),
        fingerprints=fingerprints(files.root, [path for path, _ in read]),
        seconds=clock() - began,
    )


def run_masking(
    files: EmbeddingFiles,
    *,
    ratios: Sequence[float],
    k: int = 10,
    memory: int = DEFAULT_MEMORY,
    device: str = "cpu",
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """kNN accuracy at each mask ratio, from a train and a val file for each. Raises as `run_knn`."""
    began = clock()
    if not ratios:
        raise UsageError("No mask ratio was named.", "Give some, such as --ratios 0 0.5 0.9.")
    read: list[tuple[Path, Embeddings]] = []
    sets, labels, left_out = {}, {}, {}
    for split in ("train", "val"):
        paths = [replace(files, mask=ratio).path(split=split) for ratio in ratios]
        found = [read_embeddings(path) for path in paths]
        read += zip(paths, found, strict=True)
        _need_column(read, "label")
        sets[split], _, rows, left_out[split] = common(found)
        labels[split] = found[0].columns["label"][rows]
    record = masked_accuracy(
        embeddings=dict(zip(ratios, zip(sets["val"], sets["train"], strict=True), strict=True)),
        test_labels=labels["val"],
        train_labels=labels["train"],
        k=k,
        memory=memory,
        device=device,
    )
    return Result(
        task="masking",
        **about(files, read[0][1]),
        metrics={f"{ratio:g}": value for ratio, value in record.accuracy.items()},
        intervals={f"{ratio:g}": bootstrap_interval(right) for ratio, right in record.correct.items()},
        detail={"vote_ties": {f"{r:g}": share for r, share in record.vote_ties.items()}, "left_out": left_out},
        settings={"k": k, "ratios": list(ratios), "device": device, "interval": OVER_IMAGES},
        versions=environment(),
        fingerprints=fingerprints(files.root, [path for path, _ in read]),
        seconds=clock() - began,
    )


def read_labels(path: Path) -> PhotoLabels:
    """Smart or not, from a split file (its test photos) or a table of the `labels` config (Parquet, with owners).

    UsageError where there is no such file, FlickrExifError for one of another kind.
    """
    if path.suffix == ".json":
        classes, splits = read_split(path)
        return PhotoLabels(dict(zip(*splits["test"], strict=True)), {}, classes)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=[FLICKR_ID, "owner", LABEL])
    except FileNotFoundError:
        raise UsageError(f"There is no labels file {path}.", "Make it with `flickrexif build`.") from None
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        message = f"{path} is no table of labels ({str(error)[:80]})."
        raise FlickrExifError(message, "Name a file of the folder `labels`, or a split file.") from None
    rows = [(i, owner, smart) for i, owner, smart in zip(*table.to_pydict().values(), strict=True) if smart is not None]
    label = {flickr_id: int(smart) for flickr_id, _, smart in rows}
    return PhotoLabels(label, {flickr_id: owner for flickr_id, owner, _ in rows}, ("False", "True"))


# --- parts


def _interval_name(owners: Sequence[Any] | None) -> str:
    return "bootstrap over photographers" if owners else "bootstrap over photos"


def _need_column(read: Sequence[tuple[Path, Embeddings]], column: str) -> None:
    for path, found in read:
        if column not in found.columns:
            message = f"{path} has no column {json.dumps(column)}."
            raise FlickrExifError(message, "Embed a data set that has it with `flickrexif embed`.")


def _mixed(variants: Sequence[Tensor], draw: Tensor) -> Tensor:
    """Row n of the variant that `draw` [n] names, [n, d]."""
    mixed = variants[0].clone()
    for number, variant in enumerate(variants):
        at = (draw == number).nonzero()[:, 0]
        mixed[at] = variant[at].to(mixed.dtype)
    return mixed
