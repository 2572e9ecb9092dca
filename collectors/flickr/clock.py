"""The clock, passed in wherever something waits, so that tests can use their own."""

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from flickrexif.core.errors import Interrupted


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; may raise `Interrupted`."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's clock; once `stop` is set, every sleep ends with `Interrupted`."""

    stop: threading.Event

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait, or raise `Interrupted` as soon as `stop` is set."""
        if self.stop.wait(seconds):
            raise Interrupted("Stopped; what was done is saved.", "Run the same command to go on.")
