"""Checks of what an encoder gives: one row an image, and for one picture always the same, whatever is beside it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from flickrexif.eval.encoders.faults import EncoderError, encoder_code
from flickrexif.eval.encoders.spec import Encoder, Precision

if TYPE_CHECKING:
    import torch

# The largest distance of two embeddings of the probe, as a share of their length: of one batch embedded twice, and of
# different batches, whose sums may be taken in another order. Dropout, masking and batch statistics differ by far more.
TWICE = 1e-4
ELSEWHERE: dict[Precision, float] = {"fp32": 1e-2, "bf16": 5e-2, "fp16": 5e-2}


def rows_of(out: Any, images: int, name: str) -> "torch.Tensor":
    """What an encoder gave for so many images, as a float32 tensor [images, d]. EncoderError where it is no such."""
    import torch

    gave = f"a {type(out).__name__}"
    rows = out if isinstance(out, torch.Tensor) else None
    if isinstance(out, dict):
        gave += f" of {', '.join(map(str, list(out)[:4]))}"
    elif rows is None:
        try:
            rows = torch.as_tensor(np.asarray(out, np.float32))
        except (TypeError, ValueError):
            rows = None
    if rows is None or rows.ndim != 2 or len(rows) != images or not rows.shape[1]:
        gave = gave if rows is None else str(list(rows.shape))
        raise EncoderError(f"{name} made {gave} of {images} images, not [{images}, d]", "Let it give one row an image.")
    return rows.float()


def stacked(prepared: Sequence[Any]) -> "torch.Tensor":
    """What an encoder's `prepare` gave for some images, as one batch. EncoderError where it is no equal arrays."""
    import torch

    for array in prepared:
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            what = getattr(array, "dtype", type(array).__name__)
            raise EncoderError(f"its `prepare` gave {what}, not an array of numbers")
    if len(shapes := {array.shape for array in prepared}) > 1:
        raise EncoderError(f"its `prepare` gave arrays of different shapes: {sorted(shapes)[:3]}")
    return torch.from_numpy(np.stack(prepared))


def checked(encoder: Encoder, dtype: Precision) -> Encoder:
    """The encoder, its spec with the embedding size, after the probe was embedded alone, again, and beside another.

    Raises EncoderError where the embeddings differ, are not finite, or have another size than the spec says.
    """
    name = encoder.spec.key
    alone, again = _embedded(encoder, _probe()), _embedded(encoder, _probe())
    beside = _embedded(encoder, _probe().point(lambda value: value // 4), _probe())
    if alone.shape[1] != encoder.spec.embedding_size:
        if encoder.spec.embedding_size:
            reason = f"{name} gives {alone.shape[1]} numbers an image, and its spec says {encoder.spec.embedding_size}"
            raise EncoderError(reason)
        encoder = replace(encoder, spec=replace(encoder.spec, embedding_size=alone.shape[1]))  # type: ignore[type-var]
    if not alone.isfinite().all():
        raise EncoderError(f"{name} gives numbers that are not finite")
    hint = "Put it into eval mode, and take out what draws at random, such as dropout and masking."
    if _distance(alone, again) > TWICE:
        raise EncoderError(f"{name} gives one image another embedding each time", hint)
    if _distance(alone[-1], beside[-1]) > ELSEWHERE[dtype]:
        raise EncoderError(f"{name} gives one image another embedding beside other images", hint)
    return encoder


def measured(encoder: Encoder) -> int:
    """The size of an encoder's embeddings. EncoderError where it fails."""
    with encoder_code(f"embedding with {encoder.spec.key}"):
        return _embedded(encoder, _probe()).shape[1]


def _probe() -> Image.Image:
    """A picture of coloured blobs, the same each time."""
    blobs = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(blobs).resize((320, 240), Image.Resampling.BICUBIC)


def _embedded(encoder: Encoder, *images: Image.Image) -> "torch.Tensor":
    batch = stacked([encoder.prepare(image, "probe", None) for image in images])
    return rows_of(encoder.embed(batch), len(images), encoder.spec.key).cpu()


def _distance(first: "torch.Tensor", second: "torch.Tensor") -> float:
    return float((first - second).norm() / first.norm().clamp_min(1e-30))
