"""The calls of the Flickr API that a crawl makes, and the errors they raise.

    FlickrExifError
    ├── KeyRefused     the run ends: the key, the signature or the permission is not accepted
    ├── Unanswered     the run ends for now: all attempts failed; `.reached`: whether the server answered at all
    ├── CallRefused    the run ends: any other refusal; `.code`, `.message`
    ├── PhotoSkipped   this photo is left out: gone or not shared; `.code`, `.message`
    └── EndOfWindow    this search has no more pages

Failures that may pass are tried again (`retryable`). Each attempt waits for the rate limiter and is signed anew, and
after a failure all callers pause; a pause that the server asks for holds for everything that uses the key.
"""

import json
import math
import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from flickrexif.collectors.flickr.clock import Clock
from flickrexif.collectors.flickr.limiter import Limiter
from flickrexif.collectors.flickr.models import SearchPage, parse_search, to_int
from flickrexif.collectors.flickr.transport import Arguments, ConnectionFailed, Reply, Transport
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import plain

SEARCH = "flickr.photos.search"
GET_EXIF = "flickr.photos.getExif"
GET_INFO = "flickr.photos.getInfo"
GET_LICENSES = "flickr.photos.licenses.getInfo"

# Method -> the part that its answer must have; an "ok" without it counts as a failure.
ANSWERS = {
    SEARCH: "photos",
    GET_EXIF: "photo",
    GET_INFO: "photo",
    GET_LICENSES: "licenses",
}
PHOTO_METHODS = (GET_EXIF, GET_INFO)

KEY_CODES = (95, 96, 97, 98, 99, 100, 112)
SKIP_CODES = (1, 2, 116)  # not found, not shared, bad address
END_CODE = 20  # of search: the offset is too large
UNAVAILABLE = "not currently available"

MAX_RETRY_AFTER = 3_600.0  # seconds
MAX_TEXT = 200  # characters of a server's text that a message repeats


class KeyRefused(FlickrExifError):
    """Flickr does not accept the key, the signature or the permission."""


class Unanswered(FlickrExifError):
    """All attempts failed; `reached`: whether the server answered at all."""

    def __init__(self, message: str, hint: str, *, reached: bool) -> None:
        super().__init__(message, hint)
        self.reached = reached


class _Coded(FlickrExifError):
    """A failure with Flickr's code, or the HTTP status when there is none."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class CallRefused(_Coded):
    """Flickr refuses the call; trying again does not help."""


class PhotoSkipped(_Coded):
    """Flickr gives no answer for this photo, for good."""


class EndOfWindow(FlickrExifError):
    """The search has no such page: it lies past the last one."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try, and the exponential backoff between: up to base, 2 base, 4 base ... max seconds.

    `attempts` are those of one call. After `outage` failures in a row, over all calls, the server counts as down.
    """

    attempts: int = 8
    outage: int = 24
    base_seconds: float = 1.0
    max_seconds: float = 120.0


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose photos a server gives ("flickr" or "sandbox:<population>"), and the names of its licences by id."""

    source: str
    licenses: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt: HTTP status (None: no answer), Flickr's code (None: no readable code), and a text."""

    status: int | None
    code: int | None
    text: str
    retry_after: str = ""


class Streak:
    """Counts failures in a row over all threads; calls that were in flight together and fail count once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._length, self._failed_at = 0, -math.inf

    def failed(self, began: float, now: float) -> int:
        """Count the failure at `now` of an attempt that began at `began`; return the streak's length."""
        with self._lock:
            if began >= self._failed_at:
                self._length, self._failed_at = self._length + 1, now
            return self._length

    def answered(self) -> None:
        """An answer ends the streak."""
        with self._lock:
            self._length = 0


@dataclass(frozen=True, slots=True)
class Client:
    """Calls the API; threads may share it. `record(time, method)` runs for every attempt before it leaves."""

    transport: Transport
    limiter: Limiter
    clock: Clock
    rng: random.Random  # of the backoff's jitter
    record: Callable[[float, str], None]
    retry: Retry = Retry()
    streak: Streak = field(default_factory=Streak)

    def search(self, arguments: Arguments, page: int, per_page: int = 500) -> SearchPage:
        """One page (from 1) of flickr.photos.search; `EndOfWindow` past the last."""
        answer, _ = self._call(SEARCH, {**arguments, "page": page, "per_page": per_page})
        return parse_search(answer)

    def get_exif(self, photo_id: int, secret: str = "") -> dict[str, Any]:
        """The answer of flickr.photos.getExif; `PhotoSkipped` when photo or Exif are gone or not shared."""
        return self._call(GET_EXIF, {"photo_id": photo_id} | ({"secret": secret} if secret else {}))[0]

    def get_info(self, photo_id: int) -> dict[str, Any]:
        """The answer of flickr.photos.getInfo; `PhotoSkipped` when the photo is gone."""
        return self._call(GET_INFO, {"photo_id": photo_id})[0]

    def identify(self) -> Identity:
        """Which server this is, from flickr.photos.licenses.getInfo."""
        answer, headers = self._call(GET_LICENSES, {})
        population = headers.get("x-sandbox-population")
        rows = answer["licenses"].get("license")
        rows = rows if isinstance(rows, list) else []
        pairs = ((to_int(row.get("id")), row) for row in rows if isinstance(row, Mapping))
        licenses = {number: plain(row.get("name"), MAX_TEXT) for number, row in pairs if number is not None}
        return Identity("flickr" if population is None else f"sandbox:{plain(population, MAX_TEXT)}", licenses)

    def _call(self, method: str, arguments: Arguments) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The answer and its headers (names in lower case), after as many attempts as it takes."""
        failures: list[Failure] = []
        while len(failures) < self.retry.attempts:
            self.limiter.acquire(lambda time: self.record(time, method))
            began = self.clock.now()
            try:
                reply = self.transport.call(method, arguments)
                answer = read(method, reply)
            except ConnectionFailed as error:
                answer = Failure(None, None, error.kind)
            if not isinstance(answer, Failure):
                self.streak.answered()
                return answer, reply.headers
            self.limiter.pause_key(retry_after_seconds(answer.retry_after, self.clock.now()))
            if not retryable(method, answer):
                self.streak.answered()
                raise refusal(method, answer)
            failures.append(answer)
            now = self.clock.now()
            streak = self.streak.failed(began, now)
            if streak >= self.retry.outage:
                break
            wait = backoff(self.retry, max(len(failures), streak) - 1, answer.retry_after, now, self.rng)
            self.limiter.pause(wait)
        raise _unanswered(method, failures)


def read(method: str, reply: Reply) -> dict[str, Any] | Failure:
    """The answer of `method`, or why there is none. Flickr sends its own failures as HTTP 200."""
    retry_after = reply.headers.get("retry-after", "")
    if reply.status != 200:
        reason = re.search(rb"oauth_problem=[\w.-]+", reply.body[:MAX_TEXT])
        text = f"HTTP {reply.status}" + (f", {reason[0].decode()}" if reason else "")
        return Failure(reply.status, None, text, retry_after)
    answer = _json(reply.body)
    if not isinstance(answer, dict):
        return Failure(200, None, "an answer that is no JSON object", retry_after)
    if answer.get("stat") == "fail" and (code := to_int(answer.get("code"))) is not None:
        return Failure(200, code, plain(answer.get("message"), MAX_TEXT), retry_after)
    if answer.get("stat") != "ok" or not _complete(method, answer):
        return Failure(200, None, "an answer that is not the API's", retry_after)
    return answer


def _complete(method: str, answer: Mapping[str, Any]) -> bool:
    """Whether the answer has its part; a search needs its list and total, or it would look like the end of a window."""
    part = answer.get(ANSWERS[method])
    if not isinstance(part, dict) or method != SEARCH:
        return isinstance(part, dict)
    return isinstance(part.get("photo"), list) and to_int(part.get("total")) is not None


def retryable(method: str, failure: Failure) -> bool:
    """Whether the same call may succeed later. Nothing else decides this."""
    status, code = failure.status, failure.code
    if status is None or status == 429 or status >= 500:
        return True
    if status != 200:
        return False
    return (
        code is None
        or code == 105
        or (code == 10 and method == SEARCH)
        or (code in (0, 201) and UNAVAILABLE in failure.text.lower())
    )


def refusal(method: str, failure: Failure) -> FlickrExifError:
    """The error for a failure that is not retryable."""
    code = failure.code if failure.code is not None else failure.status or 0
    said = failure.text if failure.code is None else f"code {code}, {failure.text or 'no message'}"
    if failure.status in (401, 403) or failure.code in KEY_CODES:
        return KeyRefused(
            f"The server refused the API key or the call {method}: {said}.",
            "Check FLICKR_API_KEY and FLICKR_API_SECRET against https://www.flickr.com/services/apps/by/me",
        )
    if method == SEARCH and failure.code == END_CODE:
        return EndOfWindow(f"The search has no such page: {said}.")
    if method in PHOTO_METHODS and failure.code in SKIP_CODES:
        return PhotoSkipped(code, f"The photo has no answer for {method}: {said}.")
    return CallRefused(code, f"The server refused {method}: {said}.")


def backoff(retry: Retry, attempt: int, retry_after: str | None, now: float, rng: random.Random) -> float:
    """Seconds to pause after failed attempt number `attempt` (from 0): exponential, with full jitter.

    At least as long as a Retry-After header says. `now` is in seconds since 1970.
    """
    ceiling = min(retry.max_seconds, retry.base_seconds * 2**attempt)
    return max(rng.uniform(0, ceiling), retry_after_seconds(retry_after or "", now))


def retry_after_seconds(retry_after: str, now: float) -> float:
    """The wait that a Retry-After header (seconds, or an HTTP date) says: 0 when unreadable, at most an hour."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - now
        except (ValueError, OverflowError):
            return 0.0
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else 0.0


def _json(body: bytes) -> Any:
    """The body as JSON, or None. A lone surrogate (half an emoji, legal in JSON) becomes "?"."""
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        text = json.dumps(json.loads(body.decode("utf-8-sig", "replace")), ensure_ascii=False)
        return orjson.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _unanswered(method: str, failures: list[Failure]) -> Unanswered:
    reached = any(failure.status is not None for failure in failures)
    what = "answered with failures only" if reached else "did not answer"
    first = "Wait a while" if reached else "Check the network and the address"
    return Unanswered(
        f"The server {what}: {len(failures)} attempts at {method}, the last: {failures[-1].text}.",
        f"{first}, then run the same command again; it goes on where it stopped.",
        reached=reached,
    )
