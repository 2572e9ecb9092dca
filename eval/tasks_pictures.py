"""The measurements that are looked at, over embedding files: photos in the plane, and strips of nearest neighbours.

Records name images by their ids and hold neither pixels nor titles; `report.pictures` finds the pictures.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.eval import tiles
from flickrexif.eval.embeddings import FLICKR_ID, Embeddings, read_embeddings
from flickrexif.eval.knn import uniform_draws
from flickrexif.eval.projection import FEWEST, chance_of, fitting_perplexity, same_label_in_plane, tsne, why_no_tsne
from flickrexif.eval.results import Result, environment, fingerprint
from flickrexif.eval.task_files import EmbeddingFiles, Read, about, fingerprints, variants_of
from flickrexif.eval.tasks_neighbors import LABEL, label_files, read_labels
from flickrexif.processing.variants import classes as classes_of

TSNE_METRICS = ("same_label_in_plane", "chance")
DECIMALS = 6  # of a similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """Images with an embedding and a class by which neighbours are compared, a row each."""

    embeddings: Tensor  # [n, d]
    ids: Sequence[str]
    kind: Sequence[int]  # what neighbours are compared by: the camera's side, or the place of the variant
    spread: Sequence[str]  # what queries should also differ in: the photographer, or the semantic class
    names: Sequence[str]  # of the kinds
    labels: Sequence[str]  # what is written below an image: its class, "" where it has none
    variants: Sequence[str | None]
    read: Read
    left_out: Mapping[str, int]


def run_tsne(
    files: EmbeddingFiles,
    *,
    labels: Path,
    limit: int = 2_000,
    perplexity: float = 30,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """t-SNE of at most `limit` photos, as many of each class, drawn by the seed; `labels` as `read_labels` reads it.

    Where there is none, the metrics are None and `detail["reason"]` says why. UsageError for a missing file and for
    settings that cannot be, FlickrExifError for a file that is not whole.
    """
    began = clock()
    if limit < FEWEST:
        raise UsageError(f"{limit} photos are too few for a t-SNE.", "Give --limit 2000.")
    if not 1 <= perplexity < float("inf"):
        raise UsageError(f"A perplexity of {perplexity:g} cannot be.", "Give --perplexity 30.")
    album = labelled_photos(files, labels)
    rows = balanced(album, limit, seed)
    kinds = torch.tensor([album.kind[row] for row in rows])
    embeddings = album.embeddings[torch.tensor(rows, dtype=torch.int64)]
    reason = why_no_tsne(embeddings) if len(set(album.kind)) > 1 else "the photos with a label are not of two classes"
    metrics: dict[str, float | None] = dict.fromkeys(TSNE_METRICS)
    told: dict[str, Any] = {"reason": reason}
    if not reason:
        used = fitting_perplexity(perplexity, len(rows))
        points = tsne(embeddings, perplexity=used, random_state=rank(seed, "t-SNE", "") % 2**32)
        metrics = dict(zip(TSNE_METRICS, (same_label_in_plane(points, kinds), chance_of(kinds)), strict=True))
        told = {"x": points[:, 0], "y": points[:, 1], "label": kinds, "perplexity": used}
    return Result(
        task="tsne",
        **about(files, album.read[0][1]),
        attribute=LABEL,
        metrics=metrics,
        detail=told | {"classes": list(album.names), "images": len(rows), "left_out": album.left_out},
        settings={"limit": limit, "perplexity": float(perplexity), "seed": seed},
        versions=environment(),
        fingerprints=_inputs(files, album, labels),
        seconds=clock() - began,
    )


def run_strips(
    files: EmbeddingFiles,
    *,
    labels: Path | None = None,
    parameter: str | None = None,
    queries: int = 1,
    k: int = 10,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Result:
    """The k nearest images of a few queries drawn by the seed.

    With `labels` (as `read_labels` reads it) among the photos that have one; with `parameter` among the test images,
    each in one processing, drawn as for the similarities. Queries are of different classes, or processings, and of
    different photographers as far as can be. Raises as `run_tsne`.
    """
    began = clock()
    if (labels is None) == (parameter is None):
        raise UsageError("Strips compare either labels or a processing.", "Give --labels PATH or --parameter jpeg.")
    if queries < 1:
        raise UsageError(f"{queries} queries have no neighbours.", "Give --queries 1.")
    tiles.check_k(k)
    album = labelled_photos(files, labels) if labels else varied_images(files, str(parameter), seed)
    if len(album.ids) < 2:
        raise UsageError(f"{len(album.ids)} images have no neighbours.", "Embed more images.")
    asked = drawn_queries(album, queries, seed)
    strips = _strips(album, asked, min(k, len(album.ids) - 1))
    same = [neighbor["same"] for strip in strips for neighbor in strip["neighbors"]]
    return Result(
        task="strips",
        **about(files, album.read[0][1]),
        parameter=parameter and parameter.lower(),
        attribute=None if parameter else LABEL,
        metrics={"same": sum(same) / len(same)},
        detail={"queries": strips, "images": len(album.ids), "left_out": album.left_out},
        settings={"queries": queries, "k": k, "seed": seed} | files.settings(),
        versions=environment(),
        fingerprints=_inputs(files, album, labels),
        seconds=clock() - began,
    )


# --- the images


def labelled_photos(files: EmbeddingFiles, labels: Path) -> Album:
    """The photos with an embedding and a label, by rising Flickr ID. Raises UsageError where there is none."""
    path = files.path()
    found, known = read_embeddings(path), read_labels(labels)
    if FLICKR_ID not in found.columns:
        raise UsageError(f"{path} has no column {FLICKR_ID!r}.", "Name the embeddings of FlickrExif with --dataset.")
    ids = found.columns[FLICKR_ID].tolist()
    here = sorted((flickr_id, row) for row, flickr_id in enumerate(ids) if flickr_id in known.label)
    if not here:
        raise UsageError(f"None of the photos in {labels} has an embedding in {path}.", "Embed the labelled photos.")
    kind = [known.label[flickr_id] for flickr_id, _ in here]
    return Album(
        embeddings=found.image_embeddings[torch.tensor([row for _, row in here])],
        ids=[str(flickr_id) for flickr_id, _ in here],
        kind=kind,
        spread=[known.owner.get(flickr_id, str(flickr_id)) for flickr_id, _ in here],
        names=known.classes,
        labels=[known.classes[one] for one in kind],
        variants=[None] * len(here),
        read=[(path, found)],
        left_out={"no_label": len(ids) - len(here), "no_embedding": len(known.label.keys() - set(ids))},
    )


def varied_images(files: EmbeddingFiles, parameter: str, seed: int) -> Album:
    """The test images, each in the processing that the seed draws for it. Raises as `train_and_test`."""
    found, _ = variants_of(files, parameter, 1)
    test, names = found.test, classes_of(parameter)
    drawn = uniform_draws(parameter=parameter, image_ids=test.ids, classes=len(names), seeds=[seed])[0].tolist()
    embeddings = [test.embeddings[variant][row].float() for row, variant in enumerate(drawn)]
    labels = _class_names(found.read[0][1], test.labels)
    return Album(
        embeddings=torch.stack(embeddings) if embeddings else torch.empty(0, 1),
        ids=test.ids,
        kind=drawn,
        spread=labels,
        names=names,
        labels=labels,
        variants=[names[variant] for variant in drawn],
        read=found.read,
        left_out=found.left_out,
    )


def _class_names(found: Embeddings, labels: Tensor) -> list[str]:
    """The class of each image: its name where the file tells the names, else its number; "" where it has none."""
    names = json.loads(found.metadata.get("class_names", "[]"))
    if "label" not in found.columns:
        return [""] * len(labels)
    return [str(names[n]) if 0 <= n < len(names) else str(n) if n >= 0 else "" for n in labels.tolist()]


# --- draws


def balanced(album: Album, limit: int, seed: int) -> list[int]:
    """Rising rows of at most `limit` images, as many of each kind that there is, drawn by their ids."""
    counts = Counter(album.kind)
    share = min(limit // len(counts), *counts.values())
    ranked = sorted(range(len(album.ids)), key=lambda row: rank(seed, "photos of t-SNE", album.ids[row]))
    rows = (row for kind in counts for row in [row for row in ranked if album.kind[row] == kind][:share])
    return sorted(rows)


def drawn_queries(album: Album, queries: int, seed: int) -> list[int]:
    """Rows of at most so many images, each of the kind, and then of the spread, that was taken least before."""
    left = sorted(range(len(album.ids)), key=lambda row: rank(seed, "queries of strips", album.ids[row]))
    kinds: Counter[int] = Counter()
    spread: Counter[str] = Counter()
    chosen: list[int] = []
    while left and len(chosen) < queries:
        row = min(left, key=lambda row: (kinds[album.kind[row]], spread[album.spread[row]]))  # the first of equal ones
        left.remove(row)
        chosen.append(row)
        kinds[album.kind[row]] += 1
        spread[album.spread[row]] += 1
    return chosen


# --- what the records hold


def _strips(album: Album, asked: Sequence[int], k: int) -> list[dict[str, Any]]:
    """Each query with its k nearest images, the most similar first."""
    at = torch.tensor(asked)
    keys = tiles.nearest(queries=album.embeddings[at], base=album.embeddings, k=k, itself=at)
    near, similarities = tiles.index_of(keys).tolist(), tiles.similarity_of(keys).double().tolist()
    return [
        _image(album, row) | {"neighbors": [_neighbor(album, row, *found) for found in zip(rows, values, strict=True)]}
        for row, rows, values in zip(asked, near, similarities, strict=True)
    ]


def _image(album: Album, row: int) -> dict[str, Any]:
    return {"id": album.ids[row], "label": album.labels[row], "variant": album.variants[row]}


def _neighbor(album: Album, query: int, row: int, similarity: float) -> dict[str, Any]:
    same = album.kind[row] == album.kind[query]
    return _image(album, row) | {"similarity": round(similarity, DECIMALS), "same": same}


def _inputs(files: EmbeddingFiles, album: Album, labels: Path | None) -> dict[str, str]:
    found = fingerprints(files.root, [path for path, _ in album.read])
    return found | {file.name: fingerprint(file) for file in (label_files(labels) if labels else ())}
