"""Images out of embedding files: rows and failures; blocks and shards, which no run could go on with, go as wholes.

A file from then on belongs to its source without the images, so that a later `flickrexif embed` finds it made. A file
of images that lie elsewhere stays what it is, without those rows.
"""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import UsageError
from flickrexif.core.files import remove
from flickrexif.core.folder import DataFolder
from flickrexif.core.kinds import Holder
from flickrexif.core.photo_ids import are_row_numbers, naming
from flickrexif.eval.embeddings import (
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
from flickrexif.eval.image_sets import dataset_of, sources_in
from flickrexif.eval.targets import hash_of, read_failures, reasons, write_failures
from flickrexif.processing.sources import EXTENSIONS

if TYPE_CHECKING:
    import torch

BLOCKS = ".blocks"  # end of the name of a folder of finished blocks


@dataclass(frozen=True, slots=True)
class _Sources:
    """The sources among `files`: what their fingerprints will be without the photos."""

    files: Sequence[Path]
    ids: Collection[str]
    opened: dict[tuple[Path, str, str], Mapping[str, str]] = field(default_factory=dict)

    def smaller(self, path: Path, metadata: Mapping[str, str]) -> str | None:
        """The fingerprint of the source of `path` without the photos; None where it is not here or has none of them."""
        settings = json.loads(metadata.get("settings", "{}"))
        if not settings or "dataset" not in metadata:
            return None
        key = DataFolder.of(path).path.absolute(), metadata["dataset"], settings["processing"]
        if key not in self.opened:
            self.opened[key] = dict(self._fingerprints(*key))
        return self.opened[key].get(settings["data"])

    def _fingerprints(self, data_folder: Path, dataset: str, processing: str) -> Iterator[tuple[str, str]]:
        for folder in self._folders(data_folder):
            if dataset_of(folder) == dataset:
                with suppress(UsageError):  # a folder of the name without such images
                    for source in sources_in(folder, [processing]):
                        if smaller := source.fingerprint_without(self.ids):
                            yield source.fingerprint, smaller

    def _folders(self, data_folder: Path) -> list[Path]:
        """Folders with images, in the data folder and in what is registered elsewhere."""
        holding = {path.parent for path in self.files if path.suffix.lower() in (".parquet", *EXTENSIONS)}
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
                shutil.rmtree(blocks)
    shards = defaultdict(list)
    for path in paths:
        if not path.parent.name.endswith(BLOCKS) and holds_embeddings(path):
            stem, is_shard, _ = path.name.rpartition(".shard-")
            if is_shard:
                shards[path.with_name(stem)].append(path)
            else:
                removed[_root(path)]["embeddings"] += _without(path, ids, sources, write=write)
    for some in shards.values():
        if any(_named(path, ids) or sources.smaller(path, read_embeddings(path).metadata) for path in some):
            removed[_root(some[0])]["shards of embeddings"] += len(some)
            if write:
                remove(chain(some, map(failures_path, some)))
    return removed


HOLDER = Holder(forget=_forget)


def _concern(blocks: Path, ids: Collection[str], sources: _Sources) -> bool:
    """Whether any block is of one of the photos or of their source, or does not say of what, as those of 0.1."""
    for path in sorted(blocks.glob(f"*{SUFFIX}")):
        metadata = read_embeddings(path).metadata
        if "images" not in metadata or naming(json.loads(metadata["images"]), ids) or sources.smaller(path, metadata):
            return True
    return False


def _root(path: Path) -> Path:
    """The folder of embeddings that a file lies in, or its own where its data set's folder has another name."""
    dataset = read_embeddings(path).metadata.get("dataset", path.parent.name).translate(UNSAFE)
    return next((folder.parent for folder in path.parents if folder.name == dataset), path.parent)


# --- a file


def _named(path: Path, ids: Collection[str]) -> set[str]:
    """The images of a file, with a row or failed, that name one of the photos. None of a file without ids."""
    found, failed = read_embeddings(path), [image_id for image_id, _ in read_failures(path)]
    if FLICKR_ID in found.columns:
        names = list(map(str, found.columns[FLICKR_ID].tolist()))
    elif IMAGE_ID in found.columns:
        names = found.image_ids()
        shards = int(found.metadata.get("shard", "").partition("/")[2] or 1)
        if are_row_numbers(names, (len(names) + len(failed)) * shards):
            return set()
    else:
        return set()  # of the released code: rows without a name
    return naming([*names, *failed], ids)


def _without(path: Path, ids: Collection[str], sources: _Sources, *, write: bool) -> int:
    gone = _named(path, ids)
    if not gone:
        return 0
    found, failures = read_embeddings(path), read_failures(path)
    names = list(map(str, found.columns[FLICKR_ID].tolist())) if FLICKR_ID in found.columns else found.image_ids()
    kept = [row for row, name in enumerate(names) if name not in gone]
    left = [failure for failure in failures if failure[0] not in gone]
    if write:
        metadata = _metadata(found.metadata, left, sources.smaller(path, found.metadata))
        write_failures(path, left)
        write_embeddings(path, found.image_embeddings[kept], _columns(found, kept), metadata)
    return len(names) - len(kept) + len(failures) - len(left)


def _columns(found: Embeddings, kept: Sequence[int]) -> "dict[str, torch.Tensor]":
    columns = {name: column[kept] for name, column in found.columns.items()}
    if IMAGE_ID in columns:  # as wide as the longest that is left
        names = found.image_ids()
        columns[IMAGE_ID] = pack_text([names[row] for row in kept])
    return columns


def _metadata(
    metadata: Mapping[str, str], failures: Sequence[tuple[str, str]], smaller: str | None
) -> Mapping[str, str]:
    """The metadata, told of the smaller source; of another program as it is."""
    if "settings_hash" not in metadata:
        return metadata
    changed = {"failures": json.dumps(reasons(failures))}
    if smaller:
        settings = {**json.loads(metadata["settings"]), "data": smaller}
        changed |= {"settings": json.dumps(settings), "settings_hash": hash_of(settings)}
    return {**metadata, **changed}
