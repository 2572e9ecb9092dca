"""The stored pixels of a picture, by Pillow or libheif: never turned, and by value where they have more than 8 bits.

`pixels` gives Pillow's own modes, grey of more than 8 bits as I;16 with 65,535 for white; `to_rgb` is the one way to 8
bits. What else a file holds, damaged or not, does not matter.
"""

import io
import math
import re
from collections.abc import Callable
from functools import partial
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from flickrexif.core.bare import (
    BareTiff,
    Planes,
    bare_gif,
    bare_heif,
    bare_jpeg,
    bare_jpeg2000,
    bare_png,
    bare_tiff,
    bare_webp,
)
from flickrexif.core.decoding import BadPicture, decoding

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from PIL import Image
    from PIL.ImageFile import ImageFile

RGB_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"})
TURNS = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # Exif's orientation -> Pillow's Image.Transpose

Least = tuple[int, int] | None
Check = Callable[[int, int], None]


def pixels(name: str, stream: IO[bytes], check: Check, least: Least = None) -> "Image.Image":
    """The decoded pixels of the file of the format `name` in `stream`; of several pictures the first.

    `check` raises where so many pixels (width, height) are not to be decoded. A JPEG is decoded at 1/2, 1/4 or 1/8 of
    its size where that leaves at least `least` (width, height) pixels. Raises whatever decoders raise.
    """
    if name == "HEIF":
        return _heif(stream, check)
    image, finish, samples = _opened(name, stream)
    if least:
        image.draft("RGB", (max(least[0], 1), max(least[1], 1)))
    check(image.width // samples, image.height)
    return finish(image)


def size(name: str, stream: IO[bytes]) -> tuple[int, int]:
    """Width and height of a file that Pillow reads, by its header. Raises whatever decoders raise."""
    image: Image.Image = _opened(name, stream).image
    return image.size


def to_rgb(image: "Image.Image") -> "Image.Image":
    """Decoded pixels as 8-bit RGB: Pillow's `convert`, without alpha; of 16 bits the high byte. Raises BadPicture."""
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):
        return _high_byte(image).convert("RGB")
    if image.mode not in RGB_MODES:
        raise BadPicture("unsupported_mode", image.mode)
    if "transparency" in image.info:  # `convert` would warn that it drops it
        image = image.copy()
        del image.info["transparency"]
    with decoding:
        return image.convert("RGB")


def upright(image: "Image.Image", orientation: int) -> "Image.Image":
    """The image turned upright by its Exif orientation, 1 to 8."""
    from PIL import Image

    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(Image.Transpose(turn))


def _high_byte(image: "Image.Image") -> "Image.Image":
    import numpy as np

    return _image((np.asarray(image) >> 8).astype(np.uint8))


def _image(values: "npt.NDArray[np.integer[Any]]") -> "Image.Image":
    from PIL import Image

    return Image.fromarray(values)


# --- by format


class Opened(NamedTuple):
    """A file whose pixels are not decoded yet."""

    image: Any  # Pillow's
    finish: "Callable[[Any], Image.Image]"  # gives its pixels
    samples: int = 1  # columns of the image for each pixel


def _opened(name: str, stream: IO[bytes]) -> Opened:
    return _OPENERS.get(name, _plain)(name, stream)


def _plain(name: str, stream: IO[bytes]) -> Opened:
    """Open without Image.open, which limits the pixels even if only the header is read."""
    from PIL import Image

    if name not in Image.OPEN:
        Image.init()
    return Opened(Image.OPEN[name][0](stream, ""), _loaded)


def _loaded(image: "Image.Image") -> "Image.Image":
    image.load()
    return image


def _jpeg(_: str, stream: IO[bytes]) -> Opened:
    """The first picture alone: a broken index of further ones does no harm."""
    from PIL.JpegImagePlugin import JpegImageFile

    return Opened(JpegImageFile(io.BytesIO(bare_jpeg(stream.read())), ""), _loaded)


def _gif(name: str, stream: IO[bytes]) -> Opened:
    return _plain(name, io.BytesIO(bare_gif(stream.read())))


def _jpeg2000(name: str, stream: IO[bytes]) -> Opened:
    return _plain(name, io.BytesIO(bare_jpeg2000(stream.read())))


def _webp(name: str, stream: IO[bytes]) -> Opened:
    return _plain(name, io.BytesIO(bare_webp(stream.read())))


def _png(name: str, stream: IO[bytes]) -> Opened:
    content, profile = bare_png(stream.read())
    opened = _plain(name, io.BytesIO(content))
    if profile:
        opened.image.info["icc_profile"] = profile
    return opened


def _tiff(name: str, stream: IO[bytes]) -> Opened:
    bare = bare_tiff(stream.read())
    if isinstance(bare, Planes):
        return Opened(_of_planes(bare), _loaded)
    image = _plain(name, io.BytesIO(bare.content)).image
    return Opened(image, partial(_by_value, bare), bare.samples)


def _of_planes(planes: Planes) -> "Image.Image":
    """16-bit grey, or the high byte of 16-bit colours."""
    import numpy as np

    values = np.frombuffer(planes.content, f"{planes.order}u2").astype(np.uint16).reshape(planes.shape)
    if planes.shape[0] == 1:
        return _image(65_535 - values[0] if planes.inverted else values[0])
    return _image(np.ascontiguousarray((values >> 8).astype(np.uint8).transpose(1, 2, 0)))


def _by_value(bare: BareTiff, image: "ImageFile") -> "Image.Image":
    """A TIFF with 12 bits in the upper 12 of 16, 0 for black, and samples as colours."""
    import numpy as np

    image.load()
    if not (bare.bits == 12 or bare.inverted):
        return image
    values = np.asarray(image).astype(np.uint16) << (16 - bare.bits)
    if bare.inverted:
        values = np.uint16(2**16 - 2 ** (16 - bare.bits)) - values
    if bare.samples == 1:
        return _image(values)
    return _image((values >> 8).astype(np.uint8).reshape(image.height, -1, bare.samples))


def _ppm(name: str, stream: IO[bytes]) -> Opened:
    image, finish, _ = _plain(name, stream)
    args = image.tile[0].args
    maximum = 2**16 - 1 if args == "I;16B" else args[-1] if isinstance(args, tuple) and image.mode != "F" else 0
    return Opened(image, partial(_high_bytes, stream, maximum) if maximum > 255 else finish)


def _high_bytes(stream: IO[bytes], maximum: int, image: "ImageFile") -> "Image.Image":
    """A PPM of two bytes a sample by its high byte; Pillow rounds, and takes seconds for a megapixel."""
    import numpy as np

    tile, shape = image.tile[0], (image.height, image.width, 3)[: 3 if image.mode == "RGB" else 2]
    samples = math.prod(shape)
    stream.seek(tile.offset)
    if tile.codec_name == "ppm_plain":
        texts = re.sub(rb"#[^\r\n]*", b"", stream.read()).split()[:samples]
        values = np.fromiter(map(int, texts), np.uint16, len(texts))
    else:
        content = stream.read(2 * samples)
        values = np.frombuffer(content, ">u2", len(content) // 2)
    if len(values) < samples:
        raise BadPicture("truncated")
    high_byte = np.minimum(np.arange(2**16) * 256 // (maximum + 1), 255).astype(np.uint8)
    return _image(high_byte[values].reshape(shape))


def _heif(stream: IO[bytes], check: Check) -> "Image.Image":
    from PIL import Image

    heif = libheif().open_heif(io.BytesIO(bare_heif(stream.read())))
    check(*heif.size)
    data = heif.data  # decoding may correct the size
    image = Image.frombytes(heif.mode, heif.size, data, "raw", heif.mode, heif.stride)
    if profile := heif.info.get("icc_profile"):
        image.info["icc_profile"] = profile
    return image


def libheif() -> Any:
    """pillow_heif. Raises BadPicture where it is not installed."""
    try:
        import pillow_heif
    except ImportError:
        raise BadPicture("needs_pillow_heif") from None
    return pillow_heif


_OPENERS = {"GIF": _gif, "JPEG": _jpeg, "JPEG2000": _jpeg2000, "PNG": _png, "PPM": _ppm, "TIFF": _tiff, "WEBP": _webp}
