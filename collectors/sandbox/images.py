"""Sizes and addresses of a photo's image files, and which file an address means."""

import re
from typing import NamedTuple

from flickrexif.collectors.sandbox.population import SIZES, SandboxPhoto
from flickrexif.core.draws import rank

# Flickr's size letter in the API -> suffix of the file's name on the CDN.
SUFFIXES = {"l": "_b", "c": "_c", "z": "_z", "m": "", "o": "_o"}
LETTERS = {suffix: letter for letter, suffix in SUFFIXES.items()}
IMAGE_PATH = re.compile(r"/(?P<server>\d+)/(?P<id>\d{1,19})_(?P<secret>[0-9a-z]+)(?P<suffix>(?:_[a-z])?)\.jpg")
UNAVAILABLE_PATH = "/photo_unavailable.gif"
UNAVAILABLE_GIF = (  # 1 x 1 px, transparent
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)


class ImageFile(NamedTuple):
    """One size of a photo: its letter (o, l, c, z, m), pixels and address."""

    size: str
    width: int
    height: int
    url: str


def pixels(photo: SandboxPhoto, size: str) -> tuple[int, int] | None:
    """Width and height of the photo at `size`, or None where that size does not exist; never enlarged."""
    longer = max(photo.width, photo.height)
    if size == "o":
        return photo.width, photo.height
    if longer < SIZES[size] and size != "m":
        return None
    scale = min(1.0, SIZES[size] / longer)
    return max(1, round(photo.width * scale)), max(1, round(photo.height * scale))


def original_secret(photo: SandboxPhoto) -> str:
    """The secret in the original's file name, which differs from that of the smaller sizes, as on Flickr."""
    return f"{rank(0, 'original secret', str(photo.id)):016x}"[-10:]


def image_file(photo: SandboxPhoto, size: str, base: str) -> ImageFile | None:
    """The file of `photo` at `size` under `base` (http://host:port), or None when it is not served."""
    dimensions = pixels(photo, size)
    if dimensions is None or (size == "o" and not photo.original_allowed):
        return None
    secret = original_secret(photo) if size == "o" else photo.secret
    url = f"{base}/{photo.server}/{photo.id}_{secret}{SUFFIXES[size]}.jpg"
    return ImageFile(size, *dimensions, url)


def parse_path(path: str) -> tuple[int, str] | None:
    """The photo's id and the size letter in an image's path, or None for another path."""
    match = IMAGE_PATH.fullmatch(path)
    if not match or match["suffix"] not in LETTERS:
        return None
    return int(match["id"]), LETTERS[match["suffix"]]


def content_type(data: bytes) -> str:
    """The media type of an image file, from its first bytes."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"GIF8"):
        return "image/gif"
    return "image/jpeg"
