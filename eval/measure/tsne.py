"""t-SNE (van der Maaten and Hinton, 2008): embeddings as points in the plane that keep their neighbours.

scikit-learn's Barnes-Hut t-SNE of embeddings of length 1, whose Euclidean neighbours are the neighbours by cosine
similarity. It starts from the first two principal components. The axes and the distances between groups mean nothing;
only who is near whom does, so

    share = mean over points t of |{n in N_k(t): label(n) = label(t)}| / k,

with N_k(t) the k points nearest to t in the plane, is measured beside it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.measure.album import Album, album_of_photos
from flickrexif.eval.measure.base import CAMERA, Inputs, Measurement, Outcome
from flickrexif.eval.measure.inputs import camera_label_files, of_cameras
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


# --- the measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TsneDetail:
    """The points; none where there is no t-SNE."""

    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)
    label: list[int] = field(default_factory=list)  # the place of each point's class in `classes`
    perplexity: float | None = None  # that was used
    classes: list[str]
    left_out: Mapping[str, int]

    def __post_init__(self) -> None:
        if not len(self.x) == len(self.y) == len(self.label):
            raise ValueError("the points have not one x, y and label each")
        if self.label and not 0 <= min(self.label) <= max(self.label) < len(self.classes):
            raise ValueError("a label is no place in `classes`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tsne(Measurement):
    """Photos in the plane (t-SNE): do those taken with the same kind of camera lie together?"""

    task = "tsne"
    section = "Acquisition"
    headlines = ("same_label_in_plane",)
    trains = False
    Detail = TsneDetail

    limit: int = 2_000  # photos drawn, as many smart as non-smart
    perplexity: float = 30.0  # about how many neighbours a photo has
    seed: int = 0

    def __post_init__(self) -> None:
        if self.limit < FEWEST:
            raise UsageError(f"{self.limit} photos are too few for a t-SNE.", "Set tsne.limit to 2000.")
        if not 1 <= self.perplexity < float("inf"):
            raise UsageError(f"A perplexity of {self.perplexity:g} cannot be.", "Set tsne.perplexity to 30.")

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One, of FlickrExif."""
        for reason in of_cameras(data):
            yield cls(attribute=CAMERA), reason

    def label_files(self, labels: Path) -> list[Path]:
        """Of smart or not."""
        return camera_label_files(labels)

    def measure(self, inputs: Inputs) -> Outcome:
        """The points, and how many of a point's nearest have its label."""
        photos = album_of_photos(inputs)
        rows = balanced(photos, self.limit, self.seed)
        kinds = torch.tensor([photos.kind[row] for row in rows])
        embeddings = photos.embeddings[torch.tensor(rows, dtype=torch.int64)]
        one_class = len(set(photos.kind)) < 2
        reason = "the photos with a label are not of two classes" if one_class else why_no_tsne(embeddings)
        facts: dict[str, Any] = {"classes": list(photos.names), "left_out": photos.left_out}
        n = {"photos": len(rows)}
        if reason:
            metrics = dict.fromkeys(("same_label_in_plane", "chance"))
            return Outcome(metrics=metrics, n=n, reason=reason, detail=TsneDetail(**facts))
        perplexity = fitting_perplexity(self.perplexity, len(rows))
        points = tsne(embeddings, perplexity=perplexity, random_state=rank(self.seed, "t-SNE", "") % 2**32)
        x, y = points.T.tolist()
        return Outcome(
            metrics={"same_label_in_plane": same_label_in_plane(points, kinds), "chance": chance_of(kinds)},
            n=n,
            detail=TsneDetail(x=x, y=y, label=kinds.tolist(), perplexity=perplexity, **facts),
        )


def balanced(album: Album, limit: int, seed: int) -> list[int]:
    """Rising rows of at most `limit` images, drawn by their ids, equally many of each kind."""
    counts = Counter(album.kind)
    share = min(limit // len(counts), *counts.values())
    ranked = sorted(range(len(album.ids)), key=lambda row: rank(seed, "photos of t-SNE", album.ids[row]))
    rows = (row for kind in counts for row in [row for row in ranked if album.kind[row] == kind][:share])
    return sorted(rows)
