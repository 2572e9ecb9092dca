"""Progress on stderr: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from tqdm import tqdm

LINE_EVERY = 30.0  # seconds, when stderr is no terminal


class ProcessProgress:
    """Shows images made, images in all, images/s and failures by reason; close it at the end."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stderr
        self._bar: tqdm[Any] | None = None
        self._begun = self._line_at = self._before = 0.0

    def __call__(self, done: int, total: int, failures: Mapping[str, int]) -> None:
        now = time.monotonic()
        if self._bar is None:
            self._bar = tqdm(total=total, initial=done, unit="image", file=self._file, disable=None)
            self._begun, self._line_at, self._before = now, now + LINE_EVERY, done
            return
        failed = ", ".join(f"{count:,} {reason}" for reason, count in sorted(failures.items()))
        if not self._bar.disable:
            self._bar.set_postfix_str(failed, refresh=False)
            self._bar.update(done - self._bar.n)
        elif now >= self._line_at:
            self._line_at = now + LINE_EVERY
            rate = (done - self._before) / (now - self._begun)
            text = f"{done:,} of {total:,} images, {rate:,.1f} images/s" + (f"; failed: {failed}" if failed else "")
            print(text, file=self._file, flush=True)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
