"""One embedding file in the making: where it lies, the hash of the settings that decide its contents, blocks, shards.

<folder>/model=…_variant=….safetensors            written last, with the settings' hash in its metadata
<folder>/model=…_variant=….failures.csv           id and reason of the images that have no row
<folder>/.model=…_variant=….<hash>.blocks/        finished blocks of rows, until the file is whole
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.errors import UsageError
from flickrexif.core.failures import read_failure_table, write_failure_table
from flickrexif.core.files import remove, remove_tree
from flickrexif.core.shards import shard_of
from flickrexif.eval.data.embeddings import (
    FORMAT,
    IMAGE_ID,
    SUFFIX,
    EmbeddingKey,
    Embeddings,
    failures_path,
    pack_text,
    read_embeddings,
    read_metadata,
    write_embeddings,
)
from flickrexif.eval.data.source import Source
from flickrexif.eval.embed.settings import Combo, EmbedSettings
from flickrexif.eval.encoders.digests import feature_fields, same_encoder
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.eval.results import installed_versions

if TYPE_CHECKING:
    import torch

ROW = "row"
PACKAGES = ("flickrexif", "torch", "torchvision", "timm", "open_clip_torch", "pillow", "numpy")
REMAKE = "Name another --out, or delete that file to make it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One embedding file in the making, or a shard of it."""

    key: EmbeddingKey
    path: Path
    spec: EncoderSpec
    source: Source
    bounds: tuple[tuple[int, int], ...]  # the rows of the source, in blocks of start to stop - 1
    settings: Mapping[str, Any]  # everything that the embeddings depend on
    shard: str  # such as 3/8; "" for the whole

    @property
    def hash(self) -> str:
        """A hash of the settings."""
        return hash_of(self.settings)

    @property
    def rows(self) -> int:
        """How many images of the source the file is made of."""
        return sum(stop - start for start, stop in self.bounds)

    @property
    def blocks(self) -> Path:
        """The folder of the finished blocks."""
        return self.path.with_name(f".{self.path.name.removesuffix(SUFFIX)}.{self.hash[:16]}.blocks")

    def block(self, start: int, stop: int) -> Path:
        """The file of the rows start to stop - 1."""
        return self.blocks / f"{start:010}-{stop:010}{SUFFIX}"

    def missing(self) -> list[tuple[int, int]]:
        """The blocks that are not finished."""
        finished = {path.name for path in self.blocks.glob("*")}
        return [bounds for bounds in self.bounds if self.block(*bounds).name not in finished]


def hash_of(settings: Mapping[str, Any]) -> str:
    """Names the settings of a file."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def file_names(spec: EncoderSpec) -> tuple[str, str]:
    """`model` and `variant` of an encoder in the layout; paper:clip/ViT-B-16 is model=clip variant=ViT-B-16.

    For other encoders they are the backend and what follows the colon; a name without a colon is the model.
    """
    kind, colon, rest = spec.key.partition(":")
    if kind == "paper":
        kind, _, rest = rest.partition("/")
    return kind, rest if colon else "default"


def key_of(spec: EncoderSpec, source: Source, combo: Combo) -> EmbeddingKey:
    """The key of the file that an encoder makes of the images under that combo."""
    processing = combo.variant.name if combo.variant else source.variant
    return EmbeddingKey(source.dataset, *file_names(spec), processing, combo.mask or 0.0, source.split)


def target_of(settings: EmbedSettings, spec: EncoderSpec, source: Source, combo: Combo) -> Target:
    """The file with everything that it depends on. UsageError for an impossible shard."""
    key = key_of(spec, source, combo)
    path = key.path(settings.out)
    start, stop = shard_rows(len(source), settings.shard)
    return Target(
        key=key,
        path=shard_path(path, *shard_of(settings.shard)) if settings.shard else path,
        spec=spec,
        source=source,
        bounds=tuple((at, min(stop, at + settings.block)) for at in range(start, stop, settings.block)),
        settings={
            "format": FORMAT,
            "encoder": feature_fields(spec),
            "processing": key.processing,
            "steps": combo.variant.description if combo.variant else "as stored",
            "seed": settings.seed if combo.variant and combo.variant.is_random else None,
            "mask": combo.mask or 0,
            "dtype": settings.dtype,
            "orient": settings.orient,
            "data": source.fingerprint,
        },
        shard=settings.shard,
    )


def shard_path(path: Path, number: int, count: int) -> Path:
    """Where a shard of the file `path` is kept until all are merged."""
    return path.with_name(f"{path.name.removesuffix(SUFFIX)}.shard-{number}-of-{count}{SUFFIX}")


def shard_rows(rows: int, shard: str) -> tuple[int, int]:
    """(first row, row after the last) of shard "3/8"; "" is all rows. UsageError for other texts."""
    number, count = shard_of(shard)
    return rows * (number - 1) // count, rows * number // count


def is_finished(target: Target) -> bool:
    """Whether the file exists and is the encoder's, which made it before a change of its weights or code if False.

    UsageError where a file of another encoder, with other settings or of an earlier version has its path: it is not
    overwritten.
    """
    if not target.path.exists():
        return False
    stored = json.loads(read_metadata(target.path)[0].get("settings", "null"))
    if stored is None:
        raise UsageError(f"{target.path} is there already, of another program.", REMAKE)
    encoder = same_encoder(stored.get("encoder", {}), target.spec)
    if encoder == "other" or hash_of({**stored, "encoder": target.settings["encoder"]}) != target.hash:
        raise UsageError(f"{target.path} is there already, made with other settings.", REMAKE)
    if encoder == "no digest":
        message = f"{target.path} is there already, of an earlier version, which did not keep which weights made it."
        raise UsageError(message, REMAKE)
    return encoder == "same"


# --- blocks


def write_block(
    target: Target, start: int, stop: int, embeddings: "torch.Tensor", rows: Sequence[int], failures: Mapping[int, str]
) -> None:
    """Save the block of the rows start to stop - 1: embeddings [m, d] of `rows`, and why the other rows failed."""
    import torch

    metadata = {
        "failures": json.dumps(sorted(failures.items())),
        "images": json.dumps(list(target.source.ids[start:stop])),
        "dataset": target.source.dataset,
        "settings": json.dumps(target.settings),
    }
    write_embeddings(target.block(start, stop), embeddings, {ROW: torch.tensor(rows, dtype=torch.int64)}, metadata)


def finish(target: Target) -> None:
    """Join the blocks into the file and its table of failures, then remove them."""
    import torch

    blocks = [read_embeddings(target.block(start, stop)) for start, stop in target.bounds]
    size = target.spec.embedding_size or 0
    full = [block.image_embeddings for block in blocks if len(block)] or [torch.empty(0, size)]
    rows = torch.cat([block.columns[ROW] for block in blocks] or [torch.empty(0, dtype=torch.int64)])
    failed = {row: reason for block in blocks for row, reason in json.loads(block.metadata["failures"])}
    failures = [(target.source.ids[row], failed[row]) for row in sorted(failed)]
    if target.shard.partition("/")[0] in ("", "1"):  # only the first shard lists images that the source lacks
        failures += sorted(target.source.missing.items())
    write_failures(target.path, failures)
    write_embeddings(target.path, torch.cat(full), _columns(target.source, rows), _metadata(target, failures))
    for folder in target.path.parent.glob(f".{target.path.name.removesuffix(SUFFIX)}.*.blocks"):
        remove_tree(folder)


def _columns(source: Source, rows: "torch.Tensor") -> "dict[str, torch.Tensor]":
    import torch

    columns = {name: torch.tensor(values, dtype=torch.int64)[rows] for name, values in source.columns.items()}
    if "Flickr ID" not in columns:
        columns[IMAGE_ID] = pack_text([source.ids[row] for row in rows.tolist()])
    return columns


def _metadata(target: Target, failures: Sequence[tuple[str, str]]) -> dict[str, str]:
    source, spec = target.source, target.spec
    metadata: dict[str, Any] = {
        "format": FORMAT,
        "encoder": spec.key,
        "family": spec.family,
        "record": asdict(spec),
        "dataset": source.dataset,
        "origin": source.origin,
        "split": source.split or "",
        "class_names": list(source.class_names),
        "settings": target.settings,
        "settings_hash": target.hash,
        "shard": target.shard,
        "failures": reasons(failures),
        "versions": installed_versions(PACKAGES),
    }
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in metadata.items()}


def reasons(failures: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Reason -> number of images that failed for it, of (image id, reason)."""
    return dict(sorted(Counter(reason for _, reason in failures).items()))


def write_failures(path: Path, failures: Sequence[tuple[str, str]]) -> None:
    """Write the table of failures of the embeddings file `path`; without failures there is none."""
    table = failures_path(path)
    if failures:
        write_failure_table(table, failures)
    else:
        remove([table])


def read_failures(path: Path) -> list[tuple[str, str]]:
    """(image id, reason) of the images without a row in the embeddings file `path`."""
    return read_failure_table(failures_path(path), REMAKE)


# --- shards


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
    existing_hash = read_metadata(path)[0].get("settings_hash") if path.exists() else None
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
        _write_merged(path, parts, [failure for name in names for failure in read_failures(name)])
    remove(file for name in names for file in (name, failures_path(name)))
    return path


def _write_merged(path: Path, parts: Sequence[Embeddings], failures: Sequence[tuple[str, str]]) -> None:
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
