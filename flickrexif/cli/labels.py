"""`label`, `splits` and `audit-splits`: labels of one's own photos, and splits that do not leak."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import flickrexif
from flickrexif.cli import completion
from flickrexif.cli.options import AsJson, DataDir, Seed
from flickrexif.cli.output import SHORT, how_to_load, progress_bar, say, table
from flickrexif.collectors.owners import UNKNOWN
from flickrexif.core.facts import counted
from flickrexif.core.image_files import passed_over

if TYPE_CHECKING:
    from flickrexif.dataset.folder import FolderReport


def label(
    folder: Annotated[Path, typer.Argument(help="Folder of photos: JPEG, HEIC, PNG, TIFF, WebP, AVIF, GIF …; nested.")],
    out: Annotated[Path, typer.Option(help="Folder of the data set to write.")],
    images: Annotated[
        Literal["link", "copy", "none"],
        typer.Option(help="The images: links to the files; copies without positions, serial numbers and names; none."),
    ] = "link",
    owner_from: Annotated[
        Literal["top", "parent", "camera", "column"] | None,
        typer.Option(
            help="Who the photographer is: the outermost folder, the folder, the camera's serial number (hashed), or a "
            "column of --owners. [default: column with --owners; top where all photos lie in folders; else camera]",
            show_default=False,
        ),
    ] = None,
    owners: Annotated[
        Path | None, typer.Option(help="CSV file: a column path, file or name, and one that says who took it.")
    ] = None,
    owner_column: Annotated[str, typer.Option(help="Column of --owners.")] = "owner",
    reader: Annotated[
        Literal["own", "exiftool"],
        typer.Option(help="Who reads the Exif: this package, or the program exiftool, which is slower."),
    ] = "own",
    data_dir: DataDir = None,
) -> None:
    """Label a folder of one's own photos: the same columns as FlickrExif, as Parquet with a card.

    Positions and owner names are not read, and of serial numbers a hash alone is kept. A photo that cannot be read
    gets a row with the reason. Splits keep the photos of a photographer together.
    """
    with progress_bar("photo") as progress:
        report = flickrexif.label(
            folder,
            out=out,
            images=images,
            owner_from=owner_from,
            owners=owners,
            owner_column=owner_column,
            reader=reader,
            data_dir=data_dir,
            progress=progress,
        )
    if report.reasons:
        table(("reason", "photos"), sorted(report.reasons.items()))
    if report.without_image:
        table(("without image, as", "photos"), sorted(report.without_image.items()))
    for line in passed_over(str(folder), report.passed_over):
        say(line)
    typer.echo(f"{counted(report.rows, 'photo')} labelled in {out}")
    _tell_photographers(report)
    typer.echo(how_to_load(out, "labels"))


def _tell_photographers(report: "FolderReport") -> None:
    from flickrexif.dataset.split_files import SPLITS

    unknown = report.photographers.get(UNKNOWN, 0)
    known = len(report.photographers) - bool(unknown)
    if known:
        typer.echo(f"{counted(known, 'photographer')} by {report.owners}")
    if unknown:
        typer.echo(f"Who took {counted(unknown, 'photo')} is not known: they count as one photographer's")
    if len(report.photographers) < len(SPLITS):
        say("Splits need a photographer each for train, val and test: name them with --owner-from or --owners.")


LABELS_HELP = "A data set's folder, its folder of labels, or a Parquet file of them."


def splits(
    labels: Annotated[
        Path | None,
        typer.Argument(help=f"{LABELS_HELP} [default: the data folder's FlickrExif]", show_default=False),
    ] = None,
    protocol: Annotated[
        Literal["paper", "proportional"],
        typer.Option(
            help="paper: exact counts a class; proportional: fractions, for small data.", case_sensitive=False
        ),
    ] = "paper",
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            help="One of the ten attributes, e.g. Make; may be repeated. [default: all]",
            show_default=False,
            autocompletion=completion.attributes,
        ),
    ] = None,
    seed: Seed = 0,
    min_photos: Annotated[int, typer.Option(help="proportional: photos that make a value a class.")] = 10,
    data_dir: DataDir = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the split files. [default: splits in the data set]", show_default=False),
    ] = None,
) -> None:
    """Split the photos of each attribute into train, val and test, no photographer in two of them."""
    report = flickrexif.splits(
        labels,
        protocol=protocol,
        attribute=attribute,
        seed=seed,
        min_photos=min_photos,
        data_dir=data_dir,
        out=out,
        say=say,
    )
    rows = [(s.target_attribute, x.class_name, x.split, x.wanted, x.found) for s in report.splits for x in s.shortfalls]
    if rows:
        table(("short", "class", "split", "wanted", "found"), rows)
    typer.echo(f"{len(report.splits)} splits in {report.files[0].parent}")
    if report.short:
        raise typer.Exit(SHORT)


def audit_splits(
    paths: Annotated[list[Path], typer.Argument(help="Split files (JSON or Parquet), or folders of them.")],
    labels: Annotated[
        Path | None, typer.Option(help=f"To look at photographers too. {LABELS_HELP}", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look for leaks and other faults in any split files: the published ones, ours, anybody's."""
    audits = flickrexif.audit(paths, labels=labels)
    if as_json:
        typer.echo(json.dumps([a.to_json() for a in audits], indent=2))
        return
    rows = [row for a in audits for row in a.rows()]
    if rows:
        table(("attribute", "finding", "splits", "class", "count", "examples"), rows)
    typer.echo(f"{len(rows)} findings in {len(audits)} split files")
