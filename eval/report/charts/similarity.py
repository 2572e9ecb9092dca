"""Distributions of similarity by class and processing (Fig. 2), of one encoder a family."""

from collections.abc import Iterator, Sequence

from flickrexif.eval.report.charts.base import Chart
from flickrexif.eval.report.groups import Group, chosen_of
from flickrexif.eval.report.spec import Distributions, Figure, Panel
from flickrexif.eval.report.style import short
from flickrexif.eval.results import Result

PAIRS = {  # kind of pairs in a record -> in the figure
    "same_class_same_metadata": "same class, same processing",
    "same_class_different_metadata": "same class, other processing",
    "different_class_same_metadata": "other class, same processing",
    "different_class_different_metadata": "other class, other processing",
}


def _figures(group: Group) -> Iterator[Figure]:
    """A figure of the records with the same bins."""
    by_bins: dict[tuple[float, ...], list[tuple[str, Result]]] = {}
    for entry in group.drawable:
        by_bins.setdefault(tuple(entry[1].detail.edges), []).append(entry)
    for edges, entries in by_bins.items():
        alike = Group(tuple(entries))
        chosen = alike.headliners()
        yield Figure(
            name=group.name("similarity"),
            title=f"Similarities by class and processing: {group.where}",
            caption="Cosine similarity of pairs of images by whether they share their class and their processing: "
            f"{group.where}{_n(chosen)}, averaged over the queries.{chosen_of(chosen, group)}",
            alt=" ".join(map(_means, chosen.results)),
            content=_distributions(edges, chosen.results),
            y_label="share of pairs",
            paper="Fig. 2",
            records=chosen.paths,
        )


def _n(group: Group) -> str:
    """ " (300 queries, 9,469 training images)", as far as the records tell."""
    n = group.result.n
    told = {"queries": "queries", "train": "training images"}
    words = ", ".join(f"{n[name]:,} {words}" for name, words in told.items() if name in n)
    return f" ({words})" if words else ""


def _means(result: Result) -> str:
    same, different = (result.metrics.get(f"different_class_{which}_metadata") for which in ("same", "different"))
    if same is None or different is None:
        return f"{short(result.encoder)}: not all kinds of pairs are there."
    text = f"{short(result.encoder)}: pairs of different classes have a mean similarity of {same:.3f} where their "
    return text + f"processing is the same and {different:.3f} where it is not."


def _distributions(edges: Sequence[float], results: Sequence[Result]) -> Distributions:
    """A panel an encoder, over the bins that any panel uses."""
    panels = [
        {name: shares for name in PAIRS if any((shares := result.detail.averaged.get(name)) or ())}
        for result in results
    ]
    bins = len(edges) - 1
    filled = [at for at in range(bins) if any(shares[at] > 1e-4 for panel in panels for shares in panel.values())]
    start, stop = (max(0, filled[0] - 1), min(bins, filled[-1] + 2)) if filled else (0, bins)
    return Distributions(
        edges=tuple(edges[start : stop + 1]),
        panels=tuple(
            Panel(
                encoder=result.encoder,
                shares=tuple((PAIRS[name], tuple(shares[start:stop])) for name, shares in panel.items()),
            )
            for result, panel in zip(results, panels, strict=True)
        ),
    )


CHART = Chart(title="Similarities by class and processing", figures=_figures)
