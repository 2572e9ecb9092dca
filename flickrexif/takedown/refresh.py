"""Which photos of a data set Flickr still shows under the licence they were taken with: `flickrexif refresh`.

Each photo is asked for with flickr.photos.getInfo, through the same limiter as a crawl, and each answer is journaled
as it comes: a refresh that was stopped goes on where it was. Nothing is removed here.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flickrexif.collectors.crawl import stopping_pool
from flickrexif.collectors.flickr.client import CallRefused, Client, PhotoSkipped, Unanswered
from flickrexif.collectors.flickr.models import parse_credit, to_int
from flickrexif.collectors.journal import Journal, open_journal, read_journal
from flickrexif.collectors.session import Say, Service, clients, data_root, identified, journal_path
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.parquet import read_table
from flickrexif.dataset.build import read_collection
from flickrexif.dataset.parquet import parquet_files
from flickrexif.takedown.forget import Wanted

OK = "ok"
UNCLEAR = "unclear"  # never journaled: asked again next time
RELICENSED = "license_changed"
GOING = {
    "gone": "Flickr has no such photo any more (code 1)",
    "private": "it is no longer public (visibility, or code 2)",
    RELICENSED: "it has another licence than the data set says",
}
VERDICTS = {OK: "public, under the same licence", **GOING, UNCLEAR: "no definite answer; asked again next time"}

SERVED_BY = {"yfcc100m": "flickr"}  # source -> the one whose server has its photos, where that is another
SECONDS_A_DAY = 86_400.0
WORKERS = 16
FEWEST = 20  # photos asked from which on a doubtful outcome is noticed
BOOKED = ""  # calls are booked under no month: they tell nothing of what the month's photos cost

Progress = Callable[[int, int], None]  # photos asked, and in all


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshReport:
    """What is known now: photos of the data set by verdict, and how many of them were asked in this run."""

    photos: int
    asked: int
    verdicts: Mapping[str, int]
    going: Mapping[str, tuple[int, ...]]  # verdict -> ids of the photos that must go

    @property
    def doubtful(self) -> bool:
        """Whether so many must go that it may be the server, not the photos."""
        answered = sum(self.verdicts.values()) - self.verdicts.get(UNCLEAR, 0)
        return answered >= FEWEST and sum(map(len, self.going.values())) * 2 > answered


@dataclass(frozen=True, slots=True)
class Due:
    """The photos of a data set, id -> licence id (None: not known), and those to ask, the longest unasked first."""

    photos: Mapping[int, int | None]
    asked: tuple[int, ...]


def due(data_dir: Path, months: Sequence[str] | None, older_than: float, now: float) -> Due:
    """What `refresh` would ask; `older_than` in days. Raises FlickrExifError when there is no data set."""
    path = journal_path(data_dir)
    if not path.exists():
        return _due(data_dir, None, months, older_than, now)
    with read_journal(path) as journal:
        return _due(data_dir, journal, months, older_than, now)


def refresh(
    data_dir: Path,
    months: Sequence[str] | None,
    service: Service,
    stop: threading.Event,
    progress: Progress,
    older_than: float = 1.0,
    now: Callable[[], float] = time.time,
    say: Say = lambda _: None,
) -> RefreshReport:
    """Ask again for the photos of `months` (None: all) that were not asked in the last `older_than` days.

    Raises FlickrExifError when there is no data set, another crawl runs, or Flickr refuses the key or stops
    answering, and UsageError when the server is not the one the photos came from. What was learnt stays journaled.
    """
    service.windows()  # refuses a limit that none can keep
    source = source_of(data_dir)
    with open_journal(journal_path(data_dir)) as journal:
        photos = _due(data_dir, journal, months, older_than, now())
        client = clients(service, journal, stop, lambda: None, say)(BOOKED)
        if photos.asked and (found := identified(client, service, say)) != source:
            hint = "Leave out --endpoint and --sandbox, or name the server that was crawled."
            raise UsageError(f"The photos came from {source}, and this server has those of {found}.", hint)
        with stopping_pool(WORKERS, stop) as pool:
            check = partial(_check, client, journal, photos.photos, now)
            answers: dict[int, str] = {}
            progress(0, len(photos.asked))
            for photo_id, verdict in zip(photos.asked, pool.map(check, photos.asked), strict=True):
                answers[photo_id] = verdict
                progress(len(answers), len(photos.asked))
        earlier = {one: verdict for one, (_, verdict) in journal.checks().items() if one in photos.photos}
    return _report(photos, earlier | answers)


def source_of(data_dir: Path) -> str:
    """The server that has the photos, as the journal says, else the data set. FlickrExifError when there is neither."""
    path = journal_path(data_dir)
    collection = read_collection(data_root(data_dir))
    source = SERVED_BY.get(collection.source, collection.source) if collection else None
    if path.exists():
        with read_journal(path) as journal:
            source = journal.meta().get("source", source)
    if source is None:
        raise FlickrExifError(f"There is no data set in {data_root(data_dir)}.", "Make one with: flickrexif crawl")
    return source


def _due(data_dir: Path, journal: Journal | None, months: Sequence[str] | None, older_than: float, now: float) -> Due:
    licenses: dict[int, int | None] = {**_kept(journal, months)} if journal else {}
    for month, path in parquet_files(data_root(data_dir), "labels"):
        if months is None or month in months:
            table = read_table([path], ["Flickr ID", "license_id"], "Run `flickrexif build` again.")
            licenses.update(zip(table["Flickr ID"].to_pylist(), table["license_id"].to_pylist(), strict=True))
    if not licenses:
        hint = "Name months that were crawled, or crawl them: flickrexif crawl --month 2024-08"
        raise FlickrExifError(f"There is no photo to ask for in {data_root(data_dir)}.", hint)
    checked = {one: at for one, (at, _) in journal.checks().items()} if journal else {}
    old = now - older_than * SECONDS_A_DAY
    asked = sorted((checked.get(one, 0.0), one) for one in licenses if checked.get(one, 0.0) <= old)
    return Due(licenses, tuple(one for _, one in asked))


def _kept(journal: Journal, months: Sequence[str] | None) -> dict[int, int]:
    """The photos the journal keeps, also of months that are not built yet."""
    wanted = journal.months() if months is None else months
    return {photo.id: photo.license_id or 0 for month in wanted for photo, _ in journal.kept(month)}


# --- one photo


def _check(
    client: Client, journal: Journal, licenses: Mapping[int, int | None], now: Callable[[], float], photo_id: int
) -> str:
    """Ask for one photo; a definite verdict is journaled, and a licence that was not known, with whom to credit."""
    verdict, answer = _ask(client, photo_id, licenses[photo_id])
    if verdict == OK and licenses[photo_id] is None:
        journal.credit(photo_id, *parse_credit(answer["photo"]))
    if verdict != UNCLEAR:
        journal.add_check(photo_id, now(), verdict)
    return verdict


def _ask(client: Client, photo_id: int, license_id: int | None) -> tuple[str, Mapping[str, Any]]:
    """One of VERDICTS, and the answer. Raises when it is the server that fails or refuses, not this photo."""
    try:
        answer = client.get_info(photo_id)
    except PhotoSkipped as error:
        return {1: "gone", 2: "private"}.get(error.code, UNCLEAR), {}
    except (CallRefused, Unanswered):
        client.identify()
        return UNCLEAR, {}
    return verdict_of(answer, photo_id, license_id), answer


def verdict_of(answer: Mapping[str, Any], photo_id: int, license_id: int | None) -> str:
    """What getInfo's answer says of the photo; an answer that lacks a part, or is of another photo, says nothing.

    A photo whose licence was not known has none that could change.
    """
    photo = answer["photo"]
    visibility = photo.get("visibility")
    public = to_int(visibility.get("ispublic")) if isinstance(visibility, Mapping) else None
    license_now = to_int(photo.get("license"))
    if to_int(photo.get("id")) != photo_id or public is None or license_now is None:
        return UNCLEAR
    if not public:
        return "private"
    return OK if license_id in (None, license_now) else RELICENSED


def _report(photos: Due, verdicts: Mapping[int, str]) -> RefreshReport:
    ids = {verdict: tuple(sorted(one for one in verdicts if verdicts[one] == verdict)) for verdict in GOING}
    return RefreshReport(
        photos=len(photos.photos),
        asked=len(photos.asked),
        verdicts=Counter(verdicts.values()),
        going={verdict: found for verdict, found in ids.items() if found},
    )


def wanted(report: RefreshReport, source: str | None) -> list[Wanted]:
    """Who must go: gone and private photos for good; one under another licence may be taken again under that one.

    Where the `source` of the data set is files, which go on saying the old licence, that photo goes for good too.
    """
    lasting = source in SERVED_BY
    return [
        Wanted(reason=f"refresh: {verdict}", photos=frozenset(ids), for_good=lasting or verdict != RELICENSED)
        for verdict, ids in report.going.items()
    ]
