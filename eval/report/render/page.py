"""The page of a report: one HTML file that opens from disk and loads nothing."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.pages import marks
from flickrexif.core.text import link
from flickrexif.eval.report.charts import QUESTIONS, Unmeasured, parts, section_order
from flickrexif.eval.report.published import inferred
from flickrexif.eval.report.render import interactive
from flickrexif.eval.report.render.plotly_parts import NARROW, THEMES, Plot, rounded
from flickrexif.eval.report.score.compare import Comparison
from flickrexif.eval.report.score.headlines import Headline
from flickrexif.eval.report.score.sensitivity import Board
from flickrexif.eval.report.spec import CHANCE, Figure, Point, Shot, Strips, Table
from flickrexif.eval.report.style import FAMILIES, NAME_LENGTH, percent, plain, short, title_of

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
PROGRAM = "report"
FIRST = 4  # figures of a kind that are shown at once; the others are folded away
CHANGES = 25  # how many of the largest changes are shown
GLYPHS = {"CVL": "●", "SUP": "■", "SSL": "▲", "CTL": "✖", "OWN": "◆", "": "✚"}
PHOTO_LABEL = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that the page shows."""

    banners: Sequence[str]
    origins: Sequence[tuple[str, str]]  # (whose photos, names of data sets)
    encoders: int
    records: int
    headlines: Sequence[Headline]
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


def render(view: View) -> str:
    """The page as HTML. Equal views give equal texts."""
    from plotly.offline import get_plotlyjs

    names = {item.section for items in (view.figures, view.unmeasured, view.tables) for item in items}
    shots = [s for figure in view.figures if isinstance(figure.content, Strips) for s in figure.content.shots]
    plots = {figure.name: plot for figure in view.figures if (plot := interactive.plot(figure))}
    return (
        _environment()
        .get_template("report.html")
        .render(
            view=view,
            anchors={card.name: _anchor(card, view.figures) for card in view.headlines},
            marks=marks(PROGRAM, (shot.image_id for shot in shots)),
            sections=[_section(name, view) for name in sorted(names, key=section_order)],
            parts=parts(),
            families=[family for family in FAMILIES if family in {score.family for score in view.board.scores}],
            data=_data(view, plots),
            plots=plots,
            has_flickr=any(shot.attribution or shot.page_url for shot in shots),
            plotly=get_plotlyjs(),
        )
    )


def _anchor(card: Headline, figures: Sequence[Figure]) -> str:
    """The anchor of the figure with the numbers behind a headline, else that of the leaderboard."""
    paths = set(card.records)
    return next((figure.name for figure in figures if paths and paths <= set(figure.records)), "leaderboard")


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


def _data(view: View, plots: Mapping[str, Plot]) -> dict[str, str]:
    """Id of a script element -> its content: JSON that cannot end the element."""
    data: dict[str, Any] = {
        "sources": view.sources,
        "compositions": {"encoders": view.compositions, "parts": {p.name: [p.title, p.formula] for p in parts()}},
        "settings": {"config": interactive.CONFIG, "templates": THEMES, "narrow": NARROW},
    }
    data |= {f"plot-{name}": plot for name, plot in plots.items()}
    data |= {f"numbers-{table.name}": table_data(table, view.place) for table in view.numbers}
    data |= {f"table-{table.name}": table_data(table, view.place) for table in view.tables if table.on_page}
    return {name: interactive.to_json(value) for name, value in data.items()}


def table_data(table: Table, place: Callable[[str], int]) -> dict[str, Any]:
    """A table as the page's script reads it.

    A cell is a text, or [value, low, high, place of the record or -1, difference], or [null, reason] without a value.
    `stated` are the rows of chance levels and of the paper's numbers; a cell of the latter is a text or a number.
    """
    return {
        "caption": table.caption,
        "columns": [[column.title, column.help, column.is_metric] for column in table.columns],
        "rows": [_row(row, table, place) for row in table.cells if row[0] != CHANCE],
        "stated": [_row(row, table, place) for row in table.cells if row[0] == CHANCE]
        + [[f"Paper: {short(str(row[0]))}", *row[1:]] for row in table.published],
    }


def _row(row: Sequence[str | Point], table: Table, place: Callable[[str], int]) -> list[Any]:
    def shown(cell: str | Point, column: str) -> str | list[Any]:
        if isinstance(cell, str):
            return short(cell, NAME_LENGTH)
        if cell.value is None:
            return [None, cell.reason]
        numbers = map(rounded, (cell.value, cell.low, cell.high))
        difference = table.differences.get((cell.encoder, column))
        return [*numbers, place(cell.record) if cell.record else -1, rounded(difference)]

    return [shown(cell, column.name) for column, cell in zip(table.columns, row, strict=True)]


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
