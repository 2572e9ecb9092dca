"""`EncoderSpec` describes an encoder; `Encoder` is one that is loaded and can embed images."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from PIL.Image import Image

Family = Literal["CVL", "SUP", "SSL", "CTL", "OWN"]
"""Contrastive vision-language, supervised, self-supervised; controls; own and others that the registry lacks."""

Interpolation = Literal["bilinear", "bicubic", "lanczos", "box", "nearest", "hamming"]
Order = Literal["RGB", "BGR"]
Resize = Literal["shorter side", "squash"]
Channels = tuple[float, float, float]
Precision = Literal["fp32", "bf16", "fp16"]

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)

Prepare = Callable[["Image", str, float | None], "np.ndarray"]
"""(decoded image, its id, share of the area to mask or None) -> float32 [3, size, size], or a feature vector [d]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """Everything that an encoder's features depend on, and where its weights come from."""

    name: str  # canonical, without what follows ?, e.g. paper:clip/ViT-B-16
    family: Family
    backend: str  # timm, open_clip, torchhub, transformers, module, control
    model: str  # the backend's own name of the architecture
    tag: str = ""  # the backend's own name of the weights
    input_size: int = 224  # pixels a side of the crop; 0: the image as it is
    mean: Channels = IMAGENET_MEAN  # of RGB in [0, 1]
    std: Channels = IMAGENET_STD
    interpolation: Interpolation = "bicubic"
    resize: Resize = "shorter side"  # to the size; "squash": both sides to it, whatever the shape
    crop_share: float = 1.0  # of the crop's side, in the resized image
    order: Order = "RGB"  # of the channels that the network takes, and of `mean` and `std`
    pooling: str = ""  # of several that a network has, the embedding that is taken: projection, pooler, class token
    embedding_size: int | None = None  # None: known once the encoder is loaded
    training: str = ""  # the images that it was trained on, as published; "": not looked up
    augmentation: str = ""  # of these images, as published
    source_of_facts: str = ""  # papers and files that tell the two
    licence: str = "unknown"
    source: str = ""  # of the weights: a repository on the Hub, https://..., or package:NAME
    checkpoint: str | None = None  # a local file instead
    size_bytes: int | None = None  # of the weights' file, about
    img_size: int | None = None  # the input size where the name overrides it with ?img_size=
    projection: str = ""  # the file of a projection that is applied to what the network gives, see `erasing`
    digest: str = ""  # of weights and code, see `digests`; "": known once the encoder is loaded

    @property
    def key(self) -> str:
        """The canonical name with what overrides the paper's preprocessing: encoders with one key have the same
        features."""
        size = [] if self.img_size is None else [f"img_size={self.img_size}"]
        library = [] if (self.resize, self.crop_share) == ("shorter side", 1.0) else ["resize=library"]
        whole = "?".join(filter(None, (self.name, "&".join(size + library))))
        return f"{whole}+erase@{Path(self.projection).name}" if self.projection else whole

    def resized(self, img_size: int) -> "EncoderSpec":
        """The spec with another input size; its own size gives the spec itself."""
        return self if img_size == self.input_size else replace(self, input_size=img_size, img_size=img_size)


class Encoder(Protocol):
    """A frozen encoder, ready to run."""

    @property
    def spec(self) -> EncoderSpec:
        """The encoder's spec, with its `embedding_size` and `digest`."""

    @property
    def prepare(self) -> Prepare:
        """A picklable function without weights, for worker processes; two that compare equal give equal arrays."""

    def embed(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Prepared images [n, ...] to embeddings [n, d], float32 on the encoder's device, not normalised."""
