"""What a page opens with, against the records' own numbers, for any subset of records."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

import numpy as np
import pytest

from flickrexif.eval.measure.intervals import in_blocks
from flickrexif.eval.report.score.answer import CONTROLS_ALONE, NOTHING, answer_of, finding_lines
from flickrexif.eval.report.score.effects import effects_of
from flickrexif.eval.report.score.sensitivity import board_of
from flickrexif.eval.report.select import used_entries
from flickrexif.eval.report.spec import Answer, Overview
from flickrexif.eval.results import Result
from tests.report_records import of, records
from tests.test_report_sensitivity import IDS, record

Entry = tuple[str, Result]
RECORDS = of(8)


def answer(entries: Sequence[Entry]) -> Answer:
    used = used_entries(entries)
    return answer_of(used, board_of(used))


def both(encoder: str, accuracy: float, before: float, after: float, **fields: Any) -> list[Entry]:
    """A probe of resizing and kNN, of 400 images each: neg-same is right for none that all-same is wrong for."""
    knn = {"all_same": before, "neg_same": after}
    right = {name: (np.arange(400) < round(400 * value)).astype(float) for name, value in knn.items()}
    return [record(encoder, "probe", {"accuracy": accuracy, "chance": 0.3333}, parameter="resizing", **fields),
            record(encoder, "knn", knn, parameter="resizing", blocks=in_blocks(IDS, right), **fields)]  # fmt: skip


# --- the finding


@pytest.mark.parametrize(
    ("accuracy", "before", "after", "is_shown"),
    [
        (0.76, 0.9, 0.7, True),
        (0.76, 0.9, 0.88, True),
        (0.34, 0.9, 0.7, False),
        (0.76, 0.9, 0.9, False),
        (0.76, 0.9, 0.8975, False),
        (0.2, 0.9, 0.9, False),
    ],
)
def test_the_finding_needs_both_with_their_intervals(
    accuracy: float, before: float, after: float, is_shown: bool
) -> None:
    first = answer(both("mine", accuracy, before, after)).sentences[0]
    assert first.startswith("mine knows resizing" if is_shown else "No encoder here shows the finding")
    assert ("lets it pull its neighbours" in first) is is_shown
    assert "(D, 400 training and 400 test images)" in first


def test_some_tenths_of_a_point_above_chance_are_not_read_out() -> None:
    """As of a probe that gives all variants of an image one answer: 17.1% (17.0 to 17.2), where chance is 16.7%."""
    probe, knn = both("mine", 0.171, 0.9, 0.7)
    sure = replace(probe[1], metrics={"accuracy": 0.171, "chance": 1 / 6}, intervals={"accuracy": (0.170, 0.172)})
    assert answer([(probe[0], sure), knn]).sentences[0].startswith("No encoder here shows the finding")


def test_the_encoders_that_show_it_are_counted() -> None:
    entries = [*both("a", 0.76, 0.9, 0.7), *both("b", 0.66, 0.8, 0.7), *both("c", 0.34, 0.9, 0.9),
               *both("control:dct", 1.0, 0.9, 0.1, family="CTL")]  # fmt: skip
    first, read, moved, *_ = answer(entries).sentences
    assert first.startswith(
        "2 of 3 encoders know resizing and let it pull their neighbours: a linear probe reads it out with 66.0% to "
        "76.0%, where chance is 33.3%, and kNN loses 10.0 to 20.0 points"
    )
    assert "median of 3 encoders: resizing 66.0% (chance 33.3%; 2 of 3 above)" in read
    assert "resizing from 90.0% to 70.0%, 2 of 3 lose" in moved


def test_the_lines_of_a_terminal_name_the_most_and_the_least() -> None:
    entries = [*both("plain", 0.775, 0.675, 0.39), *both("augmented", 0.57, 0.7475, 0.7275)]
    finding, most, *more = finding_lines(used_entries(entries))
    assert "plain knows" not in finding
    assert most.startswith("Where only wrong classes share the query's processing, resizing costs plain 28.5 points "
                           "(")  # fmt: skip
    assert "kNN from 67.5% (" in most
    assert "; augmented 2.0 points (" in most
    assert "kNN from 74.8% (" in most
    assert more == []


def test_a_mitigation_is_told_before_and_after() -> None:
    metrics = {"none.accuracy": 0.7, "leace.accuracy": 0.35, "none.all_same": 0.9, "leace.all_same": 0.9}
    entries = [record("a", "mitigation", {**metrics, "chance": 0.3333}, parameter="resizing")]
    (line,) = finding_lines(used_entries(entries))
    for words in ("Mitigated by LEACE, the probe of a for resizing goes from 70.0% (", "to 35.0% (", "chance is 33.3%",
                  "kNN from 90.0% (", "(D, 400 training and 400 test images)"):  # fmt: skip
        assert words in line


def test_the_interval_of_a_loss_is_that_of_the_difference() -> None:
    """Of 400 images 20 are wrong only in neg-same: the loss varies as a share of 5% does, not as two of 90%."""
    entries = both("a", 0.76, 0.9, 0.85)
    (effect,) = effects_of(used_entries(entries))
    draws = np.random.default_rng(0).binomial(400, 0.05, 20_000) / 400
    assert (effect.loss.low, effect.loss.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.004)
    old = [(path, replace(result, blocks={})) for path, result in entries]
    (effect,) = effects_of(used_entries(old))
    assert (effect.loss.low, effect.loss.high) == pytest.approx(
        ((effect.before.low or 0) - (effect.after.high or 0), (effect.before.high or 0) - (effect.after.low or 0))
    )
    assert not effect.is_moved


# --- any records


@pytest.mark.parametrize("seed", range(30))
def test_it_is_said_of_any_records(seed: int) -> None:
    """No subset of the records breaks it; with numbers of encoders it has sentences, else it says what to type."""
    draws = Random(seed)
    chosen = [entry for entry in RECORDS if draws.random() < draws.choice((0.02, 0.3, 0.9))]
    old = [(path, replace(r, n={}, blocks={}, intervals={})) for path, r in chosen if draws.random() < 0.3]
    entries = used_entries([*chosen, *old])
    shown, lines = answer(entries), finding_lines(entries)
    assert shown.sentences
    assert 1 <= len(lines) <= 3
    for text in (*shown.sentences, *shown.own, *lines):
        assert text.endswith((".", "class folders."))
        assert "none" not in text
        assert "nan" not in text
        assert ", )" not in text
        assert "\n" not in text
    if shown.figure:
        assert isinstance(shown.figure.content, Overview)
        for strip in shown.figure.content.strips:
            assert {point.family for point in strip.points} & {"CTL"} == set()
            assert {point.family for point in strip.references} <= {"CTL"}


def test_nothing_measured_says_what_to_type() -> None:
    assert answer([]) == Answer(sentences=(NOTHING,))
    assert finding_lines([]) == (NOTHING,)
    probe, _ = both("mine", 0.76, 0.9, 0.7)
    assert finding_lines([probe])[0].startswith("Read out by a linear probe of mine: resizing 76.0%")
    controls = both("control:dct", 1.0, 0.9, 0.1, family="CTL")
    assert answer(controls).sentences == (CONTROLS_ALONE,)
    failed = [
        (path, replace(r, metrics=dict.fromkeys(r.metrics), reason="no memory")) for path, r in both("a", 1, 1, 0)
    ]
    assert answer(failed).sentences == (NOTHING,)


@pytest.mark.parametrize(
    ("task", "metrics", "words"),
    [
        ("neighbors", {"10": 0.75, "25": 0.7}, "Of the 10 nearest photos, this share is from the same kind of camera"),
        ("neighbors", {"5": 0.75}, "Of the 5 nearest photos, this share is from the same kind of camera"),
        ("retrieval", {"same": 0.75, "different": 0.9}, "comes first in 75.0%"),
        ("masking", {"0": 0.8, "0.9": 0.75}, "Measured here: kNN accuracy under a centred mask. None of it says how"),
        ("strips", {}, "Measured here: Nearest neighbours. None of it says how"),
    ],
)
def test_a_measurement_alone_is_told_on_the_page_and_on_the_terminal(
    task: str, metrics: dict[str, float], words: str
) -> None:
    entries = used_entries([record("mine", task, metrics)])
    for text in (answer(entries).sentences[0], finding_lines(entries)[0]):
        assert words in text
        assert "0.75" not in text
        assert ("75.0%" in text) is ("Measured" not in text)


def test_the_picture_has_the_boards_numbers() -> None:
    used = used_entries(records(47))
    board = board_of(used)
    figure = answer_of(used, board).figure
    assert figure is not None
    assert isinstance(figure.content, Overview)
    first = figure.content.strips[0]
    assert {point.encoder: point.value for point in first.points} == {
        score.encoder: score.value for score in board.scores if score.family != "CTL"
    }
    assert [strip.title for strip in figure.content.strips] == [
        "Trace sensitivity", *(part.title for part in board.parts)
    ]  # fmt: skip


# --- one's own


def test_each_encoder_of_ones_own_has_a_sentence() -> None:
    shipped = [(f"reference/{path}", r) for name in "ab" for path, r in both(name, 0.76, 0.9, 0.7)]
    mine = both("mine", 0.5, 0.9, 0.88, family="OWN")
    (sentence,) = answer([*shipped, *mine]).own
    assert sentence.startswith("mine: resizing is read out with 50.0% (")
    assert (
        "kNN goes from 90.0% to 88.0% where only wrong classes share the processing, a loss of 2.0 points (" in sentence
    )
    assert "(D, 400 training and 400 test images)" in sentence
    assert sentence.endswith("rank 3 of 3.")
    (lite,) = answer([*shipped, *both("lite0", 0.5, 0.9, 0.88, family="SUP")]).own
    assert lite.startswith("lite0: resizing")
    assert answer(both("lite0", 0.5, 0.9, 0.88, family="SUP")).own == ()
    assert len(answer(mine).own) == 1
    assert answer(shipped).own == ()


def test_the_data_of_ones_own_encoder_come_first() -> None:
    shipped = [(f"reference/{path}", r) for name in "ab" for path, r in both(name, 0.76, 0.9, 0.7)]
    elsewhere = [(path, replace(result, dataset="E")) for path, result in both("mine", 0.5, 0.9, 0.7)]
    assert "(E, 400" in answer([*shipped, *elsewhere]).sentences[0]
    assert "(D, 400" in answer(shipped).sentences[0]
