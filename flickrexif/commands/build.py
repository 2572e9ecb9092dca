"""From the journal to the data set: `flickrexif build`."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from flickrexif.collectors.crawl import raw_photos
from flickrexif.collectors.journal import Journal, read_journal
from flickrexif.collectors.session import data_root, journal_path
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.photos import Source
from flickrexif.dataset.build import BuildReport, Collection, build
from flickrexif.dataset.images import StoredImage


def build_dataset(data_dir: Path, months: Sequence[str] | None = None) -> BuildReport:
    """Write the Parquet files of `months` (default: all in the journal) from the journal alone.

    Images are packed when any were fetched. Raises FlickrExifError when there is no journal
    or nothing in it.
    """
    with read_journal(journal_path(data_dir)) as journal:
        wanted = list(journal.months()) if months is None else list(months)
        meta = journal.meta()
        if "source" not in meta:  # the first crawl ended before any answer came
            raise FlickrExifError(f"The crawl in {data_root(data_dir)} holds nothing yet.", "Run its command again.")
        collection = Collection(
            source=cast(Source, meta["source"]), settings=json.loads(meta.get("sampling", "{}")), dates=_dates(journal)
        )
        rows = ((month, raw_photos(journal, month)) for month in wanted)
        images = _Images(journal, journal_path(data_dir).parent) if any(map(journal.images, wanted)) else None
        return build(rows, data_root(data_dir), collection, images)


def _dates(journal: Journal) -> tuple[str, str] | None:
    """The first and the last day of the crawl, GMT."""
    span = journal.call_span()
    return span and (_day(span[0]), _day(span[1]))


def _day(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


class _Images:
    def __init__(self, journal: Journal, folder: Path) -> None:
        self.journal, self.folder = journal, folder

    def __call__(self, month: str) -> Iterable[StoredImage]:
        return self._stored(month)

    def _stored(self, month: str) -> Iterator[StoredImage]:
        for record in self.journal.images(month):
            if record.path and record.sha256 and record.width and record.height and record.size:
                yield StoredImage(
                    record.photo_id,
                    self.folder / record.path,
                    record.sha256,
                    record.width,
                    record.height,
                    record.size,
                )
