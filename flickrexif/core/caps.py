"""At most N photos per photographer and month."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TypeVar

Photo = TypeVar("Photo")


def within_cap(photos: Iterable[tuple[str, Photo]], cap: int) -> Iterator[tuple[Photo, bool]]:
    """Walk `(owner, photo)` pairs of one month in keyed random order; yield each with whether it is within the cap.

    The first `cap` of an owner in a random order are a random choice among the owner's photos.
    """
    seen: Counter[str] = Counter()
    for owner, photo in photos:
        seen[owner] += 1
        yield photo, seen[owner] <= cap
