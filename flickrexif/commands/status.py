"""`status`: how a crawl stands. Apart from `crawl`, whose modules take longer to load than the answer takes."""

from flickrexif.collectors.crawl import MonthSummary, summary
from flickrexif.collectors.drawn import read_record
from flickrexif.collectors.journal import read_journal
from flickrexif.commands.places import Place, data_folder


def status(*, data_dir: Place | None = None) -> tuple[MonthSummary, ...]:
    """The state of every month of the crawl, also while it runs. Raises FlickrExifError when there is no journal."""
    folder = data_folder(data_dir)
    if record := read_record(folder.flickrexif):
        from flickrexif.commands.from_files import summaries_of

        return summaries_of(folder.flickrexif, record)
    with read_journal(folder.journal) as journal:
        return tuple(summary(journal, month) for month in journal.months())
