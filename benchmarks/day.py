"""The memory of a crawl that goes on for a day at the limit of a key, by a clock that passes over every wait.

    python -m benchmarks.day [--hours 24]

The embedded server runs in another process. Wanted: as much memory in the last hour as in the second.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

import flickrexif
from benchmarks.crawl import TYPICAL, server
from flickrexif.core.errors import Interrupted

HOUR = 3_600.0
MIB = 2**20


class PassingClock:
    """A clock whose waits take no time; `tick` is called with the hours that passed at each."""

    def __init__(self, tick: Callable[[float], None]) -> None:
        self._tick, self._begun, self._passed, self._lock = tick, time.time(), 0.0, threading.Lock()

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self._passed

    def sleep(self, seconds: float) -> None:
        """Pass over the wait."""
        with self._lock:
            self._passed += seconds
        self._tick((self.now() - self._begun) / HOUR)


def resident() -> float:
    """Memory of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB


def main() -> None:
    """Crawl months one after the other until the hours are over, and print memory by the hour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=int, default=24)
    hours = parser.parse_args().hours
    peaks: dict[int, float] = {}

    def tick(passed: float) -> None:
        peaks[int(passed)] = max(resident(), peaks.get(int(passed), 0.0))
        if passed >= hours:
            raise Interrupted("The day is over.", "")

    with tempfile.TemporaryDirectory() as folder, server(TYPICAL, 0.0) as endpoint:
        os.environ["XDG_STATE_HOME"] = folder
        clock = PassingClock(tick)
        crawl = {"calls_per_hour": 3_500, "endpoint": endpoint, "data_dir": Path(folder, "data")}
        with patch("flickrexif.collectors.session.SystemClock", lambda _: clock), suppress(Interrupted):
            flickrexif.crawl(first="2020-01", last="2024-12", **crawl)  # type: ignore[arg-type]
        months = flickrexif.status(data_dir=Path(folder, "data"))
    print(f"{sum(sum(month.calls.values()) for month in months):,} calls, {len(months)} months begun")
    print(", ".join(f"hour {hour + 1}: {peak:.0f} MiB" for hour, peak in sorted(peaks.items())))


if __name__ == "__main__":
    main()
