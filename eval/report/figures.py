"""Result records to the figures of a report, before anything is drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from eval.report.choice import Entry, used
from eval.report.figures_neighbors import (
    mask_figures,
    recall_figures,
    setup_figures,
    share_figures,
    similarity_figures,
)
from eval.report.figures_pictures import Pictures, cloud_figures, strip_figures, without_picture
from eval.report.figures_probe import Published, mitigation_figures, nothing_published, probe_figures
from eval.report.spec import Figure

SECTIONS = ("Processing", "Acquisition", "Semantics", "Neighbours", "Mitigation")


def figures(
    results: Sequence[Entry], pictures: Pictures = without_picture, published: Published = nothing_published
) -> list[Figure]:
    """All figures that the records (path, record) give, by section; none for what was not measured.

    Of several records of one measurement the last by path is drawn (`choice.used`). Raises FlickrExifError, which
    names the record, for a `detail` that is not what its task writes.
    """
    found = sorted(_figures(used(results), pictures, published), key=lambda figure: SECTIONS.index(figure.section))
    return _with_own_names(found)


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
