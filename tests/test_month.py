"""The sampling of a month, over plain lists of photos in place of searches."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.collectors import month as sampling
from flickrexif.collectors.month import ANY_WINDOW, Arc, months_between, months_of, parse_month, place, read_round
from flickrexif.collectors.search import MAX_WINDOW, Answer, Reader
from flickrexif.collectors.window import Window, month_window
from flickrexif.core.errors import UsageError

MONTH = month_window("2024-02", [4, 5])
DAY, DAYS = 86_400, 29
Item, Result = TypeVar("Item"), TypeVar("Result")


def test_a_month_is_its_every_second() -> None:
    assert MONTH.first == datetime(2024, 2, 1)
    assert MONTH.last == datetime(2024, 2, 29, 23, 59, 59)  # a leap year


@st.composite
def windows(draw: st.DrawFn) -> Window:
    first = draw(st.datetimes(datetime(2000, 1, 1), datetime(2024, 12, 31))).replace(microsecond=0)
    last = first + timedelta(seconds=draw(st.integers(0, 4_000_000)))
    licenses = draw(st.lists(st.integers(0, 16), min_size=1, max_size=8, unique=True))
    low = draw(st.integers(1_075_000_000, 1_700_000_000))
    return Window(first, last, tuple(sorted(licenses)), (low, low + draw(st.integers(0, 10**9))))


@given(windows())
def test_halves_share_a_window_without_gap_or_overlap(window: Window) -> None:
    wide = [window.first < window.last, len(window.licenses) > 1, window.uploaded[0] < window.uploaded[1]]
    assert len(window.halves()) == sum(wide)
    for left, right in window.halves():
        same = {"first", "last", "licenses", "uploaded"}
        if right.first != left.first:
            assert (left.first, right.last) == (window.first, window.last)
            assert right.first - left.last == timedelta(seconds=1)
            same -= {"first", "last"}
        elif right.licenses != left.licenses:
            assert sorted(left.licenses + right.licenses) == sorted(window.licenses)
            same -= {"licenses"}
        else:
            assert (left.uploaded[0], right.uploaded[1]) == window.uploaded
            assert right.uploaded[0] == left.uploaded[1] + 1
            same -= {"uploaded"}
        assert all(getattr(half, name) == getattr(window, name) for half in (left, right) for name in same)


class Photos:
    """Photos of a month, searched by window; counts the searches. Half are under each of two licences."""

    def __init__(self, times: Iterable[int], error: Callable[[Window], float] = lambda _: 1.0) -> None:
        self.times = sorted(times)  # seconds from the month's beginning
        draw = np.random.default_rng(0)
        self.licenses = draw.integers(4, 6, len(self.times))
        self.uploaded = draw.integers(1_710_000_000, 1_730_000_000, len(self.times))
        self.error = error  # by which Flickr's total is too large
        self.reads: Counter[tuple[str, int]] = Counter()
        self.inside: dict[str, npt.NDArray[np.int64]] = {}  # window -> its photos

    def reader(self) -> Reader:
        return Reader(self.search, lambda read, windows: [read(window) for window in windows], self._doubt)

    def search(self, window: Window, page: int, needed: bool) -> Answer:  # noqa: ARG002
        self.reads[window.key, page] += 1
        inside = self._inside(window)
        shown = max(0, min(500, inside.size - 500 * (page - 1)))
        return Answer(round(inside.size * self.error(window)), shown, shown)

    def _inside(self, window: Window) -> npt.NDArray[np.int64]:
        if window.key not in self.inside:
            low, high = ((end - MONTH.first).total_seconds() for end in (window.first, window.last))
            photos = np.arange(bisect_left(self.times, low), bisect_right(self.times, high))
            fits = np.isin(self.licenses[photos], window.licenses)
            uploaded = self.uploaded[photos]
            fits &= (uploaded >= window.uploaded[0]) & (uploaded <= window.uploaded[1])
            self.inside[window.key] = photos[fits]
        return self.inside[window.key]

    def _doubt(self, window: Window, doubt: str) -> None:
        raise AssertionError((window, doubt))

    def drawn(self, arcs: dict[str, list[Arc]], seed: int) -> list[int]:
        """The photos in the arcs, as the crawl draws them."""
        if ANY_WINDOW in arcs:
            return list(range(len(self.times)))
        return [
            photo
            for key, inside in arcs.items()
            for photo in self.inside[key].tolist()
            if any(low <= place(seed, "2024-02", photo) < high for low, high in inside)
        ]


def uneven(count: int, seed: int) -> list[int]:
    """Seconds of a month: 30% at 00:00:00, 20% on one busy day, 10% in one second, the others in daylight."""
    rng = np.random.default_rng(seed)
    midnights = rng.integers(0, DAYS, int(0.3 * count)) * DAY
    busy_day = 10 * DAY + rng.integers(0, DAY, int(0.2 * count))
    second = np.full(int(0.1 * count), 15 * DAY + 43_210)
    rest = count - midnights.size - busy_day.size - second.size
    daylight = rng.integers(0, DAYS, rest) * DAY + rng.normal(14 * 3_600, 3 * 3_600, rest)
    seconds = np.concatenate([midnights, busy_day, second, daylight])
    return [int(second) for second in np.clip(seconds, 0, DAYS * DAY - 1)]


@pytest.mark.parametrize("count", [0, 1, 3_000, 3_001, 30_000])
def test_a_small_month_is_read_whole(count: int) -> None:
    photos = Photos(uneven(count, 1))
    reader = photos.reader()
    assert read_round(MONTH, 0, 0, reader) == {ANY_WINDOW: [(0.0, 1.0)]}
    shown = Counter(photo for key in {key for key, page in photos.reads} for photo in shown_of(photos, key))
    assert shown.keys() == set(range(count))
    assert read_round(MONTH, 1, 0, reader) is None


def shown_of(photos: Photos, key: str) -> list[int]:
    """The photos on the pages of a window that was small enough to be read."""
    inside = photos.inside[key].tolist()
    pages = [page for name, page in photos.reads if name == key]
    return [photo for page in pages for photo in inside[500 * (page - 1) : 500 * page]] if len(inside) <= 3_000 else []


def draw_until(photos: Photos, seed: int, count: int) -> Counter[int]:
    """How often each photo is drawn in the rounds until `count` photos are."""
    drawn: Counter[int] = Counter()
    round_ = 0
    while drawn.total() < count:
        arcs = read_round(MONTH, round_, seed, photos.reader())
        assert arcs is not None
        drawn.update(photos.drawn(arcs, seed))
        round_ += 1
    return drawn


def total_error(window: Window) -> float:
    """Totals that are off by up to a fifth, each in a way of its own."""
    return 1.0 if window == MONTH else 0.8 + 0.4 * (crc32(window.key.encode()) % 1_000) / 1_000


class Started(NamedTuple):
    """In place of the generator that draws where the arcs begin."""

    start: float

    def random(self) -> float:
        return self.start


@pytest.mark.parametrize("error", [lambda _: 1.0, total_error], ids=["true totals", "wrong totals"])
def test_every_photo_of_a_large_month_has_the_same_chance(
    monkeypatch: pytest.MonkeyPatch, error: Callable[[Window], float]
) -> None:
    """Each photo is drawn from the same share of the places where the arcs may begin: midnights, a busy day, nights."""
    photos = Photos(uneven(40_000, 2), error)
    monkeypatch.setattr(sampling, "FIRST_DRAW", 10_000)  # a quarter
    places = np.array([place(0, "2024-02", photo) for photo in range(40_000)])
    drawn, starts = np.zeros(40_000), 400
    for number in range(starts):
        monkeypatch.setattr(sampling, "rng", lambda *_, start=(number + 0.5) / starts: Started(start))
        arcs = read_round(MONTH, 0, 0, photos.reader())
        assert arcs is not None
        for key, inside in arcs.items():
            for low, high in inside:
                drawn[photos.inside[key]] += (places[photos.inside[key]] >= low) & (places[photos.inside[key]] < high)
    assert drawn / starts == pytest.approx(np.full(40_000, 0.25), rel=0.02)


@given(st.integers(0, 10**6), st.integers(36_001, 10**6), st.integers(0, 12))
def test_arcs_cover_the_same_share_wherever_they_begin_and_never_twice(start: int, total: int, rounds: int) -> None:
    """Of a grid of places turned by any start, brute force: the chance of each place is the share that is covered."""
    covered = sampling._covered(rounds, total)
    arcs = [
        arc
        for round_ in range(rounds + 1)
        for arc in sampling._arcs(start / 10**6, sampling._covered(round_ - 1, total), sampling._covered(round_, total))
    ]
    assert sum(high - low for low, high in arcs) == pytest.approx(covered)
    ordered = sorted(arcs)
    assert all(high <= low + 1e-12 for (_, high), (low, _) in pairwise(ordered))
    assert ordered[0][0] >= 0
    assert ordered[-1][1] <= 1


def test_a_large_month_is_drawn_whole_in_the_end() -> None:
    photos = Photos(uneven(40_000, 4))
    assert draw_until(photos, 0, 40_000) == Counter(range(40_000))
    assert read_round(MONTH, 60, 0, photos.reader()) is None


@pytest.mark.parametrize("count", [60_000, 500_000])
def test_a_large_month_costs_few_searches(count: int) -> None:
    photos = Photos(uneven(count, 3))
    draw_until(photos, 0, 12_000)
    assert len(photos.reads) < 0.08 * 4_000 / 0.92  # with at least 4,000 calls for Exif


def test_a_second_with_too_many_photos_is_split_by_licence_then_upload() -> None:
    """Filler dates: 20,000 photos of one second, half of each licence, uploaded evenly over months."""
    photos = Photos([0] * 20_000)
    read_round(MONTH, 0, 0, photos.reader())
    shown = {key for key in photos.inside if shown_of(photos, key)}
    assert all("2024-02-01 00:00:00/2024-02-01 00:00:00" in key for key in shown)
    assert {key.split("/")[2] for key in shown} == {"4", "5"}
    assert len(shown) >= 20_000 / MAX_WINDOW
    assert {photo for key in shown for photo in shown_of(photos, key)} == set(range(20_000))


def test_a_round_is_the_same_every_time_and_the_next_one_draws_others() -> None:
    photos = Photos(uneven(200_000, 5))
    first, again, second = (read_round(MONTH, r, 0, photos.reader()) for r in (0, 0, 1))
    assert first == again
    assert first is not None
    assert second is not None
    assert not set(photos.drawn(first, 0)) & set(photos.drawn(second, 0))


@pytest.mark.parametrize("text", ["2024-13", "2024", "24-08", "2024-00", "August 2024", "2024-08-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="YYYY-MM"):
        parse_month(text)


def test_months_up_to_now() -> None:
    today = date(2024, 3, 31)
    assert months_of([], "2023-12", None, today) == ["2023-12", "2024-01", "2024-02", "2024-03"]
    assert months_of([], None, "2000-02", today) == ["2000-01", "2000-02"]
    assert months_of(["2024-03", "2023-01"], None, None, today) == ["2023-01", "2024-03"]
    for months, first, last in ((["2023-01", "2024-04"], None, None), ([], "2024-01", "2024-04")):
        with pytest.raises(UsageError, match=r"2024-04 is in the future\. The last month that has photos is 2024-03"):
            months_of(months, first, last, today)
    with pytest.raises(UsageError, match="after --to 2024-03"):
        months_of([], "2024-04", None, today)


def test_a_span_of_months() -> None:
    assert months_between("2023-11", "2024-02") == ["2023-11", "2023-12", "2024-01", "2024-02"]
    assert len(months_between("2000-01", "2024-08")) == 296
    with pytest.raises(UsageError, match="--from 2024-07 --to 2024-08"):
        months_between("2024-08", "2024-07")
