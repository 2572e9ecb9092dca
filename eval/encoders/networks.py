"""Builds the networks of timm and open_clip and loads their weights.

The weights are loaded here and not by the libraries: every parameter must come from the file, so that no encoder is
ever partly random.
"""

import pickle
import zipfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.text import reason_of
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.scopes import quiet
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.eval.encoders.weights import LITE0

if TYPE_CHECKING:
    from torch import Tensor, nn

State = Mapping[str, "Tensor"]

# What an architecture needs beyond its name, by (model, tag).
OPTIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("vit_small_patch16_224", "mocov3"): {"num_heads": 12},  # MoCo v3's ViT-S has 12 heads of 32, not 6 of 64
}
CLASSIFIERS = ("head.", "fc.", "classifier.", "head_dist.")  # of timm; an encoder does not need their weights


def build(spec: EncoderSpec) -> "nn.Module":
    """The whole network of `spec` with random weights, on torch's default device; `image_tower` gives its encoder.

    Raises UsageError for a missing package, and for a size that the architecture cannot take.
    """
    require_torch("timm", "open_clip")
    network = {"timm": _timm, "open_clip": _open_clip}[spec.backend](spec)
    _check_size(spec, _patch(image_tower(network)))
    return network.eval()


def image_tower(network: "nn.Module") -> "nn.Module":
    """The part that maps images [n, 3, size, size] to embeddings [n, d]: of a CLIP its image tower."""
    tower: nn.Module = getattr(network, "visual", network)
    return tower


def load_weights(network: "nn.Module", spec: EncoderSpec, file: Path) -> None:
    """Load the weights in `file` into a `network` made by `build`. FlickrExifError where they are not its weights."""
    from safetensors import SafetensorError

    unusable = (SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, OSError)
    malformed = (AttributeError, KeyError, TypeError, ValueError)  # a file that holds something else
    try:
        {"timm": _load_timm, "open_clip": _load_open_clip}[spec.backend](network, spec, file)
    except (*unusable, *malformed) as error:
        reason = reason_of(error, 200)
        message = f"{file} holds no weights of {spec.model} ({reason or type(error).__name__})."
        hint = "Fetch the file again, or name the architecture that it was saved from."
        raise FlickrExifError(message, hint) from None


def _check_size(spec: EncoderSpec, patch: int) -> None:
    if spec.input_size < patch or spec.input_size % patch:
        near = max(1, round(spec.input_size / patch)) * patch
        message = f"{spec.name} takes images of a multiple of {patch} px, not of {spec.input_size}."
        raise UsageError(message, f"Write {spec.name}?img_size={near}.")


def _patch(tower: "nn.Module") -> int:
    """The side of the architecture's patches in pixels; 1 for convolutional networks."""
    inner = getattr(tower, "trunk", tower)  # open_clip's towers made by timm
    size = getattr(getattr(inner, "patch_embed", inner), "patch_size", 1)
    return int(size[0] if isinstance(size, tuple) else size)


# --- timm


def _timm(spec: EncoderSpec) -> "nn.Module":
    import timm

    # A tag of weights that timm does not keep is no part of its name.
    name = f"{spec.model}.{spec.tag}" if spec.tag and "://" not in spec.source else spec.model
    cfg = timm.get_pretrained_cfg(name)
    size: dict[str, Any] = {"img_size": spec.input_size} if cfg is not None and cfg.fixed_input_size else {}
    options = OPTIONS.get((spec.model, spec.tag), {})
    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **size, **options)
    return network


def _load_timm(network: "nn.Module", spec: EncoderSpec, file: Path) -> None:
    import timm.models

    state: State = timm.models.load_state_dict(str(file), use_ema=False, device="cpu", weights_only=True)
    if spec.source == LITE0 and spec.checkpoint is None:
        state = renamed(state, network)
    state = base_encoder(state)
    convert = getattr(import_module(type(network).__module__), "checkpoint_filter_fn", None)
    missing, unexpected = network.load_state_dict(convert(state, network) if convert else state, strict=False)
    unexpected = [name for name in unexpected if not name.startswith(CLASSIFIERS)]
    if missing or unexpected:
        raise ValueError(f"missing {list(missing)[:3]}, unexpected {unexpected[:3]}")


def base_encoder(state: State) -> State:
    """MoCo v3's files hold its whole method, the encoder as `base_encoder`: that part; any other state as it is."""
    prefix = "base_encoder."
    encoder_state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return encoder_state or state


def renamed(state: State, network: "nn.Module") -> State:
    """The tensors of another implementation of the same architecture, under the names that `network` uses.

    Both list the same tensors in the order of the forward pass, the classifier last; loading checks the shapes.
    """
    own = list(network.state_dict())
    return dict(zip(own, list(state.values())[: len(own)], strict=True))


# --- open_clip


def _open_clip(spec: EncoderSpec) -> "nn.Module":
    import open_clip
    import torch

    config = open_clip.get_model_config(spec.model)
    vision = config["vision_cfg"]
    other_size = spec.input_size != vision.get("image_size", spec.input_size)
    if other_size and isinstance(vision.get("layers"), list):  # CLIP's ResNets pool with one position a cell
        native = vision["image_size"]
        raise UsageError(f"{spec.name} takes images of {native} px alone.", f"Write {spec.name}.")
    # The activation is a fact of the weights, and open_clip's names do not always tell it.
    activation = open_clip.pretrained.get_pretrained_cfg(spec.model, spec.tag).get("quick_gelu", False)
    with quiet():
        network: nn.Module = open_clip.create_model(
            spec.model,
            pretrained_image=False,
            pretrained_text=False,
            force_quick_gelu=activation,
            force_image_size=spec.input_size if other_size else None,
            device=torch.get_default_device(),
        )
    return network


def _load_open_clip(network: "nn.Module", spec: EncoderSpec, file: Path) -> None:  # noqa: ARG001
    import open_clip

    with quiet():
        open_clip.load_checkpoint(network, str(file), strict=True, weights_only=True)
