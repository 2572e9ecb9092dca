"""`forget` and `refresh`: remove photos from a data folder and from all that was made of it elsewhere."""

import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flickrexif.cards import write_card
from flickrexif.cards.files import DESCRIBING
from flickrexif.collectors.crawl import check_source
from flickrexif.collectors.holder import HOLDER as JOURNALS
from flickrexif.collectors.month import months_of
from flickrexif.collectors.session import CALLS_PER_HOUR, Say, check_rate, service_of, source_at
from flickrexif.commands.build import build_dataset
from flickrexif.commands.places import Place, data_folder, several
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import remove
from flickrexif.core.folder import DataFolder
from flickrexif.core.kinds import FINGERPRINT, named_files
from flickrexif.core.pages import HOLDER as PAGES
from flickrexif.core.takedowns import one_line
from flickrexif.dataset.build import read_collection
from flickrexif.dataset.holder import HOLDER as PHOTOS
from flickrexif.dataset.kind import is_fetched
from flickrexif.dataset.split_holder import HOLDER as SPLITS
from flickrexif.eval.embed.holder import HOLDER as EMBEDDINGS
from flickrexif.eval.report.holder import HOLDER as FIGURES
from flickrexif.eval.results_holder import HOLDER as RECORDS
from flickrexif.kinds import recognised
from flickrexif.paircams.holder import HOLDER as PAIRS
from flickrexif.processing.holder import HOLDER as PROCESSED
from flickrexif.takedown.forget import Report, Wanted, describe_all
from flickrexif.takedown.forget import forget as take_out
from flickrexif.takedown.image_files import HOLDER as IMAGE_FILES
from flickrexif.takedown.listing import all_files
from flickrexif.takedown.refresh import Due, RefreshReport, due, source_of, wanted
from flickrexif.takedown.refresh import refresh as ask

# Rows and journal go last: they say which photos are a photographer's, which an interrupted call still needs.
HOLDERS = (PAGES, FIGURES, RECORDS, EMBEDDINGS, PROCESSED, SPLITS, PAIRS, IMAGE_FILES, PHOTOS, JOURNALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """Flickr's answers, and what was forgotten; for a dry run the photos to ask for."""

    answers: RefreshReport | None = None
    forgotten: Report | None = None  # None: no photo had to go
    due: Due | None = None
    calls_per_hour: int
    was_merged: bool = False  # from other data sets, which still have what was forgotten


def forget(
    data_dir: Place | None = None,
    *,
    photos: int | str | Iterable[int | str] = (),
    owners: str | Iterable[str] = (),
    reason: str,
    dry_run: bool = False,
) -> Report:
    """Remove `photos` (Flickr IDs) and all photos of `owners` (NSIDs) from `data_dir` and all that was made of it.

    The list of takedowns gets a hash of each and the `reason`, which names nobody: no later crawl takes them. At the
    end every file is searched for their ids. After an interruption call it again. With `dry_run` nothing is changed.
    Raises UsageError for an invalid id and when another command writes, FlickrExifError for a file that cannot be read
    or still holds one of the ids.
    """
    folder = data_folder(data_dir)
    request = Wanted(
        reason=reason,
        photos=frozenset(map(_photo_id, [photos] if isinstance(photos, int | str) else photos)),
        owners=frozenset(map(_nsid, several(owners))),
    )
    if not request.photos and not request.owners:
        raise UsageError("Nothing to forget was named.", "Give --photo ID or --owner NSID.")
    one_line(reason, [*map(str, request.photos), *request.owners])  # refuses a bad reason before anything is done
    if not folder.path.is_dir():
        raise UsageError(f"There is no folder {folder.path}.", "Name the data folder with --data-dir.")
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(folder.writing("forget", *folder.data_sets_elsewhere()))
        return _take_out(folder, [request], write=not dry_run)


def refresh(
    month: str | Iterable[str] | None = None,
    *,
    first: str | None = None,
    last: str | None = None,
    data_dir: Place | None = None,
    older_than: float = 1.0,
    calls_per_hour: int | None = None,
    endpoint: str | None = None,
    sandbox: bool = False,
    yes: bool = False,
    dry_run: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
    answered: Callable[[RefreshReport], object] = lambda _: None,
    say: Say = lambda _: None,
) -> Refreshed:
    """Ask Flickr again for the photos of the data set that were not asked for in the last `older_than` days.

    Those that are gone or private are forgotten for good; those under another licence leave the data set, and a later
    crawl of Flickr may take them under the new one. Photos of `fetch` get the licence that their table lacked.
    `answered` gets what Flickr said before anything is forgotten. When more than half of the photos would go nothing
    does, and FlickrExifError is raised, unless `yes`. With `dry_run` nothing is called. Raises as `crawl`, and
    UsageError when the server is not the one the photos came from.
    """
    months = months_of(several(month), first, last, datetime.now(UTC).date()) if month or first or last else None
    folder, hourly = data_folder(data_dir), CALLS_PER_HOUR if calls_per_hour is None else calls_per_hour
    check_rate(hourly)
    if dry_run:
        return Refreshed(due=due(folder.path, months, older_than, time.time()), calls_per_hour=hourly)
    server = source_of(folder.path)
    check_source(folder.path, server, source_at(endpoint, sandbox) or server)
    collection = read_collection(folder.flickrexif)
    with ExitStack() as stack:
        service = service_of(stack, endpoint, sandbox, None, calls_per_hour)
        stack.enter_context(folder.writing("refresh", *folder.data_sets_elsewhere()))
        report = ask(folder.path, months, service, threading.Event(), progress, older_than, say=say)
        answered(report)
        if is_fetched(folder.flickrexif):  # its licences may be known now
            build_dataset(folder.path)
            write_card(folder.flickrexif)
        if report.doubtful and not yes:
            message = "More than half of the photos would be forgotten; nothing was."
            raise FlickrExifError(message, "Look at some of their pages; if they must go, add --yes.")
        source = collection.source if collection else None
        forgotten = _take_out(folder, wanted(report, source), write=True) if report.going else None
        if not report.going:  # an earlier call may have ended between the removal and the card
            describe_all(all_files(folder), _describe)
    was_merged = collection is not None and "merged" in collection.settings
    return Refreshed(answers=report, forgotten=forgotten, calls_per_hour=hourly, was_merged=was_merged)


def _take_out(folder: DataFolder, requests: list[Wanted], *, write: bool) -> Report:
    return take_out(folder, HOLDERS, requests, _describe, datetime.now(UTC), write=write)


def _describe(root: Path, changed: bool) -> None:
    """Write the card of a data set that lost photos; remove that of one without any left."""
    kind = recognised(root)
    if kind and not kind.configs(root):
        remove(named_files(root, DESCRIBING))
    elif kind and (changed or _is_stale(root / FINGERPRINT, kind.fingerprint(root))):
        write_card(root)


def _is_stale(fingerprint: Path, now: str) -> bool:
    """Whether the card describes earlier data, for example after an interrupted call."""
    return fingerprint.is_file() and fingerprint.read_text("utf-8") != now


def _photo_id(photo: int | str) -> int:
    text = str(photo)
    if re.fullmatch(r"[0-9]{1,18}", text) and int(text):
        return int(text)
    hint = "It is the number in the address of its page, as in --photo 53512345678."
    raise UsageError(f"{text[:40]!r} is no id of a photo.", hint)


def _nsid(text: str) -> str:
    if re.fullmatch(r"[0-9]{1,20}@N[0-9]{2}", text):
        return text
    hint = "It stands in the column `owner`, as in --owner 7478087@N06."
    raise UsageError(f"{text[:40]!r} is no NSID of a photographer.", hint)
