"""The image downloads of one month, beside its API calls, or of a table."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from flickrexif.collectors.images import ORIGINALS, GetInfo, ImageFetcher, Unfetched
from flickrexif.collectors.journal import Journal
from flickrexif.core.files import remove, remove_unfinished

WORKERS = 4
MAX_FAILURES = 2 * WORKERS  # in a row; more mean that the server is down, not that a photo is gone


class Downloads:
    """Fetches images in a thread pool and journals each as it comes.

    An image that keeps failing while others come is skipped without a verdict: the next run tries it again. `get_info`
    asks Flickr about those that the CDN keeps back.

    A file comes first, then its record, then the file that it replaces goes: a kill between leaves a file that no
    record names, which the next run removes. `progress` gets how many have ended of those that are queued so far.
    """

    def __init__(
        self,
        month: str,
        journal: Journal,
        fetcher: ImageFetcher,
        pool: ThreadPoolExecutor,
        get_info: GetInfo,
        progress: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        self._month, self._journal, self._fetcher, self._pool, self._get_info = month, journal, fetcher, pool, get_info
        self._lock = threading.Lock()
        self._progress = progress
        self._queued = self._ended = self._failures = 0  # the failures are those since the last success
        self._futures: deque[Future[None]] = deque()

    def submit(self, photo_id: int) -> None:
        """Queue the image of a kept photo."""
        self._queued += 1
        self._futures.append(self._pool.submit(self._fetch_counted, photo_id))

    def submit_missing(self) -> None:
        """Queue the images that earlier runs did not fetch, and those whose files are lost."""
        for photo_id in self.missing():
            self.submit(photo_id)

    def missing(self) -> Sequence[int]:
        """The photos whose images earlier runs did not fetch, and those whose files are lost."""
        self._agree()
        return self._journal.without_image(self._month, originals=self._fetcher.preferred_size == "original")

    def finish(self) -> None:
        """Wait for the downloads that are queued. Raises FlickrExifError when the image server keeps failing."""
        while self._futures:
            self._futures.popleft().result()

    def _agree(self) -> None:
        """Remove files that no record names, and records whose files are lost."""
        folder = self._fetcher.folder / self._month
        folders = (folder, folder / ORIGINALS)
        remove_unfinished(folders)
        files = {path for folder in folders for path in folder.glob("*.jpg")}
        records = {self._fetcher.folder.parent / r.path: r for r in self._journal.images(self._month) if r.path}
        remove(sorted(files - records.keys()))
        if lost := [record.photo_id for path, record in records.items() if path not in files]:
            self._journal.drop_images(lost)

    def _fetch_counted(self, photo_id: int) -> None:
        self._fetch(photo_id)
        with self._lock:
            self._ended += 1
            self._progress(self._ended, self._queued)

    def _fetch(self, photo_id: int) -> None:
        held = self._journal.image(photo_id)
        try:
            record = self._fetcher.fetch(self._journal.photo(photo_id), self._month, self._get_info, held)
        except Unfetched:
            with self._lock:
                self._failures += 1
                if self._failures > MAX_FAILURES:
                    raise
            return
        with self._lock:
            self._failures = 0
        self._journal.add_image(self._month, record)
        if held and held.path and held.path != record.path:
            remove([self._fetcher.folder.parent / held.path])
