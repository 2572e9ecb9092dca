"""From the journal to the data set: `flickrexif build`."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from flickrexif.collectors.crawl import raw_photos
from flickrexif.collectors.journal import FETCHED, Journal, read_journal
from flickrexif.collectors.session import data_root, journal_path
from flickrexif.commands.fetch import build_fetched
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.photos import Source
from flickrexif.core.verdicts import BY_CAP, BY_EXIF
from flickrexif.dataset.build import BuildReport, Collection, build
from flickrexif.dataset.images import StoredImage


def build_dataset(data_dir: Path, months: Sequence[str] | None = None) -> BuildReport:
    """Write the Parquet files of `months` (default: all in the journal) from the journal alone.

    Images are packed when any were fetched. Raises FlickrExifError when there is no journal
    or nothing in it.
    """
    with read_journal(journal_path(data_dir)) as journal:
        if FETCHED in journal.meta():
            return build_fetched(data_root(data_dir), journal)[1]
        names = list(journal.months()) if months is None else list(months)
        meta = journal.meta()
        if "source" not in meta:  # the first crawl ended before any answer came
            raise FlickrExifError(f"The crawl in {data_root(data_dir)} holds nothing yet.", "Run its command again.")
        settings = json.loads(meta.get("sampling", "{}")) | {"not_kept": _not_kept(journal)}
        collection = Collection(source=cast(Source, meta["source"]), settings=settings, dates=_dates(journal))
        rows = ((month, raw_photos(journal, month)) for month in names)
        images = partial(_stored, journal, journal_path(data_dir).parent) if any(map(journal.images, names)) else None
        return build(rows, data_root(data_dir), collection, images)


def _not_kept(journal: Journal) -> dict[str, int]:
    """How many photos that were drawn are not kept, by reason; none that other settings brought."""
    counts = sum((Counter(journal.verdicts(month)) for month in journal.months()), Counter[str]())
    return {reason: counts[reason] for reason in (*BY_CAP, *BY_EXIF) if counts[reason]}


def _dates(journal: Journal) -> tuple[str, str] | None:
    """The first and the last day of the crawl, GMT."""
    span = journal.call_span()
    return span and (_day(span[0]), _day(span[1]))


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _stored(journal: Journal, folder: Path, month: str) -> Iterator[StoredImage]:
    for i in journal.images(month):
        if i.path and i.sha256 and i.width and i.height and i.size:
            yield StoredImage(i.photo_id, folder / i.path, i.sha256, i.width, i.height, i.size)
