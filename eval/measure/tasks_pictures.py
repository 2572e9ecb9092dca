"""The measurements that people look at, on embedding files: t-SNE, and strips of nearest neighbours.

Their records name images by id and hold neither pixels nor titles; `report.pictures` looks for the pictures.
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
from flickrexif.eval.data.embeddings import Embeddings, read_embeddings
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.inputs import (
    EmbeddingFiles,
    ReadFiles,
    flickr_ids,
    input_fields,
    read_variants,
)
from flickrexif.eval.measure.knn import uniform_draws
from flickrexif.eval.measure.tasks_neighbors import LABEL, label_files, read_labels
from flickrexif.eval.measure.tsne import FEWEST, chance_of, fitting_perplexity, same_label_in_plane, tsne, why_no_tsne
from flickrexif.eval.results import Result
from flickrexif.processing.variants import classes as classes_of

TSNE_METRICS = ("same_label_in_plane", "chance")
DECIMALS = 6  # of a similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class Album:
    """Images with an embedding and a kind, by which neighbours are compared; a row an image."""

    embeddings: Tensor  # [n, d]
    ids: Sequence[str]
    kind: Sequence[int]  # the label (smart or not), or the number of the variant
    spread: Sequence[str]  # what queries should differ in too: the photographer, or the semantic class
    names: Sequence[str]  # of the kinds
    labels: Sequence[str]  # the text below an image: its class, "" where it has none
    variants: Sequence[str | None]
    read: ReadFiles
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
    """t-SNE of at most `limit` photos drawn by the seed, equally many of each class; `labels` is for `read_labels`.

    Where a t-SNE cannot be made, the metrics are None and `detail["reason"]` says why. Raises UsageError for a missing
    file and for impossible settings, FlickrExifError for a broken file.
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
    projection: dict[str, Any] = {"reason": reason}
    if not reason:
        used_perplexity = fitting_perplexity(perplexity, len(rows))
        points = tsne(embeddings, perplexity=used_perplexity, random_state=rank(seed, "t-SNE", "") % 2**32)
        metrics = dict(zip(TSNE_METRICS, (same_label_in_plane(points, kinds), chance_of(kinds)), strict=True))
        projection = {"x": points[:, 0], "y": points[:, 1], "label": kinds, "perplexity": used_perplexity}
    settings = {"limit": limit, "perplexity": float(perplexity), "seed": seed}
    return Result(
        task="tsne",
        **input_fields(files, album.read, settings, label_files(labels)),
        attribute=LABEL,
        metrics=metrics,
        detail=projection | {"classes": list(album.names), "images": len(rows), "left_out": album.left_out},
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

    With `labels` (for `read_labels`) among the photos with a label; with `parameter` among the test images, each in one
    processing, drawn as for the similarities. As far as possible, queries differ in label or processing, and in
    photographer or class. Raises as `run_tsne`.
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
    query_rows = drawn_queries(album, queries, seed)
    strips = _strips(album, query_rows, min(k, len(album.ids) - 1))
    same = [neighbor["same"] for strip in strips for neighbor in strip["neighbors"]]
    settings = {"queries": queries, "k": k, "seed": seed}
    return Result(
        task="strips",
        **input_fields(files, album.read, settings, label_files(labels) if labels else ()),
        parameter=parameter and parameter.lower(),
        attribute=None if parameter else LABEL,
        metrics={"same": sum(same) / len(same)},
        detail={"queries": strips, "images": len(album.ids), "left_out": album.left_out},
        seconds=clock() - began,
    )


# --- the images


def labelled_photos(files: EmbeddingFiles, labels: Path) -> Album:
    """The photos with an embedding and a label, by rising Flickr ID. Raises UsageError where there are none."""
    path = files.path()
    embeddings, photos = read_embeddings(path), read_labels(labels)
    ids = flickr_ids(path, embeddings)
    labelled = sorted((flickr_id, row) for row, flickr_id in enumerate(ids) if flickr_id in photos.label)
    if not labelled:
        raise UsageError(f"None of the photos in {labels} has an embedding in {path}.", "Embed the labelled photos.")
    kind = [photos.label[flickr_id] for flickr_id, _ in labelled]
    return Album(
        embeddings=embeddings.image_embeddings[torch.tensor([row for _, row in labelled])],
        ids=[str(flickr_id) for flickr_id, _ in labelled],
        kind=kind,
        spread=[photos.owner.get(flickr_id, str(flickr_id)) for flickr_id, _ in labelled],
        names=photos.classes,
        labels=[photos.classes[label] for label in kind],
        variants=[None] * len(labelled),
        read=[(path, embeddings)],
        left_out={"no_label": len(ids) - len(labelled), "no_embedding": len(photos.label.keys() - set(ids))},
    )


def varied_images(files: EmbeddingFiles, parameter: str, seed: int) -> Album:
    """The test images, each in the processing that the seed draws for it. Raises as `train_and_test`."""
    images, _ = read_variants(files, parameter, 1)
    test, names = images.test, classes_of(parameter)
    drawn = uniform_draws(parameter=parameter, image_ids=test.ids, classes=len(names), seeds=[seed])[0].tolist()
    embeddings = [test.embeddings[variant][row].float() for row, variant in enumerate(drawn)]
    labels = _class_names(images.read[0][1], test.labels)
    return Album(
        embeddings=torch.stack(embeddings) if embeddings else torch.empty(0, 1),
        ids=test.ids,
        kind=drawn,
        spread=labels,
        names=names,
        labels=labels,
        variants=[names[variant] for variant in drawn],
        read=images.read,
        left_out=images.left_out,
    )


def _class_names(embeddings: Embeddings, labels: Tensor) -> list[str]:
    """The class of each image: its name where the file has names, else its number; "" where it has no class."""
    names = json.loads(embeddings.metadata.get("class_names", "[]"))
    if "label" not in embeddings.columns:
        return [""] * len(labels)
    numbers = labels.tolist()
    return [str(names[n]) if 0 <= n < len(names) else str(n) if n >= 0 else "" for n in numbers]


# --- draws


def balanced(album: Album, limit: int, seed: int) -> list[int]:
    """Rising rows of at most `limit` images, drawn by their ids, equally many of each kind."""
    counts = Counter(album.kind)
    share = min(limit // len(counts), *counts.values())
    ranked = sorted(range(len(album.ids)), key=lambda row: rank(seed, "photos of t-SNE", album.ids[row]))
    rows = (row for kind in counts for row in [row for row in ranked if album.kind[row] == kind][:share])
    return sorted(rows)


def drawn_queries(album: Album, queries: int, seed: int) -> list[int]:
    """Rows of at most `queries` images; each is of the kind, then of the spread, that was chosen least so far."""
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


# --- what the records say


def _strips(album: Album, query_rows: Sequence[int], k: int) -> list[dict[str, Any]]:
    """Each query with its k nearest images, the most similar first."""
    query_index = torch.tensor(query_rows)
    keys = tiles.nearest(queries=album.embeddings[query_index], base=album.embeddings, k=k, itself=query_index)
    near, similarities = tiles.index_of(keys).tolist(), tiles.similarity_of(keys).double().tolist()
    strips = []
    for query, rows, values in zip(query_rows, near, similarities, strict=True):
        neighbors = [_neighbor(album, query, row, value) for row, value in zip(rows, values, strict=True)]
        strips.append(_image(album, query) | {"neighbors": neighbors})
    return strips


def _image(album: Album, row: int) -> dict[str, Any]:
    return {"id": album.ids[row], "label": album.labels[row], "variant": album.variants[row]}


def _neighbor(album: Album, query: int, row: int, similarity: float) -> dict[str, Any]:
    same = album.kind[row] == album.kind[query]
    return _image(album, row) | {"similarity": round(similarity, DECIMALS), "same": same}
