"""Failures on demand: every way in which Flickr's API and image CDN are known to fail.

Whether a request fails depends on the seed and the request's number, so the same request can succeed when repeated.
What is wrong for good stays so: `image-unavailable` depends on the image's path, `image-private` and `image-deleted` on
the photo. These kinds must be named; a plain share does not include them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import orjson

from flickrexif.collectors.sandbox.images import UNAVAILABLE_PATH, parse_path
from flickrexif.collectors.sandbox.responses import Response, fail, html_response, json_response
from flickrexif.core.draws import rng
from flickrexif.core.errors import UsageError

SEARCH = "flickr.photos.search"
TIME = "%Y-%m-%d %H:%M:%S"
STALL_SECONDS = 2.0
RETRY_AFTER_SECONDS = 1
NOT_AVAILABLE = "Sorry, the Flickr API service is not currently available."
SEARCH_NOT_AVAILABLE = "Sorry, the Flickr search API is not currently available."


def _too_many(retry_after: str) -> Response:
    return html_response(429, "429 Too Many Requests", (("Retry-After", retry_after),))


TRUNCATED = "truncated", "image-truncated"
# kind -> what is sent instead of the answer; `failed` makes those that depend on the answer or the time
FIXED = {
    "429": _too_many(str(RETRY_AFTER_SECONDS)),
    "500": html_response(500, "500 Internal Server Error"),
    "502": html_response(502, "502 Bad Gateway"),
    "503": html_response(503, "503 Service Unavailable"),
    "stall": Response(200, sent="nothing"),  # after STALL_SECONDS
    "drop": Response(200, sent="nothing"),
    "html": html_response(200, "Flickr is having a massage"),
    "empty": Response(200, content_type="application/json"),
    "xml": Response(200, b'<?xml version="1.0" encoding="utf-8" ?>\n<rsp stat="ok" />\n', "text/xml; charset=utf-8"),
    "nonce": Response(401, b"oauth_problem=nonce_used"),
    "timestamp": Response(401, b"oauth_problem=timestamp_refused"),
    "cdn-401": html_response(401, "401 Unauthorized"),
    "cdn-403": html_response(403, "403 ERROR: The request could not be satisfied"),
    "cdn-404": html_response(404, "404 Not Found"),
    "undocumented-0": json_response(fail(0, "")),
    "undocumented-429": json_response(fail(429, "Too many requests")),
    "undocumented-502": json_response(fail(502, "Bad gateway")),
    "95": json_response(fail(95, "SSL is required")),
    "106": json_response(fail(106, "Write operation failed")),
    "105": json_response(fail(105, "Service currently unavailable")),
    "0": json_response(fail(0, NOT_AVAILABLE)),
    "201": json_response(fail(201, NOT_AVAILABLE)),
    "10": json_response(fail(10, SEARCH_NOT_AVAILABLE)),
    "image-429": _too_many(str(RETRY_AFTER_SECONDS)),
    "image-403": html_response(403, "403 Forbidden"),
    "image-unavailable": Response(302, headers=(("Location", UNAVAILABLE_PATH),)),
    "image-private": html_response(403, "403 Forbidden"),  # and getInfo fails, see WITHHELD
    "image-deleted": html_response(403, "403 Forbidden"),
}
# kind -> what an answer to a search says instead, from its `photos`
MISTOLD: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "no-total": lambda said: {} if said["total"] else {"total": ""},  # of an empty search; other totals stay
    "total-low": lambda said: {"total": said["total"] * 4 // 5},
    "total-high": lambda said: {"total": said["total"] * 5 // 4},
    "page-empty": lambda _: {"photo": []},
}
COARSE = 300  # seconds: shorter spans are searched as if they were so long
MISTAKEN = ("page-repeated", "licences-empty", "time-coarse")  # another search is answered, see `mistaken`
KINDS = (*FIXED, "429-date", *MISTOLD, *MISTAKEN, *TRUNCATED)
UNAVAILABLE = "image-unavailable"
# kind -> how getInfo fails for a photo whose images all answer 403 for ever
WITHHELD = {"image-private": (2, "Permission denied"), "image-deleted": (1, "Photo not found")}
PERMANENT = (UNAVAILABLE, *WITHHELD, "time-coarse", "95")
IMAGE_KINDS = tuple(kind for kind in KINDS if kind.startswith("image-") and kind not in PERMANENT)
SEARCH_KINDS = tuple(kind for kind in KINDS if not kind.startswith("image-") and kind not in PERMANENT)
API_KINDS = tuple(kind for kind in SEARCH_KINDS if kind not in ("10", *MISTOLD, *MISTAKEN))


def mistaken(kind: str, arguments: Mapping[str, str]) -> dict[str, str]:
    """The search that is answered in place of the one with these arguments."""
    changed = dict(arguments)
    if kind == "page-repeated" and arguments.get("page", "1") > "1":
        changed["page"] = str(int(arguments["page"]) - 1)
    elif kind == "licences-empty" and "," in arguments.get("license", ""):
        changed["license"] = "-1"
    elif kind == "time-coarse":
        for name, up in (("min_taken_date", 0), ("max_taken_date", COARSE - 1)):
            seconds = int(datetime.strptime(arguments[name], TIME).replace(tzinfo=UTC).timestamp())
            changed[name] = f"{datetime.fromtimestamp(seconds // COARSE * COARSE + up, UTC):{TIME}}"
    return changed


def failed(kind: str, answer: Response, now: float) -> Response:
    """What is sent instead of `answer` when a request fails by `kind` at `now` (seconds since 1970)."""
    if kind in TRUNCATED:
        return replace(answer, sent="half")
    if kind in MISTOLD and b'"photos":' in answer.body:
        said = orjson.loads(answer.body)
        return replace(answer, body=orjson.dumps(said | {"photos": said["photos"] | MISTOLD[kind](said["photos"])}))
    if kind in (*MISTOLD, *MISTAKEN):
        return answer
    if kind == "429-date":
        return _too_many(formatdate(now + RETRY_AFTER_SECONDS, usegmt=True))
    return FIXED[kind]


@dataclass(frozen=True, slots=True)
class Faults:
    """The share of requests that fail: one number, spread evenly over the kinds, or kind -> share.

    Raises UsageError for an unknown kind or a share outside [0, 1].
    """

    share: float | Mapping[str, float]
    seed: int = 0

    def __post_init__(self) -> None:
        shares = self.share if isinstance(self.share, Mapping) else {"429": self.share}
        for kind, share in shares.items():
            if kind not in KINDS:
                raise UsageError(f"Unknown kind of fault {kind!r}.", f"Use one of: {', '.join(KINDS)}.")
            if not 0 <= share <= 1:
                raise UsageError(f"The share of faults {share} is not between 0 and 1.", "Use --faults 0.2.")
        together = (SEARCH_KINDS, IMAGE_KINDS, tuple(WITHHELD))
        if max(sum(shares.get(kind, 0) for kind in kinds) for kinds in together) > 1 + 1e-9:
            raise UsageError("The shares of the faults add up to more than 1.", "Use --faults 429=0.1,500=0.05.")

    def of_call(self, method: str, number: int) -> str | None:
        """The kind of failure of API call `number` (all calls are counted), or None."""
        kinds = SEARCH_KINDS if method == SEARCH else API_KINDS
        named = ("95", "time-coarse") if method == SEARCH else ("95",)
        return self._draw((*kinds, *named) if isinstance(self.share, Mapping) else kinds, "fault", str(number))

    def of_image(self, path: str, number: int) -> str | None:
        """The kind of failure of image request `number`, or None."""
        gone = self._draw([UNAVAILABLE], UNAVAILABLE, path) if isinstance(self.share, Mapping) else None
        named = parse_path(path)
        withheld = self.of_photo(named[0]) if named else None
        return gone or withheld or self._draw(IMAGE_KINDS, "image fault", str(number))

    def of_photo(self, photo_id: int) -> str | None:
        """The kind of WITHHELD by which all images of a photo and its getInfo fail, or None."""
        if not isinstance(self.share, Mapping):
            return None
        return self._draw(tuple(WITHHELD), "withheld", str(photo_id))

    def _draw(self, kinds: Sequence[str], purpose: str, key: str) -> str | None:
        point = rng(self.seed, purpose, key).random()
        for kind in kinds:
            point -= self.share.get(kind, 0.0) if isinstance(self.share, Mapping) else self.share / len(kinds)
            if point < 0:
                return kind
        return None


def parse_faults(text: str, seed: int = 0) -> Faults:
    """Faults from the command line's text: a share ("0.2") or shares by kind ("429=0.1,500=0.05")."""
    try:
        if "=" not in text:
            return Faults(float(text), seed)
        pairs = [part.split("=") for part in text.split(",")]
        return Faults({kind.strip(): float(share) for kind, share in pairs}, seed)
    except ValueError:
        raise UsageError(f"Cannot read the faults {text!r}.", "Use --faults 0.2 or 429=0.1,500=0.05.") from None
