"""Strips of nearest neighbours (Fig. 9), of one encoder a family."""

from collections.abc import Iterator

from flickrexif.eval.measure.strips import Neighbor, Query
from flickrexif.eval.report.charts.base import Chart
from flickrexif.eval.report.groups import Group, chosen_of
from flickrexif.eval.report.spec import Figure, Shot, Strips
from flickrexif.eval.report.style import plain, short
from flickrexif.eval.report.wording import class_of
from flickrexif.eval.results import Result


def _figures(group: Group) -> Iterator[Figure]:
    kind = "processing" if group.result.parameter else "label"
    chosen = group.headliners()
    for path, result in chosen.entries:
        rows = tuple(_row(query, result) for query in result.detail.queries)
        near = [shot for row in rows for shot in row[1:]]
        same = sum(bool(shot.same) for shot in near)
        queries = "1 query" if len(rows) == 1 else f"{len(rows)} queries"
        yield Figure(
            name=group.name("strips", short(result.encoder)),
            title=f"Nearest neighbours by {short(result.encoder)}: {group.where}",
            caption="Each row: a query and its nearest images, the most similar first. Solid green with a tick: "
            f"the query's {kind}; dashed red with a cross: another.{chosen_of(chosen, group)}",
            alt=f"{same} of {len(near)} neighbours of {queries} have the query's {kind}.",
            content=Strips(rows=rows),
            paper="Fig. 9",
            records=(path,),
        )


def _row(query: Query, result: Result) -> tuple[Shot, ...]:
    near = (_shot(n, result, same=n.same, similarity=n.similarity) for n in query.neighbors)
    return _shot(query, result), *near


def _shot(
    image: Query | Neighbor, result: Result, *, same: bool | None = None, similarity: float | None = None
) -> Shot:
    label = class_of(result, image.label)
    return Shot(
        dataset=result.dataset,
        image_id=image.id,
        variant=image.variant,
        same=same,
        badge=plain(image.variant or label, 24),
        label=plain(label, 40),
        similarity=similarity,
    )


CHART = Chart(title="Nearest neighbours", figures=_figures)
