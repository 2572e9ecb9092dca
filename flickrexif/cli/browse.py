"""`browse`: a data set as static pages to look at."""

from pathlib import Path
from typing import Annotated

import typer

import flickrexif
from flickrexif.cli.options import Seed
from flickrexif.cli.output import say


def browse(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder of a data set: FlickrExif, PairCams or processed images.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. [default: browse/NAME beside DIR]", show_default=False)
    ] = None,
    photos: Annotated[int, typer.Option(min=1, max=1000, help="Images to show; of processed ones at most 6.")] = 300,
    seed: Seed = 0,
) -> None:
    """Write pages to look at a sample of a data set: they open from disk and load nothing.

    Photos have their labels, credits and links, 30 a page; pairs stand side by side; a processed image is shown in
    all its variants with their differences.
    """
    pages = flickrexif.browse(folder, out=out, photos=photos, seed=seed)
    say(f"{pages.shown:,} of {pages.total:,} images are shown. Open this page in a browser:")
    typer.echo(pages.index)
