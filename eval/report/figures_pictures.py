"""Figures of images: t-SNE coloured by label (Fig. 7) and strips of nearest neighbours (Fig. 9)."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flickrexif.eval.report.entries import Entry, are_numbers, detail_of, grouped, headliners
from flickrexif.eval.report.figures_probe import by_subject, name_of
from flickrexif.eval.report.spec import Cloud, Figure, Shot, Strips
from flickrexif.eval.report.style import percent, plain, short
from flickrexif.eval.report.wording import chosen_of, class_of, dataset_of, settings_of, subject_of, where_of
from flickrexif.eval.results import Result

Pictures = Callable[[str, str, str | None], Shot]
"""(data set, image id, stored variant) -> a shot with thumbnail, credit and page; this module sets its other fields."""

COLORED = 5  # classes with a colour of their own, "other" included
OTHER = "other"
NEAREST = 10


def without_picture(dataset: str, image_id: str, variant: str | None = None) -> Shot:  # noqa: ARG001
    """The shot of an image whose bytes are not in the data folder."""
    return Shot(image_id=image_id, same=None)


def cloud_figures(entries: Sequence[Entry]) -> Iterator[Figure]:
    """t-SNE figures, of one encoder a family."""
    for group in by_subject(grouped(entries, "tsne")):
        chosen = [entry for entry in headliners(group) if not entry[1].detail.get("reason")]
        for entry in chosen:
            path, result = entry
            cloud = _cloud(entry)
            subject = subject_of(result)
            yield Figure(
                name=name_of("tsne", result, short(result.encoder)),
                section="Acquisition",
                title=f"t-SNE of {short(result.encoder)} on {dataset_of(result)}{settings_of(result)}",
                caption=f"Embeddings in the plane (t-SNE), coloured by {subject or 'label'}; distances between groups "
                f"and the axes have no meaning.{chosen_of(chosen, group)}",
                alt=_mixing(cloud),
                content=cloud,
                paper="Fig. 7",
                records=(path,),
            )


def _cloud(entry: Entry) -> Cloud:
    x = detail_of(entry, "x", are_numbers)
    y = detail_of(entry, "y", lambda value: are_numbers(value) and len(value) == len(x))
    classes = detail_of(entry, "classes", lambda value: value is None or isinstance(value, list)) or []
    labels = detail_of(entry, "label", lambda value: len(value) == len(x) and all(_is_label(v, classes) for v in value))
    names = [plain(class_of(entry[1], v if isinstance(v, str) else str(classes[v])), 40) for v in labels]
    return Cloud(x=tuple(map(float, x)), y=tuple(map(float, y)), labels=_bounded(names))


def _is_label(value: object, classes: Sequence[object]) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and 0 <= value < len(classes))


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
    counted = ", ".join(f"{count} {label}" for label, count in sorted(counts.items()))
    if total <= NEAREST:
        return f"{total} points: {counted}."
    points = np.array([cloud.x, cloud.y]).T
    squares = ((points[:, None] - points[None]) ** 2).sum(2)
    np.fill_diagonal(squares, np.inf)
    _, number = np.unique(np.array(cloud.labels), return_inverse=True)
    near = np.argpartition(squares, NEAREST, axis=1)[:, :NEAREST]
    share = float((number[near] == number[:, None]).mean())
    chance = sum(count * (count - 1) for count in counts.values()) / (total * (total - 1))
    text = f"{total} points: {counted}. In the plane {percent(share)} of the {NEAREST} nearest points have the same"
    return f"{text} label (mixed at random: {percent(chance)})."


def strip_figures(entries: Sequence[Entry], pictures: Pictures) -> Iterator[Figure]:
    """Figures of queries with their neighbours, of one encoder a family."""
    for group in by_subject(grouped(entries, "strips")):
        chosen = [entry for entry in headliners(group) if not entry[1].detail.get("reason")]
        for entry in chosen:
            path, result = entry
            rows = tuple(_row(query, result, pictures) for query in detail_of(entry, "queries", _are_queries))
            near = [shot for row in rows for shot in row[1:]]
            same = sum(bool(shot.same) for shot in near)
            kind = "processing" if result.parameter else "label"
            yield Figure(
                name=name_of("strips", result, short(result.encoder)),
                section="Neighbours",
                title=f"Nearest neighbours by {short(result.encoder)}: {where_of(result)}",
                caption="Each row: a query and its nearest images, the most similar first. Solid green with a tick: "
                f"the query's {kind}; dashed red with a cross: another."
                f"{_without_pictures(rows)}{chosen_of(chosen, group)}",
                alt=f"{same} of {len(near)} neighbours of {_queries(len(rows))} have the query's {kind}.",
                content=Strips(rows=rows),
                paper="Fig. 9",
                records=(path,),
            )


def _queries(count: int) -> str:
    return "1 query" if count == 1 else f"{count} queries"


def _without_pictures(rows: Sequence[Sequence[Shot]]) -> str:
    if any(shot.jpeg for row in rows for shot in row):
        return ""
    return " The images are not in the data folder: their names stand in their place."


def _row(query: Mapping[str, Any], result: Result, pictures: Pictures) -> tuple[Shot, ...]:
    first = _shot(query, result, pictures)
    near = (replace(_shot(n, result, pictures), same=n["same"], similarity=n["similarity"]) for n in query["neighbors"])
    return first, *near


def _shot(image: Mapping[str, Any], result: Result, pictures: Pictures) -> Shot:
    variant, label = image.get("variant"), class_of(result, image["label"])
    return replace(
        pictures(result.dataset, image["id"], variant),
        image_id=image["id"],
        same=None,
        badge=plain(variant or label, 24),
        label=plain(label, 40),
    )


def _are_queries(value: Any) -> bool:
    return all(
        _is_image(query) and all(_is_image(n) and _is_neighbor(n) for n in query["neighbors"]) for query in value
    )


def _is_image(image: Any) -> bool:
    return isinstance(image["id"], str) and isinstance(image["label"], str)


def _is_neighbor(image: Any) -> bool:
    return isinstance(image["same"], bool) and are_numbers([image["similarity"]])
