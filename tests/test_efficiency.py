"""What a month of 4,000 photos costs in calls, and that not one of them could have been known to be useless."""

import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest

from flickrexif.collectors.crawl import CrawlSettings, MonthSummary, NoProgress, crawl
from flickrexif.collectors.flickr.client import Client
from flickrexif.collectors.flickr.clock import SystemClock
from flickrexif.collectors.flickr.limiter import Limiter
from flickrexif.collectors.flickr.transport import Arguments, Reply
from flickrexif.collectors.journal import open_journal
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation

MONTH = "2024-08"
AUGUST = datetime(2024, 8, 1), datetime(2024, 8, 31, 23, 59, 59)
TARGET, CAP = 4_000, 10
PERMISSIVE = {4, 5, 7, 8, 9, 10, 11, 12}
GET_EXIF = "flickr.photos.getExif"


@dataclass(frozen=True, slots=True)
class Direct:
    """Asks the embedded server without a network between."""

    sandbox: Sandbox

    def call(self, method: str, arguments: Arguments) -> Reply:
        fixed = {"method": method, "api_key": "sandbox", "format": "json", "nojsoncallback": "1"}
        url = f"{self.sandbox.endpoint}?{urlencode({**arguments, **fixed})}"
        response = self.sandbox.call("GET", url, "", "")
        return Reply(response.status, {}, response.body)


@dataclass(frozen=True, slots=True)
class Crawled:
    """What a crawl kept, the calls that the server answered, and how the crawl sums itself up."""

    kept: list[SandboxPhoto]
    calls: list[tuple[str, dict[str, str]]]
    summary: MonthSummary

    def asked(self) -> list[int]:
        return [int(arguments["photo_id"]) for method, arguments in self.calls if method == GET_EXIF]


def crawled(sandbox: Sandbox, folder: Path, target: int, workers: int = 16) -> Crawled:
    sandbox.calls.clear()
    stop = threading.Event()
    clock = SystemClock(stop)
    with open_journal(folder / "journal.sqlite") as journal:

        def client_for(month: str) -> Client:
            def record(at: float, method: str) -> None:
                journal.record_call(at, method, month)

            return Client(Direct(sandbox), Limiter([], clock), clock, random.Random(0), record)

        settings = CrawlSettings(target=target, workers=workers)
        (summary,) = crawl([MONTH], settings, journal, client_for, stop, NoProgress())
        ids = [photo.id for photo, _ in journal.kept(MONTH)]
    return Crawled([found(sandbox, photo_id) for photo_id in ids], list(sandbox.calls), summary)


def found(sandbox: Sandbox, photo_id: int) -> SandboxPhoto:
    photo = sandbox.population.photo(photo_id)
    assert photo is not None
    return photo


def eligible(photo: SandboxPhoto) -> bool:
    """Whether the facts that a search tells leave the photo in."""
    uploaded = datetime.fromtimestamp(photo.uploaded, UTC).replace(tzinfo=None)
    return (
        photo.license in PERMISSIVE
        and photo.safe
        and photo.media == "photo"
        and photo.granularity == 0
        and not photo.taken_unknown
        and AUGUST[0] <= photo.taken <= AUGUST[1]
        and photo.taken <= uploaded + timedelta(days=1)
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SimulatedPopulation()) as running:
        yield running


@pytest.fixture(scope="module")
def month(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Crawled:
    return crawled(sandbox, tmp_path_factory.mktemp("month"), TARGET)


def test_the_target_is_met_exactly_and_within_the_cap(month: Crawled) -> None:
    assert len(month.kept) == month.summary.kept == TARGET
    assert month.summary.done
    owners = Counter(photo.owner for photo in month.kept)
    assert max(owners.values()) == CAP
    assert month.summary.owners == len(owners)


def test_few_calls_are_not_for_exif(month: Crawled) -> None:
    methods = Counter(method for method, _ in month.calls)
    assert methods.total() - methods[GET_EXIF] < 0.08 * methods.total()
    assert month.summary.calls == methods  # no attempt failed: the books are the server's


def test_no_call_is_made_twice(month: Crawled) -> None:
    calls = Counter((method, *sorted(arguments.items())) for method, arguments in month.calls)
    assert calls.total() == len(calls)


def test_exif_is_never_asked_of_a_photo_over_the_cap_or_out_by_a_filter(sandbox: Sandbox, month: Crawled) -> None:
    asked = [found(sandbox, photo_id) for photo_id in month.asked()]
    assert len(asked) > TARGET
    assert [photo for photo in asked if not eligible(photo)] == []
    assert CAP < max(Counter(photo.owner for photo in asked).values()) <= 2 * CAP
    # The population has what must be passed over.
    photos = sandbox.population.taken_between(*AUGUST)
    assert sum(eligible(photo) for photo in photos) < 0.5 * len(photos)
    assert max(Counter(photo.owner for photo in photos if eligible(photo)).values()) > 5 * CAP


def test_every_photo_that_was_asked_for_is_kept_or_had_no_usable_exif(month: Crawled) -> None:
    """No answer is thrown away: all calls end in a row, or in a verdict that only the answer could give."""
    by_exif = {"not_found", "exif_hidden", "skipped", "no_answer", "no_exif", "no_make_or_model", "no_exposure_setting"}
    out = sum(count for reason, count in month.summary.rejected.items() if reason in by_exif)
    assert len(month.asked()) == TARGET + out


def test_the_photos_kept_do_not_depend_on_the_number_of_workers(sandbox: Sandbox, tmp_path: Path) -> None:
    runs = [crawled(sandbox, tmp_path / str(workers), 400, workers) for workers in (1, 4, 16)]
    assert len(runs[0].kept) == 400
    assert runs[1].kept == runs[2].kept == runs[0].kept
    assert sorted(runs[1].asked()) == sorted(runs[2].asked()) == sorted(runs[0].asked())
