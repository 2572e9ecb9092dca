"""`torchhub:OWNER/REPOSITORY[:REF]/MODEL`, `torchhub:/a/folder/MODEL`: an entry point of a `hubconf.py`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import reason_of
from flickrexif.eval.encoders.backend import Backend, is_folder
from flickrexif.eval.encoders.digests import network_digest
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.network_encoder import network_encoder
from flickrexif.eval.encoders.scopes import own_modules, seeded
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Precision

if TYPE_CHECKING:
    from torch import nn


def _describe(name: str, model: str, _: bool) -> EncoderSpec:
    return EncoderSpec(name=name, family="OWN", backend="torchhub", model=model)


def _load(spec: EncoderSpec, device: str, dtype: Precision, pretrained: bool) -> Encoder:
    """This runs the repository's code. FlickrExifError where it cannot be fetched or has no such model."""
    require_torch()
    import torch

    repository, _, model = spec.model.rpartition("/")
    local = Path(repository).is_dir()
    try:
        with seeded(), own_modules():
            network: nn.Module = torch.hub.load(  # type: ignore[no-untyped-call]
                repository, model, source="local" if local else "github", trust_repo=True, pretrained=pretrained
            )
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = reason_of(error, 200)
        clone = "Clone the repository and name its folder: torchhub:/path/to/repository/MODEL."
        weights = f"If it is its weights that cannot be fetched, put their file into {torch.hub.get_dir()}/checkpoints."
        hint = weights if local and isinstance(error, OSError) else clone
        raise FlickrExifError(f"{spec.name} cannot be loaded ({reason}).", hint) from None
    return network_encoder(network, replace(spec, digest=network_digest(network, repository)), device, dtype)


BACKEND = Backend(describe=_describe, load=_load, is_here=lambda spec: is_folder(spec.model.rpartition("/")[0]))
