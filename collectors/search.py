"""Reads the windows of a month as far as Flickr's answers can be believed.

Flickr's totals are estimates, and its answers are known to be wrong now and then: a page in the middle comes empty or
repeats another, a total is too low or too high, or 0 for several licences at once, and halves of a short span are as
large as the whole. So a window ends with a page that is not full and lies past the total, or with the last page that
is shown; parts stand for a window only when their sizes add up to its own; and what still looks wrong when it was
asked twice is noted as a doubt.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import NamedTuple

from flickrexif.collectors.window import Window

PER_PAGE = 500
MAX_PAGES = 8  # of 500: where the pages begin to repeat
MAX_WINDOW = 3_000  # photos to aim at, as totals are estimates and 4,000 are shown at most
END = -1  # told in place of a total: there is no such page
LARGEST_ERROR = 750  # photos by which Flickr's totals were seen to be off
ADDS_UP = 0.75, 1.5  # of the window's size, which its parts may have together
ONE_EMPTY = 0.95  # the least of them when one part is said to be empty

# Doubts: why the photos of a window may not be all, or not those that were asked for.
DOUBTS = {
    "pages_missing": "a page came empty or repeated, twice, and a later one did not",
    "fewer_than_told": f"over {LARGEST_ERROR} photos fewer were shown than the total says",
    "more_than_shown": "a search shows 4,000 photos at most, and this one has more",
    "parts_do_not_add_up": "no parts of the window have as many photos as the whole",
}


class Answer(NamedTuple):
    """What a search said of a page."""

    total: int  # an estimate; END
    shown: int | None  # photos on the page; None where they were not stored, as the window is too large to be read
    fresh: int  # those that no earlier page of the window showed

    @property
    def size(self) -> int:
        """Photos that the window is known to have."""
        return max(self.total, self.shown or 0, 0)


Search = Callable[[Window, int, bool], Answer]  # (window, page, whether its photos are needed)
MapAll = Callable[[Callable[[Window], Answer], Iterable[Window]], Sequence[Answer]]  # map, in parallel
Doubt = Callable[[Window, str], object]  # notes one of DOUBTS


def is_doubtful(window: Window, page: int, total: int, answer: Answer) -> bool:
    """Whether to ask for the page once more; `total` is the largest that the pages of the window told so far."""
    if answer.total == END or answer.fresh or answer.shown is None:
        return False
    if page == 1:
        return total > 0 or len(window.licenses) > 1
    return (page - 1) * PER_PAGE < total


class Reader(NamedTuple):
    """Searches; `search` takes what was asked before from the journal."""

    search: Search
    map_all: MapAll
    doubt: Doubt

    def sizes(self, windows: Iterable[Window]) -> dict[Window, int]:
        """How many photos each window has, by its first page."""
        listed = list(windows)
        answers = self.map_all(lambda window: self.search(window, 1, False), listed)
        return {window: answer.size for window, answer in zip(listed, answers, strict=True)}

    def parts(self, sizes: Mapping[Window, int]) -> dict[Window, dict[Window, int]]:
        """The two halves of each window with their sizes; of the ways to halve it the first that adds up.

        Windows that cannot be halved are left out, and those of which no halves add up, which is a doubt.
        """
        parts: dict[Window, dict[Window, int]] = {}
        ways = zip_longest(*([(window, *halves) for halves in window.halves()] for window in sizes))
        for way in ways:
            halves = {given[0]: given[1:] for given in way if given and given[0] not in parts}
            told = self.sizes(half for pair in halves.values() for half in pair)
            for window, (first, second) in halves.items():
                if _add_up(sizes[window], told[first], told[second]):
                    parts[window] = {first: told[first], second: told[second]}
        for window in sizes:
            if window not in parts and window.halves():
                self.doubt(window, "parts_do_not_add_up")
        return parts

    def read(self, windows: Iterable[Window]) -> None:
        """Read every page of each window."""
        answers: dict[Window, list[Answer]] = {window: [] for window in windows}
        unread = list(answers)
        for page in range(1, MAX_PAGES + 1):

            def read(window: Window, page: int = page) -> Answer:
                return self.search(window, page, True)

            for window, answer in zip(unread, self.map_all(read, unread), strict=True):
                answers[window].append(answer)
            unread = [window for window in unread if _goes_on(answers[window])]
        for window, pages in answers.items():
            for doubt in doubts(pages):
                self.doubt(window, doubt)


def _add_up(size: int, first: int, second: int) -> bool:
    """Whether two parts may be those of a window of this size."""
    low, high = ADDS_UP
    return (low if first and second else ONE_EMPTY) <= (first + second) / size <= high


def _goes_on(pages: Sequence[Answer]) -> bool:
    """Whether the window may have a page after these."""
    last = pages[-1]
    is_full = last.shown == PER_PAGE and last.fresh > 0
    return last.total != END and (is_full or len(pages) * PER_PAGE < max(page.total for page in pages))


def doubts(pages: Sequence[Answer]) -> list[str]:
    """What is wrong with the pages of a window that was read to its end."""
    fresh = [page.fresh for page in pages]
    with_photos = max((place for place, count in enumerate(fresh) if count), default=0)
    wrong = {
        "pages_missing": not all(fresh[:with_photos]),
        "fewer_than_told": max(page.total for page in pages) - sum(fresh) > LARGEST_ERROR,
        "more_than_shown": len(pages) == MAX_PAGES and fresh[-1] == PER_PAGE,
    }
    return [doubt for doubt, holds in wrong.items() if holds]
