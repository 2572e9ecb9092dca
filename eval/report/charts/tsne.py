"""t-SNE coloured by label (Fig. 7), of one encoder a family."""

from collections import Counter
from collections.abc import Iterator, Sequence

from flickrexif.eval.report.charts.base import Chart
from flickrexif.eval.report.groups import Group, chosen_of
from flickrexif.eval.report.spec import Cloud, Figure
from flickrexif.eval.report.style import percent, plain, short
from flickrexif.eval.report.wording import class_of
from flickrexif.eval.results import Result

COLORED = 5  # classes with a colour of their own, "other" included
OTHER = "other"
NEAREST = 10


def _figures(group: Group) -> Iterator[Figure]:
    chosen = group.headliners()
    for path, result in chosen.entries:
        cloud = _cloud(result)
        yield Figure(
            name=group.name("tsne", short(result.encoder)),
            title=f"t-SNE of {short(result.encoder)} on {group.place}",
            caption=f"Embeddings in the plane (t-SNE), coloured by {group.subject or 'label'}: {group.place}{group.n}. "
            f"Distances between groups and the axes have no meaning.{chosen_of(chosen, group)}",
            alt=_mixing(cloud),
            content=cloud,
            paper="Fig. 7",
            records=(path,),
        )


def _cloud(result: Result) -> Cloud:
    detail = result.detail
    labels = [plain(class_of(result, detail.classes[label]), 40) for label in detail.label]
    return Cloud(x=tuple(detail.x), y=tuple(detail.y), labels=_bounded(labels))


def _bounded(labels: Sequence[str]) -> tuple[str, ...]:
    """The labels, with all but the most frequent ones replaced by "other"."""
    frequent = sorted(Counter(labels).items(), key=lambda item: (-item[1], item[0]))
    own = {label for label, _ in frequent[: COLORED if len(frequent) <= COLORED else COLORED - 1]}
    return tuple(label if label in own else OTHER for label in labels)


def _mixing(cloud: Cloud) -> str:
    """How often the nearest points in the plane have the point's label, in words."""
    import numpy as np

    counts = Counter(cloud.labels)
    total = len(cloud.labels)
    text = f"{total} points: {', '.join(f'{count} {label}' for label, count in sorted(counts.items()))}."
    if total <= NEAREST:
        return text
    points = np.array([cloud.x, cloud.y]).T
    squares = ((points[:, None] - points[None]) ** 2).sum(2)
    np.fill_diagonal(squares, np.inf)
    _, number = np.unique(np.array(cloud.labels), return_inverse=True)
    near = np.argpartition(squares, NEAREST, axis=1)[:, :NEAREST]
    share = float((number[near] == number[:, None]).mean())
    chance = sum(count * (count - 1) for count in counts.values()) / (total * (total - 1))
    text += f" In the plane {percent(share)} of the {NEAREST} nearest points have the same label"
    return f"{text} (mixed at random: {percent(chance)})."


CHART = Chart(title="t-SNE", figures=_figures)
