"""How a month is sampled: which windows of time are read, and which of their photos are drawn.

A search shows at most 4,000 photos. So a month is halved into windows until each has at most 3,000: by time down to a
second, then by licence, then by date of upload.

Every photo has a place in [0, 1): its window takes up a share of the month, in proportion to its photos, and within
the window a keyed hash of its id says where it is. A small month is read whole. In a large one, 8 arcs begin at evenly
spaced places, the first of them at random, and grow round by round until they meet; the photos within the arcs are
drawn. The places do not depend on where the arcs begin, so every photo has exactly the same chance: the share of
[0, 1) that the arcs cover (systematic sampling: Cochran, Sampling Techniques, ch. 8). This holds also where totals are
wrong: a window is then met more often and gives fewer of its photos, or the other way round.

Nothing here depends on the target: a larger target draws on where a smaller one stopped.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from flickrexif.collectors.search import MAX_WINDOW, Reader
from flickrexif.collectors.window import Window
from flickrexif.core.draws import rank, rng
from flickrexif.core.errors import UsageError

ARCS = 8
FIRST_DRAW = 1_000  # photos drawn in the first round of a large month
GROWTH = 1.5  # each round draws on until so many times the photos of all rounds before are drawn
READ_WHOLE = 36_000  # photos; a month up to this size is read whole, in about 100 calls
FIRST_MONTH = "2000-01"  # as in the paper

Arc = tuple[float, float]  # of places: from the first, up to the second
WHOLE: Arc = (0.0, 1.0)
ANY_WINDOW = ""  # in place of a window's key: photos of whatever window


def place(seed: int, month: str, photo_id: int) -> float:
    """Where a photo is in its window, in [0, 1)."""
    return (rank(seed, f"places of {month}", str(photo_id)) >> 10) / 2**53


def read_round(month: Window, round_: int, seed: int, reader: Reader) -> dict[str, list[Arc]] | None:
    """Read the windows of a round whole; return `{window key: arcs in it}`, or None when no photo is left to draw.

    The arcs of ANY_WINDOW are for all photos of the month.
    """
    windows = _roots(month, reader)
    total = sum(windows.values())
    if total <= READ_WHOLE:
        arcs = [WHOLE] if round_ == 0 else []
    else:
        arcs = _arcs(rng(seed, "arcs", month.key).random(), _covered(round_ - 1, total), _covered(round_, total))
    if not arcs:
        return None
    leaves = _leaves(_divided(windows, arcs), windows, reader)
    reader.read(leaves)
    return {ANY_WINDOW: arcs} if arcs == [WHOLE] else {window.key: arcs for window, arcs in leaves.items()}


def _roots(month: Window, reader: Reader) -> dict[Window, int]:
    """The month with its size; when it seems to be empty, each licence of it, as Flickr at times says 0 of several."""
    sizes = reader.sizes([month])
    return sizes if sizes[month] or len(month.licenses) == 1 else reader.sizes(month.by_license())


def _covered(round_: int, total: int) -> float:
    """The share of the month that the arcs cover after a round."""
    return min(1.0, FIRST_DRAW * GROWTH**round_ / total) if round_ >= 0 else 0.0


def _arcs(start: float, low: float, high: float) -> list[Arc]:
    """What a round adds to the arcs when they grow from the share `low` of the month to the share `high`."""
    if low == high:
        return []
    arcs = [((start + (k + low)) / ARCS, (start + (k + high)) / ARCS) for k in range(ARCS)]
    turned = [(max(first, 1.0) - 1, last - 1) for first, last in arcs if last > 1]
    return [*turned, *((first, min(last, 1.0)) for first, last in arcs if first < 1)]


def _leaves(
    windows: Mapping[Window, list[Arc]], sizes: Mapping[Window, int], reader: Reader
) -> dict[Window, list[Arc]]:
    """Halve the windows down to MAX_WINDOW photos and keep those that an arc meets."""
    leaves: dict[Window, list[Arc]] = {}
    while windows:
        parts = reader.parts({window: sizes[window] for window in windows if sizes[window] > MAX_WINDOW})
        leaves |= {window: arcs for window, arcs in windows.items() if window not in parts}
        halves = (_divided(part, windows[window]) for window, part in parts.items())
        windows = {window: arcs for divided in halves for window, arcs in divided.items()}
        sizes = {half: size for part in parts.values() for half, size in part.items()}
    return leaves


def _divided(sizes: Mapping[Window, int], arcs: Sequence[Arc]) -> dict[Window, list[Arc]]:
    """The arcs of each of some windows that lie side by side, in the places of that window; none without an arc."""
    divided: dict[Window, list[Arc]] = {}
    total, before = sum(sizes.values()), 0
    for window, size in sizes.items():
        if not size:
            continue
        low, high = before / total, (before + size) / total
        inside = [(max(a, low), min(b, high)) for a, b in arcs if a < high and b > low]
        if inside:
            divided[window] = [((a - low) / (high - low), (b - low) / (high - low)) for a, b in inside]
        before += size
    return divided


def months_of(months: Sequence[str], first: str | None, last: str | None, today: date) -> list[str]:
    """`months` sorted, or all from `first` (None: FIRST_MONTH) to `last` (None: that of `today`).

    UsageError when both or neither are given, and for a month after that of `today`.
    """
    now = f"{today:%Y-%m}"
    if months and (first or last):
        raise UsageError("--month and --from/--to were both given.", "Give one of them.")
    if not (months or first or last):
        raise UsageError("No month was given.", "Type --month 2024-08, or --from 2000-01 --to 2024-08.")
    named = sorted({parse_month(text) for text in months}) or months_between(first or FIRST_MONTH, last or now)
    if named[-1] > now:
        raise UsageError(f"{named[-1]} is in the future.", f"The last month that has photos is {now}.")
    return named


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
