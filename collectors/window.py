"""One search: the photos taken in a span of time under some licences, and how it is divided."""

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flickrexif.collectors.flickr.models import EXTRAS

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

    def halves(self) -> "list[tuple[Window, Window]]":
        """The ways to halve this window: by time taken, by licence, by date of upload."""
        halves = []
        if self.first < self.last:
            middle = self.first + timedelta(seconds=int((self.last - self.first).total_seconds()) // 2)
            halves.append((replace(self, last=middle), replace(self, first=middle + SECOND)))
        if (half := len(self.licenses) // 2) > 0:
            halves.append((replace(self, licenses=self.licenses[:half]), replace(self, licenses=self.licenses[half:])))
        low, high = self.uploaded
        if low < high:
            half = (low + high) // 2
            halves.append((replace(self, uploaded=(low, half)), replace(self, uploaded=(half + 1, high))))
        return halves

    def by_license(self) -> "list[Window]":
        """A window for each licence."""
        return [replace(self, licenses=(license_id,)) for license_id in self.licenses]


def month_window(month: str, licenses: tuple[int, ...] | list[int]) -> Window:
    """The whole of `month`, YYYY-MM."""
    first = datetime.strptime(month, "%Y-%m")
    days = calendar.monthrange(first.year, first.month)[1]
    return Window(first, first + timedelta(days=days) - SECOND, tuple(sorted(licenses)))
