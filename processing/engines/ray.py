"""A Ray cluster (https://docs.ray.io). Its machines see the source and the output folder under the same paths."""

import socket
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.text import reason_of
from flickrexif.processing.engines import Tick, Unit, Work

AHEAD = 2  # units given out for each worker
CONNECT_SECONDS = 10.0


def run(units: Iterable[Unit], work: Work[Unit], tick: Tick, *, workers: int, address: str | None = None) -> None:
    """An engine; `tick` is called as units end. `address` None starts a cluster on this machine.

    Raises UsageError when Ray is not installed or the cluster cannot be reached, FlickrExifError when it fails.
    """
    try:
        import ray
    except ImportError:
        raise UsageError("Ray is not installed.", "Type `pip install 'flickrexif[ray]'`.") from None
    try:
        if address and ":" in address:  # ray.init would try for five minutes
            host, _, port = address.removeprefix("ray://").rpartition(":")
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        ray.init(address=address, log_to_driver=False, num_cpus=None if address else workers)
    except (OSError, RuntimeError, ValueError) as error:
        message = f"The Ray cluster {address or 'on this machine'} cannot be reached ({str(error)[:200]})."
        raise UsageError(message, "Check --address.") from None
    try:
        _feed(ray, iter(units), ray.remote(num_cpus=1, max_retries=3)(_call), work, tick, AHEAD * workers)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, FlickrExifError) else error from None
    except ray.exceptions.RayError as error:
        message = f"The Ray cluster failed ({reason_of(error, 200)})."
        raise FlickrExifError(message, "Run the same command again: finished shards are kept.") from None
    finally:
        ray.shutdown()  # ends the tasks under way


def _feed(ray: Any, units: Any, call: Any, work: Any, tick: Tick, room: int) -> None:
    waiting: list[Any] = []
    while True:
        waiting += [call.remote(work, unit) for unit in islice(units, room - len(waiting))]
        if not waiting:
            return
        done, waiting = ray.wait(waiting)
        for result in ray.get(done):
            tick(*result)


def _call(work: Work[Unit], unit: Unit) -> tuple[int, dict[str, int]]:
    count, reasons = 0, Counter[str]()

    def tick(images: int, failed: Mapping[str, int]) -> None:
        nonlocal count
        count += images
        reasons.update(failed)

    work(unit, tick)
    return count, dict(reasons)
