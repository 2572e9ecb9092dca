"""At most N photos per photographer and month."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

Photo = TypeVar("Photo")


def within_cap(photos: Iterable[tuple[str, Photo]], cap: int) -> Iterator[tuple[Photo, bool]]:
    """Yield each photo of one month with whether it is among the first `cap` of its owner.

    `photos` are `(owner, photo)` in keyed random order, so the first `cap` are a random choice of the owner's photos.
    """
    seen: Counter[str] = Counter()
    for owner, photo in photos:
        seen[owner] += 1
        yield photo, seen[owner] <= cap
