"""A server that fails in every way the API is known to fail, goes away, refuses the key or hates one photo."""

import hashlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from flickrexif.collectors.crawl import CrawlSettings, MonthSummary, NoProgress, crawl, raw_photos
from flickrexif.collectors.flickr.client import Client, Retry
from flickrexif.collectors.flickr.credentials import SANDBOX
from flickrexif.collectors.flickr.limiter import Limiter
from flickrexif.collectors.flickr.transport import PlainTransport, is_loopback
from flickrexif.collectors.images import ImageFetcher
from flickrexif.collectors.journal import open_journal
from flickrexif.collectors.sandbox.faults import (
    API_KINDS,
    IMAGE_KINDS,
    KINDS,
    PERMANENT,
    SEARCH_KINDS,
    UNAVAILABLE,
    Faults,
    parse_faults,
)
from flickrexif.collectors.sandbox.responses import Response, fail, html_response, json_response
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.photos import RawPhoto
from tests.clock import FakeClock
from tests.crashes import MONTH, WORKERS, crawl_process, crawled, finish, journaled, look, output_files, photo_calls
from tests.test_crash import Painted

SEARCH, GET_EXIF = "flickr.photos.search", "flickr.photos.getExif"
TARGET = 100  # of the command line's crawls
TINY = 6  # of those with one kind of failure
VERDICTS = "SELECT photo_id, verdict FROM candidates ORDER BY photo_id"


class Counted:
    """Faults that count what they did."""

    def __init__(self, faults: Faults) -> None:
        self.faults, self.kinds = faults, Counter[str]()

    def of_call(self, method: str, number: int) -> str | None:
        return self._count(self.faults.of_call(method, number))

    def of_image(self, path: str, number: int) -> str | None:
        return self._count(self.faults.of_image(path, number))

    def of_photo(self, photo_id: int) -> str | None:
        return self.faults.of_photo(photo_id)

    def _count(self, kind: str | None) -> str | None:
        self.kinds.update([kind] if kind else [])
        return kind


class Scripted(Sandbox):
    """A server that gives, in place of an answer, what `script(attempt number, URL and form)` returns, if anything."""

    script: Callable[[int, str], Response | None] = staticmethod(lambda number, request: None)

    def call(self, http_method: str, url: str, body: str, authorization: str) -> Response:
        scripted = self.script(self.attempts, url + body)
        if scripted is None:
            return super().call(http_method, url, body, authorization)
        self.attempts += 1
        return scripted


@pytest.fixture(scope="module")
def population() -> Painted:
    return Painted(0, 600)


@pytest.fixture(scope="module")
def sandbox(population: Painted) -> Iterator[Scripted]:
    with Scripted(population) as running:
        yield running


@pytest.fixture(autouse=True)
def no_faults(sandbox: Scripted) -> Iterator[None]:
    yield
    sandbox.faults, sandbox.script, sandbox.latency = None, Scripted.script, 0.0


@pytest.fixture(scope="module")
def whole(sandbox: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a crawl without a failure."""
    folder = tmp_path_factory.mktemp("whole")
    assert crawled(sandbox.endpoint, folder, TARGET) == (0, "")
    return folder


def assert_whole(folder: Path, whole: Path) -> None:
    assert output_files(folder) == output_files(whole)
    assert look(folder, VERDICTS) == look(whole, VERDICTS)


def few(
    sandbox: Sandbox,
    folder: Path,
    *,
    target: int = TINY,
    images: bool = False,
    attempts: int = 60,
    doubtful: int = 60,
    workers: int = WORKERS,
) -> tuple[list[RawPhoto], MonthSummary, dict[str, str]]:
    """The rows, the summary and the images' hashes of a small crawl; its pauses take no time."""
    sandbox.attempts = sandbox.image_requests = 0
    clock, retry = FakeClock(time.time()), Retry(attempts=attempts, doubtful=doubtful)
    sender = PlainTransport(SANDBOX.key, sandbox.endpoint, "flickrexif-test/1", timeout=0.3)
    path = folder / "flickrexif" / ".crawl" / "journal.sqlite"
    with requests.Session() as session, open_journal(path) as journal:
        client = Client(sender, Limiter([], clock), clock, random.Random(0), lambda at, method: None, retry)
        stored = path.parent / "images"
        fetcher = ImageFetcher(
            stored, "large", session, Limiter([], clock), clock, retry, random.Random(0), is_image_server=is_loopback
        )
        settings = CrawlSettings(target=target, minimum=0, workers=workers)
        stop = threading.Event()
        (summary,) = crawl(
            [MONTH], settings, journal, lambda month: client, stop, NoProgress(), fetcher if images else None
        )
        for record in journal.images(MONTH):
            if record.path:
                data = (path.parent / record.path).read_bytes()
                assert hashlib.sha256(data).hexdigest() == record.sha256
        hashes = {str(record.photo_id): record.sha256 or "" for record in journal.images(MONTH)}
        return raw_photos(journal, MONTH), summary, hashes


@pytest.fixture(scope="module")
def few_whole(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Any:
    rows, summary, hashes = few(sandbox, tmp_path_factory.mktemp("few"), images=True)
    assert len(rows) == len(hashes) == summary.images["fetched"] == TINY
    assert sorted(hashes) == [str(row.flickr_id) for row in rows]
    return rows, summary, hashes


# --- failures that pass


def test_a_fifth_of_the_answers_failing_changes_no_row(sandbox: Sandbox, whole: Path, tmp_path: Path) -> None:
    counted = Counted(parse_faults("0.2"))
    sandbox.faults, sandbox.attempts = counted, 0  # type: ignore[assignment]
    assert crawled(sandbox.endpoint, tmp_path, TARGET) == (0, "")
    assert counted.kinds.total() > 0.1 * sandbox.attempts
    assert len(counted.kinds) >= 6
    assert_whole(tmp_path, whole)


# Refusals that look final, and answers that lack something.
DECEPTIVE = [
    kind
    for kind in SEARCH_KINDS
    if kind.startswith(("cdn-", "undocumented-")) or kind in ("nonce", "timestamp", "no-total", "xml", "106")
]


def test_refusals_that_pass_blame_no_key_and_cost_no_photo(sandbox: Sandbox, whole: Path, tmp_path: Path) -> None:
    """With one worker the same calls fail each time: three and three failures of a photo by chance are no flaw."""
    assert len(DECEPTIVE) == 11
    counted = Counted(parse_faults(",".join(f"{kind}=0.03" for kind in DECEPTIVE)))
    sandbox.faults, sandbox.attempts = counted, 0  # type: ignore[assignment]
    assert crawled(sandbox.endpoint, tmp_path, TARGET, "--workers", "1") == (0, "")
    assert counted.kinds.total() > 0.2 * sandbox.attempts
    assert len(counted.kinds) >= 8
    assert_whole(tmp_path, whole)


@pytest.mark.parametrize("kind", SEARCH_KINDS)
def test_every_other_answer_failing_in_one_way_changes_no_row(
    sandbox: Sandbox, few_whole: Any, tmp_path: Path, kind: str
) -> None:
    # A seed with which the first call, a search, fails: the search's own code is met too.
    seed = next(n for n in itertools.count() if Faults({kind: 0.5}, n).of_call(SEARCH, 0))
    sandbox.faults = counted = Counted(Faults({kind: 0.5}, seed))  # type: ignore[assignment]
    rows, summary, _ = few(sandbox, tmp_path)
    assert counted.kinds[kind] >= (3 if kind in API_KINDS else 1)
    assert rows == few_whole[0]
    assert summary.rejected == few_whole[1].rejected


@pytest.mark.parametrize("kind", IMAGE_KINDS)
def test_every_other_image_failing_changes_no_image(
    sandbox: Sandbox, few_whole: Any, tmp_path: Path, kind: str
) -> None:
    sandbox.faults = counted = Counted(Faults({kind: 0.5}))  # type: ignore[assignment]
    rows, _, hashes = few(sandbox, tmp_path, images=True)
    assert counted.kinds[kind] >= 1
    assert (rows, hashes) == (few_whole[0], few_whole[2])
    assert not list(tmp_path.glob("images/*/.*.tmp"))


def test_a_removed_image_is_told_from_one_that_fails(sandbox: Sandbox, few_whole: Any, tmp_path: Path) -> None:
    sandbox.faults = counted = Counted(Faults({UNAVAILABLE: 0.5, "image-403": 0.3}))  # type: ignore[assignment]
    rows, summary, hashes = few(sandbox, tmp_path, images=True)
    gone = {photo for photo, sha256 in hashes.items() if not sha256}
    assert 0 < len(gone) == summary.images["gone"] == counted.kinds[UNAVAILABLE] < TINY
    assert rows == few_whole[0]
    assert {photo: sha256 for photo, sha256 in hashes.items() if sha256}.items() < few_whole[2].items()


def test_every_kind_of_failure_is_tried_here() -> None:
    assert {*SEARCH_KINDS, *IMAGE_KINDS, *PERMANENT} == set(KINDS)


# --- failures that last


def test_a_server_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    population = SimulatedPopulation(0, 600)
    with Sandbox(population, latency=0.02) as server:
        process = crawl_process(server.endpoint, tmp_path / "cut", TARGET, "--workers", "1")
        while len(server.calls) < 40:
            assert process.poll() is None
            time.sleep(0.001)
    code, errors = finish(process)
    assert code == 1
    assert_one_sentence(errors, "The server did not answer", "goes on where it stopped")
    before = journaled(tmp_path / "cut")
    assert len(before) >= 38
    with Sandbox(population, port=server.port) as again:
        assert crawled(again.endpoint, tmp_path / "cut", TARGET) == (0, "")
        assert not before & set(photo_calls(again.calls))
        assert crawled(again.endpoint, tmp_path / "whole", TARGET) == (0, "")
    assert_whole(tmp_path / "cut", tmp_path / "whole")


def assert_one_sentence(errors: str, *parts: str) -> None:
    (line,) = errors.splitlines()
    assert line.startswith("flickrexif: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (json_response(fail(100, "Invalid API Key (Key has expired)")), "Check FLICKR_API_KEY and FLICKR_API_SECRET"),
        (Response(401, b"oauth_problem=consumer_key_revoked"), "oauth_problem=consumer_key_revoked"),
        (Response(401, b"oauth_problem=timestamp_refused"), "clock"),
        (html_response(403, "403 Forbidden"), "HTTP 403"),
        (html_response(404, "404 Not Found"), "HTTP 404"),
        (json_response(fail(111, "Format not found")), "Format not found"),
    ],
    ids=["key", "signature", "clock", "403", "404", "format"],
)
def test_a_refusal_of_everything_ends_the_run_and_no_photo(
    sandbox: Scripted, whole: Path, tmp_path: Path, answer: Response, sentence: str
) -> None:
    sandbox.latency = 0.01
    sandbox.script = lambda number, request: answer if number >= 40 else None
    with pytest.raises(FlickrExifError) as ended:
        few(sandbox, tmp_path, target=TARGET, attempts=Retry().attempts, doubtful=Retry().doubtful)
    assert ended.value.exit_code == 1
    assert sentence in str(ended.value)
    assert len(journaled(tmp_path)) >= 20
    sandbox.script = Scripted.script
    assert crawled(sandbox.endpoint, tmp_path, TARGET) == (0, "")
    assert_whole(tmp_path, whole)


@pytest.mark.parametrize("length", [1, Retry().attempts - 1, Retry().attempts, 2 * Retry().attempts - 1])
def test_an_outage_that_ends_costs_no_photo(sandbox: Scripted, whole: Path, tmp_path: Path, length: int) -> None:
    """Also one that ends just when all attempts at a photo were spent."""
    outage = html_response(503, "503 Service Unavailable")
    sandbox.script = lambda number, request: outage if 40 <= number < 40 + length else None
    _, summary, _ = few(sandbox, tmp_path, target=TARGET, attempts=Retry().attempts, workers=1)
    assert summary.kept == TARGET
    assert look(tmp_path, VERDICTS) == look(whole, VERDICTS)


@pytest.mark.parametrize(
    "odd", [json_response(fail(999, "Words")), html_response(403, "403 Forbidden")], ids=["code", "page"]
)
def test_a_photo_that_is_refused_without_a_reason_is_left_out_and_the_crawl_ends(
    sandbox: Scripted, whole: Path, tmp_path: Path, odd: Response
) -> None:
    poison = next(photo for photo, verdict in look(whole, VERDICTS) if verdict == "kept")
    sandbox.script = lambda number, request: odd if f"photo_id={poison}" in request else None
    assert crawled(sandbox.endpoint, tmp_path, TARGET) == (0, "")
    verdicts = dict(look(tmp_path, VERDICTS))
    assert [photo for photo, verdict in verdicts.items() if verdict == "skipped"] == [poison]
    assert [*verdicts.values()].count("kept") == TARGET  # another photo took its place


def test_a_refusal_of_all_that_passes_costs_no_photo(sandbox: Scripted, whole: Path, tmp_path: Path) -> None:
    """Also one that ends just when all attempts at a photo were spent."""
    blocked = html_response(403, "403 ERROR: The request could not be satisfied")
    for length in (3, 4, 10, 12, 18):
        sandbox.script = lambda number, request, end=40 + length: blocked if 40 <= number < end else None
        folder = tmp_path / str(length)
        _, summary, _ = few(sandbox, folder, target=TARGET, attempts=Retry().attempts, doubtful=3, workers=1)
        assert summary.kept == TARGET
        assert look(folder, VERDICTS) == look(whole, VERDICTS)


def test_a_photo_that_never_answers_is_left_out_and_the_crawl_ends(
    sandbox: Scripted, whole: Path, tmp_path: Path
) -> None:
    verdicts = dict(look(whole, VERDICTS))
    poison = next(photo for photo, verdict in verdicts.items() if verdict == "kept")
    broken = html_response(500, "500 Internal Server Error")
    sandbox.script = lambda number, request: broken if f"photo_id={poison}" in request else None
    rows, summary, _ = few(sandbox, tmp_path, target=TARGET, attempts=Retry().attempts)
    assert summary.done
    verdicts_now = dict(look(tmp_path, VERDICTS))
    assert [photo for photo, verdict in verdicts_now.items() if verdict == "no_answer"] == [poison]
    kept = {row.flickr_id for row in rows}
    before = {photo for photo, verdict in verdicts.items() if verdict == "kept"}
    assert before - kept == {poison}
    assert len(kept) == TARGET  # another photo took its place
