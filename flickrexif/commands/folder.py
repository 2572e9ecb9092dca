"""From a folder of one's own photos to a data set: `flickrexif label`."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

from flickrexif.collectors.folder import name_of, photo_paths, photos
from flickrexif.collectors.owners import OwnerFrom, Owners, OwnerTable, owners
from flickrexif.core.errors import UsageError
from flickrexif.core.image_files import ENDINGS
from flickrexif.core.photos import FolderPhoto
from flickrexif.dataset.build import check_source
from flickrexif.dataset.folder import FolderReport, Images, write_folder
from flickrexif.exif.exiftool import exiftool_reader
from flickrexif.exif.files import read_photo
from flickrexif.paircams.scrub import scrub
from flickrexif.paircams.scrub_exif import Unscrubbable

ReaderName = Literal["own", "exiftool"]
Progress = Callable[[int, int], None]  # photos done, and in all


def label_folder(
    folder: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    images: Images = "link",
    rule: OwnerFrom | None = None,
    table: OwnerTable | None = None,
    reader: ReaderName = "own",
) -> FolderReport:
    """Label the photos in `folder` and write the data set `out`. UsageError as `check_folder`."""
    count, by = check_folder(folder, out, rule, table)
    passed_over = Counter[str]()
    with exiftool_reader() if reader == "exiftool" else nullcontext(read_photo) as read:
        labelled = _counted(photos(folder, by, passed_over, read), count, progress or (lambda *_: None))
        return replace(write_folder(labelled, out, by.told, images, _cleaned), passed_over=passed_over)


def check_folder(
    folder: Path, out: Path, rule: OwnerFrom | None = None, table: OwnerTable | None = None
) -> tuple[int, Owners]:
    """How many photos are in `folder`, and the rule that names their photographers.

    UsageError when there is no photo, `out` is another data set, or the rule does not fit.
    """
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name the folder that your photos are in.")
    if out.resolve() == folder.resolve():
        raise UsageError(f"{out} is the folder of the photos.", "Name another folder with --out, such as data/mine.")
    check_source(out, "folder", "--out")
    if not (paths := photo_paths(folder)):
        raise UsageError(f"There is no photo in {folder}.", f"Looked for: {' '.join(sorted(ENDINGS))}.")
    return len(paths), owners([name_of(folder, path) for path in paths], rule, table)


def _cleaned(content: bytes) -> bytes | None:
    """An image file without positions, serial numbers and names; None for one that cannot be cleaned."""
    try:
        return scrub(content)
    except Unscrubbable:
        return None


def _counted(photos: Iterator[FolderPhoto], count: int, progress: Progress) -> Iterator[FolderPhoto]:
    for done, photo in enumerate(photos, start=1):
        yield photo
        progress(done, count)
