"""One rate limiter for everything that uses an API key: at most N calls in any sliding window.

Flickr allows a key 3,600 calls an hour, over all programs that use it. Counting by the clock's hour would let twice as
many through around its turn; here no interval of a window's length ever holds more calls than the window allows. This
holds across restarts too: the caller records each call before it leaves and passes the times to the next run.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from flickrexif.collectors.flickr.clock import Clock


@dataclass(frozen=True, slots=True)
class Window:
    """At most `calls` (1 or more) in any half-open interval of length `seconds`."""

    calls: int
    seconds: float


class Limiter:
    """Lets threads call in the order in which they ask. Without windows there is no limit, but pauses hold.

    `history`: when earlier calls left, in seconds since 1970; a time in the future counts as now.
    """

    def __init__(self, windows: Sequence[Window], clock: Clock, history: Iterable[float] = ()) -> None:
        self._windows = tuple(windows)
        self._clock = clock
        self._seen = clock.now()  # the latest time read
        past = sorted(min(time, self._seen) for time in history)
        self._grants = deque(past, maxlen=max((window.calls for window in windows), default=0))
        self._resume = -math.inf  # the end of the longest pause
        self._queue: deque[object] = deque()
        self._lock = threading.Condition()

    def acquire(self, record: Callable[[float], None]) -> None:
        """Wait until a call may start, and `record` its time before returning.

        `record` runs under the limiter's lock, so that times are recorded in order; it must not call the limiter.
        """
        with self._turn():
            while (wait := self._grant(record)) > 0:
                self._clock.sleep(wait)

    def pause(self, seconds: float) -> None:
        """Let no thread start a call for `seconds` from now; the longest pause wins."""
        with self._lock:
            self._resume = max(self._resume, self._now() + seconds)

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
            now = self._now()
            start = max([self._resume, *map(self._free, self._windows)])
            if start > now:
                return start - now
            self._grants.append(now)
            record(now)
            return 0.0

    def _free(self, window: Window) -> float:
        """When `window` allows the next call: its length after the call that is `calls` back."""
        if len(self._grants) < window.calls:
            return -math.inf
        # The sum may have been rounded down; one step up holds the limit exactly on the recorded times.
        return math.nextafter(self._grants[-window.calls] + window.seconds, math.inf)

    def _now(self) -> float:
        """The time. When the clock was set back, the recorded times move back with it."""
        now = self._clock.now()
        if now < self._seen:
            back = self._seen - now
            self._grants = deque((time - back for time in self._grants), maxlen=self._grants.maxlen)
            self._resume -= back
        self._seen = now
        return now
