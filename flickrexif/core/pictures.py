"""The one way to open a stranger's picture: bytes or a file become a Picture, or a BadPicture with its reason.

Size, Exif and XMP are read from the container (`flickrexif.core.containers`), so that a picture too large or too broken
to be decoded still has labels and a size. Limits are passed to each call: Pillow's own settings are neither changed
nor used.
"""

import io
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flickrexif.core.containers import READERS, Header, container, orientation_of
from flickrexif.core.decoding import BadPicture as BadPicture
from flickrexif.core.decoding import decoding
from flickrexif.core.pixels import pixels, size, to_rgb, upright

if TYPE_CHECKING:
    from PIL import Image

# Format, as Pillow names it -> endings of its files, in lower case.
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif", ".avifs"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
    "JPEG2000": (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "HEIF": (".heic", ".heif", ".hif", ".heics", ".heifs"),
}
FORMATS = tuple(name for name in SUFFIXES if name != "HEIF")  # which pillow-heif reads, where that is installed
HEIF_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"))

MAX_BYTES = 256 * 2**20  # of a file that is fetched
MAX_PIXELS = 178_956_970  # that are decoded at once, where Pillow refuses; a JPEG of more is decoded smaller


@dataclass(frozen=True, slots=True)
class Picture:
    """The header of a picture; no pixel is decoded."""

    format: str  # a key of SUFFIXES
    width: int  # pixels, as stored
    height: int
    orientation: int  # how to turn the stored pixels upright, 1 to 8 as Exif numbers it; 1 where the file says nothing
    content: bytes | Path = field(repr=False)
    _header: Header = field(repr=False)

    @contextmanager
    def metadata(self) -> Iterator[tuple[tuple[IO[bytes], ...], tuple[bytes, ...]]]:
        """Streams that begin with its Exif, each a TIFF structure, of which later ones win; and its XMP packets."""
        if self.format == "TIFF":
            with _stream(self.content) as stream:
                yield (stream,), self._header.xmp
        else:
            yield tuple(io.BytesIO(block) for block in self._header.exif), self._header.xmp

    def decode(
        self, *, most_pixels: int = MAX_PIXELS, longest_side: int | None = None, least: tuple[int, int] | None = None
    ) -> "Image.Image | BadPicture":
        """The pixels, in Pillow's mode; of several pictures the first.

        A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves at least `least` (width, height) pixels.
        """
        try:
            return self._decoded(most_pixels, longest_side, least if self.format == "JPEG" else None)
        except BadPicture as bad:
            return _named(bad, self.content)

    def _decoded(self, most_pixels: int, longest_side: int | None, least: tuple[int, int] | None) -> "Image.Image":
        check = partial(check_size, most_pixels=most_pixels, longest_side=longest_side)
        if least is None:
            check(self.width, self.height)
        with _stream(self.content) as stream, decoding:
            return pixels(self.format, stream, check, least)


def open_picture(content: bytes | Path, formats: Sequence[str] = FORMATS) -> Picture | BadPicture:
    """The picture in bytes or in a file, not decoded; `formats`, keys of SUFFIXES, are tried in turn."""
    try:
        with _stream(content) as stream:
            return _identified(content, stream, formats)
    except BadPicture as bad:
        return _named(bad, content)


def suffixes(*formats: str) -> frozenset[str]:
    """The endings, such as .jpg, of the files of these formats."""
    return frozenset(suffix for name in formats for suffix in SUFFIXES[name])


def check_size(width: int, height: int, most_pixels: int, longest_side: int | None) -> None:
    """Raise BadPicture for a picture that is too large to be decoded."""
    if width * height > most_pixels or (longest_side and max(width, height) > longest_side):
        raise BadPicture("too_large", f"{width} x {height} pixels")


def small_picture(data: bytes, side: int) -> "Image.Image | BadPicture":
    """The picture upright, RGB, its longer side at most `side` pixels."""
    from PIL import Image

    picture = open_picture(data, tuple(SUFFIXES))
    image = picture if isinstance(picture, BadPicture) else picture.decode(least=(side, side))
    if isinstance(picture, BadPicture) or isinstance(image, BadPicture):
        return image
    try:
        with decoding:
            small = to_rgb(image)
            small.thumbnail((side, side), Image.Resampling.BOX, reducing_gap=None)
            return upright(small, picture.orientation)
    except BadPicture as bad:
        return bad


def _named(bad: BadPicture, content: bytes | Path) -> BadPicture:
    """The same without its traceback, which would hold the bytes."""
    return BadPicture(bad.reason, bad.detail, str(content) if isinstance(content, Path) else bad.name)


# --- files and formats


def _stream(content: bytes | Path) -> AbstractContextManager[IO[bytes]]:
    if isinstance(content, bytes):
        return nullcontext(io.BytesIO(content))  # not closed: what was opened may yet be decoded
    try:
        if stat.S_ISREG(content.stat().st_mode):
            return content.open("rb")
    except FileNotFoundError:
        raise BadPicture("not_found") from None
    except OSError as error:
        raise BadPicture("not_readable", error.strerror or "") from None
    raise BadPicture("not_an_image", "it is no file")  # a pipe would be waited for


def _identified(content: bytes | Path, stream: IO[bytes], formats: Sequence[str]) -> Picture:
    with decoding:
        if not stream.read(1):
            raise BadPicture("empty")
        name = container(stream)
        if name is None:
            name, header = _by_pillow(stream, [name for name in formats if name not in READERS])
        else:
            header = READERS[name](stream) if name in formats else None
        if name is None or header is None or header.width < 1 or header.height < 1:
            raise BadPicture("not_an_image")
        blocks = (stream,) if name == "TIFF" else tuple(map(io.BytesIO, header.exif))
        said = [value for value in map(orientation_of, blocks) if value]
        return Picture(name, header.width, header.height, header.turn or (said or [1])[-1], content, header)


def _by_pillow(stream: IO[bytes], formats: Sequence[str]) -> tuple[str | None, Header | None]:
    """The first of these formats that opens the file; none of them holds Exif."""
    from PIL import Image

    Image.init()
    stream.seek(0)
    prefix = stream.read(16)
    for name in formats:
        accept = Image.OPEN[name][1]
        if accept is None or accept(prefix) is True:
            stream.seek(0)
            with suppress(SyntaxError, IndexError, TypeError, struct.error):  # Pillow's ways to say: another format
                return name, Header(*size(name, stream))
    return None, None


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))
