"""The neighbour measurements over embedding files: files in, one result record out."""

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
from flickrexif.eval.embeddings import FLICKR_ID, Embeddings, read_embeddings
from flickrexif.eval.intervals import bootstrap_interval
from flickrexif.eval.knn import five_setups, uniform_draws
from flickrexif.eval.masking import masked_accuracy
from flickrexif.eval.neighbors import same_label_share
from flickrexif.eval.results import Result, environment, fingerprint
from flickrexif.eval.retrieval import NEGATIVES, TYPES, paircams_recall
from flickrexif.eval.similarity import GROUPS, similarity_distributions
from flickrexif.eval.task_files import (
    EmbeddingFiles,
    Images,
    about,
    fingerprints,
    read_split,
    train_and_test,
    variants_of,
)
from flickrexif.eval.tiles import DEFAULT_MEMORY
from flickrexif.processing.variants import classes as classes_of

OVER_IMAGES = "bootstrap over test images"
LABEL = "is_smartphone"
HALF = {"cuda": torch.float16}  # what a device's products make shortlists in; as fast as bfloat16 and 8 times finer


def half_of(device: str) -> torch.dtype | None:
    """What the shortlists of neighbours are made in on that device; None: there are none."""
    return HALF.get(device.split(":")[0])


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
    """The five set-ups of `knn` for a processing parameter: a train and a val file for each of its classes.

    UsageError for a missing file or an unknown name, FlickrExifError for a file that is not whole or has no labels.
    """
    began = clock()
    images, draws = variants_of(files, parameter, seeds)
    _need_column(images.read, "label")
    half = half_of(device)
    found = five_setups(
        test=images.test.embeddings,
        test_labels=images.test.labels,
        train=images.train.embeddings,
        train_labels=images.train.labels,
        draws=draws,
        k=k,
        memory=memory,
        device=device,
        half=half,
    )
    detail = {"matrix": found.matrix, "vote_ties": found.vote_ties, "unproven": found.unproven}
    detail |= {"left_out": images.left_out, "images": [len(images.train.ids), len(images.test.ids)]}
    return Result(
        task="knn",
        **about(files, images.read[0][1]),
        parameter=parameter.lower(),
        metrics=found.accuracy,
        intervals={name: bootstrap_interval(correct) for name, correct in found.correct.items()},
        detail=detail | {"classes": list(classes_of(parameter))},
        settings={"k": k, "seeds": seeds, "device": device, "half": half and str(half), "interval": OVER_IMAGES}
        | files.settings(),
        versions=environment(),
        fingerprints=fingerprints(files.root, [path for path, _ in images.read]),
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
        fingerprints=fingerprints(files.root, [path]) | {file.name: fingerprint(file) for file in label_files(labels)},
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
    found, _ = variants_of(files, parameter, 1)
    _need_column(found.read, "label")
    train, test, names = found.train, found.test, classes_of(parameter)
    base, asked = (
        uniform_draws(parameter=parameter, image_ids=part.ids, classes=len(names), seeds=[seed])[0]
        for part in (train, test)
    )
    chosen = sorted(range(len(test.ids)), key=lambda row: rank(seed, "queries of similarity", test.ids[row]))[:queries]
    at = torch.tensor(sorted(chosen), dtype=torch.int64)
    record = similarity_distributions(
        queries=_mixed(test, asked)[at],
        query_classes=test.labels[at],
        query_metadata=asked[at],
        base=_mixed(train, base),
        base_classes=train.labels,
        base_metadata=base,
        memory=memory,
        device=device,
    )
    per_query = {name: values[~values.isnan()] for name, values in zip(GROUPS, record.per_query.T, strict=True)}
    return Result(
        task="similarity",
        **about(files, found.read[0][1]),
        parameter=parameter.lower(),
        metrics={name: float(values.double().mean()) if len(values) else None for name, values in per_query.items()},
        intervals={name: bootstrap_interval(values) for name, values in per_query.items() if len(values)},
        detail={
            "edges": record.edges,
            "averaged": dict(zip(GROUPS, record.averaged, strict=True)),
            "counts": dict(zip(GROUPS, record.counts, strict=True)),
            "queries": {name: len(values) for name, values in per_query.items()},
            "left_out": found.left_out,
        },
        settings={"queries": queries, "seed": seed, "device": device, "interval": OVER_IMAGES} | files.settings(),
        versions=environment(),
        fingerprints=fingerprints(files.root, [path for path, _ in found.read]),
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
    found = train_and_test([(replace(files, mask=ratio), None) for ratio in ratios])
    _need_column(found.read, "label")
    record = masked_accuracy(
        embeddings=dict(zip(ratios, zip(found.test.embeddings, found.train.embeddings, strict=True), strict=True)),
        test_labels=found.test.labels,
        train_labels=found.train.labels,
        k=k,
        memory=memory,
        device=device,
    )
    return Result(
        task="masking",
        **about(files, found.read[0][1]),
        metrics={f"{ratio:g}": value for ratio, value in record.accuracy.items()},
        intervals={f"{ratio:g}": bootstrap_interval(right) for ratio, right in record.correct.items()},
        detail={"vote_ties": {f"{r:g}": share for r, share in record.vote_ties.items()}, "left_out": found.left_out},
        settings={"k": k, "ratios": list(ratios), "device": device, "interval": OVER_IMAGES} | files.settings(),
        versions=environment(),
        fingerprints=fingerprints(files.root, [path for path, _ in found.read]),
        seconds=clock() - began,
    )


def read_labels(path: Path) -> PhotoLabels:
    """Smart or not, from a split file (its test photos), or from the `labels` config with its owners: a Parquet file,
    or the folder of them.

    UsageError where there is no such file, FlickrExifError for one of another kind.
    """
    if path.suffix == ".json":
        classes, splits = read_split(path)
        return PhotoLabels(dict(zip(*splits["test"], strict=True)), {}, classes)
    rows = [row for file in label_files(path) for row in _labelled(file)]
    label = {flickr_id: int(smart) for flickr_id, _, smart in rows}
    return PhotoLabels(label, {flickr_id: owner for flickr_id, owner, _ in rows}, ("False", "True"))


def label_files(path: Path) -> list[Path]:
    """The file itself, or the Parquet files of a folder. UsageError where there is none."""
    found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not found:
        raise UsageError(f"There is no labels file in {path}.", "Make them with `flickrexif build`.")
    return found


def _labelled(path: Path) -> list[tuple[int, str, bool]]:
    """Flickr ID, owner, and smart or not, of the photos whose device is known."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=[FLICKR_ID, "owner", LABEL])
    except FileNotFoundError:
        raise UsageError(f"There is no labels file {path}.", "Make it with `flickrexif build`.") from None
    except (OSError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        message = f"{path} is no table of labels ({str(error)[:80]})."
        raise FlickrExifError(message, "Name a file of the folder `labels`, or a split file.") from None
    return [row for row in zip(*table.to_pydict().values(), strict=True) if row[2] is not None]


# --- parts


def _interval_name(owners: Sequence[Any] | None) -> str:
    return "bootstrap over photographers" if owners else "bootstrap over photos"


def _need_column(read: Sequence[tuple[Path, Embeddings]], column: str) -> None:
    for path, found in read:
        if column not in found.columns:
            message = f"{path} has no column {json.dumps(column)}."
            raise FlickrExifError(message, "Embed a data set that has it with `flickrexif embed`.")


def _mixed(images: Images, draw: Tensor) -> Tensor:
    """Row n of the variant that `draw` [n] names, [n, d]."""
    mixed = images.embeddings[0].clone()
    for number, variant in enumerate(images.embeddings):
        at = (draw == number).nonzero()[:, 0]
        mixed[at] = variant[at].to(mixed.dtype)
    return mixed
