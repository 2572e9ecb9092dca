"""The page of a report: one HTML file that opens from disk and loads nothing."""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flickrexif.eval.report import interactive
from flickrexif.eval.report.compare import Comparison
from flickrexif.eval.report.figures import Unmeasured
from flickrexif.eval.report.headlines import Headline
from flickrexif.eval.report.published import inferred
from flickrexif.eval.report.sensitivity import PARTS, Board
from flickrexif.eval.report.spec import Figure, Point, Shot, Strips, Table
from flickrexif.eval.report.style import FAMILIES, NAME_LENGTH, families_in, percent, plain, short, title_of
from flickrexif.eval.report.tables import CHANCE

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).with_name("templates")
OURS = '<meta name="generator" content="flickrexif report">'  # by which the page of an earlier run is known
FIRST = 4  # figures of a kind that are shown before one asks for more
CHANGES = 25  # of the largest ones that are shown
GLYPHS = {"CVL": "●", "SUP": "■", "SSL": "▲", "CTL": "✖", "OWN": "◆", "": "✚"}
PHOTO_LABEL = 60
SHOWN = ("probe-", "neighbors-", "retrieval-")  # tables that tell more than one figure does
Differences = Mapping[tuple[str, str], float]

QUESTIONS = {
    "Processing": "Can a linear classifier tell from an embedding how its image was compressed, sharpened or resized?",
    "Acquisition": "Can it tell the camera and its settings, even where most of the photo is hidden?",
    "Semantics": "Do these traces pull nearest neighbours away from what the images show?",
    "Neighbours": "Are the nearest photos, or those taken for a pair, from the same type of camera?",
    "Mitigation": "What is left of the traces, and of what images show, once embeddings are corrected?",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A table with its differences from the baseline, {} without one."""

    table: Table
    differences: Differences


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that the page shows."""

    banners: Sequence[str]
    encoders: int
    records: int
    headlines: Sequence[Headline]
    board: Board
    leaderboard: Shown
    figures: Sequence[tuple[Figure, Shown | None]]
    tables: Sequence[tuple[str, Shown]]  # with the section
    sources: Mapping[str, Any]  # of `provenance.sources_of`
    compositions: Sequence[Mapping[str, Any]]  # of `provenance.compositions_of`
    unmeasured: Sequence[Unmeasured]
    gaps: Sequence[tuple[str, str, Sequence[str]]]
    unreadable: Sequence[tuple[str, str]]  # files that are no records, and why
    replaced: Sequence[tuple[str, str]]  # records that another one stands for
    place: Callable[[str], int]  # of a record's path in the sources
    formats: Sequence[str]
    has_flickr: bool  # whether photos of Flickr are shown
    baseline: str = ""
    comparison: Comparison | None = None


def render(view: View) -> str:
    """The page. Equal views give equal texts."""
    from plotly.offline import get_plotlyjs

    sections = [_section(name, view) for name in QUESTIONS]
    return (
        _environment()
        .get_template("report.html")
        .render(
            view=view,
            anchors={card.name: _anchor(card, view.figures) for card in view.headlines},
            generator=OURS,
            sections=[one for one in sections if one["shown"] or one["tables"] or one["unmeasured"]],
            parts={part.name: part for part in PARTS},
            families=families_in(_points(view.leaderboard.table)),
            data=_data(view),
            plotly=get_plotlyjs(),
        )
    )


def _points(table: Table) -> list[Point]:
    """A number a row."""
    return [next(cell for cell in row if isinstance(cell, Point)) for row in table.cells]


def _anchor(card: Headline, figures: Sequence[tuple[Figure, Shown | None]]) -> str:
    """Where the numbers behind a headline are shown."""
    wanted = set(card.records)
    return next((figure.name for figure, _ in figures if wanted and wanted <= set(figure.records)), "leaderboard")


def _section(name: str, view: View) -> dict[str, Any]:
    """The figures of a section, the first of each kind apart from the others, and its tables."""
    shown: list[Figure] = []
    more: dict[str, list[Figure]] = {}
    counts: dict[str, int] = {}
    for figure, _ in view.figures:
        if figure.section == name:
            kind = figure.name.partition("-")[0]
            counts[kind] = counts.get(kind, 0) + 1
            (shown if counts[kind] <= FIRST else more.setdefault(kind, [])).append(figure)
    tables = [one.table for section, one in view.tables if section == name]
    missing = [one for one in view.unmeasured if one.section == name]
    question = QUESTIONS[name]
    return {"name": name, "question": question, "shown": shown, "more": more, "tables": tables, "unmeasured": missing}


# --- the data that the script draws


def _data(view: View) -> dict[str, str]:
    """Script elements by id, as JSON that cannot end them."""
    config = dict(interactive.CONFIG)
    config["modeBarButtonsToRemove"] = [*config["modeBarButtonsToRemove"], "toImage"]  # the files are beside the page
    made: dict[str, Any] = {
        "sources": view.sources,
        "compositions": {"encoders": view.compositions, "parts": {p.name: [p.title, p.formula] for p in PARTS}},
        "settings": {"config": config, "templates": interactive.TEMPLATES, "narrow": interactive.NARROW},
    }
    for figure, numbers in view.figures:
        if plot := interactive.plot(figure):
            made[f"plot-{figure.name}"] = plot
        if numbers:
            made[f"table-{figure.name}"] = table_data(numbers, view.place)
    made |= {f"table-{one.table.name}": table_data(one, view.place) for _, one in view.tables if is_shown(one.table)}
    return {name: interactive.to_json(value) for name, value in made.items()}


def is_shown(table: Table) -> bool:
    """Whether a table is on the page; the others are files, as figures there tell the same numbers."""
    return table.name.startswith(SHOWN)


def table_data(shown: Shown, place: Callable[[str], int]) -> dict[str, Any]:
    """A table as the script reads it.

    A cell is a text, or [value, low, high, place of the record or -1, difference]; without a value [null, the reason].
    `stated` are the chance levels and the paper's numbers, which are bare.
    """
    table = shown.table
    return {
        "caption": table.caption,
        "columns": [[column.title, column.help, column.is_metric] for column in table.columns],
        "rows": [_row(row, shown, place) for row in table.cells if row[0] != CHANCE],
        "stated": [_row(row, shown, place) for row in table.cells if row[0] == CHANCE]
        + [[f"Paper: {short(str(row[0]))}", *row[1:]] for row in table.published],
    }


def _row(row: Sequence[str | Point], shown: Shown, place: Callable[[str], int]) -> list[Any]:
    return [
        _cell(cell, shown.differences.get((_encoder(cell), column.name)), place)
        for column, cell in zip(shown.table.columns, row, strict=True)
    ]


def _encoder(cell: str | Point) -> str:
    return cell.encoder if isinstance(cell, Point) else ""


def _cell(cell: str | Point, difference: float | None, place: Callable[[str], int]) -> str | list[Any]:
    if isinstance(cell, str):
        return short(cell, NAME_LENGTH)
    if cell.value is None:
        return [None, cell.reason]
    numbers = [None if n is None else round(n, 5) for n in (cell.value, cell.low, cell.high, difference)]
    return [*numbers[:3], place(cell.record) if cell.record else -1, numbers[3]]


# --- what the template calls


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": percent,
        "plain": plain,
        "short": short,
        "signed": signed,
        "family_title": title_of,
        "link": link,
        "jpeg": _jpeg,
    }
    made.globals |= {
        "glyph": lambda family: GLYPHS[family if family in FAMILIES else ""],
        "height": _height,
        "credits_of": credits_of,
        "inferred": inferred,
        "is_strips": lambda figure: isinstance(figure.content, Strips),
        "is_point": lambda cell: isinstance(cell, Point),
        "is_shown": is_shown,
        "most_changes": CHANGES,
        "photo_label": PHOTO_LABEL,
        "looks": FAMILIES,
    }
    return made


def signed(value: float) -> str:
    """A difference in percentage points with arrow and sign: "▲ +1.2"."""
    points = round(100 * value, 1)
    if points == 0:
        return "= 0.0"
    return f"▲ +{points:.1f}" if points > 0 else f"▼ \N{MINUS SIGN}{-points:.1f}"


def link(url: str) -> str:
    """`url` where it leads to a web page, else "": other schemes run code or open programs."""
    if not url or plain(url, 500) != url:
        return ""
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""


def credits_of(strips: Strips) -> dict[str, tuple[int, Shot]]:
    """The photos that are shown and have a credit, by id, each once with its number in the list of credits."""
    shots = {shot.image_id: shot for row in strips.rows for shot in row if shot.jpeg and shot.attribution}
    return {image_id: (number, shot) for number, (image_id, shot) in enumerate(shots.items(), 1)}


def _jpeg(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode()}"


def _height(figure: Figure) -> int:
    """Pixels that a plot will take, so that nothing moves when it is drawn."""
    plot = interactive.plot(figure)
    return int(plot["layout"]["height"]) if plot else 0
