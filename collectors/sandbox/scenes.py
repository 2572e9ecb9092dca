"""Scenes to photograph: real photographs that scikit-learn and scikit-image ship, cropped and varied."""

from functools import cache
from random import Random

from PIL import Image, ImageChops

from flickrexif.core.errors import FlickrExifError

TEXTURE_SIDE = 2048
MIN_CROP, MAX_CROP = 0.55, 1.0


@cache
def photographs() -> tuple[Image.Image, ...]:
    """The photographs, RGB, about 0.1 to 0.9 megapixels each."""
    try:
        from skimage import data
        from sklearn.datasets import load_sample_image
    except ImportError as error:
        raise FlickrExifError(
            "The simulated images need scikit-learn and scikit-image.",
            "Type: pip install 'flickrexif[sandbox]'",
        ) from error
    names = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field")
    shots = [getattr(data, name)() for name in names]
    shots += [load_sample_image("china.jpg"), load_sample_image("flower.jpg")]
    return tuple(Image.fromarray(shot) for shot in shots)


@cache
def _texture() -> Image.Image:
    """Fine detail at the scale of pixels, mid-grey on average, which enlarged photographs lack."""
    from skimage import data

    tiles = [Image.fromarray(getattr(data, name)()) for name in ("gravel", "grass")]
    texture = Image.new("L", (TEXTURE_SIDE, TEXTURE_SIDE))
    for column in range(0, TEXTURE_SIDE, 512):
        for row in range(0, TEXTURE_SIDE, 512):
            texture.paste(tiles[(column + row) // 512 % 2], (column, row))
    return texture


def _tone(rng: Random) -> list[int]:
    """A lookup table for the three bands: a keyed exposure, contrast and colour cast."""
    gamma, gain = rng.uniform(0.75, 1.35), rng.uniform(0.85, 1.1)
    casts = [rng.uniform(0.94, 1.06) for _ in range(3)]
    return [min(round(255 * gain * cast * (level / 255) ** gamma), 255) for cast in casts for level in range(256)]


def scene(width: int, height: int, rng: Random) -> Image.Image:
    """A picture of width x height pixels (YCbCr): a crop of a photograph, perhaps mirrored, in another tone."""
    photograph = rng.choice(photographs())
    share = rng.uniform(MIN_CROP, MAX_CROP)
    scale = share * min(photograph.width / width, photograph.height / height)
    w, h = width * scale, height * scale
    x, y = rng.uniform(0, photograph.width - w), rng.uniform(0, photograph.height - h)
    shot = photograph.point(_tone(rng)).convert("YCbCr")
    if rng.random() < 0.5:
        shot = shot.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    luma, blue, red = shot.resize((width, height), Image.Resampling.BILINEAR, (x, y, x + w, y + h)).split()
    left, top = rng.randrange(TEXTURE_SIDE - width + 1), rng.randrange(TEXTURE_SIDE - height + 1)
    detail = _texture().crop((left, top, left + width, top + height))
    detailed = Image.blend(luma, ImageChops.soft_light(luma, detail), rng.uniform(0.04, 0.2))
    return Image.merge("YCbCr", (detailed, blue, red))
