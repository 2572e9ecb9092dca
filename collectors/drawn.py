"""A source whose photos are all at hand, with their Exif: which of a month are kept, without a call and a journal.

Such a source gives the candidates of a month in a drawn order. Kept is what a crawl would keep: the first usable ones,
within the caps, up to the target. It is worked out anew each time; recorded is only what the folder was begun with, and
what was counted.

    <root>/.crawl/drawn.json    source, sampling, and of each month the target and the photos not kept by reason
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from flickrexif.collectors.walk import Drawn, passed_over
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import put_text
from flickrexif.core.photos import RawPhoto, Source
from flickrexif.core.takedowns import Takedowns
from flickrexif.core.versions import fields_of, versioned
from flickrexif.exif.tags import unusable

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The photos of a month in the drawn order, and how many are none of them by reason."""

    photos: Iterable[RawPhoto]
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A source in files: what a command needs to know of it. The `Path` is the folder of the files."""

    name: Source
    is_ready: Callable[[Path], bool]  # UsageError where files are missing
    prepare: Callable[[Path, Say], object]  # makes it ready, once
    candidates: Callable[[Path, str, tuple[int, ...], int], Candidates]  # of a month, under licences, with a seed


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnMonth:
    """The photos that are kept of a month, and of those tried the others by reason; whether none was left to try."""

    kept: tuple[RawPhoto, ...]
    rejected: Mapping[str, int]
    exhausted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthRecord:
    """What is recorded of a month."""

    target: int
    exhausted: bool
    rejected: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is recorded of a folder: `sampling` as `CrawlSettings.sampling` says it."""

    source: Source
    sampling: str
    months: Mapping[str, MonthRecord]


def draw_month(candidates: Candidates, target: int, cap: int, takedowns: Takedowns) -> DrawnMonth:
    """The first usable photos, at most `cap` of a photographer and `target` in all.

    Photos and photographers on the list of `takedowns` are passed over as if the source did not have them.
    """
    kept: list[RawPhoto] = []
    rejected = Counter(candidates.rejected)
    tried: list[RawPhoto] = []

    def drawn() -> Iterable[Drawn]:
        for photo in candidates.photos:
            if not (takedowns.photo(photo.flickr_id) or takedowns.owner(photo.owner)):
                tried.append(photo)
                yield Drawn(photo.flickr_id, photo.owner, unusable(photo.exif) is None)

    for _, passed in passed_over(drawn(), target, cap):
        if len(kept) == target:
            return DrawnMonth(kept=tuple(kept), rejected=dict(rejected), exhausted=False)
        photo = tried.pop()
        if reason := passed or unusable(photo.exif):
            rejected[reason] += 1
        else:
            kept.append(photo)
    return DrawnMonth(kept=tuple(kept), rejected=dict(rejected), exhausted=True)


def record_path(root: Path) -> Path:
    """The record of a data set."""
    return root / ".crawl" / "drawn.json"


def read_record(root: Path) -> Record | None:
    """The record of a data set; None where its photos are not of such a source. FlickrExifError for a bad file."""
    path = record_path(root)
    try:
        record = fields_of(json.loads(path.read_bytes()), path)
        months = {month: MonthRecord(**facts) for month, facts in record.pop("months").items()}
        return Record(**record, months=months)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise FlickrExifError(f"{path} cannot be read.", "Delete it, then run the same command again.") from None


def write_record(root: Path, record: Record) -> None:
    """Write the record of a data set."""
    put_text(record_path(root), json.dumps(versioned(asdict(record)), indent=2, sort_keys=True) + "\n")
