"""What the backends whose weights are one file share: a network that is filled from the file and from it alone.

The weights are loaded here and not by the libraries: every parameter must come from the file, so that no encoder is
ever partly random.
"""

import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import AGAIN
from flickrexif.core.text import reason_of
from flickrexif.eval.encoders.digests import tensors_digest
from flickrexif.eval.encoders.network_encoder import network_encoder
from flickrexif.eval.encoders.scopes import seeded
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Precision
from flickrexif.eval.encoders.weights import weights_file
from flickrexif.eval.results import fingerprint

if TYPE_CHECKING:
    from torch import nn

POOLINGS = {
    "tok": "class token",
    "token": "class token",
    "avg": "average",
    "map": "attention",
}  # by the libraries' names


def loader(
    build: "Callable[[EncoderSpec], nn.Module]",
    fill: "Callable[[nn.Module, EncoderSpec, Path], None]",
    hub_files: tuple[str, ...],
) -> Callable[[EncoderSpec, str, Precision, bool], Encoder]:
    """A `Backend.load` of encoders whose network `build` makes, with random weights, and `fill` fills from a file.

    It raises UsageError for a missing package, file or device and a size that the architecture cannot take,
    FlickrExifError for weights that cannot be fetched or are not the network's.
    """

    def load(spec: EncoderSpec, device: str, dtype: Precision, pretrained: bool) -> Encoder:
        with seeded():
            network = build(spec)
        tower = image_tower(network)
        digest = _fill(network, spec, weights_file(spec, hub_files), fill) if pretrained else tensors_digest(tower)
        return network_encoder(tower, replace(spec, digest=digest, pooling=pooling_of(tower)), device, dtype)

    return load


def outliner(build: "Callable[[EncoderSpec], nn.Module]") -> Callable[[EncoderSpec], EncoderSpec]:
    """A `Backend.outline` of encoders whose network `build` makes."""

    def outline(spec: EncoderSpec) -> EncoderSpec:
        import torch

        with torch.device("meta"), torch.inference_mode():
            tower = image_tower(build(spec)).eval()
            out = tower(torch.empty(1, 3, spec.input_size, spec.input_size))
        rows = out[0] if isinstance(out, tuple) else out  # CoCa's tower gives its tokens too
        return replace(spec, embedding_size=rows.shape[1], pooling=pooling_of(tower))

    return outline


def pooling_of(tower: "nn.Module") -> str:
    """How a tower of open_clip or timm makes one embedding of its tokens or cells; "" where it does not tell."""
    inner = getattr(tower, "trunk", tower)  # open_clip's towers made by timm
    if getattr(tower, "attnpool", None) or getattr(tower, "attn_pool", None):  # of CLIP's ResNets; of CoCa
        return "attention"
    pools = (getattr(part, "global_pool", None) for part in (inner, getattr(inner, "head", None)))
    pool = next((pool for pool in pools if pool is not None), getattr(tower, "pool_type", ""))
    name = getattr(pool, "pool_type", pool)
    return POOLINGS.get(name, name)


def _fill(
    network: "nn.Module", spec: EncoderSpec, file: Path, fill: "Callable[[nn.Module, EncoderSpec, Path], None]"
) -> str:
    """Fill the network; returns the hash of the file. FlickrExifError where the file holds no weights of it."""
    from safetensors import SafetensorError

    unusable = (SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, OSError)
    malformed = (
        AssertionError,
        AttributeError,
        ImportError,
        KeyError,
        TypeError,
        ValueError,
    )  # a file that holds something else
    digest = fingerprint(file)
    try:
        fill(network, spec, file)
    except (*unusable, *malformed) as error:
        reason = reason_of(error, 200)
        message = f"{file} holds no weights of {spec.model} ({reason or type(error).__name__})."
        hint = "Fetch the file again, or name the architecture that it was saved from."
        raise FlickrExifError(message, hint) from None
    if fingerprint(file) != digest:
        raise FlickrExifError(f"{file} was changed while it was read.", AGAIN)
    return digest


def image_tower(network: "nn.Module") -> "nn.Module":
    """The part that maps images [n, 3, size, size] to embeddings [n, d]: of a CLIP its image tower."""
    tower: nn.Module = getattr(network, "visual", network)
    return tower


def check_size(spec: EncoderSpec, tower: "nn.Module") -> None:
    """UsageError where the spec's input size is not a multiple of the tower's patches."""
    patch = _patch(tower)
    if spec.input_size < patch or spec.input_size % patch:
        near = max(1, round(spec.input_size / patch)) * patch
        message = f"{spec.name} takes images of a multiple of {patch} px, not of {spec.input_size}."
        raise UsageError(message, f"Write {spec.name}?img_size={near}.")


def _patch(tower: "nn.Module") -> int:
    """The side of the architecture's patches in pixels; 1 for convolutional networks."""
    inner = getattr(tower, "trunk", tower)  # open_clip's towers made by timm
    size = getattr(getattr(inner, "patch_embed", inner), "patch_size", 1)
    return int(size[0] if isinstance(size, tuple) else size)
