"""The page of a report: one HTML file that opens from disk and loads nothing."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core import drawing
from flickrexif.core.pages import marks
from flickrexif.core.text import link
from flickrexif.eval.report.charts import QUESTIONS, Unmeasured, parts, section_order
from flickrexif.eval.report.published import inferred
from flickrexif.eval.report.render.parts import CONFIG, shown_name
from flickrexif.eval.report.render.plots import specification
from flickrexif.eval.report.score.compare import Comparison
from flickrexif.eval.report.score.sensitivity import Board
from flickrexif.eval.report.spec import CHANCE, Answer, Figure, Point, Shot, Strips, Table
from flickrexif.eval.report.style import FAMILIES, NAME_LENGTH, percent, plain, rounded, short, title_of

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
PROGRAM = "report"
FIRST = 4  # figures of a kind that are shown at once; the others are folded away
CHANGES = 25  # how many of the largest changes are shown
GLYPHS = {"CVL": "●", "SUP": "■", "SSL": "▲", "CTL": "✚", "OWN": "◆", "": "▼"}
PHOTO_LABEL = 60
IN_SIGHT = 300  # most characters of a result in words that is not folded away
SAFE = str.maketrans({char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"})


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that the page shows."""

    answer: Answer
    banners: Sequence[str]
    origins: Sequence[tuple[str, str]]  # (whose photos, names of data sets)
    encoders: int
    reference: Sequence[str]  # the names of those whose records ship with the package
    records: int
    board: Board
    leaderboard: Table
    figures: Sequence[Figure]
    numbers: Sequence[Table]  # behind the figures of the same names
    tables: Sequence[Table]
    sources: Mapping[str, Any]  # from `provenance.sources_of`
    compositions: Sequence[Mapping[str, Any]]  # from `provenance.compositions_of`
    unmeasured: Sequence[Unmeasured]
    gaps: Sequence[tuple[str, str, Sequence[str]]]  # from `provenance.gaps_of`
    unreadable: Sequence[tuple[str, str]]  # (path, problem) of files that are not records
    replaced: Sequence[tuple[str, str]]  # (path, path of the record used instead)
    place: Callable[[str], int]  # a record's path -> its place in the sources
    formats: Sequence[str]
    baseline: str = ""
    comparison: Comparison | None = None

    @property
    def drawn(self) -> list[Figure]:
        """All figures, that of the answer first."""
        return [*([self.answer.figure] if self.answer.figure else []), *self.figures]


def render(view: View) -> str:
    """The page as HTML. Equal views give equal texts."""
    names = {item.section for items in (view.figures, view.unmeasured, view.tables) for item in items}
    shots = [s for figure in view.figures if isinstance(figure.content, Strips) for s in figure.content.shots]
    plots = {figure.name: spec for figure in view.drawn if (spec := specification(figure))}
    return (
        _environment()
        .get_template("report.html")
        .render(
            view=view,
            marks=marks(PROGRAM, (shot.image_id for shot in shots)),
            sections=[_section(name, view) for name in sorted(names, key=section_order)],
            parts=parts(),
            families=[family for family in FAMILIES if family in {score.family for score in view.board.scores}],
            data=_data(view, plots),
            plots=plots,
            has_flickr=any(shot.attribution or shot.page_url for shot in shots),
            vega=drawing.script(),
        )
    )


def _section(name: str, view: View) -> dict[str, Any]:
    """The figures of a section, the first ones of each kind and, by kind, more of them, and its tables."""
    shown: list[Figure] = []
    more: dict[str, list[Figure]] = {}
    counts: dict[str, int] = {}
    for figure in view.figures:
        if figure.section == name:
            kind = figure.name.partition("-")[0]
            counts[kind] = counts.get(kind, 0) + 1
            (shown if counts[kind] <= FIRST else more.setdefault(kind, [])).append(figure)
    tables = [table for table in view.tables if table.section == name]
    missing = [figure for figure in view.unmeasured if figure.section == name]
    question = QUESTIONS.get(name, "")
    return {"name": name, "question": question, "shown": shown, "more": more, "tables": tables, "unmeasured": missing}


# --- the data for the page's script


def to_json(value: Any) -> str:
    """Compact JSON, safe in a script element: nothing in it ends the element or opens a comment."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False, ensure_ascii=False)
    return text.translate(SAFE)


def _data(view: View, plots: Mapping[str, drawing.Spec]) -> dict[str, str]:
    """Id of a script element -> its content: JSON that cannot end the element."""
    data: dict[str, Any] = {
        "config": CONFIG,
        "sources": {**view.sources, "records": in_columns(view.sources["records"])},
        "compositions": {"encoders": view.compositions, "parts": {p.name: [p.title, p.formula] for p in parts()}},
    }
    data |= {f"plot-{name}": on_page(spec) for name, spec in plots.items()}
    data |= {f"numbers-{table.name}": table_data(table, view.place) for table in view.numbers}
    data |= {f"table-{table.name}": table_data(table, view.place) for table in view.tables if table.on_page}
    return {name: to_json(value) for name, value in data.items()}


def on_page(spec: drawing.Spec) -> drawing.Spec:
    """The specification with its rows as columns, and without the look of all charts."""
    own = {name: value for name, value in spec.items() if name not in ("$schema", "config")}
    return own | {"data": in_columns(spec["data"]["values"])}


def in_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows as columns, which take less room: field -> values, or {"words": distinct values, "at": the place of each
    row's, [] where there is a single one}."""
    columns: dict[str, Any] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        words = {to_json(value): value for value in values}
        if len(words) == 1 or any(isinstance(value, str | tuple | list) for value in values):
            places = {word: place for place, word in enumerate(words)}
            at = [places[to_json(value)] for value in values] if len(words) > 1 else []
            columns[name] = {"words": list(words.values()), "at": at}
        else:
            columns[name] = values
    return {"rows": len(rows), "columns": columns}


def table_data(table: Table, place: Callable[[str], int]) -> dict[str, Any]:
    """A table as the page's script reads it.

    A cell is a text, or [value, low, high, place of the record, difference, n] as far as it has them, or [null, reason]
    without a value. What all numbers of a column are of stands with the column, and not in its cells. `stated` are the
    rows of chance levels and of the paper's numbers; a cell of the latter is a text or a number.
    """
    shared = [_common_n(row[at] for row in table.cells) for at in range(len(table.columns))]
    return {
        "caption": table.caption,
        "columns": [[c.title, c.help, c.is_metric, n] for c, n in zip(table.columns, shared, strict=True)],
        "rows": [_row(row, table, place, shared) for row in table.cells if row[0] != CHANCE],
        "stated": [_row(row, table, place, shared) for row in table.cells if row[0] == CHANCE]
        + [[f"Paper: {short(str(row[0]))}", *row[1:]] for row in table.published],
    }


def _common_n(cells: Iterable[str | Point]) -> str:
    """What all numbers of a column are of; "" where they differ."""
    distinct = {cell.n for cell in cells if isinstance(cell, Point) and cell.value is not None}
    return distinct.pop() if len(distinct) == 1 else ""


def _row(row: Sequence[str | Point], table: Table, place: Callable[[str], int], shared: Sequence[str]) -> list[Any]:
    def shown(cell: str | Point, column: str, n: str) -> str | list[Any]:
        if isinstance(cell, str):
            return short(cell, NAME_LENGTH)
        if cell.value is None:
            return [None, cell.reason]
        numbers = map(rounded, (cell.value, cell.low, cell.high))
        difference = rounded(table.differences.get((cell.encoder, column)))
        whole = [*numbers, place(cell.record) if cell.record else None, difference, None if n else cell.n or None]
        return whole[: 1 + max(at for at, value in enumerate(whole) if value is not None)]

    return [shown(cell, column.name, n) for column, cell, n in zip(table.columns, row, shared, strict=True)]


# --- the template, and the functions that it calls


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "plain": plain,
        "short": short,
        "shown_name": shown_name,
        "signed": signed,
        "family_title": title_of,
        "link": link,
        "jpeg": _jpeg,
    }
    environment.globals |= {
        "glyph": lambda family: GLYPHS[family if family in FAMILIES else ""],
        "credits_of": credits_of,
        "inferred": inferred,
        "is_strips": lambda figure: isinstance(figure.content, Strips),
        "is_point": lambda cell: isinstance(cell, Point),
        "most_changes": CHANGES,
        "most_in_sight": IN_SIGHT,
        "photo_label": PHOTO_LABEL,
        "looks": FAMILIES,
    }
    return environment


def signed(value: float) -> str:
    """A difference in percentage points with arrow and sign: "▲ +1.2"."""
    points = round(100 * value, 1)
    if points == 0:
        return "= 0.0"
    return f"▲ +{points:.1f}" if points > 0 else f"▼ \N{MINUS SIGN}{-points:.1f}"


def credits_of(strips: Strips) -> dict[str, tuple[int, Shot]]:
    """Photo id -> (number in the list of credits, shot), for the photos that are shown and have a credit."""
    shots = {shot.image_id: shot for shot in strips.shots if shot.jpeg and shot.attribution}
    return {image_id: (number, shot) for number, (image_id, shot) in enumerate(shots.items(), 1)}


def _jpeg(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"
