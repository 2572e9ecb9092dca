"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, TextIO

from tqdm import tqdm

LINE_EVERY = 30.0  # seconds, when the file is no terminal
NONE: Mapping[str, int] = MappingProxyType({})


class Progress:
    """Shows how many are done of how many, their pace, the time left, and failures by reason; close it at the end."""

    def __init__(self, unit: str, file: TextIO, now: Callable[[], float] = time.monotonic) -> None:
        self._unit, self._file, self._now = unit, file, now
        self._bar: tqdm[Any] | None = None
        self._begun = self._line_at = self._before = 0.0

    def __call__(self, done: int, total: int, failures: Mapping[str, int] = NONE) -> None:
        now = self._now()
        if self._bar is None:
            self._bar = tqdm(total=total, initial=done, unit=self._unit, file=self._file, disable=None)
            self._begun, self._line_at, self._before = now, now + LINE_EVERY, done
            return
        failed = ", ".join(f"{count:,} {reason}" for reason, count in sorted(failures.items()))
        if not self._bar.disable:
            self._bar.total = total
            self._bar.set_postfix_str(failed, refresh=False)
            self._bar.update(done - self._bar.n)
        elif now >= self._line_at:
            self._line_at = now + LINE_EVERY
            print(self._line(done, total, now) + (f"; failed: {failed}" if failed else ""), file=self._file, flush=True)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()

    def _line(self, done: int, total: int, now: float) -> str:
        pace = (done - self._before) / (now - self._begun)
        left = timedelta(seconds=round((total - done) / pace)) if pace else "unknown"
        return f"{done:,} of {total:,} {self._unit}s, {pace:,.1f} {self._unit}s/s, time left {left}"
