"""Frozen image encoders by name: `resolve` finds the spec of a name, `load` loads it, `list_encoders` lists all."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import AGAIN
from flickrexif.eval.encoders.controls import CONTROLS
from flickrexif.eval.encoders.digests import known_digest, tensors_digest
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.faults import EncoderError, encoder_code
from flickrexif.eval.encoders.network_encoder import Precision, network_encoder
from flickrexif.eval.encoders.own import as_encoder, module_encoder, torchhub_network, transformers_network
from flickrexif.eval.encoders.registry import FAMILIES, expand, registered_encoders, resolve
from flickrexif.eval.encoders.scopes import seeded
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec
from flickrexif.eval.encoders.weights import cached, weights_file
from flickrexif.eval.results import fingerprint

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Candidate",
    "Encoder",
    "EncoderRow",
    "EncoderSpec",
    "as_encoder",
    "cached",
    "expand",
    "list_encoders",
    "load",
    "resolve",
]


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """An encoder of the list, and what is still to be downloaded for it."""

    spec: EncoderSpec
    cached: bool
    missing_bytes: int | None  # to download; None where the size is not known


def list_encoders(family: str | None = None) -> list[EncoderRow]:
    """The registry's encoders, of one family or of all, in the paper's order. UsageError for an unknown family."""
    if family is not None and family.upper() not in FAMILIES:
        raise UsageError(f"There is no family {family[:40]!r}.", f"Known: {', '.join(FAMILIES)}.")
    specs = [spec for spec in registered_encoders().values() if family is None or spec.family == family.upper()]
    return [_row(spec, cached(spec)) for spec in specs]


def _row(spec: EncoderSpec, is_cached: bool) -> EncoderRow:
    return EncoderRow(spec, is_cached, 0 if is_cached else spec.size_bytes)


def load(spec: EncoderSpec, *, device: str = "cpu", dtype: Precision = "fp32", pretrained: bool = True) -> Encoder:
    """The encoder of `spec`, ready to run; its `.spec` always has the embedding size and the digest.

    `pretrained=False` gives random weights, always the same. Raises UsageError for a missing package, checkpoint or
    device, or a size that the architecture cannot take; FlickrExifError for weights that cannot be fetched or read;
    EncoderError for whatever else its code raises.
    """
    try:
        with encoder_code(f"loading {spec.key}", passing=FlickrExifError):
            return _load(spec, device, dtype, pretrained)
    except RuntimeError as error:  # alone that memory does not suffice passes
        raise EncoderError(f"the memory of {device} does not suffice for {spec.key}") from error


def _load(spec: EncoderSpec, device: str, dtype: Precision, pretrained: bool) -> Encoder:
    if spec.backend == "control":
        return CONTROLS[spec.name]
    require_torch()
    if spec.backend == "module":
        return module_encoder(spec, device=device, dtype=dtype)
    network, spec = _network(spec, pretrained)
    return network_encoder(network, spec, device, dtype)


def _network(spec: EncoderSpec, pretrained: bool) -> tuple["nn.Module", EncoderSpec]:
    """The image tower of `spec`, and the spec with what only its backend can tell."""
    from flickrexif.eval.encoders.networks import build, image_tower, load_weights

    with seeded():
        if spec.backend == "torchhub":
            return torchhub_network(spec, pretrained)
        if spec.backend == "transformers":
            return transformers_network(spec, pretrained)
        network = build(spec)
    if not pretrained:
        return image_tower(network), replace(spec, digest=tensors_digest(image_tower(network)))
    file = weights_file(spec)
    digest = fingerprint(file)
    load_weights(network, spec, file)
    if fingerprint(file) != digest:
        raise FlickrExifError(f"{file} was changed while it was read.", AGAIN)
    return image_tower(network), replace(spec, digest=digest)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder to be loaded when its turn comes."""

    spec: EncoderSpec
    encoder: Encoder | None = None  # of an encoder that was given as an object; others are loaded by their specs

    @property
    def compared(self) -> EncoderSpec:
        """The spec with the digest, where loading is not needed to know it."""
        return replace(self.spec, digest=known_digest(self.spec))

    def load(self, device: str = "cpu", dtype: Precision = "fp32") -> Encoder:
        """The encoder, ready to run. Raises as `load`."""
        return self.encoder or load(self.spec, device=device, dtype=dtype)
