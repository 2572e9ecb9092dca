"""A pool of processes on this machine."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Event
from typing import Any

from flickrexif.core.apart import apart
from flickrexif.core.errors import FlickrExifError
from flickrexif.processing.engines import DEATHS, Divisible, Tick, Work, deadly

AHEAD = 2  # units given out for each worker
IMAGES = ""  # beside the reasons

Ticked = tuple[int, Mapping[str, int]]  # the number of a unit, and how many images more and failures by reason
TICK_EVERY = 0.5  # seconds between two messages of a worker


def run(units: Iterable[Divisible], work: Work[Any], tick: Tick, *, workers: int) -> None:
    """An engine. One worker is this process itself; more are started afresh (spawn).

    Where a worker dies, the units under way are done again without the images that end their process. Raises
    FlickrExifError when workers die again and again and no image is to blame. Ctrl-C stops them at their next image.
    """
    if workers == 1:
        for unit in units:
            work(unit, tick)
        return
    left, innocent = iter(units), 0
    while lost := _run(left, work, tick, workers):
        places = [list(deadly(len(unit), partial(_dies, unit))) for unit in lost]
        innocent = 0 if any(places) else innocent + 1
        if innocent == DEATHS:
            message = "Worker processes died again and again, perhaps because the machine ran out of memory."
            raise FlickrExifError(message, "Run the same command again with fewer --workers.")
        left = chain([unit.without(some) for unit, some in zip(lost, places, strict=True)], left)


def _dies(unit: Divisible, start: int, stop: int) -> bool:
    try:
        apart(unit.attempt, start, stop)
    except BrokenProcessPool:
        return True
    return False


def _run(units: Iterator[Divisible], work: Work[Any], tick: Tick, workers: int) -> list[Divisible]:
    """Do the units until a worker dies; returns those that were under way then, for which nothing is ticked."""
    context = get_context("spawn")  # fork would copy threads of Arrow and of `datasets` in the middle of their work
    ticks, stop = context.SimpleQueue(), context.Event()
    ticked: dict[int, Counter[str]] = {}  # of the units under way; IMAGES and reasons

    def pass_on() -> None:
        while not ticks.empty():
            number, counts = ticks.get()
            ticked.setdefault(number, Counter()).update(counts)
            _tick(tick, counts)

    with ProcessPoolExecutor(workers, context, _begin, (ticks, stop)) as pool:
        try:
            lost = _feed(pool, units, work, pass_on, AHEAD * workers)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)
    pass_on()
    for number in lost:
        _tick(tick, {name: -count for name, count in ticked.get(number, {}).items()})
    return list(lost.values())


def _tick(tick: Tick, counts: Mapping[str, int]) -> None:
    tick(counts.get(IMAGES, 0), {reason: count for reason, count in counts.items() if reason != IMAGES})


def _feed(
    pool: ProcessPoolExecutor, units: Iterator[Divisible], work: Any, pass_on: Callable[[], None], room: int
) -> dict[int, Divisible]:
    """Returns the units, by number, that were under way when a worker died."""
    waiting: dict[Future[None], int] = {}
    under_way: dict[int, Divisible] = {}
    numbered = enumerate(units)
    try:
        while True:
            for number, unit in islice(numbered, room - len(waiting)):
                under_way[number] = unit
                waiting[pool.submit(_call, work, number, unit)] = number
            if not waiting:
                return {}
            done, _ = wait(waiting, TICK_EVERY, FIRST_COMPLETED)
            pass_on()
            for future in done:
                future.result()
                del under_way[waiting.pop(future)]
    except BrokenProcessPool:
        return under_way


# --- in the worker

_ticks: "SimpleQueue[Ticked]"
_stop: Event


def _begin(ticks: "SimpleQueue[Ticked]", stop: Event) -> None:
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


def _call(work: Work[Any], number: int, unit: Divisible) -> None:
    counts, sent_at = Counter[str](), time.monotonic()

    def tick(images: int, failed: Mapping[str, int]) -> None:
        nonlocal sent_at
        if _stop.is_set():
            raise KeyboardInterrupt
        counts.update(failed)
        counts[IMAGES] += images
        if time.monotonic() - sent_at >= TICK_EVERY:
            send()

    def send() -> None:
        nonlocal sent_at
        _ticks.put((number, dict(counts)))
        sent_at = time.monotonic()
        counts.clear()

    work(unit, tick)
    send()
