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
LONG = 120.0  # seconds of a wait that is worth a line
RATE_OVER = 3_600.0  # seconds


class CrawlProgress:
    """Photos kept of the target, calls used, calls an hour and the time left, month by month."""

    def __init__(self, file: TextIO | None = None, now: Callable[[], float] = time.monotonic) -> None:
        self._months, self._file, self._now = 1, file or sys.stderr, now
        self._lock = threading.Lock()
        self._bar: tqdm[Any] | None = None
        self._number = self._calls = self._kept = self._target = self._kept_before = 0
        self._name = ""
        self._recent: deque[float] = deque()  # times of the last hour's calls
        self._begun = self._line_at = now()

    def begin(self, months: int) -> None:
        """Set how many months this run crawls."""
        self._months = months

    def month(self, month: str, kept: int, target: int) -> None:
        """Start the bar of `month`."""
        self.close()
        with self._lock:
            self._number += 1
            self._name = f"{month} ({self._number}/{self._months})" if self._months > 1 else month
            self._kept = self._kept_before = kept
            self._target, self._begun = target, self._now()
            self._line_at = self._begun + LINE_EVERY
            self._bar = tqdm(
                total=target,
                initial=kept,
                desc=self._name,
                unit="photo",
                file=self._file,
                disable=None,
                smoothing=0.05,
            )

    def called(self) -> None:
        """Count one call."""
        with self._lock:
            now = self._now()
            self._calls += 1
            self._recent.append(now)
            while self._recent[0] < now - RATE_OVER:
                self._recent.popleft()
            if self._bar is not None:
                self._bar.set_postfix_str(self._spent(now), refresh=False)
                self._line(now)

    def waits(self, seconds: float) -> None:
        """Say how long the next call waits, if that is long."""
        if seconds >= LONG:
            left = timedelta(seconds=math.ceil(seconds))
            why = "the key has made its calls of this hour, here or in other crawls, or the server asked for a pause"
            with self._lock:
                tqdm.write(f"Waiting {left}: {why}.", file=self._file)

    def kept(self) -> None:
        """Count one kept photo."""
        with self._lock:
            self._kept += 1
            if self._bar is not None:
                self._bar.update(1)

    def close(self) -> None:
        """End the current bar."""
        with self._lock:
            if self._bar is not None:
                self._bar.close()
                self._bar = None

    def _spent(self, now: float) -> str:
        rate = len(self._recent) / max(now - self._recent[0], 1.0) * RATE_OVER
        return f"{self._calls:,} calls, {rate:,.0f}/h"

    def _line(self, now: float) -> None:
        if self._bar is None or not self._bar.disable or now < self._line_at:
            return
        self._line_at = now + LINE_EVERY
        pace = (self._kept - self._kept_before) / (now - self._begun)
        left = timedelta(seconds=round((self._target - self._kept) / pace)) if pace else "unknown"
        text = f"{self._name}: {self._kept:,} of {self._target:,} photos, {self._spent(now)}, time left {left}"
        print(text, file=self._file, flush=True)
