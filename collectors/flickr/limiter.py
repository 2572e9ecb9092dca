"""One rate limiter for everything that uses an API key: at most N calls in any sliding window.

Flickr allows a key 3,600 calls an hour, over all programs that use it. Counting by the clock's hour would let twice as
many through around its turn; here no interval of a window's length ever holds more calls than the window allows. For
whom that holds depends on where the calls are remembered: in memory for the threads of one process, in the file of a
key (`budget.py`) for all processes, across restarts too.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

from flickrexif.collectors.flickr.clock import Clock

Waits: TypeAlias = Callable[[float, str], None]
"""Gets the seconds of a wait when it begins, and what it waits for."""

OF_KEY = "the key has made its calls of this hour, here or in other crawls"
OF_SERVER = "the server asked for a pause"
FAILED = "the last call failed, and is made again then"


@dataclass(frozen=True, slots=True)
class Window:
    """At most `calls` (1 or more) in any half-open interval of length `seconds`."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """No call starts before `until`; `since` is when that was asked for. Both in seconds since 1970."""

    since: float = -math.inf
    until: float = -math.inf

    def seen(self, now: float) -> "Pause":
        """The pause at `now`: one that was asked for in the future, as the clock was set back, begins now."""
        return self if self.since <= now else Pause(now, now + (self.until - self.since))

    def extended(self, seconds: float, now: float) -> "Pause":
        """The longer of this pause and one of `seconds` from `now`."""
        return max(self.seen(now), Pause(now, now + seconds), key=lambda pause: pause.until)


class Booking(NamedTuple):
    """The time in seconds since 1970, and how long to wait before asking again, 0 when booked, and what for."""

    now: float
    wait: float
    why: str


def booking(now: float, starts: Mapping[str, float]) -> Booking:
    """Whether a call may leave `now`; `starts` says for each reason when it lets one leave."""
    why = max(starts, key=starts.__getitem__)
    return Booking(now, max(starts[why] - now, 0.0), why)


class Calls(Protocol):
    """Remembers when calls left, and the pause that the server asked for. A time in the future counts as now."""

    def book(self, windows: Sequence[Window], resume: float, clock: Callable[[], float]) -> Booking:
        """Book a call for now if `windows` and the pause allow it and it is not before `resume`, as failures ask."""
        ...

    def pause(self, seconds: float, clock: Callable[[], float]) -> None:
        """Allow no call for `seconds` from now; the longest pause wins."""
        ...


class CallsInMemory:
    """The last `most` calls of this process."""

    def __init__(self, most: int) -> None:
        self._times: deque[float] = deque(maxlen=most)
        self._pause = Pause()

    def book(self, windows: Sequence[Window], resume: float, clock: Callable[[], float]) -> Booking:
        """See `Calls.book`."""
        now = clock()
        if self._times and self._times[-1] > now:
            self._times = deque((min(time, now) for time in self._times), self._times.maxlen)
        self._pause = self._pause.seen(now)
        times = self._times
        free = earliest(windows, lambda back: times[-back] if back <= len(times) else None)
        booked = booking(now, {FAILED: resume, OF_SERVER: self._pause.until, OF_KEY: free})
        if booked.wait == 0:
            self._times.append(now)
        return booked

    def pause(self, seconds: float, clock: Callable[[], float]) -> None:
        """See `Calls.pause`."""
        self._pause = self._pause.extended(seconds, clock())


def earliest(windows: Sequence[Window], time_of: Callable[[int], float | None]) -> float:
    """When `windows` allow the next call; `time_of(n)` is when the n-th last call left, None without one.

    A window allows it its length after the call that is `calls` back.
    """
    times = ((window, time_of(window.calls)) for window in windows)
    # The sum may have been rounded down; one step up holds the limit exactly on the recorded times.
    free = (math.nextafter(time + window.seconds, math.inf) for window, time in times if time is not None)
    return max(free, default=-math.inf)


class Limiter:
    """Lets threads call in the order in which they ask. Without windows there is no limit, but pauses hold.

    `calls`: what else was called under the same limit; None: nothing but the calls through this limiter.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        clock: Clock,
        calls: Calls | None = None,
        waits: Waits = lambda *_: None,
    ) -> None:
        self._windows = tuple(windows)
        self._clock, self._waits = clock, waits
        self._calls = calls or CallsInMemory(max((window.calls for window in windows), default=0))
        self._pause, self._failure = Pause(), FAILED  # of this limiter alone
        self._queue: deque[object] = deque()
        self._lock = threading.Condition()

    def acquire(self, record: Callable[[float], None]) -> None:
        """Wait until a call may start, and `record` its time before returning.

        `record` runs under the limiter's lock, so that times are recorded in order; it must not call the limiter.
        """
        with self._turn():
            while (booked := self._grant(record)).wait > 0:
                self._waits(booked.wait, self._failure if booked.why == FAILED else booked.why)
                self._clock.sleep(booked.wait)

    def pause(self, seconds: float, why: str = FAILED) -> None:
        """Let no thread start a call for `seconds` from now, as one failed; the longest pause wins."""
        with self._lock:
            self._failure = why
            self._pause = self._pause.extended(seconds, self._clock.now())

    def pause_key(self, seconds: float) -> None:
        """As `pause`, for everything that shares the limit: the pause that the server asked for. 0 is none."""
        if seconds > 0:
            with self._lock:
                self._calls.pause(seconds, self._clock.now)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """First come, first served: only the first in the queue looks at the clock and sleeps."""
        ticket = object()
        try:
            with self._lock:
                self._queue.append(ticket)
                self._lock.wait_for(lambda: self._queue[0] is ticket)
            yield
        finally:
            with self._lock:
                self._queue.remove(ticket)
                self._lock.notify_all()

    def _grant(self, record: Callable[[float], None]) -> Booking:
        """Grant a call now, or say how long to wait before asking again."""
        with self._lock:
            self._pause = self._pause.seen(self._clock.now())
            booked = self._calls.book(self._windows, self._pause.until, self._clock.now)
            if booked.wait == 0:
                record(booked.now)
            return booked
