"""Turns a scene into the JPEG file that a simulated camera writes, and that file into Flickr's smaller sizes.

All is done in YCbCr, as cameras sharpen only luma and JPEG stores YCbCr. Grain, sharpening and compression follow in
this order, as in a camera: sharpening amplifies the grain, and compression quantises both.
"""

import io
import math
from functools import cache
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from flickrexif.collectors.sandbox.cameras import Device
from flickrexif.collectors.sandbox.population import SIZES
from flickrexif.core.draws import rank

RESIZED_QUALITY = 90  # of the sizes l, c, z and m
GRAIN_SIDE = 2048  # pixels; larger than any original served
SIGMA_UNIT, GRAIN_UNIT = 16, 32  # fixed-point scales: sigma and grain are 8-bit numbers

# ITU-T T.81, tables K.1 and K.2, in natural order.
IJG_LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
IJG_CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99),
    *(24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99),
    *(99,) * 32,
)


def quantisation(base: tuple[int, ...], quality: int, tilt: float) -> list[int]:
    """64 steps, natural order: `base` scaled to an IJG quality, coarser by up to 1 + `tilt` at high frequencies."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    steps = ((step * scale + 50) // 100 * (1 + tilt * (index // 8 + index % 8) / 14) for index, step in enumerate(base))
    return [min(max(round(step), 1), 255) for step in steps]


@cache
def _grain() -> npt.NDArray[np.int8]:
    """Gaussian noise of unit variance times GRAIN_UNIT, [side, side], smoothed a little as demosaicing does."""
    generator = np.random.Generator(np.random.PCG64(rank(0, "grain", "bank")))
    raw = generator.standard_normal((GRAIN_SIDE + 1, GRAIN_SIDE + 1), dtype=np.float32)
    smooth = raw[:-1, :-1] + 0.35 * (raw[1:, :-1] + raw[:-1, 1:]) + 0.12 * raw[1:, 1:]
    smooth *= GRAIN_UNIT / smooth.std()
    grain: npt.NDArray[np.int8] = np.clip(smooth, -127, 127).astype(np.int8)
    return grain


def sigma(device: Device, iso: int) -> npt.NDArray[np.float64]:
    """Standard deviation of the luma noise for each of the 256 luma levels, in levels: shot noise over read noise."""
    gain = math.sqrt(min(max(iso, 25), 51_200) / 100)
    return np.minimum(0.5 * device.noise * gain * np.sqrt(0.35 + np.arange(256) / 255), 15.0)


def _grainy(band: Image.Image, sigmas: npt.NDArray[np.float64], rng: Random) -> Image.Image:
    """`band` with noise of the standard deviation that `sigmas` gives each level."""
    scaled = band.point(np.rint(sigmas * SIGMA_UNIT).astype(int).tolist())
    top, left = rng.randrange(GRAIN_SIDE - band.height + 1), rng.randrange(GRAIN_SIDE - band.width + 1)
    noisy = np.asarray(scaled).astype(np.int16)
    noisy *= _grain()[top : top + band.height, left : left + band.width]
    noisy += SIGMA_UNIT * GRAIN_UNIT // 2
    noisy //= SIGMA_UNIT * GRAIN_UNIT
    noisy += np.asarray(band)
    np.clip(noisy, 0, 255, out=noisy)
    return Image.fromarray(noisy.astype(np.uint8))


def _sharpening(radius: float, amount: int) -> ImageFilter.Kernel:
    """Unsharp masking as one 5 x 5 kernel: the picture, plus `amount` per cent of what a Gaussian takes away."""
    weights = [math.exp(-((x - 2) ** 2 + (y - 2) ** 2) / (2 * radius**2)) for x in range(5) for y in range(5)]
    share = amount / 100
    kernel = [-share * weight / sum(weights) for weight in weights]
    kernel[12] += 1 + share
    return ImageFilter.Kernel((5, 5), kernel, scale=1)


def render(scene: Image.Image, device: Device, iso: int, exif: bytes, rng: Random) -> bytes:
    """The JPEG file `device` makes of `scene` (its size is the file's, at most 2048 px) at `iso`."""
    luma, blue, red = scene.convert("YCbCr").split()
    sigmas = sigma(device, iso)
    chroma = np.full(256, sigmas[128] / 2)  # cameras smooth it more
    blue, red = _grainy(blue, chroma, rng), _grainy(red, chroma, rng)
    luma = _grainy(luma, sigmas, rng).filter(_sharpening(device.radius, device.amount))
    file = io.BytesIO()
    Image.merge("YCbCr", (luma, blue, red)).save(
        file,
        "JPEG",
        qtables=[
            quantisation(IJG_LUMA, device.luma, device.tilt),
            quantisation(IJG_CHROMA, device.chroma, device.tilt),
        ],
        subsampling=device.subsampling,
        **({"exif": exif} if exif else {}),
    )
    return file.getvalue()


def resized(original: bytes, size: str) -> bytes:
    """One of Flickr's sizes (l, c, z, m) of a file: scaled down, encoded anew, without Exif."""
    with Image.open(io.BytesIO(original)) as picture:
        picture.draft("YCbCr", picture.size)
        scale = min(SIZES[size] / max(picture.size), 1)
        width, height = (max(round(side * scale), 1) for side in picture.size)
        small = picture.resize((width, height), Image.Resampling.HAMMING)
    small.info = {}  # Pillow would write a comment or an XMP packet it finds here
    file = io.BytesIO()
    small.save(file, "JPEG", quality=RESIZED_QUALITY, subsampling="4:2:0")
    return file.getvalue()
