"""The digest of an encoder: a hash of its weights and code, by which embeddings of changed ones are noticed.

It is that of the weights' file where all weights come from one (timm, open_clip), so that it can be asked without
loading; else of all tensors that were loaded and the local files that made the network. The rest of what features
depend on, such as the preprocessing, is in the other fields of the `EncoderSpec`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from flickrexif.eval.encoders.notes import NOTES
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.eval.results import fingerprint

if TYPE_CHECKING:
    from torch import nn

LATER = {"order": "RGB", "resize": "shorter side", "crop_share": 1.0, "projection": ""}
"""Fields with their usual values, which files do not say: earlier files have no such field."""

SameEncoder = Literal["same", "changed", "no digest", "other"]


def feature_fields(spec: EncoderSpec) -> dict[str, Any]:
    """The fields of a spec that features depend on; a checkpoint is named by the digest."""
    fields = asdict(spec)
    for name in (*NOTES, "family", "licence", "size_bytes", "embedding_size", "checkpoint", "pooling"):
        fields.pop(name, None)
    fields["projection"] = Path(spec.projection).name  # what is in the file is part of the digest
    for name, usual in LATER.items():
        if fields[name] == usual:
            fields.pop(name)
    return fields


def same_encoder(stored: Mapping[str, Any], spec: EncoderSpec) -> SameEncoder:
    """Whether the encoder that the settings of an embeddings file name is the one of `spec`.

    "changed": its weights or its code were others then. "no digest": the file is of an earlier version, which kept no
    digest, and all else is the same. "other": another encoder, or the same with other preprocessing. Of a spec
    without a digest (of an encoder that is not loaded yet) the name alone is compared.
    """
    fields = json.loads(json.dumps(feature_fields(spec)))
    if any(stored.get(name) != fields.get(name) for name in ("name", "backend", "img_size", *LATER)):
        return "other"
    if not spec.digest:
        return "same"
    if stored.get("digest") not in (None, spec.digest):
        return "changed"
    kept = {name: value for name, value in stored.items() if name != "checkpoint"} | {"digest": spec.digest}
    if kept != fields:
        return "other"
    if "digest" in stored:
        return "same"
    return "changed" if stored.get("checkpoint") and f"sha256:{stored['checkpoint']}" != spec.digest else "no digest"


def tensors_digest(network: "nn.Module") -> str:
    """A hash of the names, types, shapes and values of all parameters and buffers that belong to the state."""
    import torch

    state = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        if not isinstance(value, torch.Tensor):  # a module may keep anything as its extra state
            state.update(repr((name, value)).encode())
            continue
        state.update(repr((name, str(value.dtype), tuple(value.shape))).encode())
        state.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return f"sha256:{state.hexdigest()}"


def network_digest(network: "nn.Module", place: str) -> str:
    """The digest of a network that was made from `place`: a folder, or a name that is none."""
    return joined(tensors_digest(network), folder_digest(Path(place)) if Path(place).is_dir() else "")


def folder_digest(folder: Path) -> str:
    """A hash of the names and contents of all files below `folder`, without hidden ones and Python's caches."""
    paths = (path for path in folder.rglob("*") if path.is_file() and not _is_passed_over(path.relative_to(folder)))
    return joined(*(f"{path.relative_to(folder).as_posix()} {fingerprint(path)}" for path in sorted(paths)))


def _is_passed_over(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)


def joined(*parts: str) -> str:
    """One digest of several."""
    return f"sha256:{hashlib.sha256(chr(0).join(parts).encode('utf-8', 'surrogateescape')).hexdigest()}"
