"""What changed against the records of another run, number by number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flickrexif.eval.report.choice import Entry, key_of, used
from flickrexif.eval.report.spec import Point, Table
from flickrexif.eval.report.wording import dataset_of, settings_of, subject_of
from flickrexif.eval.results import Result

NOT_COMPARED = ("chance", "accuracy_std")  # metrics that say nothing about an encoder
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A number in both runs. `overlap` tells whether the 95% intervals do, None where one has none."""

    encoder: str
    what: str
    record: str
    now: float
    before: float
    overlap: bool | None

    @property
    def difference(self) -> float:
        """Ours less the baseline's."""
        return self.now - self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All numbers in both runs, the largest change first, and what only one of them has."""

    changes: tuple[Change, ...]
    only_ours: tuple[str, ...]  # encoders
    only_theirs: tuple[str, ...]
    unmatched: int  # measurements of encoders in both that only one has

    def largest(self, count: int) -> list[Change]:
        """The largest change of each record, at most so many."""
        first: dict[str, Change] = {}
        for change in self.changes:
            first.setdefault(change.record, change)
        return list(first.values())[:count]


def compare(ours: Iterable[Entry], theirs: Iterable[Entry]) -> Comparison:
    """Compare the records of the same measurement and encoder."""
    mine, others = ({key_of(entry[1]): entry for entry in used(entries)} for entries in (ours, theirs))
    both = [(mine[key], others[key][1]) for key in mine if key in others]
    changes = [change for entry, before in both for change in _changes(entry, before)]
    here, there = ({result.encoder for _, result in entries.values()} for entries in (mine, others))
    unmatched = {key for key in mine.keys() ^ others.keys() if key[-1] in here & there}
    return Comparison(
        changes=tuple(sorted(changes, key=lambda c: (-abs(c.difference), c.encoder, c.what))),
        only_ours=tuple(sorted(here - there)),
        only_theirs=tuple(sorted(there - here)),
        unmatched=len(unmatched),
    )


def _changes(entry: Entry, before: Result) -> Iterable[Change]:
    path, now = entry
    for metric, value in now.metrics.items():
        other = before.metrics.get(metric)
        if value is None or other is None or metric in NOT_COMPARED:
            continue
        yield Change(
            encoder=now.encoder,
            what=_what(now, metric),
            record=path,
            now=value,
            before=other,
            overlap=overlapping(now.intervals.get(metric), before.intervals.get(metric)),
        )


def overlapping(one: Interval | None, other: Interval | None) -> bool | None:
    """Whether two intervals share a number; None where one is missing."""
    if one is None or other is None:
        return None
    return one[0] <= other[1] and other[0] <= one[1]


def _what(result: Result, metric: str) -> str:
    subject = subject_of(result)
    return f"{result.task}{f' {subject}' if subject else ''}, {dataset_of(result)}{settings_of(result)}: {metric}"


def differences(ours: Table, theirs: Sequence[Table]) -> Mapping[tuple[str, str], float]:
    """(encoder, column) -> our number less that in their table of the same name, where both have one."""
    before = {where: value for table in theirs if table.name == ours.name for where, value in _numbers(table).items()}
    return {where: value - before[where] for where, value in _numbers(ours).items() if where in before}


def _numbers(table: Table) -> dict[tuple[str, str], float]:
    return {
        (shown.encoder, column.name): shown.value
        for row in table.cells
        for column, shown in zip(table.columns, row, strict=True)
        if isinstance(shown, Point) and shown.value is not None
    }
