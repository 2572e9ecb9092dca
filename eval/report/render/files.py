"""The files of figures: PNG, SVG and PDF of one drawing each, and of photos that belong to a figure."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from flickrexif.core import drawing
from flickrexif.core.files import Outcome, put_bytes
from flickrexif.eval.report.render.plots import specification
from flickrexif.eval.report.render.strips import strips_svg
from flickrexif.eval.report.spec import Figure, Strips
from flickrexif.eval.report.style import plain

FORMATS = tuple(drawing.FORMATS)
CHUNK = 4  # figures that a process gets at a time
TITLE = 160


def svg_of(figure: Figure) -> str:
    """The figure under its title as SVG."""
    title = plain(figure.title, TITLE)
    if isinstance(figure.content, Strips):
        return strips_svg(figure.content, title)
    spec = specification(figure)
    assert spec is not None
    heading = {"text": title, "subtitle": spec["usermeta"]["note"], "fontSize": 13, "frame": "bounds"}
    return drawing.svg(spec | {"background": "white", "title": heading})


def save(figure: Figure, folder: Path, formats: Sequence[str] = FORMATS) -> list[tuple[Outcome, Path]]:
    """Draw the figure once and write `<folder>/<name>.<format>` for each format, whole or not at all.

    Raises FlickrExifError where a file cannot be written.
    """
    svg = svg_of(figure)
    return [put_bytes(folder / f"{figure.name}.{name}", drawing.FORMATS[name](svg), durable=False) for name in formats]


def save_all(
    figures: Sequence[Figure], folder: Path, formats: Sequence[str] = FORMATS, workers: int | None = None
) -> list[tuple[Outcome, Path]]:
    """`save` all figures in as many processes as there are cores, or `workers`; the files do not depend on it."""
    processes = min(workers or os.cpu_count() or 1, -(-len(figures) // CHUNK))
    each = partial(save, folder=folder, formats=formats)
    if processes < 2:
        return [outcome for figure in figures for outcome in each(figure)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [outcome for outcomes in pool.map(each, figures, chunksize=CHUNK) for outcome in outcomes]
