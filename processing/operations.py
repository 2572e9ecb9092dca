"""The pixel operations, with Pillow, as the paper's protocol has them: image in, encoded bytes out.

An image is decoded once to RGB and goes through the steps of each variant. Nothing of its metadata is carried over:
no Exif (so an orientation is not applied), no comment, no colour profile.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image, ImageEnhance, ImageFilter

from flickrexif.core import pixels
from flickrexif.core.decoding import REASONS as DECODING
from flickrexif.core.decoding import decoding, quiet
from flickrexif.core.pictures import SUFFIXES, BadPicture, Picture, check_size, open_picture
from flickrexif.processing.draw import draw_scale
from flickrexif.processing.variants import (
    Blur,
    ColorSpace,
    Encoding,
    Gamma,
    RandomResize,
    Recompress,
    Resize,
    Sharpen,
    Step,
    Variant,
    centre_mask,
)

MAX_PIXELS = 89_478_485  # where Pillow begins to warn of decompression bombs
MAX_SIDE = 16_383  # WebP's; doubled it is still within JPEG's 65,500, so that no variant fails where others do not

FORMATS = tuple(SUFFIXES)

# Why bytes cannot be processed: words of core.decoding, with the limits of this place.
REASONS = {
    "empty": DECODING["empty"],
    "not_an_image": f"none of {', '.join(FORMATS)}",
    "needs_pillow_heif": DECODING["needs_pillow_heif"],
    "truncated": DECODING["truncated"],
    "damaged": DECODING["damaged"],
    "too_large": f"over {MAX_PIXELS:,} pixels or over {MAX_SIDE:,} on a side, or more than the memory holds",
    "unsupported_mode": DECODING["unsupported_mode"],
}


@dataclass(frozen=True, slots=True)
class Encoded:
    """An image file; width and height in pixels, `format` as Pillow names it."""

    data: bytes
    width: int
    height: int
    format: str


def decode(data: bytes, *, upright: bool = False) -> Image.Image:
    """The RGB pixels of an image file, as stored or turned upright.

    The first picture of several; CMYK, palette and grey as Pillow's `convert("RGB")`, as the released code does, so
    alpha is dropped; of 16 bits the high byte. Raises BadPicture.
    """
    image, picture = _open(data)
    return pixels.upright(image, picture.orientation) if upright else image


def _open(data: bytes) -> tuple[Image.Image, Picture]:
    """The RGB image, and the picture that it is of."""
    with quiet:  # once: to silence warnings takes longer than to read a header
        picture = open_picture(data, FORMATS)
        if isinstance(picture, BadPicture):
            raise picture
        image = picture.decode(most_pixels=MAX_PIXELS, longest_side=MAX_SIDE)
        if isinstance(image, BadPicture):
            raise image
        return pixels.to_rgb(image), picture


def _to_rgb(image: Image.Image) -> Image.Image:
    """A caller's image as RGB; it may be opened and not yet read."""
    check_size(*image.size, MAX_PIXELS, MAX_SIDE)
    with decoding:
        image.load()
    return pixels.to_rgb(image)


def apply_variant(image: Image.Image | bytes, variant: Variant, *, seed: int = 0, image_id: str = "") -> bytes:
    """The bytes of `variant` of an image file or of an image; see `apply_variants`."""
    return apply_variants(image, (variant,), seed=seed, image_id=image_id)[0].data


def apply_variants(
    image: Image.Image | bytes, variants: Sequence[Variant], *, seed: int = 0, image_id: str = ""
) -> list[Encoded]:
    """Every variant of one image, decoded once, in the order asked. Raises BadPicture, for all variants or for none.

    IDENTITY of bytes is those bytes; of an image, which has none, its RGB pixels as PNG.
    """
    return list(iter_variants(image, variants, seed=seed, image_id=image_id))


def iter_variants(
    image: Image.Image | bytes, variants: Sequence[Variant], *, seed: int = 0, image_id: str = ""
) -> Iterator[Encoded]:
    """As `apply_variants`, one at a time: what has been taken need not stay in memory.

    Neighbours in `variants` that sharpen share the smoothed image.
    """
    if isinstance(image, bytes):
        rgb, picture = _open(image)
        file_format = picture.format
    else:
        rgb, file_format = _to_rgb(image), "PNG"
    sharpness: ImageEnhance.Sharpness | None = None
    for variant in variants:
        if variant.encoding is None:
            data = image if isinstance(image, bytes) else _save(rgb, "PNG", icc_profile=None)
            yield Encoded(data, *rgb.size, file_format)
            continue
        pixels, steps = rgb, variant.steps
        match steps:
            case (Sharpen(factor), *_):
                sharpness = sharpness or ImageEnhance.Sharpness(rgb)
                pixels, steps = sharpness.enhance(factor), steps[1:]
            case _:
                sharpness = None  # as large as the image: not kept longer than needed
        for step in steps:
            pixels = _apply_step(pixels, step, variant, seed, image_id)
        yield Encoded(encode(pixels, variant.encoding), *pixels.size, variant.encoding.format)


def _apply_step(image: Image.Image, step: Step, variant: Variant, seed: int, image_id: str) -> Image.Image:
    match step:
        case Sharpen(factor):
            return ImageEnhance.Sharpness(image).enhance(factor)
        case Resize(scale, resampling):
            return _resize(image, scale, resampling)
        case RandomResize(resampling, spread):
            return _resize(image, draw_scale(variant, spread, image_id, seed), resampling)
        case Blur(radius):
            return image.filter(ImageFilter.GaussianBlur(radius))
        case Gamma(exponent):
            return image.point([round(255 * (value / 255) ** exponent) for value in range(256)] * 3)
        case ColorSpace(target):
            from flickrexif.processing import color  # numpy and littleCMS, for these variants alone

            return color.to_srgb(image) if target == "srgb" else color.to_display_p3(image)
        case Recompress(encoding):
            return decode(encode(image, encoding))


def _resize(image: Image.Image, scale: float, resampling: str) -> Image.Image:
    size = max(1, int(image.width * scale)), max(1, int(image.height * scale))
    return image.resize(size, Image.Resampling[resampling])


def encode(image: Image.Image, encoding: Encoding) -> bytes:
    """The RGB image as a file without metadata."""
    options: dict[str, object] = {"quality": encoding.quality, "icc_profile": None}
    match encoding.format:
        case "JPEG":
            options |= {"subsampling": encoding.subsampling, "progressive": encoding.progressive, "comment": None}
        case "AVIF":  # one thread, no tiles: the bytes do not depend on the number of cores
            options |= {"subsampling": encoding.subsampling, "max_threads": 1, "autotiling": False}
        case "WEBP":
            pass  # lossy WebP knows 4:2:0 alone
    return _save(image, encoding.format, **options)


def _save(image: Image.Image, file_format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def apply_mask(image: Image.Image, ratio: float) -> Image.Image:
    """A copy with a centred black rectangle over `ratio` (0 to 1) of the area, as RGB."""
    masked = _to_rgb(image).copy()
    masked.paste((0, 0, 0), centre_mask(*masked.size, ratio))
    return masked
