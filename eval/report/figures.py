"""Result records to the figures of a report, before anything is drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from flickrexif.eval.report.choice import Entry, grouped, used
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

PICTURED = {  # tasks whose records without a number have no figure at all -> (section, title)
    "similarity": ("Semantics", "Similarities by class and processing"),
    "tsne": ("Acquisition", "t-SNE"),
    "strips": ("Neighbours", "Nearest neighbours"),
}
SECTIONS = ("Processing", "Acquisition", "Semantics", "Neighbours", "Mitigation")


def figures(
    results: Sequence[Entry], pictures: Pictures = without_picture, published: Published = nothing_published
) -> list[Figure]:
    """All figures that the records (path, record) give, by section; none for what was not measured (`unmeasured`).

    Of several records of one measurement the last by path is drawn (`choice.used`). Raises FlickrExifError, which
    names the record, for a `detail` that is not what its task writes.
    """
    found = (figure for figure in _figures(used(results), pictures, published) if not _is_empty(figure))
    return _with_own_names(sorted(found, key=lambda figure: SECTIONS.index(figure.section)))


class Unmeasured(NamedTuple):
    """What no encoder has a number of, and why."""

    section: str
    title: str
    reasons: tuple[str, ...]


def unmeasured(results: Sequence[Entry]) -> list[Unmeasured]:
    """The figures that are not drawn as no encoder has a number, in the order of the records' measurements."""
    entries = used(results)
    found = [
        Unmeasured(figure.section, figure.title, tuple(dict.fromkeys(point.reason for point in points_of(figure))))
        for figure in _figures(entries, without_picture, nothing_published)
        if _is_empty(figure)
    ]
    for task, (section, title) in PICTURED.items():
        for group in grouped(entries, task):
            reasons = dict.fromkeys(plain(result.detail.get("reason") or "", 120) for _, result in group)
            if "" not in reasons:
                found.append(Unmeasured(section, f"{title}: {where_of(group[0][1])}", tuple(reasons)))
    return found


def points_of(figure: Figure) -> list[Point]:
    """The numbers of a figure that shows numbers of encoders, [] of another."""
    match figure.content:
        case Bars(points=points):
            return list(points)
        case GroupedDots(series=series) | Lines(series=series):
            return [point for one in series for point in one.points]
        case Pairwise(x=x, y=y):
            return [*x, *y]
    return []


def _is_empty(figure: Figure) -> bool:
    """Whether a figure shows numbers of encoders and none has one."""
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


def _with_own_names(found: Sequence[Figure]) -> list[Figure]:
    """The figures with names that differ: the second "probe-jpeg" becomes "probe-jpeg-2"."""
    taken: set[str] = set()
    renamed = []
    for figure in found:
        name, number = figure.name, 1
        while name in taken:
            number += 1
            name = f"{figure.name}-{number}"
        taken.add(name)
        renamed.append(replace(figure, name=name))
    return renamed
