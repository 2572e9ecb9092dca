"""The figures and tables of a report, by the measurements that its records are of."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from flickrexif.eval.report.charts import (
    knn,
    masking,
    mitigation,
    neighbors,
    probe,
    retrieval,
    similarity,
    strips,
    tsne,
)
from flickrexif.eval.report.charts.base import Chart, Part
from flickrexif.eval.report.groups import Group, groups_of
from flickrexif.eval.report.identity import Entry, distinct_names, group_of
from flickrexif.eval.report.spec import Figure, Point, Table
from flickrexif.eval.report.style import plain
from flickrexif.eval.results import Result

CHARTS: dict[str, Chart] = {
    "probe": probe.CHART,
    "masking": masking.CHART,
    "tsne": tsne.CHART,
    "knn": knn.CHART,
    "similarity": similarity.CHART,
    "neighbors": neighbors.CHART,
    "retrieval": retrieval.CHART,
    "strips": strips.CHART,
    "mitigation": mitigation.CHART,
}
"""Task -> what a report shows of it, in the order in which it is shown."""

QUESTIONS = {
    "Processing": "Can a linear classifier tell from an embedding how its image was compressed, sharpened or resized?",
    "Acquisition": "Can it tell the camera and its settings, even where most of the photo is hidden?",
    "Semantics": "Do these traces pull nearest neighbours away from what the images show?",
    "Neighbours": "Are the nearest photos, or those taken for a pair, from the same type of camera?",
    "Mitigation": "What is left of the traces, and of what images show, once embeddings are corrected?",
}
"""Section -> the question that it answers, in the order of the page."""


class Unmeasured(NamedTuple):
    """A figure that is not drawn as no encoder has a number for it, and the reasons."""

    section: str
    title: str
    reasons: tuple[str, ...]


class Charted(NamedTuple):
    """The figures by section, under names that differ, and those that are not drawn."""

    figures: list[Figure]
    unmeasured: list[Unmeasured]


def charted(entries: Sequence[Entry]) -> Charted:
    """The figures of the records that a report uses."""
    figures: list[Figure] = []
    unmeasured: list[Unmeasured] = []
    for task, chart in CHARTS.items():
        together: dict[tuple[str, ...], list[Group]] = {}
        for group in groups_of(entries, task):
            drawn, gaps = _drawn(chart, group)
            unmeasured += gaps
            if chart.multiples and group.result.parameter and drawn and not gaps:
                together.setdefault(group_of(replace(group.result, parameter=None)), []).append(group)
            else:
                figures += drawn
        for groups in together.values():
            assert chart.multiples
            section = chart.section(groups[0].result)
            figures += [replace(figure, section=section) for figure in chart.multiples(groups)]
    figures.sort(key=lambda figure: section_order(figure.section))
    names = distinct_names(figure.name for figure in figures)
    return Charted([replace(figure, name=name) for figure, name in zip(figures, names, strict=True)], unmeasured)


def _drawn(chart: Chart, group: Group) -> tuple[list[Figure], list[Unmeasured]]:
    """The figures of a measurement, and those that no encoder has a number for."""
    section = chart.section(group.result)
    if not group.drawable:
        reasons = [plain(result.reason or result.state, 120) for result in group.results]
        return [], [_gap(section, f"{chart.title}: {group.where}", reasons)]
    figures, gaps = [], []
    for figure in chart.figures(group):
        points = figure.content.points
        if points and all(point.value is None for point in points):
            gaps.append(_gap(section, figure.title, [point.reason for point in points]))
        else:
            figures.append(replace(figure, section=section))
    return figures, gaps


def _gap(section: str, title: str, reasons: Iterable[str]) -> Unmeasured:
    return Unmeasured(section, title, tuple(dict.fromkeys(reasons)))


def section_order(section: str) -> tuple[int, str]:
    """The key by which sections are sorted: those without a question come last."""
    return [*QUESTIONS, section].index(section), section


def tables(entries: Sequence[Entry]) -> list[Table]:
    """The table of each measurement that some encoder has a number of, under names that differ."""
    groups = {task: groups_of(entries, task) for task in CHARTS}
    every = (
        replace(table, section=table.section or CHARTS[task].section(of_task[0].result))
        for task, of_task in groups.items()
        for table in CHARTS[task].tables(of_task)
    )
    numbered = [table for table in every if _has_numbers(table)]
    names = distinct_names(table.name for table in numbered)
    return [replace(table, name=name) for table, name in zip(numbered, names, strict=True)]


def _has_numbers(table: Table) -> bool:
    return any(isinstance(cell, Point) and cell.value is not None for row in table.cells for cell in row)


def part_of(result: Result) -> Part | None:
    """The part of the trace sensitivity that a record belongs to; None for one that does not count."""
    chart = CHARTS.get(result.task)
    return next((part for part in chart.parts if part.counts(result)), None) if chart else None


def parts() -> list[Part]:
    """The parts of the trace sensitivity."""
    return [part for chart in CHARTS.values() for part in chart.parts]
