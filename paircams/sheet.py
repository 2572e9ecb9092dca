"""The shot list as a page to print: the settings once, then a row a pair with a box for each side."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from flickrexif.core.files import put_text
from flickrexif.core.pages import marks
from flickrexif.paircams.page import template
from flickrexif.paircams.plan import Shots
from flickrexif.paircams.protocol import SETTINGS
from flickrexif.paircams.records import PairImage, by_subject
from flickrexif.paircams.rules import shown

FILE_NAME = "shot-list.html"


class Row(NamedTuple):
    """A pair: its subject, empty for one to come, and which of its sides are taken."""

    subject: str
    phone: bool
    camera: bool


def rows_of(images: Sequence[PairImage], pairs: int) -> list[Row]:
    """The subjects that have an image, those that lack a side first; then empty rows up to `pairs`."""
    sides = {subject: {image.side for image in shots} for subject, shots in by_subject(images).items()}
    begun = [Row(shown(subject), "phone" in taken, "camera" in taken) for subject, taken in sides.items()]
    begun.sort(key=lambda row: row.phone and row.camera)  # stable
    return [*begun, *[Row("", phone=False, camera=False)] * (pairs - len(begun))]


def write_sheet(
    folder: Path,
    images: Sequence[PairImage],
    shots: Sequence[Shots],
    pairs: int,
    register: Callable[[Path], object] = lambda _: None,
) -> Path:
    """Write shot-list.html into `folder`; `register` is called with it before. FlickrExifError where the disk
    refuses."""
    rows = rows_of(images, pairs)
    path = folder / FILE_NAME
    register(path)
    models = [shot for shot in shots if shot.model]
    known = marks("pairs plan", (image.subject for image in images))
    complete = sum(row.phone and row.camera for row in rows)
    page = template("shot_list.html").render(
        rows=rows, models=models, settings=SETTINGS, pairs=pairs, complete=complete, marks=known
    )
    put_text(path, page)
    return path
