"""Printing: tables and lines on stdout, sentences on stderr."""

import functools
import inspect
import io
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TextIO

import typer

from flickrexif.core.text import visible

if TYPE_CHECKING:
    from flickrexif.cli.progress import Progress

SHORT = 3  # exit code: done, but short of what was asked

Detail = Literal["less", "usual", "more"]
DETAIL: ContextVar[Detail] = ContextVar("detail", default="usual")  # of the command that runs

Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print details, and where an error arose.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", help="Print results and errors alone: no progress, no notes.")]


def with_detail(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options -v and -q."""

    @functools.wraps(command)
    def detailed(*, verbose: bool = False, quiet: bool = False, **options: object) -> None:
        DETAIL.set("less" if quiet else "more" if verbose else "usual")
        command(**options)

    added = {"verbose": Verbose, "quiet": Quiet}
    signature = inspect.signature(command)
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=annotation)
        for name, annotation in added.items()
    ]
    own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in signature.parameters.values()]
    detailed.__signature__ = signature.replace(parameters=[*own, *parameters])  # type: ignore[attr-defined]
    detailed.__annotations__ = {**command.__annotations__, **added}
    return detailed


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows on stdout; numbers with thousands separators, texts without invisible characters."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(*header[:1], box=box.SIMPLE)
    for name in header[1:]:
        shown.add_column(name, justify="left" if name == "meaning" else "right")
    for row in rows:
        shown.add_row(*(f"{cell:,}" if isinstance(cell, int) else escape(visible(str(cell))) for cell in row))
    Console(width=None if sys.stdout.isatty() else 120).print(shown)


@contextmanager
def progress_bar(unit: str) -> "Iterator[Progress]":
    """A bar on stderr, or a line now and then, drawn by calls of `progress(done, total)`."""
    from flickrexif.cli.progress import Progress

    with closing(Progress(unit, notes())) as progress:
        yield progress


def notes() -> TextIO:
    """Where progress and notes go: stderr, or nowhere with --quiet."""
    return io.StringIO() if DETAIL.get() == "less" else sys.stderr


def how_to_load(folder: Path, *arguments: str) -> str:
    """The Python that loads a data set in a folder of any name; `datasets` alone would take brackets for a pattern."""
    words = ", ".join(map(json.dumps, (folder.name, *arguments)))
    place = json.dumps(str(folder.parent))
    return f"Load them: from flickrexif import load_dataset; load_dataset({words}, data_dir={place})"


def say(text: str) -> None:
    """Print a note on stderr, unless --quiet was given."""
    typer.echo(visible(text), file=notes())


def complain(error: Exception, sentence: str) -> None:
    """Print why the command failed, with --verbose after the place where."""
    if DETAIL.get() == "more":
        traceback.print_exception(error)
    typer.echo(visible(f"flickrexif: {sentence}"), err=True)
