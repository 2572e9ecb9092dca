"""The facts of a data set, read from its files: card, figures and Croissant record are made from them.

The texts are plain, some of them strangers' (camera models, class names): escape them when they are rendered.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from flickrexif.core.columns import Column
from flickrexif.core.parquet import opened

Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A split of a config; `files` are relative to the data set's folder, and `pattern` matches them all."""

    name: str
    pattern: str  # data/train-*.parquet
    files: tuple[str, ...]
    rows: int
    bytes: int  # of the files


def split_of(folder: Path, name: str, pattern: str, files: Sequence[Path]) -> Split:
    """The split of the `files` in `folder`. Raises FlickrExifError for a broken Parquet file."""
    rows = 0
    for path in files:
        with opened(path) as file:
            rows += file.metadata.num_rows
    return Split(
        name=name,
        pattern=pattern,
        files=tuple(path.relative_to(folder).as_posix() for path in files),
        rows=rows,
        bytes=sum(path.stat().st_size for path in files),
    )


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
    """A table of the card: numbers are aligned right, None is an empty cell."""

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
    """The facts of a data set, from its files alone; equal files give equal facts."""

    source: str  # key of the description's `origins`: flickr, sandbox:simulated, real, simulated, ...
    summary: str  # "4,000 photos of 1,204 photographers, taken in 1 month"
    rows: int  # of the largest config, for `size_categories`
    configs: tuple[Config, ...]
    collection: tuple[tuple[str, str], ...]  # how it was made: ("Photos a photographer and month", "at most 10")
    composition: tuple[Table, ...]
    charts: tuple[Chart, ...]
    splits: tuple[Table, ...] = ()  # of split files, where there are any
    split_files: tuple[str, ...] = ()  # relative to the data set's folder
    measured: tuple[str, ...] = ()  # sentences on biases, with the numbers measured here
    dates: tuple[str, str] | None = None  # first and last day of the collection, YYYY-MM-DD
    years: tuple[int, int] | None = None  # first and last year taken


def counted(count: int, noun: str) -> str:
    """A number of things in words: "1 photo", "1,204 photos"."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
