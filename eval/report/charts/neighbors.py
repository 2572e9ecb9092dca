"""The share of the nearest photos that are from the query's kind of camera (Table 2)."""

from collections.abc import Iterator

from flickrexif.eval.report.charts.base import Chart, Part, is_whole, metrics_table, numbered
from flickrexif.eval.report.groups import Group, agreed
from flickrexif.eval.report.spec import Figure, Rows
from flickrexif.eval.report.wording import INTERVALS, chance_level, extremes, gaps
from flickrexif.eval.results import Result


def _chance(result: Result) -> float | None:
    return result.detail.chance if result.detail else None


def _columns(group: Group) -> list[tuple[str, str]]:
    return [(name, f"k = {name}") for name in numbered(group)]


def _figures(group: Group) -> Iterator[Figure]:
    series = tuple(group.series(name, title) for name, title in _columns(group))
    if not series:
        return
    chance = agreed([_chance(result) for result in group.results])
    level = chance_level(chance, "A random ranking")
    yield Figure(
        name=group.name("neighbors"),
        title=f"Neighbours of the same kind: {group.where}",
        caption=f"Share of the k nearest photos that share the query's label ({group.subject}), averaged "
        f"over the photos of {group.place}{group.n}. {INTERVALS}{level}{gaps([p for s in series for p in s.points])}",
        alt=extremes(series[0].points, f"share of same-label photos among the {numbered(group)[0]} nearest") + level,
        content=Rows(series=series, chance=chance),
        y_label="same-label neighbours",
        paper="Table 2",
        records=group.paths,
    )


CHART = Chart(
    title="Neighbours of the same kind",
    figures=_figures,
    tables=lambda groups: [
        metrics_table(group, _columns(group), "Neighbours of the same kind", on_page=True) for group in groups
    ],
    parts=(
        Part(
            name="camera",
            title="Same camera",
            formula="(share - chance) / (1 - chance)",
            meaning="How many of the 10 nearest photos are from the query's kind of camera, beyond chance.",
            counts=is_whole,
            metrics=("10",),
            chance=_chance,
        ),
    ),
)
