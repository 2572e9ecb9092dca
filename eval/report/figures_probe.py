"""Figures of the linear probe: bars per encoder (Fig. 4 and 6), and what mitigations leave of the trace."""

from collections.abc import Callable, Iterator, Sequence

from flickrexif.eval.report.entries import Entry, decisive, grouped, point_of, slug
from flickrexif.eval.report.spec import Bars, Figure, GroupedDots, Point, Series
from flickrexif.eval.report.style import percent
from flickrexif.eval.report.wording import (
    INTERVALS,
    capital,
    dataset_of,
    extremes,
    gaps,
    settings_of,
    subject_of,
    subject_order,
)
from flickrexif.eval.results import Result

Published = Callable[[Result, str], Sequence[tuple[str, float]]]
"""(record, metric) -> the paper's numbers of that measurement: (encoder, or a level in words, value)."""

MITIGATIONS = ("none", "centring", "leace", "averaging")
LEFT = {  # measure of a mitigation -> (its name, how to read it)
    "accuracy": (
        "trace left",
        "The linear probe's accuracy without and with each mitigation; at chance no trace is left.",
    ),
    "all_same": (
        "semantics left",
        "kNN accuracy where all images are processed alike, without and with each mitigation.",
    ),
}


def nothing_published(result: Result, metric: str) -> Sequence[tuple[str, float]]:  # noqa: ARG001
    """A `Published` without any number."""
    return ()


def by_subject(groups: Sequence[list[Entry]]) -> list[list[Entry]]:
    """The measurements in the paper's order of parameters and attributes, then by data set."""
    return sorted(groups, key=lambda group: (subject_order(group[0][1]), group[0][1].dataset))


def name_of(kind: str, result: Result, *more: object) -> str:
    """The file stem of a figure or table: kind, subject, data set, the decisive settings."""
    settings = (f"{name}-{value}" for name, value in decisive(result).items())
    return slug(kind, result.parameter or result.attribute or "", result.dataset, *settings, *more)


def agreed_chance(values: Sequence[float | None]) -> float | None:
    """The chance level of the records; None where they differ or have none."""
    distinct = {round(value, 6): value for value in values if value is not None}
    return next(iter(distinct.values())) if len(distinct) == 1 else None


def probe_figures(entries: Sequence[Entry], published: Published) -> Iterator[Figure]:
    """Bars for each processing parameter and each acquisition attribute."""
    for group in by_subject(grouped(entries, "probe")):
        result = group[0][1]
        points = tuple(point_of(entry, "accuracy") for entry in group)
        chance = agreed_chance([r.metrics.get("chance") for _, r in group])
        subject, dataset = subject_of(result), dataset_of(result)
        level = f" Chance: {percent(chance)}." if chance is not None else ""
        where = f"on {dataset}{settings_of(result)}"
        yield Figure(
            name=name_of("probe", result),
            section="Processing" if result.parameter else "Acquisition",
            title=f"{capital(subject)} {where}",
            caption=f"Accuracy of a linear probe that tells {subject} from frozen embeddings {where}. "
            f"{INTERVALS}{level}{gaps(points)}",
            alt=extremes(points, f"probe accuracy for {subject}") + level,
            content=Bars(points=points, chance=chance, published=tuple(published(result, "accuracy"))),
            y_label="probe accuracy",
            paper="Fig. 4" if result.parameter else "Fig. 6",
            records=tuple(path for path, _ in group),
        )


def mitigation_figures(entries: Sequence[Entry]) -> Iterator[Figure]:
    """Trace and semantics before and after each mitigation."""
    for group in by_subject(grouped(entries, "mitigation")):
        for measure in LEFT:
            yield _mitigation(group, measure)


def _mitigation(group: Sequence[Entry], measure: str) -> Figure:
    result = group[0][1]
    quantity, meaning = LEFT[measure]
    series = tuple(_after(group, name, measure) for name in _mitigations(group))
    chance = agreed_chance([r.metrics.get("chance") for _, r in group]) if measure == "accuracy" else None
    where = f"{subject_of(result)} on {dataset_of(result)}{settings_of(result)}"
    level = f" Chance: {percent(chance)}." if chance is not None else ""
    return Figure(
        name=name_of("mitigation", result, measure),
        section="Mitigation",
        title=f"{capital(quantity)} after mitigation: {where}",
        caption=f"{meaning} {INTERVALS}{level}{gaps([p for s in series for p in s.points])}",
        alt=" ".join(extremes(s.points, f"{s.name}: {quantity}") for s in series) + level,
        content=GroupedDots(series=series, chance=chance),
        y_label="probe accuracy" if measure == "accuracy" else "kNN accuracy",
        records=tuple(path for path, _ in group),
    )


def _mitigations(group: Sequence[Entry]) -> list[str]:
    """The mitigations that the records have numbers of, ours first; all of ours where they have none."""
    names = {name.rpartition(".")[0] for _, result in group for name in result.metrics if "." in name}
    return [m for m in MITIGATIONS if m in names] + sorted(names - set(MITIGATIONS)) or list(MITIGATIONS)


def _after(group: Sequence[Entry], name: str, measure: str) -> Series:
    return Series(name=name, points=tuple(_point(entry, name, measure) for entry in group))


def _point(entry: Entry, name: str, measure: str) -> Point:
    detail = entry[1].detail.get(name)
    reason = detail.get("reason") if isinstance(detail, dict) else ""
    return point_of(entry, f"{name}.{measure}", reason or "")
