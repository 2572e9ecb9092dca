"""kNN accuracy in the five set-ups (Fig. 8)."""

from collections.abc import Iterator, Sequence

from flickrexif.eval.report.charts.base import (
    Chart,
    Part,
    by_subject,
    is_whole,
    metrics_table,
    name_together,
    side_by_side,
    subjects,
)
from flickrexif.eval.report.groups import Group
from flickrexif.eval.report.spec import Figure, Rows
from flickrexif.eval.report.wording import INTERVALS, extremes, gaps
from flickrexif.eval.results import Result

SETUPS = ("all_same", "all_diff", "pos_same", "neg_same", "uniform")
TITLES = [(name, name.replace("_", "-")) for name in SETUPS]


def _figures(groups: Sequence[Group]) -> Iterator[Figure]:
    content = side_by_side(groups, _rows)
    yield Figure(
        name=name_together("setups", groups),
        title=f"Five set-ups: {subjects(groups)}",
        caption=f"kNN accuracy of the class labels in five set-ups of {subjects(groups)}{groups[0].n}. All-same: all "
        "images are processed alike; all-diff: the query otherwise; pos-same: like the query only images of its class; "
        "neg-same: like the query only images of other classes; uniform: each at random. The drop from all-same "
        f"to neg-same is what the processing costs. {INTERVALS}{gaps(content.points)}",
        alt=by_subject(groups, _in_words),
        content=content,
        y_label="kNN accuracy",
        paper="Fig. 8",
        records=tuple(path for group in groups for path in group.paths),
    )


def _rows(group: Group) -> Rows:
    return Rows(series=tuple(group.series(name, title) for name, title in TITLES))


def _in_words(group: Group) -> str:
    all_same, _, _, neg_same, _ = _rows(group).series
    return " ".join(extremes(line.points, f"{line.name} accuracy") for line in (all_same, neg_same))


def _chance(result: Result) -> float | None:
    """What a guess among the classes is right in; None of records that do not tell how many there are."""
    classes = result.n.get("classes")
    return 1 / classes if classes else None


CHART = Chart(
    title="Five set-ups",
    figures=lambda group: _figures([group]),
    multiples=_figures,
    tables=lambda groups: [metrics_table(group, TITLES, "Five set-ups") for group in groups],
    parts=(
        Part(
            name="pull",
            title="Class lost",
            formula="(all-same - neg-same) / (all-same - chance)",
            meaning="How much of what kNN knows beyond chance is lost when only images of other classes are processed "
            "like the query.",
            counts=is_whole,
            metrics=("all_same", "neg_same"),
            chance=_chance,
            semantics="all_same",
        ),
    ),
)
