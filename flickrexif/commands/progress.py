"""A bar of the files and records that are made: in a terminal, in a notebook, else lines where they are asked for."""

import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from flickrexif.eval.suite import Progress

LINE_EVERY = 30.0  # seconds, when stderr is no terminal


@contextmanager
def bar(say: Callable[[str], None] = lambda _: None, file: TextIO | None = None) -> "Iterator[Progress]":
    """A bar on stderr (or `file`) or in the notebook; `say` gets a line now and then where that is no terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without ipywidgets gets a bar of text
        from tqdm.auto import tqdm

    form = "{percentage:3.0f}%|{bar}| {desc} [{elapsed}<{remaining}]"
    disable = False if "ipykernel" in sys.modules else None  # a notebook's stderr is no terminal
    said, line_at = "", 0.0
    with ExitStack() as stack:
        shown: Any = None

        def progress(done: float, total: float, text: str) -> None:
            nonlocal shown, said, line_at
            shown = shown or stack.enter_context(tqdm(total=1.0, bar_format=form, disable=disable, file=file))
            share = min(1.0, done / total) if total else 1.0
            if not shown.disable:
                shown.set_description_str(text or said, refresh=False)
                shown.update(share - shown.n)
            elif text and (text != said or time.monotonic() >= line_at):
                line_at = time.monotonic() + LINE_EVERY
                say(f"{share:4.0%} {text}")
            said = text or said

        yield progress
