"""Flickr's JSON answers as typed records. Flickr sends numbers now as strings, now as ints; all are converted."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

FLICKR_ENDPOINT = "https://api.flickr.com/services/rest/"
IMAGE_SERVER = "https://live.staticflickr.com/"
IMAGE_DOMAINS = (".staticflickr.com", ".static.flickr.com")
SITE = "https://www.flickr.com"

# Extras of flickr.photos.search that the crawl reads.
EXTRAS = (
    "date_taken,date_upload,owner_name,path_alias,license,media,o_dims,original_format,url_o,url_l,url_c,url_z,url_m"
)
IMAGE_SIZES = "lczm"  # largest first; l, at most 1024 px, is the largest that most photos have
LONGEST_SIDE = {"l": 1024, "c": 800, "z": 640, "m": 500}  # pixels


@dataclass(frozen=True, slots=True)
class Image:
    """One size of a photo on the image CDN."""

    size: str
    url: str
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPhoto:
    """One photo of a search answer."""

    id: int
    owner: str
    secret: str
    owner_name: str | None
    path_alias: str | None
    title: str | None
    media: str
    license_id: int | None
    date_taken: str | None
    date_taken_granularity: int | None
    date_taken_unknown: bool
    date_upload: int | None  # seconds since 1970, GMT
    image: Image | None  # the largest size up to 1024 px
    original: Image | None

    @property
    def page_url(self) -> str:
        """The photo's page, to link back to as Flickr's terms ask; of another server's photo, a page of that server."""
        owner = quote(self.path_alias or self.owner, safe="@", errors="replace")
        return f"{_site(self.image.url if self.image else '')}/photos/{owner}/{self.id}/"


def server_of(address: str) -> str:
    """`http://host:port` of a web address; "" for another one, and for one that programs read in different ways."""
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address:
        return ""
    try:
        server = urlsplit(address)
        return f"{server.scheme}://{server.netloc}" if server.scheme in ("http", "https") and server.hostname else ""
    except ValueError:  # half an IPv6 address
        return ""


def is_flickrs(image_url: str) -> bool:
    """Whether an address is one of Flickr's image servers."""
    return (urlsplit(server_of(image_url)).hostname or "").endswith(IMAGE_DOMAINS)


def _site(image_url: str) -> str:
    """Flickr's site; for an image on another server, such as the embedded one, that server."""
    server = server_of(image_url)
    return server if server and not is_flickrs(image_url) else SITE


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of flickr.photos.search: the estimated, uncapped total, and the entries as Flickr sent them."""

    total: int
    entries: tuple[Mapping[str, Any], ...]


def to_int(value: object) -> int | None:
    """`value` as an integer that fits 64 bits, as files store it, or None."""
    try:
        number = int(str(value))
    except ValueError:
        return None
    return number if -(2**63) <= number < 2**63 else None


def _text(value: object) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("_content")
    return str(value)[:1_000] or None if isinstance(value, str | int) else None


def _image(entry: Mapping[str, Any], size: str) -> Image | None:
    url = _text(entry.get(f"url_{size}"))
    if not url or not url.startswith(("https://", "http://")):
        return None
    return Image(size, url, to_int(entry.get(f"width_{size}")), to_int(entry.get(f"height_{size}")))


def parse_photo(entry: Mapping[str, Any]) -> SearchPhoto | None:
    """One entry of a search answer, or None when it lacks an id or an owner."""
    photo_id, owner = to_int(entry.get("id")), _text(entry.get("owner"))
    if photo_id is None or owner is None:
        return None
    sizes = (_image(entry, size) for size in IMAGE_SIZES)
    return SearchPhoto(
        id=photo_id,
        owner=owner,
        secret=_text(entry.get("secret")) or "",
        owner_name=_text(entry.get("ownername")),
        path_alias=_text(entry.get("pathalias")),
        title=_text(entry.get("title")),
        media=_text(entry.get("media")) or "photo",
        license_id=to_int(entry.get("license")),
        date_taken=_text(entry.get("datetaken")),
        date_taken_granularity=to_int(entry.get("datetakengranularity")),
        date_taken_unknown=to_int(entry.get("datetakenunknown")) != 0,
        date_upload=to_int(entry.get("dateupload")),
        image=next((image for image in sizes if image), None),
        original=_image(entry, "o"),
    )


def parse_credit(photo: Mapping[str, Any]) -> tuple[int | None, str | None, str | None]:
    """Licence id, title and the photographer's name, of getInfo's photo."""
    owner = photo.get("owner")
    name = owner.get("username") if isinstance(owner, Mapping) else None
    return to_int(photo.get("license")), _text(photo.get("title")), _text(name)


def parse_search(answer: Mapping[str, Any]) -> SearchPage:
    """The body of flickr.photos.search. Without a readable total it is the number of entries on the page: the total of
    an empty search comes as ""."""
    photos = answer.get("photos")
    photos = photos if isinstance(photos, Mapping) else {}
    entries = photos.get("photo")
    entries = entries if isinstance(entries, list) else []
    total = to_int(photos.get("total"))
    return SearchPage(len(entries) if total is None else total, tuple(e for e in entries if isinstance(e, Mapping)))
