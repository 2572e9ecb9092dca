"""Whatever was asked of a month before, and wherever it was killed: the photos are those of a fresh crawl."""

import itertools
import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from flickrexif.collectors import crawl as crawling
from flickrexif.collectors import month as sampling
from flickrexif.collectors import search as searching
from flickrexif.collectors.crawl import CrawlSettings, MonthSummary, NoProgress, crawl
from flickrexif.collectors.flickr.client import CallRefused, Client, Retry
from flickrexif.collectors.flickr.limiter import Limiter
from flickrexif.collectors.journal import open_journal
from flickrexif.collectors.sandbox.faults import API_KINDS, Faults
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from tests.clock import FakeClock
from tests.direct import Direct, Killed
from tests.populations import START, Cameras, make_photo

MONTH, CAP = "2024-08", 2
SMALL, LARGE = 80, 220  # photos of a month that is read whole, and of one that is drawn from, with the sizes below
SIZES = {"PER_PAGE": 10, "MAX_WINDOW": 40, "READ_WHOLE": 100, "FIRST_DRAW": 25}


class Photographers(Cameras):
    """Photos of many photographers; a third hide the Exif of some photos, one of all."""

    def __init__(self, count: int, seed: int) -> None:
        draw = random.Random(seed)
        super().__init__([self._photo(number, draw) for number in range(count)])

    def _photo(self, number: int, draw: random.Random) -> SandboxPhoto:
        owner = int(draw.paretovariate(0.6)) % 60
        taken = draw.choice([START, START + timedelta(days=3, hours=draw.randrange(3)), None])
        return make_photo(
            number,
            owner=f"{owner}@N01",
            license=draw.choice((4, 5, 9)),
            media="photo",
            safe=True,
            taken=taken or START + timedelta(seconds=draw.randrange(31 * 86_400)),
            uploaded=1_726_000_000 + draw.randrange(10**6),
            exif_access="hidden" if owner == 1 or (owner % 3 == 0 and draw.random() < 0.7) else "shared",
        )


def run(
    path: Path, sandbox: Sandbox, target: int, *, lives: float = float("inf"), workers: int = 3
) -> MonthSummary | None:
    """A crawl of MONTH into the journal; None when it was killed, or ended by a refusal that all attempts met."""
    clock = FakeClock()
    client = Client(
        Direct(sandbox, lives), Limiter([], clock), clock, random.Random(0), lambda *_: None, Retry(base_seconds=0)
    )
    chosen = CrawlSettings(target=target, minimum=0, per_user_cap=CAP, licenses=(4, 5, 9), workers=workers)
    with open_journal(path) as journal:
        try:
            return crawl([MONTH], chosen, journal, lambda _: client, threading.Event(), NoProgress())[0]
        except (Killed, CallRefused):
            return None


def finished(path: Path, sandbox: Sandbox, target: int) -> MonthSummary:
    """A crawl that is run again until nothing ends it."""
    return next(summary for _ in itertools.count() if (summary := run(path, sandbox, target)))


def kept(path: Path) -> list[int]:
    with open_journal(path) as journal:
        return [photo.id for photo, _ in journal.kept(MONTH)]


@contextmanager
def servers() -> Iterator[list[Sandbox]]:
    """A small month, one that is large for sizes that are small here, and one with faults of calls."""
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for (name, size), module in itertools.product(SIZES.items(), (searching, sampling, crawling)):
            if hasattr(module, name):
                patch.setattr(module, name, size)
        months = (
            (Photographers(SMALL, 1), None),
            (Photographers(LARGE, 2), None),
            (Photographers(SMALL, 3), Faults(dict.fromkeys(API_KINDS, 0.005))),
        )
        yield [stack.enter_context(Sandbox(photos, faults=faults)) for photos, faults in months]


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[list[Sandbox]]:
    with servers() as running:
        yield running


targets = st.integers(1, 90)
runs = st.lists(st.tuples(targets, st.none() | st.integers(1, 150), st.integers(1, 5)), max_size=3)
sequences = given(which=st.integers(0, 2), before=runs, last=targets)


def assert_as_fresh(folder: Path, sandbox: Sandbox, before: list[tuple[int, int | None, int]], last: int) -> None:
    """After the runs `before` (target, calls until it is killed, workers), one for `last` is like a fresh one."""
    for target, lives, workers in before:
        run(folder / "a.sqlite", sandbox, target, lives=lives or float("inf"), workers=workers)
    summary, fresh = (finished(folder / name, sandbox, last) for name in ("a.sqlite", "b.sqlite"))
    assert kept(folder / "a.sqlite") == kept(folder / "b.sqlite")
    assert (summary.kept, summary.done, summary.rejected) == (fresh.kept, True, fresh.rejected)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@sequences
@example(which=0, before=[(60, 20, 1), (30, None, 3)], last=60)  # killed, then less, then all: stuck at 30 once
@example(which=1, before=[(20, None, 3)], last=150)  # ended in the round that a small target read, once
@example(which=0, before=[(1, None, 1), (3, 1, 1)], last=1)  # a kill in between leaves more than was asked for
def test_the_photos_kept_are_those_of_a_fresh_crawl(
    sandboxes: list[Sandbox],
    tmp_path_factory: pytest.TempPathFactory,
    which: int,
    before: list[tuple[int, int | None, int]],
    last: int,
) -> None:
    assert_as_fresh(tmp_path_factory.mktemp("sequence"), sandboxes[which], before, last)


def test_a_larger_target_keeps_the_photos_of_a_smaller(sandboxes: list[Sandbox], tmp_path: Path) -> None:
    for sandbox in sandboxes:
        name = str(sandbox.port)
        smaller: set[int] = set()
        for target in (5, 20, 60, 150):
            run(tmp_path / name, sandbox, target)
            assert smaller <= set(kept(tmp_path / name))
            smaller = set(kept(tmp_path / name))
