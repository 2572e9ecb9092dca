"""What a report shows of a measurement: a `Chart` makes its figures and tables, and says what counts in the scores."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.report.groups import Group, point_of
from flickrexif.eval.report.identity import name_of
from flickrexif.eval.report.published import published
from flickrexif.eval.report.spec import Column, Figure, Multiples, Point, Rows, Series, Table
from flickrexif.eval.report.style import family_order, percent
from flickrexif.eval.report.wording import capital, chance_level
from flickrexif.eval.results import Result

ENCODER = Column(name="encoder", title="Encoder", is_metric=False)
FAMILY = Column(name="family", title="Family", is_metric=False)


class Part(NamedTuple):
    """A part of the trace sensitivity, which is the mean of shares from 0 (no trace) to 1.

    Of one metric: how far it is above chance, of the way from chance to 1. Of two, before and after: what is lost, of
    what can be lost, which is what the first has above chance.
    """

    name: str
    title: str
    formula: str
    meaning: str
    counts: Callable[[Result], bool]  # whether a record of the measurement belongs to the part
    metrics: tuple[str, ...]
    chance: Callable[[Result], float | None]  # None where the record does not tell
    semantics: str = ""  # the metric that says how well the class of an image is told

    def share(self, values: Sequence[Any], chance: Any) -> Any:
        """The share of these values of `metrics`: numbers, or arrays of resamples; NaN where nothing can be lost."""
        before, *after = values
        if not after:
            return (before - chance) / (1 - chance)
        return (before - after[0]) / np.where(before > chance, before - chance, np.nan)


def section_of(result: Result) -> str:
    """The section that the measurement names."""
    return MEASUREMENTS[result.task].section


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a report shows of the records of a task."""

    title: str  # of the measurement, before what it is of: "Five set-ups"
    figures: Callable[[Group], Iterable[Figure]]  # of a measurement that some encoder has a number of
    multiples: Callable[[Sequence[Group]], Iterable[Figure]] | None = None  # of the processings of a data set together
    tables: Callable[[Sequence[Group]], Iterable[Table]] = lambda _: ()
    section: Callable[[Result], str] = section_of  # the heading that figures and tables stand under
    parts: tuple[Part, ...] = ()


def side_by_side(groups: Sequence[Group], rows: Callable[[Group], Rows]) -> Rows | Multiples:
    """The rows of one measurement; or of several side by side, each with all encoders in the same order."""
    if len(groups) == 1:
        return rows(groups[0])
    of_groups = [rows(group) for group in groups]
    families = {point.encoder: point.family for content in of_groups for point in content.points}
    last = {encoder for encoder in families if all(_lacks(content, encoder) for content in of_groups)}
    order = sorted(families, key=lambda encoder: (encoder in last, family_order(families[encoder], encoder)))
    panels = [
        (
            capital(group.subject),
            replace(content, series=tuple(_in_order(line, order, families) for line in content.series)),
        )
        for group, content in zip(groups, of_groups, strict=True)
    ]
    return Multiples(panels=tuple(panels))


def _lacks(content: Rows, encoder: str) -> bool:
    return all(point.value is None for point in content.points if point.encoder == encoder)


def _in_order(line: Series, order: Sequence[str], families: Mapping[str, str]) -> Series:
    """The series with a point for each encoder, in this order and of this family."""
    points = {point.encoder: replace(point, family=families[point.encoder]) for point in line.points}
    gaps = {name: Point(encoder=name, family=families[name], value=None, reason="not measured") for name in order}
    return replace(line, points=tuple(points.get(name, gaps[name]) for name in order))


def name_together(kind: str, groups: Sequence[Group], *more: object) -> str:
    """The file stem of a figure of one measurement, or of several processings of a data set."""
    first = groups[0].result
    return name_of(kind, first if len(groups) == 1 else replace(first, parameter=None, attribute=None), *more)


def subjects(groups: Sequence[Group]) -> str:
    """ "sharpening on imagenette", or "4 processings on imagenette"."""
    return groups[0].where if len(groups) == 1 else f"{len(groups)} processings on {groups[0].place}"


def chance_levels(groups: Sequence[Group]) -> str:
    """ " Chance: 16.7%.", or " Chance: JPEG compression 16.7%, sharpening 33.3%." of several; "" where none is told."""
    if len(groups) == 1:
        return chance_level(groups[0].chance())
    told = [f"{group.subject} {percent(chance)}" for group in groups if (chance := group.chance()) is not None]
    return f" Chance: {', '.join(told)}." if told else ""


def by_subject(groups: Sequence[Group], text: Callable[[Group], str]) -> str:
    """The text of one measurement, or of each of several after its label: "Sharpening: ... Resizing: ..."."""
    if len(groups) == 1:
        return text(groups[0])
    return " ".join(f"{capital(group.subject)}: {text(group)}" for group in groups)


def is_whole(result: Result) -> bool:
    """Whether the images were measured without a mask."""
    return not result.mask


def numbered(group: Group) -> list[str]:
    """The metrics whose names are numbers (k, mask ratios), rising."""
    names = {name for result in group.results for name in result.metrics if name.replace(".", "", 1).isdecimal()}
    return sorted(names, key=float)


# --- tables


def metrics_table(group: Group, metrics: Sequence[tuple[str, str]], title: str, *, on_page: bool = False) -> Table:
    """The table of one measurement, with a column for each (metric, title) that some record has."""
    present = [(name, text) for name, text in metrics if any(name in result.metrics for result in group.results)]
    return Table(
        name=group.name(group.result.task),
        title=f"{title}: {group.where}",
        caption=f"{title}, in %, by encoder: {group.where}.",
        columns=(ENCODER, FAMILY, *(Column(name=name, title=text) for name, text in present)),
        cells=rows_of([(group, name) for name, _ in present]),
        published=_published_rows(group, [name for name, _ in present]),
        on_page=on_page,
    )


def rows_of(columns: Sequence[tuple[Group, str]]) -> tuple[tuple[str | Point, ...], ...]:
    """A row for each encoder of any group: its name, its family, and the metric of the group in each column."""
    families = {result.encoder: result.family or "" for group, _ in columns for result in group.results}
    entries = [{entry[1].encoder: entry for entry in group.entries} for group, _ in columns]

    def cell(encoder: str, column: int) -> Point:
        if encoder in entries[column]:
            return point_of(entries[column][encoder], columns[column][1])
        return Point(encoder=encoder, family=families[encoder], value=None, reason="not measured")

    order = sorted(families, key=lambda encoder: family_order(families[encoder], encoder))
    return tuple((name, families[name], *(cell(name, column) for column in range(len(columns)))) for name in order)


def _published_rows(group: Group, metrics: Sequence[str]) -> tuple[tuple[str | float | None, ...], ...]:
    """The paper's numbers as rows: one for each encoder or level that it has a number for."""
    values_by_row: dict[str, dict[str, float]] = {}
    for metric in metrics:
        for name, value in published(group.result, metric):
            values_by_row.setdefault(name, {})[metric] = value
    return tuple((name, "", *(values.get(metric) for metric in metrics)) for name, values in values_by_row.items())
