"""`merge`: data sets of several crawls into one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import flickrexif
from flickrexif.cli.collect import print_loading
from flickrexif.cli.options import DataDir, Seed
from flickrexif.cli.output import progress_bar, table

if TYPE_CHECKING:
    from flickrexif.dataset.merge import MergedMonth


def merge(
    inputs: Annotated[
        list[Path], typer.Argument(metavar="FOLDER", help="Folders that were given as --data-dir; two or more.")
    ],
    data_dir: DataDir = None,
    per_user_cap: Annotated[
        int | None,
        typer.Option(
            min=1, help="Photos a photographer and month. [default: the smallest of the inputs]", show_default=False
        ),
    ] = None,
    seed: Seed = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what it would give; write nothing.")] = False,
) -> None:
    """Merge data sets of several crawls (other months, other seeds) into one, in another data folder.

    Each photo comes once, as the later crawl saw it, and the cap holds over
    all of them. Photos on a takedown list of any of them stay out.

    Stop it at any time: the same command again gives the same files.
    """
    with progress_bar("month") as progress:
        report = flickrexif.merge(
            inputs, data_dir=data_dir, per_user_cap=per_user_cap, seed=seed, dry_run=dry_run, progress=progress
        )
    _print_months(inputs, report.months)
    if not dry_run:
        photos = [merged.photos for merged in report.months if merged.photos]
        typer.echo(f"{sum(photos):,} photos of {len(photos)} month(s) in {report.root}")
        print_loading(report.root.parent)
        typer.echo(f"Splits are not merged; make them with: flickrexif splits --data-dir {report.root.parent}")


def _print_months(inputs: list[Path], months: "tuple[MergedMonth, ...]") -> None:
    rows = [(m.month, *m.rows, m.forgotten, m.duplicates, m.over_cap, m.photos, m.images) for m in months]
    total = map(sum, list(zip(*rows, strict=True))[1:])
    header = ("month", *map(str, inputs), "forgotten", "duplicates", "over cap", "photos", "images")
    table(header, [*rows, ("all", *total)])
