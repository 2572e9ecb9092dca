"""`card`: what describes a data set, written or checked."""

from pathlib import Path
from typing import Annotated

import typer

from flickrexif.core.errors import FlickrExifError


def card(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a data set that was built.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file does not match.")] = False,
) -> None:
    """Describe a data set: its card (README.md), figures, Croissant record and attributions, from its files."""
    from flickrexif.cards import check_card, write_card

    if check:
        if differing := check_card(folder):
            typer.echo("\n".join(differing))
            raise FlickrExifError(f"The card in {folder} does not match its data.", f"Run: flickrexif card {folder}")
        typer.echo("The card matches the data.")
        return
    done = [(outcome, path) for outcome, path in write_card(folder) if outcome != "unchanged"]
    typer.echo("\n".join(f"{outcome} {path}" for outcome, path in done) or "unchanged")
