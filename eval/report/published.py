"""The numbers that the paper states, which a report shows beside the measured ones."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from flickrexif.eval.report.datasets import is_whole, tested
from flickrexif.eval.report.identity import decisive
from flickrexif.eval.results import Result


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
        """Whether the record is of the same measurement by the same protocol, of the same data."""
        own = self.task, self.dataset, self.parameter, self.attribute
        theirs = result.task, result.dataset, result.parameter or "", result.attribute or ""
        is_usual = not decisive(result).keys() - {"mask"}
        return own == theirs and (result.mask or 0) == self.mask and is_usual and _is_of_the_papers_data(result)


PAPER = {"FlickrExif": 1_000, "PairCams": 730}  # test photos that are smart or not; pairs


def _is_of_the_papers_data(result: Result) -> bool:
    """Whether the record is of as many images as the paper's; photos that are gone since count."""
    if result.dataset not in PAPER:
        return is_whole(result)
    left_out: Mapping[str, int] = getattr(result.detail, "left_out", {})
    return tested(result) + left_out.get("test", 0) + left_out.get("no_embedding", 0) == PAPER[result.dataset]


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
