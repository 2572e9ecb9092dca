"""What makes a record another measurement than others of its task, and so which records replace each other."""

import re
from collections.abc import Iterable
from dataclasses import fields
from itertools import chain, count
from typing import Any

from flickrexif.eval.measure import MEASUREMENTS
from flickrexif.eval.results import NOT_REAL, Result

Entry = tuple[str, Result]
"""The path of a record, relative to the results folder, and the record."""
REFERENCE = "reference/"  # begins the path of a record that ships with the package


def decisive(result: Result) -> dict[str, Any]:
    """What differs from what is usual for the task: {"mask": 0.9, "protocol": "fast", "origin": "simulated"}."""
    kind = MEASUREMENTS.get(result.task)
    usual = {item.name: item.default for item in fields(kind) if item.name in kind.decisive} if kind else {}
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


def name_of(kind: str, result: Result, *more: object) -> str:
    """The file stem of a figure or table: kind, label, data set, the decisive settings."""
    settings = (f"{name}-{value}" for name, value in decisive(result).items())
    return slug(kind, result.parameter or result.attribute or "", result.dataset, *settings, *more)


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
