"""What mitigations leave of the trace, and of what images show."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from flickrexif.eval.report.charts.base import (
    Chart,
    by_subject,
    chance_levels,
    is_whole,
    metrics_table,
    name_together,
    side_by_side,
    subjects,
)
from flickrexif.eval.report.groups import Group, about, point_of
from flickrexif.eval.report.identity import Entry
from flickrexif.eval.report.spec import Figure, Point, Rows, Series
from flickrexif.eval.report.style import percent, short
from flickrexif.eval.report.wording import INTERVALS, capital, chance_level, extremes, gaps, subject_of, with_interval

MITIGATIONS = ("none", "centring", "leace", "averaging")
LEFT = {  # metric after a mitigation -> (what it says, its name beside others, of what, how to read it)
    "accuracy": (
        *("trace left", "trace left", "probe accuracy"),
        "The linear probe's accuracy without and with each mitigation; at chance no trace is left.",
    ),
    "all_same": (
        *("semantics left", "all-same", "kNN accuracy"),
        "kNN accuracy where all images are processed alike, without and with each mitigation.",
    ),
}
COLUMNS = [
    (f"{name}.{metric}", f"{name}, {title}") for metric, (_, title, _, _) in LEFT.items() for name in MITIGATIONS
]


def _figures(groups: Sequence[Group]) -> Iterator[Figure]:
    if any(map(_mitigations, groups)):
        yield from (_figure(groups, metric) for metric in LEFT)


def _figure(groups: Sequence[Group], metric: str) -> Figure:
    quantity, _, y_label, meaning = LEFT[metric]
    content = side_by_side(groups, partial(_rows, metric))
    level = chance_levels(groups) if metric == "accuracy" else ""
    return Figure(
        name=name_together("mitigation", groups, metric),
        title=f"{capital(quantity)} after mitigation: {subjects(groups)}",
        caption=f"{meaning} Measured on {groups[0].place}{groups[0].n}. {INTERVALS}{level}{gaps(content.points)}",
        alt=by_subject(groups, partial(_in_words, metric)),
        content=content,
        y_label=y_label,
        records=tuple(path for group in groups for path in group.paths),
    )


def _mitigations(group: Group) -> list[str]:
    """The mitigations that a record has, in their order."""
    names = {name.rpartition(".")[0] for result in group.results for name in result.metrics if "." in name}
    return [name for name in MITIGATIONS if name in names] + sorted(names - set(MITIGATIONS))


def _rows(metric: str, group: Group) -> Rows:
    return Rows(
        series=tuple(
            Series(name=name, points=tuple(_point(entry, name, metric) for entry in group.entries))
            for name in _mitigations(group)
        ),
        chance=group.chance() if metric == "accuracy" else None,
    )


def _in_words(metric: str, group: Group) -> str:
    level = chance_level(group.chance()) if metric == "accuracy" else ""
    return " ".join(extremes(s.points, f"{s.name}: {LEFT[metric][0]}") for s in _rows(metric, group).series) + level


def _point(entry: Entry, name: str, metric: str) -> Point:
    """The number after a mitigation, or why the probe after it has none."""
    after = getattr(entry[1].detail, name, None)
    return point_of(entry, f"{name}.{metric}", (after and after.reason) or "")


def mitigated(entries: Iterable[Entry]) -> Iterator[str]:
    """A sentence on what LEACE leaves of the trace and of the classes, of the trace that it takes most from."""
    names = ("none.accuracy", "leace.accuracy", "none.all_same", "leace.all_same")
    taken: list[tuple[float, Entry]] = []
    for entry in entries:
        metrics = entry[1].metrics
        if entry[1].task == "mitigation" and entry[1].family != "CTL" and is_whole(entry[1]):
            before, after = metrics.get(names[0]), metrics.get(names[1])
            if before is not None and after is not None and None not in (metrics.get(n) for n in names[2:]):
                taken.append((before - after, entry))
    if not taken:
        return
    entry = max(taken, key=lambda item: item[0])[1]
    result, (probe, probe_left, knn, knn_left) = entry[1], (with_interval(point_of(entry, name)) for name in names)
    yield (
        f"Mitigated by LEACE, the probe of {short(result.encoder)} for {subject_of(result)} goes from {probe} to "
        f"{probe_left}, where chance is {percent(result.metrics.get('chance'))}, and kNN from {knn} to {knn_left} "
        f"({about(result)})."
    )


CHART = Chart(
    title="After mitigation",
    figures=lambda group: _figures([group]),
    multiples=_figures,
    tables=lambda groups: [metrics_table(group, COLUMNS, "After mitigation") for group in groups],
)
