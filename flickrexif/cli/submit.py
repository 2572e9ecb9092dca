"""`submit`: an encoder's records of a named benchmark as one file."""

from pathlib import Path
from typing import Annotated

import typer

import flickrexif
from flickrexif.cli.options import DataDir
from flickrexif.cli.output import say


def submit(
    encoder: Annotated[str, typer.Argument(metavar="ENCODER", help="Its name in the records.")],
    benchmark: Annotated[str, typer.Option(help="The named benchmark.")] = "imagenette-mini",
    results: Annotated[
        Path | None, typer.Option(help="Folder of records. [default: results in --data-dir]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The file to write. [default: ENCODER.json here]", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the records; write nothing.")] = False,
) -> None:
    """Write an encoder's records of a benchmark as one checked file, for a pull request that adds it to the reference.

    All measurements must be there, with the benchmark's settings and of the same weights, and no folder of a machine.
    """
    path = flickrexif.submit(encoder, benchmark=benchmark, results=results, out=out, data_dir=data_dir, dry_run=dry_run)
    say(f"The records of {encoder} are those of {benchmark}, complete and without folders of a machine.")
    if dry_run:
        say(f"Nothing is written; without --dry-run it is {path}.")
    else:
        say("To offer it: a pull request that puts this file into eval/benchmark/reference/ (docs/benchmark.md).")
        typer.echo(path)
