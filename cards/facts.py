"""What the files of a data set tell of it: the record from which card, figures and Croissant are made.

All texts here are plain, some of them strangers' (camera models, class names): whoever renders them escapes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flickrexif.dataset.schema import Column

Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A split of a config; `files` are relative to the data set's folder, and `pattern` matches them all."""

    name: str
    pattern: str  # data/train-*.parquet
    files: tuple[str, ...]
    rows: int
    bytes: int  # of the files


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A config ("subset") with its columns; `features` as `datasets` stores them in the Parquet files."""

    name: str
    description: str
    splits: tuple[Split, ...]
    columns: tuple[Column, ...]
    features: Mapping[str, Any]  # column -> {"_type": "Value", "dtype": "string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of the card: numbers stand right, None is an empty cell."""

    title: str
    header: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure of the card: values by label, drawn as bars (few labels) or as a line (an ordered row of many)."""

    name: str  # file: figures/<name>.png
    title: str
    alt: str  # what a reader who cannot see it should know
    kind: Literal["bars", "line"]
    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str = "photos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of one data set from its files alone; equal files give equal facts."""

    dataset: Literal["flickrexif", "paircams", "imagenet-traces"]
    source: str  # key of the description's `origins`: flickr, sandbox:simulated, real, simulated, ...
    summary: str  # "4,000 photos of 1,204 photographers, taken in 1 month"
    rows: int  # of the largest config: what `size_categories` tells
    configs: tuple[Config, ...]
    collection: tuple[tuple[str, str], ...]  # how it was made: ("Photos a photographer and month", "at most 10")
    composition: tuple[Table, ...]
    charts: tuple[Chart, ...]
    splits: tuple[Table, ...] = ()  # of split files, where there are any
    measured: tuple[str, ...] = ()  # sentences on biases, with the numbers measured here
    dates: tuple[str, str] | None = None  # first and last day of the collection, YYYY-MM-DD
    years: tuple[int, int] | None = None  # first and last year taken
