"""`label`, `splits` and `audit-splits`: labels of one's own photos, and splits that do not leak."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

import flickrexif
from flickrexif.cli.options import AsJson, DataDir, Seed
from flickrexif.cli.output import SHORT, how_to_load, progress_bar, say, table


def label(
    folder: Annotated[Path, typer.Argument(help="Folder of photos: JPEG, HEIC, PNG, TIFF, WebP; nested.")],
    out: Annotated[Path, typer.Option(help="Folder of the data set to write.")],
    data_dir: DataDir = None,
) -> None:
    """Label a folder of one's own photos: the same columns as FlickrExif, as Parquet with a card.

    Tags of positions, serial numbers and owner names are not read. A photo that cannot be read gets a row with the
    reason.
    """
    with progress_bar("photo") as progress:
        report = flickrexif.label(folder, out=out, data_dir=data_dir, progress=progress)
    if report.reasons:
        table(("reason", "photos"), sorted(report.reasons.items()))
    typer.echo(f"{report.rows:,} photos labelled in {out}")
    typer.echo(how_to_load(out, "labels"))


def splits(
    protocol: Annotated[
        Literal["paper", "proportional"],
        typer.Option(
            help="paper: exact counts a class; proportional: fractions, for small data.", case_sensitive=False
        ),
    ] = "paper",
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="One of the ten attributes, e.g. Make; may be repeated. [default: all]", show_default=False),
    ] = None,
    seed: Seed = 0,
    min_photos: Annotated[int, typer.Option(help="proportional: photos that make a value a class.")] = 10,
    data_dir: DataDir = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Labels table: a folder of Parquet files. [default: the data folder's]", show_default=False),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the split files. [default: beside the labels]", show_default=False)
    ] = None,
) -> None:
    """Split the photos of each attribute into train, val and test, no photographer in two of them."""
    report = flickrexif.splits(
        protocol=protocol,
        attribute=attribute,
        seed=seed,
        min_photos=min_photos,
        data_dir=data_dir,
        labels=labels,
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
    labels: Annotated[Path | None, typer.Option(help="Labels table, to look at photographers too.")] = None,
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
