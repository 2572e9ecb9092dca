"""The trace sensitivity against numbers worked out by hand, and the leaderboard made of it."""

from dataclasses import replace
from typing import Any

import pytest

from flickrexif.eval.measure.neighbors import NeighborsDetail
from flickrexif.eval.report.charts.base import above_chance, lost
from flickrexif.eval.report.score.compare import Comparison, compare, differences, overlapping
from flickrexif.eval.report.score.leaderboard import board_differences, leaderboard
from flickrexif.eval.report.score.sensitivity import board_of
from flickrexif.eval.report.spec import Point
from flickrexif.eval.results import Result

Entry = tuple[str, Result]


NEIGHBORS = NeighborsDetail(chance=0.5, by_label={}, left_out={})


def record(encoder: str, task: str, metrics: dict[str, float | None], **fields: Any) -> Entry:
    about = {
        "task": task,
        "encoder": encoder,
        "family": "CVL",
        "dataset": "D",
        "origin": "",
        "metrics": metrics,
        "settings": {},
    }
    result = Result(**{**about, **fields})
    return f"{encoder}/{task}{result.parameter or ''}{result.attribute or ''}.json", result


def probe(encoder: str, accuracy: float | None, parameter: str = "jpeg", chance: float = 0.2) -> Entry:
    return record(encoder, "probe", {"accuracy": accuracy, "chance": chance}, parameter=parameter)


def everything(encoder: str) -> list[Entry]:
    """Read out 0.5 and 0.75, camera 0.6, lost 0.25, neighbours 0.2, pairs 0.1: parts 0.625, 0.6, 0.25, 0.2, 0.1."""
    return [
        probe(encoder, 0.6),
        probe(encoder, 0.8, "sharpening"),
        record(encoder, "probe", {"accuracy": 0.8, "chance": 0.5}, attribute="Is Smartphone", settings={"mask": 0.9}),
        record(encoder, "knn", {"all_same": 0.8, "neg_same": 0.6}, parameter="jpeg"),
        record(encoder, "neighbors", {"10": 0.6, "25": 0.9}, attribute="is_smartphone", detail=NEIGHBORS),
        record(encoder, "retrieval", {"same": 0.72, "different": 0.8}),
    ]


def test_shares_by_hand() -> None:
    assert above_chance(0.6, 0.2) == pytest.approx(0.5)
    assert above_chance(0.1, 0.2) == pytest.approx(-0.125)
    assert (above_chance(None, 0.2), above_chance(0.6, None), above_chance(1.0, 1.0)) == (None, None, None)
    assert lost(0.8, 0.6) == pytest.approx(0.25)
    assert lost(0.5, 0.6) == pytest.approx(-0.2)
    assert (lost(None, 0.1), lost(0.1, None), lost(0.0, 0.0)) == (None, None, None)


def test_the_score_is_the_mean_of_the_means() -> None:
    (score,) = board_of(everything("a")).scores
    by_hand = {"processing": 0.625, "acquisition": 0.6, "pull": 0.25, "camera": 0.2, "pairs": 0.1}
    assert score.parts == pytest.approx(by_hand)
    assert score.value == pytest.approx(0.355)
    assert (score.semantics, score.rank, score.lacking) == (0.8, 1, ())


@pytest.mark.parametrize(
    "other",
    [
        record("a", "masking", {"0": 0.9}),
        record("a", "mitigation", {"none.accuracy": 1.0, "chance": 0.1}, parameter="jpeg"),
        record("a", "similarity", {"same_class_same_metadata": 0.9}, parameter="jpeg"),
        record("a", "probe", {"accuracy": 1.0, "chance": 0.5}, attribute="Is Smartphone"),  # not masked
    ],
)
def test_other_measurements_do_not_count(other: Entry) -> None:
    assert board_of([*everything("a"), other]).scores[0].value == pytest.approx(0.355)


def test_only_encoders_with_the_same_measurements_are_ranked() -> None:
    entries = [*everything("a"), *everything("b"), *everything("c"), probe("d", 1.0)]
    entries = [e for e in entries if e[0] not in ("b/retrieval.json", "c/probejpeg.json")]
    entries += [probe("c", None), *everything("e"), probe("e", 1.0, "resizing")]
    board = board_of([*entries, *everything("f")])
    ranks = {score.encoder: score.rank for score in board.scores}
    assert ranks == {"a": 1, "e": 1, "f": 1, "d": None, "b": None, "c": None}
    assert len(board.basis) == 6  # resizing, which e alone has, does not count
    lacking = {score.encoder: score.lacking for score in board.scores}
    assert lacking["b"] == ("pairs, D",)
    assert lacking["c"] == ("linear probe, JPEG compression, D (no number in the record)",)
    assert len(lacking["d"]) == 5
    scores = {score.encoder: score.value for score in board.scores}
    assert scores["e"] == pytest.approx(0.355)
    assert scores["d"] == pytest.approx(1.0)


def test_equal_scores_share_a_rank_and_records_without_any_measurement_have_none() -> None:
    board = board_of([probe("a", 0.6), probe("b", 0.8), probe("c", 0.6), record("z", "masking", {"0": 0.1})])
    assert [(s.encoder, s.rank, s.value) for s in board.scores if s.value is not None] == [
        ("b", 1, pytest.approx(0.75)),
        ("a", 2, pytest.approx(0.5)),
        ("c", 2, pytest.approx(0.5)),
    ]
    assert [(s.encoder, s.rank) for s in board.scores][-1] == ("z", None)
    assert board_of([record("z", "masking", {"0": 0.1})]).basis == {}


def test_the_leaderboard_shows_the_parts_there_are() -> None:
    table = leaderboard(board_of([*everything("a"), probe("b", 0.9)]))
    assert [c.name for c in table.columns] == [
        *("rank", "encoder", "family", "sensitivity"),
        *("processing", "acquisition", "pull", "camera", "pairs", "semantics", "measured"),
    ]
    rows = [[cell.value if isinstance(cell, Point) else cell for cell in row] for row in table.cells]
    assert rows[0] == ["1", "a", "CVL", *map(pytest.approx, (0.355, 0.625, 0.6, 0.25, 0.2, 0.1, 0.8)), "6 of 6"]
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
    ours = [probe("a", 0.55), probe("b", 0.9), probe("d", None), record("a", "knn", {"all_same": 0.3})]
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
