"""`card`: the description of a data set, written or checked."""

from pathlib import Path
from typing import Annotated

import typer

import flickrexif
from flickrexif.core.errors import FlickrExifError


def card(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a data set that was built.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file does not match.")] = False,
) -> None:
    """Describe a data set: its card (README.md), figures, Croissant record and attributions, from its files."""
    report = flickrexif.card(folder, check=check)
    if report.differing:
        typer.echo("\n".join(report.differing))
        raise FlickrExifError(f"The card in {folder} does not match its data.", f"Run: flickrexif card {folder}")
    if check:
        typer.echo("The card matches the data.")
        return
    changed = [f"{outcome} {path}" for outcome, path in report.files if outcome != "unchanged"]
    typer.echo("\n".join(changed) or f"The card in {folder} is as it was.")
