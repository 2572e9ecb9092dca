"""flickr.photos.search over a population: arguments, filters, order, pages and the cap of 4,000 results."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from flickrexif.collectors.sandbox.images import SUFFIXES, image_file, original_secret
from flickrexif.collectors.sandbox.population import Population, SandboxPhoto

MAX_WINDOW = 2_000_000  # photos that one search may look through; a simulated population spans decades
CAP = 4_000  # results a query; later pages repeat the last one
PER_PAGE, MAX_PER_PAGE = 100, 500
FARM = 66
ALL_TIME = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)
FILTERS = frozenset(f"{end}_{date}_date" for end in ("min", "max") for date in ("taken", "upload")) | {
    "license",
    "safe_search",
    "media",
    "content_type",
    "content_types",
    "user_id",
}
PAGING = frozenset(("sort", "page", "per_page", "extras"))
CALL_ARGUMENTS = frozenset(("method", "api_key", "format", "nojsoncallback"))
ORDERS: dict[str, tuple[Callable[[SandboxPhoto], tuple[Any, int]], bool]] = {
    "date-posted-desc": (lambda photo: (photo.uploaded, photo.id), True),
    "date-posted-asc": (lambda photo: (photo.uploaded, photo.id), False),
    "date-taken-desc": (lambda photo: (photo.taken, photo.id), True),
    "date-taken-asc": (lambda photo: (photo.taken, photo.id), False),
}


class Failure(Exception):
    """An answer with stat "fail"."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True, slots=True)
class Query:
    """The filters and the order of a search; None: no such filter. Upload dates: seconds since 1970, GMT."""

    min_taken: datetime
    max_taken: datetime
    min_upload: int | None
    max_upload: int | None
    licenses: frozenset[str] | None
    safe: bool
    media: str | None
    photos_only: bool
    user_id: str | None
    sort: str


class Matches(NamedTuple):
    """How many photos match, and the first `CAP` of them in order."""

    total: int
    photos: tuple[SandboxPhoto, ...]


class Searcher:
    """Answers searches over `population`, with image addresses under `base`; caches the latest results."""

    def __init__(self, population: Population, base: str) -> None:
        self._base = base
        self._matches = lru_cache(64)(lambda query: find(population, query))
        self._page = lru_cache(64)(self._encoded)

    def answer(self, arguments: Mapping[str, str]) -> bytes:
        """The JSON of one page. Raises Failure as Flickr does."""
        query = parse_query(arguments)
        per_page = min(_whole(arguments.get("per_page")) or PER_PAGE, MAX_PER_PAGE)
        page = max(_whole(arguments.get("page")) or 1, 1)
        extras = frozenset(name.strip() for name in arguments.get("extras", "").split(","))
        return self._page(query, page, per_page, extras)

    def _encoded(self, query: Query, page: int, per_page: int, extras: frozenset[str]) -> bytes:
        total, photos = self._matches(query)
        last = -(-len(photos) // per_page)
        if total > CAP and page > 2 * last:
            raise Failure(20, "Offset too large")
        shown = min(page, last) if total > CAP else page
        entries = [entry(photo, extras, self._base) for photo in photos[(shown - 1) * per_page :][:per_page]]
        body = {"page": page, "pages": -(-total // per_page), "perpage": per_page, "total": total}
        return orjson.dumps({"photos": {**body, "photo": entries}, "stat": "ok"})


def parse_query(arguments: Mapping[str, str]) -> Query:
    """The query of a search. Raises Failure: code 3 without any filter, 112 for arguments that are not supported."""
    if not FILTERS & arguments.keys():
        raise Failure(3, "Parameterless searches have been disabled. Please use flickr.photos.getRecent instead.")
    # A filter of Flickr's that is not supported must not be ignored: the answer would be wrong.
    if unknown := arguments.keys() - FILTERS - PAGING - CALL_ARGUMENTS:
        raise Failure(112, f'The sandbox does not search by "{min(unknown)[:100]}"')
    sort = arguments.get("sort", "date-posted-desc")
    if sort not in ORDERS:
        raise Failure(112, f'The sandbox does not sort by "{sort[:100]}"')
    taken = [_moment(arguments.get(f"{end}_taken_date")) for end in ("min", "max")]
    upload = [_moment(arguments.get(f"{end}_upload_date")) for end in ("min", "max")]
    licenses, media = arguments.get("license"), arguments.get("media", "all")
    return Query(
        min_taken=taken[0] or ALL_TIME[0],
        max_taken=taken[1] or ALL_TIME[1],
        min_upload=_seconds(upload[0]),
        max_upload=_seconds(upload[1]),
        licenses=frozenset(part.strip() for part in licenses.split(",")) if licenses else None,
        safe=arguments.get("safe_search") == "1",
        media={"photos": "photo", "videos": "video"}.get(media),
        photos_only=_photos_only(arguments),
        user_id=arguments.get("user_id"),
        sort=sort,
    )


def matches(photo: SandboxPhoto, query: Query) -> bool:
    """Whether a photo taken within the query's window passes its other filters; all bounds are inclusive."""
    return (
        (query.min_upload is None or photo.uploaded >= query.min_upload)
        and (query.max_upload is None or photo.uploaded <= query.max_upload)
        and (query.licenses is None or str(photo.license) in query.licenses)
        and (photo.safe or not query.safe)
        and (query.media is None or photo.media == query.media)
        and query.photos_only
        and (query.user_id is None or photo.owner == query.user_id)
    )


def find(population: Population, query: Query) -> Matches:
    """The photos of `population` that match, in the query's order. Raises Failure for too wide a window."""
    window = population.taken_between(query.min_taken, query.max_taken)
    if len(window) > MAX_WINDOW:
        raise Failure(112, "The sandbox needs a narrower window: give min_taken_date and max_taken_date")
    matching = [photo for photo in window if matches(photo, query)]
    key, reverse = ORDERS[query.sort]
    matching.sort(key=key, reverse=reverse)
    return Matches(len(matching), tuple(matching[:CAP]))


def entry(photo: SandboxPhoto, extras: frozenset[str], base: str) -> dict[str, Any]:
    """A photo in a search answer: the fields that are always there, and those of `extras`."""
    fields: dict[str, Any] = {
        "id": str(photo.id),
        "owner": photo.owner,
        "secret": photo.secret,
        "server": photo.server,
        "farm": FARM,
        "title": photo.title,
        "ispublic": 1,
        "isfriend": 0,
        "isfamily": 0,
    }
    for name, field in EXTRAS.items():
        if name in extras:
            fields.update(field(photo))
    for size in SUFFIXES:
        if f"url_{size}" in extras and (file := image_file(photo, size, base)):
            fields |= {f"url_{size}": file.url, f"height_{size}": file.height, f"width_{size}": file.width}
    return fields


def _original(photo: SandboxPhoto, **fields: str) -> dict[str, str]:
    return fields if photo.original_allowed else {}


# extra -> its fields in the answer
EXTRAS: dict[str, Callable[[SandboxPhoto], Mapping[str, object]]] = {
    "date_taken": lambda photo: {
        "datetaken": str(photo.taken),
        "datetakengranularity": str(photo.granularity),
        "datetakenunknown": str(int(photo.taken_unknown)),
    },
    "date_upload": lambda photo: {"dateupload": str(photo.uploaded)},
    "owner_name": lambda photo: {"ownername": photo.owner_name},
    "path_alias": lambda photo: {"pathalias": photo.path_alias},
    "license": lambda photo: {"license": str(photo.license)},
    "media": lambda photo: {"media": photo.media, "media_status": "ready"},
    "o_dims": lambda photo: _original(photo, o_width=str(photo.width), o_height=str(photo.height)),
    "original_format": lambda photo: _original(photo, originalsecret=original_secret(photo), originalformat="jpg"),
}


def _photos_only(arguments: Mapping[str, str]) -> bool:
    """Whether the query includes photographs, as this population has no screenshots and no other art."""
    new, old = arguments.get("content_types"), arguments.get("content_type")  # 0-based and 1-based
    if new is not None:
        return "0" in new.split(",")
    return old in (None, "1", "4", "6", "7")  # 4, 6, 7: photos and others


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,9}", text) else None


def _moment(text: str | None) -> datetime | None:
    """A date argument: "YYYY-MM-DD HH:MM:SS", "YYYY-MM-DD" or seconds since 1970; no zone."""
    if not text:
        return None
    try:
        if re.fullmatch(r"-?\d{1,11}", text):
            return datetime.fromtimestamp(int(text), UTC).replace(tzinfo=None)
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S" if " " in text else "%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        raise Failure(112, f'The sandbox cannot read the date "{text[:100]}"') from None


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp())
