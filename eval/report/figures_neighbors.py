"""Figures of neighbours: five set-ups (Fig. 8), masks (Fig. 5), same-camera shares, recall (Fig. 10), similarities."""

import math
from collections.abc import Iterator, Sequence

from flickrexif.eval.report.entries import Entry, are_numbers, detail_of, grouped, headliners, point_of
from flickrexif.eval.report.figures_probe import Published, agreed_chance, by_subject, name_of
from flickrexif.eval.report.spec import Distributions, Figure, GroupedDots, Lines, Pairwise, Panel, Series
from flickrexif.eval.report.style import percent, short
from flickrexif.eval.report.wording import (
    INTERVALS,
    chosen_of,
    dataset_of,
    extremes,
    gaps,
    settings_of,
    subject_of,
    where_of,
)
from flickrexif.eval.results import Result

SETUPS = ("all_same", "all_diff", "pos_same", "neg_same", "uniform")
GROUPS = {  # name in eval.similarity -> name in the figure
    "same_class_same_metadata": "same class, same processing",
    "same_class_different_metadata": "same class, other processing",
    "different_class_same_metadata": "other class, same processing",
    "different_class_different_metadata": "other class, other processing",
}
MEANS = "different_class_same_metadata", "different_class_different_metadata"


def _series(group: Sequence[Entry], metric: str, name: str, published: Sequence[tuple[str, float]] = ()) -> Series:
    points = tuple(point_of(entry, metric) for entry in group)
    return Series(name=name, points=points, published=tuple(published))


def _gaps(series: Sequence[Series]) -> str:
    return gaps([point for line in series for point in line.points])


def setup_figures(entries: Sequence[Entry]) -> Iterator[Figure]:
    """kNN accuracy in the five set-ups for each processing parameter and data set."""
    for group in by_subject(grouped(entries, "knn")):
        result = group[0][1]
        series = tuple(_series(group, name, name.replace("_", "-")) for name in SETUPS)
        where = f"{subject_of(result)} on {dataset_of(result)}{settings_of(result)}"
        yield Figure(
            name=name_of("setups", result),
            section="Semantics",
            title=f"Five set-ups: {where}",
            caption=f"kNN accuracy of the semantic labels in five set-ups of {where}. All-same: all images are "
            "processed alike; all-diff: the query otherwise; pos-same: like the query only images of its class; "
            "neg-same: like the query only images of other classes; uniform: each at random. The drop from all-same "
            f"to neg-same is what the processing costs. {INTERVALS}{_gaps(series)}",
            alt=" ".join(extremes(s.points, f"{s.name} accuracy") for s in (series[0], series[3])),
            content=GroupedDots(series=series),
            y_label="kNN accuracy",
            paper="Fig. 8",
            records=tuple(path for path, _ in group),
        )


def share_figures(entries: Sequence[Entry], published: Published) -> Iterator[Figure]:
    """The share of the k nearest photos that have the query's label, for each k."""
    for group in by_subject(grouped(entries, "neighbors")):
        result = group[0][1]
        ks = sorted({int(name) for _, r in group for name in r.metrics if name.isascii() and name.isdigit()})
        if not ks:
            continue
        series = tuple(_series(group, str(k), f"k = {k}", published(result, str(k))) for k in ks)
        chance = agreed_chance([_number(r.detail.get("chance")) for _, r in group])
        level = f" A random ranking: {percent(chance)}." if chance is not None else ""
        yield Figure(
            name=name_of("neighbors", result),
            section="Neighbours",
            title=f"Neighbours of the same kind: {subject_of(result)} on {dataset_of(result)}{settings_of(result)}",
            caption=f"Share of the k nearest photos that share the query's label ({subject_of(result)}), averaged "
            f"over the photos. {INTERVALS}{level}{_gaps(series)}",
            alt=extremes(series[0].points, f"share of same-label photos among the {ks[0]} nearest") + level,
            content=GroupedDots(series=series, chance=chance),
            y_label="same-label neighbours",
            paper="Table 2",
            records=tuple(path for path, _ in group),
        )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def mask_figures(entries: Sequence[Entry]) -> Iterator[Figure]:
    """kNN accuracy against the share of the image that is masked."""
    for group in grouped(entries, "masking"):
        result = group[0][1]
        ratios = sorted({ratio for _, r in group for name in r.metrics if (ratio := _ratio(name)) is not None})
        if not ratios:
            continue
        series = tuple(
            Series(name=entry[1].encoder, points=tuple(point_of(entry, f"{ratio:g}") for ratio in ratios))
            for entry in group
        )
        ends = [extremes([s.points[at] for s in series], f"accuracy at {percent(ratios[at], 0)}") for at in (0, -1)]
        failed = gaps([s.points[0] for s in series if all(point.value is None for point in s.points)])
        yield Figure(
            name=name_of("masking", result),
            section="Acquisition",
            title=f"kNN accuracy under a centred mask on {dataset_of(result)}{settings_of(result)}",
            caption="kNN accuracy of the semantic labels when a black rectangle hides the centre of every image: where "
            f"it is near chance, the mask leaves little but the traces of the camera.{failed}",
            alt=" ".join(ends),
            content=Lines(x=tuple(ratios), x_label="masked share of the image", series=series),
            y_label="kNN accuracy",
            paper="Fig. 5",
            records=tuple(path for path, _ in group),
        )


def _ratio(name: str) -> float | None:
    try:
        ratio = float(name)
    except ValueError:
        return None
    return ratio if 0 <= ratio <= 1 else None


def recall_figures(entries: Sequence[Entry]) -> Iterator[Figure]:
    """recall@1 among negatives of the other type of camera, and of the same type."""
    for group in grouped(entries, "retrieval"):
        result = group[0][1]
        x, y = (tuple(point_of(entry, metric) for entry in group) for metric in ("different", "same"))
        yield Figure(
            name=name_of("retrieval", result),
            section="Neighbours",
            title=f"Finding the pair on {dataset_of(result)}{settings_of(result)}",
            caption="recall@1 of the other picture of the subject among negatives of the other type of camera "
            "(across) and of the query's own (up). Below the diagonal, pictures from the same type of camera are "
            f"mistaken for the pair. {INTERVALS}{gaps(x)}",
            alt=_below([(a.value, b.value) for a, b in zip(x, y, strict=True)]),
            content=Pairwise(
                x=x,
                y=y,
                x_label="recall@1, other type of camera",
                y_label="recall@1, same type of camera",
            ),
            paper="Fig. 10",
            records=tuple(path for path, _ in group),
        )


def _below(pairs: Sequence[tuple[float | None, float | None]]) -> str:
    measured = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not measured:
        return "No encoder has a number."
    across, up = max(measured, key=lambda pair: pair[0] - pair[1])
    below = sum(b < a for a, b in measured)
    text = f"{below} of {len(measured)} encoders find the pair less often among pictures of the same type of camera."
    return text + (f" The largest drop is from {percent(across)} to {percent(up)}." if below else "")


def similarity_figures(entries: Sequence[Entry]) -> Iterator[Figure]:
    """Distributions of similarity by class and processing, of one encoder a family."""
    for group in by_subject(grouped(entries, "similarity")):
        chosen = [entry for entry in headliners(group) if not entry[1].detail.get("reason")]
        if not chosen:
            continue
        result = chosen[0][1]
        where = where_of(result)
        yield Figure(
            name=name_of("similarity", result),
            section="Semantics",
            title=f"Similarities by class and processing: {where}",
            caption="Cosine similarity of pairs of images by whether they share their class and their processing "
            f"({where}), averaged over the queries.{chosen_of(chosen, group)}",
            alt=" ".join(_means(r) for _, r in chosen),
            content=_distributions(chosen),
            y_label="share of pairs",
            paper="Fig. 2",
            records=tuple(path for path, _ in chosen),
        )


def _means(result: Result) -> str:
    same, different = (result.metrics.get(name) for name in MEANS)
    if same is None or different is None:
        return f"{short(result.encoder)}: not all kinds of pairs are there."
    text = f"{short(result.encoder)}: pairs of different classes have a mean similarity of {same:.3f} where their "
    return text + f"processing is the same and {different:.3f} where it is not."


def _distributions(entries: Sequence[Entry]) -> Distributions:
    """A panel an encoder, over the bins that any panel uses."""
    edges = detail_of(entries[0], "edges", lambda value: are_numbers(value) and len(value) > 1)
    bins = len(edges) - 1
    shares_by_group = []
    for entry in entries:
        detail_of(entry, "edges", lambda value: list(value) == list(edges))
        averaged = detail_of(entry, "averaged", lambda value: _are_shares(value, bins))
        shares_by_group.append({name: averaged[name] for name in GROUPS if _has_pairs(averaged.get(name))})
    filled = [b for b in range(bins) if any(share[b] > 1e-4 for panel in shares_by_group for share in panel.values())]
    start, stop = (max(0, filled[0] - 1), min(bins, filled[-1] + 2)) if filled else (0, bins)
    panels = (
        Panel(
            encoder=entry[1].encoder,
            shares=tuple((GROUPS[name], tuple(map(float, share[start:stop]))) for name, share in panel.items()),
        )
        for entry, panel in zip(entries, shares_by_group, strict=True)
    )
    return Distributions(edges=tuple(map(float, edges[start : stop + 1])), panels=tuple(panels))


def _are_shares(value: dict[str, Sequence[float | None]], bins: int) -> bool:
    """Whether each group has one share a bin, all of them null if the group has no pairs."""
    groups = [value[name] for name in GROUPS if name in value]
    return all(len(group) == bins and (not _has_pairs(group) or are_numbers(group)) for group in groups)


def _has_pairs(share: Sequence[float | None] | None) -> bool:
    return bool(share) and any(value is not None for value in share or ())
