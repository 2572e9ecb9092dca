"""The numbers that the paper itself states, shown beside the measured ones and marked as the paper's."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from flickrexif.eval.results import Result

LEVELS = ("over", "below")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A number of the paper: of an encoder ("is"), a level that a family passes ("over", "below"), or the chance."""

    task: str
    dataset: str
    parameter: str
    attribute: str
    mask: float | None
    metric: str
    relation: str
    encoder: str  # canonical name; "" for a level
    value: float
    text: str  # the encoder as the paper names it, or the level in words
    inferred: str  # "yes" where the paper names no weights, and the encoder is a guess

    def matches(self, result: Result) -> bool:
        """Whether this is a number of the same measurement."""
        mine = self.task, self.dataset, self.parameter, self.attribute
        theirs = result.task, result.dataset, result.parameter or "", result.attribute or ""
        return mine == theirs and (self.mask is None or result.settings.get("mask") == self.mask)


@cache
def stated() -> tuple[Stated, ...]:
    """All of them, in the order of the table published.csv."""
    text = files("flickrexif.eval.report").joinpath("published.csv").read_text("utf-8")
    return tuple(
        Stated(
            **{name: value for name, value in row.items() if name not in ("mask", "value")},
            mask=float(row["mask"]) if row["mask"] else None,
            value=float(row["value"]),
        )
        for row in csv.DictReader(text.splitlines())
    )


def inferred() -> list[tuple[str, str]]:
    """The encoders that are a guess: (as the paper names it, canonical name), each once."""
    return list(dict.fromkeys((one.text, one.encoder) for one in stated() if one.inferred))


def published(result: Result, metric: str) -> Sequence[tuple[str, float]]:
    """The paper's numbers for a metric of such a record: (encoder, or a level in words, value)."""
    mine = (one for one in stated() if one.metric == metric and one.matches(result))
    return [(one.encoder or one.text, one.value) for one in mine if one.relation == "is" or one.relation in LEVELS]
