"""A pool of processes on this machine."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any

from flickrexif.core.errors import FlickrExifError
from flickrexif.processing.engines import Tick, Unit, Work

AHEAD = 2  # units given out for each worker
TICK_EVERY = 0.5  # seconds between two messages of a worker


def run(units: Iterable[Unit], work: Work[Unit], tick: Tick, *, workers: int) -> None:
    """An engine. One worker is this process itself; more are started afresh (spawn).

    Raises FlickrExifError when a worker dies. Ctrl-C stops the workers at their next image.
    """
    if workers == 1:
        for unit in units:
            work(unit, tick)
        return
    context = get_context("spawn")  # fork would copy threads of Arrow and of `datasets` in the middle of their work
    ticks, stop = context.SimpleQueue(), context.Event()
    with ProcessPoolExecutor(workers, context, _begin, (ticks, stop)) as pool:
        try:
            _feed(pool, iter(units), work, lambda: _pass_on(ticks, tick), AHEAD * workers)
        except BrokenProcessPool:
            message = "A worker process died, perhaps because the machine ran out of memory."
            raise FlickrExifError(message, "Run the same command again with fewer --workers.") from None
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    _pass_on(ticks, tick)


def _feed(pool: ProcessPoolExecutor, units: Any, work: Any, pass_on: Callable[[], None], room: int) -> None:
    waiting: set[Future[None]] = set()
    while True:
        waiting |= {pool.submit(_call, work, unit) for unit in islice(units, room - len(waiting))}
        if not waiting:
            return
        done, waiting = wait(waiting, TICK_EVERY, FIRST_COMPLETED)
        pass_on()
        for future in done:
            future.result()


def _pass_on(ticks: "SimpleQueue[tuple[int, Mapping[str, int]]]", tick: Tick) -> None:
    while not ticks.empty():
        tick(*ticks.get())


# --- in the worker

_ticks: "SimpleQueue[tuple[int, Mapping[str, int]]]"
_stop: Event


def _begin(ticks: "SimpleQueue[tuple[int, Mapping[str, int]]]", stop: Event) -> None:
    global _ticks, _stop
    _ticks, _stop = ticks, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent says when to stop
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """A killed parent must not leave workers behind that write on."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _call(work: Work[Unit], unit: Unit) -> None:
    count, reasons, sent_at = 0, Counter[str](), time.monotonic()

    def tick(images: int, failed: Mapping[str, int]) -> None:
        nonlocal count, sent_at
        if _stop.is_set():
            raise KeyboardInterrupt
        count += images
        reasons.update(failed)
        if time.monotonic() - sent_at >= TICK_EVERY:
            send()

    def send() -> None:
        nonlocal count, sent_at
        _ticks.put((count, dict(reasons)))
        count, sent_at = 0, time.monotonic()
        reasons.clear()

    work(unit, tick)
    send()
