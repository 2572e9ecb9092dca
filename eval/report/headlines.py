"""The few numbers at the top of the page, beside what the paper says of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from flickrexif.eval.report.choice import Entry, group_of, slug, used
from flickrexif.eval.report.published import LEVELS, Stated, stated
from flickrexif.eval.report.sensitivity import Board
from flickrexif.eval.report.style import percent, short
from flickrexif.eval.report.wording import capital, dataset_of, settings_of, subject_of

TITLES = {"probe": "{} read out", "retrieval": "Pairs found among photos of the same type of camera"}
FAMILY, CONTROLS = "CVL", "CTL"  # whose levels the paper states, and what is no encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A number with what it is of, and what the paper says; `records` are the paths of what it was made of."""

    name: str
    title: str
    value: str
    text: str
    paper: str = ""
    records: tuple[str, ...] = ()


def headlines(entries: Sequence[Entry], board: Board) -> list[Headline]:
    """The encoder with the strongest trace, then what the paper states a level for, if it was measured."""
    found = list(_strongest(board))
    for level in stated():
        if level.relation in LEVELS:
            found += _measured(level, used(entries))
    return found


def _strongest(board: Board) -> Iterator[Headline]:
    ranked = [score for score in board.scores if score.rank is not None and score.value is not None]
    if len(ranked) < 2:
        return
    first, last = ranked[0], ranked[-1]
    yield Headline(
        name="strongest",
        title="Most trace-sensitive",
        value=short(first.encoder),
        text=f"Trace sensitivity {percent(first.value)}; the least, {short(last.encoder)}: {percent(last.value)}.",
    )


def _measured(level: Stated, entries: Sequence[Entry]) -> Iterator[Headline]:
    """The median of the family's encoders, or of all but the controls where it has none.

    Those on the paper's data set are taken, else those on another.
    """
    same = [entry for entry in entries if _is_like(level, entry) and entry[1].metrics.get(level.metric) is not None]
    if not same:
        return
    on_theirs = [entry for entry in same if entry[1].dataset == level.dataset]
    one = group_of((on_theirs or same)[0][1])
    mine = [entry for entry in same if group_of(entry[1]) == one]
    family = [entry for entry in mine if entry[1].family == FAMILY]
    chosen = family or [entry for entry in mine if entry[1].family != CONTROLS] or mine
    result = chosen[0][1]
    values = [value for _, r in chosen if (value := r.metrics[level.metric]) is not None]
    kind = f"{FAMILY} " if family else ""
    of = f"{kind}encoder {short(result.encoder)}" if len(chosen) == 1 else f"Median of {len(chosen)} {kind}encoders"
    chance = result.metrics.get("chance")
    yield Headline(
        name=slug(level.task, level.parameter, level.attribute),
        title=TITLES[level.task].format(capital(subject_of(result))),
        value=percent(median(values)),
        text=f"{capital(of)} on {dataset_of(result)}{settings_of(result)}."
        + (f" Chance: {percent(chance)}." if chance is not None else ""),
        paper=f"{level.text} {percent(level.value, 0)} on {level.dataset}{_stated_chance(level)}",
        records=tuple(path for path, _ in chosen),
    )


def _is_like(level: Stated, entry: Entry) -> bool:
    result = entry[1]
    mine = level.task, level.parameter, level.attribute
    masked = level.mask is None or result.settings.get("mask") == level.mask
    return masked and mine == (result.task, result.parameter or "", result.attribute or "")


def _stated_chance(level: Stated) -> str:
    """ ", chance 16.7%", where the paper states it."""
    same = (one for one in stated() if replace(level, relation="chance", value=one.value, text=one.text) == one)
    return next((f", chance {percent(one.value)}" for one in same), "")
