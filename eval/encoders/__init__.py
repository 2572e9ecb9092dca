"""Frozen image encoders by name: `resolve` a name to its record, `load` it, `list_encoders` that are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.controls import CONTROLS
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.network_encoder import Precision, network_encoder
from flickrexif.eval.encoders.own import as_encoder, module_object, torchhub_network, transformers_network
from flickrexif.eval.encoders.record import Encoder, EncoderRecord
from flickrexif.eval.encoders.registry import FAMILIES, expand, known, resolve
from flickrexif.eval.encoders.scopes import seeded
from flickrexif.eval.encoders.weights import cached, weights_file

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Encoder",
    "EncoderRecord",
    "EncoderRow",
    "as_encoder",
    "cached",
    "expand",
    "list_encoders",
    "load",
    "resolve",
]


@dataclass(frozen=True, slots=True)
class EncoderRow:
    """An encoder in the list, and what it would still have to fetch: 0 nothing, None an unknown number of bytes."""

    record: EncoderRecord
    cached: bool
    missing_bytes: int | None


def list_encoders(family: str | None = None) -> list[EncoderRow]:
    """The registry's encoders, of one family or of all, in the paper's order. UsageError for an unknown family."""
    if family is not None and family.upper() not in FAMILIES:
        raise UsageError(f"There is no family {family[:40]!r}.", f"Known: {', '.join(FAMILIES)}.")
    records = [record for record in known().values() if family is None or record.family == family.upper()]
    return [_row(record, cached(record)) for record in records]


def _row(record: EncoderRecord, here: bool) -> EncoderRow:
    return EncoderRow(record, here, 0 if here else record.size_bytes)


def load(record: EncoderRecord, *, device: str = "cpu", dtype: Precision = "fp32", pretrained: bool = True) -> Encoder:
    """The encoder of `record`, ready to run; its own `.record` tells the embedding size in any case.

    `pretrained=False` gives random weights, the same ones every time. UsageError for a missing package, checkpoint or
    device, or a size that the architecture cannot take; FlickrExifError for weights that cannot be fetched or read.
    """
    if record.backend == "control":
        return CONTROLS[record.name]
    require_torch()
    if record.backend == "module":
        return as_encoder(module_object(record), record.name, record, device=device, dtype=dtype)
    network, record = _network(record, pretrained)
    return network_encoder(network, record, device, dtype)


def _network(record: EncoderRecord, pretrained: bool) -> tuple["nn.Module", EncoderRecord]:
    """The image tower of `record`, and the record as its backend completes it."""
    from flickrexif.eval.encoders.networks import build, image_tower, load_weights

    with seeded():
        if record.backend == "torchhub":
            return torchhub_network(record, pretrained), record
        if record.backend == "transformers":
            return transformers_network(record, pretrained)
        network = build(record)
    if pretrained:
        load_weights(network, record, weights_file(record))
    return image_tower(network), record
