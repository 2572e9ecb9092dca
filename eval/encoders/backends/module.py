"""`module:package.mod:factory` or `module:./file.py:factory`: what one's own function returns, see `own.as_encoder`."""

import importlib
import sys
from dataclasses import replace
from importlib.util import find_spec
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


def _describe(name: str, model: str, own_file: bool) -> EncoderSpec:  # noqa: ARG001
    """A file is named without its folder, as names are published. UsageError for a file that is not there."""
    place, _, factory = model.rpartition(":")
    if not place.endswith(".py"):
        return EncoderSpec(name=name, family="OWN", backend="module", model=model)
    file = Path(place).absolute()
    if not file.is_file():
        raise UsageError(f"There is no file {place}.", "Write module:./FILE.py:FUNCTION.")
    named = f"{file.name}:{factory}"
    return EncoderSpec(name=f"module:{named}", family="OWN", backend="module", model=named, checkpoint=str(file))


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
    name = _importable(Path(spec.checkpoint)) if spec.checkpoint else name
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
        hint = "Write module:package.mod:factory, or module:./file.py:factory."
        raise UsageError(f"{spec.name} names no function.", hint)
    return make(), fingerprint(Path(module.__file__)) if module.__file__ else ""


def _importable(file: Path) -> str:
    """The name under which a file can be imported, here and in worker processes, which take over `sys.path`.

    UsageError where that is another module's.
    """
    other = find_spec(file.stem)
    if other and other.origin != str(file):
        raise UsageError(f"{file.name} has the name of another module.", "Give the file another name.")
    if not other:
        sys.path.append(str(file.parent))
        importlib.invalidate_caches()
    return file.stem


BACKEND = Backend(describe=_describe, load=_load, is_here=lambda _: True)
