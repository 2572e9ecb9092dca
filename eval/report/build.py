"""A report: the page, the figures for print and the tables, from a folder of result records."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_text, remove
from flickrexif.eval.report.choice import Entry, replaced, used
from flickrexif.eval.report.compare import compare, differences
from flickrexif.eval.report.figures import figures, unmeasured
from flickrexif.eval.report.headlines import headlines
from flickrexif.eval.report.leaderboard import board_differences, leaderboard
from flickrexif.eval.report.page import OURS, Shown, View, render
from flickrexif.eval.report.paper import FORMATS, save_all
from flickrexif.eval.report.pictures import MOST_FLICKR, keys_of, pictures, shot_of
from flickrexif.eval.report.provenance import compositions_of, gaps_of, sources_of
from flickrexif.eval.report.published import published
from flickrexif.eval.report.reading import Records, banners, read_records
from flickrexif.eval.report.sensitivity import Board, board_of
from flickrexif.eval.report.spec import Figure, Strips, Table
from flickrexif.eval.report.table_files import compared_csv, numbers_csv, to_csv, to_tex
from flickrexif.eval.report.tables import table_of, tables

MOST_PICTURES = 4 * MOST_FLICKR  # on the page, of whatever data set
LINKED = rb'href="((?:figures|tables)/[a-z0-9][a-z0-9.-]*)" download'  # a file of the report, in its page
HEAD = 2_000  # bytes of a page among which its generator stands


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was written: the page to open, the leaderboard on it, and the files that are no records."""

    index: Path
    leaderboard: Table
    records: int
    unreadable: Sequence[tuple[str, str]]


def write_report(
    results: Path,
    out: Path,
    *,
    baseline: Path | None = None,
    data_dir: Path | None = None,
    formats: Sequence[str] = FORMATS,
    register: Callable[..., object] = lambda *_: None,
) -> Report:
    """Write `out`/index.html, figures/ and tables/ from the records in `results`; the same records give the same bytes.

    `baseline` is another folder of records, which numbers are compared with; pictures are looked for in `data_dir`.
    `register` is called with files before they are written.
    Files of an earlier report that are no longer made are removed. Raises UsageError where there is nothing to report
    or `out` holds another page, FlickrExifError when the disk refuses.
    """
    if wrong := [name for name in formats if name not in FORMATS]:
        raise UsageError(f"Figures cannot be written as {wrong[0][:20]!r}.", f"Known: {', '.join(FORMATS)}.")
    former = _former(out)
    records = read_records(results)
    theirs = read_records(baseline) if baseline else None
    view = _view(records, theirs, str(baseline or ""), data_dir, formats)
    written = _write_tables(view, records.entries, out, register)
    written |= _write_figures(view, out, register)
    register(out / "index.html")
    put_text(out / "index.html", render(view))
    remove(sorted(former - written))
    return Report(
        index=out / "index.html",
        leaderboard=view.leaderboard.table,
        records=len(records.entries),
        unreadable=view.unreadable,
    )


def _former(out: Path) -> set[Path]:
    """The figures and tables that an earlier report links to. Raises UsageError where `out` holds another page."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is no folder.", "Name another with --out.")
    page = out / "index.html"
    if not page.exists():
        return set()
    text = page.read_bytes()
    if OURS.encode() not in text[:HEAD]:
        raise UsageError(f"{page} was not written by this command.", "Name another folder with --out.")
    return {out / name.decode() for name in re.findall(LINKED, text)}


# --- what is shown


def _view(
    records: Records, theirs: Records | None, baseline: str, data_dir: Path | None, formats: Sequence[str]
) -> View:
    entries, before = records.entries, theirs.entries if theirs else []
    known = used(entries)
    places = {path: place for place, (path, _) in enumerate(known)}
    board = board_of(known)
    made = _figures(known, data_dir)
    figure_tables = _compared([table_of(figure) for figure in made], [table_of(figure) for figure in figures(before)])
    found = tables(known, published)
    section_tables = _compared([table for _, table in found], [table for _, table in tables(before)])
    return View(
        banners=banners(entries),
        encoders=len({result.encoder for _, result in known}),
        records=len(known),
        headlines=headlines(known, board),
        board=board,
        leaderboard=_leaderboard(board, before),
        figures=list(zip(made, figure_tables, strict=True)),
        tables=[(s, shown) for (s, _), shown in zip(found, section_tables, strict=True) if shown],
        sources=sources_of(known),
        compositions=compositions_of(board, places.__getitem__),
        unmeasured=unmeasured(known),
        gaps=gaps_of(known),
        unreadable=_unreadable(records, theirs, baseline),
        replaced=replaced(entries),
        place=places.__getitem__,
        formats=formats,
        has_flickr=_has_flickr(made),
        baseline=baseline,
        comparison=compare(known, before) if theirs else None,
    )


def _unreadable(ours: Records, theirs: Records | None, baseline: str) -> list[tuple[str, str]]:
    return ours.unreadable + [(f"{baseline}/{path}", why) for path, why in (theirs.unreadable if theirs else ())]


def _figures(entries: Sequence[Entry], data_dir: Path | None) -> list[Figure]:
    if data_dir is None:
        return figures(entries, published=published)
    found = pictures(data_dir, keys_of(entries)[:MOST_PICTURES])
    return figures(entries, partial(shot_of, found), published)


def _compared(ours: Sequence[Table | None], theirs: Iterable[Table | None]) -> list[Shown | None]:
    before = [table for table in theirs if table]
    named = _named(ours)
    return [Shown(table=table, differences=differences(table, before)) if table else None for table in named]


def _named(found: Sequence[Table | None]) -> list[Table | None]:
    """The tables with names that differ: the second "knn-jpeg" becomes "knn-jpeg-2"."""
    taken: set[str] = set()
    named = []
    for table in found:
        name, number = table.name if table else "", 1
        while table and name in taken:
            number += 1
            name = f"{table.name}-{number}"
        taken.add(name)
        named.append(table and replace(table, name=name))
    return named


def _leaderboard(board: Board, before: Sequence[Entry]) -> Shown:
    table = leaderboard(board)
    changed: Mapping[tuple[str, str], float] = {}
    if before:
        changed = board_differences(board, board_of(before, board.basis))
    return Shown(table=table, differences=changed)


def _has_flickr(made: Iterable[Figure]) -> bool:
    """Whether a photo is shown whose credit is told: those of FlickrExif alone have one."""
    strips = (figure.content for figure in made if isinstance(figure.content, Strips))
    return any(shot.attribution or shot.page_url for content in strips for row in content.rows for shot in row)


# --- files


def _write_tables(view: View, entries: Sequence[Entry], out: Path, register: Callable[..., object]) -> set[Path]:
    texts = {"numbers.csv": numbers_csv(used(entries))}
    for shown in (view.leaderboard, *(shown for _, shown in view.tables)):
        texts[f"{shown.table.name}.csv"] = to_csv(shown.table)
        texts[f"{shown.table.name}.tex"] = to_tex(shown.table)
    if view.comparison:
        texts["compared.csv"] = compared_csv(view.comparison)
    register(*(out / "tables" / name for name in texts))
    return {put_text(out / "tables" / name, text, durable=False)[1] for name, text in texts.items()}


def _write_figures(view: View, out: Path, register: Callable[..., object]) -> set[Path]:
    folder = out / "figures"
    numbers = [shown.table for _, shown in view.figures if shown]
    names = [f"{figure.name}.{name}" for figure, _ in view.figures for name in view.formats]
    register(*(folder / name for name in names), *(folder / f"{table.name}.csv" for table in numbers))
    written = {put_text(folder / f"{table.name}.csv", to_csv(table), durable=False)[1] for table in numbers}
    drawn = save_all([figure for figure, _ in view.figures], folder, view.formats) if view.formats else []
    return written | {path for _, path in drawn}
