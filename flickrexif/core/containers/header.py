"""What a container says of its picture, and what all readers of containers share."""

from dataclasses import dataclass
from typing import IO

MAX_BLOCK = 16 * 2**20  # bytes of Exif or XMP, or of a text that holds them
MAX_PARTS = 250_000  # segments, chunks or boxes of one file


@dataclass(frozen=True, slots=True)
class Header:
    """Size, Exif and XMP of a picture; no pixel is decoded, and only the bytes that hold these are read."""

    width: int  # pixels, as stored
    height: int
    exif: tuple[bytes, ...] = ()  # TIFF structures, in the order of the file
    xmp: tuple[bytes, ...] = ()  # packets
    turn: int | None = None  # how the container itself turns its stored pixels upright, as Exif's orientation


def tiff_of(block: bytes) -> bytes:
    """A TIFF structure without the "Exif\\0\\0" that some programs write in front of it, perhaps twice."""
    while block[:5] == b"Exif\0":
        block = block[6:]
    return block


def size_of(stream: IO[bytes]) -> int:
    """Bytes of a stream."""
    return stream.seek(0, 2)
