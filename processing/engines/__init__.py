"""Where the units of work run: on this machine's cores, or on a Ray cluster. Same units, same bytes.

An engine is a function `run(units, work, tick, *, workers)` that calls `work(unit, tick)` for every unit, in any order,
takes units from the iterable as there is room for them, and raises what `work` raises once the others have stopped.
"""

from collections.abc import Callable, Mapping
from typing import TypeVar

Unit = TypeVar("Unit")

Tick = Callable[[int, Mapping[str, int]], None]
"""Called with progress: how many images more, and the failures among them by reason."""

Work = Callable[[Unit, Tick], None]
"""Does one unit; a function of a module, so that other processes can import it."""
