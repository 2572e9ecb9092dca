"""Takes photos out of embedding files: their rows and failures. Blocks and shards with any of them are removed whole.

A file is then marked as made from its source without the photos, so that a later `flickrexif embed` need not make it
again. A file whose images lie elsewhere only loses the rows.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import UsageError
from flickrexif.core.files import remove, remove_tree
from flickrexif.core.folder import DataFolder
from flickrexif.core.image_files import ENDINGS
from flickrexif.core.kinds import Holder
from flickrexif.core.photo_ids import are_row_numbers, naming
from flickrexif.eval.data.embeddings import (
    FLICKR_ID,
    IMAGE_ID,
    SUFFIX,
    UNSAFE,
    Embeddings,
    failures_path,
    holds_embeddings,
    pack_text,
    read_embeddings,
    write_embeddings,
)
from flickrexif.eval.data.formats import apart, dataset_of, sources_in
from flickrexif.eval.embed.store import hash_of, read_failures, reasons, write_failures

if TYPE_CHECKING:
    import torch

BLOCKS = ".blocks"  # end of the name of a folder of finished blocks


@dataclass(frozen=True, slots=True)
class _Sources:
    """Finds the sources among `files`, and computes their fingerprints without the photos."""

    files: Sequence[Path]
    ids: Collection[str]
    opened: dict[tuple[Path, str, str], Mapping[str, str]] = field(default_factory=dict)

    def smaller(self, path: Path, metadata: Mapping[str, str]) -> str | None:
        """The fingerprint of a file's source without the photos; None for a missing source, or one that has none."""
        settings = json.loads(metadata.get("settings", "{}"))
        if not settings or "dataset" not in metadata:
            return None
        key = DataFolder.of(path).path.absolute(), metadata["dataset"], settings["processing"]
        if key not in self.opened:
            self.opened[key] = dict(self._fingerprints(*key))
        return self.opened[key].get(settings["data"])

    def _fingerprints(self, data_folder: Path, dataset: str, processing: str) -> Iterator[tuple[str, str]]:
        for folder in self._folders(data_folder):
            name = dataset_of(folder)
            if dataset in (name, apart(name, folder, data_folder)):
                with suppress(UsageError):  # a folder of that name that lacks such images
                    for source in sources_in(folder, [processing]):
                        if smaller := source.fingerprint_without(self.ids):
                            yield source.fingerprint, smaller

    def _folders(self, data_folder: Path) -> list[Path]:
        """The folders with images, in the data folder and in registered folders elsewhere."""
        holding = {path.parent for path in self.files if path.suffix.lower() in (".parquet", *ENDINGS)}
        folders = holding.union(*(path.parents for path in holding))
        bases = [path for path in (data_folder, *DataFolder(data_folder).registered()) if path.is_dir()]
        return sorted(folder for folder in folders if any(folder.is_relative_to(base) for base in bases))


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    sources = _Sources(files, ids)
    paths = [path for path in files if path.suffix == SUFFIX]
    for blocks in sorted({path.parent for path in paths if path.parent.name.endswith(BLOCKS)}):
        if _concern(blocks, ids, sources):
            removed[blocks.parent]["unfinished embeddings"] += 1
            if write:
                remove_tree(blocks)
    shards = defaultdict(list)
    for path in paths:
        if not path.parent.name.endswith(BLOCKS) and holds_embeddings(path):
            stem, is_shard, _ = path.name.rpartition(".shard-")
            if is_shard:
                shards[path.with_name(stem)].append(path)
            else:
                removed[_root(path)]["embeddings"] += _without(path, ids, sources, write=write)
    for group in shards.values():
        if any(_named(path, ids) or sources.smaller(path, read_embeddings(path).metadata) for path in group):
            removed[_root(group[0])]["shards of embeddings"] += len(group)
            if write:
                remove(chain(group, map(failures_path, group)))
    return removed


HOLDER = Holder(forget=_forget)


def _concern(blocks: Path, ids: Collection[str], sources: _Sources) -> bool:
    """Whether any block has one of the photos or their source, or does not say what it has, like blocks of 0.1."""
    for path in sorted(blocks.glob(f"*{SUFFIX}")):
        metadata = read_embeddings(path).metadata
        if "images" not in metadata or naming(json.loads(metadata["images"]), ids) or sources.smaller(path, metadata):
            return True
    return False


def _root(path: Path) -> Path:
    """The folder of embeddings that a file is in; the file's own folder where that of its data set has another name."""
    dataset = read_embeddings(path).metadata.get("dataset", path.parent.name).translate(UNSAFE)
    return next((folder.parent for folder in path.parents if folder.name == dataset), path.parent)


# --- a file


def _named(path: Path, ids: Collection[str]) -> set[str]:
    """The ids of a file, of rows and failures, that name one of the photos; nothing for a file without ids."""
    embeddings, failed = read_embeddings(path), [image_id for image_id, _ in read_failures(path)]
    if not {FLICKR_ID, IMAGE_ID} & embeddings.columns.keys():
        return set()  # a file of the released code: its rows have no ids
    names = _row_ids(embeddings)
    if FLICKR_ID not in embeddings.columns:
        shards = int(embeddings.metadata.get("shard", "").partition("/")[2] or 1)
        if are_row_numbers(names, (len(names) + len(failed)) * shards):
            return set()
    return naming([*names, *failed], ids)


def _row_ids(embeddings: Embeddings) -> list[str]:
    """The id of each row: its Flickr ID, else its image id."""
    if FLICKR_ID in embeddings.columns:
        return list(map(str, embeddings.columns[FLICKR_ID].tolist()))
    return embeddings.image_ids()


def _without(path: Path, ids: Collection[str], sources: _Sources, *, write: bool) -> int:
    gone = _named(path, ids)
    if not gone:
        return 0
    embeddings, failures = read_embeddings(path), read_failures(path)
    names = _row_ids(embeddings)
    kept = [row for row, name in enumerate(names) if name not in gone]
    left = [failure for failure in failures if failure[0] not in gone]
    if write:
        metadata = _metadata(embeddings.metadata, left, sources.smaller(path, embeddings.metadata))
        write_failures(path, left)
        write_embeddings(path, embeddings.image_embeddings[kept], _columns(embeddings, kept), metadata)
    return len(names) - len(kept) + len(failures) - len(left)


def _columns(embeddings: Embeddings, kept: Sequence[int]) -> "dict[str, torch.Tensor]":
    columns = {name: column[kept] for name, column in embeddings.columns.items()}
    if IMAGE_ID in columns:  # its width is that of the longest id left
        names = embeddings.image_ids()
        columns[IMAGE_ID] = pack_text([names[row] for row in kept])
    return columns


def _metadata(
    metadata: Mapping[str, str], failures: Sequence[tuple[str, str]], smaller: str | None
) -> Mapping[str, str]:
    """The metadata with the remaining failures and the source without the photos; of another program as it is."""
    if "settings_hash" not in metadata:
        return metadata
    changed = {"failures": json.dumps(reasons(failures))}
    if smaller:
        settings = {**json.loads(metadata["settings"]), "data": smaller}
        changed |= {"settings": json.dumps(settings), "settings_hash": hash_of(settings)}
    return {**metadata, **changed}
