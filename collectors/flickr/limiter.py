"""One rate limiter for everything that uses an API key: at most N calls in any sliding window.

Flickr allows a key 3,600 calls an hour, over all programs that use it. Counting by the clock's hour would let twice as
many through around its turn; here no interval of a window's length ever holds more calls than the window allows. For
whom that holds depends on where the calls are remembered: in memory for the threads of one process, in the file of a
key (`budget.py`) for all processes, across restarts too.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from flickrexif.collectors.flickr.clock import Clock


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


class Calls(Protocol):
    """Remembers when calls left, and the pause that the server asked for. A time in the future counts as now."""

    def book(self, windows: Sequence[Window], resume: float, clock: Callable[[], float]) -> tuple[float, float]:
        """Book a call for now if `windows` and the pause allow it and it is not before `resume`.

        Returns the time on `clock` (seconds since 1970) and the seconds to wait before asking again: 0 when booked.
        """
        ...

    def pause(self, seconds: float, clock: Callable[[], float]) -> None:
        """Allow no call for `seconds` from now; the longest pause wins."""
        ...


class CallsInMemory:
    """The last `most` calls of this process."""

    def __init__(self, most: int) -> None:
        self._times: deque[float] = deque(maxlen=most)
        self._pause = Pause()

    def book(self, windows: Sequence[Window], resume: float, clock: Callable[[], float]) -> tuple[float, float]:
        """See `Calls.book`."""
        now = clock()
        if self._times and self._times[-1] > now:
            self._times = deque((min(time, now) for time in self._times), self._times.maxlen)
        self._pause = self._pause.seen(now)
        times = self._times
        free = earliest(windows, lambda back: times[-back] if back <= len(times) else None)
        start = max(resume, self._pause.until, free)
        if start <= now:
            self._times.append(now)
        return now, max(start - now, 0.0)

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

    `calls`: what else was called under the same limit; None: nothing but the calls through this limiter. `waits` gets
    the seconds of each wait when it begins.
    """

    def __init__(
        self,
        windows: Sequence[Window],
        clock: Clock,
        calls: Calls | None = None,
        waits: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._windows = tuple(windows)
        self._clock, self._waits = clock, waits
        self._calls = calls or CallsInMemory(max((window.calls for window in windows), default=0))
        self._pause = Pause()  # of this limiter alone
        self._queue: deque[object] = deque()
        self._lock = threading.Condition()

    def acquire(self, record: Callable[[float], None]) -> None:
        """Wait until a call may start, and `record` its time before returning.

        `record` runs under the limiter's lock, so that times are recorded in order; it must not call the limiter.
        """
        with self._turn():
            while (wait := self._grant(record)) > 0:
                self._waits(wait)
                self._clock.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Let no thread start a call for `seconds` from now; the longest pause wins."""
        with self._lock:
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

    def _grant(self, record: Callable[[float], None]) -> float:
        """Grant a call now and return 0, or return the seconds to wait before asking again."""
        with self._lock:
            self._pause = self._pause.seen(self._clock.now())
            time, wait = self._calls.book(self._windows, self._pause.until, self._clock.now)
            if wait == 0:
                record(time)
            return wait
