"""What families of weights were trained on, and with which augmentation: `notes.csv`, each fact with its source.

"not told" stands where neither paper nor repository tells it. A row is for the names that its patterns match.
"""

import csv
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from flickrexif.eval.encoders.spec import EncoderSpec

NOTES = ("training", "augmentation", "source_of_facts")  # fields of an `EncoderSpec`


def table(name: str) -> list[dict[str, str]]:
    """The rows of a table of this package."""
    lines = files("flickrexif.eval.encoders").joinpath(name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(lines))


@cache
def notes() -> Mapping[tuple[str, ...], Mapping[str, Any]]:
    """The notes by the patterns of the names that they are for."""
    return {tuple(row["names"].split()): {name: row[name] for name in NOTES} for row in table("notes.csv")}


def noted(spec: EncoderSpec) -> EncoderSpec:
    """The spec with the notes on its weights, if there are any."""
    matching = (row for patterns, row in notes().items() if any(fnmatchcase(spec.name, name) for name in patterns))
    return replace(spec, **next(matching, {}))
