"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DATA_DIR_HELP = "Folder of the data sets. [default: $FLICKREXIF_DATA, else data]"

DataDir = Annotated[Path | None, typer.Option("--data-dir", help=DATA_DIR_HELP, file_okay=False, show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Seed = Annotated[int, typer.Option(help="Key of every random choice.")]
Engine = Annotated[Literal["local", "ray"], typer.Option(help="Where the work runs.", case_sensitive=False)]
Address = Annotated[str | None, typer.Option(help="With --engine ray: address of the cluster.")]
