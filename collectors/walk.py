"""Which of the drawn photos are tried and kept: the first usable ones in the drawn order, within the caps.

A photographer has at most `cap` photos kept, and at most twice as many tried: who hides the Exif of all photos does not
cost a call for each of them. What is decided is what a walk photo by photo would decide, though many are tried at once:
a photo is tried early only where no answer that is still to come could make the walk pass over it.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

TRIES = 2  # photos tried for each that the cap allows

Decision = Literal["try", "wait", "over_cap", "photographer_without_exif"]


class Drawn(NamedTuple):
    """A drawn photo; `usable`: whether its Exif was seen to be (None: it was not asked for)."""

    photo_id: int
    owner: str
    usable: bool | None


class Tally:
    """What is kept, tried and under way, in all and of each photographer."""

    def __init__(self, target: int, cap: int) -> None:
        self.target, self.cap = target, cap
        self.kept = self.pending = 0
        self._kept, self._tried, self._pending = Counter[str](), Counter[str](), Counter[str]()

    def decide(self, owner: str) -> Decision:
        """What to do with the next photo of `owner`."""
        if self._kept[owner] >= self.cap:
            return "over_cap"
        used_up = self._tried[owner] >= TRIES * self.cap
        if self._pending[owner] and (used_up or self._kept[owner] + self._pending[owner] >= self.cap):
            return "wait"
        return "photographer_without_exif" if used_up else "try"

    def begin(self, owner: str) -> None:
        """A photo is being tried."""
        self._tried[owner] += 1
        self._pending[owner] += 1
        self.pending += 1

    def end(self, owner: str, *, usable: bool) -> None:
        """Its answer came."""
        self._pending[owner] -= 1
        self.pending -= 1
        self._kept[owner] += usable
        self.kept += usable


class Walk:
    """Goes down the drawn photos; `next_to_try` gives those to ask for, `end` takes the answers."""

    def __init__(self, drawn: Iterable[Drawn], target: int, cap: int) -> None:
        self._drawn = iter(drawn)
        self.tally = Tally(target, cap)
        self._waiting: dict[str, deque[Drawn]] = {}  # of photographers with answers to come
        self._number_waiting = 0
        self._again: deque[Drawn] = deque()  # waited before, and can be decided now

    def next_to_try(self) -> Drawn | None:
        """The next photo to ask for; None while nothing can be said before an answer comes, and at the end."""
        while photo := self._next():
            decision = "wait" if photo.owner in self._waiting else self.tally.decide(photo.owner)
            if decision == "wait":
                self._waiting.setdefault(photo.owner, deque()).append(photo)
                self._number_waiting += 1
            elif decision == "try":
                self.tally.begin(photo.owner)
                if photo.usable is None:
                    return photo
                self.end(photo.owner, usable=photo.usable)
        return None

    def end(self, owner: str, *, usable: bool) -> None:
        """Take the answer for a photo of `owner`."""
        self.tally.end(owner, usable=usable)
        waiting = self._waiting.pop(owner, deque())
        self._number_waiting -= len(waiting)
        self._again.extend(waiting)

    def _next(self) -> Drawn | None:
        if self._again:
            return self._again.popleft()
        # No more than are missing: all that are under way and all that wait may turn out to be kept.
        if self.tally.kept + self.tally.pending + self._number_waiting < self.tally.target:
            return next(self._drawn, None)
        return None


def passed_over(drawn: Iterable[Drawn], target: int, cap: int) -> Iterator[tuple[int, str | None]]:
    """For each drawn photo why it is not kept whatever its Exif says, or None; those not asked for count as absent."""
    tally = Tally(target, cap)
    for photo in drawn:
        decision = tally.decide(photo.owner)
        if tally.kept >= target:
            yield photo.photo_id, None if photo.usable is None else "beyond_target"
        elif decision != "try":
            yield photo.photo_id, decision
        else:
            yield photo.photo_id, None
            if photo.usable is not None:
                tally.begin(photo.owner)
                tally.end(photo.owner, usable=photo.usable)
