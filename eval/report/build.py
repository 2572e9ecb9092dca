"""Writes a report from a folder of result records: the page, the figures for print and the tables."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_text, remove
from flickrexif.core.pages import is_ours
from flickrexif.eval.report.compare import compare, differences
from flickrexif.eval.report.entries import Entry, distinct_names, replaced_entries, used_entries
from flickrexif.eval.report.figures import figures, unmeasured
from flickrexif.eval.report.headlines import headlines
from flickrexif.eval.report.holder import shows_photos
from flickrexif.eval.report.leaderboard import board_differences, leaderboard
from flickrexif.eval.report.page import PROGRAM, ComparedTable, View, render
from flickrexif.eval.report.paper import FORMATS, save_all
from flickrexif.eval.report.pictures import MOST_FLICKR, keys_of, pictures, shot_of
from flickrexif.eval.report.provenance import compositions_of, gaps_of, sources_of
from flickrexif.eval.report.published import published
from flickrexif.eval.report.reading import Records, banners, origins, read_records
from flickrexif.eval.report.sensitivity import Board, board_of
from flickrexif.eval.report.spec import Figure, Strips, Table
from flickrexif.eval.report.table_files import compared_csv, numbers_csv, to_csv, to_tex
from flickrexif.eval.report.tables import table_of, tables

MOST_PICTURES = 4 * MOST_FLICKR  # on the page, of whatever data set
LINKED = rb'href="((?:figures|tables)/[a-z0-9][a-z0-9.-]*)" download'  # a link of the page to a file of the report


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report that was written: its page, its leaderboard, and the (path, problem) of files that are not records."""

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

    `baseline` is another folder of records to compare with; pictures come from the data folder `data_dir`; `register`
    is called with files before they are written. Files that an earlier report wrote and this one does not are removed.
    Raises UsageError where there is nothing to report or `out` holds another page, FlickrExifError where a file cannot
    be written.
    """
    if wrong := [name for name in formats if name not in FORMATS]:
        raise UsageError(f"Figures cannot be written as {wrong[0][:20]!r}.", f"Known: {', '.join(FORMATS)}.")
    former = _former(out)
    records = read_records(results)
    theirs = read_records(baseline) if baseline else None
    view = _view(records, theirs, str(baseline or ""), data_dir, formats)
    remove(sorted(path for path in former if shows_photos(path)))  # before the page that says what they show
    register(out / "index.html")
    put_text(out / "index.html", render(view))
    written = _write_tables(view, records.entries, out, register)
    written |= _write_figures(view, out, register)
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
    if not is_ours(page, PROGRAM):
        raise UsageError(f"{page} was not written by this command.", "Name another folder with --out.")
    return {out / name.decode() for name in re.findall(LINKED, page.read_bytes())}


# --- what the page shows


def _view(
    records: Records, theirs: Records | None, baseline: str, data_dir: Path | None, formats: Sequence[str]
) -> View:
    entries, before = records.entries, theirs.entries if theirs else []
    used = used_entries(entries)
    places = {path: place for place, (path, _) in enumerate(used)}
    board = board_of(used)
    drawn = _figures(used, data_dir)
    figure_tables = _compared([table_of(figure) for figure in drawn], [table_of(figure) for figure in figures(before)])
    section_tables = tables(used, published)
    compared = _compared([table for _, table in section_tables], [table for _, table in tables(before)])
    return View(
        banners=banners(entries),
        origins=origins(used),
        encoders=len({result.encoder for _, result in used}),
        records=len(used),
        headlines=headlines(used, board),
        board=board,
        leaderboard=_leaderboard(board, before),
        figures=list(zip(drawn, figure_tables, strict=True)),
        tables=[(section, table) for (section, _), table in zip(section_tables, compared, strict=True) if table],
        sources=sources_of(used),
        compositions=compositions_of(board, places.__getitem__),
        unmeasured=unmeasured(used),
        gaps=gaps_of(used),
        unreadable=_unreadable(records, theirs, baseline),
        replaced=replaced_entries(entries),
        place=places.__getitem__,
        formats=formats,
        has_flickr=_has_flickr(drawn),
        baseline=baseline,
        comparison=compare(used, before) if theirs else None,
    )


def _unreadable(ours: Records, theirs: Records | None, baseline: str) -> list[tuple[str, str]]:
    return ours.unreadable + [(f"{baseline}/{path}", why) for path, why in (theirs.unreadable if theirs else ())]


def _figures(entries: Sequence[Entry], data_dir: Path | None) -> list[Figure]:
    if data_dir is None:
        return figures(entries, published=published)
    thumbnails = pictures(data_dir, keys_of(entries)[:MOST_PICTURES])
    return figures(entries, partial(shot_of, thumbnails), published)


def _compared(ours: Sequence[Table | None], theirs: Iterable[Table | None]) -> list[ComparedTable | None]:
    """Our tables under names that differ, each with its differences from their table of that name."""
    before = [table for table in theirs if table]
    names = iter(distinct_names([table.name for table in ours if table]))
    named = [table and replace(table, name=next(names)) for table in ours]
    return [ComparedTable(table=table, differences=differences(table, before)) if table else None for table in named]


def _leaderboard(board: Board, before: Sequence[Entry]) -> ComparedTable:
    table = leaderboard(board)
    changed: Mapping[tuple[str, str], float] = {}
    if before:
        changed = board_differences(board, board_of(before, board.basis))
    return ComparedTable(table=table, differences=changed)


def _has_flickr(drawn: Iterable[Figure]) -> bool:
    """Whether a photo with a credit is shown: only those of FlickrExif have one."""
    strips = (figure.content for figure in drawn if isinstance(figure.content, Strips))
    return any(shot.attribution or shot.page_url for content in strips for row in content.rows for shot in row)


# --- files


def _write_tables(view: View, entries: Sequence[Entry], out: Path, register: Callable[..., object]) -> set[Path]:
    texts = {"numbers.csv": numbers_csv(used_entries(entries))}
    for table in (view.leaderboard.table, *(compared.table for _, compared in view.tables)):
        texts[f"{table.name}.csv"] = to_csv(table)
        texts[f"{table.name}.tex"] = to_tex(table)
    if view.comparison:
        texts["compared.csv"] = compared_csv(view.comparison)
    register(*(out / "tables" / name for name in texts))
    return {put_text(out / "tables" / name, text, durable=False)[1] for name, text in texts.items()}


def _write_figures(view: View, out: Path, register: Callable[..., object]) -> set[Path]:
    folder = out / "figures"
    numbers = [compared.table for _, compared in view.figures if compared]
    names = [f"{figure.name}.{name}" for figure, _ in view.figures for name in view.formats]
    register(*(folder / name for name in names), *(folder / f"{table.name}.csv" for table in numbers))
    written = {put_text(folder / f"{table.name}.csv", to_csv(table), durable=False)[1] for table in numbers}
    drawn = save_all([figure for figure, _ in view.figures], folder, view.formats) if view.formats else []
    return written | {path for _, path in drawn}
