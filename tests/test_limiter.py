"""The sliding-window property, exactly on the recorded times, under random schedules, pauses, threads and restarts."""

import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.collectors.flickr.budget import CallsOfKey
from flickrexif.collectors.flickr.clock import SystemClock
from flickrexif.collectors.flickr.limiter import OF_KEY, OF_SERVER, Limiter, Window
from flickrexif.core.errors import Interrupted
from tests.clock import START, FakeClock


def most_in_any_interval(times: Iterable[float], seconds: float) -> int:
    """The most of `times` in a half-open interval of `seconds`, in exact arithmetic."""
    exact = sorted(Fraction(time) for time in times)
    return max((sum(start <= t < start + Fraction(seconds) for t in exact) for start in exact), default=0)


def ignore(time: float) -> None:
    pass


durations = st.floats(0.001, 50, allow_nan=False)
windows = st.lists(st.builds(Window, st.integers(1, 6), durations), max_size=3)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("acquire"), st.integers(1, 8)),
        st.tuples(st.just("idle"), durations),
        st.tuples(st.just("pause"), durations),
        st.tuples(st.just("pause_key"), durations),
        st.tuples(st.just("restart"), st.just(0)),
    ),
    max_size=25,
)


@settings(deadline=None)
@given(st.booleans(), windows, steps, st.lists(st.floats(-0.5, 0.5), max_size=20), st.floats(0, 2e9))
def test_no_interval_ever_holds_more_than_its_calls(
    tmp_path_factory: pytest.TempPathFactory,
    in_file: bool,
    windows: list[Window],
    steps: list[tuple[str, Any]],
    late: list[float],
    start: float,
) -> None:
    clock = FakeClock(start, late)
    calls = CallsOfKey(tmp_path_factory.mktemp("keys") / "key.sqlite") if in_file else None
    limiter, recorded, resume, resume_key = Limiter(windows, clock, calls), [], 0.0, 0.0
    for step, amount in steps:
        if step == "acquire":
            for _ in range(amount):
                limiter.acquire(recorded.append)
                assert recorded[-1] >= max(resume, resume_key)
        elif step == "idle":
            clock.time += amount
        elif step == "pause":
            limiter.pause(amount)
            resume = max(resume, clock.time + amount)
        elif step == "pause_key":
            limiter.pause_key(amount)
            resume_key = max(resume_key, clock.time + amount)
        elif calls:  # killed and started again; the file remembers the calls and the key's pause
            limiter, resume = Limiter(windows, clock, calls), 0.0
    for window in windows:
        assert most_in_any_interval(recorded, window.seconds) <= window.calls
    assert recorded == sorted(recorded)


@settings(deadline=None)
@given(windows, st.lists(st.tuples(durations, st.integers(0, 9), st.just(0) | durations), max_size=12))
def test_every_call_starts_as_early_as_the_windows_allow(
    windows: list[Window], rounds: list[tuple[float, int, float]]
) -> None:
    """The model: a call starts when asked, when the pause ends, or a window after the grant `calls` before it."""
    clock, expected, recorded, resume = FakeClock(), [], [], 0.0
    limiter = Limiter(windows, clock)
    for idle, calls, pause in rounds:
        clock.time += idle
        limiter.pause(pause)
        resume = max(resume, clock.time + pause)
        for _ in range(calls):
            free = [expected[-w.calls] + w.seconds for w in windows if len(expected) >= w.calls]
            expected.append(max([clock.time, resume, *free]))
            limiter.acquire(recorded.append)
    assert recorded == pytest.approx(expected, rel=0, abs=1e-4)


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), windows)
def test_threads_share_one_limit(calls: list[int], windows: list[Window]) -> None:
    clock, recorded = FakeClock(), []
    limiter = Limiter(windows, clock)

    def work(count: int) -> None:
        for _ in range(count):
            limiter.acquire(recorded.append)

    run([lambda count=count: work(count) for count in calls])
    assert len(recorded) == sum(calls)
    assert recorded == sorted(recorded)
    for window in windows:
        assert most_in_any_interval(recorded, window.seconds) <= window.calls


def run(jobs: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_an_hour_of_the_default_rate() -> None:
    clock, recorded = FakeClock(), []
    limiter = Limiter([Window(3500, 3600)], clock)
    for _ in range(3000):
        limiter.acquire(recorded.append)
        clock.time += 0.01
    for _ in range(600):
        limiter.acquire(recorded.append)
    assert recorded[3499] < START + 31
    assert recorded[3500] == pytest.approx(START + 3600, rel=0, abs=1e-4)
    assert all(b - a >= 3600 for a, b in zip(recorded, recorded[3500:], strict=False))


def test_a_grant_that_cannot_be_recorded_is_not_given_but_counts() -> None:
    limiter = Limiter([Window(1, 10)], clock := FakeClock())

    def full(time: float) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        limiter.acquire(full)
    times = []
    limiter.acquire(times.append)
    assert times == [clock.time]
    assert clock.time >= START + 10


def test_the_longest_pause_wins_and_reaches_a_call_that_already_waits() -> None:
    clock = FakeClock()
    limiter, times = Limiter([Window(1, 5)], clock), []
    limiter.acquire(times.append)
    asleep = clock.sleep

    def sleep(seconds: float) -> None:  # another worker is told to wait while this one sleeps
        if clock.slept == 0:
            limiter.pause(60)
            limiter.pause(1)
        asleep(seconds)

    clock.sleep = sleep
    limiter.acquire(times.append)
    assert times == [START, START + 60]


@pytest.mark.parametrize("back", [1.0, 3600.0, 1e8])
@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("pause", [Limiter.pause, Limiter.pause_key])
def test_a_clock_set_back_neither_blocks_for_long_nor_lets_a_burst_through(
    tmp_path: Path, back: float, where: str, pause: Callable[[Limiter, float], None]
) -> None:
    """What then lies in the future counts from now on."""
    clock, times = FakeClock(), []
    limiter = Limiter([Window(2, 100)], clock, CallsOfKey(tmp_path / "key.sqlite") if where == "file" else None)
    limiter.acquire(ignore)
    limiter.acquire(ignore)
    pause(limiter, 130)
    clock.time -= back
    for _ in range(3):
        limiter.acquire(times.append)
    assert [time - (START - back) for time in times] == pytest.approx([130, 130, 230], rel=0, abs=1e-4)


def test_each_wait_says_how_long_it_is_and_what_for() -> None:
    waits: list[tuple[int, str]] = []
    limiter = Limiter([Window(1, 50)], FakeClock(), waits=lambda seconds, why: waits.append((round(seconds), why)))
    limiter.acquire(ignore)
    limiter.acquire(ignore)
    limiter.pause_key(80)
    limiter.acquire(ignore)
    limiter.pause(90, "no answer")
    limiter.acquire(ignore)
    assert waits == [(50, OF_KEY), (80, OF_SERVER), (90, "no answer")]


def test_calls_are_granted_in_the_order_they_are_asked_for() -> None:
    held, order, names = threading.Event(), [], list("abcdef")

    class HeldClock(FakeClock):
        def sleep(self, seconds: float) -> None:
            held.wait(30)
            super().sleep(seconds)

    limiter = Limiter([Window(1, 5)], HeldClock())
    limiter.acquire(ignore)
    threads = []
    for place, name in enumerate(names, 1):
        threads.append(threading.Thread(target=limiter.acquire, args=(lambda _, name=name: order.append(name),)))
        threads[-1].start()
        until(lambda place=place: len(limiter._queue) == place)
    held.set()
    for thread in threads:
        thread.join(30)
    assert order == names


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_memory_is_bounded_by_the_largest_window() -> None:
    clock = FakeClock()
    limiter = Limiter([Window(5, 0.001)], clock)
    limiter.acquire(ignore)
    tracemalloc.start()
    try:
        for _ in range(5_000):
            limiter.acquire(ignore)
        assert tracemalloc.get_traced_memory()[0] < 20_000  # 5,000 times would take 120,000 bytes
    finally:
        tracemalloc.stop()


def test_stopping_wakes_everybody() -> None:
    stop = threading.Event()
    clock = SystemClock(stop)
    limiter, outcomes = Limiter([Window(1, 3600)], clock), []
    limiter.acquire(ignore)

    def work() -> None:
        try:
            limiter.acquire(ignore)
        except Interrupted as error:
            outcomes.append(error.exit_code)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(limiter._queue) == 4)
    stop.set()
    for thread in threads:
        thread.join(30)
    assert outcomes == [130] * 4


def test_the_system_clock_tells_the_time_of_day() -> None:
    clock = SystemClock(threading.Event())
    assert abs(clock.now() - time.time()) < 60
    clock.sleep(0.001)
