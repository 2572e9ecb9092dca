"""What the embedded server serves: a population of photos, simulated or real."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

# Longer side in pixels of the sizes the CDN serves; a size exists when the original is at least that large, m always.
SIZES = {"l": 1024, "c": 800, "z": 640, "m": 500}


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPhoto:
    """One photo, with all that search, getInfo, getSizes and getExif say of it."""

    id: int
    owner: str  # NSID
    owner_name: str
    path_alias: str | None
    title: str
    secret: str
    server: str
    license: int
    taken: datetime  # the photographer's clock, no zone
    granularity: int = 0
    taken_unknown: bool = False
    uploaded: int  # seconds since 1970, GMT
    width: int  # of the original
    height: int
    media: str = "photo"
    safe: bool = True
    original_allowed: bool = True  # whether the owner lets others fetch the original
    exif_access: Literal["shared", "hidden", "deleted"] = "shared"  # getExif: ok, code 2, code 1


class Population(Protocol):
    """Photos a server can serve. All methods are called from many threads at once."""

    name: str  # "simulated" or "photos"

    def taken_between(self, first: datetime, last: datetime) -> Sequence[SandboxPhoto]:
        """The photos taken in [first, last], both ends inclusive, sorted by (taken, id)."""
        ...

    def photo(self, photo_id: int) -> SandboxPhoto | None:
        """The photo of that id, or None."""
        ...

    def exif(self, photo: SandboxPhoto) -> list[Mapping[str, Any]]:
        """The `exif` list of flickr.photos.getExif for a photo whose Exif is shared."""
        ...

    def image(self, photo: SandboxPhoto, size: str) -> bytes:
        """JPEG bytes of one size: o (the original, with its Exif), or l, c, z, m (re-encoded, without Exif)."""
        ...
