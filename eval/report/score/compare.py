"""Compares the numbers of two runs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from flickrexif.eval.report.identity import Entry, key_of
from flickrexif.eval.report.spec import Point, Table
from flickrexif.eval.report.wording import place_of, subject_of
from flickrexif.eval.results import Result

NOT_COMPARED = ("chance", "accuracy_std")  # metrics that say nothing about an encoder
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A number that both runs have; `overlap`: whether the 95% intervals overlap, None where one is missing."""

    encoder: str
    measurement: str
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
    """The numbers that both runs have, the largest change first, and what only one run has."""

    changes: tuple[Change, ...]
    only_ours: tuple[str, ...]  # encoders
    only_theirs: tuple[str, ...]
    unmatched: int  # measurements in one run only, of encoders in both

    def largest(self, count: int) -> list[Change]:
        """The `count` largest changes, at most one of each record."""
        first: dict[str, Change] = {}
        for change in self.changes:
            first.setdefault(change.record, change)
        return list(first.values())[:count]


def compare(ours: Iterable[Entry], theirs: Iterable[Entry]) -> Comparison:
    """Compare the records of the same measurement and encoder."""
    our_entries, their_entries = ({key_of(entry[1]): entry for entry in run} for run in (ours, theirs))
    both = [(entry, their_entries[key][1]) for key, entry in our_entries.items() if key in their_entries]
    changes = [change for entry, before in both for change in _changes(entry, before)]
    our_encoders, their_encoders = ({key[-1] for key in run} for run in (our_entries, their_entries))
    unmatched = {key for key in our_entries.keys() ^ their_entries.keys() if key[-1] in our_encoders & their_encoders}
    return Comparison(
        changes=tuple(sorted(changes, key=lambda c: (-abs(c.difference), c.encoder, c.measurement))),
        only_ours=tuple(sorted(our_encoders - their_encoders)),
        only_theirs=tuple(sorted(their_encoders - our_encoders)),
        unmatched=len(unmatched),
    )


def _changes(entry: Entry, before: Result) -> Iterable[Change]:
    path, now = entry
    for metric, value in now.metrics.items():
        earlier = before.metrics.get(metric)
        if value is None or earlier is None or metric in NOT_COMPARED:
            continue
        yield Change(
            encoder=now.encoder,
            measurement=_measurement(now, metric),
            record=path,
            now=value,
            before=earlier,
            overlap=overlapping(now.intervals.get(metric), before.intervals.get(metric)),
        )


def overlapping(first: Interval | None, second: Interval | None) -> bool | None:
    """Whether two intervals share a number; None where one is missing."""
    if first is None or second is None:
        return None
    return first[0] <= second[1] and second[0] <= first[1]


def _measurement(result: Result, metric: str) -> str:
    subject = subject_of(result)
    return f"{result.task}{f' {subject}' if subject else ''}, {place_of(result)}: {metric}"


def differences(ours: Table, theirs: Sequence[Table]) -> Mapping[tuple[str, str], float]:
    """(encoder, column) -> our number less that in their table of the same name, where both have one."""
    before = {cell: value for table in theirs if table.name == ours.name for cell, value in _numbers(table).items()}
    return {cell: value - before[cell] for cell, value in _numbers(ours).items() if cell in before}


def _numbers(table: Table) -> dict[tuple[str, str], float]:
    return {
        (shown.encoder, column.name): shown.value
        for row in table.cells
        for column, shown in zip(table.columns, row, strict=True)
        if isinstance(shown, Point) and shown.value is not None
    }
