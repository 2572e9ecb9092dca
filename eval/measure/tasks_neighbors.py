"""Measures neighbours on embedding files: each function reads files and returns one result record."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.parquet import read_table
from flickrexif.eval.data.embeddings import FLICKR_ID, Embeddings, read_embeddings
from flickrexif.eval.measure.inputs import (
    EmbeddingFiles,
    Images,
    check_ratios,
    flickr_ids,
    input_fields,
    read_split,
    read_variants,
    train_and_test,
)
from flickrexif.eval.measure.intervals import bootstrap_interval
from flickrexif.eval.measure.knn import five_setups, uniform_draws
from flickrexif.eval.measure.masking import masked_accuracy
from flickrexif.eval.measure.neighbors import same_label_share
from flickrexif.eval.measure.retrieval import NEGATIVES, TYPES, paircams_recall
from flickrexif.eval.measure.similarity import GROUPS, similarity_distributions
from flickrexif.eval.measure.tiles import DEFAULT_MEMORY
from flickrexif.eval.results import Result
from flickrexif.processing.variants import classes as classes_of

OVER_IMAGES = "bootstrap over test images"
LABEL = "is_smartphone"


@dataclass(frozen=True, slots=True)
class PhotoLabels:
    """The label of photos by Flickr ID, and the photographer of those whose owner is known."""

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
    """The five set-ups of `knn` for a processing parameter, from a train and a val file for each of its classes.

    Raises UsageError for a missing file or an unknown name, FlickrExifError for a broken file or one without labels.
    """
    began = clock()
    images, draws = read_variants(files, parameter, seeds)
    _need_column(images.read, "label")
    record = five_setups(
        test=images.test.embeddings,
        test_labels=images.test.labels,
        train=images.train.embeddings,
        train_labels=images.train.labels,
        draws=draws,
        k=k,
        memory=memory,
        device=device,
    )
    settings = {"k": k, "seeds": seeds, "device": device, "interval": OVER_IMAGES}
    return Result(
        task="knn",
        **input_fields(files, images.read, settings),
        parameter=parameter.lower(),
        metrics=record.accuracy,
        intervals={name: bootstrap_interval(correct) for name, correct in record.correct.items()},
        detail={
            "matrix": record.matrix,
            "vote_ties": record.vote_ties,
            "left_out": images.left_out,
            "images": [len(images.train.ids), len(images.test.ids)],
            "classes": list(classes_of(parameter)),
        },
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
    """How many of the k nearest photos share the query's label; `labels` is a file or folder for `read_labels`.

    Photos without a label or without an embedding are left out and counted. Raises as `run_knn`.
    """
    began = clock()
    path = files.path()
    embeddings, photos = read_embeddings(path), read_labels(labels)
    ids = flickr_ids(path, embeddings)
    rows = [row for row, flickr_id in enumerate(ids) if flickr_id in photos.label]
    if not rows:
        raise UsageError(f"None of the photos in {labels} has an embedding in {path}.", "Embed the labelled photos.")
    labelled_ids = [ids[row] for row in rows]
    record = same_label_share(
        embeddings=embeddings.image_embeddings[torch.tensor(rows)],
        labels=torch.tensor([photos.label[i] for i in labelled_ids]),
        ks=ks,
        memory=memory,
        device=device,
    )
    owners = [photos.owner.get(i, str(i)) for i in labelled_ids] if photos.owner else None
    counts = {"no_label": len(ids) - len(rows), "no_embedding": len(photos.label.keys() - set(ids))}
    settings = {"k": list(ks), "device": device, "interval": _interval_name(owners)}
    return Result(
        task="neighbors",
        **input_fields(files, [(path, embeddings)], settings, label_files(labels)),
        attribute=LABEL,
        metrics={str(k): share for k, share in record.share.items()},
        intervals={str(k): bootstrap_interval(values, owners) for k, values in record.per_query.items()},
        detail={
            "chance": record.chance,
            "by_label": {k: {photos.classes[c]: s for c, s in shares.items()} for k, shares in record.by_label.items()},
            "images": len(rows),
            "left_out": counts,
        },
        seconds=clock() - began,
    )


def run_retrieval(
    files: EmbeddingFiles, *, device: str = "cpu", clock: Callable[[], float] = time.perf_counter
) -> Result:
    """recall@1 of PairCams among negatives of the same and of the other type of camera. Raises as `run_knn`."""
    began = clock()
    path = files.path()
    embeddings = read_embeddings(path)
    _need_column([(path, embeddings)], "subject")
    _need_column([(path, embeddings)], "model")
    subject, phone = embeddings.columns["subject"], embeddings.columns["model"]
    record = paircams_recall(embeddings=embeddings.image_embeddings, subject=subject, phone=phone, device=device)
    pairs, is_phone = subject[record.queries], phone[record.queries]
    intervals = {}
    for name, right in record.correct.items():
        intervals[name] = bootstrap_interval(right, pairs)
        for number, kind in enumerate(TYPES):
            intervals[f"{name}_{kind}"] = bootstrap_interval(right[is_phone == number])
    ids = embeddings.image_ids()
    settings = {"device": device, "interval": "bootstrap over subjects", "negatives": list(NEGATIVES)}
    return Result(
        task="retrieval",
        **input_fields(files, [(path, embeddings)], settings),
        metrics=record.recall,
        intervals=intervals,
        detail={
            "pairs": len(record.queries) // 2,
            "unpaired": [ids[row] for row in record.unpaired.tolist()],
            "ties": record.ties,
        },
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
    """How similar test images are to training images, by whether they share class and processing.

    `queries` test images are drawn by the seed. Each image is in one processing, drawn as for the probe. Raises as
    `run_knn`.
    """
    began = clock()
    if queries < 1:
        raise UsageError(f"{queries} queries have no similarities.", "Give --queries 1000.")
    images, _ = read_variants(files, parameter, 1)
    _need_column(images.read, "label")
    train, test, names = images.train, images.test, classes_of(parameter)
    base_processing, query_processing = (
        uniform_draws(parameter=parameter, image_ids=part.ids, classes=len(names), seeds=[seed])[0]
        for part in (train, test)
    )
    chosen = sorted(range(len(test.ids)), key=lambda row: rank(seed, "queries of similarity", test.ids[row]))[:queries]
    query_rows = torch.tensor(sorted(chosen), dtype=torch.int64)
    record = similarity_distributions(
        queries=_mixed(test, query_processing)[query_rows],
        query_classes=test.labels[query_rows],
        query_metadata=query_processing[query_rows],
        base=_mixed(train, base_processing),
        base_classes=train.labels,
        base_metadata=base_processing,
        memory=memory,
        device=device,
    )
    per_query = {name: values[~values.isnan()] for name, values in zip(GROUPS, record.per_query.T, strict=True)}
    settings = {"queries": queries, "seed": seed, "device": device, "interval": OVER_IMAGES}
    return Result(
        task="similarity",
        **input_fields(files, images.read, settings),
        parameter=parameter.lower(),
        metrics={name: float(values.double().mean()) if len(values) else None for name, values in per_query.items()},
        intervals={name: bootstrap_interval(values) for name, values in per_query.items() if len(values)},
        detail={
            "edges": record.edges,
            "averaged": dict(zip(GROUPS, record.averaged, strict=True)),
            "counts": dict(zip(GROUPS, record.counts, strict=True)),
            "queries": {name: len(values) for name, values in per_query.items()},
            "left_out": images.left_out,
        },
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
    """kNN accuracy at each mask ratio, from a train and a val file for each ratio. Raises as `run_knn`."""
    began = clock()
    if not ratios:
        raise UsageError("No mask ratio was named.", "Give some, such as --ratios 0 0.5 0.9.")
    images = train_and_test([(replace(files, mask=ratio), None) for ratio in ratios])
    check_ratios(files.root, images.read, ratios)
    _need_column(images.read, "label")
    record = masked_accuracy(
        embeddings=dict(zip(ratios, zip(images.test.embeddings, images.train.embeddings, strict=True), strict=True)),
        test_labels=images.test.labels,
        train_labels=images.train.labels,
        k=k,
        memory=memory,
        device=device,
    )
    settings = {"k": k, "ratios": list(ratios), "device": device, "interval": OVER_IMAGES}
    return Result(
        task="masking",
        **input_fields(files, images.read, settings),
        metrics={f"{ratio:g}": value for ratio, value in record.accuracy.items()},
        intervals={f"{ratio:g}": bootstrap_interval(right) for ratio, right in record.correct.items()},
        detail={"vote_ties": {f"{r:g}": share for r, share in record.vote_ties.items()}, "left_out": images.left_out},
        seconds=clock() - began,
    )


def read_labels(path: Path) -> PhotoLabels:
    """Which photos are from a smartphone: the test photos of a split file, or a Parquet file or folder of `labels`,
    which tells the owners too.

    Raises UsageError where there is no such file, FlickrExifError for a file of another kind.
    """
    if path.suffix == ".json":
        split = read_split(path)
        labels = dict(zip(split.ids["test"].tolist(), split.labels["test"].tolist(), strict=True))
        return PhotoLabels(labels, {}, split.classes)
    rows = [row for file in label_files(path) for row in _labelled(file)]
    label = {flickr_id: int(smart) for flickr_id, _, smart in rows}
    return PhotoLabels(label, {flickr_id: owner for flickr_id, owner, _ in rows}, ("False", "True"))


def label_files(path: Path) -> list[Path]:
    """The file itself, or the Parquet files of a folder. UsageError where there is none."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise UsageError(f"There is no labels file {path}.", "Make it with `flickrexif build`.")
    return files


def _labelled(path: Path) -> list[tuple[int, str, bool]]:
    """(Flickr ID, owner, whether from a smartphone) of the photos whose device is known."""
    table = read_table([path], [FLICKR_ID, "owner", LABEL], "Name a file of the folder `labels`, or a split file.")
    return [row for row in zip(*table.to_pydict().values(), strict=True) if row[2] is not None]


# --- what the tasks share


def _interval_name(owners: Sequence[Any] | None) -> str:
    return "bootstrap over photographers" if owners else "bootstrap over photos"


def _need_column(files: Sequence[tuple[Path, Embeddings]], column: str) -> None:
    for path, embeddings in files:
        if column not in embeddings.columns:
            message = f"{path} has no column {json.dumps(column)}."
            raise FlickrExifError(message, "Embed a data set that has it with `flickrexif embed`.")


def _mixed(images: Images, draw: Tensor) -> Tensor:
    """The embeddings [n, d] in which image i is in the variant draw[i]."""
    mixed = images.embeddings[0].clone()
    for number, variant in enumerate(images.embeddings):
        rows = (draw == number).nonzero()[:, 0]
        mixed[rows] = variant[rows].to(mixed.dtype)
    return mixed
