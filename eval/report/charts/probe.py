"""The linear probe: bars an encoder (Fig. 4 and 6), and a table of all labels."""

from collections.abc import Iterator, Sequence

from flickrexif.eval.report.charts.base import (
    ENCODER,
    FAMILY,
    Chart,
    Part,
    chance_levels,
    is_whole,
    name_together,
    rows_of,
    side_by_side,
    subjects,
)
from flickrexif.eval.report.groups import Group
from flickrexif.eval.report.spec import CHANCE, Column, Figure, Rows, Table
from flickrexif.eval.report.style import percent
from flickrexif.eval.report.wording import (
    INTERVALS,
    capital,
    chance_level,
    dataset_of,
    extremes,
    gaps,
    settings_of,
)
from flickrexif.eval.results import Result

MASKED = 0.9  # least share of the image that is hidden where a camera's trace is read out
KINDS = "Processing", "Acquisition"


def _kind(result: Result) -> str:
    return KINDS[0] if result.parameter else KINDS[1]


def _figures(groups: Sequence[Group]) -> Iterator[Figure]:
    content, first = side_by_side(groups, _rows), groups[0]
    yield Figure(
        name=name_together("probe", groups),
        title=capital(subjects(groups)) if len(groups) == 1 else f"Read out: {subjects(groups)}",
        caption=f"Accuracy of a linear probe that tells {_listed(groups)} from frozen embeddings on {first.place}"
        f"{first.n}. {INTERVALS}{chance_levels(groups)}{gaps(content.points)}",
        alt=" ".join(map(_in_words, groups)),
        content=content,
        y_label="probe accuracy",
        paper="Fig. 4" if first.result.parameter else "Fig. 6",
        records=tuple(path for group in groups for path in group.paths),
    )


def _rows(group: Group) -> Rows:
    return Rows(series=(group.series("accuracy", "probe accuracy"),), chance=group.chance(), as_bars=True)


def _in_words(group: Group) -> str:
    level = chance_level(group.chance())
    return extremes(group.points("accuracy"), f"probe accuracy for {group.subject}") + level


def _listed(groups: Sequence[Group]) -> str:
    return ", ".join(group.subject for group in groups)


def _tables(groups: Sequence[Group]) -> Iterator[Table]:
    for kind in KINDS:
        if of_kind := [group for group in groups if _kind(group.result) == kind]:
            yield _table(kind, of_kind)


def _table(kind: str, groups: Sequence[Group]) -> Table:
    """The probes of all labels: a column for each label, data set and setting."""
    datasets = {dataset_of(group.result) for group in groups}
    settings = {settings_of(group.result) for group in groups}
    columns = []
    for group in groups:
        title = capital(group.subject) + (f", {dataset_of(group.result)}" if len(datasets) > 1 else "")
        title += settings_of(group.result) if len(settings) > 1 else ""
        columns.append(Column(name=group.name("probe"), title=title))
    where = f" on {min(datasets)}" if len(datasets) == 1 else ""
    return Table(
        name=f"probe-{kind.lower()}",
        section=kind,
        title=f"Linear probe of {kind.lower()}{where}{min(settings) if len(settings) == 1 else ''}",
        caption=f"Accuracy of the linear probe, in %, by encoder{where}.",
        columns=(ENCODER, FAMILY, *columns),
        cells=(
            (CHANCE, "", *(percent(group.chance()) for group in groups)),
            *rows_of([(group, "accuracy") for group in groups]),
        ),
        on_page=True,
    )


def _chance(result: Result) -> float | None:
    return result.metrics.get("chance")


def _is_acquisition(result: Result) -> bool:
    """A record with a reason in place of a number may lack its settings."""
    return not result.parameter and ((result.mask or 0) >= MASKED or bool(result.reason))


CHART = Chart(
    title="Linear probe",
    section=_kind,
    figures=lambda group: _figures([group]),
    multiples=_figures,
    tables=_tables,
    parts=(
        Part(
            name="processing",
            title="Processing",
            formula="(accuracy - chance) / (1 - chance)",
            meaning="How well a linear probe reads the processing of an image out of its embedding.",
            counts=lambda result: bool(result.parameter) and is_whole(result),
            metrics=("accuracy",),
            chance=_chance,
        ),
        Part(
            name="acquisition",
            title="Acquisition",
            formula="(accuracy - chance) / (1 - chance)",
            meaning="How well it reads out the camera and its settings, with 90% of the image hidden.",
            counts=_is_acquisition,
            metrics=("accuracy",),
            chance=_chance,
        ),
    ),
)
