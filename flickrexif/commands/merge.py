"""`merge`: data sets of several crawls into one."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from flickrexif.cards import write_card
from flickrexif.commands.places import Place, data_folder, path_of
from flickrexif.core.folder import DataFolder
from flickrexif.dataset.merge import MergedMonth, MergeSettings, check_inputs
from flickrexif.dataset.merge import merge as run
from flickrexif.dataset.merge_inputs import root_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeReport:
    """The data set that was made, and for each month what became of its rows."""

    root: Path
    months: tuple[MergedMonth, ...]


def merge(
    inputs: Iterable[Place],
    *,
    data_dir: Place | None = None,
    per_user_cap: int | None = None,
    seed: int = 0,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> MergeReport:
    """Merge the data sets in the data folders `inputs` into one in `data_dir`; with `dry_run` only count.

    Each photo has one row, that of the later crawl, and a photographer at most `per_user_cap` photos a month (None: the
    smallest of the inputs'). The inputs are locked meanwhile. Raises UsageError for data sets that cannot be merged and
    when another command writes, FlickrExifError for broken files. After an interruption the same call goes on.
    """
    folder, places = data_folder(data_dir), tuple(map(path_of, inputs))
    settings = MergeSettings(inputs=places, data_dir=folder.path, per_user_cap=per_user_cap, seed=seed)
    check_inputs(settings)
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(folder.writing("merge"))
            for other in {DataFolder.of(root_of(place)).path.resolve() for place in places} - {folder.path.resolve()}:
                stack.enter_context(DataFolder(other).reading("merge"))
        months = run(settings, progress, dry_run=dry_run)
        if not dry_run:
            write_card(settings.out)
    return MergeReport(root=settings.out, months=months)
