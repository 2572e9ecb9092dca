"""The sampling of a month, over plain lists of photos in place of searches."""

from bisect import bisect_left, bisect_right
from collections import Counter
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.collectors.month import MAX_WINDOW, Window, month_window, months_between, parse_month, read_round
from flickrexif.core.errors import UsageError

MONTH = month_window("2024-02", [4, 5])


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
    halves = window.halves()
    if halves is None:
        assert window.first == window.last
        assert len(window.licenses) == 1
        assert window.uploaded[0] == window.uploaded[1]
        return
    left, right = halves
    if window.first < window.last:
        assert (left.first, right.last) == (window.first, window.last)
        assert right.first - left.last == timedelta(seconds=1)
        assert left.licenses == right.licenses == window.licenses
    elif len(window.licenses) > 1:
        assert sorted(left.licenses + right.licenses) == sorted(window.licenses)
        assert left.uploaded == right.uploaded == window.uploaded
    else:
        assert (left.uploaded[0], right.uploaded[1]) == window.uploaded
        assert right.uploaded[0] == left.uploaded[1] + 1


class Photos:
    """Taken times of a month, searched by window; counts the searches."""

    def __init__(self, times: list[int]) -> None:
        self.times = sorted(times)  # seconds from the month's beginning
        self.reads: Counter[tuple[str, int]] = Counter()
        self.seen: dict[str, Window] = {}

    def search(self, window: Window, page: int) -> tuple[int, int]:
        self.reads[window.key, page] += 1
        self.seen[window.key] = window
        total = len(self.inside(window))
        return total, max(0, min(500, total - 500 * (page - 1)))

    def inside(self, window: Window) -> range:
        ends = ((t - MONTH.first).total_seconds() for t in (window.first, window.last))
        low, high = ends
        return range(bisect_left(self.times, low), bisect_right(self.times, high))


def sequential(function, items):  # type: ignore[no-untyped-def]
    return [function(item) for item in items]


def bursty(count: int, seed: int) -> list[int]:
    """Seconds of a month: half of the photos in 20 bursts, the others in daylight."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, 29 * 86_400 - 7_200, 20)
    bursts = rng.choice(starts, count // 2) + rng.integers(0, 7_200, count // 2)
    days = rng.integers(0, 29, count - count // 2) * 86_400 + rng.normal(14 * 3_600, 3 * 3_600, count - count // 2)
    return [int(t) for t in np.clip(np.concatenate([bursts, days]), 0, 29 * 86_400 - 1)]


@pytest.mark.parametrize("count", [0, 1, 3_000, 3_001, 30_000])
def test_a_small_month_is_read_whole(count: int) -> None:
    photos = Photos(bursty(count, 1))
    quotas = read_round(MONTH, 0, 4_000, 0, photos.search, sequential)
    assert quotas is not None
    leaves = [photos.inside(photos.seen[key]) for key in quotas]
    assert sorted(index for leaf in leaves for index in leaf) == list(range(count))
    assert all(len(leaf) <= MAX_WINDOW for leaf in leaves)
    for key, leaf in zip(quotas, leaves, strict=True):
        assert all(photos.reads[key, page] for page in range(1, -(-len(leaf) // 500) + 1))
    assert read_round(MONTH, 1, 4_000, 0, photos.search, sequential) is None


def test_every_photo_of_a_large_month_has_the_same_chance() -> None:
    """By Monte Carlo over seeds: each tenth of the month is drawn in proportion to its photos."""
    photos = Photos(bursty(60_000, 2))
    tenths = np.zeros(10)
    for seed in range(150):
        quotas = read_round(MONTH, 0, 2_000, seed, photos.search, sequential)
        assert quotas is not None
        for key, quota in quotas.items():
            inside = photos.inside(photos.seen[key])
            share = min(1.0, quota / len(inside))  # each photo of the window has this chance
            for index in inside:
                tenths[index * 10 // 60_000] += share
    assert tenths / tenths.sum() == pytest.approx(np.full(10, 0.1), abs=0.01)


def test_a_large_month_costs_few_searches() -> None:
    photos = Photos(bursty(400_000, 3))
    read_round(MONTH, 0, 4_000, 0, photos.search, sequential)
    assert len(photos.reads) < 0.08 * 4_000 / 0.92  # with at least 4,000 calls for Exif


def test_a_second_with_too_many_photos_is_split_by_licence_then_upload() -> None:
    """Filler dates: 20,000 photos of one second, half of each licence, uploaded evenly over ten years."""
    uploads = range(1_200_000_000, 1_500_000_000, 15_000)

    def search(window: Window, page: int) -> tuple[int, int]:
        inside = window.first == MONTH.first
        low, high = window.uploaded
        count = len(window.licenses) * sum(low <= upload <= high for upload in uploads[::2]) if inside else 0
        return count, max(0, min(500, count - 500 * (page - 1)))

    quotas = read_round(MONTH, 0, 4_000, 0, search, sequential)
    assert quotas is not None
    assert all("2024-02-01 00:00:00/2024-02-01 00:00:00" in key for key in quotas)
    assert {key.split("/")[2] for key in quotas} == {"4", "5"}
    assert len(quotas) >= 20_000 / MAX_WINDOW


def test_a_round_is_the_same_every_time_and_the_next_one_reads_elsewhere() -> None:
    photos = Photos(bursty(200_000, 5))
    first, again, second = (read_round(MONTH, r, 1_000, 0, photos.search, sequential) for r in (0, 0, 1))
    assert first == again
    assert first is not None
    assert second is not None
    assert len(first.keys() & second.keys()) < len(first) / 2


@pytest.mark.parametrize("text", ["2024-13", "2024", "24-08", "2024-00", "August 2024", "2024-08-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="YYYY-MM"):
        parse_month(text)


def test_a_span_of_months() -> None:
    assert months_between("2023-11", "2024-02") == ["2023-11", "2023-12", "2024-01", "2024-02"]
    assert len(months_between("2000-01", "2024-08")) == 296
    with pytest.raises(UsageError, match="--from 2024-07 --to 2024-08"):
        months_between("2024-08", "2024-07")
