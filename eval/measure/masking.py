"""kNN accuracy against the mask: how much of the semantics is left when the centre of the images is black?

For each ratio of masked area, a test image gets the majority class of its k nearest training images (cosine
similarity). Whether the training images are masked too is up to the embeddings that the caller passes in.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

from torch import Tensor

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.catalog import IDENTITY, DataSet
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.base import Inputs, Measurement, Need, Outcome, lacking
from flickrexif.eval.measure.inputs import train_and_test
from flickrexif.eval.measure.intervals import OVER_IMAGES, share_interval
from flickrexif.eval.measure.knn import K, vote
from flickrexif.processing.variants import centre_mask


@dataclass(frozen=True, slots=True)
class MaskingRecord:
    """Accuracies as fractions, by the ratio of the area that is masked."""

    accuracy: Mapping[float, float]
    correct: Mapping[float, Tensor]  # ratio -> bool [n]
    vote_ties: Mapping[float, float]  # ratio -> share of votes without a single winner


def knn_predictions(
    *,
    test: Tensor,
    train: Tensor,
    train_labels: Tensor,
    k: int,
    memory: int = tiles.DEFAULT_MEMORY,
    device: str = "cpu",
) -> tuple[Tensor, Tensor]:
    """The class [n] that the k nearest training images vote for, for each test image, and whether it was tied [n].

    Where there are fewer than k training images, all vote. Raises as `tiles.nearest`.
    """
    index = tiles.index_of(tiles.nearest(queries=test, base=train, k=k, memory=memory, device=device))
    return vote(train_labels.long()[index].masked_fill_(index < 0, -1))


def masked_accuracy(
    *,
    embeddings: Mapping[float, tuple[Tensor, Tensor]],
    test_labels: Tensor,
    train_labels: Tensor,
    k: int,
    memory: int = tiles.DEFAULT_MEMORY,
    device: str = "cpu",
) -> MaskingRecord:
    """kNN accuracy at each ratio: `embeddings` maps it to (test [n, d], train [m, d]); labels [n] and [m] count from 0.

    Raises FlickrExifError where the embeddings of a ratio do not fit the labels.
    """
    accuracy, correct, ties = {}, {}, {}
    for ratio, (test, train) in sorted(embeddings.items()):
        if (len(test), len(train)) != (len(test_labels), len(train_labels)):
            message = f"At a mask of {ratio:g} there are {len(test)} test and {len(train)} training embeddings"
            message += f" for {len(test_labels)} and {len(train_labels)} labels."
            raise FlickrExifError(message, "Embed the same images at every mask ratio.")
        winner, tied = knn_predictions(
            test=test, train=train, train_labels=train_labels, k=k, memory=memory, device=device
        )
        correct[ratio] = winner == test_labels
        accuracy[ratio] = float(correct[ratio].double().mean())
        ties[ratio] = float(tied.double().mean())
    return MaskingRecord(accuracy=accuracy, correct=correct, vote_ties=ties)


# --- the measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskingDetail:
    """By ratio."""

    vote_ties: Mapping[str, float]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Masking(Measurement):
    """kNN accuracy against the share of the image that is hidden."""

    task = "masking"
    section = "Acquisition"
    headlines = ("0", "0.9")
    decisive = ("k",)
    Detail = MaskingDetail

    ratios: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)
    k: int = 10

    def __post_init__(self) -> None:
        tiles.check_k(self.k)
        if not self.ratios or self.mask:
            raise UsageError("The masks of this measurement are its ratios.", "Set masking.ratios to 0,0.5,0.9.")
        for ratio in self.ratios:
            centre_mask(1, 1, ratio)  # raises UsageError for an impossible one

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One, of the unprocessed images."""
        if data.processed or data.broken:
            reason = lacking(data, [IDENTITY], "--variant identity", labelled=True)
            yield cls(k=K.get(data.name, 10)), reason

    def needs(self) -> tuple[Need, ...]:
        """The unprocessed images at each ratio."""
        return tuple(Need(mask=ratio) for ratio in self.ratios)

    @property
    def settings(self) -> dict[str, Any]:
        """All that changes its numbers; it has no mask but the ratios."""
        return {"ratios": list(self.ratios), "k": self.k}

    def measure(self, inputs: Inputs) -> Outcome:
        """The accuracy at each ratio."""
        images = train_and_test(inputs, "label")
        record = masked_accuracy(
            embeddings=dict(
                zip(self.ratios, zip(images.test.embeddings, images.train.embeddings, strict=True), strict=True)
            ),
            test_labels=images.test.labels,
            train_labels=images.train.labels,
            k=self.k,
            memory=inputs.memory,
            device=inputs.device,
        )
        return Outcome(
            metrics={f"{ratio:g}": value for ratio, value in record.accuracy.items()},
            intervals={f"{ratio:g}": share_interval(right) for ratio, right in record.correct.items()},
            interval=OVER_IMAGES,
            n=images.n,
            detail=MaskingDetail(
                vote_ties={f"{ratio:g}": share for ratio, share in record.vote_ties.items()}, left_out=images.left_out
            ),
        )
