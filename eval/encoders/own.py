"""Encoders of one's own: any Python object that maps images to embeddings."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.guards import measured, rows_of
from flickrexif.eval.encoders.network_encoder import NetworkEncoder, network_encoder
from flickrexif.eval.encoders.preprocess import preprocessing
from flickrexif.eval.encoders.spec import Channels, Encoder, EncoderSpec, Precision, Prepare

if TYPE_CHECKING:
    import torch

FIELDS = ("family", "input_size", "mean", "std", "interpolation", "embedding_size", "licence", "source")
UNREVISED = "unrevised:"  # begins the digest of an object of which nothing tells whether it was changed


@dataclass(frozen=True, slots=True)
class OwnEncoder:
    """An object that a user gave, as an `Encoder`."""

    spec: EncoderSpec
    prepare: Prepare
    function: Callable[["torch.Tensor"], Any]  # [n, 3, size, size] to an array [n, d]

    def embed(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Embeddings [n, d], float32. EncoderError where the object gives something else."""
        import torch

        with torch.inference_mode():
            return rows_of(self.function(batch), len(batch), self.spec.key)


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
    declared |= {field: _channels(field, declared[field]) for field in ("mean", "std") if field in declared}
    if base.img_size is not None:  # the size in the name overrides the object's own
        declared.pop("input_size", None)
    base = replace(base, **declared, digest=digest)
    prepare = getattr(obj, "prepare", None) or preprocessing(base)
    for part in (obj, *vars(obj).values()) if hasattr(obj, "__dict__") else ():
        if is_network(part):
            part.eval()
    if function is obj and is_network(obj):
        encoder: OwnEncoder | NetworkEncoder = network_encoder(obj, base, device, dtype, prepare)
    else:
        encoder = OwnEncoder(base, prepare, function)
    return encoder if base.embedding_size else replace(encoder, spec=replace(base, embedding_size=measured(encoder)))


def _channels(field: str, values: Any) -> Channels:
    """A mean or deviation that an object declares, in any container. UsageError for what is no three numbers."""
    try:
        red, green, blue = map(float, values)
    except (TypeError, ValueError):
        raise UsageError(f"Its `{field}` is no three numbers.", "Give those of R, G and B in [0, 1].") from None
    return red, green, blue


def own_name(obj: object) -> str:
    """The name of a function or class, or of the object's class."""
    return str(getattr(obj, "__name__", type(obj).__name__))


def is_network(obj: object) -> bool:
    """Whether `obj` is a torch module."""
    from torch import nn

    return isinstance(obj, nn.Module)
