"""Which records a report uses, and what can be read from one: the common ground of figures and tables.

Records of the same measurement (`key_of`) replace each other: the last one in the order of the paths is used.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.report.spec import Point
from flickrexif.eval.report.style import FAMILIES, family_order, plain
from flickrexif.eval.results import MEASURE_AGAIN, Result

Entry = tuple[str, Result]
"""A record and its path, relative to the results folder."""

DECISIVE: Mapping[str, Mapping[str, Any]] = {
    "probe": {"mask": None, "protocol": "paper"},
    "mitigation": {"mask": None, "protocol": "paper", "k": 10},
    "knn": {"mask": None, "k": 10},
    "masking": {"k": 10},
}
"""Settings that make another measurement of a task, with what they usually are."""

BEST_KNOWN = (
    *("paper:clip/ViT-L-14@336px", "paper:clip/ViT-L-14", "paper:clip/ViT-B-16", "paper:clip/ViT-B-32"),
    *("paper:siglip/base_256", "paper:openclip/ViT-L-14-laion2B", "paper:openclip/ViT-B-16-laion2B"),
    *("paper:convnext/large", "paper:convnext/base", "paper:vit/huge_patch14_224", "paper:vit/base_patch16_224"),
    *("paper:resnet/50", "lite0", "control:dct"),
    *("paper:dinov2/vitl14", "paper:dinov2/vitb14", "paper:dino/vitb16", "paper:dino/resnet50"),
)
"""The encoders that stand for their family where there is no room for all."""


def decisive(result: Result) -> dict[str, Any]:
    """The settings that make this another measurement than its task usually is: {"mask": 0.9, "protocol": "fast"}."""
    usual = DECISIVE.get(result.task, {})
    found = {name: result.settings.get(name, value) for name, value in usual.items()}
    return {name: value for name, value in found.items() if value != usual[name] and not (name == "mask" and not value)}


def group_of(result: Result) -> tuple[str, ...]:
    """What was measured, whatever the encoder: task, dataset, parameter, attribute and the decisive settings."""
    settings = (f"{name}={value}" for name, value in decisive(result).items())
    return result.task, result.dataset, result.parameter or "", result.attribute or "", *settings


def key_of(result: Result) -> tuple[str, ...]:
    """What makes two records the same measurement."""
    return *group_of(result), result.encoder


def used(results: Iterable[Entry]) -> list[Entry]:
    """One record a measurement, the last by path; sorted by family, then by name, then by path."""
    last = {key_of(result): (path, result) for path, result in sorted(results, key=lambda entry: entry[0])}
    return sorted(last.values(), key=lambda e: (*family_order(e[1].family or "", e[1].encoder), e[0]))


def replaced(results: Iterable[Entry]) -> list[tuple[str, str]]:
    """The records that are not used, each with the one that is used in its place."""
    entries = sorted(results, key=lambda entry: entry[0])
    last = {key_of(result): path for path, result in entries}
    return [(path, last[key_of(result)]) for path, result in entries if last[key_of(result)] != path]


def grouped(entries: Iterable[Entry], task: str) -> list[list[Entry]]:
    """The records of a task by measurement (`group_of`), the measurements sorted."""
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        if entry[1].task == task:
            groups.setdefault(group_of(entry[1]), []).append(entry)
    return [groups[key] for key in sorted(groups)]


def headliners(entries: Iterable[Entry]) -> list[Entry]:
    """One encoder a family, the best known, else the first by name; those without a number come last."""
    best: dict[str, Entry] = {}
    known = {name: place for place, name in enumerate(BEST_KNOWN)}

    def rank(entry: Entry) -> tuple[bool, int]:
        return bool(entry[1].detail.get("reason")), known.get(entry[1].encoder, len(known))

    for entry in entries:
        family = entry[1].family or ""
        if family not in best or rank(entry) < rank(best[family]):
            best[family] = entry
    return [best[family] for family in sorted(best, key=lambda f: family_order(f, ""))]


def point_of(entry: Entry, metric: str, reason: str = "") -> Point:
    """One metric of a record. Without a value it tells why: `reason`, else the record's, else that there is none."""
    path, result = entry
    value = result.metrics.get(metric)
    low, high = result.intervals.get(metric, (None, None)) if value is not None else (None, None)
    why = reason or result.detail.get("reason") or "not in the record"
    return Point(
        encoder=result.encoder,
        family=result.family if result.family and result.family in FAMILIES else "",
        value=value,
        low=low,
        high=high,
        record=path,
        reason="" if value is not None else plain(why, 120),
    )


def detail_of(entry: Entry, name: str, is_right: Callable[[Any], bool]) -> Any:
    """An entry of a record's `detail`. FlickrExifError where it is not there or not what it should be."""
    path, result = entry
    value = result.detail.get(name)
    try:
        fine = is_right(value)
    except (TypeError, ValueError, KeyError, AttributeError):
        fine = False
    if not fine:
        message = f"The detail of the {plain(result.task, 40)} record {plain(path, 200)} has no usable `{name}`."
        raise FlickrExifError(message, MEASURE_AGAIN)
    return value


def is_numbers(value: Any) -> bool:
    """Whether this is a list of finite numbers."""
    return isinstance(value, Sequence) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)


def slug(*parts: object) -> str:
    """A file stem and anchor: small Latin letters, digits and dashes."""
    text = re.sub(r"[^a-z0-9.]+", "-", "-".join(map(str, parts)).lower())
    return text.strip("-.")[:80] or "figure"
