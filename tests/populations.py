"""Photos for the embedded server, in a plain list."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flickrexif.collectors.sandbox.population import SandboxPhoto

START = datetime(2024, 8, 1)
EXIF = [{"tagspace": "IFD0", "tagspaceid": 0, "tag": "Model", "label": "Model", "raw": {"_content": "D750"}}]


class ListPopulation:
    """Photos in a plain list."""

    name = "simulated"

    def __init__(self, photos: Sequence[SandboxPhoto]) -> None:
        self.photos = sorted(photos, key=lambda photo: (photo.taken, photo.id))

    def taken_between(self, first: datetime, last: datetime) -> Sequence[SandboxPhoto]:
        return [photo for photo in self.photos if first <= photo.taken <= last]

    def photo(self, photo_id: int) -> SandboxPhoto | None:
        return next((photo for photo in self.photos if photo.id == photo_id), None)

    def exif(self, photo: SandboxPhoto) -> list[Mapping[str, Any]]:  # noqa: ARG002
        return list(EXIF)

    def image(self, photo: SandboxPhoto, size: str) -> bytes:
        return b"\xff\xd8" + f"{photo.id} {size}".encode() * 100


class Cameras(ListPopulation):
    """Photos whose Exif is enough to be usable."""

    def exif(self, photo: SandboxPhoto) -> list[Mapping[str, Any]]:  # noqa: ARG002
        pairs = {"Make": "Canon", "Model": "Canon EOS 5D", "FNumber": "4.0"}
        return [{"tagspace": "IFD0", "tag": tag, "raw": {"_content": raw}} for tag, raw in pairs.items()]


def make_photo(number: int, **changes: Any) -> SandboxPhoto:
    fields: dict[str, Any] = {
        "id": 50_000_000_000 + number,
        "owner": f"{number % 7}@N01",
        "owner_name": "Ä & <b>",
        "path_alias": None,
        "title": f"photo {number}",
        "secret": f"{number:010x}",
        "server": "65535",
        "license": number % 17,
        "taken": START + timedelta(seconds=number * 7 // 3),  # some share a second
        "uploaded": 1_722_470_400 + (number * 37) % 1_000,
        "width": 4_000,
        "height": 3_000,
        "media": "video" if number % 11 == 0 else "photo",
        "safe": number % 5 != 0,
    }
    return SandboxPhoto(**fields | changes)
