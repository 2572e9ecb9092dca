"""The trace sensitivity against numbers worked out by hand and a bootstrap of the images; the leaderboard."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

from flickrexif.eval.measure.intervals import in_blocks, share_interval
from flickrexif.eval.measure.neighbors import NeighborsDetail
from flickrexif.eval.report.score.compare import Comparison, compare, differences, overlapping
from flickrexif.eval.report.score.leaderboard import board_differences, leaderboard
from flickrexif.eval.report.score.sensitivity import Board, board_of
from flickrexif.eval.report.spec import Point
from flickrexif.eval.results import Result

Entry = tuple[str, Result]
IDS = [f"image {number}" for number in range(400)]


NEIGHBORS = NeighborsDetail(chance=0.5, by_label={}, left_out={})
N = {"train": 400, "test": 400, "classes": 10}


def spread(share: float, count: int = len(IDS)) -> np.ndarray:
    """Right and wrong images with this share, mixed."""
    right = np.arange(count) < round(share * count)
    return np.random.default_rng(round(1e6 * share)).permutation(right).astype(float)


def record(encoder: str, task: str, metrics: dict[str, float | None], **fields: Any) -> Entry:
    """Its metrics are of 400 images that are right or wrong."""
    values = {name: spread(value) for name, value in metrics.items() if value is not None and name != "chance"}
    about = {
        "task": task,
        "encoder": encoder,
        "family": "CVL",
        "dataset": "D",
        "origin": "",
        "metrics": metrics,
        "intervals": {name: share_interval(value) for name, value in values.items()},
        "settings": {},
        "n": N,
        "blocks": in_blocks(IDS, values),
    }
    result = Result(**{**about, **fields})
    return f"{encoder}/{task}{result.parameter or ''}{result.attribute or ''}.json", result


def probe(encoder: str, accuracy: float | None, parameter: str = "jpeg", chance: float = 0.2, **fields: Any) -> Entry:
    return record(encoder, "probe", {"accuracy": accuracy, "chance": chance}, parameter=parameter, **fields)


def everything(encoder: str) -> list[Entry]:
    """Read out 0.5 and 0.75, camera 0.6, lost 0.25 of 0.7, neighbours 0.2, pairs 0.1 of 0.8 less 1/200."""
    return [
        probe(encoder, 0.6),
        probe(encoder, 0.8, "sharpening"),
        record(encoder, "probe", {"accuracy": 0.8, "chance": 0.5}, attribute="Is Smartphone", settings={"mask": 0.9}),
        record(encoder, "knn", {"all_same": 0.8, "neg_same": 0.625}, parameter="jpeg"),
        record(encoder, "neighbors", {"10": 0.6, "25": 0.9}, attribute="is_smartphone", detail=NEIGHBORS),
        record(encoder, "retrieval", {"same": 0.72, "different": 0.8}, n={"pairs": 200}),
    ]


BY_HAND = {"processing": 0.625, "acquisition": 0.6, "pull": 0.25, "camera": 0.2, "pairs": 0.08 / 0.795}
VALUE = sum(BY_HAND.values()) / 5


def values_of(board: Board) -> dict[str, float | None]:
    return {score.encoder: score.value for score in board.scores}


def test_the_score_is_the_mean_of_the_means() -> None:
    (score,) = board_of(everything("a")).scores
    assert {name: point.value for name, point in score.parts.items()} == pytest.approx(BY_HAND)
    assert score.value == pytest.approx(VALUE)
    assert (score.semantics.value, score.rank, score.lacking) == (0.8, 1, ())
    assert score.sensitivity.n == "n ≥ 200"


@pytest.mark.parametrize(
    "other",
    [
        record("a", "masking", {"0": 0.9}),
        record("a", "mitigation", {"none.accuracy": 1.0, "chance": 0.1}, parameter="jpeg"),
        record("a", "similarity", {"same_class_same_metadata": 0.9}, parameter="jpeg"),
        record("a", "probe", {"accuracy": 1.0, "chance": 0.5}, attribute="Is Smartphone"),  # not masked
        probe("a", 1.0, "resizing", n={"train": 400, "test": 99}),  # of too few
    ],
)
def test_other_measurements_do_not_count(other: Entry) -> None:
    assert board_of([*everything("a"), other]).scores[0].value == pytest.approx(VALUE)


def test_what_is_of_few_images_is_named_and_gives_no_rank() -> None:
    few = {"n": {"train": 400, "test": 99}}
    board = board_of([probe("a", 0.6, **few), probe("b", 0.9, **few)])
    assert [(score.value, score.ranks) for score in board.scores] == [(None, "-")] * 2
    assert board.small == ("linear probe, JPEG compression, D (99)",)
    assert "fewer than 100 images: linear probe, JPEG compression, D (99)." in leaderboard(board).caption


# --- intervals


def bootstrap(shares: Sequence[np.ndarray], of: Any) -> np.ndarray:
    """The interval of `of` the means of values of the same images, over images that are drawn one by one."""
    generator, columns = np.random.default_rng(5), np.stack(shares)
    draws = [of(*columns[:, generator.integers(0, len(IDS), len(IDS))].mean(1)) for _ in range(2_000)]
    interval: np.ndarray = np.quantile(draws, [0.025, 0.975])
    return interval


def test_the_interval_is_that_of_a_bootstrap_over_images() -> None:
    accuracy, before, after = spread(0.6), spread(0.8), spread(0.5)
    entries = [
        probe("a", 0.6),
        record("a", "knn", {"all_same": 0.8, "neg_same": 0.5}, parameter="jpeg"),
    ]
    (score,) = board_of(entries).scores
    shares = (accuracy, before, after)
    expected = {
        "processing": bootstrap(shares, lambda a, *_: (a - 0.2) / 0.8),
        "pull": bootstrap(shares, lambda _, b, c: (b - c) / (b - 0.1)),
    }
    whole = bootstrap(shares, lambda a, b, c: ((a - 0.2) / 0.8 + (b - c) / (b - 0.1)) / 2)
    for point, (low, high) in [(score.sensitivity, whole), *((score.parts[k], v) for k, v in expected.items())]:
        assert (point.low, point.high) == pytest.approx((low, high), abs=0.15 * (high - low))


def test_images_that_several_measurements_share_are_resampled_together() -> None:
    """Two probes that are right for the same images vary together, as one does; of other images they even out."""
    right = spread(0.6)
    blocks = {name: in_blocks(ids, {"accuracy": right}) for name, ids in (("same", IDS), ("other", IDS[::-1]))}
    widths = {}
    for name, other in blocks.items():
        entries = [probe("a", 0.6, blocks=blocks["same"]), probe("a", 0.6, "sharpening", blocks=other)]
        (score,) = board_of(entries).scores
        widths[name] = (score.sensitivity.up or 0) + (score.sensitivity.down or 0)
    assert widths["other"] == pytest.approx(widths["same"] / np.sqrt(2), rel=0.2)


def test_a_share_that_is_the_same_for_all_images_has_an_interval() -> None:
    (score,) = board_of([probe("a", 1.0)]).scores
    low, high = score.sensitivity.low, score.sensitivity.high
    assert low == pytest.approx((beta.ppf(0.025, 400.5, 0.5) - 0.2) / 0.8, abs=1e-3)  # Jeffreys
    assert high == 1


def test_a_resample_in_which_nothing_can_be_lost_is_left_out() -> None:
    (score,) = board_of([record("a", "knn", {"all_same": 0.135, "neg_same": 0.12}, parameter="jpeg")]).scores
    rows = np.random.default_rng(1).integers(len(IDS), size=(20_000, len(IDS)))
    before, after = spread(0.135)[rows].mean(1), spread(0.12)[rows].mean(1)
    lost = (before - after)[before > 0.1005] / (before[before > 0.1005] - 0.1)
    low, high = np.quantile(lost, (0.025, 0.975))
    assert len(lost) < len(rows)
    assert score.parts["pull"].low == pytest.approx(low, rel=0.1)
    assert score.parts["pull"].high == pytest.approx(high, rel=0.1)


def test_what_is_not_above_chance_has_nothing_to_lose() -> None:
    board = board_of([record("a", "knn", {"all_same": 0.12, "neg_same": 0.1}, parameter="jpeg"), probe("a", 0.6)])
    assert board.scores[0].parts["pull"].value is None
    assert list(board.basis.values()) == ["linear probe, JPEG compression, D"]
    more = [record("b", "knn", {"all_same": 0.9, "neg_same": 0.9}, parameter="jpeg"), probe("b", 0.6)]
    other = board_of(
        [record("a", "knn", {"all_same": 0.12, "neg_same": 0.1}, parameter="jpeg"), probe("a", 0.6), *more]
    )
    (lacking,) = [score.lacking for score in other.scores if score.encoder == "a"]
    assert lacking == ("five set-ups, JPEG compression, D (not above chance, so that there is nothing to lose)",)


# --- ranks


def test_only_encoders_with_the_same_measurements_are_ranked() -> None:
    entries = [*everything("a"), *everything("b"), *everything("c"), probe("d", 1.0)]
    entries = [e for e in entries if e[0] not in ("b/retrieval.json", "c/probejpeg.json")]
    entries += [probe("c", None), *everything("e"), probe("e", 1.0, "resizing")]
    board = board_of([*entries, *everything("f")])
    ranks = {score.encoder: score.ranks for score in board.scores}
    assert ranks == {"a": "1 to 3", "e": "1 to 3", "f": "1 to 3", "d": "-", "b": "-", "c": "-"}
    assert len(board.basis) == 6  # resizing, which e alone has, does not count
    lacking = {score.encoder: score.lacking for score in board.scores}
    assert lacking["b"] == ("pairs, D",)
    assert lacking["c"] == ("linear probe, JPEG compression, D (no number in the record)",)
    assert len(lacking["d"]) == 5
    assert values_of(board)["e"] == pytest.approx(VALUE)
    assert values_of(board)["d"] == pytest.approx(1.0)


def test_a_rank_goes_as_far_as_intervals_overlap() -> None:
    accuracies = {"a": 0.95, "b": 0.8, "c": 0.78, "d": 0.74, "e": 0.5}
    board = board_of([probe(encoder, accuracy) for encoder, accuracy in accuracies.items()])
    points = {score.encoder: score.sensitivity for score in board.scores}
    for score in board.scores:
        point = score.sensitivity
        above = sum(other.low > point.high for other in points.values())  # type: ignore[operator]
        below = sum(other.high < point.low for other in points.values())  # type: ignore[operator]
        assert (score.rank, score.last_rank) == (1 + above, 5 - below)
    assert [score.ranks for score in board.scores] == ["1", "2 to 4", "2 to 4", "2 to 4", "5"]


def test_controls_and_records_without_blocks_have_no_rank() -> None:
    entries = [probe("a", 0.6), probe("old", 0.9, blocks={}), probe("control:dct", 1.0, family="CTL"),
               record("z", "masking", {"0": 0.1})]  # fmt: skip
    board = board_of(entries)
    assert {score.encoder: (score.ranks, score.unranked) for score in board.scores} == {
        "a": ("1", ""),
        "control:dct": ("-", "a control"),
        "old": ("-", "measured by an earlier version: measure again with --no-resume"),
        "z": ("-", "not all is measured"),
    }
    assert values_of(board)["old"] == pytest.approx(0.875)
    assert board_of([record("z", "masking", {"0": 0.1})]).basis == {}


def test_the_basis_is_that_of_ones_own_encoders() -> None:
    """One encoder measured on resizing alone is compared on resizing with those that ship with the package."""
    shipped = [entry for name in "abc" for entry in (probe(name, 0.6), probe(name, 0.5, "resizing"))]
    entries = [(f"reference/{path}", result) for path, result in shipped]
    board = board_of([*entries, probe("mine", 0.9, "resizing")])
    assert list(board.basis.values()) == ["linear probe, resizing, D"]
    assert {score.encoder: score.ranks for score in board.scores} == {
        "mine": "1", "a": "2 to 4", "b": "2 to 4", "c": "2 to 4"
    }  # fmt: skip
    assert len(board_of(entries).basis) == 2


# --- the leaderboard


def test_the_leaderboard_shows_the_parts_there_are() -> None:
    table = leaderboard(board_of([*everything("a"), probe("b", 0.9)]))
    assert [c.name for c in table.columns] == [
        *("rank", "encoder", "family", "sensitivity"),
        *("processing", "acquisition", "pull", "camera", "pairs", "semantics", "measured"),
    ]
    rows = [[cell.value if isinstance(cell, Point) else cell for cell in row] for row in table.cells]
    assert rows[0] == ["1", "a", "CVL", *map(pytest.approx, (VALUE, *BY_HAND.values(), 0.8)), "6 of 6"]
    assert rows[1] == ["-", "b", "CVL", *[pytest.approx(0.875)] * 2, None, None, None, None, None, "1 of 6"]
    few = leaderboard(board_of([probe("a", 0.6)]))
    assert [c.name for c in few.columns][3:] == ["sensitivity", "processing", "measured"]


def test_boards_are_compared_where_the_measurements_are_the_same() -> None:
    ours = board_of([probe("a", 0.6), probe("b", 0.8), probe("b", 0.8, "resizing"), probe("a", 0.6, "resizing")])
    before = [probe("a", 0.8), probe("a", 0.6, "resizing"), probe("b", 0.2), probe("c", 0.1)]
    changed = board_differences(ours, board_of(before, ours.basis))
    assert changed == {("a", "sensitivity"): pytest.approx(-0.125), ("a", "processing"): pytest.approx(-0.125)}


# --- two runs


def compared() -> Comparison:
    interval = {"accuracy": (0.5, 0.6)}
    ours = [probe("a", 0.55), probe("b", 0.9, intervals={}), probe("d", None), record("a", "knn", {"all_same": 0.3})]
    ours[0] = ours[0][0], replace(ours[0][1], intervals=interval)
    theirs = [probe("a", 0.7), probe("b", 0.8), probe("c", 0.8), probe("d", 0.5), probe("b", 0.1, "resizing")]
    theirs[0] = theirs[0][0], replace(theirs[0][1], intervals={"accuracy": (0.65, 0.75)})
    return compare(ours, theirs)


def test_the_numbers_of_two_runs_are_compared() -> None:
    comparison = compared()
    assert [(c.encoder, c.now, c.before, c.overlap) for c in comparison.changes] == [
        ("a", 0.55, 0.7, False),
        ("b", 0.9, 0.8, None),
    ]
    assert comparison.changes[0].difference == pytest.approx(-0.15)
    assert comparison.changes[0].measurement == "probe JPEG compression, D: accuracy"
    assert (comparison.only_ours, comparison.only_theirs, comparison.unmatched) == ((), ("c",), 2)
    assert [c.encoder for c in comparison.largest(1)] == ["a"]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0.1, 0.2), (0.2, 0.3), True),
        ((0.1, 0.2), (0.21, 0.3), False),
        ((0.5, 0.6), (0.1, 0.9), True),
        (None, (0.1, 0.2), None),
    ],
)
def test_intervals_overlap(first: Any, second: Any, expected: bool | None) -> None:
    assert overlapping(first, second) is expected
    assert overlapping(second, first) is expected


def test_tables_are_compared_cell_by_cell() -> None:
    ours, theirs = (leaderboard(board_of([probe("a", value), probe(name, 0.6)])) for value, name in
                    ((0.6, "b"), (0.8, "c")))  # fmt: skip
    changed = differences(ours, [theirs])
    assert changed == {("a", "sensitivity"): pytest.approx(-0.25), ("a", "processing"): pytest.approx(-0.25)}
    assert differences(ours, [replace(theirs, name="another")]) == {}
