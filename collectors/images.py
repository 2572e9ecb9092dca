"""Downloads from Flickr's image CDN: rate-limited, verified, whole or not at all.

Only the image servers of a service are asked, also where one of them sends us elsewhere: an answer of the API could
name any address, such as one of this machine's network.

The CDN throttles even slow clients (429, sometimes 403): then all downloads pause. A 404, or the old redirect to
photo_unavailable.gif, means that a photo is gone. A 403 that stays is a throttle, or its owner made the photo private:
one flickr.photos.getInfo tells.
"""

import hashlib
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias
from urllib.parse import urljoin

import requests
from urllib3.exceptions import LocationParseError

from flickrexif.collectors.flickr.client import CallRefused, PhotoSkipped, Retry, Unanswered, backoff
from flickrexif.collectors.flickr.clock import Clock
from flickrexif.collectors.flickr.limiter import Limiter
from flickrexif.collectors.flickr.models import LONGEST_SIDE, Image, SearchPhoto, is_flickrs
from flickrexif.collectors.journal import ImageRecord
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import keep, temporary
from flickrexif.core.pictures import MAX_BYTES, MAX_PIXELS, BadPicture, open_picture

CHUNK = 2**16
ORIGINALS = "original"  # folder of the originals, so that none takes the name of a smaller image
FORBIDDEN = 403
REDIRECTS = 3  # that are followed
REFUSALS = 3  # answers 403 to one image after which Flickr is asked about the photo
UNAVAILABLE = "photo_unavailable"  # in the address that a removed image led to
THROTTLED = frozenset({FORBIDDEN, 408, 429, 500, 502, 503, 504})

# Why a kept photo has no image, for good; after a throttle or a broken connection the download is tried again.
REASONS = {
    "gone": "no longer at Flickr",
    "private": "its owner no longer shares the photo",
    "refused": "an error that trying again does not change, or an address that is none of the image servers",
    "not_an_image": "what came is no image",
    "damaged": "the image came whole and does not decode",
    "wrong_size": "its pixels are not those the search told, or more than its address stands for",
    "too_large": f"over {MAX_BYTES // 2**20} MB, or over {MAX_PIXELS // 10**6} megapixels",
}
# Reason of core.pictures -> one of REASONS, where the two differ.
REASON_OF_PICTURE = {"empty": "not_an_image", "needs_pillow_heif": "not_an_image"}
REASON_OF_PICTURE |= {"truncated": "damaged", "unsupported_mode": "damaged"}
REASON_OF_CODE = {1: "gone", 2: "private"}  # of getInfo

GetInfo: TypeAlias = Callable[[int], Mapping[str, Any]]  # Client.get_info of the month


class Unfetched(FlickrExifError):
    """All attempts failed, but a later run may succeed."""


class _UnusableError(Exception):
    """The image cannot be had; `reason` is one of REASONS. `any_size`: nor any other size of the photo."""

    def __init__(self, reason: str, *, any_size: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.any_size = reason, any_size


class _TryAgainError(Exception):
    """This attempt failed, but the next may succeed; `status`: of HTTP, 0 for a connection that broke."""

    def __init__(self, problem: str, status: int = 0, retry_after: str | None = None) -> None:
        super().__init__(problem)
        self.status, self.retry_after = status, retry_after


class Arrivals:
    """Counts the images that came, over all threads."""

    def __init__(self) -> None:
        self._lock, self._count = threading.Lock(), 0

    @property
    def count(self) -> int:
        """How many came so far."""
        return self._count

    def add(self) -> None:
        """Count one more."""
        with self._lock:
            self._count += 1


@dataclass(frozen=True, slots=True)
class ImageFetcher:
    """Fetches images into `folder`, one file a photo, named by its id; originals into a folder of their own."""

    folder: Path
    preferred_size: Literal["large", "original"]
    session: requests.Session
    limiter: Limiter
    clock: Clock
    retry: Retry
    random: random.Random
    record: Callable[[float], None] = lambda _: None
    timeout: tuple[float, float] = (10.0, 60.0)
    arrivals: Arrivals = field(default_factory=Arrivals)
    is_image_server: Callable[[str], bool] = is_flickrs  # whether an address may be asked

    def fetch(self, photo: SearchPhoto, month: str, get_info: GetInfo, held: ImageRecord | None = None) -> ImageRecord:
        """Fetch `photo`; the record names its file or the reason there is none.

        `original` is taken where it can be had, else the largest size up to 1024 px; the record says which, and why
        there is no original. `held` is what an earlier run got: only an original is better, and its file stays. Raises
        Unfetched when the CDN keeps failing, and what `get_info` raises when Flickr refuses the key.
        """
        record = held or ImageRecord(photo.id, "gone")
        original_reason = None
        for image in self._choices(photo, held):
            try:
                fetched = self._fetch_image(photo.id, image, self._path(photo, image, month), get_info)
            except _UnusableError as error:
                original_reason = error.reason if image is photo.original else original_reason
                record = held or ImageRecord(photo.id, error.reason, image.size)
                if error.any_size:
                    break
            else:
                return replace(fetched, original_reason=original_reason)
        return replace(record, original_reason=original_reason)

    def _choices(self, photo: SearchPhoto, held: ImageRecord | None) -> list[Image]:
        """The files to try, the best first."""
        original = photo.original if self.preferred_size == "original" else None
        return [image for image in (original, None if held else photo.image) if image]

    def _path(self, photo: SearchPhoto, image: Image, month: str) -> Path:
        folder = self.folder / month
        return (folder / ORIGINALS if image is photo.original else folder) / f"{photo.id}.jpg"

    def _fetch_image(self, photo_id: int, image: Image, path: Path, get_info: GetInfo) -> ImageRecord:
        """Try until the image comes. Raises _UnusableError and Unfetched."""
        if not self.is_image_server(image.url):
            raise _UnusableError("refused")
        refusals, arrivals = 0, self.arrivals.count
        for attempt in range(self.retry.attempts):
            self.limiter.acquire(self.record)
            try:
                return self._fetch_once(photo_id, image, path)
            except _TryAgainError as error:
                refusals += error.status == FORBIDDEN
                if refusals == REFUSALS and error.status == FORBIDDEN:
                    _ask(photo_id, image, get_info)
                wait = backoff(self.retry, attempt, error.retry_after, self.clock.now(), self.random)
                if refusals >= REFUSALS and self.arrivals.count > arrivals:
                    self.clock.sleep(wait)  # others come: no reason to pause them
                else:
                    self.limiter.pause(wait, "the image server refuses or does not answer, and is asked again then")
        host = image.url.split("/")[2]
        raise Unfetched(f"The image server {host} keeps refusing downloads.", "Run the same command again later.")

    def _fetch_once(self, photo_id: int, image: Image, path: Path) -> ImageRecord:
        with temporary(path) as unfinished:
            sha256 = self._download(image.url, unfinished)
            width, height = _decoded_size(unfinished)
            if not _is_of_size(image, width, height):
                raise _UnusableError("wrong_size")
            keep(unfinished, path)
        self.arrivals.add()
        name = path.relative_to(self.folder.parent).as_posix()
        return ImageRecord(photo_id, None, image.size, name, sha256, width, height)

    def _download(self, url: str, path: Path) -> str:
        digest, size = hashlib.sha256(), 0
        try:
            with self._answer(url) as response, path.open("wb") as file:
                _check(response)
                for chunk in response.iter_content(CHUNK):
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise _UnusableError("too_large")
                    digest.update(chunk)
                    file.write(chunk)
        except requests.exceptions.InvalidProxyURL as error:  # of this machine's settings, not the image's address
            raise _TryAgainError(str(error)) from error
        except (requests.exceptions.InvalidURL, LocationParseError):
            raise _UnusableError("refused") from None
        except requests.RequestException as error:
            raise _TryAgainError(str(error)) from error
        return digest.hexdigest()

    def _answer(self, url: str) -> requests.Response:
        """The answer of an image server, after redirects to image servers alone."""
        for _ in range(REDIRECTS + 1):
            response = self.session.get(url, stream=True, timeout=self.timeout, allow_redirects=False)
            if not response.is_redirect:
                return response
            with response:
                url = urljoin(url, response.headers["Location"])
            if UNAVAILABLE in url:
                raise _UnusableError("gone")
            if not self.is_image_server(url):
                break
        raise _UnusableError("refused")


def _check(response: requests.Response) -> None:
    """Raise unless status and type say that the answer is an image."""
    if response.status_code in THROTTLED:
        status = response.status_code
        raise _TryAgainError(f"HTTP {status}", status, response.headers.get("Retry-After"))
    if response.status_code in (404, 410):
        raise _UnusableError("gone")
    if response.status_code != 200:
        raise _UnusableError("refused")
    if not response.headers.get("Content-Type", "").startswith("image/"):
        raise _TryAgainError("no image")  # an error page in place of the image


def _is_of_size(image: Image, width: int, height: int) -> bool:
    """Whether the pixels are those that are expected: exactly, or where only the size's letter is, not too many."""
    if image.width is None and image.height is None:
        return max(width, height) <= LONGEST_SIDE.get(image.size, max(width, height))
    return (image.width, image.height) in ((width, height), (height, width))


def _ask(photo_id: int, image: Image, get_info: GetInfo) -> None:
    """Raise _UnusableError when Flickr says that the photo is gone or private, or its original no longer shared."""
    try:
        photo = get_info(photo_id).get("photo")
    except PhotoSkipped as error:
        if reason := REASON_OF_CODE.get(error.code):
            raise _UnusableError(reason, any_size=True) from None
        return
    except (CallRefused, Unanswered):
        return
    if image.size == "o" and not (isinstance(photo, Mapping) and photo.get("originalsecret")):
        raise _UnusableError("refused")


def _decoded_size(path: Path) -> tuple[int, int]:
    """Width and height of the fully decoded image."""
    picture = open_picture(path)
    image = picture if isinstance(picture, BadPicture) else picture.decode()
    if isinstance(image, BadPicture):
        raise _UnusableError(REASON_OF_PICTURE.get(image.reason, image.reason))
    return image.size
