"""The contents of figures and tables, one class a kind, independent of how they are drawn.

The modules of `charts` make them from result records; those of `render` draw them, once for the page and for print.
`points` are the numbers of encoders that a content shows. All numbers are fractions unless a label says otherwise; None
is "not measured" and is drawn as a gap. Names of encoders, classes and photos are strangers' text: the code that draws
them escapes them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

CHANCE = "chance"  # in a row of chance levels it stands where other rows name the encoder
PHOTOS = "strips"  # the names of figures of photos begin with it, by which they are known when photos are taken down


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One number of one encoder, with its 95% interval where there is one."""

    encoder: str
    family: str  # CVL, SUP, SSL, CTL, OWN or ""
    value: float | None
    low: float | None = None
    high: float | None = None
    record: str = ""  # path of the record with the number, relative to the results folder
    reason: str = ""  # why there is no value, in the record's words
    n: str = ""  # what the number is of, in words: "400 train, 250 test images, 12 photographers"

    @property
    def down(self) -> float | None:
        """How far the interval extends below the value."""
        return None if self.value is None or self.low is None else max(0.0, self.value - self.low)

    @property
    def up(self) -> float | None:
        """How far it extends above."""
        return None if self.value is None or self.high is None else max(0.0, self.high - self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The numbers of one line, or of one kind of mark."""

    name: str
    points: tuple[Point, ...]
    published: tuple[tuple[str, float], ...] = ()  # the paper's: (encoder, or label of a level, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Numbers of each encoder in a row: one as bars coloured by family (Fig. 4 and 6), or several as dots (Fig. 8).

    All series have the same encoders in the same order.
    """

    series: tuple[Series, ...]
    chance: float | None = None
    as_bars: bool = False  # of one series, from 0 to 1

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for line in self.series for point in line.points)

    @property
    def encoders(self) -> list[str]:
        return [point.encoder for point in self.series[0].points]

    @property
    def gaps(self) -> list[Point]:
        """The encoders without any number."""
        rows = zip(*(line.points for line in self.series), strict=True)
        return [row[0] for row in rows if all(point.value is None for point in row)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiples:
    """Rows of several labels side by side on one scale: (label, rows), such as the four processing parameters."""

    panels: tuple[tuple[str, Rows], ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for _, rows in self.panels for point in rows.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One quantity of all encoders on one line, a mark an encoder; controls are reference lines, not marks."""

    title: str  # "Processing read out"
    points: tuple[Point, ...]
    references: tuple[Point, ...] = ()  # of the controls
    chance: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The answer at a glance: a strip a quantity, in which encoders are coloured and grouped by family."""

    strips: tuple[Strip, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for strip in self.strips for point in strip.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A number against the mask ratio (Fig. 5), a series an encoder: `x[i]` belongs to `points[i]`."""

    x: tuple[float, ...]
    x_label: str
    series: tuple[Series, ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(point for line in self.series for point in line.points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The distributions of one encoder: (name of the group, one share a bin, summing to 1)."""

    encoder: str
    shares: tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distributions:
    """Shares over the same bins for a few encoders, one panel each (Fig. 2)."""

    edges: tuple[float, ...]  # one more than bins
    panels: tuple[Panel, ...]
    x_label: str = "cosine similarity"

    points: ClassVar[tuple[Point, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Points in the plane coloured by label: t-SNE (Fig. 7)."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    labels: tuple[str, ...]

    points: ClassVar[tuple[Point, ...]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairwise:
    """Two numbers an encoder against each other with the diagonal, and a zoom (Fig. 10)."""

    x: tuple[Point, ...]
    y: tuple[Point, ...]
    x_label: str
    y_label: str

    @property
    def points(self) -> tuple[Point, ...]:
        return self.x + self.y


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """An image of a strip."""

    image_id: str
    dataset: str = ""
    variant: str | None = None  # None: as it came
    same: bool | None = None  # whether its label is the query's; None for the query itself
    badge: str = ""  # its variant or label, written below it
    label: str = ""  # its class
    similarity: float | None = None
    jpeg: bytes = b""  # a thumbnail without metadata; b"" where the image is not in the data folder
    attribution: str = ""
    page_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strips:
    """Queries with their nearest neighbours as pictures (Fig. 9): each row the query, then the neighbours."""

    rows: tuple[tuple[Shot, ...], ...]

    points: ClassVar[tuple[Point, ...]] = ()

    @property
    def shots(self) -> Iterator[Shot]:
        return (shot for row in self.rows for shot in row)


Content = Rows | Multiples | Overview | Lines | Distributions | Cloud | Pairwise | Strips


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure of the report. `name` is its file stem and anchor: probe-jpeg."""

    name: str
    title: str
    caption: str  # what it shows and how it was measured, in a sentence or two
    alt: str  # the result in words, for readers who cannot see the figure
    content: Content
    section: str = ""  # the heading that it stands under: "Processing", "Acquisition", ...
    y_label: str = ""
    paper: str = ""  # the corresponding figure of the paper: "Fig. 4"
    records: tuple[str, ...] = ()  # paths of the records it was made from

    def __post_init__(self) -> None:
        if isinstance(self.content, Strips) and not self.name.startswith(PHOTOS):
            raise ValueError(f"The name of a figure of photos begins with {PHOTOS!r}, not {self.name[:40]!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table; a metric is a number from -1 to 1, shown in %."""

    name: str
    title: str
    help: str = ""
    is_metric: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with a row an encoder: `cells[i][j]`, a text or a Point, belongs to `columns[j]`."""

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    cells: tuple[tuple[str | Point, ...], ...]
    published: tuple[tuple[str | float | None, ...], ...] = ()  # the paper's rows, same columns
    differences: Mapping[tuple[str, str], float] = field(default_factory=dict)  # (encoder, column) -> from the baseline
    section: str = ""
    on_page: bool = False  # else it is only a file, as figures of the page show the same numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a page opens with: a few sentences of numbers with intervals and n, and one picture of all encoders."""

    sentences: tuple[str, ...]
    own: tuple[str, ...] = ()  # a sentence for each encoder of one's own
    figure: Figure | None = None  # its content is an Overview
