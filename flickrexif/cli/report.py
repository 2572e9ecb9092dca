"""`report`: result records as one page, figures and tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import flickrexif
from flickrexif.cli.options import DataDir
from flickrexif.cli.output import SHORT, say, table
from flickrexif.core.facts import counted

if TYPE_CHECKING:
    from flickrexif.eval.report.spec import Table

PRINTED = ("rank", "encoder", "family", "sensitivity", "measured")


def report(
    results: Annotated[
        Path | None,
        typer.Argument(
            metavar="[RESULTS]", help="Folder of result records. [default: results in --data-dir]", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. [default: report beside RESULTS]", show_default=False)
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Another folder of result records, to compare with.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    formats: Annotated[str, typer.Option(help="Of the figures for print, with commas between.")] = "png,svg,pdf",
    reference: Annotated[
        bool, typer.Option(help="Show shipped records of other encoders beside records of a named benchmark.")
    ] = True,
) -> None:
    """Write a page with a leaderboard, figures and tables: it opens from disk and loads nothing.

    Beside it the figures are written for papers and the tables as CSV and LaTeX. Prints the leaderboard, the
    finding and the page.
    """
    from flickrexif.eval.report.style import short

    pages = flickrexif.report(
        results, out=out, baseline=baseline, data_dir=data_dir, formats=formats, reference=reference
    )
    print_leaderboard(pages.leaderboard)
    for sentence in pages.finding:
        typer.echo(sentence)
    say(f"Shown: {counted(pages.records, 'record')}. Open this page in a browser:")
    typer.echo(pages.index)
    for path, problem in pages.unreadable:
        say(f"Left out: {short(path, 200)}: {short(problem, 400)}")
    if pages.unreadable:
        raise typer.Exit(SHORT)


def print_leaderboard(shown: "Table") -> None:
    """The columns of the leaderboard that fit a terminal."""
    from flickrexif.eval.report.spec import Point
    from flickrexif.eval.report.style import percent, short

    places = [place for place, column in enumerate(shown.columns) if column.name in PRINTED]
    rows = [
        [percent(cell.value) if isinstance(cell, Point) else short(cell) for cell in map(row.__getitem__, places)]
        for row in shown.cells
    ]
    table([shown.columns[place].title for place in places], rows)
