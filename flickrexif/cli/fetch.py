"""`fetch`: the images of a table of photos."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import flickrexif
from flickrexif.cli import completion, output
from flickrexif.cli.options import DataDir
from flickrexif.cli.output import SHORT, how_to_load, progress_bar, say

if TYPE_CHECKING:
    from flickrexif.commands.fetch import FetchReport


def fetch(
    table: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="Name on the Hub (CTU-OU/FlickrExif), Parquet file or folder, or CSV: Flickr ID, url."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the data set to write.")],
    splits: Annotated[
        Path | None, typer.Option(help="Folder of split files: only the photos that they name.", show_default=False)
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            help="Only the split file of this attribute, e.g. Make; may be repeated. [default: all]",
            show_default=False,
            autocompletion=completion.attributes,
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Draw so many photos; with --splits as many of each class and split.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only rows with this value, e.g. Make=Canon; may be repeated.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the photos, hours and bytes it would take; fetch no image.")
    ] = False,
) -> None:
    """Fetch the images of the photos in a table, such as the published FlickrExif, into a data set.

    No key is needed. Flickr's image servers get two requests a second, with the contact in FLICKREXIF_CONTACT.

    Stop it at any time: the same command goes on where it was. Run it again for images that were refused for a while.
    """
    with progress_bar("image") as progress:
        report = flickrexif.fetch(
            table,
            out=out,
            splits=splits,
            attribute=attribute,
            limit=limit,
            where=where,
            data_dir=data_dir,
            dry_run=dry_run,
            progress=progress,
            say=say,
        )
    _print_table(report)
    if report.built is None:
        sizes = f"about {report.bytes / 1e9:,.1f} GB, twice that on the disk"
        typer.echo(
            f"{report.photos:,} photos, {report.to_fetch:,} images to fetch: {report.hours:,.1f} hours, {sizes}."
        )
        return
    _print_reasons(report)
    images = sum(report.built.images.values())
    typer.echo(f"{report.photos:,} photos, {images:,} with their image, in {out}")
    typer.echo("Images without a licence are not published; `flickrexif publish` refuses them.")
    typer.echo(how_to_load(out))
    if report.not_yet:
        from flickrexif.collectors.published import has_key

        say(f"{report.not_yet:,} images were refused for a while. Run the same command again.")
        if not has_key(os.environ):
            say("Those that are refused each time may be private: with FLICKR_API_KEY set, one call each tells it.")
        raise typer.Exit(SHORT)


def _print_table(report: "FetchReport") -> None:
    from flickrexif.dataset.table import PASSED_OVER

    if report.passed_over:
        rows = [(reason, count, PASSED_OVER[reason]) for reason, count in report.passed_over.items()]
        output.table(("left out", "rows", "meaning"), rows)
    if report.not_in_table:
        say(f"{report.not_in_table:,} photos of the split files are not among the rows.")


def _print_reasons(report: "FetchReport") -> None:
    from flickrexif.collectors.images import REASONS as OF_IMAGES
    from flickrexif.collectors.published import REASONS

    meanings = {**OF_IMAGES, **REASONS}
    rows = [(reason, count, meanings[reason]) for reason, count in sorted(report.reasons.items())]
    if rows:
        output.table(("without image", "photos", "meaning"), rows)
