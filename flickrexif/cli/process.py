"""`process`: labelled images in variants with a known processing label; `simulate`: such images to try it with."""

from pathlib import Path
from typing import Annotated, Literal

import typer

import flickrexif
from flickrexif.cli import completion
from flickrexif.cli.options import Address, DataDir, Engine, Seed
from flickrexif.cli.output import SHORT, progress_bar, say
from flickrexif.commands.places import output_at, unlocked
from flickrexif.core.image_files import passed_over


def simulate(
    folder: Annotated[Path, typer.Argument(help="Folder to write.")],
    train: Annotated[int, typer.Option(min=1, help="Training photos of each class.")] = 14,
    val: Annotated[int, typer.Option(min=1, help="Validation photos of each class.")] = 6,
    seed: Seed = 0,
    data_dir: DataDir = None,
) -> None:
    """Make simulated photos with class labels, for trying things: parts of sample photographs."""
    with progress_bar("photo") as progress:
        files = flickrexif.simulate(folder, train=train, val=val, seed=seed, data_dir=data_dir, progress=progress)
    typer.echo(f"{len(files):,} simulated photos in {folder}")


def process(
    source: Annotated[
        str, typer.Argument(help="ImageNet, ImageFolder or iNaturalist folder, or a Hugging Face data set.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the data set to write, or its address (s3://…). [default: imagenet-traces in --data-dir]",
            show_default=False,
        ),
    ] = None,
    parameter: Annotated[
        str | None,
        typer.Option(
            help="All classes of jpeg, sharpening, resizing or interpolation.", autocompletion=completion.parameters
        ),
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option(help="One variant, e.g. jpeg75_420; may be repeated.", autocompletion=completion.variants),
    ] = None,
    draw: Annotated[
        Literal["uniform", "balanced"] | None,
        typer.Option(
            help="With --parameter: one class an image, by chance as in the paper or exactly balanced.",
            case_sensitive=False,
        ),
    ] = None,
    seed: Seed = 0,
    split: Annotated[
        str | None, typer.Option(help="train or validation. [default: all there is]", show_default=False)
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Images of a split.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    engine: Engine = "local",
    address: Address = None,
    shard: Annotated[
        str, typer.Option(help="3/8: the third of eight parts, for several machines; at last once without.")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print files, bytes, time and memory, from a few images; write nothing.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Make image variants whose JPEG, sharpening, resizing and interpolation are known, as a Hugging Face data set.

    Stop it at any time: the same command goes on where it was, and the same bytes result.
    """
    from flickrexif.processing.build import summary

    for line in [] if dry_run else unlocked(output_at(out) if out else None):
        say(line)
    with progress_bar("image") as progress:
        report = flickrexif.process(
            source,
            out=out,
            parameter=parameter,
            variant=variant,
            draw=draw,
            seed=seed,
            split=split,
            limit=limit,
            workers=workers,
            engine=engine,
            address=address,
            shard=shard,
            dry_run=dry_run,
            data_dir=data_dir,
            progress=progress,
        )
    for line in passed_over(source, report.passed_over):
        say(line)
    typer.echo(summary(report))
    if report.failed:
        raise typer.Exit(SHORT)
