"""Controls (family CTL) show that the measurements work: one that sees every trace, and one that sees none.

    control:dct     what JPEG, sharpening and resampling leave in the pixels; reads JPEG classes nearly perfectly
    control:colour  mean and variance of each channel; sees colour and nothing finer
    control:random  a fixed random vector an image id, blind to the pixels; must stay at chance

All read the image as it is, at full size: a resize would blur the traces. A mask covers its share of that image.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageStat

from flickrexif.core.draws import rank
from flickrexif.eval.encoders.backend import Backend, unknown
from flickrexif.eval.encoders.preprocess import masked
from flickrexif.eval.encoders.spec import EncoderSpec

if TYPE_CHECKING:
    import torch

Features = Callable[[Image.Image, str], np.ndarray]

BLOCK = 8  # JPEG's
WINDOW = 512  # pixels: the centre of larger images is enough, and keeps an image at milliseconds
COEFFICIENTS = 20  # of 63, the lowest frequencies after the mean
LARGEST = 12  # the last bin of a histogram counts this and all larger values
RANDOM_SIZE = 256
VERSION = 1  # raised when features change, so that embeddings of the old ones are made anew

_FREQUENCIES = sorted(((v, u) for v in range(BLOCK) for u in range(BLOCK)), key=lambda pair: (sum(pair), pair))
ROWS, COLUMNS = np.array(_FREQUENCIES[1 : COEFFICIENTS + 1]).T  # vertical and horizontal frequency of each
DCT = np.array(  # orthonormal DCT-II: row k, column i
    [
        [np.sqrt((2 if k else 1) / BLOCK) * np.cos(np.pi * (2 * i + 1) * k / (2 * BLOCK)) for i in range(BLOCK)]
        for k in range(BLOCK)
    ],
    np.float32,
)
DCT_SIZE = 3 * (2 * COEFFICIENTS * (LARGEST + 1) + 4)


def dct_features(image: Image.Image, image_id: str) -> np.ndarray:  # noqa: ARG001
    """Histograms of 8x8 DCT coefficients and of their first differences, and residual moments, of Y, Cb and Cr.

    float32 [DCT_SIZE]. A quantised coefficient leaves a comb in its histogram, chroma subsampling empties the high
    frequencies of Cb and Cr, sharpening and resampling move the moments. Square roots of the shares, so that rare
    values count.
    """
    parts = []
    for plane in _window(image).convert("YCbCr").split():
        channel = np.asarray(plane, np.float32) - 128
        coefficients = block_dct(channel)
        parts += [histograms(coefficients), histograms(np.diff(coefficients, axis=2)), residual_moments(channel)]
    return np.concatenate(parts).astype(np.float32)


def _window(image: Image.Image) -> Image.Image:
    """The centre of a large image, cut on the grid of JPEG's 16 x 16 units; a tiny one padded to a pair of blocks."""
    left, top = ((side - min(side, WINDOW)) // 2 // 16 * 16 for side in image.size)
    width, height = (max(2 * BLOCK, min(side, WINDOW)) for side in image.size)
    return image.crop((left, top, left + width, top + height))


def block_dct(channel: np.ndarray) -> np.ndarray:
    """[h, w] to the low-frequency coefficients of its whole 8x8 blocks, [COEFFICIENTS, h // 8, w // 8]."""
    rows, columns = (side // BLOCK for side in channel.shape)
    whole = channel[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns * BLOCK)
    both = ((DCT @ whole).reshape(-1, BLOCK) @ DCT.T).reshape(rows, BLOCK, columns, BLOCK)
    low: np.ndarray = both[:, ROWS, :, COLUMNS]
    return low


def histograms(values: np.ndarray) -> np.ndarray:
    """The square root of the share of each rounded magnitude 0 ... LARGEST, a coefficient: [k, ...] to [k * bins]."""
    magnitudes = np.minimum(np.abs(np.rint(values)), LARGEST).astype(np.int64).reshape(len(values), -1)
    bins = LARGEST + 1
    places = magnitudes + bins * np.arange(len(values))[:, None]
    counts = np.bincount(places.ravel(), minlength=bins * len(values))
    shares: np.ndarray = np.sqrt(counts / magnitudes.shape[1])
    return shares


def residual_moments(channel: np.ndarray) -> np.ndarray:
    """Deviation, mean magnitude, skewness and kurtosis [4] of a pixel less its four neighbours' mean."""
    neighbours = channel[:-2, 1:-1] + channel[2:, 1:-1] + channel[1:-1, :-2] + channel[1:-1, 2:]
    residual = channel[1:-1, 1:-1] - neighbours / 4
    deviation = residual.std() + 1e-6
    scaled = (residual - residual.mean()) / deviation
    squared = scaled * scaled
    skewness, kurtosis = (squared * scaled).mean(), (squared * squared).mean()
    return np.array([np.log1p(deviation), np.log1p(np.abs(residual).mean()), skewness / 10, np.log1p(kurtosis)])


def colour_features(image: Image.Image, image_id: str) -> np.ndarray:  # noqa: ARG001
    """Mean and variance of R, G and B in [0, 1]: float32 [6]."""
    statistics = ImageStat.Stat(image)
    return np.concatenate([np.divide(statistics.mean, 255), np.divide(statistics.var, 255**2)]).astype(np.float32)


def random_features(image: Image.Image, image_id: str) -> np.ndarray:  # noqa: ARG001
    """A standard normal vector, float32 [RANDOM_SIZE], that depends on the id alone."""
    draws = np.random.default_rng(rank(0, "control:random", image_id))
    return draws.standard_normal(RANDOM_SIZE, np.float32)


@dataclass(frozen=True, slots=True)
class ControlPreparation:
    """Computes the features of a control from an image, as `spec.Prepare` does for an encoder."""

    features: Features

    def __call__(self, image: Image.Image, image_id: str, mask: float | None = None) -> np.ndarray:
        return self.features(masked(image.convert("RGB"), mask), image_id)


@dataclass(frozen=True, slots=True)
class Control:
    """An `Encoder` whose features are computed when an image is prepared; `embed` passes them on."""

    spec: EncoderSpec
    prepare: ControlPreparation

    def embed(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Features [n, d] as they are."""
        return batch.float()


def _control(name: str, features: Features, size: int) -> Control:
    spec = EncoderSpec(
        name=f"control:{name}",
        family="CTL",
        backend="control",
        model=name,
        input_size=0,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        embedding_size=size,
        licence="Apache-2.0",
        size_bytes=0,
        digest=f"features {VERSION}",
    )
    return Control(spec, ControlPreparation(features))


CONTROLS = {
    control.spec.name: control
    for control in (
        _control("dct", dct_features, DCT_SIZE),
        _control("colour", colour_features, 6),
        _control("random", random_features, RANDOM_SIZE),
    )
}


def _describe(name: str, *_: object) -> EncoderSpec:
    if name not in CONTROLS:
        raise unknown(name, name, CONTROLS)
    return CONTROLS[name].spec


BACKEND = Backend(describe=_describe, load=lambda spec, *_: CONTROLS[spec.name], is_here=lambda _: True)
