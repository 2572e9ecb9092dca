"""The two records that reading, checking and building share: an image of a pair, and what is wrong with one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import plain

Side = Literal["phone", "camera"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairImage:
    """One image of a pair, as in its source."""

    subject: str
    path: Path | None  # None: from a data set
    read: Callable[[], bytes]  # the whole, unchanged file
    file_name: str  # a stranger's text
    side: Side  # the published side: of the table, not of the device category
    make: str | None  # as ExifTool prints it
    model: str | None  # as ExifTool prints it, or as in the data set
    device_category: str  # of flickrexif.exif.devices.CATEGORIES
    released: int | None  # year
    tags: Mapping[str, str]  # tag name -> raw string, as flickrexif.exif.files.read_tags gives them
    taken: datetime | None  # DateTimeOriginal, the camera's clock, no zone
    width: int  # pixels as stored, before the orientation is applied
    height: int
    orientation: int  # Exif's, 1 to 8
    sha256: str  # of what `read` gives


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """One finding: `rule` is a name in paircams.protocol.RULES; `file` is empty when it concerns the whole subject."""

    subject: str
    file: str
    rule: str
    detail: str


class BadPairs(FlickrExifError):
    """A source with faults; `problems` holds them all, and the message shows them."""

    def __init__(self, problems: Sequence[Problem], what: str = "The pairs cannot be built") -> None:
        super().__init__(f"{what}, nothing was written:\n\n{problem_table(problems)}\n", "Mend these, then try again.")
        self.problems = tuple(problems)


def problem_table(problems: Sequence[Problem]) -> str:
    """The problems as a table for a terminal, one a line."""
    head = ("Subject", "File", "Rule", "What")
    rows = [head, *((p.subject, p.file, p.rule, p.detail) for p in problems)]
    cells = [[plain(cell, most) for cell, most in zip(row, (24, 48, 20, 120), strict=True)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


Item = TypeVar("Item", PairImage, Problem)


def by_subject(items: Iterable[Item]) -> dict[str, list[Item]]:
    """Images or findings by the subject they belong to, in the order they come in."""
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(item.subject, []).append(item)
    return groups
