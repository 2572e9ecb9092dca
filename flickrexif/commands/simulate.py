"""`simulate`: simulated photos with class labels."""

from collections.abc import Callable
from pathlib import Path

from flickrexif.collectors.sandbox.labelled import check_labelled, simulate_photos
from flickrexif.commands.places import Place, data_folder, path_of
from flickrexif.core.folder import DataFolder

Progress = Callable[[int, int], None]  # done, and in all


def simulate(
    folder: Place,
    *,
    train: int = 14,
    val: int = 6,
    seed: int = 0,
    data_dir: Place | None = None,
    progress: Progress | None = None,
) -> tuple[Path, ...]:
    """Make simulated photos in a new `folder`, `train` and `val` of each class; returns the files.

    After an interruption the same call goes on. Raises UsageError when `folder` holds anything else or another command
    writes.
    """
    photos = path_of(folder)
    check_labelled(photos, train, val, seed)
    with (DataFolder.holding(photos) or data_folder(data_dir)).writing("simulate"):
        return tuple(simulate_photos(photos, train, val, seed, progress=progress))
