"""kNN classification in five set-ups of processed images: does the processing pull the neighbours along?

For a test image processed with p_i, and k neighbours by cosine similarity with a plain majority vote:

    all_same  every training image p_i                  all_diff  every training image p_j, j != i
    pos_same  those of the test image's class p_i,      neg_same  those of its class p_j,
              all others p_j                                      all others p_i
    uniform   each training image a p of its own, drawn

The accuracy is averaged over all (i, j), and over i and the seeds of the draw for uniform.

Neighbours of the test image's class come from one variant's training images, those of other classes from one
variant's. So with two lists for each pair (test variant i, training variant j), the k best of the same class S(i, j)
and the k best of other classes O(i, j), every set-up is a merge of two lists:

    all_same S(i, i) O(i, i)    all_diff S(i, j) O(i, j)    pos_same S(i, i) O(i, j)    neg_same S(i, j) O(i, i)

and V * V matrix products give them all. Uniform is a choice among the same products: the similarity to training
image n is that of the pair (i, draw(n)).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.base import Inputs, Measurement, Outcome, of_processing
from flickrexif.eval.measure.inputs import train_and_test, uniform_draws
from flickrexif.eval.measure.intervals import OVER_IMAGES, in_blocks, share_interval
from flickrexif.eval.results import plain_values
from flickrexif.processing.variants import classes as classes_of

SETUPS = ("all_same", "all_diff", "pos_same", "neg_same", "uniform")
IN_BLOCKS = ("all_same", "neg_same")  # the set-ups whose difference is what the processing costs
FIRST_LOOK = 4  # times k: how many training images a drawn list examines at first


@dataclass(frozen=True, slots=True)
class KnnRecord:
    """Accuracies as fractions. A run is one (i, j), or one (i, seed) for uniform."""

    accuracy: Mapping[str, float]  # set-up -> average over its runs
    matrix: Mapping[str, Tensor]  # set-up -> [V, V], or [V, seeds]: the accuracy of each run; NaN where there is none
    correct: Mapping[str, Tensor]  # set-up -> [n]: the share of the runs in which each test image is right
    vote_ties: Mapping[str, float]  # set-up -> the share of votes without a single winner


@dataclass(frozen=True, slots=True)
class _Data:
    query: Tensor  # [n, V, d] of length 1
    labels: Tensor  # [n]
    train: Sequence[Tensor]  # V times [m, d]
    train_labels: Tensor  # [m]
    draws: Tensor  # [seeds, m]
    tile: tiles.Tile


@dataclass(frozen=True, slots=True)
class _Lists:
    """Keys of neighbours (see `tiles`) of n test images."""

    same: Tensor  # [n, V, V, k] of their own class: test variant, training variant
    other: Tensor  # [n, V, V, k] of other classes
    drawn: Tensor  # [n, V, seeds, k] of all classes


def vote(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The majority vote of labels [..., k], nearest first, -1 for no neighbour: (winners [...], whether tied [...]).

    Among classes with equally many votes, the one with the nearest neighbour wins.
    """
    votes = (labels[..., :, None] == labels[..., None, :]).sum(-1).masked_fill_(labels < 0, 0)
    winner = labels.gather(-1, votes.argmax(-1, keepdim=True))  # the first of equal ones, so the nearest
    tied = ((votes == votes.amax(-1, keepdim=True)) & (labels != winner)).any(-1)
    return winner[..., 0], tied


def five_setups(
    *,
    test: Sequence[Tensor],
    test_labels: Tensor,
    train: Sequence[Tensor],
    train_labels: Tensor,
    draws: Tensor,
    k: int,
    memory: int = tiles.DEFAULT_MEMORY,
    device: str = "cpu",
) -> KnnRecord:
    """Measure the five set-ups on V variants of the same test and training images.

    `test` and `train`: V matrices [n, d] and [m, d] of embeddings, of any float type, memory-mapped or not; labels
    [n] and [m], integers from 0; `draws` [seeds, m]: the variant (0 to V - 1) of each training image in the set-up
    uniform. The products take at most `memory` bytes.

    FlickrExifError for shapes that do not fit and for embeddings without a direction, UsageError for k or V too low.
    """
    tiles.check_k(k)
    tiles.check_shapes(test, train)
    _check(test, test_labels, train, train_labels, draws)
    labels, train_labels, draws = (t.long().to(device) for t in (test_labels, train_labels, draws))
    places = len(test) * (2 * len(test) + len(draws)) * k
    tile = tiles.plan(memory=memory, matrices=len(test), width=test[0].shape[1], lists=places)
    train = tiles.resident(train, memory, device)
    outcomes = []
    for block in tiles.spans(len(labels), tile.block):
        query = torch.stack([tiles.unit_rows(matrix, block, device) for matrix in test], dim=1)
        data = _Data(query, labels[block], train, train_labels, draws, tile)
        lists = _lists(data, k)
        for rows in tiles.spans(len(query), tile.rows):
            outcomes.append(_outcomes(lists, rows, labels[block][rows], train_labels, k))  # noqa: PERF401
    return _record(outcomes, len(test))


def _check(
    test: Sequence[Tensor], test_labels: Tensor, train: Sequence[Tensor], train_labels: Tensor, draws: Tensor
) -> None:
    v, n, m = len(test), len(test[0]), len(train[0])
    if v < 2 or len(train) != v:
        message = f"There are {v} variants of the test images and {len(train)} of the training images."
        raise UsageError(message, "Give the same variants of both, at least two.")
    if test_labels.shape != (n,) or train_labels.shape != (m,) or draws.ndim != 2 or draws.shape[1] != m:
        shapes = f"{list(test_labels.shape)}, {list(train_labels.shape)} and {list(draws.shape)}"
        message = f"Labels and draws of shape {shapes} do not fit {n} test and {m} training images."
        raise FlickrExifError(message, "Give each image one label, and each training image a draw for each seed.")
    if min(test_labels.min(), train_labels.min()) < 0 or (len(draws) and not 0 <= draws.min() <= draws.max() < v):
        raise FlickrExifError("A label is negative or a draw names no variant.", f"Draws go from 0 to {v - 1}.")


# --- the lists


def _lists(data: _Data, k: int) -> _Lists:
    """The k nearest of each kind."""
    n, v, _ = data.query.shape
    device = str(data.query.device)
    same, other = (tiles.empty_lists(n, v, v, k, device=device) for _ in range(2))
    drawn = tiles.empty_lists(n, v, len(data.draws), k, device=device)
    for rows, span, similarity in tiles.sweep(data.query, data.train, data.tile):
        column = torch.arange(span.start, span.start + similarity.shape[-1], device=device)
        if len(data.draws):
            padding = (0, len(column) - (span.stop - span.start))
            draws = torch.nn.functional.pad(data.draws[:, span], padding)
            drawn[rows] = _improve_drawn(drawn[rows], similarity, draws, column)
        hit, own, index = _take_own(similarity, data.labels[rows], data.train_labels[span])
        if len(hit):
            hit += rows.start
            same[hit] = tiles.improve(same[hit].flatten(0, 2), own.flatten(0, 2), index + span.start).view(-1, v, v, k)
        other[rows] = tiles.improve(other[rows].flatten(0, 2), similarity.flatten(0, 2), column[None]).view(-1, v, v, k)
    return _Lists(same, other, drawn)


def _members(labels: Tensor) -> tuple[Tensor, Tensor]:
    """The classes [c] among labels, rising, and the places [c, w] of their members, rising, then -1."""
    classes, number, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    width = -(-int(counts.max()) // tiles.CHUNK) * tiles.CHUNK
    order = number.argsort(stable=True)
    rank = torch.arange(len(labels), device=labels.device) - (counts.cumsum(0) - counts)[number[order]]
    places = torch.full((len(classes), width), -1, device=labels.device)
    places[number[order], rank] = order
    return classes, places


def _take_own(similarity: Tensor, labels: Tensor, train_labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Take the columns of each query's own class out of similarities [b, V, V, n], leaving -inf in their place.

    Returns the queries that have such columns [h], the similarities taken [h, V, V, w] and their columns [h, w].
    """
    classes, places = _members(train_labels)
    nearest = torch.searchsorted(classes, labels).clamp_(max=len(classes) - 1)
    hit = (classes[nearest] == labels).nonzero()[:, 0]
    index = places[nearest[hit]]
    column = torch.where(index < 0, index[:, :1], index)  # a column twice does no harm
    own = similarity[hit[:, None], :, :, column].permute(0, 2, 3, 1)
    similarity[hit[:, None], :, :, column] = -torch.inf
    return hit, own.masked_fill((index < 0)[:, None, None], -torch.inf), index


def _improve_drawn(lists: Tensor, similarity: Tensor, draws: Tensor, column: Tensor) -> Tensor:
    """The lists [b, V, seeds, k] after one more tile: similarities [b, V, V, n], draws [seeds, n].

    Whatever variant is drawn, a training image is at most as similar as its most similar variant. So the images are
    examined by that bound, the highest first, until none of the rest can be a neighbour for any seed.
    """
    before, products = lists.flatten(0, 1), similarity.flatten(0, 1)
    after = before.clone()
    bound = products.amax(1)
    maxima = tiles.chunk_maxima(bound)
    rows = (maxima.amax(-1) > tiles.similarity_of(before[..., -1]).amin(-1)).nonzero()[:, 0]
    number = min(FIRST_LOOK * lists.shape[-1], len(column))
    while len(rows):
        unsettled = [rows[:0]]
        for part in tiles.spans(len(rows), max(1, similarity.numel() // (4 * number * max(tiles.CHUNK, len(draws))))):
            chosen = rows[part]
            highest, places = tiles.highest(bound, number, maxima, chosen)
            after[chosen] = _look_into(before[chosen], products, draws, column, chosen, places)
            floor = tiles.similarity_of(after[chosen][..., -1]).amin(-1)
            unsettled.append(chosen[highest[:, -1] >= floor])
        rows = torch.cat(unsettled) if number < len(column) else rows[:0]
        number = min(4 * number, len(column))
    return after.view_as(lists)


def _look_into(lists: Tensor, products: Tensor, draws: Tensor, column: Tensor, rows: Tensor, places: Tensor) -> Tensor:
    """The lists [r, seeds, k] of `rows` after the columns `places` [r, p] of products [., V, n]."""
    values = products[rows[:, None], :, places].gather(2, draws[:, places].permute(1, 2, 0))  # [r, p, seeds]
    keys = tiles.pack(values, column[places][..., None])
    return tiles.merge(lists, keys.transpose(1, 2), lists.shape[-1])


# --- the votes


def _merges(lists: _Lists, rows: slice, k: int) -> Iterator[tuple[str, Tensor]]:
    """The neighbours [b, runs, k] of each set-up; its runs are all i, all (i, j) with i != j, or all (i, seed)."""
    same, other = lists.same[rows], lists.other[rows]
    v = same.shape[1]
    both = torch.arange(v)
    i, j = (~torch.eye(v, dtype=torch.bool)).nonzero().T
    for name, of_same, of_other in (
        ("all_same", (both, both), (both, both)),
        ("all_diff", (i, j), (i, j)),
        ("pos_same", (i, i), (i, j)),
        ("neg_same", (i, j), (i, i)),
    ):
        yield name, tiles.merge(same[:, *of_same], other[:, *of_other], k)
    yield "uniform", lists.drawn[rows].flatten(1, 2)


def _outcomes(lists: _Lists, rows: slice, labels: Tensor, train_labels: Tensor, k: int) -> dict[str, Tensor]:
    """For each set-up [2, b, runs]: whether the vote was right, and whether it was tied."""
    outcomes = {}
    for name, keys in _merges(lists, rows, k):
        index = tiles.index_of(keys)
        winner, tied = vote(train_labels[index].masked_fill_(index < 0, -1))
        outcomes[name] = torch.stack((winner == labels[:, None], tied)).cpu()
    return outcomes


def _record(outcomes: Sequence[Mapping[str, Tensor]], variants: int) -> KnnRecord:
    joined = {name: torch.cat([part[name] for part in outcomes], dim=1).double() for name in SETUPS}
    right = {name: outcome[0] for name, outcome in joined.items() if outcome.numel()}
    return KnnRecord(
        accuracy={name: float(r.mean()) for name, r in right.items()},
        matrix={name: _matrix(name, r.mean(0), variants) for name, r in right.items()},
        correct={name: r.mean(1).float() for name, r in right.items()},
        vote_ties={name: float(joined[name][1].mean()) for name in right},
    )


def _matrix(name: str, runs: Tensor, variants: int) -> Tensor:
    """The accuracies of the runs as a matrix: [V, V], or [V, seeds] for uniform; NaN where there is no run."""
    if name == "uniform":
        return runs.view(variants, -1).float()
    matrix = torch.full((variants, variants), torch.nan)
    on_diagonal = torch.eye(variants, dtype=torch.bool)
    matrix[on_diagonal if name == "all_same" else ~on_diagonal] = runs.float()
    return matrix


# --- the measurement


def check_seeds(seeds: int) -> None:
    """UsageError for less than one draw of the processing."""
    if seeds < 1:
        raise UsageError(f"There must be a draw of the processing, not {seeds}.", "Set seeds to 10.")


K = {"iNaturalist": 1}  # neighbours that vote; 10 for other data sets


@dataclass(frozen=True, slots=True, kw_only=True)
class KnnDetail:
    """Of the five set-ups."""

    matrix: Mapping[str, list[list[float | None]]]  # set-up -> accuracy of each run, see `KnnRecord`
    vote_ties: Mapping[str, float]
    left_out: Mapping[str, int]
    classes: list[str]  # of the processing


@dataclass(frozen=True, slots=True, kw_only=True)
class Knn(Measurement):
    """kNN in five set-ups: does the processing of the training images pull the semantic prediction?"""

    task = "knn"
    section = "Semantics"
    headlines = ("all_same", "neg_same")
    decisive = ("k",)
    Detail = KnnDetail

    k: int = 10
    seeds: int = 10  # draws of the set-up uniform

    def __post_init__(self) -> None:
        tiles.check_k(self.k)
        check_seeds(self.seeds)

    @classmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """One a processing."""
        for parameter, reason in of_processing(data, labelled=True):
            yield cls(parameter=parameter, k=K.get(data.name, 10)), reason

    def measure(self, inputs: Inputs) -> Outcome:
        """The accuracy of each set-up."""
        parameter, images = str(self.parameter), train_and_test(inputs, "label")
        record = five_setups(
            test=images.test.embeddings,
            test_labels=images.test.labels,
            train=images.train.embeddings,
            train_labels=images.train.labels,
            draws=uniform_draws(parameter, images.train.ids, range(self.seeds)),
            k=self.k,
            memory=inputs.memory,
            device=inputs.device,
        )
        return Outcome(
            metrics=record.accuracy,
            intervals={name: share_interval(correct) for name, correct in record.correct.items()},
            interval=OVER_IMAGES,
            n=images.n,
            blocks=in_blocks(images.test.ids, {name: record.correct[name] for name in IN_BLOCKS}),
            detail=KnnDetail(
                matrix=plain_values(record.matrix),
                vote_ties=record.vote_ties,
                left_out=images.left_out,
                classes=list(classes_of(parameter)),
            ),
        )
