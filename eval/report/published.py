"""The numbers that the paper states, which a report shows beside the measured ones."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from flickrexif.eval.results import Result

LEVELS = ("over", "below")


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperNumber:
    """A number of the paper: an encoder's ("is"), a level for a family ("over", "below"), or the chance ("chance")."""

    task: str
    dataset: str
    parameter: str
    attribute: str
    mask: float
    metric: str
    relation: str
    encoder: str  # canonical name; "" for a level
    value: float
    text: str  # the encoder as the paper names it, or the level in words
    inferred: str  # "yes" where the paper names no weights, so that the encoder is a guess

    def matches(self, result: Result) -> bool:
        """Whether the record is of the same measurement."""
        own = self.task, self.dataset, self.parameter, self.attribute
        theirs = result.task, result.dataset, result.parameter or "", result.attribute or ""
        return own == theirs and (result.mask or 0) == self.mask


@cache
def paper_numbers() -> tuple[PaperNumber, ...]:
    """All numbers of published.csv, in its order."""
    text = files("flickrexif.eval.report").joinpath("published.csv").read_text("utf-8")
    return tuple(
        PaperNumber(
            **{name: value for name, value in row.items() if name not in ("mask", "value")},
            mask=float(row["mask"] or 0),
            value=float(row["value"]),
        )
        for row in csv.DictReader(text.splitlines())
    )


def inferred() -> list[tuple[str, str]]:
    """The encoders that are a guess: (the paper's name, canonical name), each once."""
    return list(dict.fromkeys((number.text, number.encoder) for number in paper_numbers() if number.inferred))


def published(result: Result, metric: str) -> Sequence[tuple[str, float]]:
    """The paper's numbers for a metric of the record's measurement: (encoder, or a level in words, value)."""
    numbers = (number for number in paper_numbers() if number.metric == metric and number.matches(result))
    return [(number.encoder or number.text, number.value) for number in numbers if number.relation != "chance"]
