"""Frozen image encoders by name: `resolve` finds the spec of a name, `load` loads it, `list_encoders` lists all."""

from flickrexif.eval.encoders.erasing import erased
from flickrexif.eval.encoders.loading import Candidate, load
from flickrexif.eval.encoders.own import as_encoder
from flickrexif.eval.encoders.registry import EncoderRow, expand, list_encoders, resolve
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec

__all__ = [
    "Candidate",
    "Encoder",
    "EncoderRow",
    "EncoderSpec",
    "as_encoder",
    "erased",
    "expand",
    "list_encoders",
    "load",
    "resolve",
]
