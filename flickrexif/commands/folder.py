"""From a folder of one's own photos to a data set: `flickrexif label`."""

from collections.abc import Callable, Iterator
from pathlib import Path

from flickrexif.collectors.folder import SUFFIXES, photo_paths, photos
from flickrexif.core.errors import UsageError
from flickrexif.core.photos import FolderPhoto
from flickrexif.dataset.build import check_source
from flickrexif.dataset.folder import FolderReport, write_folder

Progress = Callable[[int, int], None]  # photos done, and in all


def label_folder(folder: Path, out: Path, progress: Progress | None = None) -> FolderReport:
    """Label the photos in `folder` and write the data set `out`. UsageError as `check_folder`."""
    count = check_folder(folder, out)
    return write_folder(_counted(photos(folder), count, progress or (lambda *_: None)), out)


def check_folder(folder: Path, out: Path) -> int:
    """How many photos are in `folder`. UsageError when there is none, or `out` is another data set."""
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Name the folder that your photos are in.")
    check_source(out, "folder", "--out")
    if not (paths := photo_paths(folder)):
        raise UsageError(f"There is no photo in {folder}.", f"Looked for: {' '.join(sorted(SUFFIXES))}.")
    return len(paths)


def _counted(photos: Iterator[FolderPhoto], count: int, progress: Progress) -> Iterator[FolderPhoto]:
    for done, photo in enumerate(photos, start=1):
        yield photo
        progress(done, count)
