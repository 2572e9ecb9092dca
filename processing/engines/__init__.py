"""Where the units of work run: on this machine's cores, or on a Ray cluster. Same units, same bytes.

An engine is a function `run(units, work, tick, *, workers)` that calls `work(unit, tick)` for every unit, in any order,
takes units from the iterable as there is room for them, and raises what `work` raises once the others have stopped.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Protocol, TypeVar

from flickrexif.core.errors import UsageError

Unit = TypeVar("Unit")

DEATHS = 3  # of workers for which no image is to blame, after which a run ends

Tick = Callable[[int, Mapping[str, int]], None]
"""Called with progress: how many images more, and the failures among them by reason."""

Work = Callable[[Unit, Tick], None]
"""Does one unit; a function of a module, so that other processes can import it."""


class Divisible(Protocol):
    """A unit in which an image that ends its process can be looked for."""

    def __len__(self) -> int:
        """Its images."""

    def attempt(self, start: int, stop: int) -> None:
        """Process the images start to stop - 1 and write nothing."""

    def without(self, places: Collection[int]) -> "Divisible":
        """The unit in which the images at these places are failures, with the reason `crashes`."""


def deadly(images: int, dies: Callable[[int, int], bool]) -> Iterator[int]:
    """The places of the images that end their process also alone, found by halving.

    `dies` tells whether the process that attempts the images start to stop - 1 ends.
    """
    parts = [(0, images)]
    while parts:
        start, stop = parts.pop()
        if not dies(start, stop):
            continue
        middle = (start + stop) // 2
        if middle == start:
            yield start
        else:
            parts += [(middle, stop), (start, middle)]


def check_engine(engine: str, address: str | None) -> None:
    """Raise UsageError for an engine that does not exist, and for an address without a cluster."""
    if engine not in ("local", "ray"):
        raise UsageError(f"There is no engine {engine!r}.", "Known: local, ray.")
    if address and engine != "ray":
        raise UsageError("An address is of a Ray cluster.", "Add --engine ray.")
