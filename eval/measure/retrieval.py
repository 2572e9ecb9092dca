"""PairCams retrieval: is the picture of the same subject found among pictures of one type of camera?

Each image of a pair is a query once. Its positive is the other image of the pair, from the other type of camera
(camera or phone). Its negatives are

    same       the other images from the query's own type of camera
    different  the other images from the opposite type

recall@1 is the share of queries whose positive is more similar (cosine) than every negative; where similarities are
equal, the lower index wins. Images are paired by subject, not by their order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.data.catalog import PAIRCAMS, DataSet
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.base import Inputs, Measurement, Outcome
from flickrexif.eval.measure.inputs import only_split
from flickrexif.eval.measure.intervals import in_blocks, share_interval

NEGATIVES = ("same", "different")
TYPES = ("camera", "phone")
BLOCK = 1024  # queries at a time


@dataclass(frozen=True, slots=True)
class RetrievalRecord:
    """recall@1 as fractions: `same` and `different`, averaged over the query types, and `same_camera` and so on."""

    recall: Mapping[str, float]
    correct: Mapping[str, Tensor]  # negatives -> bool [pairs * 2], in the order of `queries`
    queries: Tensor  # row of each image that has a pair, rising
    unpaired: Tensor  # rows left out, as their subject does not have exactly one image of each type
    ties: Mapping[str, float]  # negatives -> share of queries whose positive is as similar as their best negative


def pairs_of(subject: Tensor, phone: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of images that have a partner, rising [q]; the row of each one's partner [q]; rows of images without."""
    _, number = torch.unique(subject, return_inverse=True)
    total = int(number.max()) + 1 if len(number) else 0
    counts = torch.zeros(total, 2, dtype=torch.long).index_put_(
        (number, phone.long()), torch.ones_like(number), accumulate=True
    )
    whole = (counts == 1).all(1)[number]
    row_of = torch.full((total, 2), -1)
    row_of[number, phone.long()] = torch.arange(len(number))
    queries = whole.nonzero()[:, 0]
    return queries, row_of[number[queries], 1 - phone[queries].long()], (~whole).nonzero()[:, 0]


def paircams_recall(*, embeddings: Tensor, subject: Tensor, phone: Tensor, device: str = "cpu") -> RetrievalRecord:
    """recall@1 of embeddings [n, d] with subject [n] (integers) and phone [n] (1 or True: phone, 0 or False: camera).

    Raises FlickrExifError for fewer than two pairs, and for columns of another length.
    """
    if subject.shape != (len(embeddings),) or phone.shape != subject.shape or not ((phone == 0) | (phone == 1)).all():
        message = f"The subjects and camera types do not fit {len(embeddings)} embeddings."
        raise FlickrExifError(message, "Give each image a subject, and 1 for a phone or 0 for a camera.")
    queries, positive, unpaired = pairs_of(subject, phone)
    if len(queries) < 4:
        message = f"Only {len(queries) // 2} subjects have one camera and one phone image."
        raise FlickrExifError(message, "Give the images of at least two pairs.")
    vectors = tiles.unit_rows(embeddings, queries, device)
    kind = phone.bool()[queries].to(device)
    place = torch.searchsorted(queries, positive).to(device)
    right: dict[str, list[Tensor]] = {name: [] for name in NEGATIVES}
    ties: dict[str, list[Tensor]] = {name: [] for name in NEGATIVES}
    for rows in tiles.spans(len(queries), BLOCK):
        for name, (won, tied) in _ranks(vectors, kind, place, rows).items():
            right[name].append(won.cpu())
            ties[name].append(tied.cpu())
    correct = {name: torch.cat(parts) for name, parts in right.items()}
    return RetrievalRecord(
        recall=_recall(correct, kind.cpu()),
        correct=correct,
        queries=queries,
        unpaired=unpaired,
        ties={name: float(torch.cat(parts).double().mean()) for name, parts in ties.items()},
    )


def _ranks(vectors: Tensor, kind: Tensor, place: Tensor, rows: slice) -> dict[str, tuple[Tensor, Tensor]]:
    """For each kind of negatives: whether the positive comes first [q], and whether the best negative equals it [q]."""
    index = torch.arange(len(vectors), device=vectors.device)
    keys = tiles.pack(vectors[rows] @ vectors.T, index)
    positive = keys.gather(1, place[rows][:, None])
    of_type = kind[rows][:, None] == kind
    excluded = (index == index[rows][:, None]) | (index == place[rows][:, None])
    ranks = {}
    for name, candidates in zip(NEGATIVES, (of_type, ~of_type), strict=True):
        best = keys.masked_fill(~candidates | excluded, tiles.EMPTY).amax(1, keepdim=True)
        tied = tiles.similarity_of(positive) == tiles.similarity_of(best)
        ranks[name] = (positive > best)[:, 0], tied[:, 0]
    return ranks


def _recall(correct: Mapping[str, Tensor], phone: Tensor) -> dict[str, float]:
    recall = {}
    for name, right in correct.items():
        by_type = {kind: float(right[phone == number].double().mean()) for number, kind in enumerate(TYPES)}
        recall[name] = sum(by_type.values()) / len(TYPES)
        recall |= {f"{name}_{kind}": value for kind, value in by_type.items()}
    return recall


# --- the measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalDetail:
    """Of the pairs."""

    unpaired: list[str]  # ids of images that are left out
    ties: Mapping[str, float]  # negatives -> share of queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieval(Measurement):
    """recall@1 of the other photo of a pair, against negatives of the same and of the other type of camera."""

    task = "retrieval"
    section = "Neighbours"
    headlines = ("same", "different")
    trains = False
    Detail = RetrievalDetail

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One, of PairCams."""
        if data.name == PAIRCAMS:
            yield cls(), data.lack or only_split(data)

    def measure(self, inputs: Inputs) -> Outcome:
        """recall@1 for both kinds of negatives, over all queries and by type of camera."""
        embeddings = inputs.only.embeddings
        for column in ("subject", "model"):
            if column not in embeddings.columns:
                message = f'{inputs.only.path} has no column "{column}".'
                raise FlickrExifError(message, "Embed a data set that has it with `flickrexif embed`.")
        subject, phone = embeddings.columns["subject"], embeddings.columns["model"]
        record = paircams_recall(
            embeddings=embeddings.image_embeddings, subject=subject, phone=phone, device=inputs.device
        )
        pairs, is_phone = subject[record.queries], phone[record.queries]
        intervals = {}
        for name, right in record.correct.items():
            intervals[name] = share_interval(right, pairs)
            for number, kind in enumerate(TYPES):
                intervals[f"{name}_{kind}"] = share_interval(right[is_phone == number])
        ids = embeddings.image_ids()
        return Outcome(
            metrics=record.recall,
            intervals=intervals,
            interval="subjects",
            n={"pairs": len(record.queries) // 2},
            blocks=in_blocks(pairs.tolist(), record.correct),
            detail=RetrievalDetail(
                unpaired=[ids[row] for row in record.unpaired.tolist()],
                ties=record.ties,
            ),
        )
