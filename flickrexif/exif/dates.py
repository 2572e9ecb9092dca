"""When a photo was taken, from the dates that cameras, phones, editors and Flickr write.

Exif asks for "2011:03:08 16:23:00". There are also hyphens or slashes, a T between date and time, hour 24 for the first
hour of the day that is written, parts of a second, no seconds, blanks for leading zeros, and a zone. The clock's time
is taken as it is written and the zone left out: most photos have none.
"""

import re
from datetime import datetime
from typing import NamedTuple

_DAY = re.compile(r"(\d{4})(?!\d)(?:[:/.-] ?(\d{1,2})(?!\d)(?:[:/.-] ?(\d{1,2})(?!\d))?)?")
_TIME = re.compile(
    r"[:T ] *(\d{1,2}): ?(\d{1,2})(?:: ?(\d{1,2})(?:[.,]\d*)?)? *(?:Z|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?|UTC|GMT)?",
    re.IGNORECASE,
)
_YEARS = range(1826, 2100)  # the first photograph is of 1826 or 1827


class Taken(NamedTuple):
    """When a photo was taken, as far as its date tells, and why `time` is None although there is a date."""

    time: datetime | None = None
    month: str | None = None  # YYYY-MM
    year: int | None = None
    to_the_second: bool = False
    reason: str | None = None  # not_defined, not_a_date, out_of_range or no_time


def read_date(text: str | None) -> Taken:
    """The moment that `text` says, by the camera's clock, or as much of it as can be read. Never raises.

    not_defined: zeros or blanks, which stand for an unknown date. out_of_range: a year before photography or after
    2099, or a day or time that no calendar has. no_time: a date alone.
    """
    text = (text or "").strip()
    if not text:
        return Taken()
    day = _DAY.match(text)
    if not day or not text.strip("0:/.-T "):
        return Taken(reason="not_a_date" if text.strip("0:/.-T ") else "not_defined")
    year, month = int(day[1]), int(day[2] or 0)
    if year not in _YEARS:
        return Taken(reason="out_of_range")
    date = Taken(month=f"{year}-{month:02}" if 1 <= month <= 12 else None, year=year)
    rest = text[day.end() :]
    if not rest:
        return date._replace(reason="no_time")
    time = _TIME.fullmatch(rest) if day[3] else None
    if not time:
        return date._replace(reason="not_a_date")
    hour, minute, second = (int(part or 0) for part in time.groups())
    try:
        moment = datetime(year, month, int(day[3]), 0 if hour == 24 else hour, minute, second)
    except ValueError:
        return date._replace(reason="out_of_range")
    return date._replace(time=moment, to_the_second=time[3] is not None)
