"""Strips: the nearest images of a few queries, by their ids. Do they share the camera, or the processing?

A record names images by id and holds neither pixels nor titles; the report looks for the pictures.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.album import Album, album_of_photos, album_of_variants
from flickrexif.eval.measure.base import CAMERA, Inputs, Measurement, Outcome, of_processing
from flickrexif.eval.measure.inputs import camera_label_files, is_held_out, of_cameras

DECIMALS = 6  # of a similarity


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbor:
    """An image near a query."""

    id: str  # Flickr ID or image id
    label: str  # its class, "" where it has none
    variant: str | None  # its processing; None for photos
    similarity: float
    same: bool  # whether it shares the query's class, or processing


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query, with its neighbours from the most similar on."""

    id: str
    label: str
    variant: str | None
    neighbors: list[Neighbor]


@dataclass(frozen=True, slots=True, kw_only=True)
class StripsDetail:
    """Ids alone, no titles and no pixels."""

    queries: list[Query]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strips(Measurement):
    """The nearest images of a few, by their ids: do they share the camera, or the processing?"""

    task = "strips"
    section = "Neighbours"
    headlines = ("same",)
    Detail = StripsDetail

    queries: int = 1  # images drawn by the seed
    k: int = 10  # nearest images of each
    seed: int = 0

    def __post_init__(self) -> None:
        tiles.check_k(self.k)
        if self.queries < 1:
            raise UsageError(f"{self.queries} queries have no neighbours.", "Set strips.queries to 1.")

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One a processing; one of FlickrExif, among the photos with a label."""
        for parameter, reason in of_processing(data, labelled=False):
            yield cls(parameter=parameter), reason or _too_few(data)
        for reason in of_cameras(data):
            yield cls(attribute=CAMERA), reason

    @property
    def trains(self) -> bool:  # type: ignore[override]
        """Whether it reads test images: those of a processing."""
        return self.parameter is not None

    def label_files(self, labels: Path) -> list[Path]:
        """Of smart or not."""
        return [] if self.parameter else camera_label_files(labels)

    def measure(self, inputs: Inputs) -> Outcome:
        """The k nearest images of each query; as far as possible queries differ in kind, and in photographer or
        class."""
        album = album_of_variants(inputs, self.parameter, self.seed) if self.parameter else album_of_photos(inputs)
        if len(album.ids) < 2:
            raise UsageError(f"{len(album.ids)} images have no neighbours.", "Embed more images.")
        strips = _strips(album, drawn_queries(album, self.queries, self.seed), min(self.k, len(album.ids) - 1))
        same = [neighbor.same for strip in strips for neighbor in strip.neighbors]
        detail = StripsDetail(queries=strips, left_out=album.left_out)
        n = {"test" if self.parameter else "photos": len(album.ids)}
        return Outcome(metrics={"same": sum(same) / len(same)}, n=n, detail=detail)


def _too_few(data: DataSet) -> str:
    """Why the test images at hand have no neighbours; "" where they have, or embeddings alone are there."""
    sources = [source for (_, split), source in data.sources.items() if data.held_out or split == "val"]
    count = max((sum(not data.held_out or is_held_out(i) for i in source.ids) for source in sources), default=2)
    return "" if count > 1 else f"neighbours need two test images or more, and it has {count}"


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


def _strips(album: Album, query_rows: Sequence[int], k: int) -> list[Query]:
    """Each query with its k nearest images, the most similar first."""
    index = torch.tensor(query_rows)
    keys = tiles.nearest(queries=album.embeddings[index], base=album.embeddings, k=k, itself=index)
    near, similarities = tiles.index_of(keys).tolist(), tiles.similarity_of(keys).double().tolist()
    return [
        Query(
            **_image(album, query),
            neighbors=[
                Neighbor(
                    **_image(album, row), similarity=round(value, DECIMALS), same=album.kind[row] == album.kind[query]
                )
                for row, value in zip(rows, values, strict=True)
            ],
        )
        for query, rows, values in zip(query_rows, near, similarities, strict=True)
    ]


def _image(album: Album, row: int) -> dict[str, Any]:
    return {"id": album.ids[row], "label": album.labels[row], "variant": album.variants[row]}
