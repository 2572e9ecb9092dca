"""Same-label neighbours: of the k images nearest to a photo, how many carry its label (smart or not)?

    share(k) = mean over queries t of |{n in N_k(t): label(n) = label(t)}| / k,

where N_k(t) are the k other images most similar to t by cosine similarity, the lower index first among equal ones.
Were neighbours independent of the label, the share would be the chance that another image drawn at random has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.measure import tiles


@dataclass(frozen=True, slots=True)
class NeighborsRecord:
    """Shares as fractions, by k."""

    share: Mapping[int, float]
    per_query: Mapping[int, Tensor]  # k -> [n]
    by_label: Mapping[int, Mapping[int, float]]  # k -> label -> average over the queries of that label
    chance: float  # share of a random ranking


def same_label_share(
    *, embeddings: Tensor, labels: Tensor, ks: Sequence[int], memory: int = tiles.DEFAULT_MEMORY, device: str = "cpu"
) -> NeighborsRecord:
    """The share for each k, of embeddings [n, d] of any float type and integer labels [n]; each image is a query.

    Raises UsageError for a k below 1 or above n - 1, FlickrExifError where the number of labels is not n.
    """
    n = len(embeddings)
    if labels.shape != (n,):
        message = f"There are {n} embeddings and labels of shape {list(labels.shape)}."
        raise FlickrExifError(message, "Give each embedding one label.")
    if not ks or min(ks) < 1 or max(ks) > n - 1:
        message = f"Of {n} images, {', '.join(map(str, ks)) or 'no'} neighbours cannot be taken."
        raise UsageError(message, f"Give values of k from 1 to {n - 1}." if n > 1 else "Embed more images.")
    itself = torch.arange(n)
    keys = tiles.nearest(queries=embeddings, base=embeddings, k=max(ks), itself=itself, memory=memory, device=device)
    same = (labels[tiles.index_of(keys)] == labels[:, None]).double()
    per_query = {k: same[:, :k].mean(1) for k in ks}
    classes, counts = torch.unique(labels, return_counts=True)
    by_label = {k: {int(c): float(s[labels == c].mean()) for c in classes} for k, s in per_query.items()}
    return NeighborsRecord(
        share={k: float(s.mean()) for k, s in per_query.items()},
        per_query={k: s.float() for k, s in per_query.items()},
        by_label=by_label,
        chance=float((counts * (counts - 1)).sum() / (n * (n - 1))),
    )
