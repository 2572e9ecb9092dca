"""The records that a report uses, and how figures and tables read numbers from them.

Of several records of the same measurement (`key_of`), the one with the last path is used.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import FAMILIES, family_order, plain
from flickrexif.eval.results import MEASURE_AGAIN, NOT_REAL, Result

Entry = tuple[str, Result]
"""The path of a record, relative to the results folder, and the record."""

DECISIVE: Mapping[str, Mapping[str, Any]] = {
    "probe": {"protocol": "paper"},
    "mitigation": {"protocol": "paper", "k": 10},
    "knn": {"k": 10},
    "masking": {"k": 10},
}
"""Task -> settings that make it another measurement, with their usual values; a mask does so for every task."""

BEST_KNOWN = (
    *("paper:clip/ViT-L-14@336px", "paper:clip/ViT-L-14", "paper:clip/ViT-B-16", "paper:clip/ViT-B-32"),
    *("paper:siglip/base_256", "paper:openclip/ViT-L-14-laion2B", "paper:openclip/ViT-B-16-laion2B"),
    *("paper:convnext/large", "paper:convnext/base", "paper:vit/huge_patch14_224", "paper:vit/base_patch16_224"),
    *("paper:resnet/50", "lite0", "control:dct"),
    *("paper:dinov2/vitl14", "paper:dinov2/vitb14", "paper:dino/vitb16", "paper:dino/resnet50"),
)
"""The best-known encoders, which stand for their families where there is no room for all."""


def decisive(result: Result) -> dict[str, Any]:
    """What differs from what is usual for the task: {"mask": 0.9, "protocol": "fast", "origin": "simulated"}."""
    usual = DECISIVE.get(result.task, {})
    values = {name: result.settings.get(name, value) for name, value in usual.items()}
    differing = {name: value for name, value in values.items() if value != usual[name]}
    mask = {"mask": result.mask} if result.mask else {}
    origin = {"origin": NOT_REAL[result.origin]} if result.origin in NOT_REAL else {}
    return mask | differing | origin


def group_of(result: Result) -> tuple[str, ...]:
    """The measurement without the encoder: task, data set, parameter, attribute and the decisive settings."""
    settings = (f"{name}={value}" for name, value in decisive(result).items())
    return result.task, result.dataset, result.parameter or "", result.attribute or "", *settings


def key_of(result: Result) -> tuple[str, ...]:
    """The measurement with the encoder: records of equal keys replace each other."""
    return *group_of(result), result.encoder


def used_entries(results: Iterable[Entry]) -> list[Entry]:
    """One record a measurement and encoder, the last by path; sorted by family, name of the encoder and path."""
    last = {key_of(result): (path, result) for path, result in sorted(results, key=lambda entry: entry[0])}
    return sorted(last.values(), key=lambda e: (*family_order(e[1].family or "", e[1].encoder), e[0]))


def replaced_entries(results: Iterable[Entry]) -> list[tuple[str, str]]:
    """The paths of records that are not used, each with the path of the record that is used in its place."""
    entries = sorted(results, key=lambda entry: entry[0])
    last = {key_of(result): path for path, result in entries}
    return [(path, last[key_of(result)]) for path, result in entries if last[key_of(result)] != path]


def grouped(entries: Iterable[Entry], task: str) -> list[list[Entry]]:
    """The records of a task, a list a measurement (`group_of`), sorted by measurement."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        if entry[1].task == task:
            groups.setdefault(group_of(entry[1]), []).append(entry)
    return [groups[key] for key in sorted(groups)]


def headliners(entries: Iterable[Entry]) -> list[Entry]:
    """One record a family: that of its best-known encoder; records without a number come last."""
    chosen: dict[str, Entry] = {}
    place_of = {name: place for place, name in enumerate(BEST_KNOWN)}

    def rank(entry: Entry) -> tuple[bool, int]:
        return bool(entry[1].detail.get("reason")), place_of.get(entry[1].encoder, len(place_of))

    for entry in entries:
        family = entry[1].family or ""
        if family not in chosen or rank(entry) < rank(chosen[family]):
            chosen[family] = entry
    return [chosen[family] for family in sorted(chosen, key=lambda family: family_order(family, ""))]


def point_of(entry: Entry, metric: str, reason: str = "") -> Point:
    """One metric of a record as a point. Where it has no value, the point has `reason`, else the record's reason."""
    path, result = entry
    value = result.metrics.get(metric)
    low, high = result.intervals.get(metric, (None, None)) if value is not None else (None, None)
    explanation = reason or result.detail.get("reason") or "not in the record"
    return Point(
        encoder=result.encoder,
        family=result.family if result.family and result.family in FAMILIES else "",
        value=value,
        low=low,
        high=high,
        record=path,
        reason="" if value is not None else plain(explanation, 120),
    )


def detail_of(entry: Entry, name: str, is_right: Callable[[Any], bool]) -> Any:
    """A field of a record's `detail`. FlickrExifError where it is missing or `is_right` refuses it."""
    path, result = entry
    value = result.detail.get(name)
    try:
        usable = is_right(value)
    except (TypeError, ValueError, KeyError, AttributeError):
        usable = False
    if not usable:
        message = f"The detail of the {plain(result.task, 40)} record {plain(path, 200)} has no usable `{name}`."
        raise FlickrExifError(message, MEASURE_AGAIN)
    return value


def are_numbers(value: Any) -> bool:
    """Whether this is a list of numbers."""
    return isinstance(value, Sequence) and all(isinstance(n, int | float) and not isinstance(n, bool) for n in value)


def slug(*parts: object) -> str:
    """A file stem and anchor: small Latin letters, digits, dots and dashes."""
    text = re.sub(r"[^a-z0-9.]+", "-", "-".join(map(str, parts)).lower())
    return text.strip("-.")[:80] or "figure"


def distinct_names(names: Iterable[str]) -> list[str]:
    """The names, made to differ: the second "probe-jpeg" becomes "probe-jpeg-2"."""
    distinct: dict[str, None] = {}
    for name in names:
        numbered = (f"{name}-{number}" for number in count(2))
        distinct[next(n for n in chain([name], numbered) if n not in distinct)] = None
    return list(distinct)
