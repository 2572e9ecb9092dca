"""kNN accuracy against the mask: how much of the semantics is left when the centre of the images is black?

For each ratio of masked area, a test image gets the majority class of its k nearest training images (cosine
similarity). Whether the training images are masked too is up to the embeddings that the caller passes in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.knn import vote


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
