"""The image downloads of one month, beside its API calls."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from flickrexif.collectors.images import ImageFetcher, Unfetched
from flickrexif.collectors.journal import ImageRecord, Journal
from flickrexif.core.files import remove_unfinished

WORKERS = 4
MAX_FAILURES = 2 * WORKERS  # in a row; more mean that the server is down, not that a photo is gone


class Downloads:
    """Fetches images in a thread pool and journals each as it comes.

    An image that keeps failing while others come is skipped without a verdict: the next run tries it again.
    """

    def __init__(self, month: str, journal: Journal, fetcher: ImageFetcher, pool: ThreadPoolExecutor) -> None:
        self._month, self._journal, self._fetcher, self._pool = month, journal, fetcher, pool
        self._lock = threading.Lock()
        self._failures = 0  # since the last success
        self._futures: list[Future[None]] = []

    def submit(self, photo_id: int) -> None:
        """Queue the image of a kept photo."""
        self._futures.append(self._pool.submit(self._fetch, photo_id))

    def submit_missing(self) -> None:
        """Queue the images that earlier runs did not fetch, and those whose files are lost."""
        remove_unfinished([self._fetcher.folder / self._month])
        for photo_id in self._journal.without_image(self._month):
            self.submit(photo_id)
        for record in self._journal.images(self._month):
            if self._stale(record):
                self.submit(record.photo_id)

    def finish(self) -> None:
        """Wait for all downloads. Raises FlickrExifError when the image server keeps failing."""
        for future in self._futures:
            future.result()

    def _stale(self, record: ImageRecord) -> bool:
        """Whether its file is lost, or smaller than the original that this run may fetch."""
        if not record.path:
            return False
        lost = not (self._fetcher.folder.parent / record.path).exists()
        small = self._fetcher.preferred_size == "original" and record.size != "o"
        return lost or (small and self._journal.photo(record.photo_id).original is not None)

    def _fetch(self, photo_id: int) -> None:
        try:
            record = self._fetcher.fetch(self._journal.photo(photo_id), self._month)
        except Unfetched:
            with self._lock:
                self._failures += 1
                if self._failures > MAX_FAILURES:
                    raise
            return
        with self._lock:
            self._failures = 0
        self._journal.add_image(self._month, record)
