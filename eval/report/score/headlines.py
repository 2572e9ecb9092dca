"""The few numbers at the top of the page, beside what the paper says of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from flickrexif.eval.report.charts import CHARTS
from flickrexif.eval.report.identity import Entry, slug
from flickrexif.eval.report.published import LEVELS, PaperNumber, paper_numbers
from flickrexif.eval.report.score.sensitivity import Board
from flickrexif.eval.report.style import percent, short
from flickrexif.eval.report.wording import capital, chance_level, place_of, subject_of

FAMILY, CONTROLS = "CVL", "CTL"  # the family whose levels the paper states; the family of controls


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A number with a title, what it is of (`text`), and what the paper says."""

    name: str
    title: str
    value: str
    text: str
    paper: str = ""
    records: tuple[str, ...] = ()  # paths of the records that the number was made from


def headlines(entries: Sequence[Entry], board: Board) -> list[Headline]:
    """The most trace-sensitive encoder, then each measurement for which the paper states a level."""
    cards = list(_strongest(board))
    for number in paper_numbers():
        if number.relation in LEVELS:
            cards += _measured(number, entries)
    return cards


def _strongest(board: Board) -> Iterator[Headline]:
    ranked = [score for score in board.scores if score.rank is not None and score.value is not None]
    if len(ranked) < 2 or ranked[0].last_rank != 1:  # another's interval overlaps
        return
    first, last = ranked[0], ranked[-1]
    yield Headline(
        name="strongest",
        title="Most trace-sensitive",
        value=short(first.encoder),
        text=f"Trace sensitivity {percent(first.value)}; the least, {short(last.encoder)}: {percent(last.value)}.",
    )


def _measured(number: PaperNumber, entries: Sequence[Entry]) -> Iterator[Headline]:
    """The median of FAMILY's encoders, or of all but the controls where it has none, on the paper's data."""
    metric = number.metric
    group = [entry for entry in entries if number.matches(entry[1]) and entry[1].metrics.get(metric) is not None]
    if not group:
        return
    family = [entry for entry in group if entry[1].family == FAMILY]
    chosen = family or [entry for entry in group if entry[1].family != CONTROLS] or group
    result = chosen[0][1]
    values = [value for _, r in chosen if (value := r.metrics[metric]) is not None]
    kind = f"{FAMILY} " if family else ""
    alone = len(chosen) == 1
    encoders = f"{kind}encoder {short(result.encoder)}" if alone else f"Median of {len(chosen)} {kind}encoders"
    yield Headline(
        name=slug(number.task, number.parameter, number.attribute),
        title=CHARTS[number.task].headline.format(capital(subject_of(result))),
        value=percent(median(values)),
        text=f"{capital(encoders)} on {place_of(result)}.{chance_level(result.metrics.get('chance'))}",
        paper=f"{number.text} {percent(number.value, 0)} on {number.dataset}{_stated_chance(number)}",
        records=tuple(path for path, _ in chosen),
    )


def _stated_chance(number: PaperNumber) -> str:
    """ ", chance 16.7%", where the paper states it."""
    for other in paper_numbers():
        if replace(number, relation="chance", value=other.value, text=other.text) == other:
            return f", chance {percent(other.value)}"
    return ""
