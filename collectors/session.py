"""One crawl from an endpoint into a data folder.

`crawl_into` is the library's side of `flickrexif crawl`; `estimate` that of its dry run.
"""

import os
import random
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from flickrexif.collectors.crawl import CrawlSettings, MonthSummary, Progress, check_settings, crawl, settle
from flickrexif.collectors.flickr.budget import CallsOfKey, key_file
from flickrexif.collectors.flickr.client import Client, Retry, Streak
from flickrexif.collectors.flickr.clock import SystemClock
from flickrexif.collectors.flickr.connection import check_connection
from flickrexif.collectors.flickr.credentials import SANDBOX, Credentials, from_environment, transport
from flickrexif.collectors.flickr.limiter import Limiter, Waits, Window
from flickrexif.collectors.flickr.models import FLICKR_ENDPOINT, IMAGE_SERVER, is_flickrs, server_of
from flickrexif.collectors.flickr.transport import is_loopback
from flickrexif.collectors.images import ImageFetcher
from flickrexif.collectors.journal import Journal, open_journal
from flickrexif.core.errors import UsageError
from flickrexif.core.takedowns import read_takedowns, takedown_path

Say = Callable[[str], None]

RETRY = Retry()
OWN_RETRY = Retry(base_seconds=0.05, max_seconds=2.0)  # for a server on this machine
HOUR = 3_600.0
PACE = 4.0  # seconds; each such interval gets its even share of the hour's calls
LONG = 5.0  # seconds of a wait that is worth a line
SILENCE = 8.0  # seconds without any answer that are
IMAGES_PER_SECOND = 2
LONGEST_DOWNLOAD = 600.0  # seconds
CALLS_PER_HOUR = 3_500  # Flickr allows 3,600 a key
SANDBOX_PORT = 8600
CONTACT = "FLICKREXIF_CONTACT"  # of the environment: whom Flickr may write to

# What a month is expected to cost before any is done.
SEARCHES_PER_MONTH = 150
EXIF_PER_KEPT = 1.2
PHOTO_BYTES = 9_000  # of the journal and the labels
IMAGE_BYTES = {"large": 300_000, "original": 4_000_000}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Where photos come from and how often it may be called."""

    endpoint: str = FLICKR_ENDPOINT
    credentials: Credentials
    calls_per_hour: int | None  # None: no limit, for a server on this machine

    @property
    def own(self) -> bool:
        """Whether the server runs on this machine."""
        return is_loopback(self.endpoint)

    def has_images_at(self, address: str) -> bool:
        """Whether an address is an image server's: Flickr's, or that of the API; of one here, any on this machine."""
        server = server_of(address)
        return is_flickrs(address) or (is_loopback(server) if self.own else server == server_of(self.endpoint))

    @property
    def retry(self) -> Retry:
        """How failures are tried again."""
        return OWN_RETRY if self.own else RETRY

    def windows(self) -> list[Window]:
        """The limits of the key; Flickr's own servers also get an even pace."""
        if self.calls_per_hour is None:
            return []
        check_rate(self.calls_per_hour)
        hour = Window(self.calls_per_hour, HOUR)
        paced = Window(max(1, round(self.calls_per_hour * PACE / HOUR)), PACE)
        return [hour] if self.own else [hour, paced]


def check_rate(calls_per_hour: int) -> None:
    """UsageError for a limit that none can keep."""
    if calls_per_hour < 1:
        raise UsageError("--calls-per-hour is below 1.", "Flickr allows 3600; 3500 leaves room.")


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many calls one month still needs, and how many bytes on the disk, roughly."""

    month: str
    kept: int
    target: int
    calls: int
    bytes: int


def source_at(endpoint: str | None, sandbox: bool) -> str | None:
    """Whose photos a server has, where its address says so; None where it must be asked."""
    if sandbox:
        return "sandbox:simulated"
    return "flickr" if endpoint in (None, FLICKR_ENDPOINT) else None


def service_of(
    stack: ExitStack, endpoint: str | None, sandbox: bool, faults: str | None, calls_per_hour: int | None
) -> Service:
    """Flickr, another server, or an embedded one that runs as long as `stack`. UsageError where there is no key."""
    if sandbox:
        return _embedded(stack, endpoint, faults, calls_per_hour)
    if faults:
        raise UsageError("--faults is for --sandbox alone.", "Leave it out.")
    endpoint = endpoint or FLICKR_ENDPOINT
    credentials = from_environment(os.environ, endpoint)
    if calls_per_hour is None and not is_loopback(endpoint):
        calls_per_hour = CALLS_PER_HOUR
    return Service(endpoint=endpoint, credentials=credentials, calls_per_hour=calls_per_hour)


def _embedded(stack: ExitStack, endpoint: str | None, faults: str | None, calls_per_hour: int | None) -> Service:
    from flickrexif.collectors.sandbox.faults import parse_faults
    from flickrexif.collectors.sandbox.server import Sandbox
    from flickrexif.collectors.sandbox.simulated import SimulatedPopulation

    if endpoint:
        raise UsageError("--sandbox and --endpoint were both given.", "Give one of them.")
    population, failing = SimulatedPopulation(), parse_faults(faults) if faults else None
    try:  # the same port each time, as the data set holds the addresses of images
        server = stack.enter_context(Sandbox(population, faults=failing, port=SANDBOX_PORT))
    except UsageError:  # taken
        server = stack.enter_context(Sandbox(population, faults=failing))
    return Service(endpoint=server.endpoint, credentials=SANDBOX, calls_per_hour=calls_per_hour)


def data_root(data_dir: Path) -> Path:
    """The FlickrExif folder of a data folder."""
    return data_dir / "flickrexif"


def journal_path(data_dir: Path) -> Path:
    """The journal of a data folder."""
    return data_root(data_dir) / ".crawl" / "journal.sqlite"


def user_agent(contact: str | None) -> str:
    """The User-Agent of every request, with whom to write to."""
    return f"flickrexif/{version('flickrexif')} (research data sets; {contact or 'no contact given'})"


def crawl_into(
    data_dir: Path,
    months: Sequence[str],
    settings: CrawlSettings,
    service: Service,
    progress: Progress,
    stop: threading.Event,
    *,
    again: bool = False,
) -> list[MonthSummary]:
    """Crawl `months` into the journal of `data_dir`, with `again` those that may have more photos anew.

    Raises FlickrExifError; what was done stays in the journal.
    """
    check_settings(settings)
    service.windows()  # refuses an impossible limit before a folder is created
    if settings.images != "none":
        check_image_server(service, "crawl")
    with open_journal(journal_path(data_dir)) as journal:
        takedowns = read_takedowns(takedown_path(data_root(data_dir)))
        client_for = clients(service, journal, stop, progress.called, progress.say)
        settle(journal, settings, identified(client_for(""), service, progress.say))
        fetcher = None
        if settings.images != "none":
            fetcher = image_fetcher(journal, settings.images, service, stop, progress.say)
        return crawl(months, settings, journal, client_for, stop, progress, fetcher, takedowns, again=again)


def check_image_server(service: Service, command: str) -> None:
    """UsageError where Flickr's image servers cannot be reached, or would not learn whom to write to."""
    contact = os.environ.get(CONTACT)
    if not service.own and not contact:
        hint = f"Say whom to write to: {CONTACT}=you@example.org flickrexif {command} …"
        raise UsageError("Flickr's image servers want a contact in the User-Agent.", hint)
    if not service.own:
        check_connection(IMAGE_SERVER, user_agent(contact))


def identified(client: Client, service: Service, say: Say) -> str:
    """Whose photos the server has; says so where nothing was answered for `SILENCE` seconds."""
    host = urlsplit(service.endpoint).hostname
    timer = threading.Timer(SILENCE, say, [f"No answer from {host} yet; it is asked again for some minutes."])
    timer.daemon = True
    timer.start()
    try:
        return client.identify().source
    finally:
        timer.cancel()


def waits_said(say: Say) -> Waits:
    """Says what a long wait is for, when it begins."""

    def waits(seconds: float, why: str) -> None:
        if seconds > LONG:
            say(f"Waiting {timedelta(seconds=round(seconds))}: {why}.")

    return waits


def clients(
    service: Service,
    journal: Journal,
    stop: threading.Event,
    called: Callable[[], None],
    say: Say,
) -> Callable[[str], Client]:
    """A function that makes the client of a month; the client records its calls in `journal` under that month.

    All clients share the count of failures, one limiter, and where there is a limit the budget of the key. `called`
    runs at each call; long waits are said.
    """
    clock = SystemClock(stop)
    sender = transport(service.credentials, service.endpoint, user_agent(os.environ.get(CONTACT)))
    windows = service.windows()
    calls = CallsOfKey(key_file(service.credentials.key, service.endpoint)) if windows else None
    limiter = Limiter(windows, clock, calls, waits_said(say))
    jitter, streak = random.Random(), Streak()

    def client_for(month: str) -> Client:
        def record(at: float, method: str) -> None:
            journal.record_call(at, method, month)
            called()

        return Client(sender, limiter, clock, jitter, record, service.retry, streak)

    return client_for


def image_fetcher(
    journal: Journal, preferred_size: str, service: Service, stop: threading.Event, say: Say
) -> ImageFetcher:
    """A fetcher over a session of its own, into a folder beside the journal, at the pace for Flickr's servers."""
    from flickrexif.collectors.flickr.deadline import bounded_session

    agent = user_agent(os.environ.get(CONTACT))
    # no proxy between this machine and itself
    session = bounded_session(agent, LONGEST_DOWNLOAD, connections=16, proxies=not service.own)
    clock = SystemClock(stop)
    pace = [] if service.own else [Window(IMAGES_PER_SECOND, 1.0)]
    return ImageFetcher(
        journal.path.parent / "images",
        "original" if preferred_size == "original" else "large",
        session,
        Limiter(pace, clock, waits=waits_said(say)),
        clock,
        service.retry,
        random.Random(),
        is_image_server=service.has_images_at,
    )


def estimate(journal: Journal | None, months: Sequence[str], settings: CrawlSettings) -> list[Estimate]:
    """What each month still needs, judged by finished months, or else by typical figures."""
    kept = {month: journal.verdicts(month).get("kept", 0) for month in months} if journal else {}
    states = journal.months() if journal else {}
    per_kept = _exif_per_kept(journal) if journal else EXIF_PER_KEPT
    rows = []
    for month in months:
        state = states.get(month)
        complete = state is not None and (state.exhausted or (state.done and state.target >= settings.target))
        missing = 0 if complete else settings.target - kept.get(month, 0)
        searches = 0 if state else SEARCHES_PER_MONTH
        calls = round(missing * per_kept) + searches if missing > 0 else 0
        without = journal.without_image(month, originals=settings.images == "original") if journal else ()
        images = max(missing, 0) + len(without)
        size = max(missing, 0) * PHOTO_BYTES + images * IMAGE_BYTES.get(settings.images, 0)
        rows.append(Estimate(month, kept.get(month, 0), settings.target, calls, size))
    return rows


def _exif_per_kept(journal: Journal) -> float:
    calls = sum(methods.get("flickr.photos.getExif", 0) for methods in journal.calls().values())
    kept = sum(journal.verdicts(month).get("kept", 0) for month in journal.months())
    return calls / kept if kept >= 100 else EXIF_PER_KEPT
