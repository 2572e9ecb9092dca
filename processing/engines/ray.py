"""A Ray cluster (https://docs.ray.io). Its machines see the source and the output folder under the same paths."""

import logging
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import partial
from itertools import islice
from typing import Any

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.core.extras import require
from flickrexif.core.text import reason_of
from flickrexif.processing.engines import DEATHS, Divisible, Tick, Work, deadly

AHEAD = 2  # units given out for each worker
RETRIES = 1  # of a unit whose worker or node died, before its images are looked at
CONNECT_SECONDS = 10.0


@contextmanager
def connected(address: str | None, cores: int | None) -> Iterator[Any]:
    """The module `ray`, connected to a cluster; `address` None starts one of so many cores on this machine, which ends.

    Raises UsageError when Ray is not installed or the cluster cannot be reached, MachineError when it fails, and what
    the work raised.
    """
    require("ray")
    import ray

    try:
        if address and ":" in address:  # ray.init would try for five minutes
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        cores = None if address else cores
        ray.init(address=address or "local", num_cpus=cores, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError) as error:
        message = f"The Ray cluster {address or 'on this machine'} cannot be reached ({str(error)[:200]})."
        raise UsageError(message, "Check --address.") from None
    try:
        with redirect_stdout(sys.stderr):  # where Ray prints what it notices
            yield ray
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None)  # what the work raised
        if isinstance(cause, FlickrExifError | OSError):
            raise cause from None
        if cause is not None and not isinstance(cause, ray.exceptions.RayError):
            raise
        message = f"The Ray cluster failed ({reason_of(error, 200)})."
        raise MachineError(message, "Run the same command again: what is finished is kept.") from None
    finally:
        ray.shutdown()  # ends the tasks under way


def run(units: Iterable[Divisible], work: Work[Any], tick: Tick, *, workers: int, address: str | None = None) -> None:
    """An engine; `tick` is called as units end. `address` None starts a cluster on this machine.

    A unit of a lost worker is done again. One whose workers die each time is done without the images that end their
    process. Raises as `connected`.
    """
    with connected(address, workers) as ray:
        _feed(ray, iter(units), partial(_submit, ray, work), tick, AHEAD * workers)


def _submit(ray: Any, work: Any, unit: Divisible) -> Any:
    return ray.remote(num_cpus=1, max_retries=RETRIES)(_call).remote(work, unit)


def _feed(ray: Any, units: Iterator[Divisible], submit: Callable[[Divisible], Any], tick: Tick, room: int) -> None:
    waiting: dict[Any, Divisible] = {}
    deaths = Counter[int]()  # by the unit's `id`
    while True:
        waiting |= {submit(unit): unit for unit in islice(units, room - len(waiting))}
        if not waiting:
            return
        for result in ray.wait(list(waiting))[0]:
            unit = waiting.pop(result)
            try:
                tick(*ray.get(result))
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
                deaths[id(unit)] += 1
                places = _deadly(ray, unit)
                if not places and deaths[id(unit)] == DEATHS:
                    raise
                waiting[submit(unit.without(places))] = unit


def _deadly(ray: Any, unit: Divisible) -> list[int]:
    """By plain tasks: a stream of results can wait for ever for a process that died."""
    attempt, shared = ray.remote(num_cpus=1, max_retries=0)(_attempt), ray.put(unit)

    def dies(start: int, stop: int) -> bool:
        try:
            ray.get(attempt.remote(shared, start, stop))
        except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError):
            return True
        return False

    return list(deadly(len(unit), dies))


# --- in the cluster


def _attempt(unit: Divisible, start: int, stop: int) -> None:
    unit.attempt(start, stop)


def _call(work: Work[Any], unit: Divisible) -> tuple[int, dict[str, int]]:
    count, reasons = 0, Counter[str]()

    def tick(images: int, failed: Mapping[str, int]) -> None:
        nonlocal count
        count += images
        reasons.update(failed)

    work(unit, tick)
    return count, dict(reasons)
