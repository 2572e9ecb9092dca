"""Figures for print (matplotlib), one or two columns wide; equal figures give equal bytes.

pyplot is not used: it would keep every figure alive.
"""

import gc
import io
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.files import Outcome, put_bytes
from flickrexif.eval.report.render.paper_font import COMMON, WHOLE, family
from flickrexif.eval.report.render.paper_parts import SETTINGS
from flickrexif.eval.report.render.paper_plots import draw
from flickrexif.eval.report.spec import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FORMATS = ("png", "svg", "pdf")
CHUNK = 5  # figures that a process gets at a time
RESOLUTION = 200  # pixels an inch, of PNG files and of pixels in the others
FONTS = f"'{WHOLE}', Verdana, sans-serif".encode()  # of SVG files, whose texts are drawn by the viewer's program
METADATA: Mapping[str, dict[str, Any]] = {  # no dates and no versions
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save(figure: Figure, folder: Path, formats: Sequence[str] = FORMATS) -> list[tuple[Outcome, Path]]:
    """Draw the figure once and write `<folder>/<name>.<format>` for each format, whole or not at all.

    Raises FlickrExifError where a file cannot be written.
    """
    was_on = gc.isenabled()
    gc.disable()  # it takes a tenth of the time, and a figure has no garbage until it is saved
    try:
        with settings():
            canvas = draw(figure)
            contents = [(folder / f"{figure.name}.{name}", _encoded(canvas, name)) for name in formats]
    finally:
        if was_on:
            gc.enable()
    return [put_bytes(path, content, durable=False) for path, content in contents]


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


def _encoded(canvas: "Canvas", name: str) -> bytes:
    buffer = io.BytesIO()
    more: dict[str, Any] = {"pil_kwargs": {"compress_level": 1}} if name == "png" else {}  # a third of the time
    canvas.savefig(buffer, format=name, dpi=RESOLUTION, metadata=METADATA.get(name), **more)
    content = buffer.getvalue()
    return content.replace(f"'{COMMON}'".encode(), FONTS) if name == "svg" else content


def settings() -> Any:
    """A context with matplotlib's defaults, SETTINGS and our font, whatever the user's own settings are."""
    import matplotlib

    settings: Any = dict(matplotlib.rcParamsDefault) | dict(SETTINGS) | {"font.family": [family()]}
    return matplotlib.rc_context(settings)
