"""Size, Exif and XMP out of the containers of pictures; no decoder of pixels is asked."""

from collections.abc import Callable
from typing import IO

from flickrexif.core.containers.header import Header
from flickrexif.core.containers.heif import is_avif, read_heif
from flickrexif.core.containers.jpeg import read_jpeg
from flickrexif.core.containers.png import read_png
from flickrexif.core.containers.tiff import orientation_of, read_tiff
from flickrexif.core.containers.webp import read_webp

__all__ = ["READERS", "Header", "container", "orientation_of"]

READERS: dict[str, Callable[[IO[bytes]], Header | None]] = {
    "JPEG": read_jpeg,
    "PNG": read_png,
    "WEBP": read_webp,
    "TIFF": read_tiff,
    "HEIF": read_heif,
    "AVIF": read_heif,
}
_TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"))


def container(stream: IO[bytes]) -> str | None:
    """The container by its first bytes, a key of READERS, or None."""
    stream.seek(0)
    head = stream.read(12)
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "WEBP"
    if head[:4] in _TIFFS:
        return "TIFF"
    if head[4:8] == b"ftyp" and head[8:] in _HEIF_BRANDS:
        return "AVIF" if is_avif(stream) else "HEIF"
    return None
