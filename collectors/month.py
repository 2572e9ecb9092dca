"""How a month is sampled: which windows of time are read, and which of their photos are tried.

A search shows at most 4,000 results. So a month is halved into windows until each has at most 3,000 photos: by time
down to a second, then by licence, then by date of upload.

A small month is read whole. In a large one, each round places 20 evenly spaced ranks among the month's photos, reads
the windows that hold a rank, and draws the same number of photos for each rank. Large windows are met more often, but
each of their photos is then drawn less often: every photo of the month has the same chance (Cochran, Sampling
Techniques, ch. 9A: systematic sampling in proportion to size).
"""

import calendar
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil

from flickrexif.collectors.flickr.models import EXTRAS
from flickrexif.core.draws import rng
from flickrexif.core.errors import UsageError

MAX_WINDOW = 3_000  # photos; Flickr repeats pages past 4,000 and its totals are estimates
PER_PAGE = 500
MAX_PAGES = 8  # of 500: where the pages begin to repeat

RANKS = 20  # windows a round
POOL = 5  # photos drawn a round for each photo of the target, as caps and missing Exif reject most of them
READ_WHOLE = 36_000  # photos; a month up to this size is read whole, in about 100 calls
MAX_ROUNDS = 20

FIRST_MONTH = "2000-01"  # as in the paper
FIRST_UPLOAD = int(datetime(2004, 2, 1, tzinfo=UTC).timestamp())  # Flickr opened
LAST_UPLOAD = int(datetime(2038, 1, 1, tzinfo=UTC).timestamp())
SECOND = timedelta(seconds=1)

# Arguments of every search. Sorted by date of upload, oldest first: a new upload does not shift the pages.
FILTERS: dict[str, str | int] = {
    "safe_search": 1,
    "media": "photos",
    "content_types": 0,
    "sort": "date-posted-asc",
    "extras": EXTRAS,
}


@dataclass(frozen=True, slots=True)
class Window:
    """One search: photos taken in [first, last] (the camera's clock, both ends inclusive) under `licenses`."""

    first: datetime
    last: datetime
    licenses: tuple[int, ...]
    uploaded: tuple[int, int] = (FIRST_UPLOAD, LAST_UPLOAD)  # seconds since 1970, both ends inclusive

    @property
    def key(self) -> str:
        """The window as one line: its name in the journal."""
        licenses = ",".join(map(str, self.licenses))
        taken = f"{self.first:%Y-%m-%d %H:%M:%S}/{self.last:%Y-%m-%d %H:%M:%S}"
        return f"{taken}/{licenses}/{self.uploaded[0]}-{self.uploaded[1]}"

    def arguments(self) -> dict[str, str | int]:
        """The arguments of flickr.photos.search."""
        arguments: dict[str, str | int] = FILTERS | {
            "min_taken_date": f"{self.first:%Y-%m-%d %H:%M:%S}",
            "max_taken_date": f"{self.last:%Y-%m-%d %H:%M:%S}",
            "license": ",".join(map(str, self.licenses)),
        }
        if self.uploaded != (FIRST_UPLOAD, LAST_UPLOAD):
            arguments |= {"min_upload_date": self.uploaded[0], "max_upload_date": self.uploaded[1]}
        return arguments

    def halves(self) -> "tuple[Window, Window] | None":
        """The two halves of this window: by time, else licence, else date of upload; None when it cannot be halved."""
        if self.first < self.last:
            middle = self.first + timedelta(seconds=int((self.last - self.first).total_seconds()) // 2)
            return replace(self, last=middle), replace(self, first=middle + SECOND)
        if (half := len(self.licenses) // 2) > 0:
            return replace(self, licenses=self.licenses[:half]), replace(self, licenses=self.licenses[half:])
        low, high = self.uploaded
        if low < high:
            half = (low + high) // 2
            return replace(self, uploaded=(low, half)), replace(self, uploaded=(half + 1, high))
        return None


Answer = tuple[int, int]  # Flickr's estimate of the total, and how many photos no earlier page had
Search = Callable[[Window, int], Answer]  # (window, page)
MapAll = Callable[[Callable[[Window], Answer], Iterable[Window]], Sequence[Answer]]  # map, in parallel


def month_window(month: str, licenses: Sequence[int]) -> Window:
    """The whole of `month`, YYYY-MM."""
    first = datetime.strptime(month, "%Y-%m")
    days = calendar.monthrange(first.year, first.month)[1]
    return Window(first, first + timedelta(days=days) - SECOND, tuple(sorted(licenses)))


def read_round(
    month: Window, round_: int, target: int, seed: int, search: Search, map_all: MapAll
) -> dict[str, int] | None:
    """Read all pages of one round's windows; return `{window key: photos to draw}`, or None when no round is left.

    `search` takes pages that were read before from the journal, so a round that was cut short goes on from there.
    """
    total, _ = search(month, 1)
    whole = total <= max(READ_WHOLE, POOL * target)
    if round_ >= (1 if whole else MAX_ROUNDS):
        return None
    start = rng(seed, f"windows of round {round_}", month.key).random()
    ranks = [(start + k) / RANKS for k in range(RANKS)]
    leaves = _leaves(
        {month: ranks},
        whole,
        lambda windows: [total for total, _ in map_all(lambda w: search(w, 1), windows)],
    )
    _read_whole(list(leaves), search, map_all)
    take = ceil(POOL * target / RANKS)
    return {window.key: MAX_WINDOW * MAX_PAGES if whole else take * len(ranks) for window, ranks in leaves.items()}


def _leaves(
    frontier: Mapping[Window, list[float]], whole: bool, totals: Callable[[Sequence[Window]], Sequence[int]]
) -> dict[Window, list[float]]:
    """Halve the windows of `frontier` down to MAX_WINDOW photos; `whole`: keep all halves, else those with a rank.

    A rank is a position in [0, 1) among the photos of its window, in the order of time.
    """
    leaves: dict[Window, list[float]] = {}
    while frontier:
        sizes = dict(zip(frontier, totals(list(frontier)), strict=True))
        parents = {
            window: halves for window, size in sizes.items() if size > MAX_WINDOW and (halves := window.halves())
        }
        leaves |= {window: ranks for window, ranks in frontier.items() if window not in parents and sizes[window]}
        lefts = totals([left for left, _ in parents.values()])
        children: dict[Window, list[float]] = {}
        for (window, halves), left in zip(parents.items(), lefts, strict=True):
            share = min(left / sizes[window], 1.0)
            children[halves[0]] = [rank / share for rank in frontier[window] if rank < share]
            children[halves[1]] = [(rank - share) / (1 - share) for rank in frontier[window] if rank >= share]
        frontier = {window: ranks for window, ranks in children.items() if whole or ranks}
    return leaves


def _read_whole(windows: Sequence[Window], search: Search, map_all: MapAll) -> None:
    """Read every page of each window, up to the first that brings nothing new."""
    for page in range(1, MAX_PAGES + 1):

        def read(window: Window, page: int = page) -> Answer:
            return search(window, page)

        answers = map_all(read, windows)
        windows = [
            window
            for window, (total, fresh) in zip(windows, answers, strict=True)
            if fresh and page < min(ceil(total / PER_PAGE), MAX_PAGES)
        ]


def months_of(months: Sequence[str], first: str | None, last: str | None) -> list[str]:
    """`months` sorted, or all from `first` (None: FIRST_MONTH) to `last`. UsageError when both or neither are given."""
    if months and (first or last):
        raise UsageError("--month and --from/--to were both given.", "Give one of them.")
    if months:
        return sorted({parse_month(text) for text in months})
    if not last:
        raise UsageError("No month was given.", "Type --month 2024-08, or --from 2000-01 --to 2024-08.")
    return months_between(first or FIRST_MONTH, last)


def parse_month(text: str) -> str:
    """`text` as YYYY-MM of a month that exists; UsageError otherwise."""
    try:
        month = datetime.strptime(text.strip(), "%Y-%m")
    except ValueError:
        raise UsageError(f"{text!r} is no month.", "Write it as YYYY-MM, for example --month 2024-08.") from None
    return f"{month:%Y-%m}"


def months_between(first: str, last: str) -> list[str]:
    """Every month from `first` to `last`, both included."""
    start, end = parse_month(first), parse_month(last)
    if start > end:
        raise UsageError(f"--from {start} is after --to {end}.", f"Swap them: --from {end} --to {start}.")
    number = int(start[:4]) * 12 + int(start[5:]) - 1
    stop = int(end[:4]) * 12 + int(end[5:])
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(number, stop)]
