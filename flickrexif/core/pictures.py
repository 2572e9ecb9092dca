"""The one way to open a stranger's picture: bytes or a file become a Picture, or a BadPicture with its reason.

Size, Exif and XMP are read from the header without decoding a pixel, so that a picture too large to be decoded still
has labels and a size. Limits are passed to each call: Pillow's own settings are neither changed nor used.
"""

import io
import re
import stat
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from flickrexif.core.bare import bare_heif
from flickrexif.core.decoding import DECODER_ERRORS, decoding
from flickrexif.core.decoding import BadPicture as BadPicture
from flickrexif.core.pixels import TURNS, libheif, pixels, to_rgb, upright

if TYPE_CHECKING:
    from PIL import Image
    from PIL.ImageFile import ImageFile

# Format, as Pillow names it -> endings of its files, in lower case.
SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif",),
    "PPM": (".ppm", ".pgm"),
    "JPEG2000": (".jp2",),
    "HEIF": (".heic", ".heif", ".hif"),
}
FORMATS = tuple(name for name in SUFFIXES if name != "HEIF")  # which pillow-heif reads, where that is installed
HEIF_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"))

MAX_BYTES = 256 * 2**20  # of a file that is fetched
MAX_PIXELS = 178_956_970  # that are decoded at once, where Pillow refuses; a JPEG of more is decoded smaller

_ORIENTATION, _XMP = 274, 700  # tags of Exif and TIFF


@dataclass(slots=True)
class Picture:
    """The header of a picture; no pixel is decoded. `info` is what Pillow or libheif keep beside the pixels."""

    format: str  # as Pillow names it: JPEG, MPO (a JPEG with further pictures), PNG ..., or HEIF
    width: int  # pixels
    height: int
    info: Mapping[Any, Any] = field(repr=False)
    content: bytes | Path = field(repr=False)

    @contextmanager
    def metadata(self) -> Iterator[tuple[IO[bytes] | None, bytes]]:
        """A stream at the start of its Exif, a TIFF structure, or None; its XMP packet, perhaps empty."""
        info, xmp = self.info, ("xmp", "XML:com.adobe.xmp")
        if self.format == "TIFF":
            with _stream(self.content) as stream:
                yield stream, _bytes(info, *xmp)
            return
        if self.format == "PNG" and "exif" not in info:
            with suppress(BadPicture), _stream(self.content) as stream, decoding:
                info = _opened_by_pillow("PNG", io.BytesIO(_without_pixels(stream))).info
        exif = _exif(info)
        yield io.BytesIO(exif) if exif else None, _bytes(info, *xmp)

    def decode(
        self, *, most_pixels: int = MAX_PIXELS, longest_side: int | None = None, least: tuple[int, int] | None = None
    ) -> "Image.Image | BadPicture":
        """The pixels, in Pillow's mode; of several pictures the first.

        A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves at least `least` (width, height) pixels.
        """
        try:
            return self._decoded(most_pixels, longest_side, least if self.format in ("JPEG", "MPO") else None)
        except BadPicture as bad:
            return _named(bad, self.content)

    def _decoded(self, most_pixels: int, longest_side: int | None, least: tuple[int, int] | None) -> "Image.Image":
        check = partial(check_size, most_pixels=most_pixels, longest_side=longest_side)
        if least is None:
            check(self.width, self.height)
        with _stream(self.content) as stream, decoding:
            return pixels(self.format, stream, check, least)

    @property
    def orientation(self) -> int:
        """How to turn the stored pixels upright, as Exif numbers it, 1 to 8."""
        from PIL import Image

        exif = Image.Exif()
        with suppress(BadPicture), self.metadata() as (stream, _), decoding:
            exif.load(b"" if stream is None else stream.read())
            value = exif.get(_ORIENTATION)
            return value if isinstance(value, int) and value in TURNS else 1
        return 1


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
        prefix = stream.read(16)
        for name in formats:
            if _may_be(name, prefix):
                stream.seek(0)
                with suppress(SyntaxError, IndexError, TypeError, struct.error):  # Pillow's ways to say: another format
                    picture = _OPENERS.get(name, _with_pillow)(name, content, stream)
                    if picture.width > 0 and picture.height > 0:
                        return picture
    raise BadPicture("not_an_image" if prefix else "empty")


def _may_be(name: str, prefix: bytes) -> bool:
    from PIL import Image

    if name == "HEIF":
        return prefix[4:8] == b"ftyp" and prefix[8:12] in HEIF_BRANDS
    Image.preinit()
    if name not in Image.OPEN:
        Image.init()
    accept = Image.OPEN[name][1]
    return accept is None or accept(prefix) is True


def _opened_by_pillow(name: str, stream: IO[bytes]) -> "ImageFile":
    """Open without Image.open, which limits the pixels even if only the header is read."""
    from PIL import Image
    from PIL.JpegImagePlugin import JpegImageFile

    if name not in ("JPEG", "MPO"):
        return Image.OPEN[name][0](stream, "")
    with suppress(*DECODER_ERRORS):  # a broken index of further pictures does not harm the first
        return Image.OPEN["JPEG"][0](stream, "")
    stream.seek(0)
    return JpegImageFile(stream, "")


def _with_pillow(name: str, content: bytes | Path, stream: IO[bytes]) -> Picture:
    image = _opened_by_pillow(name, stream)
    info: dict[Any, Any] = image.info
    size = image.size
    if name == "TIFF":
        if image.tag_v2.get(_ORIENTATION, 1) > 4:  # type: ignore[attr-defined]
            size = image.height, image.width  # as stored
        with suppress(*DECODER_ERRORS):
            info = info | {"xmp": image.tag_v2.get(_XMP)}  # type: ignore[attr-defined]
    return Picture(image.format or name, *size, info, content)


def _webp(name: str, content: bytes | Path, stream: IO[bytes]) -> Picture:
    """By its RIFF chunks (RFC 9649): libwebp reserves memory for the whole canvas when it opens a file."""
    chunks: dict[bytes, bytes] = {}
    stream.seek(12)
    while len(head := stream.read(8)) == 8:
        kind, length = struct.unpack("<4sL", head)
        body = stream.read(length if kind in (b"EXIF", b"XMP ") else min(length, 10))
        chunks.setdefault(kind, body)
        stream.seek(length - len(body) + length % 2, io.SEEK_CUR)
    if canvas := chunks.get(b"VP8X"):
        low_width, high_width, low_height, high_height = struct.unpack_from("<HBHB", canvas, 4)
        width, height = low_width + (high_width << 16) + 1, low_height + (high_height << 16) + 1
    elif lossless := chunks.get(b"VP8L"):
        (bits,) = struct.unpack_from("<L", lossless, 1)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", chunks.get(b"VP8 ", b""), 6))
    return Picture(name, width, height, {"exif": chunks.get(b"EXIF"), "xmp": chunks.get(b"XMP ")}, content)


def _heif(name: str, content: bytes | Path, stream: IO[bytes]) -> Picture:
    heif = libheif().open_heif(io.BytesIO(bare_heif(stream.read())))
    width, height = heif.size
    return Picture(name, width, height, heif.info, content)


_OPENERS = {"WEBP": _webp, "HEIF": _heif}


def _without_pixels(stream: IO[bytes]) -> bytes:
    """The PNG with an empty picture at its end, so that metadata behind the picture are read with the header."""
    parts = [stream.read(8)]
    while len(head := stream.read(8)) == 8:
        length, name = struct.unpack(">L4s", head)
        pixels = name in (b"IDAT", b"fdAT", b"IEND")
        parts.append(b"" if pixels else png_chunk(name, stream.read(length)))
        stream.seek(length * pixels + 4, io.SEEK_CUR)
    return b"".join((*parts, png_chunk(b"IDAT", b"")))


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def _exif(info: Mapping[Any, Any]) -> bytes:
    """The TIFF structure in Pillow's `info`; ImageMagick stores it in a PNG as hexadecimal text after three lines."""
    exif, profile = _bytes(info, "exif"), info.get("Raw profile type exif")
    if not exif and isinstance(profile, str):
        with suppress(ValueError):
            exif = bytes.fromhex("".join(profile.split("\n")[3:]))
    return re.sub(rb"^(Exif\0\0){1,2}", b"", exif)


def _bytes(info: Mapping[Any, Any], *keys: str) -> bytes:
    value = next((value for key in keys if (value := info.get(key))), b"")
    if isinstance(value, str):
        return value.encode(errors="replace")
    return value if isinstance(value, bytes) else b""
