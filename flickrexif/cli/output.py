"""Printing: tables and lines on stdout, sentences on stderr."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import typer

from flickrexif.core.text import visible

SHORT = 3  # exit code: done, but short of what was asked


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
def progress_bar(unit: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, drawn and moved by calls of `progress(done, total)`."""
    from tqdm import tqdm

    with ExitStack() as stack:
        bar: tqdm[Any] | None = None

        def progress(done: int, total: int) -> None:
            nonlocal bar
            bar = bar or stack.enter_context(tqdm(unit=unit, disable=None, file=sys.stderr))
            bar.total = total
            bar.update(done - bar.n)

        yield progress


def how_to_load(folder: Path, *arguments: str) -> str:
    """The Python that loads a data set in a folder of any name; `datasets` alone would take brackets for a pattern."""
    words = ", ".join(map(json.dumps, (folder.name, *arguments)))
    place = json.dumps(str(folder.parent))
    return f"Load them: from flickrexif import load_dataset; load_dataset({words}, data_dir={place})"


def say(text: str) -> None:
    """Print a sentence on stderr."""
    typer.echo(visible(text), err=True)
