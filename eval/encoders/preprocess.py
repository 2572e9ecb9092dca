"""Turns a decoded image into an encoder's input: resize, centre crop, mask, tensor, mean and std.

The result is bit for bit that of torchvision's Resize, CenterCrop, ToTensor and Normalize, but made without torch, so
that worker processes start fast.
"""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from flickrexif.eval.encoders.spec import Channels, EncoderSpec, Interpolation, Order, Resize
from flickrexif.processing.variants import centre_mask


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The preprocessing of one encoder; call it with (image, image id, mask) for float32 [3, size, size]."""

    size: int
    mean: Channels
    std: Channels
    interpolation: Interpolation
    order: Order = "RGB"
    resize: Resize = "shorter side"
    crop_share: float = 1.0

    def __call__(self, image: Image.Image, image_id: str, mask: float | None = None) -> np.ndarray:  # noqa: ARG002
        resized = resized_to(
            image.convert("RGB"), math.floor(self.size / self.crop_share), self.interpolation, self.resize
        )
        cropped = masked(centre_crop(resized, self.size), mask)
        pixels = np.asarray(cropped, np.float32)[..., :: 1 if self.order == "RGB" else -1] / np.float32(255)
        normalised = (pixels - np.asarray(self.mean, np.float32)) / np.asarray(self.std, np.float32)
        return np.ascontiguousarray(normalised.transpose(2, 0, 1))


def preprocessing(spec: EncoderSpec) -> Preprocessing:
    """The preprocessing of the encoder that `spec` describes."""
    return Preprocessing(
        spec.input_size, spec.mean, spec.std, spec.interpolation, spec.order, spec.resize, spec.crop_share
    )


def resized_to(
    image: Image.Image, side: int, interpolation: Interpolation, resize: Resize = "shorter side"
) -> Image.Image:
    """The image with its shorter side of `side` pixels (the longer is rounded down), or squashed to a square."""
    short, long = sorted(image.size)
    longer = side if resize == "squash" else int(side * long / short)
    size = (longer, side) if image.width > image.height else (side, longer)
    return image if image.size == size else image.resize(size, FILTERS[interpolation])


def centre_crop(image: Image.Image, size: int) -> Image.Image:
    """The centre square [size x size]."""
    left, top = (round((side - size) / 2) for side in image.size)
    return image.crop((left, top, left + size, top + size))


FILTERS: dict[Interpolation, Image.Resampling] = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
    "hamming": Image.Resampling.HAMMING,
}


def masked(image: Image.Image, mask: float | None) -> Image.Image:
    """The image with a centred black rectangle over the share `mask` of its area; None and 0 change nothing."""
    if not mask:
        return image
    covered = image.copy()
    covered.paste((0, 0, 0), centre_mask(*image.size, mask))
    return covered
