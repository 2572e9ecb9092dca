"""The crawl of a month, as steps over the journal.

Each step first reads from the journal what is already done. So a crawl can be stopped at any instant: the next run
goes on from there and keeps the same photos as a crawl that was never stopped.

1. In the drawn order, call getExif until the target is met, within the caps (walk.py). Never more calls are in flight
   than photos are missing, so no call is wasted, and which photos are kept does not depend on the order of the answers.
2. When the drawn photos run out first, read another round of windows and draw from them (month.py).

The journal holds answers, and which photos are kept is worked out from them and from the settings of this run. So after
runs with whatever other targets the photos are those of a fresh crawl, and a larger target keeps those of a smaller.
"""

import json
import threading
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias, get_args

from flickrexif.collectors import downloads
from flickrexif.collectors.downloads import Downloads
from flickrexif.collectors.flickr.client import CallRefused, Client, EndOfWindow, PhotoSkipped, Unanswered
from flickrexif.collectors.flickr.licenses import PERMISSIVE, license_for
from flickrexif.collectors.flickr.models import SearchPhoto, parse_photo
from flickrexif.collectors.images import ImageFetcher
from flickrexif.collectors.journal import FETCHED, Journal, MonthState
from flickrexif.collectors.month import ANY_WINDOW, Arc, place, read_round
from flickrexif.collectors.search import END, MAX_WINDOW, PER_PAGE, Answer, Reader, is_doubtful
from flickrexif.collectors.verdicts import SKIP_CODES, before_exif
from flickrexif.collectors.walk import Drawn, Walk, passed_over
from flickrexif.collectors.window import Window, month_window
from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.core.photos import RawPhoto
from flickrexif.core.takedowns import Takedowns
from flickrexif.core.verdicts import BY_CAP, KEPT, REASONS
from flickrexif.exif.dates import read_date
from flickrexif.exif.tags import raw_tags, unusable

NO_TAKEDOWNS = Takedowns()

WORLDS = {
    "flickr": "photos of Flickr",
    "yfcc100m": "photos of YFCC100M",
    "sandbox:simulated": "simulated photos",
    "sandbox:photos": "photos that an embedded server showed",
}
GO_ON = {  # what to type in place of another folder
    "flickr": ", or leave out --sandbox and --endpoint to go on with Flickr's",
    "sandbox:simulated": ", or add --sandbox to go on with the simulated ones",
}
OPTIONS = {"per_user_cap": "--per-user-cap", "licenses": "--licenses", "seed": "--seed"}  # of the sampling

Images: TypeAlias = Literal["none", "large", "original"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlSettings:
    """The options of a crawl."""

    target: int = 4_000  # usable photos a month
    minimum: int = 2_000
    per_user_cap: int = 10  # photos a photographer and month
    licenses: tuple[int, ...] = PERMISSIVE
    seed: int = 0
    images: Images = "none"
    workers: int = 16

    def sampling(self) -> str:
        """The settings that decide which photos are drawn, as JSON; they never change within one journal."""
        return json.dumps(
            {"per_user_cap": self.per_user_cap, "licenses": sorted(self.licenses), "seed": self.seed},
            sort_keys=True,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthSummary:
    """How far the crawl of a month has come."""

    month: str
    target: int
    done: bool
    exhausted: bool  # every photo that the searches brought was drawn
    kept: int
    owners: int
    rejected: dict[str, int]
    calls: dict[str, int]
    images: dict[str, int]  # "fetched" or a reason -> how many
    doubts: dict[str, int]  # one of search.DOUBTS -> windows whose photos may not be all
    beyond_target: int  # photos tried for an earlier, larger target; that target keeps them again without a call
    searched: bool = True  # False: drawn from files, which have no more

    @property
    def may_have_more(self) -> bool:
        """Whether searching again may bring more photos: the month ended short, or its searches cannot be trusted."""
        short = self.exhausted and self.kept < self.target
        return self.searched and self.done and (short or bool(self.doubts))

    @property
    def all_calls(self) -> int:
        """Calls of all methods, every attempt counted."""
        return sum(self.calls.values())


class Progress(Protocol):
    """Follows a crawl; its methods are called from several threads."""

    def begin(self, months: int) -> None: ...
    def month(self, month: str, kept: int, target: int) -> None: ...
    def called(self) -> None: ...
    def say(self, text: str) -> None: ...
    def kept(self) -> None: ...
    def images(self, done: int, total: int) -> None: ...


class NoProgress:
    """Shows nothing."""

    def begin(self, months: int) -> None: ...
    def month(self, month: str, kept: int, target: int) -> None: ...
    def called(self) -> None: ...
    def say(self, text: str) -> None: ...
    def kept(self) -> None: ...
    def images(self, done: int, total: int) -> None: ...


def check_source(data_dir: Path, stored: str | None, source: str) -> None:
    """UsageError when the folder holds photos of another source: these never share a data set."""
    if stored in (None, source):
        return
    holds, adds = (WORLDS.get(name, f"photos from {name}") for name in (stored, source))
    hint = f"Add --data-dir and another folder's name{GO_ON.get(stored or '', '')}."
    raise UsageError(f"{data_dir} holds {holds}, and this command asks for {adds}.", hint)


def settle(journal: Journal, settings: CrawlSettings, source: str) -> None:
    """Tie the journal to one source and one sampling; UsageError when it already has others."""
    data_dir = journal.path.parents[2]
    check_crawled(data_dir, journal)
    check_source(data_dir, journal.settle("source", source), source)
    check_sampling(data_dir, journal.settle("sampling", settings.sampling()), settings)


def check_sampling(data_dir: Path, begun: str, settings: CrawlSettings) -> None:
    """UsageError when the folder was begun with another sampling (`CrawlSettings.sampling`) than this."""
    stored, now = json.loads(begun), json.loads(settings.sampling())
    if changed := [name for name in now if stored[name] != now[name]]:
        first, asked = (" ".join(f"{OPTIONS[name]} {_typed(of[name])}" for name in changed) for of in (stored, now))
        hint = f"Add {first} to go on with it, or --data-dir and another folder's name."
        raise UsageError(f"The crawl in {data_dir} was begun with {first}, and this has {asked}.", hint)


def check_crawled(data_dir: Path, journal: Journal) -> None:
    """UsageError for the journal of photos that a table names: these are not mixed with those that a crawl draws."""
    if FETCHED in journal.meta():
        message = f"{data_dir} holds photos of a table, by `flickrexif fetch`."
        raise UsageError(message, "Add --data-dir and another folder's name.")


def _typed(value: int | list[int]) -> str:
    if value == sorted(PERMISSIVE):
        return "permissive"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def crawl(
    months: Sequence[str],
    settings: CrawlSettings,
    journal: Journal,
    client_for: Callable[[str], Client],
    stop: threading.Event,
    progress: Progress,
    fetcher: ImageFetcher | None = None,
    takedowns: Takedowns = NO_TAKEDOWNS,
    *,
    again: bool = False,
) -> list[MonthSummary]:
    """Crawl `months` in order; call `settle` before. `client_for(month)` makes a client that counts its calls for it.

    With `again` months that may have more photos are searched again.
    Photos and photographers on the list of `takedowns` are skipped as if Flickr did not have them.
    Raises FlickrExifError when Flickr refuses the key or stops answering; the journal then holds all that was done.
    """
    progress.begin(len(months))
    with stopping_pool(settings.workers, stop) as pool, stopping_pool(downloads.WORKERS, stop) as image_pool:
        for month in months:
            if again and summary(journal, month).may_have_more:
                journal.search_again(month)
            client = client_for(month)
            step = _MonthCrawl(month, settings, journal, client, progress, pool, takedowns)
            progressed = (image_pool, client.get_info, progress.images)
            step.run(Downloads(month, journal, fetcher, *progressed) if fetcher else None)
    return [summary(journal, month) for month in months]


def summary(journal: Journal, month: str) -> MonthSummary:
    """How far the crawl of `month` has come, from the journal."""
    verdicts = journal.verdicts(month)
    state = journal.months().get(month, MonthState(target=0, rounds=0, exhausted=False, done=False))
    images: dict[str, int] = {}
    for record in journal.images(month):
        images[record.reason or "fetched"] = images.get(record.reason or "fetched", 0) + 1
    return MonthSummary(
        month=month,
        target=state.target,
        done=state.done,
        exhausted=state.exhausted,
        kept=verdicts.pop(KEPT, 0),
        owners=journal.owners(month),
        rejected={reason: count for reason, count in verdicts.items() if reason in REASONS},
        calls=journal.calls().get(month, {}),
        images=images,
        doubts=journal.doubts(month),
        beyond_target=verdicts.get("beyond_target", 0),
    )


def raw_photos(journal: Journal, month: str) -> list[RawPhoto]:
    """The kept photos of `month`, as the build reads them."""
    return [_raw_photo(photo, tags, month) for photo, tags in journal.kept(month)]


def _raw_photo(photo: SearchPhoto, tags: dict[str, str], month: str) -> RawPhoto:
    assert photo.image is not None  # before_exif rejects photos without an image
    license_ = license_for(photo.license_id or 0)
    return RawPhoto(
        flickr_id=photo.id,
        owner=photo.owner,
        owner_name=photo.owner_name,
        title=photo.title,
        page_url=photo.page_url,
        license_id=license_.id,
        license=license_.name,
        license_url=license_.url,
        date_taken=str(read_date(photo.date_taken).time),
        date_taken_granularity=photo.date_taken_granularity or 0,
        month=month,
        width=photo.image.width,
        height=photo.image.height,
        image_url=photo.image.url,
        image_size=photo.image.size,
        exif=tags,
    )


@contextmanager
def stopping_pool(workers: int, stop: threading.Event) -> Iterator[ThreadPoolExecutor]:
    """A thread pool that sets `stop` on any failure or Ctrl-C, then waits until its workers have journaled answers."""
    pool = ThreadPoolExecutor(workers)
    try:
        yield pool
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class _MonthCrawl:
    """The crawl of one month."""

    month: str
    settings: CrawlSettings
    journal: Journal
    client: Client
    progress: Progress
    pool: ThreadPoolExecutor
    takedowns: Takedowns

    def run(self, images: Downloads | None) -> None:
        state = self.journal.start_month(self.month, self.settings.target)
        if not state.done:
            self._pass_over()
        kept = self.journal.verdicts(self.month).get(KEPT, 0)
        self.progress.month(self.month, kept, self.settings.target)
        if images:
            images.submit_missing()
        done, round_ = state.done, state.rounds
        while not done:
            walk = Walk(self._drawn(), self.settings.target, self.settings.per_user_cap)
            for photo_id in self._try_drawn(walk):
                if images:
                    images.submit(photo_id)
            done = walk.tally.kept >= self.settings.target or not self._draw(round_)
            round_ += 1
        if images:
            images.finish()
        if not state.done:
            self._pass_over()
            self.journal.finish_month(self.month)

    def _drawn(self) -> Iterator[Drawn]:
        """The drawn photos; without those that version 0.1 passed over, whose facts it did not keep."""
        for photo in self.journal.drawn(self.month):
            if photo.verdict not in BY_CAP:
                yield Drawn(photo.photo_id, photo.owner, None if photo.verdict is None else photo.verdict == KEPT)

    def _pass_over(self) -> None:
        self.journal.pass_over(passed_over(self._drawn(), self.settings.target, self.settings.per_user_cap))

    # -- windows ------------------------------------------------------------------------------------------------

    def _draw(self, round_: int) -> bool:
        """Read and draw one round; False when there is none left."""
        root = month_window(self.month, self.settings.licenses)
        seen: dict[str, set[int]] = {}  # window -> photos of the pages read so far
        reader = Reader(
            lambda window, page, needed: self._search(window, page, seen, needed=needed),
            lambda read, windows: list(self.pool.map(read, windows)),
            lambda window, doubt: self.journal.add_doubt(self.month, window.key, doubt),
        )
        arcs = read_round(root, round_, self.settings.seed, reader)
        if arcs is None:
            self.journal.exhaust(self.month)
            return False
        self.journal.draw(self.month, round_, self._within(arcs))
        return True

    def _within(self, arcs: Mapping[str, Sequence[Arc]]) -> Iterator[int]:
        """The photos that were not drawn before and have their place in an arc."""
        for photo_id, window in self.journal.undrawn(self.month):
            where = place(self.settings.seed, self.month, photo_id)
            if any(low <= where < high for low, high in arcs.get(window, arcs.get(ANY_WINDOW, ()))):
                yield photo_id

    def _search(self, window: Window, page: int, seen: dict[str, set[int]], *, needed: bool) -> Answer:
        """What a page says; a page read before comes from the journal. What looks wrong is asked for once more."""
        stored = self.journal.search_answer(self.month, window.key, page)
        if stored and (stored.shown is not None or not needed):
            return stored
        if window.key not in seen:
            seen[window.key] = self.journal.photos_in(self.month, window.key) if page > 1 else set()
        first_page = self.journal.search_answer(self.month, window.key, 1)
        answer, photos = self._ask(window, page, seen[window.key], needed=needed)
        if is_doubtful(window, page, max(answer.total, first_page.total if first_page else 0), answer):
            answer, photos = self._ask(window, page, seen[window.key], needed=needed)
        if answer.shown is not None:
            seen[window.key].update(photo.id for photo in photos)
        rows = (
            (photo, self._rank(photo), before_exif(photo, self.month, self.settings.licenses))
            for photo in photos
            if not self._forgotten(photo)
        )
        self.journal.add_search(self.month, window.key, page, answer, rows)
        return answer

    def _ask(
        self, window: Window, page: int, seen: Container[int], *, needed: bool
    ) -> tuple[Answer, list[SearchPhoto]]:
        """The answer to one search, and its photos unless the window is too large to be read and they are not needed.

        Photos on the list of takedowns count too: a page full of them must not look like the end of the window.
        """
        try:
            answer = self.client.search(window.arguments(), page, PER_PAGE)
        except EndOfWindow:
            return Answer(END, 0, 0), []
        if not needed and answer.total > MAX_WINDOW and window.halves():
            return Answer(answer.total, None, len(answer.entries)), []
        photos = [photo for entry in answer.entries if (photo := parse_photo(entry))]
        fresh = len({photo.id for photo in photos if photo.id not in seen})
        return Answer(answer.total, len(answer.entries), fresh), photos

    def _forgotten(self, photo: SearchPhoto) -> bool:
        return self.takedowns.photo(photo.id) or self.takedowns.owner(photo.owner)

    def _rank(self, photo: SearchPhoto) -> int:
        return rank(self.settings.seed, f"candidates of {self.month}", str(photo.id))

    # -- photos -------------------------------------------------------------------------------------------------

    def _try_drawn(self, walk: Walk) -> Iterator[int]:
        """Call getExif in the drawn order until the target is met; yield the ids of the usable photos."""
        in_flight: dict[Future[bool], Drawn] = {}
        while True:
            while len(in_flight) < self.settings.workers and (photo := walk.next_to_try()):
                in_flight[self.pool.submit(self._try_photo, photo.photo_id)] = photo
            if not in_flight:
                return
            finished, _ = wait(in_flight, return_when=FIRST_COMPLETED)
            for future in finished:
                photo = in_flight.pop(future)
                walk.end(photo.owner, usable=future.result())
                if future.result():
                    yield photo.photo_id

    def _try_photo(self, photo_id: int) -> bool:
        """Call getExif, journal the answer and the verdict; return whether the photo is usable."""
        answer, verdict, tags = self._exif_verdict(photo_id)
        self.journal.add_exif(photo_id, answer, verdict, tags)
        if verdict == KEPT:
            self.progress.kept()
        return verdict == KEPT

    def _exif_verdict(self, photo_id: int) -> tuple[dict[str, Any], str, dict[str, str]]:
        match answer := self._get_exif(photo_id):
            case PhotoSkipped():
                return _refused(answer), SKIP_CODES.get(answer.code, "skipped"), {}
            case CallRefused():
                return _refused(answer), "skipped", {}
            case Unanswered():
                return {"stat": "fail", "message": answer.message}, "no_answer", {}
        photo = answer.get("photo")
        entries = photo.get("exif") if isinstance(photo, dict) else None
        tags, _ = raw_tags(entries if isinstance(entries, list) else [])
        return answer, unusable(tags) or KEPT, tags

    def _get_exif(self, photo_id: int) -> dict[str, Any] | PhotoSkipped | CallRefused | Unanswered:
        """getExif's answer, or why there is none although Flickr answers other calls.

        When all attempts fail but another call is answered, they all start once more: the photo must not be lost
        because an outage ended between the two. Raises as that other call when it fails too.
        """
        secret, failure = self.journal.photo(photo_id).secret, None
        for _ in range(2):
            try:
                return self.client.get_exif(photo_id, secret)
            except (PhotoSkipped, CallRefused) as error:
                return error
            except Unanswered as error:
                failure = error
            self.client.identify()
        assert failure is not None
        return failure


def _refused(error: PhotoSkipped | CallRefused) -> dict[str, Any]:
    return {"stat": "fail", "code": error.code, "message": error.message}


def check_settings(settings: CrawlSettings) -> None:
    """UsageError for settings that no crawl can meet."""
    if settings.images not in get_args(Images):
        raise UsageError(f"--images {settings.images} is not known.", "Use none, large or original.")
    checks = {
        "--target": settings.target >= 1,
        "--minimum": 0 <= settings.minimum <= settings.target,
        "--per-user-cap": settings.per_user_cap >= 1,
        "--workers": settings.workers >= 1,
    }
    for option, valid in checks.items():
        if not valid:
            hint = "Targets, caps and workers are at least 1, and the minimum at most the target."
            raise UsageError(f"{option} cannot be met.", hint)
