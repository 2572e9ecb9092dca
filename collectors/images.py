"""Downloads from Flickr's image CDN: rate-limited, verified, whole or not at all.

The CDN throttles even slow clients (429, sometimes 403): then all downloads pause. Only a 404, or the old redirect to
photo_unavailable.gif, means that a photo is gone.
"""

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import requests

from flickrexif.collectors.flickr.client import Retry, backoff
from flickrexif.collectors.flickr.clock import Clock
from flickrexif.collectors.flickr.limiter import Limiter
from flickrexif.collectors.flickr.models import Image, SearchPhoto
from flickrexif.collectors.journal import ImageRecord
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import keep, temporary
from flickrexif.core.pictures import MAX_BYTES, MAX_PIXELS, BadPicture, open_picture

CHUNK = 2**16
THROTTLED = frozenset({403, 408, 429, 500, 502, 503, 504})

# Why a kept photo has no image, for good; after a throttle or a broken connection the download is tried again.
REASONS = {
    "gone": "no longer on the CDN",
    "refused": "the CDN answers with an error that trying again does not change",
    "not_an_image": "what came is no image",
    "damaged": "the image came whole and does not decode",
    "wrong_size": "its pixels are not those the search told",
    "too_large": f"over {MAX_BYTES // 2**20} MB, or over {MAX_PIXELS // 10**6} megapixels",
}
# Reason of core.pictures -> one of REASONS, where the two differ.
REASON_OF_PICTURE = {"empty": "not_an_image", "needs_pillow_heif": "not_an_image", "truncated": "damaged"}


class Unfetched(FlickrExifError):
    """All attempts failed, but a later run may succeed."""


class _UnusableError(Exception):
    """The image cannot be had; `reason` is one of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _TryAgainError(Exception):
    """This attempt failed, but the next may succeed."""

    def __init__(self, problem: str, retry_after: str | None = None) -> None:
        super().__init__(problem)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class ImageFetcher:
    """Fetches images into `folder`, one file a photo, named by its id."""

    folder: Path
    preferred_size: Literal["large", "original"]
    session: requests.Session
    limiter: Limiter
    clock: Clock
    retry: Retry
    random: random.Random
    record: Callable[[float], None] = lambda _: None
    timeout: tuple[float, float] = (10.0, 60.0)

    def fetch(self, photo: SearchPhoto, month: str) -> ImageRecord:
        """Fetch `photo`; the record names its file or the reason there is none.

        `original` is taken where the owner allows it, else the largest size up to 1024 px; the record says which.
        Raises Unfetched when the CDN keeps failing.
        """
        image = photo.image
        if self.preferred_size == "original" and photo.original:
            image = photo.original
        if image is None:
            return ImageRecord(photo.id, "gone")
        path = self.folder / month / f"{photo.id}.jpg"
        for attempt in range(self.retry.attempts):
            self.limiter.acquire(self.record)
            try:
                return self._fetch_once(photo.id, image, path)
            except _UnusableError as error:
                return ImageRecord(photo.id, error.reason, image.size)
            except (_TryAgainError, requests.RequestException) as error:
                retry_after = error.retry_after if isinstance(error, _TryAgainError) else None
                self.limiter.pause(backoff(self.retry, attempt, retry_after, self.clock.now(), self.random))
        host = image.url.split("/")[2]
        raise Unfetched(f"The image server {host} keeps refusing downloads.", "Run the same command again later.")

    def _fetch_once(self, photo_id: int, image: Image, path: Path) -> ImageRecord:
        with temporary(path) as unfinished:
            sha256 = self._download(image.url, unfinished)
            width, height = _decoded_size(unfinished)
            if (image.width, image.height) not in ((width, height), (height, width), (None, None)):
                raise _UnusableError("wrong_size")
            keep(unfinished, path)
        name = path.relative_to(self.folder.parent).as_posix()
        return ImageRecord(photo_id, None, image.size, name, sha256, width, height)

    def _download(self, url: str, path: Path) -> str:
        digest, size = hashlib.sha256(), 0
        with self.session.get(url, stream=True, timeout=self.timeout) as response:
            _check(response)
            with path.open("wb") as file:
                for chunk in response.iter_content(CHUNK):
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise _UnusableError("too_large")
                    digest.update(chunk)
                    file.write(chunk)
        return digest.hexdigest()


def _check(response: requests.Response) -> None:
    """Raise unless status, final address and type say that the answer is an image."""
    if response.status_code in THROTTLED:
        raise _TryAgainError(f"HTTP {response.status_code}", response.headers.get("Retry-After"))
    if response.status_code in (404, 410) or "photo_unavailable" in response.url:
        raise _UnusableError("gone")
    if response.status_code != 200:
        raise _UnusableError("refused")
    if not response.headers.get("Content-Type", "").startswith("image/"):
        raise _TryAgainError("no image")  # an error page in place of the image


def _decoded_size(path: Path) -> tuple[int, int]:
    """Width and height of the fully decoded image."""
    picture = open_picture(path)
    image = picture if isinstance(picture, BadPicture) else picture.decode()
    if isinstance(image, BadPicture):
        raise _UnusableError(REASON_OF_PICTURE.get(image.reason, image.reason))
    return image.size
