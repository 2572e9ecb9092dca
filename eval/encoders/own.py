"""Encoders of one's own or from elsewhere: a Python object, a factory in a module, torch.hub, transformers."""

import importlib
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.text import reason_of
from flickrexif.eval.encoders.digests import folder_digest, joined, tensors_digest
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.network_encoder import Precision, measured, network_encoder
from flickrexif.eval.encoders.preprocessing import FILTERS, preprocessing
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Prepare
from flickrexif.eval.results import fingerprint

if TYPE_CHECKING:
    import torch
    from torch import nn

FIELDS = ("family", "input_size", "mean", "std", "interpolation", "embedding_size", "licence", "source")
UNREVISED = "unrevised:"  # begins the digest of an object of which nothing tells whether it was changed


@dataclass(frozen=True, slots=True)
class OwnEncoder:
    """An object that a user gave, as an `Encoder`."""

    spec: EncoderSpec
    prepare: Prepare
    function: Callable[["torch.Tensor"], Any]  # [n, 3, size, size] to an array [n, d]

    def embed(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embeddings [n, d], float32. FlickrExifError where the object gives something else."""
        import torch

        with torch.inference_mode():
            out = self.function(batch)
        rows = out if isinstance(out, torch.Tensor) else torch.as_tensor(np.asarray(out))
        if rows.ndim != 2 or len(rows) != len(batch):
            shape = tuple(rows.shape)
            message = f"{self.spec.name} gave an array of shape {shape} for {len(batch)} images."
            raise FlickrExifError(message, "Let it give one row an image: [n, d].")
        return rows.float()


def as_encoder(
    obj: Any,
    name: str,
    spec: EncoderSpec | None = None,
    *,
    device: str = "cpu",
    dtype: Precision = "fp32",
    revision: str = "",
) -> Encoder:
    """An object as an encoder called `name`.

    The object has a method `embed(batch [n, 3, size, size]) -> array [n, d]` or can itself be called like that. A
    complete `Encoder` with a digest is returned as it is; a torch module without `embed` runs on `device` in `dtype`.
    `revision` tells this state of the object from others: embeddings of one name and revision are taken for its own.
    Without a revision or a digest, those of this very call alone are. Attributes
    `family`, `input_size`, `mean`, `std`, `interpolation`, `embedding_size`, `licence` and `source` go into the spec
    (defaults: 224 px, ImageNet's mean and std, bicubic); a `prepare` of the object replaces ours. Without an
    `embedding_size`, one black image measures it. Raises UsageError where there is nothing to call.
    """
    given = (spec.digest if spec else "") or f"{UNREVISED}{secrets.token_hex(16)}"
    digest = f"revision:{revision}" if revision else given
    if isinstance(getattr(obj, "spec", None), EncoderSpec) and hasattr(obj, "prepare") and hasattr(obj, "embed"):
        if obj.spec.digest and not revision:
            return cast(Encoder, obj)
        return OwnEncoder(replace(obj.spec, digest=digest), obj.prepare, obj.embed)
    function = getattr(obj, "embed", obj)
    if not callable(function):
        raise UsageError(f"{name} is no encoder.", "Give it a method embed(batch) that returns [n, d].")
    base = spec or EncoderSpec(name=name, family="OWN", backend="module", model=own_name(obj))
    declared = {field: getattr(obj, field) for field in FIELDS if hasattr(obj, field)}
    if base.img_size is not None:  # the size in the name overrides the object's own
        declared.pop("input_size", None)
    base = replace(base, **declared, digest=digest)
    prepare = getattr(obj, "prepare", None) or preprocessing(base)
    if function is obj and is_network(obj):
        return network_encoder(obj, base, device, dtype, prepare)
    encoder = OwnEncoder(base, prepare, function)
    return encoder if base.embedding_size else replace(encoder, spec=measured(encoder))


def own_name(obj: object) -> str:
    """The name of a function or class, or of the object's class."""
    return str(getattr(obj, "__name__", type(obj).__name__))


def is_network(obj: object) -> bool:
    """Whether `obj` is a torch module."""
    from torch import nn

    return isinstance(obj, nn.Module)


# --- by name


def module_encoder(spec: EncoderSpec, *, device: str, dtype: Precision) -> Encoder:
    """`module:package.mod:factory`: what `factory()` returns. UsageError when there is no such function.

    Its digest is that of the module's source file, and of the weights if it is a torch module.
    """
    obj, source = _module_object(spec)
    digest = joined(source, tensors_digest(cast("nn.Module", obj))) if is_network(obj) else source
    return as_encoder(obj, spec.name, replace(spec, digest=digest), device=device, dtype=dtype)


def _module_object(spec: EncoderSpec) -> tuple[object, str]:
    """What the factory returns, and the hash of the module's source file."""
    name, _, factory = spec.model.partition(":")
    try:
        # A module that this process has already is run anew: its file may have changed since.
        module = importlib.reload(sys.modules[name]) if name in sys.modules else importlib.import_module(name)
        make = getattr(module, factory)
    except ModuleNotFoundError as error:
        message = f"{spec.name}: there is no module {error.name}."
        raise UsageError(message, "Install it, or name its folder in PYTHONPATH.") from None
    except (AttributeError, ValueError):
        make = None
    if not callable(make):
        raise UsageError(f"{spec.name} names no function.", "Write module:package.mod:factory.")
    return make(), fingerprint(Path(module.__file__)) if module.__file__ else ""


def torchhub_network(spec: EncoderSpec, pretrained: bool) -> tuple["nn.Module", EncoderSpec]:
    """The network of `torchhub:OWNER/REPOSITORY[:REF]/MODEL` or `torchhub:/a/folder/MODEL`, by its `hubconf.py`, and
    its spec with the digest.

    This runs the repository's code. FlickrExifError where it cannot be fetched or has no such model.
    """
    import torch

    repository, _, model = spec.model.rpartition("/")
    local = Path(repository).is_dir()
    try:
        network: nn.Module = torch.hub.load(  # type: ignore[no-untyped-call]
            repository, model, source="local" if local else "github", trust_repo=True, pretrained=pretrained
        )
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = reason_of(error, 200)
        hint = "Clone the repository and name its folder: torchhub:/path/to/repository/MODEL."
        raise FlickrExifError(f"{spec.name} cannot be loaded ({reason}).", hint) from None
    return network, replace(spec, digest=_digest(network, Path(repository)))


def _digest(network: "nn.Module", place: Path) -> str:
    """The digest of the network that was made from `place`: a folder, or a name that is none."""
    return joined(tensors_digest(network), folder_digest(place) if place.is_dir() else "")


def transformers_network(spec: EncoderSpec, pretrained: bool) -> tuple["nn.Module", EncoderSpec]:
    """The vision model of `transformers:NAME`, and its spec completed from the model's image processor."""
    require_torch("transformers", extra="transformers")
    transformers: Any = importlib.import_module("transformers")
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(spec.model)
        config = transformers.AutoConfig.from_pretrained(spec.model)
        model = _transformers_model(transformers.AutoModel, spec.model, config, pretrained)
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
        digest=_digest(model, Path(spec.model)),
    )
    return _pooled(model), spec


def _transformers_model(kind: Any, name: str, config: object, pretrained: bool) -> "nn.Module":
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
