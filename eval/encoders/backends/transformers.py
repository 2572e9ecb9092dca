"""`transformers:OWNER/NAME`, `transformers:/a/folder`: a vision model of Hugging Face transformers."""

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import reason_of
from flickrexif.eval.encoders.backend import Backend, is_folder
from flickrexif.eval.encoders.digests import network_digest
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.network_encoder import network_encoder
from flickrexif.eval.encoders.preprocess import FILTERS
from flickrexif.eval.encoders.scopes import seeded
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Precision

if TYPE_CHECKING:
    import torch
    from torch import nn


def _describe(name: str, model: str) -> EncoderSpec:
    return EncoderSpec(name=name, family="OWN", backend="transformers", model=model)


def _load(spec: EncoderSpec, device: str, dtype: Precision, pretrained: bool) -> Encoder:
    """The vision model, and its spec completed from the model's image processor."""
    require_torch("transformers", extra="transformers")
    transformers: Any = importlib.import_module("transformers")
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(spec.model)
        config = transformers.AutoConfig.from_pretrained(spec.model)
        with seeded():
            model = _model(transformers.AutoModel, spec.model, config, pretrained)
    except (OSError, ValueError) as error:
        reason = reason_of(error, 200)
        hint = f"Fetch it on a machine with a network (hf download {spec.model}), then name its folder."
        raise FlickrExifError(f"{spec.name} cannot be loaded ({reason}).", hint) from None
    size = getattr(processor, "crop_size", None) or processor.size
    names = {int(filter_): name for name, filter_ in FILTERS.items()}
    spec = replace(
        spec,
        input_size=spec.img_size or int(size.get("height") or size["shortest_edge"]),
        mean=tuple(processor.image_mean),
        std=tuple(processor.image_std),
        interpolation=names[int(processor.resample)],
        digest=network_digest(model, spec.model),
    )
    return network_encoder(_pooled(model), spec, device, dtype)


def _model(kind: Any, name: str, config: object, pretrained: bool) -> "nn.Module":
    """The model; ValueError where its file lacks weights, which transformers would fill with random numbers."""
    if not pretrained:
        return cast("nn.Module", kind.from_config(config))
    model, info = kind.from_pretrained(name, output_loading_info=True)
    if info["missing_keys"]:
        raise ValueError(f"its file lacks {sorted(info['missing_keys'])[:3]}")
    return cast("nn.Module", model)


def _pooled(model: "nn.Module") -> "nn.Module":
    """A transformers model that returns one embedding an image: projected, else pooled, else its first token."""
    from torch import nn

    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, batch: "torch.Tensor") -> "torch.Tensor":
            out = getattr(model, "get_image_features", model)(pixel_values=batch)
            if getattr(out, "pooler_output", None) is not None:
                out = out.pooler_output
            elif hasattr(out, "last_hidden_state"):
                out = out.last_hidden_state[:, 0]
            return cast("torch.Tensor", out).flatten(1)

    return Pooled()


BACKEND = Backend(describe=_describe, load=_load, is_here=lambda spec: is_folder(spec.model))
