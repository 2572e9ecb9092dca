"""How similar are pairs of images that share their class, their metadata, both or neither?

Every pair of a query and a base image, except an image with itself, falls into one of four groups. For each group the
cosine similarities are counted in equal bins over [-1, 1], and averaged in two ways:

    over pairs          each pair counts alike
    averaged per query  the distribution of each query, then the mean over the queries that have such pairs
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.base import Inputs, Measurement, Outcome, of_processing
from flickrexif.eval.measure.inputs import Images, train_and_test, uniform_draws
from flickrexif.eval.measure.intervals import OVER_IMAGES, bootstrap_interval
from flickrexif.eval.results import plain_values

GROUPS = (
    "same_class_same_metadata",
    "same_class_different_metadata",
    "different_class_same_metadata",
    "different_class_different_metadata",
)
BINS = 200


@dataclass(frozen=True, slots=True)
class SimilarityRecord:
    """The first dimension of [4, ...] goes over GROUPS; NaN where a group has no pairs."""

    edges: Tensor  # [bins + 1]
    counts: Tensor  # [4, bins] int64: pairs
    mean: Tensor  # [4]: over pairs
    averaged: Tensor  # [4, bins]: a query's share of its pairs of the group in each bin, averaged over queries
    per_query: Tensor  # [n, 4]: the mean similarity of each query's pairs


def similarity_distributions(
    *,
    queries: Tensor,
    query_classes: Tensor,
    query_metadata: Tensor,
    base: Tensor,
    base_classes: Tensor,
    base_metadata: Tensor,
    itself: Tensor | None = None,
    bins: int = BINS,
    memory: int = tiles.DEFAULT_MEMORY,
    device: str = "cpu",
) -> SimilarityRecord:
    """Similarities of queries [n, d] to base images [m, d]; classes and metadata of both are integers [n] and [m].

    `itself` [n]: the row of each query in the base, -1 for none. Raises FlickrExifError where the number of labels
    does not fit, and for embeddings without a direction.
    """
    tiles.check_shapes([queries], [base])
    sizes = [len(queries)] * 2 + [len(base)] * 2
    labels = (query_classes, query_metadata, base_classes, base_metadata)
    if [tuple(column.shape) for column in labels] != [(size,) for size in sizes]:
        message = f"Classes and metadata do not fit {len(queries)} queries and {len(base)} base images."
        raise FlickrExifError(message, "Give each image one class and one metadata label.")
    classes, metadata, of_base, about_base = (column.to(device) for column in labels)
    tile = tiles.plan(memory=memory // 4, matrices=1, width=queries.shape[1], lists=4 * bins)
    counts = torch.zeros(len(queries), 4, bins, dtype=torch.int64)
    sums = torch.zeros(len(queries), 4, dtype=torch.float64)
    for block in tiles.spans(len(queries), tile.block):
        query = tiles.unit_rows(queries, block, device)[:, None]
        for rows, span, product in tiles.sweep(query, [base], tile):
            similarity = product[:, 0, 0, : span.stop - span.start]
            at = slice(block.start + rows.start, block.start + rows.stop)
            code = 2 * (classes[at][:, None] != of_base[span]) + (metadata[at][:, None] != about_base[span]).long()
            if itself is not None:
                own = torch.arange(span.start, span.stop, device=device) == itself[at].to(device)[:, None]
                code = code.masked_fill(own, -1)
            block_counts, block_sums = _by_group(similarity, code, bins)
            counts[at] += block_counts.cpu()
            sums[at] += block_sums.cpu()
    return _record(counts, sums, bins)


def _by_group(similarity: Tensor, code: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """Counts [b, 4, bins] and sums [b, 4] of similarities [b, n] by group; `code` is the group of each, -1 for none."""
    b, kept = len(code), code >= 0
    row = torch.arange(b, device=code.device)[:, None].expand_as(code)
    place = (4 * row + code)[kept]
    values = similarity[kept].double()
    number = ((values + 1) * (bins / 2)).floor().clamp_(0, bins - 1).long()
    counts = torch.bincount(place * bins + number, minlength=4 * b * bins)
    sums = torch.bincount(place, weights=values, minlength=4 * b)
    return counts.view(b, 4, bins), sums.view(b, 4)


def _record(counts: Tensor, sums: Tensor, bins: int) -> SimilarityRecord:
    pairs = counts.sum(2)
    share = counts / pairs[:, :, None]  # NaN for a query without such pairs: nanmean leaves it out
    return SimilarityRecord(
        edges=torch.linspace(-1, 1, bins + 1),
        counts=counts.sum(0),
        mean=(sums.sum(0) / pairs.sum(0)).float(),
        averaged=share.nanmean(0),
        per_query=(sums / pairs).float(),
    )


# --- the measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityDetail:
    """The distributions, by group of GROUPS."""

    edges: list[float]  # of the bins
    averaged: Mapping[str, list[float | None]]  # a query's share of pairs in each bin, averaged over the queries
    counts: Mapping[str, list[int]]  # pairs in each bin
    queries: Mapping[str, int]  # with such pairs
    left_out: Mapping[str, int]

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or any(len(shares) != len(self.edges) - 1 for shares in self.averaged.values()):
            raise ValueError("a group has not one share a bin")
        if any(None in shares and any(share is not None for share in shares) for shares in self.averaged.values()):
            raise ValueError("a group has shares in some bins only")


@dataclass(frozen=True, slots=True, kw_only=True)
class Similarity(Measurement):
    """Similarities of test images to training images, by same or different class and same or different processing."""

    task = "similarity"
    section = "Semantics"
    headlines = ("same_class_same_metadata", "same_class_different_metadata")
    Detail = SimilarityDetail

    queries: int = 1_000  # test images, drawn by the seed
    seed: int = 0

    def __post_init__(self) -> None:
        if self.queries < 1:
            raise UsageError(f"{self.queries} queries have no similarities.", "Set similarity.queries to 1000.")

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One a processing."""
        for parameter, reason in of_processing(data, labelled=True):
            yield cls(parameter=parameter), reason

    def measure(self, inputs: Inputs) -> Outcome:
        """The mean similarity of each group, each image in one processing, drawn as for the probe."""
        images = train_and_test(inputs, "label")
        train, test = images.train, images.test
        of_train, of_test = (uniform_draws(str(self.parameter), part.ids, [self.seed])[0] for part in (train, test))
        order = sorted(range(len(test.ids)), key=lambda row: rank(self.seed, "queries of similarity", test.ids[row]))
        rows = torch.tensor(sorted(order[: self.queries]), dtype=torch.int64)
        record = similarity_distributions(
            queries=_mixed(test, of_test)[rows],
            query_classes=test.labels[rows],
            query_metadata=of_test[rows],
            base=_mixed(train, of_train),
            base_classes=train.labels,
            base_metadata=of_train,
            memory=inputs.memory,
            device=inputs.device,
        )
        per_query = {name: v[~v.isnan()] for name, v in zip(GROUPS, record.per_query.T, strict=True)}
        return Outcome(
            metrics={name: float(v.double().mean()) if len(v) else None for name, v in per_query.items()},
            intervals={name: bootstrap_interval(v) for name, v in per_query.items() if len(v)},
            interval=OVER_IMAGES,
            n=images.n | {"queries": len(rows)},
            detail=SimilarityDetail(
                edges=record.edges.tolist(),
                averaged=plain_values(dict(zip(GROUPS, record.averaged, strict=True))),
                counts=plain_values(dict(zip(GROUPS, record.counts, strict=True))),
                queries={name: len(v) for name, v in per_query.items()},
                left_out=images.left_out,
            ),
        )


def _mixed(images: Images, draw: Tensor) -> Tensor:
    """The embeddings [n, d] in which image i is in the variant draw[i]."""
    mixed = images.embeddings[0].clone()
    for number, variant in enumerate(images.embeddings):
        rows = (draw == number).nonzero()[:, 0]
        mixed[rows] = variant[rows].to(mixed.dtype)
    return mixed
