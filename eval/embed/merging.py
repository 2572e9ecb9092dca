"""Joins the shards that several machines or GPUs made into the file that one of them would have made."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import UsageError
from flickrexif.core.files import remove
from flickrexif.eval.data.embeddings import (
    IMAGE_ID,
    SUFFIX,
    Embeddings,
    failures_path,
    pack_text,
    read_embeddings,
    write_embeddings,
)
from flickrexif.eval.embed.store import REMAKE, read_failures, reasons, shard_path, write_failures

if TYPE_CHECKING:
    import torch


def merge_shards(root: Path) -> list[Path]:
    """Join the shards of every file below `root`, remove them, and return the paths of the files.

    Raises UsageError where a shard is missing, shards were made with different settings, or the file exists already
    with other settings.
    """
    groups: set[tuple[Path, int]] = set()
    for path in root.rglob(f"*.shard-*-of-*{SUFFIX}"):
        stem, _, shard = path.name.removesuffix(SUFFIX).rpartition(".shard-")
        groups.add((path.with_name(stem + SUFFIX), int(shard.rpartition("-")[2])))
    if not groups:
        raise UsageError(f"There are no shards in {root}.", "Make them: `flickrexif embed --shard 1/2`, then 2/2.")
    return [_merge(path, count) for path, count in sorted(groups)]


def _merge(path: Path, count: int) -> Path:
    names = [shard_path(path, number, count) for number in range(1, count + 1)]
    existing_hash = read_embeddings(path).metadata.get("settings_hash") if path.exists() else None
    parts = [read_embeddings(name) for name in names if name.exists()]
    hashes = {part.metadata.get("settings_hash") for part in parts}
    if path.exists() and hashes != {existing_hash}:
        raise UsageError(f"{path} is there already, made with other settings.", REMAKE)
    if not path.exists():  # else it was written, and the removal of the shards was interrupted
        if lost := [name.name for name in names if not name.exists()]:
            message = f"{path} lacks {len(lost)} of {count} shards, such as {lost[0]}."
            raise UsageError(message, "Make them, or copy them there.")
        if len(hashes) > 1:
            raise UsageError(
                f"The shards of {path} were made with different settings.", "Delete them and make them again."
            )
        _write(path, parts, [failure for name in names for failure in read_failures(name)])
    remove(file for name in names for file in (name, failures_path(name)))
    return path


def _write(path: Path, parts: Sequence[Embeddings], failures: Sequence[tuple[str, str]]) -> None:
    import torch

    metadata = dict(parts[0].metadata) | {"shard": "", "failures": json.dumps(reasons(failures))}
    full = [part.image_embeddings for part in parts if len(part)] or [parts[0].image_embeddings]
    write_failures(path, failures)
    write_embeddings(path, torch.cat(full), {name: _joined(name, parts) for name in parts[0].columns}, metadata)


def _joined(name: str, parts: Sequence[Embeddings]) -> "torch.Tensor":
    import torch

    if name == IMAGE_ID:  # the width of the column is that of the longest id of all shards
        return pack_text([image_id for part in parts for image_id in part.image_ids()])
    return torch.cat([part.columns[name] for part in parts])
