"""`transformers:OWNER/NAME`, `transformers:/a/folder`: a vision model of Hugging Face transformers."""

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from PIL import Image

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import reason_of
from flickrexif.eval.encoders.backend import Backend, is_folder
from flickrexif.eval.encoders.digests import network_digest
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.network_encoder import network_encoder
from flickrexif.eval.encoders.preprocess import FILTERS
from flickrexif.eval.encoders.scopes import seeded
from flickrexif.eval.encoders.spec import Channels, Encoder, EncoderSpec, Interpolation, Order, Precision

if TYPE_CHECKING:
    import torch
    from torch import nn

SQUARE = 512  # pixels a side of the plain pictures that tell what a processor does to colours
COLOURS = ((0, 0, 0), (255, 255, 255), (20, 90, 200))
CLASS_TOKENS = ("cls_token", "class_embedding", "class_token")
NO_CODE = {"trust_remote_code": False}  # nor does it ask on the terminal whether to run a repository's own
WRAP = "Wrap it in an encoder of your own: module:package.module:factory."


def _describe(name: str, model: str, _: bool) -> EncoderSpec:
    return EncoderSpec(name=name, family="OWN", backend="transformers", model=model)


def _load(spec: EncoderSpec, device: str, dtype: Precision, pretrained: bool) -> Encoder:
    """The vision model, and its spec completed by what its image processor does.

    FlickrExifError where it cannot be fetched, lacks weights, or gives no single embedding of an image.
    """
    require_torch("transformers")
    transformers: Any = importlib.import_module("transformers")
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(spec.model, **NO_CODE)
        config = transformers.AutoConfig.from_pretrained(spec.model, **NO_CODE)
        if hasattr(config, "mask_ratio"):  # ViTMAE hides patches at random, also when it is not trained
            config.mask_ratio = 0.0
        with seeded():
            model = _model(transformers.AutoModel, spec, config, pretrained)
    except (OSError, ValueError) as error:
        reason = reason_of(error, 200)
        hint = f"Fetch it on a machine with a network (hf download {spec.model}), then name its folder."
        raise FlickrExifError(f"{spec.name} cannot be loaded ({reason}).", hint) from None
    spec = _with_preprocessing(spec, processor)
    network, pooling = _pooled(model, spec)
    spec = replace(spec, pooling=pooling, digest=network_digest(model, spec.model))
    return network_encoder(network, spec, device, dtype)


def _model(kind: Any, spec: EncoderSpec, config: object, pretrained: bool) -> "nn.Module":
    """The model. FlickrExifError where its file lacks weights, which transformers would fill with random numbers."""
    if not pretrained:
        return cast("nn.Module", kind.from_config(config, **NO_CODE))
    model, info = kind.from_pretrained(spec.model, config=config, output_loading_info=True, **NO_CODE)
    missing = sorted(info["missing_keys"])
    if missing and all(name.startswith("pooler.") for name in missing):
        model.pooler = None  # a model saved without it: its first token is the embedding
    elif missing:
        raise FlickrExifError(f"The file of {spec.name} lacks weights: {', '.join(missing[:3])}.", WRAP)
    return cast("nn.Module", model)


def _with_preprocessing(spec: EncoderSpec, processor: Any) -> EncoderSpec:
    """The spec with size, mean, standard deviation and order of channels by what the processor makes of plain pictures,
    whatever its flags say. FlickrExifError where that is no square picture, or not one number for each colour."""
    outputs = [
        np.asarray(processor(Image.new("RGB", (SQUARE, SQUARE), colour), return_tensors="np")["pixel_values"])
        for colour in COLOURS
    ]
    shape = outputs[0].shape
    if len(shape) != 4 or shape[:2] != (1, 3) or shape[2] != shape[3]:
        raise FlickrExifError(f"The processor of {spec.name} gives {list(shape)}, not [1, 3, n, n].", WRAP)
    black, white, colour = (pixels[0, :, shape[2] // 2, shape[3] // 2].astype(np.float64) for pixels in outputs)
    std = 1 / np.where(white == black, np.nan, white - black)
    mean = -black * std
    written = np.array([getattr(processor, name, None) or np.nan for name in ("image_mean", "image_std")], np.float64)
    if np.allclose((mean, std), written.reshape(2, -1), atol=1e-4):
        mean, std = written  # without rounding
    orders: dict[Order, np.ndarray] = {"RGB": np.divide(COLOURS[2], 255), "BGR": np.divide(COLOURS[2][::-1], 255)}
    fitting = [order for order, values in orders.items() if np.allclose((values - mean) / std, colour, atol=1e-3)]
    if not fitting:
        raise FlickrExifError(f"The processor of {spec.name} does more than scale the channels.", WRAP)
    filters: dict[int | None, Interpolation] = {int(filter_): name for name, filter_ in FILTERS.items()}
    filters[None] = "bicubic"  # of a processor that does not resize
    return replace(
        spec,
        input_size=spec.img_size or shape[2],
        mean=cast(Channels, tuple(mean.tolist())),
        std=cast(Channels, tuple(std.tolist())),
        order=fitting[0],
        interpolation=filters[getattr(processor, "resample", None)],
    )


def _pooled(model: Any, spec: EncoderSpec) -> "tuple[nn.Module, str]":
    """The model as a network of one embedding an image, projected, else pooled, else its class token, and which it is.

    FlickrExifError where it has none of them.
    """
    import torch
    from torch import nn

    features = getattr(model.eval(), "get_image_features", model.forward)
    takes = inspect.signature(features).parameters
    options: dict[str, Any] = {"interpolate_pos_encoding": True} if spec.img_size else {}

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model
            self.take: Callable[[Any], torch.Tensor] = lambda out: out

        def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
            if "noise" in takes:  # ViTMAE orders its patches by it
                patches = (batch.shape[-1] // model.config.patch_size) ** 2
                options["noise"] = torch.arange(patches, device=batch.device).expand(len(batch), patches).float()
            return self.take(features(batch, **{name: value for name, value in options.items() if name in takes}))

    network = Pooled()
    with torch.inference_mode():
        out: Any = network(torch.zeros(1, 3, spec.input_size, spec.input_size, dtype=model.dtype))
    if isinstance(out, torch.Tensor):
        return network, "projection"
    if getattr(out, "pooler_output", None) is not None:
        network.take = lambda out: out.pooler_output.flatten(1)
        return network, "projection" if hasattr(model, "get_image_features") else "pooler"
    tokens = getattr(out, "last_hidden_state", torch.empty(0))
    if tokens.ndim != 3 or not any(name.endswith(CLASS_TOKENS) for name, _ in model.named_parameters()):
        raise FlickrExifError(f"{spec.name} has no embedding of a whole image.", WRAP)
    network.take = lambda out: out.last_hidden_state[:, 0]
    return network, "class token"


BACKEND = Backend(describe=_describe, load=_load, is_here=lambda spec: is_folder(spec.model))
