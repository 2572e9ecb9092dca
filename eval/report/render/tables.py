"""Tables: the numbers behind figures, and files in CSV for programs (fractions) and LaTeX for papers (%)."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from flickrexif.core.text import safe_cell
from flickrexif.eval.report.charts.base import ENCODER, FAMILY
from flickrexif.eval.report.identity import Entry, slug
from flickrexif.eval.report.score.compare import Comparison
from flickrexif.eval.report.spec import (
    Cloud,
    Column,
    Distributions,
    Figure,
    Lines,
    Multiples,
    Overview,
    Pairwise,
    Point,
    Rows,
    Series,
    Strips,
    Table,
)
from flickrexif.eval.report.style import percent, plain, short
from flickrexif.eval.results import COLUMNS, metric_rows

LENGTH = 200  # characters of a text in a CSV file
TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        '"': r"\textquotedbl{}",
        "…": r"\ldots{}",
        **{char: f"\\{char}" for char in "&%$#_{}"},
        "[": r"\lbrack{}",  # after the end of a row this and the next are its options
        "*": r"\textasteriskcentered{}",
    }
)


def to_csv(table: Table) -> str:
    """The table as CSV: a metric has three columns, the value and its interval; the paper's rows come last."""
    header: list[str] = []
    for column in table.columns:
        name = cell(column.name)
        header += [name, f"{name} low", f"{name} high"] if column.is_metric else [name]
    all_rows = [*table.cells, *map(_of_the_paper, table.published)]
    rows = [
        [value for column, shown in zip(table.columns, row, strict=True) for value in _values(shown, column.is_metric)]
        for row in all_rows
    ]
    return _text(header, rows)


def numbers_csv(entries: Iterable[Entry]) -> str:
    """Every metric of every record as a row of COLUMNS, with the record's path."""
    rows = ((*row, path) for path, result in entries for row in metric_rows(result))
    cells = ([cell(value) if isinstance(value, str) else value for value in row] for row in rows)
    return _text([*COLUMNS, "record"], cells)


def compared_csv(comparison: Comparison) -> str:
    """Every number that two runs have, the largest change first."""
    header = ["encoder", "measurement", "here", "baseline", "difference", "intervals_overlap", "record"]
    rows = [
        [cell(c.encoder), cell(c.measurement), c.now, c.before, round(c.difference, 9), c.overlap, cell(c.record)]
        for c in comparison.changes
    ]
    return _text(header, rows)


@lru_cache(maxsize=65_536)
def cell(text: str) -> str:
    """Strangers' text, made so that a spreadsheet does not run it."""
    return safe_cell(plain(text, LENGTH))


def _of_the_paper(row: Sequence[str | float | None]) -> list[str | float | None]:
    return [f"paper: {row[0]}", *row[1:]]


def _values(shown: object, is_metric: bool) -> list[object]:
    if isinstance(shown, Point):
        return [shown.value, shown.low, shown.high]
    if isinstance(shown, str):
        return [cell(shown), "", ""] if is_metric else [cell(shown)]
    return [shown, "", ""]


def _text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return file.getvalue()


# --- LaTeX


def to_tex(table: Table) -> str:
    r"""The table as a LaTeX `tabular` (packages booktabs, textcomp, T1 fonts); the paper's rows are in italics."""
    kinds = "".join("r" if column.is_metric else "l" for column in table.columns)
    head = " & ".join(tex(column.title) for column in table.columns)
    rows = [" & ".join(map(_tex_cell, row)) for row in table.cells]
    stated = [" & ".join(_tex_stated(value, place) for place, value in enumerate(row)) for row in table.published]
    body = [f"{row} \\\\" for row in rows] + (["\\midrule", *(f"{row} \\\\" for row in stated)] if stated else [])
    lines = [f"% {plain(table.caption, 300)}", f"\\begin{{tabular}}{{{kinds}}}", "\\toprule", f"{head} \\\\"]
    return "\n".join([*lines, "\\midrule", *body, "\\bottomrule", "\\end{tabular}", ""])


def tex(text: str) -> str:
    """Strangers' text, escaped so that LaTeX finds no command in it."""
    return short(text, 60).translate(TEX)


def _tex_cell(shown: str | Point) -> str:
    if isinstance(shown, Point):
        return "--" if shown.value is None else f"{100 * shown.value:.1f}"
    return tex(shown)


def _tex_stated(value: str | float | None, place: int) -> str:
    if isinstance(value, str):
        return f"\\textit{{paper: {tex(value)}}}" if place == 0 else tex(value)
    return "" if value is None else f"\\textit{{{100 * value:.1f}}}"


# --- the numbers behind a figure

Content = tuple[tuple[Column, ...], tuple[tuple[str | Point, ...], ...]]


def numbers_behind(figures: Iterable[Figure]) -> list[Table]:
    """A table of the numbers that each figure shows, under its name; none of strips, which show images."""
    return [table for figure in figures if (table := _table_of(figure))]


def _table_of(figure: Figure) -> Table | None:
    content = figure.content
    match content:
        case Rows():
            columns, cells = _by_encoder(content.series)
        case Multiples(panels=panels):
            columns, cells = _of_all(
                [
                    Series(name=f"{title}: {line.name}" if len(rows.series) > 1 else title, points=line.points)
                    for title, rows in panels
                    for line in rows.series
                ]
            )
        case Overview(strips=strips):
            columns, cells = _of_all([Series(name=s.title, points=(*s.points, *s.references)) for s in strips])
        case Lines():
            points = zip(*(series.points for series in content.series), strict=True)
            named = zip(content.x, points, strict=True)
            columns, cells = _by_encoder([Series(name=percent(x, 0), points=at_x) for x, at_x in named])
        case Pairwise():
            pair = ((content.x_label, content.x), (content.y_label, content.y))
            columns, cells = _by_encoder([Series(name=name, points=points) for name, points in pair])
        case Distributions():
            columns, cells = _by_bin(content)
        case Cloud():
            columns, cells = _by_label(content)
        case Strips():
            return None
    return Table(name=figure.name, title=figure.title, caption=figure.caption, columns=columns, cells=cells)


def _by_encoder(series: Sequence[Series]) -> Content:
    columns = (ENCODER, FAMILY, *(Column(name=slug(line.name), title=line.name) for line in series))
    rows = zip(*(line.points for line in series), strict=True)
    return columns, tuple((points[0].encoder, points[0].family, *points) for points in rows)


def _of_all(series: Sequence[Series]) -> Content:
    """A row for each encoder of any series; one that a series lacks was not measured there."""
    families = {point.encoder: point.family for line in series for point in line.points}
    points = [{point.encoder: point for point in line.points} for line in series]
    complete = [
        Series(
            name=line.name,
            points=tuple(
                own.get(encoder) or Point(encoder=encoder, family=family, value=None, reason="not measured")
                for encoder, family in families.items()
            ),
        )
        for line, own in zip(series, points, strict=True)
    ]
    return _by_encoder(complete)


def _by_bin(content: Distributions) -> Content:
    lines = [(panel.encoder, name, shares) for panel in content.panels for name, shares in panel.shares]
    columns = [Column(name="bin", title=content.x_label, is_metric=False)]
    columns += [Column(name=slug(encoder, name), title=f"{short(encoder)}: {name}") for encoder, name, _ in lines]
    rows: list[tuple[str | Point, ...]] = [
        (f"{low:.2f} to {high:.2f}", *(Point(encoder=e, family="", value=shares[at]) for e, _, shares in lines))
        for at, (low, high) in enumerate(pairwise(content.edges))
    ]
    return tuple(columns), tuple(rows)


def _by_label(content: Cloud) -> Content:
    columns = (
        Column(name="label", title="Label", is_metric=False),
        Column(name="points", title="Points", is_metric=False),
    )
    return columns, tuple((label, str(count)) for label, count in sorted(Counter(content.labels).items()))
