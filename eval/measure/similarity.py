"""How similar are pairs of images that share their class, their metadata, both or neither?

Every pair of a query and a base image, except an image with itself, falls into one of four groups. For each group the
cosine similarities are counted in equal bins over [-1, 1], and averaged in two ways:

    over pairs          each pair counts alike
    averaged per query  the distribution of each query, then the mean over the queries that have such pairs
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.measure import tiles

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
