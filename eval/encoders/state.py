"""Reads the weights in a file, as people have them."""

import argparse
import codecs
import warnings
import zipfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flickrexif.eval.encoders.scopes import quiet

if TYPE_CHECKING:
    from torch import Tensor

State = Mapping[str, "Tensor"]

WHOLE = ("state_dict", "model", "model_state_dict", "module", "network", "net")  # where a checkpoint keeps the weights
WRAPPERS = ("module.", "_orig_mod.", "model.")  # that names begin with: of parallel, compiled and Lightning modules
OF_OPENAI = ("input_resolution", "context_length", "vocab_size")  # numbers in its archives


def read_state(file: Path) -> State:
    """The weights in a file of safetensors or of torch, also a TorchScript archive or a checkpoint of training, under
    their own names. ValueError, or what torch raises, where there are none."""
    import torch

    content = _content(file)
    while isinstance(content, Mapping):
        inner = next((content[name] for name in WHOLE if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping):
        raise ValueError(f"it is a {type(content).__name__}")
    state = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not state:
        raise ValueError(f"of {', '.join(map(str, list(content)[:5])) or 'nothing'} none is a tensor")
    while prefix := next((prefix for prefix in WRAPPERS if all(name.startswith(prefix) for name in state)), ""):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _content(file: Path) -> Any:
    import torch

    if file.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(file)
    if _is_torchscript(file):
        with quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state = torch.jit.load(str(file), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
        return {name: value for name, value in state.items() if name not in OF_OPENAI}
    core: Any = import_module("numpy._core.multiarray")
    numbers = [type(np.dtype(kind)) for kind in ("f8", "f4", "f2", "i8", "i4", "u1", "?")]
    scalars = [(core.scalar, f"numpy.{place}.multiarray.scalar") for place in ("core", "_core")]
    with torch.serialization.safe_globals([*scalars, *numbers, np.dtype, codecs.encode, argparse.Namespace]):
        return torch.load(file, map_location="cpu", weights_only=True)


def _is_torchscript(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())
