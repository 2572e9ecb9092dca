"""The image downloads of one month, beside its API calls."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from flickrexif.collectors.images import ImageFetcher, Unfetched
from flickrexif.collectors.journal import ImageRecord, Journal
from flickrexif.core.files import remove_unfinished

WORKERS = 4
MOST_FAILURES = 2 * WORKERS  # one after the other: the server is gone, not a photo


class Downloads:
    """Fetches images in a thread pool and journals each as it comes.

    An image that keeps failing while others come is passed over, without a verdict: the next run tries it again.
    """

    def __init__(self, month: str, journal: Journal, fetcher: ImageFetcher, pool: ThreadPoolExecutor) -> None:
        self._month, self._journal, self._fetcher, self._pool = month, journal, fetcher, pool
        self._lock = threading.Lock()
        self._failures = 0  # since the last success
        self._futures: list[Future[None]] = []

    def submit(self, photo_id: int) -> None:
        """Fetch the image of a kept photo when there is room."""
        self._futures.append(self._pool.submit(self._fetch, photo_id))

    def submit_missing(self) -> None:
        """Fetch what an earlier run left out or what has been lost since."""
        remove_unfinished([self._fetcher.folder / self._month])
        for photo_id in self._journal.without_image(self._month):
            self.submit(photo_id)
        for record in self._journal.images(self._month):
            if self._stale(record):
                self.submit(record.photo_id)

    def finish(self) -> None:
        """Wait for all. Raises FlickrExifError when the image server is gone."""
        for future in self._futures:
            future.result()

    def _stale(self, record: ImageRecord) -> bool:
        """Whether its file is lost, or smaller than the original that is wanted now and may be had."""
        if not record.path:
            return False
        lost = not (self._fetcher.folder.parent / record.path).exists()
        small = self._fetcher.wanted == "original" and record.size != "o"
        return lost or (small and self._journal.photo(record.photo_id).original is not None)

    def _fetch(self, photo_id: int) -> None:
        try:
            record = self._fetcher.fetch(self._journal.photo(photo_id), self._month)
        except Unfetched:
            with self._lock:
                self._failures += 1
                if self._failures > MOST_FAILURES:
                    raise
            return
        with self._lock:
            self._failures = 0
        self._journal.add_image(self._month, record)
