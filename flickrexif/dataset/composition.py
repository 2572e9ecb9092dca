"""Tables and figures of the labels table, and the biases measured on it.

Pure functions of Arrow columns and counts; a `Count` is a value and how many photos have it, most frequent first.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from flickrexif.core.facts import Cell, Chart, Table
from flickrexif.core.text import plain

Count = tuple[Any, int]

MOST = 20  # rows of a table
BARS = 15  # of a figure of names
UPRIGHT = 24  # bars of a figure by time
MONTHS = tuple(f"{number:02}" for number in range(1, 13))
NAME_LENGTH = 40  # of a stranger's name in a sentence
PHOTOS_A_PHOTOGRAPHER = ((1, "1"), (2, "2"), (5, "3-5"), (10, "6-10"), (20, "11-20"), (50, "21-50"))
QUANTILES = (
    (0, "fewest"),
    (25, "lower quartile"),
    (50, "median"),
    (75, "upper quartile"),
    (90, "90th percentile"),
    (99, "99th percentile"),
    (100, "most"),
)


def counts(column: Any) -> list[Count]:
    """Values of an Arrow column by how many rows have them, most first; nulls and empty texts left out."""
    import pyarrow.compute as pc

    pairs = [(pair["values"], pair["counts"]) for pair in pc.value_counts(column).to_pylist()]
    return sorted(((v, n) for v, n in pairs if v is not None and v != ""), key=lambda count: (-count[1], str(count[0])))


def share(part: int, whole: int) -> float:
    """Percent."""
    return 100 * part / whole if whole else 0.0


# --- tables


def count_table(
    title: str,
    what: str,
    frequencies: Sequence[Count],
    rows: int,
    names: Mapping[Any, str] | None = None,
    without: str = "not known",
) -> Table:
    """The most frequent values with their shares of `rows`, then the others together, then the rows without one."""
    lines = [((names or {}).get(value, str(value)), n) for value, n in frequencies[:MOST]]
    if others := frequencies[MOST:]:
        lines.append((f"{len(others):,} others", sum(n for _, n in others)))
    if missing := rows - sum(n for _, n in frequencies):
        lines.append((without, missing))
    return Table(
        title=title,
        header=(what, "Photos", "Share (%)"),
        rows=[(name, n, share(n, rows)) for name, n in lines],
    )


def month_table(months: Sequence[Count]) -> Table:
    """Years by months; `months` are counts of YYYY-MM."""
    by_month = dict(months)
    by_year: Counter[str] = Counter()
    for month, n in months:
        by_year[month[:4]] += n
    rows: list[tuple[Cell, ...]] = [
        (year, *(by_month.get(f"{year}-{month}") for month in MONTHS), by_year[year]) for year in sorted(by_year)
    ]
    return Table(title="Photos by month taken", header=("Year", *MONTHS, "All"), rows=rows)


def photographer_table(photos: npt.NDArray[np.int64]) -> Table:
    """How many photos a photographer has; `photos` is that number for each photographer."""
    rows: list[tuple[Cell, ...]] = [("Photographers", len(photos))]
    quantiles = np.percentile(photos, [percent for percent, _ in QUANTILES], method="inverted_cdf").astype(int)
    rows += [(f"Photos of one photographer: {name}", int(n)) for (_, name), n in zip(QUANTILES, quantiles, strict=True)]
    rows.append(("Share of the ten with most (%)", share(int(np.sort(photos)[-10:].sum()), int(photos.sum()))))
    return Table(title="Photographers", header=("What", "Value"), rows=rows)


# --- figures


def bars(name: str, title: str, frequencies: Sequence[Count], names: Mapping[Any, str] | None = None) -> list[Chart]:
    """A figure of the most frequent values; none for fewer than two."""
    if len(frequencies) < 2:
        return []
    shown = [((names or {}).get(value, str(value)), n) for value, n in frequencies[:BARS]]
    top = ", ".join(f"{plain(label, NAME_LENGTH)} {n:,}" for label, n in shown[:3])
    rest = f", and {len(frequencies) - 3:,} more" if len(frequencies) > 3 else ""
    return [_chart(name, title, f"{title}: {top}{rest}.", "bars", shown)]


def month_chart(months: Sequence[Count]) -> list[Chart]:
    """Photos by month from the first to the last, months without any included."""
    if len(months) < 2:
        return []
    by_month = dict(months)
    first, last = min(by_month), max(by_month)
    shown = [(month, by_month.get(month, 0)) for month in _months(first, last)]
    low, high = min(by_month.values()), max(by_month.values())
    span = f"{low:,}" if low == high else f"between {low:,} and {high:,}"
    alt = f"Photos by month taken, {first} to {last}: {span} in a month that has any."
    return [_chart("months", "Photos by month taken", alt, _kind(shown), shown)]


def photographer_chart(photos: npt.NDArray[np.int64]) -> list[Chart]:
    """Photographers by how many photos they have."""
    if len(photos) < 2:
        return []
    bounds, names = zip(*PHOTOS_A_PHOTOGRAPHER, strict=True)
    place = np.searchsorted(bounds, photos)
    counted = np.bincount(place, minlength=len(names) + 1).tolist()
    shown = list(zip((*names, "over 50"), counted, strict=True))
    alt = (
        f"Photographers by number of photos: {counted[0]:,} of {len(photos):,} have one, {counted[-1]:,} more than 50."
    )
    title = "Photographers by number of photos"
    return [_chart("photographers", title, alt, "bars", shown, "photographers")]


def _chart(
    name: str,
    title: str,
    alt: str,
    kind: Literal["bars", "line"],
    shown: Sequence[tuple[str, float]],
    unit: str = "photos",
) -> Chart:
    labels, values = zip(*shown, strict=True)
    return Chart(name=name, title=title, alt=alt, kind=kind, labels=labels, values=tuple(map(float, values)), unit=unit)


def _kind(shown: Sequence[tuple[str, float]]) -> Literal["bars", "line"]:
    return "line" if len(shown) > UPRIGHT else "bars"


def _months(first: str, last: str) -> Iterable[str]:
    low, high = (12 * int(month[:4]) + int(month[5:7]) - 1 for month in (first, last))
    return (f"{number // 12:04}-{number % 12 + 1:02}" for number in range(low, high + 1))


# --- biases


def gini(photos: npt.NDArray[np.int64]) -> float:
    """Gini coefficient of photos over photographers: 0 when all have as many, near 1 when one has all."""
    ordered = np.sort(photos).astype(np.float64)
    count = len(ordered)
    return float((2 * np.arange(1, count + 1) - count - 1) @ ordered / (count * ordered.sum()))


def total_variation(first: Mapping[Any, int], last: Mapping[Any, int]) -> float:
    """Total-variation distance between two mixes, from counts: 0 the same, 1 nothing in common."""
    a, b = sum(first.values()), sum(last.values())
    return sum(abs(first.get(name, 0) / a - last.get(name, 0) / b) for name in {**first, **last}) / 2


def concentration(photos: npt.NDArray[np.int64]) -> list[str]:
    """How much of the photos a few photographers took."""
    if not len(photos):
        return []
    top = ceil(len(photos) / 100)
    part = share(int(np.sort(photos)[-top:].sum()), int(photos.sum()))
    who = "photographer" if top == 1 else f"{top:,} photographers"
    return [
        f"The 1% of photographers with most photos ({who}) took {part:.1f}% of them; "
        f"the Gini coefficient of photos over photographers is {gini(photos):.2f} (0: all have as many)."
    ]


def drift(makes: Mapping[int, Mapping[str, int]]) -> list[str]:
    """How the mix of makers changes from the first third of the years to the last; `makes`: year -> maker -> photos."""
    years = sorted(year for year, by_maker in makes.items() if by_maker)
    if not years:
        return []
    if len(years) < 2:
        return ["All photos with a known maker are of one year: how the makers change by year is not seen."]
    third = max(1, len(years) // 3)
    ends = [years[:third], years[-third:]]
    first, last = (sum((Counter(makes[year]) for year in end), Counter[str]()) for end in ends)
    names = {name: _percent(name, last) - _percent(name, first) for name in {**first, **last}}
    most = sorted(names, key=lambda name: (-abs(names[name]), name))[:3]
    moved = ", ".join(
        f"{plain(name, NAME_LENGTH)} from {_percent(name, first):.1f}% to {_percent(name, last):.1f}%" for name in most
    )
    before, after = (f"{end[0]}" if len(end) == 1 else f"{end[0]} to {end[-1]}" for end in ends)
    return [
        f"Makers follow the years: between {before} and {after} the mix of makers moves by a total-variation distance "
        f"of {total_variation(first, last):.2f} (0: the same, 1: nothing in common); most by {moved}. A classifier of "
        "the maker can live on the year, and the other way round."
    ]


def scanners(scans: int, rows: int) -> list[str]:
    """How many rows are scans, whose Exif is that of the scanner and not of the camera."""
    return [f"{scans:,} photos ({share(scans, rows):.1f}%) come from a film or flatbed scanner."] if rows else []


def smartphones(by_year: Mapping[int, tuple[int, int]]) -> tuple[list[str], list[Chart]]:
    """The share of smartphones by year taken; `by_year`: year -> (smartphones, photos of a known kind)."""
    shares = {year: share(*by_year[year]) for year in sorted(by_year) if by_year[year][1]}
    if len(shares) < 2:
        return [], []
    (first, low), *_, (last, high) = shares.items()
    sentence = f"Smartphones took {low:.1f}% of the photos of {first} and {high:.1f}% of those of {last}"
    title = "Smartphones by year taken"
    shown = [(str(year), value) for year, value in shares.items()]
    chart = _chart("smartphones", title, f"{sentence}.", _kind(shown), shown, "% of photos of a known device")
    return [f"{sentence}, of those whose device is known."], [chart]


def nulls(missing: Mapping[str, int], rows: int) -> list[str]:
    """The labels that are often missing."""
    ordered = sorted(((name, n) for name, n in missing.items() if n), key=lambda item: (-item[1], item[0]))
    shares = ", ".join(f"{name} {share(n, rows):.1f}%" for name, n in ordered)
    return [f"Rows without a label: {shares}."] if shares else ["Every row has every label."]


def _percent(name: str, photos: Mapping[str, int]) -> float:
    return share(photos.get(name, 0), sum(photos.values()))
