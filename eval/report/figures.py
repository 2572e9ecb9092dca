"""Makes the figures of a report from result records; they are drawn elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from flickrexif.eval.report.entries import Entry, distinct_names, grouped, used_entries
from flickrexif.eval.report.figures_neighbors import (
    mask_figures,
    recall_figures,
    setup_figures,
    share_figures,
    similarity_figures,
)
from flickrexif.eval.report.figures_pictures import Pictures, cloud_figures, strip_figures, without_picture
from flickrexif.eval.report.figures_probe import Published, mitigation_figures, nothing_published, probe_figures
from flickrexif.eval.report.spec import Bars, Figure, GroupedDots, Lines, Pairwise, Point
from flickrexif.eval.report.style import plain
from flickrexif.eval.report.wording import where_of

PICTURED = {  # tasks that have a figure for each record with a number, and none for the others -> (section, title)
    "similarity": ("Semantics", "Similarities by class and processing"),
    "tsne": ("Acquisition", "t-SNE"),
    "strips": ("Neighbours", "Nearest neighbours"),
}
SECTIONS = ("Processing", "Acquisition", "Semantics", "Neighbours", "Mitigation")


def figures(
    results: Sequence[Entry], pictures: Pictures = without_picture, published: Published = nothing_published
) -> list[Figure]:
    """All figures of the records, by section, under names that differ; `unmeasured` lists those left out as empty.

    Raises FlickrExifError, which names the record, for a `detail` that is not what its task writes.
    """
    drawable = (figure for figure in _figures(used_entries(results), pictures, published) if not _is_empty(figure))
    ordered = sorted(drawable, key=lambda figure: SECTIONS.index(figure.section))
    names = distinct_names(figure.name for figure in ordered)
    return [replace(figure, name=name) for figure, name in zip(ordered, names, strict=True)]


class Unmeasured(NamedTuple):
    """A figure that is not drawn as no encoder has a number for it, and the reasons."""

    section: str
    title: str
    reasons: tuple[str, ...]


def unmeasured(results: Sequence[Entry]) -> list[Unmeasured]:
    """The figures that are not drawn as no encoder has a number for them."""
    entries = used_entries(results)
    gaps = [
        Unmeasured(figure.section, figure.title, tuple(dict.fromkeys(point.reason for point in points_of(figure))))
        for figure in _figures(entries, without_picture, nothing_published)
        if _is_empty(figure)
    ]
    for task, (section, title) in PICTURED.items():
        for group in grouped(entries, task):
            reasons = dict.fromkeys(plain(result.detail.get("reason") or "", 120) for _, result in group)
            if "" not in reasons:
                gaps.append(Unmeasured(section, f"{title}: {where_of(group[0][1])}", tuple(reasons)))
    return gaps


def points_of(figure: Figure) -> list[Point]:
    """The numbers of encoders that a figure shows; [] for a figure of another kind."""
    match figure.content:
        case Bars(points=points):
            return list(points)
        case GroupedDots(series=series) | Lines(series=series):
            return [point for line in series for point in line.points]
        case Pairwise(x=x, y=y):
            return [*x, *y]
    return []


def _is_empty(figure: Figure) -> bool:
    """Whether a figure shows numbers of encoders and no encoder has one."""
    points = points_of(figure)
    return bool(points) and all(point.value is None for point in points)


def _figures(entries: Sequence[Entry], pictures: Pictures, published: Published) -> Iterator[Figure]:
    yield from probe_figures(entries, published)
    yield from mask_figures(entries)
    yield from cloud_figures(entries)
    yield from setup_figures(entries)
    yield from similarity_figures(entries)
    yield from share_figures(entries, published)
    yield from recall_figures(entries)
    yield from strip_figures(entries, pictures)
    yield from mitigation_figures(entries)
