"""One crawl from an endpoint into a data folder, against the embedded server."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flickrexif.collectors.crawl import CrawlSettings
from flickrexif.collectors.flickr.budget import CallsOfKey, key_file
from flickrexif.collectors.flickr.client import KeyRefused
from flickrexif.collectors.flickr.credentials import SANDBOX, Credentials
from flickrexif.collectors.flickr.limiter import Limiter, Window
from flickrexif.collectors.journal import open_journal, read_journal
from flickrexif.collectors.progress import CrawlProgress
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.search import Answer
from flickrexif.collectors.session import (
    EXIF_PER_KEPT,
    LONG,
    SEARCHES_PER_MONTH,
    SILENCE,
    Estimate,
    Service,
    crawl_into,
    estimate,
    journal_path,
    service_of,
    user_agent,
    waits_said,
)
from flickrexif.core.errors import FlickrExifError, Interrupted, UsageError
from tests.clock import FakeClock
from tests.populations import Cameras, make_photo
from tests.scripted_server import ScriptedServer, closed_port
from tests.test_images import Pictures
from tests.test_journal import ANSWER, TAGS, photos

MONTH = "2024-08"
PERMITTED = [make_photo(n, license=4, media="photo", safe=True, owner=f"{n}@N01") for n in range(40)]
# An answer that has the API's headers and no call succeeds on: enough to see what was sent.
REFUSED = (200, {}, b'{"stat":"fail","code":100,"message":"Invalid API Key"}')


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Cameras(PERMITTED)) as running:
        yield running


def run(
    data: Path,
    sandbox: Sandbox | str,
    *,
    calls_per_hour: int | None = None,
    stop: bool = False,
    credentials: Credentials = SANDBOX,
    **settings: object,
) -> list[int]:
    """Crawl MONTH; the photos kept a month. `stop`: any wait ends the crawl at once."""
    endpoint = sandbox if isinstance(sandbox, str) else sandbox.endpoint
    service = Service(endpoint=endpoint, credentials=credentials, calls_per_hour=calls_per_hour)
    event = threading.Event()
    if stop:
        event.set()
    crawl_settings = CrawlSettings(**{"target": 5, "minimum": 1, **settings})  # type: ignore[arg-type]
    progress = CrawlProgress()
    return [s.kept for s in crawl_into(data, [MONTH], crawl_settings, service, progress, event)]


# --- the limits of a key ---------------------------------------------------------------------------------------


def test_flickr_gets_an_hourly_limit_and_an_even_pace() -> None:
    service = Service(credentials=SANDBOX, calls_per_hour=3_500)
    assert not service.own
    hour, paced = service.windows()
    assert hour == Window(3_500, 3_600.0)
    assert paced.calls * 3_600 / paced.seconds == pytest.approx(3_500, rel=0.05)
    assert paced.calls < 20
    (slow, _) = Service(credentials=SANDBOX, calls_per_hour=1).windows()
    assert slow == Window(1, 3_600.0)


def test_a_server_of_ones_own_has_no_pace() -> None:
    own = Service(endpoint="http://127.0.0.1:1/", credentials=SANDBOX, calls_per_hour=9)
    assert own.own
    assert own.windows() == [Window(9, 3_600.0)]
    assert Service(endpoint="http://localhost:1/", credentials=SANDBOX, calls_per_hour=None).windows() == []


@pytest.mark.parametrize("calls", [0, -1])
def test_a_limit_below_one_is_refused(tmp_path: Path, sandbox: Sandbox, calls: int) -> None:
    with pytest.raises(UsageError, match="--calls-per-hour is below 1"):
        run(tmp_path, sandbox, calls_per_hour=calls)
    assert sandbox.attempts == 0


@pytest.mark.parametrize(("earlier", "allowed"), [(12, 0), (11, 1), (9, 3)])
def test_calls_of_an_earlier_run_count_against_the_hour(
    tmp_path: Path, sandbox: Sandbox, earlier: int, allowed: int
) -> None:
    """A restart cannot burst. A set `stop` ends the crawl where it would wait."""
    calls = CallsOfKey(key_file(SANDBOX.key, sandbox.endpoint))
    calls.book([], 0.0, lambda: time.time() - 4_000)  # of an hour that is over
    for _ in range(earlier):
        calls.book([], 0.0, time.time)
    for _ in range(2):
        with pytest.raises(Interrupted, match="what was done is saved"):
            run(tmp_path, sandbox, calls_per_hour=12, stop=True)
        assert sandbox.attempts == allowed
    with read_journal(journal_path(tmp_path)) as journal:
        assert sum(sum(methods.values()) for methods in journal.calls().values()) == allowed


HOURLY = Window(1, 3_600.0)


def fails(limiter: Limiter) -> None:
    limiter.pause(23, "the last call failed (timed out), and is made again then")


@pytest.mark.parametrize("in_file", [True, False])
@pytest.mark.parametrize(
    ("before", "said"),
    [
        (lambda limiter: limiter.acquire(lambda _: None), ["Waiting 1:00:00: the key has made its calls of this hour"]),
        (lambda limiter: limiter.pause_key(600), ["Waiting 0:10:00: the server asked for a pause"]),
        (fails, ["Waiting 0:00:23: the last call failed (timed out)"]),
        (lambda limiter: limiter.pause(4.9), []),
        (lambda _: None, []),
    ],
)
def test_a_wait_over_five_seconds_says_what_for_and_how_long(
    tmp_path: Path, in_file: bool, before: Callable[[Limiter], None], said: list[str]
) -> None:
    lines: list[str] = []
    calls = CallsOfKey(tmp_path / "key.sqlite") if in_file else None
    limiter = Limiter([HOURLY], FakeClock(), calls, waits_said(lines.append))
    before(limiter)
    limiter.acquire(lambda _: None)
    assert [line[: len(text)] for line, text in zip(lines, said, strict=True)] == said


def test_no_connection_is_said_while_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert max(SILENCE, LONG) < 10
    monkeypatch.setattr("flickrexif.collectors.session.SILENCE", 0.1)
    with pytest.raises(FlickrExifError, match="did not answer"):
        run(tmp_path, f"http://127.0.0.1:{closed_port()}/")
    assert capfd.readouterr().err == "No answer from 127.0.0.1 yet; it is asked again for some minutes.\n"


def test_without_a_limit_of_ones_own_a_server_on_this_machine_counts_for_no_key(tmp_path: Path) -> None:
    with ExitStack() as stack:
        embedded = service_of(stack, None, True, None, None)
        own = service_of(stack, embedded.endpoint, False, None, None)
        assert (embedded.windows(), own.windows()) == ([], [])
        assert len(service_of(stack, own.endpoint, False, None, 60).windows()) == 1


def test_every_attempt_is_in_the_journal(tmp_path: Path, sandbox: Sandbox) -> None:
    assert run(tmp_path, sandbox) == [5]
    with read_journal(journal_path(tmp_path)) as journal:
        calls = journal.calls()
    assert calls[""] == {"flickr.photos.licenses.getInfo": 1}
    assert calls[MONTH]["flickr.photos.getExif"] == 5
    assert sum(sum(methods.values()) for methods in calls.values()) == sandbox.attempts


# --- what binds a journal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("changes", [{"seed": 1}, {"per_user_cap": 3}, {"licenses": (4,)}])
def test_other_sampling_in_one_journal_is_refused(tmp_path: Path, sandbox: Sandbox, changes: dict[str, object]) -> None:
    run(tmp_path, sandbox)
    before = list(sandbox.calls)
    with pytest.raises(UsageError, match=r"was begun with (--[\w-]+ \w+), and this has --.*Add \1 to go"):
        run(tmp_path, sandbox, **changes)
    assert [method for method, _ in sandbox.calls[len(before) :]] == ["flickr.photos.licenses.getInfo"]
    assert run(tmp_path, sandbox, target=7, workers=2) == [7]  # what decides no draw may change


def test_photos_of_another_source_are_refused(tmp_path: Path, sandbox: Sandbox) -> None:
    run(tmp_path, sandbox)
    other = Cameras(PERMITTED)
    other.name = "photos"
    with (
        Sandbox(other) as photos_of_a_folder,
        pytest.raises(UsageError, match=r"holds simulated photos, .* for photos that an embedded server showed"),
    ):
        run(tmp_path, photos_of_a_folder)


def test_a_wrong_key_leaves_a_journal_that_the_right_one_goes_on_with(tmp_path: Path, sandbox: Sandbox) -> None:
    for wrong in (Credentials("wrong"), Credentials("sandbox", "wrong")):
        with pytest.raises(KeyRefused, match="Check FLICKR_API_KEY"):
            run(tmp_path, sandbox, credentials=wrong)
    assert run(tmp_path, sandbox) == [5]


def test_settings_that_cannot_be_met_make_no_folder(tmp_path: Path) -> None:
    for changes in ({"target": 0}, {"minimum": 6}, {"minimum": -1}, {"per_user_cap": 0}, {"workers": 0}):
        with pytest.raises(UsageError, match="cannot be met"):
            run(tmp_path / "data", "http://127.0.0.1:1/", **changes)
    assert not (tmp_path / "data").exists()


# --- images ----------------------------------------------------------------------------------------------------


def test_flickrs_image_servers_need_a_contact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLICKREXIF_CONTACT", raising=False)
    with pytest.raises(UsageError, match=r"want a contact .* FLICKREXIF_CONTACT=you@example\.org"):
        run(tmp_path / "data", "https://flickr.invalid/", images="large", calls_per_hour=10)
    assert not (tmp_path / "data").exists()


def test_the_contact_is_in_every_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKREXIF_CONTACT", "jo@example.org")
    assert "jo@example.org" in user_agent("jo@example.org")
    with ScriptedServer(REFUSED) as server, pytest.raises(KeyRefused):
        run(tmp_path, server.endpoint)
    ((_, _, headers, _),) = server.requests
    assert headers["User-Agent"] == user_agent("jo@example.org")


def test_images_come_past_a_proxy_for_the_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between this machine and itself there is none."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)

    class Usable(Pictures, Cameras):
        pass

    with Sandbox(Usable(PERMITTED)) as sandbox:
        assert run(tmp_path, sandbox, images="large") == [5]
    with read_journal(journal_path(tmp_path)) as journal:
        assert [record.reason for record in journal.images(MONTH)] == [None] * 5


# --- estimates -------------------------------------------------------------------------------------------------

SETTINGS = CrawlSettings(target=1_000, minimum=1)


def test_an_estimate_without_a_journal_is_the_typical_cost() -> None:
    calls = round(1_000 * EXIF_PER_KEPT) + SEARCHES_PER_MONTH
    assert estimate(None, [MONTH, "2024-09"], SETTINGS) == [
        Estimate(MONTH, 0, 1_000, calls, 9_000_000),
        Estimate("2024-09", 0, 1_000, calls, 9_000_000),
    ]


def test_an_estimate_goes_on_from_the_journal(tmp_path: Path) -> None:
    with open_journal(journal_path(tmp_path)) as journal:
        for month, first, kept in (("2024-07", 0, 150), (MONTH, 1_000, 50)):
            journal.start_month(month, 1_000)
            journal.add_search(month, "w", 1, Answer(200, 200, 200), photos(*range(first, first + 200)))
            for photo_id in range(first, first + kept):
                journal.add_exif(photo_id, ANSWER, "kept", TAGS)
        for _ in range(300):  # 200 kept: 1.5 calls each
            journal.record_call(0.0, "flickr.photos.getExif", "2024-07")
        journal.exhaust("2024-07")
        months = ["2024-07", MONTH, "2024-09"]
        assert estimate(journal, months, SETTINGS) == [
            Estimate("2024-07", 150, 1_000, 0, 0),  # no candidate is left
            Estimate(MONTH, 50, 1_000, round(950 * 1.5), 950 * 9_000),
            Estimate("2024-09", 0, 1_000, 1_500 + SEARCHES_PER_MONTH, 9_000_000),
        ]
        large = CrawlSettings(target=1_000, minimum=1, images="large")  # also of the 150 that are kept without
        assert estimate(journal, ["2024-07"], large) == [Estimate("2024-07", 150, 1_000, 0, 150 * 300_000)]
        higher = CrawlSettings(target=2_000, minimum=1)
        assert estimate(journal, ["2024-07"], higher) == [Estimate("2024-07", 150, 2_000, 0, 0)]
        assert estimate(journal, [MONTH], higher) == [Estimate(MONTH, 50, 2_000, round(1_950 * 1.5), 1_950 * 9_000)]
