"""Searches that answer as Flickr was reported to: the rows are those of true answers, or `status` says that they may
not be."""

import random
import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from flickrexif.collectors.crawl import CrawlSettings, MonthSummary, NoProgress, crawl
from flickrexif.collectors.flickr.client import Client, Retry
from flickrexif.collectors.flickr.limiter import Limiter
from flickrexif.collectors.journal import open_journal
from flickrexif.collectors.sandbox.faults import SEARCH_KINDS, Faults
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from tests.clock import FakeClock
from tests.direct import Direct
from tests.populations import START, Cameras, make_photo

MONTH = "2024-08"


def spread(count: int, seconds: int = 31 * 86_400) -> list[int]:
    draw = random.Random(count)
    return [draw.randrange(seconds) for _ in range(count)]


def serving(moments: list[int], **faults: float) -> Sandbox:
    """A server with a photo of another photographer for each moment (seconds of the month), of four licences."""
    photos = [
        make_photo(
            number,
            owner=f"{number}@N01",
            license=(4, 5, 7, 9)[number % 4],
            media="photo",
            safe=True,
            taken=START + timedelta(seconds=moment),
            uploaded=1_726_000_000 + 97 * number,
        )
        for number, moment in enumerate(moments)
    ]
    return Sandbox(Cameras(photos), faults=Faults({name.replace("_", "-"): share for name, share in faults.items()}))


def run(
    path: Path, sandbox: Sandbox, target: int = 10_000, *, again: bool = False
) -> tuple[MonthSummary, Counter[str]]:
    """A crawl of MONTH, and its calls by method."""
    clock, calls = FakeClock(), Counter[str]()
    retry = Retry(attempts=200, doubtful=200, outage=10_000, base_seconds=1e-6)
    client = Client(
        Direct(sandbox), Limiter([], clock), clock, random.Random(0), lambda _, method: calls.update([method]), retry
    )
    chosen = CrawlSettings(target=target, minimum=0, workers=4)
    with open_journal(path) as journal:
        (summary,) = crawl([MONTH], chosen, journal, lambda _: client, threading.Event(), NoProgress(), again=again)
    return summary, calls


def kept(path: Path) -> list[int]:
    with open_journal(path) as journal:
        return [photo.id for photo, _ in journal.kept(MONTH)]


SEARCH = "flickr.photos.search"


@pytest.mark.parametrize("kind", ["total_low", "total_high", "licences_empty", "no_total"])
def test_a_server_that_always_answers_so_loses_no_photo(tmp_path: Path, kind: str) -> None:
    with serving(spread(2_900), **{kind: 1.0}) as sandbox:
        summary, calls = run(tmp_path / "journal.sqlite", sandbox)
    assert (summary.kept, summary.doubts) == (2_900, {})
    assert calls[SEARCH] < 40


def test_times_to_five_minutes_cost_few_searches(tmp_path: Path) -> None:
    """C5: 1,248 searches, 36 with exact times."""
    with serving([600 + second for second in spread(3_500, 290)], time_coarse=1.0) as sandbox:
        summary, calls = run(tmp_path / "journal.sqlite", sandbox)
    assert (summary.kept, summary.doubts) == (3_500, {})
    assert calls[SEARCH] < 100


def test_an_empty_month_is_one(tmp_path: Path) -> None:
    """C1, where each search is `total: ""`."""
    with serving([], no_total=1.0) as sandbox:
        summary, calls = run(tmp_path / "journal.sqlite", sandbox)
    assert (summary.kept, summary.done, summary.exhausted, summary.doubts) == (0, True, True, {})
    assert calls[SEARCH] < 30


def test_pages_that_stay_empty_are_noted_and_searched_again_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with serving(spread(2_900)) as sandbox:
        whole = sandbox._search.answer
        sandbox._search.answer = lambda arguments: whole(  # type: ignore[method-assign]
            arguments | ({"license": "-1"} if arguments.get("page") == "2" else {})
        )
        summary, _ = run(path, sandbox)
        assert (summary.kept, summary.doubts) == (2_400, {"pages_missing": 1})
        assert summary.may_have_more
        assert run(path, sandbox)[1][SEARCH] == 0  # not before it is asked for
        sandbox._search.answer = whole  # type: ignore[method-assign]
        summary, _ = run(path, sandbox, again=True)
    assert (summary.kept, summary.doubts) == (2_900, {})


def test_a_month_that_ended_short_gets_what_was_added_when_asked(tmp_path: Path) -> None:
    """C6: 60 photos now, 300 later."""
    path = tmp_path / "journal.sqlite"
    with serving(spread(60)) as sandbox:
        summary, _ = run(path, sandbox, 200)
        assert (summary.kept, summary.may_have_more) == (60, True)
    with serving(spread(60) + spread(240)) as sandbox:
        summary, calls = run(path, sandbox, 250)
        assert (summary.kept, calls[SEARCH], summary.may_have_more) == (60, 0, True)
        summary, calls = run(path, sandbox, 250, again=True)
        assert (summary.kept, summary.may_have_more) == (250, False)
        fresh, asked = run(tmp_path / "fresh.sqlite", sandbox, 250)
        assert kept(path) == kept(tmp_path / "fresh.sqlite")
        assert fresh.kept - 60 <= calls["flickr.photos.getExif"] < asked["flickr.photos.getExif"]
        assert run(path, sandbox, 250, again=True)[1] == {}  # nothing to ask for


@pytest.fixture(scope="module")
def simulated() -> Callable[[Faults | None], Sandbox]:
    population = SimulatedPopulation(photos_per_month=3_000)
    return lambda faults: Sandbox(population, faults=faults)


@pytest.mark.parametrize("seed", range(3))
def test_a_month_with_two_of_a_hundred_answers_wrong_in_every_way_has_the_rows_of_a_clean_one(
    simulated: Callable[[Faults | None], Sandbox], tmp_path: Path, seed: int
) -> None:
    clean, failing = tmp_path / "clean.sqlite", tmp_path / "failing.sqlite"
    with simulated(None) as sandbox:
        run(clean, sandbox, 150)
    shares = dict.fromkeys((kind for kind in SEARCH_KINDS if kind != "stall"), 0.02)  # which takes two seconds each
    with simulated(Faults(shares, seed)) as sandbox:
        summary, calls = run(failing, sandbox, 150)
        while summary.doubts:  # wrong twice in a row
            summary, _ = run(failing, sandbox, 150, again=True)
    assert calls["flickr.photos.getExif"] > 200
    assert kept(failing) == kept(clean)
