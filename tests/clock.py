"""A clock that only sleeping moves."""

import threading
from collections.abc import Iterable

START = 1_700_000_000.25


class FakeClock:
    """Time passes by sleeping alone; `late` is how much longer (or shorter) than asked each sleep takes."""

    def __init__(self, time: float = START, late: Iterable[float] = ()) -> None:
        self.time, self.late, self.slept = time, iter(late), 0
        self.lock = threading.Lock()

    def now(self) -> float:
        with self.lock:
            return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        with self.lock:
            self.slept += 1
            self.time += max(seconds + next(self.late, 0.0), 1e-6)
