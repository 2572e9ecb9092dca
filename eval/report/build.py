"""Writes a report from a folder of result records: the page, the figures for print and the tables."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_text, remove
from flickrexif.core.pages import is_ours
from flickrexif.eval.report.charts import charted, tables
from flickrexif.eval.report.holder import shows_photos
from flickrexif.eval.report.identity import REFERENCE, Entry
from flickrexif.eval.report.pictures import illustrated
from flickrexif.eval.report.provenance import compositions_of, gaps_of, sources_of
from flickrexif.eval.report.reference import reference_entries
from flickrexif.eval.report.render.files import FORMATS, save_all
from flickrexif.eval.report.render.page import PROGRAM, View, render
from flickrexif.eval.report.render.tables import compared_csv, numbers_behind, numbers_csv, to_csv, to_tex
from flickrexif.eval.report.score.answer import answer_of, finding_lines
from flickrexif.eval.report.score.compare import compare, differences
from flickrexif.eval.report.score.leaderboard import board_differences, leaderboard
from flickrexif.eval.report.score.sensitivity import board_of
from flickrexif.eval.report.select import Records, banners, origins, read_records, replaced_entries, used_entries
from flickrexif.eval.report.spec import Table

LINKED = rb'href="((?:figures|tables)/[a-z0-9][a-z0-9.-]*)" download'  # a link of the page to a file of the report


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report that was written: its page, the finding in sentences, its leaderboard, and the (path, problem) of files
    that are not records."""

    index: Path
    finding: Sequence[str]
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
    reference: bool = True,
    register: Callable[..., object] = lambda *_: None,
) -> Report:
    """Write `out`/index.html, figures/ and tables/ from the records in `results`; the same records give the same bytes.

    `baseline` is another folder of records to compare with; `reference` shows the records that ship with the package
    beside those that measured the same; pictures come from the data folder `data_dir`; `register`
    is called with files before they are written. Files that an earlier report wrote and this one does not are removed.
    Raises UsageError where there is nothing to report or `out` holds another page, FlickrExifError where a file cannot
    be written.
    """
    if wrong := [name for name in formats if name not in FORMATS]:
        raise UsageError(f"Figures cannot be written as {wrong[0][:20]!r}.", f"Known: {', '.join(FORMATS)}.")
    former = _former(out)
    view, used = _view(results, baseline, data_dir, formats, reference=reference)
    remove(sorted(path for path in former if shows_photos(path)))  # before the page that says what they show
    register(out / "index.html")
    put_text(out / "index.html", render(view))
    texts = _texts(view, used)
    pictures = [f"figures/{figure.name}.{name}" for figure in view.drawn for name in formats]
    register(*(out / name for name in (*texts, *pictures)))
    written = {put_text(out / name, text, durable=False)[1] for name, text in texts.items()}
    written |= {path for _, path in save_all(view.drawn, out / "figures", formats)} if formats else set()
    remove(sorted(former - written))
    return Report(
        index=out / "index.html",
        finding=finding_lines(used),
        leaderboard=view.leaderboard,
        records=view.records + len(view.replaced),
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


def _view(
    results: Path, baseline: Path | None, data_dir: Path | None, formats: Sequence[str], *, reference: bool
) -> tuple[View, list[Entry]]:
    """What the page shows, and the records that it uses."""
    records = read_records(results)
    shipped = reference_entries(records.entries) if reference else []
    used = used_entries([*records.entries, *shipped])
    theirs = read_records(baseline) if baseline else Records([], [])
    before = used_entries(theirs.entries)
    name = baseline.absolute().name if baseline else ""  # a page does not say where folders are
    places = {path: place for place, (path, _) in enumerate(used)}
    board = board_of(used)
    chart = charted(used)
    figures = illustrated(chart.figures, data_dir)
    answer = answer_of(used, board)
    overview = [answer.figure] if answer.figure else []
    view = View(
        answer=answer,
        banners=banners(records.entries),
        origins=origins(used),
        encoders=len({result.encoder for _, result in used}),
        reference=list(dict.fromkeys(result.encoder for path, result in used if path.startswith(REFERENCE))),
        records=len(used),
        board=board,
        leaderboard=replace(leaderboard(board), differences=board_differences(board, board_of(before, board.basis))),
        figures=figures,
        numbers=_compared(numbers_behind([*overview, *figures]), numbers_behind(charted(before).figures)),
        tables=_compared(tables(used), tables(before)),
        sources=sources_of(used),
        compositions=compositions_of(board, places.__getitem__),
        unmeasured=chart.unmeasured,
        gaps=gaps_of(used),
        unreadable=records.unreadable
        + [(f"{name}/{path}", why) for path, why in (theirs.unreadable if theirs else [])],
        replaced=replaced_entries(records.entries, used),
        place=places.__getitem__,
        formats=formats,
        baseline=name,
        comparison=compare(used, before) if baseline else None,
    )
    return view, used


def _compared(ours: Iterable[Table], theirs: Sequence[Table]) -> list[Table]:
    """Our tables, each with its differences from their table of that name."""
    return [replace(table, differences=differences(table, theirs)) for table in ours]


def _texts(view: View, used: Sequence[Entry]) -> dict[str, str]:
    """The tables: file below the report -> its content."""
    texts = {"tables/numbers.csv": numbers_csv(used)}
    for table in (view.leaderboard, *view.tables):
        texts[f"tables/{table.name}.csv"] = to_csv(table)
        texts[f"tables/{table.name}.tex"] = to_tex(table)
    if view.comparison:
        texts["tables/compared.csv"] = compared_csv(view.comparison)
    return texts | {f"figures/{table.name}.csv": to_csv(table) for table in view.numbers}
