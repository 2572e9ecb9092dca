"""What a report shows of a measurement: a `Chart` makes its figures and tables, and says what counts in the scores."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.report.groups import Group, point_of
from flickrexif.eval.report.published import published
from flickrexif.eval.report.spec import Column, Figure, Point, Table
from flickrexif.eval.report.style import family_order
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
        """The share of these values of `metrics`: numbers, or arrays of resamples."""
        before, *after = values
        return (before - after[0]) / (before - chance) if after else (before - chance) / (1 - chance)


def section_of(result: Result) -> str:
    """The section that the measurement names."""
    return MEASUREMENTS[result.task].section


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a report shows of the records of a task."""

    title: str  # of the measurement, before what it is of: "Five set-ups"
    figures: Callable[[Group], Iterable[Figure]]  # of a measurement that some encoder has a number of
    tables: Callable[[Sequence[Group]], Iterable[Table]] = lambda _: ()
    section: Callable[[Result], str] = section_of  # the heading that figures and tables stand under
    parts: tuple[Part, ...] = ()
    headline: str = ""  # the title of a number at the top of the page that the paper states too; {} is the label


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
