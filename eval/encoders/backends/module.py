"""`module:package.mod:factory`: what a function of one's own returns, see `own.as_encoder`."""

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.backend import Backend
from flickrexif.eval.encoders.digests import joined, tensors_digest
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.own import as_encoder, is_network
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Precision
from flickrexif.eval.results import fingerprint

if TYPE_CHECKING:
    from torch import nn


def _describe(name: str, model: str, _: bool) -> EncoderSpec:
    return EncoderSpec(name=name, family="OWN", backend="module", model=model)


def _load(spec: EncoderSpec, device: str, dtype: Precision, pretrained: bool) -> Encoder:  # noqa: ARG001
    """UsageError when there is no such function.

    The digest is that of the module's source file, and of the weights if the function gives a torch module.
    """
    require_torch()
    obj, source = _object(spec)
    digest = joined(source, tensors_digest(cast("nn.Module", obj))) if is_network(obj) else source
    return as_encoder(obj, spec.name, replace(spec, digest=digest), device=device, dtype=dtype)


def _object(spec: EncoderSpec) -> tuple[object, str]:
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


BACKEND = Backend(describe=_describe, load=_load, is_here=lambda _: True)
