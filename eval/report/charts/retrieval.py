"""recall@1 of the pair among negatives of the other type of camera, and of the same type (Fig. 10)."""

from collections.abc import Iterator, Sequence

from flickrexif.eval.report.charts.base import Chart, Part, is_whole, metrics_table
from flickrexif.eval.report.groups import Group
from flickrexif.eval.report.spec import Figure, Pairwise
from flickrexif.eval.report.style import measured_pairs, percent
from flickrexif.eval.report.wording import INTERVALS, gaps
from flickrexif.eval.results import Result

RECALLS = (
    ("same", "same type"),
    ("different", "other type"),
    ("same_phone", "same, phone queries"),
    ("different_phone", "other, phone queries"),
    ("same_camera", "same, camera queries"),
    ("different_camera", "other, camera queries"),
)


def _figures(group: Group) -> Iterator[Figure]:
    content = Pairwise(
        x=group.points("different"),
        y=group.points("same"),
        x_label="recall@1, other type of camera",
        y_label="recall@1, same type of camera",
    )
    yield Figure(
        name=group.name("retrieval"),
        title=f"Finding the pair on {group.place}",
        caption="recall@1 of the other picture of the subject among negatives of the other type of camera "
        "(across) and of the query's own (up). Below the diagonal, pictures from the same type of camera are "
        f"mistaken for the pair. Measured on {group.place}{group.n}. {INTERVALS}{gaps(content.x)}",
        alt=_below(measured_pairs(content)[1]),
        content=content,
        paper="Fig. 10",
        records=group.paths,
    )


def _below(pairs: Sequence[tuple[float, float]]) -> str:
    if not pairs:
        return "No encoder has a number."
    across, up = max(pairs, key=lambda pair: pair[0] - pair[1])
    below = sum(b < a for a, b in pairs)
    text = f"{below} of {len(pairs)} encoders find the pair less often among pictures of the same type of camera."
    return text + (f" The largest drop is from {percent(across)} to {percent(up)}." if below else "")


def _chance(result: Result) -> float | None:
    """Of a guess among the pair and its negatives."""
    pairs = result.n.get("pairs")
    return 1 / pairs if pairs else None


CHART = Chart(
    title="Pairs",
    figures=_figures,
    tables=lambda groups: [metrics_table(group, RECALLS, "recall@1 of the pair", on_page=True) for group in groups],
    parts=(
        Part(
            name="pairs",
            title="Pairs lost",
            formula="(other - same) / (other - chance)",
            meaning="How much of recall@1 beyond chance is lost when the others are from the query's kind of camera.",
            counts=is_whole,
            metrics=("different", "same"),
            chance=_chance,
        ),
    ),
)
