"""How families and series look on the page and in print, and how strangers' names are cleaned to be shown.

The colours are those of Okabe and Ito that stand out from white and from black. Families, and series of a figure, never
differ by colour alone: marks have shapes, lines have dashes.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from flickrexif.core.text import LONGEST
from flickrexif.core.text import plain as text_on_one_line
from flickrexif.eval.report.spec import Pairwise, Point, Rows

GREY = "#7F7F7F"
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
NAME_LENGTH = 48
FEW = 5  # most lines that a legend names one by one
CROWD = 8  # fewest pairs for which a corner is shown enlarged


@dataclass(frozen=True, slots=True)
class Look:
    """One way to draw: the shape of marks and the dashes of lines, by Vega's names and in pixels."""

    color: str
    title: str = ""
    shape: str = "circle"
    dash: tuple[int, ...] = (1, 0)


FAMILIES: Mapping[str, Look] = MappingProxyType(
    {
        "CVL": Look(VERMILLION, "contrastive vision-language"),
        "SUP": Look(BLUE, "supervised", "square", (6, 3)),
        "SSL": Look(GREEN, "self-supervised", "triangle-up", (2, 2)),
        "CTL": Look(GREY, "controls", "cross", (6, 2, 1, 2)),
        "OWN": Look(PURPLE, "own and others", "diamond", (10, 2, 2, 2)),
        "": Look(GREY, "family not known", "triangle-down", (1, 4)),
    }
)
"""Family -> how it looks, in the order in which families are shown."""

SERIES: tuple[Look, ...] = (
    Look(GREY),
    Look(VERMILLION, shape="square", dash=(6, 3)),
    Look(BLUE, shape="triangle-up", dash=(2, 2)),
    Look(GREEN, shape="diamond", dash=(6, 2, 1, 2)),
    Look(PURPLE, shape="cross", dash=(10, 2)),
)


def look_of(family: str) -> Look:
    """How a family is drawn; an unknown one looks like ""."""
    return FAMILIES.get(family, FAMILIES[""])


def series_look(number: int) -> Look:
    """How series `number` of a figure is drawn."""
    return SERIES[number % len(SERIES)]


def title_of(family: str) -> str:
    """The name of a family in a legend: "CVL (contrastive vision-language)"."""
    look = look_of(family)
    return f"{family} ({look.title})" if family in FAMILIES and family else look.title


def family_order(family: str, encoder: str) -> tuple[int, str, str]:
    """The key by which encoders are sorted: by family, then by name."""
    order = list(FAMILIES)
    return order.index(family if family in FAMILIES else ""), encoder.casefold(), encoder


def families_in(points: Sequence[Point]) -> list[str]:
    """The families of the points, each once, in the order of FAMILIES; unknown ones are ""."""
    present = {point.family if point.family in FAMILIES else "" for point in points}
    return [family for family in FAMILIES if family in present]


# --- names


def plain(text: object, length: int) -> str:
    """Strangers' text on one line, without control and direction characters; its middle is cut out above `length`."""
    line = text_on_one_line(text, LONGEST)
    if len(line) <= length:
        return line
    head = (length - 1) // 2
    return f"{line[:head]}…{line[-(length - 1 - head) :]}"


def short(encoder: str, length: int = NAME_LENGTH) -> str:
    """An encoder's name on an axis: without the registry's "paper:", and cut as `plain` does."""
    return plain(encoder.removeprefix("paper:"), length)


def rounded(value: float | None) -> float | None:
    """The value with four decimals: a tenth of what is shown in %."""
    return None if value is None else round(value, 4)


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as "12.3%", and "none" for None."""
    return "none" if value is None else f"{100 * value:.{digits}f}%"


# --- the paper's numbers and scales


def published_of(
    published: Sequence[tuple[str, float]], shown: Collection[str]
) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The paper's numbers of encoders that are `shown`, and its levels; other encoders are left out."""
    own = [(name, value) for name, value in published if name in shown]
    levels = [(name, value) for name, value in published if name not in shown and not name.startswith("paper:")]
    return own, levels


def span_of(content: Rows) -> tuple[float, float]:
    """The range of an axis that has room for all numbers, their intervals, and the paper's numbers."""
    if content.as_bars:
        return 0, 1.02
    published = [value for line in content.series for _, value in line.published]
    numbers = [*(n for p in content.points for n in (p.value, p.low, p.high)), *published, content.chance]
    measured = [number for number in numbers if number is not None]
    low, high = min(measured, default=0.0), max(measured, default=1.0)
    room = max(0.04 * (high - low), 0.01)
    return low - room, high + room


def measured_pairs(content: Pairwise) -> tuple[list[tuple[Point, Point]], list[tuple[float, float]]]:
    """The points of encoders that have both numbers, and these numbers."""
    points, values = [], []
    for x, y in zip(content.x, content.y, strict=True):
        if x.value is not None and y.value is not None:
            points.append((x, y))
            values.append((x.value, y.value))
    return points, values


def corners_of(pairs: Sequence[tuple[float, float]]) -> tuple[float, float | None]:
    """Where both axes start (they end at 1): to show all pairs, and to show their upper half enlarged.

    The second is None where enlarging gains little.
    """
    lower = sorted(min(pair) for pair in pairs) or [0.0]
    whole = min(0.9, max(0.0, math.floor(10 * lower[0]) / 10))
    half = min(0.95, math.floor(20 * lower[len(lower) // 2]) / 20)
    return whole, half if len(pairs) >= CROWD and 1 - half <= 0.7 * (1 - whole) else None
