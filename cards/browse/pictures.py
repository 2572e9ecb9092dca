"""Pictures as a page holds them: data URIs without metadata; crops of a variant, and how it differs from another."""

import base64
import io
from typing import TYPE_CHECKING, NamedTuple

from flickrexif.core.pictures import BadPicture, small_picture

if TYPE_CHECKING:
    from PIL import Image

SIDE = 320  # longer side of a small picture, pixels
QUALITY = 75
CROP = 160  # side of a crop, pixels of the reference; shown enlarged to SIDE
GAIN = 8  # how much a difference is amplified

Box = tuple[int, int, int, int]  # left, upper, right, lower


class Picture(NamedTuple):
    """An image in a page; width and height of its pixels."""

    src: str
    width: int
    height: int


class Difference(NamedTuple):
    """A variant minus the reference; `mean` and `most` of the absolute difference, 0 to 255."""

    picture: Picture
    mean: float
    most: int


def thumbnail(data: bytes) -> Picture | None:
    """A small picture of an image file, upright; None for a broken one."""
    image = small_picture(data, SIDE)
    return None if isinstance(image, BadPicture) else _picture(image, quality=QUALITY, method=2)


def small(image: "Image.Image") -> Picture:
    """A decoded image, its longer side at most SIDE pixels."""
    copy = image.copy()
    copy.thumbnail((SIDE, SIDE))
    return _picture(copy, quality=QUALITY, method=2)


def centre(width: int, height: int) -> Box:
    """The box of CROP x CROP pixels in the middle; of a smaller image, the largest square."""
    side = min(CROP, width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def same_region(box: Box, reference: tuple[int, int], size: tuple[int, int]) -> Box:
    """`box` of an image of the size `reference` in an image of another size, at least a pixel wide and high."""
    across, down = size[0] / reference[0], size[1] / reference[1]
    left, upper = min(round(box[0] * across), size[0] - 1), min(round(box[1] * down), size[1] - 1)
    return left, upper, max(left + 1, round(box[2] * across)), max(upper + 1, round(box[3] * down))


def crop(image: "Image.Image", box: Box) -> Picture:
    """The pixels of `box` as they are: nothing is lost."""
    return _picture(image.crop(box), lossless=True, quality=50)


def difference(reference: "Image.Image", variant: "Image.Image", box: Box) -> Difference:
    """`variant` minus `reference` (RGB) within `box` of the reference, amplified around grey.

    A variant of another size is first resampled to the reference's (Lanczos).
    """
    import numpy as np
    from PIL import Image

    if variant.size != reference.size:
        variant = variant.resize(reference.size, Image.Resampling.LANCZOS)
    before, after = (np.asarray(image.crop(box), np.int16) for image in (reference, variant))
    apart = after - before
    shown = np.clip(128 + GAIN * apart, 0, 255).astype(np.uint8)
    picture = _picture(Image.fromarray(shown), lossless=True, quality=50)
    return Difference(picture, float(np.abs(apart).mean()), int(np.abs(apart).max()))


def _picture(image: "Image.Image", **options: object) -> Picture:
    """As WebP, in which Pillow writes no metadata that it is not given."""
    file = io.BytesIO()
    image.save(file, "WEBP", **options)
    return Picture(f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}", *image.size)
