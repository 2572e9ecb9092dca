"""Scenes to photograph: real photographs that scikit-learn and scikit-image ship, cropped and varied."""

from collections.abc import Mapping
from functools import cache
from random import Random

from PIL import Image, ImageChops

from flickrexif.core.extras import require

TEXTURE_SIDE = 2048
NAMES = (
    *("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "retina", "immunohistochemistry"),
    *("brick", "camera", "cell", "clock", "coins", "grass", "gravel", "moon", "page", "stereo_motorcycle"),
)


@cache
def photographs() -> Mapping[str, Image.Image]:
    """Name -> photograph, RGB, about 0.1 to 2 megapixels each."""
    require("sklearn", "skimage")
    from skimage import data
    from sklearn.datasets import load_sample_image

    shots = {name: getattr(data, name)() for name in NAMES}
    shots["stereo_motorcycle"] = shots["stereo_motorcycle"][0]  # the left view
    shots |= {name: load_sample_image(f"{name}.jpg") for name in ("china", "flower")}
    return {name: Image.fromarray(shot).convert("RGB") for name, shot in shots.items()}


@cache
def _texture() -> Image.Image:
    """Fine detail at the scale of pixels, mid-grey on average, which enlarged photographs lack."""
    tiles = [photographs()[name].convert("L") for name in ("gravel", "grass")]
    texture = Image.new("L", (TEXTURE_SIDE, TEXTURE_SIDE))
    for column in range(0, TEXTURE_SIDE, 512):
        for row in range(0, TEXTURE_SIDE, 512):
            texture.paste(tiles[(column + row) // 512 % 2], (column, row))
    return texture


def tone(rng: Random) -> list[int]:
    """A lookup table for the bands of RGB: the light of a scene, as exposure, contrast and colour cast."""
    gamma, gain = rng.uniform(0.75, 1.35), rng.uniform(0.85, 1.1)
    casts = [rng.uniform(0.94, 1.06) for _ in range(3)]
    return [min(round(255 * gain * cast * (level / 255) ** gamma), 255) for cast in casts for level in range(256)]


def crop(picture: Image.Image, size: tuple[int, int], rng: Random, least: float, most: float) -> Image.Image:
    """A part of `picture` as `size` pixels, perhaps mirrored; it spans `least` to `most` of what would fit."""
    (width, height), share = size, rng.uniform(least, most)
    scale = share * min(picture.width / width, picture.height / height)
    w, h = width * scale, height * scale
    x, y = rng.uniform(0, picture.width - w), rng.uniform(0, picture.height - h)
    part = picture.resize(size, Image.Resampling.BICUBIC, (x, y, x + w, y + h))
    return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else part


def detailed(picture: Image.Image, rng: Random) -> Image.Image:
    """`picture` (YCbCr, at most TEXTURE_SIDE pixels a side) with fine detail in its luma."""
    left, top = (rng.randrange(TEXTURE_SIDE - side + 1) for side in picture.size)
    detail = _texture().crop((left, top, left + picture.width, top + picture.height))
    luma, blue, red = picture.split()
    luma = Image.blend(luma, ImageChops.soft_light(luma, detail), rng.uniform(0.04, 0.2))
    return Image.merge("YCbCr", (luma, blue, red))


def scene(width: int, height: int, rng: Random) -> Image.Image:
    """A picture of width x height pixels (YCbCr): a crop of a photograph, perhaps mirrored, in another light."""
    photograph = rng.choice([*photographs().values()]).point(tone(rng)).convert("YCbCr")
    return detailed(crop(photograph, (width, height), rng, 0.55, 1.0), rng)
