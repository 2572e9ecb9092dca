"""Simulated processes that share one clock: the same seed gives the same order of everything they do."""

import heapq
import random
import threading
from collections.abc import Callable

from tests.clock import START


class Killed(BaseException):
    """Ends a simulated process wherever it sleeps."""


class Process:
    """The clock of one process. It runs until it sleeps; then the one that wakes next goes on."""

    def __init__(self, world: "World") -> None:
        self.world, self.turn, self.dies = world, threading.Semaphore(0), float("inf")

    def now(self) -> float:
        return self.world.time

    def sleep(self, seconds: float) -> None:
        """`Killed` when the process dies meanwhile."""
        assert seconds > 0
        late = self.world.random.choice([0.0, 0.0, self.world.random.expovariate(2)])
        self.world.wake(self, min(self.world.time + seconds + late, max(self.dies, self.world.time)))
        self.world.idle.release()
        self.turn.acquire()
        if self.world.time >= self.dies:
            raise Killed


class World:
    """Lets processes take turns, in the order in which they wake; `time` in seconds since 1970."""

    def __init__(self, seed: int) -> None:
        self.random, self.time, self.idle = random.Random(seed), START, threading.Semaphore(0)
        self.asleep: list[tuple[float, float, int, Process]] = []
        self.errors: list[BaseException] = []

    def wake(self, process: Process, at: float) -> None:
        heapq.heappush(self.asleep, (at, self.random.random(), id(process), process))

    def run(self, *lives: Callable[[Process], None]) -> None:
        """Run until all `lives` have ended; raises what one of them raised."""
        threads = [threading.Thread(target=self._live, args=(life,)) for life in lives]
        for thread in threads:
            thread.start()
            self.idle.acquire()
        while self.asleep:
            at, _, _, process = heapq.heappop(self.asleep)
            self.time = max(self.time, at)
            process.turn.release()
            self.idle.acquire()
        for thread in threads:
            thread.join()
        for error in self.errors:
            raise error

    def _live(self, life: Callable[[Process], None]) -> None:
        process = Process(self)
        try:
            process.sleep(1e-3)
            life(process)
        except BaseException as error:  # `run` raises it
            self.errors.append(error)
        finally:
            self.idle.release()
