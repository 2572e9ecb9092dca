"""The calls of the Flickr API that a crawl makes, and the errors they raise.

    FlickrExifError
    ├── KeyRefused     the run ends: every call is refused, for its key, signature, permission, time or address
    ├── Unanswered     the run ends for now: all attempts failed; `.reached`: whether the server answered at all
    ├── CallRefused    any other refusal, which stays when tried again; `.code`, `.message`
    ├── PhotoSkipped   this photo is left out: gone or not shared; `.code`, `.message`
    └── EndOfWindow    this search has no more pages

What a failure means is in tables (`meaning`), and so is how often it is tried again (`attempts_for`). Each attempt
waits for the rate limiter and is signed anew, and after a failure all callers pause; a pause that the server asks for
holds for everything that uses the key.
"""

import json
import math
import random
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import orjson

from flickrexif.collectors.flickr.clock import Clock
from flickrexif.collectors.flickr.limiter import OF_SERVER, Limiter
from flickrexif.collectors.flickr.models import FLICKR_ENDPOINT, SearchPage, parse_search, to_int
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

# passing: the server or the network fails, not the call. clock: the time of the signature is refused. key: the refusal
# is one of every call. doubtful: no reason that is documented. final: the answer to this call, which stays the same.
Meaning = Literal["passing", "clock", "key", "doubtful", "final"]

SKIP_CODES = (1, 2, 116)  # of a photo: not found, not shared, bad address
END_CODE = 20  # of search: the offset is too large
CODES: Mapping[int, Meaning] = {  # of every method
    105: "passing",  # service unavailable
    106: "passing",  # "a temporary issue"
    **dict.fromkeys((95, 96, 97, 98, 99, 100, 112), "key"),
}
CODES_OF: Mapping[str, Mapping[int, Meaning]] = {  # of one method
    SEARCH: {10: "passing", **dict.fromkeys((1, 2, 3, 4, 5, *range(11, 19), END_CODE), "final")},
    **{method: dict.fromkeys(SKIP_CODES, "final") for method in PHOTO_METHODS},
}
UNAVAILABLE = "not currently available"  # in the text of codes 0 and 201, which come with other texts too
PROBLEMS: Mapping[str, Meaning] = {"nonce_used": "passing", "timestamp_refused": "clock"}  # of OAuth; others: "key"

# What to type.
AGAIN = "run the same command again; it goes on where it stopped."
KEY_HINT = "Check FLICKR_API_KEY and FLICKR_API_SECRET against https://www.flickr.com/services/apps/by/me"
ADDRESS_HINT = f"Check the address of the API; Flickr's is {FLICKR_ENDPOINT}"
PAGE_HINT = f"No reason of Flickr's came with it: check the address, proxy and firewall, or wait a while, then {AGAIN}"
HINTS: Mapping[int | str, str] = {  # of codes and OAuth problems that are not the key's
    95: "Write https:// in the address of the API.",
    97: "Set FLICKR_API_SECRET too: the server wants signed calls.",
    **dict.fromkeys((111, 112, 114, 115), ADDRESS_HINT),  # no such format or method; SOAP and XML-RPC
    **dict.fromkeys(("parameter_absent", "parameter_rejected", "signature_method_rejected"), ADDRESS_HINT),
    "version_rejected": ADDRESS_HINT,
}

RIGHT_CLOCK = 90.0  # seconds between two clocks that can be the network's
MAX_RETRY_AFTER = 3_600.0  # seconds
MAX_DEPTH = 20  # levels of an answer; Flickr's have 6
MAX_TEXT = 200  # characters of a server's text that a message repeats


class KeyRefused(FlickrExifError):
    """The server refuses every call: its key, signature, permission, time or address."""


class Unanswered(FlickrExifError):
    """All attempts failed; `reached`: whether the server answered at all."""

    def __init__(self, message: str, hint: str, *, reached: bool) -> None:
        super().__init__(message, hint)
        self.reached = reached


class _Coded(FlickrExifError):
    """A failure with Flickr's code, or the HTTP status when there is none."""

    def __init__(self, code: int, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.code = code


class CallRefused(_Coded):
    """The server refuses this call, also when it is tried again."""


class PhotoSkipped(_Coded):
    """Flickr gives no answer for this photo, for good."""


class EndOfWindow(FlickrExifError):
    """The search has no such page: it lies past the last one."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often to try, and the exponential backoff between: up to base, 2 base, 4 base ... max seconds.

    `attempts` are those of one call, `doubtful` those at one photo's refusal without a documented reason. After
    `outage` failures in a row, over all calls, the server counts as down.
    """

    attempts: int = 8
    doubtful: int = 3
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
    """One failed attempt: HTTP status (None: no answer), Flickr's code (None: no readable code), and a text.

    `problem` is that of OAuth; `retry_after` and `date` are the answer's headers.
    """

    status: int | None
    code: int | None
    text: str
    problem: str = ""
    retry_after: str = ""
    date: str = ""


class Streak:
    """Counts failures in a row over all threads; calls that were in flight together and fail count once.

    `has_succeeded`: whether the server ever took a call.
    """

    def __init__(self) -> None:
        self.has_succeeded = False
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
            self._length, self.has_succeeded = 0, True


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
        return self._call_photo(GET_EXIF, {"photo_id": photo_id} | ({"secret": secret} if secret else {}))

    def get_info(self, photo_id: int) -> dict[str, Any]:
        """The answer of flickr.photos.getInfo; `PhotoSkipped` when the photo is gone."""
        return self._call_photo(GET_INFO, {"photo_id": photo_id})

    def identify(self) -> Identity:
        """Which server this is, from flickr.photos.licenses.getInfo."""
        answer, headers = self._call(GET_LICENSES, {})
        population = headers.get("x-sandbox-population")
        rows = answer["licenses"].get("license")
        rows = rows if isinstance(rows, list) else []
        pairs = ((to_int(row.get("id")), row) for row in rows if isinstance(row, Mapping))
        licenses = {number: plain(row.get("name"), MAX_TEXT) for number, row in pairs if number is not None}
        return Identity("flickr" if population is None else f"sandbox:{plain(population, MAX_TEXT)}", licenses)

    def _call_photo(self, method: str, arguments: Arguments) -> dict[str, Any]:
        """The answer. When the photo is refused while the server takes another call, all attempts start once more: the
        refusal may have been one of every call that ended between the two. One that goes on is none of the photo."""
        try:
            return self._call(method, arguments)[0]
        except CallRefused:
            pass
        try:
            self.identify()
        except CallRefused as error:
            raise Unanswered(error.message, error.hint, reached=True) from None
        return self._call(method, arguments)[0]

    def _call(self, method: str, arguments: Arguments) -> tuple[dict[str, Any], Mapping[str, str]]:
        """The answer and its headers (names in lower case), after as many attempts as it takes."""
        failures: list[Failure] = []
        while True:
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
            now = self.clock.now()
            asked = retry_after_seconds(answer.retry_after, now)
            self.limiter.pause_key(asked)
            if meaning(method, answer) == "final":
                self.streak.answered()
                raise refusal(method, answer, now)
            failures.append(answer)
            streak = self.streak.failed(began, now)
            if streak < self.retry.outage:
                wait = backoff(self.retry, max(len(failures), streak) - 1, answer.retry_after, now, self.rng)
                failed = f"the last call failed ({answer.text}), and is made again then"
                self.limiter.pause(wait, OF_SERVER if asked else failed)
            if ending := given_up(method, failures, streak, self.streak.has_succeeded, self.retry, now):
                raise ending


def read(method: str, reply: Reply) -> dict[str, Any] | Failure:
    """The answer of `method`, or why there is none. Flickr sends its own failures as HTTP 200."""
    answer = _json(reply.body)
    fields = answer if isinstance(answer, dict) else {}
    code = to_int(fields.get("code")) if fields.get("stat") == "fail" else None
    said = plain(fields.get("message"), MAX_TEXT) if code is not None else ""
    if reply.status == 200 and code is None and fields.get("stat") == "ok" and _complete(method, fields):
        return fields
    problem = ""
    if reply.status != 200:
        match = re.search(rb"oauth_problem=([\w.-]+)", reply.body[:MAX_TEXT])
        problem = match[1].decode() if match else ""
        said = ", ".join(filter(None, (f"HTTP {reply.status}", problem and f"oauth_problem={problem}", said)))
    elif code is None:
        said = "an answer that is not the API's" if fields else "an answer that is no JSON object"
    header = reply.headers.get
    return Failure(reply.status, code, said, problem, header("retry-after", ""), header("date", ""))


def _complete(method: str, answer: Mapping[str, Any]) -> bool:
    """Whether the answer has its part; a search needs its list, or it would look like the end of a window."""
    part = answer.get(ANSWERS[method])
    return isinstance(part, dict) and (method != SEARCH or isinstance(part.get("photo"), list))


def meaning(method: str, failure: Failure) -> Meaning:
    """What a failure means. Nothing else decides this."""
    status, code = failure.status, failure.code
    if status is None or status == 429 or status >= 500:
        return "passing"
    if failure.problem:
        return PROBLEMS.get(failure.problem, "key")
    if code is None:
        return "passing" if status == 200 else "doubtful"
    if code in (0, 201) and UNAVAILABLE in failure.text.lower():
        return "passing"
    return CODES_OF.get(method, {}).get(code) or CODES.get(code, "doubtful")


def attempts_for(method: str, failure: Failure, has_succeeded: bool, retry: Retry) -> int:
    """How many failures of one meaning end a call: 1 when trying again does not help. Nothing else decides this.

    What the server refused from the first call on, it will refuse again; after calls that succeeded, the key is blamed
    last. One photo without a reason is left sooner than a search, which cannot be left out.
    """
    match meaning(method, failure):
        case "final":
            return 1
        case "passing":
            return retry.attempts
        case "key":
            return retry.attempts if has_succeeded else 1
        case "clock":
            return retry.attempts if has_succeeded else retry.doubtful
        case "doubtful":
            return retry.attempts if has_succeeded and method not in PHOTO_METHODS else retry.doubtful


def given_up(
    method: str, failures: list[Failure], streak: int, has_succeeded: bool, retry: Retry, now: float
) -> FlickrExifError | None:
    """The error that ends a call after its `failures`, or None when it is tried again.

    `streak` counts the failures in a row over all calls; `now` is in seconds since 1970.
    """
    last = failures[-1]
    means = meaning(method, last)
    alike = sum(meaning(method, failure) == means for failure in failures)
    if means != "passing" and (streak >= retry.outage or alike >= attempts_for(method, last, has_succeeded, retry)):
        return refusal(method, last, now)
    down = streak >= retry.outage or len(failures) >= retry.attempts
    return _unanswered(method, failures) if down else None


def refusal(method: str, failure: Failure, now: float) -> FlickrExifError:
    """The error for a failure that is not passing; `now` is in seconds since 1970."""
    code = failure.code if failure.code is not None else failure.status or 0
    said = failure.text if failure.code is None else f"code {code}, {failure.text or 'no message'}"
    means, hint = meaning(method, failure), HINTS.get(failure.problem or code, "")
    if means == "clock":
        return _clock_refused(said, failure.date, now)
    if means == "key":
        what = "the call" if hint else "the API key or the call"
        return KeyRefused(f"The server refused {what} {method}: {said}.", hint or KEY_HINT)
    if method == SEARCH and failure.code == END_CODE:
        return EndOfWindow(f"The search has no such page: {said}.")
    if method in PHOTO_METHODS and means == "final":
        return PhotoSkipped(code, f"The photo has no answer for {method}: {said}.")
    if means == "doubtful":
        hint = hint or (PAGE_HINT if failure.code is None else f"Wait a while, then {AGAIN}")
    return CallRefused(code, f"The server refused {method}: {said}.", hint)


def _clock_refused(said: str, date: str, now: float) -> KeyRefused:
    """The refusal of a signature's time; `date` is the Date header, which tells by how much the clock is off."""
    server_time = _http_time(date)
    if server_time is None:
        return KeyRefused(f"The clock of this machine is off: {said}.", f"Set the clock, then {AGAIN}")
    off = now - server_time
    if abs(off) < RIGHT_CLOCK:
        text = f"The server refused the time of the calls, though its own clock is that of this machine: {said}."
        return KeyRefused(text, f"Wait a while, then {AGAIN}")
    by = f"{abs(off) / 60:,.0f} minutes {'fast' if off > 0 else 'slow'}"
    return KeyRefused(f"The clock of this machine is {by}: {said}.", f"Set the clock, then {AGAIN}")


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
        seconds = (_http_time(retry_after) or now) - now
    return min(seconds, MAX_RETRY_AFTER) if seconds > 0 else 0.0


def _http_time(text: str) -> float | None:
    """An HTTP date in seconds since 1970, or None when unreadable."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def _json(body: bytes) -> Any:
    """The body as JSON, or None; also for one that is nested as no answer is, which other functions could not read.

    A lone surrogate (half an emoji, legal in JSON) becomes "?".
    """
    try:
        answer = orjson.loads(body)
    except ValueError:
        answer = _repaired(body)
    return None if _is_deeper(answer, MAX_DEPTH) else answer


def _repaired(body: bytes) -> Any:
    try:
        text = json.dumps(json.loads(body.decode("utf-8-sig", "replace")), ensure_ascii=False)
        return orjson.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested in more than `depth` levels."""
    level = [value]
    for _ in range(depth + 1):
        inner = (v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list))
        level = [part for parts in inner for part in parts]
    return bool(level)


def _unanswered(method: str, failures: list[Failure]) -> Unanswered:
    reached = any(failure.status is not None for failure in failures)
    what = "answered with failures only" if reached else "did not answer"
    first = "Wait a while" if reached else "Check the network and the address"
    return Unanswered(
        f"The server {what}: {len(failures)} attempts at {method}, the last: {failures[-1].text}.",
        f"{first}, then {AGAIN}",
        reached=reached,
    )
