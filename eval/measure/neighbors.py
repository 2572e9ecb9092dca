"""Same-label neighbours: of the k images nearest to a photo, how many carry its label (smart or not)?

    share(k) = mean over queries t of |{n in N_k(t): label(n) = label(t)}| / k,

where N_k(t) are the k other images most similar to t by cosine similarity, the lower index first among equal ones.
Were neighbours independent of the label, the share would be the chance that another image drawn at random has it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.base import CAMERA, Inputs, Measurement, Outcome
from flickrexif.eval.measure.inputs import camera_label_files, labelled_photos, of_cameras
from flickrexif.eval.measure.intervals import in_blocks, share_interval


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


# --- the measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighborsDetail:
    """By k and class."""

    chance: float
    by_label: Mapping[str, Mapping[str, float]]  # k -> class -> share
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors(Measurement):
    """Share of the nearest photos that were taken with the same kind of camera."""

    task = "neighbors"
    section = "Neighbours"
    headlines = ("10",)
    trains = False
    Detail = NeighborsDetail

    k: tuple[int, ...] = (10, 25, 50)

    def __post_init__(self) -> None:
        for k in self.k or (0,):
            tiles.check_k(k)

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One, of FlickrExif."""
        for reason in of_cameras(data):
            yield cls(attribute=CAMERA), reason

    def label_files(self, labels: Path) -> list[Path]:
        """Of smart or not."""
        return camera_label_files(labels)

    def measure(self, inputs: Inputs) -> Outcome:
        """The share for each k that the number of photos allows."""
        photos = labelled_photos(inputs)
        ks = [k for k in self.k if k < len(photos.ids)]
        if not ks:
            raise UsageError(f"{len(photos.ids)} photos have no {min(self.k)} neighbours.", "Embed more photos.")
        record = same_label_share(
            embeddings=photos.embeddings,
            labels=torch.tensor(photos.labels),
            ks=ks,
            memory=inputs.memory,
            device=inputs.device,
        )
        owners = [photos.owners.get(photo, str(photo)) for photo in photos.ids] if photos.owners else None
        return Outcome(
            metrics={str(k): share for k, share in record.share.items()},
            intervals={str(k): share_interval(values, owners) for k, values in record.per_query.items()},
            interval="photographers" if owners else "photos",
            n={"photos": len(photos.ids)} | ({"photographers": len(set(owners))} if owners else {}),
            blocks=in_blocks(owners or photos.ids, {str(k): values for k, values in record.per_query.items()}),
            detail=NeighborsDetail(
                chance=record.chance,
                by_label={
                    str(k): {photos.classes[label]: share for label, share in shares.items()}
                    for k, shares in record.by_label.items()
                },
                left_out=photos.left_out,
            ),
        )
