"""Progress of a crawl on stderr: a bar on a terminal, a line now and then elsewhere."""

import math
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TextIO

from tqdm import tqdm

LINE_EVERY = 30.0  # seconds, when stderr is no terminal
DRAW_EVERY = 0.2  # seconds, on a terminal
RATE_OVER = 3_600.0  # seconds


class Count:
    """How many are done of a total, and since when; `before` were done by then."""

    def __init__(self, done: int, total: int, begun: float) -> None:
        self.done, self.total, self.begun, self.before = done, total, begun, done

    @property
    def left(self) -> int:
        """How many are to be done."""
        return max(self.total - self.done, 0)

    def seconds_left(self, now: float) -> float:
        """At the pace so far; infinite where none was done yet."""
        made = self.done - self.before
        return self.left * (now - self.begun) / made if made else math.inf if self.left else 0.0


class CrawlProgress:
    """Photos kept of the target, images fetched, calls used, calls an hour and the time left, month by month."""

    def __init__(self, file: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._months, self._file, self._now = 1, file or sys.stderr, now
        self._lock = threading.Lock()
        self._bar: tqdm[Any] | None = None
        self._number = self._calls = 0
        self._photos = Count(0, 0, now())
        self._images: Count | None = None
        self._images_bar = False
        self._name = ""
        self._recent: deque[float] = deque()  # times of the last hour's calls
        self._show_at = now()

    def begin(self, months: int) -> None:
        """Set how many months this run crawls."""
        self._months = months

    def month(self, month: str, kept: int, target: int) -> None:
        """Start the bar of `month`."""
        self.close()
        with self._lock:
            self._number += 1
            self._name = f"{month} ({self._number}/{self._months})" if self._months > 1 else month
            self._photos, self._images = Count(kept, target, self._now()), None
            self._open("photo", self._photos)
            self._show_at = self._now() + self._every()

    def called(self) -> None:
        """Count one call."""
        with self._lock:
            now = self._now()
            self._calls += 1
            self._recent.append(now)
            while self._recent[0] < now - RATE_OVER:
                self._recent.popleft()
            self._show(now)

    def say(self, text: str) -> None:
        """Print a line, above the bar."""
        with self._lock:
            tqdm.write(text, file=self._file)
            self._file.flush()

    def kept(self) -> None:
        """Count one kept photo."""
        with self._lock:
            self._photos.done += 1
            if self._bar is not None and not self._images_bar:
                self._bar.update(1)

    def images(self, done: int, total: int) -> None:
        """Count the images fetched, of those that are to be; once all photos are kept the bar is theirs."""
        with self._lock:
            now = self._now()
            self._images = self._images or Count(done, total, now)
            self._images.done, self._images.total = done, total
            if self._bar is not None and self._photos.left == 0:
                if not self._images_bar:
                    self._bar.close()
                    self._open("image", self._images)
                self._bar.total = total
                self._bar.update(done - self._bar.n)
            self._show(now)

    def close(self) -> None:
        """End the current bar."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def _open(self, unit: str, count: Count) -> None:
        self._images_bar = unit == "image"
        self._bar = tqdm(
            total=count.total,
            initial=count.done,
            desc=self._name,
            unit=unit,
            file=self._file,
            disable=None,
            smoothing=0.05,
        )

    def _spent(self, now: float) -> str:
        rate = len(self._recent) / max(now - self._recent[0], 1.0) * RATE_OVER if self._recent else 0.0
        images = f"{self._images.done:,} of {self._images.total:,} images, " if self._images else ""
        return f"{images}{self._calls:,} calls, {rate:,.0f}/h"

    def _show(self, now: float) -> None:
        """Draw the bar anew, or print a line, where that is due."""
        if self._bar is None:
            return
        due = now >= self._show_at
        if due:
            self._show_at = now + self._every()
        if not self._bar.disable:
            self._bar.set_postfix_str(self._spent(now), refresh=due)
        elif due:
            print(self._line(now), file=self._file, flush=True)

    def _every(self) -> float:
        return LINE_EVERY if self._bar is None or self._bar.disable else DRAW_EVERY

    def _line(self, now: float) -> str:
        seconds = max(count.seconds_left(now) for count in (self._photos, self._images) if count)
        left = "unknown" if math.isinf(seconds) else timedelta(seconds=round(seconds))
        photos = f"{self._photos.done:,} of {self._photos.total:,} photos"
        return f"{self._name}: {photos}, {self._spent(now)}, time left {left}"
