"""t-SNE (van der Maaten and Hinton, 2008): embeddings as points in the plane that keep their neighbours.

scikit-learn's Barnes-Hut t-SNE of embeddings of length 1, whose Euclidean neighbours are the neighbours by cosine
similarity. It starts from the first two principal components. The axes and the distances between groups mean nothing;
only who is near whom does, so

    share = mean over points t of |{n in N_k(t): label(n) = label(t)}| / k,

with N_k(t) the k points nearest to t in the plane, is measured beside it.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.measure.tiles import unit_rows

if TYPE_CHECKING:
    import numpy as np

NEAREST = 10  # k of the share
FEWEST = NEAREST + 1  # points that a t-SNE needs


def why_no_tsne(embeddings: Tensor) -> str:
    """Why a t-SNE of embeddings [n, d] cannot be made; "" where it can."""
    if len(embeddings) < FEWEST:
        return f"{len(embeddings)} photos are too few, {FEWEST} are needed"
    if embeddings.shape[1] < 2:
        return "embeddings of a single number have no plane"
    unit = unit_rows(embeddings, slice(0, len(embeddings)))
    return "all embeddings are alike" if bool(torch.allclose(unit, unit[:1], atol=1e-6)) else ""


def tsne(embeddings: Tensor, *, perplexity: float, random_state: int) -> "np.ndarray":
    """Points [n, 2] of embeddings [n, d] of any float type, rounded to 3 decimals.

    `random_state` is from 0 to 2**32 - 1. Raises FlickrExifError where `why_no_tsne` has a reason.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if reason := why_no_tsne(embeddings):
        raise FlickrExifError(f"There is no t-SNE: {reason}.", "Embed more images, or use another encoder.")
    unit = unit_rows(embeddings, slice(0, len(embeddings))).numpy()
    with threadpool_limits(1):  # sums in another order would end in another picture
        projected = TSNE(init="pca", perplexity=perplexity, random_state=random_state).fit_transform(unit)
    points: np.ndarray = projected.astype("float64").round(3)
    return points


def fitting_perplexity(perplexity: float, points: int) -> float:
    """`perplexity`, bounded to a third of the other points: t-SNE considers three times as many neighbours."""
    return min(perplexity, (points - 1) / 3)


def same_label_in_plane(points: "np.ndarray", labels: Tensor) -> float:
    """How many of a point's NEAREST points [n, 2] have its label [n], as a mean fraction; n is at least FEWEST."""
    from sklearn.neighbors import NearestNeighbors

    near = NearestNeighbors(n_neighbors=NEAREST).fit(points).kneighbors(return_distance=False)
    return float((labels[torch.from_numpy(near)] == labels[:, None]).double().mean())


def chance_of(labels: Tensor) -> float:
    """The share to expect of points mixed at random: the chance that another point has the same label."""
    counts, n = torch.unique(labels, return_counts=True)[1], len(labels)
    return float((counts * (counts - 1)).sum() / (n * (n - 1)))
