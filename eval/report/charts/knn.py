"""kNN accuracy in the five set-ups (Fig. 8)."""

from collections.abc import Iterator

from flickrexif.eval.report.charts.base import Chart, Part, is_whole, metrics_table
from flickrexif.eval.report.groups import Group
from flickrexif.eval.report.spec import Figure, Rows
from flickrexif.eval.report.wording import INTERVALS, extremes, gaps
from flickrexif.eval.results import Result

SETUPS = ("all_same", "all_diff", "pos_same", "neg_same", "uniform")
TITLES = [(name, name.replace("_", "-")) for name in SETUPS]


def _figures(group: Group) -> Iterator[Figure]:
    series = tuple(group.series(name, title) for name, title in TITLES)
    yield Figure(
        name=group.name("setups"),
        title=f"Five set-ups: {group.where}",
        caption=f"kNN accuracy of the semantic labels in five set-ups of {group.where}. All-same: all images are "
        "processed alike; all-diff: the query otherwise; pos-same: like the query only images of its class; "
        "neg-same: like the query only images of other classes; uniform: each at random. The drop from all-same "
        f"to neg-same is what the processing costs. {INTERVALS}{gaps([p for s in series for p in s.points])}",
        alt=" ".join(extremes(s.points, f"{s.name} accuracy") for s in (series[0], series[3])),
        content=Rows(series=series),
        y_label="kNN accuracy",
        paper="Fig. 8",
        records=group.paths,
    )


def _chance(result: Result) -> float | None:
    """What a guess among the classes is right in; None of records that do not tell how many there are."""
    classes = result.n.get("classes")
    return 1 / classes if classes else None


CHART = Chart(
    title="Five set-ups",
    figures=_figures,
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
