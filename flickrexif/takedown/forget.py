"""Photos out of everything that a data folder holds and has written elsewhere, and a search whether they are gone."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import remove
from flickrexif.core.folder import DataFolder
from flickrexif.core.kinds import Holder
from flickrexif.core.takedowns import add
from flickrexif.takedown.listing import all_files
from flickrexif.takedown.search import Needles, what_is_left

MOST_FILES = 10  # named in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Who must go, and why; who is not `for_good` may be taken again by a later crawl."""

    reason: str
    photos: frozenset[int] = frozenset()
    owners: frozenset[str] = frozenset()
    for_good: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was taken out, or would be; whom no labels and no journal know; how many lines the list got."""

    removed: Mapping[Path, Mapping[str, int]]  # file or folder -> thing -> how many
    unknown: tuple[str, ...]
    listed: int
    dry_run: bool


Describe = Callable[[Path, bool], object]
"""Writes the card of the data set in a folder, when something was taken out of it or the card is of earlier data."""


def forget(
    data_folder: DataFolder,
    holders: Sequence[Holder],
    wanted: Sequence[Wanted],
    describe: Describe,
    now: datetime,
    *,
    write: bool,
) -> Report:
    """Take the photos out of all that the holders find; with `write=False` only count.

    The list of takedowns goes first and `holders` in their order, so that the same call completes it after any
    interruption. Then nothing may be left of their ids. Raises FlickrExifError for what is left, and for a file that
    cannot be read or written.
    """
    listed = _list(data_folder, wanted, now) if write else 0
    if write:
        _remove_unfinished(data_folder)
    files = all_files(data_folder)
    photos, unknown = _photos(files, holders, wanted)
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    for holder in holders:
        counts = holder.forget(files, photos, write)
        for place in counts:
            removed[place] += counts[place]
        if any(map(Counter.total, counts.values())):
            files = tuple(path for path in files if path.exists())
    changed = [place for place, counts in removed.items() if counts.total()]
    if write:
        describe_all(files, describe, changed)
        _verify(data_folder, photos, {owner for some in wanted for owner in some.owners})
    told = {place: +removed[place] for place in sorted(changed)}
    return Report(removed=told, unknown=unknown, listed=listed, dry_run=not write)


def describe_all(files: Sequence[Path], describe: Describe, changed: Sequence[Path] = ()) -> None:
    """Describe all data sets among `files`; without `changed` those whose card is of earlier data, after a kill."""
    for folder in sorted({path.parent for path in files if path.name == "README.md"}):
        describe(folder, any(place.is_relative_to(folder) for place in changed))


def _list(data_folder: DataFolder, wanted: Sequence[Wanted], now: datetime) -> int:
    some = [one for one in wanted if one.for_good]
    path = data_folder.takedowns
    return sum(len(add(path, photos=one.photos, owners=one.owners, reason=one.reason, now=now)) for one in some)


def _remove_unfinished(data_folder: DataFolder) -> None:
    """Remove what killed commands left under temporary names: nobody else writes now."""
    folder = data_folder.path.absolute()
    below = ((path, path.relative_to(folder)) for path in all_files(data_folder) if path.is_relative_to(folder))
    remove(path for path, parts in below if any(part[0] == "." and part.endswith(".tmp") for part in parts.parts))


def _photos(
    files: Sequence[Path], holders: Sequence[Holder], wanted: Sequence[Wanted]
) -> tuple[Collection[str], tuple[str, ...]]:
    """The ids of all photos that must go, and who of those named is nowhere."""
    photos = {str(photo_id) for some in wanted for photo_id in some.photos}
    owners = {owner for some in wanted for owner in some.owners}
    present: dict[str, str] = {}
    for holder in holders:
        if holder.photos_of:
            present |= holder.photos_of(files, photos, owners)
    unknown = [*sorted(photos - present.keys(), key=int), *sorted(owners - set(present.values()))]
    return photos | present.keys(), tuple(unknown)


def _verify(data_folder: DataFolder, photos: Collection[str], owners: Collection[str]) -> None:
    folder = data_folder.path.absolute()
    left = what_is_left(all_files(data_folder), folder, Needles.of(photos, owners))
    if left:
        more = f" and {len(left) - MOST_FILES} more" if len(left) > MOST_FILES else ""
        message = f"Something is left in {', '.join(map(str, left[:MOST_FILES]))}{more}."
        raise FlickrExifError(message, "Delete it there, or these files, then run the same command again.")
