"""The kind of data set that `flickrexif process` makes: how to recognise its folder, its files and its sources."""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.kinds import Configs, DataSetKind, named_files
from flickrexif.processing.facts import traces_facts
from flickrexif.processing.parts import fingerprints, read_parts
from flickrexif.processing.shards import MARKERS
from flickrexif.processing.variants import PARAMETERS, VARIANTS

FILE_NAMES = re.compile(r"\w[\w-]*/\w+-(?:\d{5}-of-\d{5}\.parquet|failures\.csv)")
SHARD = re.compile(r"(?P<split>\w+)-\d{5}-of-(?P<count>\d{5})\.parquet")
DRAW = re.compile(rf"(?:{'|'.join(PARAMETERS)})_\w+_seed\d+")
VARIANT_CONFIGS = frozenset(row.config for row in VARIANTS.values())


def configs(folder: Path) -> Configs:
    """The finished splits with images of each config, sorted by name.

    A split is finished when its record says so. A folder without records is a copy of a published one: there all splits
    are finished. Raises FlickrExifError when files of a finished split are missing.
    """
    is_copy = not any(folder.glob(f"*/{MARKERS}/*.json"))
    finished = {(part.config, part.split) for part in read_parts(folder)}
    splits: dict[str, dict[str, Sequence[Path]]] = {}
    for config in _config_folders(folder):
        for split, shards in groupby(shards_of(config), key=split_of):
            if is_copy or (config.name, split) in finished:
                splits.setdefault(config.name, {})[split] = _whole(config, split, list(shards))
    return splits


def _config_folders(folder: Path) -> list[Path]:
    """The folders that hold records of splits or are named like a config."""
    paths = (path for path in folder.glob("*/") if not path.name.startswith("."))
    return sorted(path for path in paths if (path / MARKERS).is_dir() or _is_config(path.name))


def _is_config(name: str) -> bool:
    return name in VARIANT_CONFIGS or DRAW.fullmatch(name) is not None


def shards_of(config: Path) -> list[Path]:
    """The shards of all splits of a config, sorted."""
    return sorted(path for path in config.glob("*-*-of-*.parquet") if SHARD.fullmatch(path.name))


def split_of(shard: Path) -> str:
    """The split that a shard belongs to."""
    return shard.name.rsplit("-", 3)[0]


def _whole(config: Path, split: str, shards: Sequence[Path]) -> Sequence[Path]:
    count = int(shards[0].name.removesuffix(".parquet").rpartition("-")[2])
    if len(shards) != count:
        message = f"{config} holds {len(shards)} of {count} files of the split `{split}`."
        raise FlickrExifError(message, "Make or fetch it again: flickrexif process with the same settings.")
    return shards


def files(folder: Path) -> list[Path]:
    """The files of finished splits, and their tables of failures."""
    finished = {(config, split) for config, splits in configs(folder).items() for split in splits}
    return [path for path in named_files(folder, FILE_NAMES) if (path.parent.name, _part(path)) in finished]


def _part(path: Path) -> str:
    """The split that a shard or a table of failures belongs to."""
    return split_of(path) if path.suffix == ".parquet" else path.name.removesuffix("-failures.csv")


def sources(folder: Path) -> dict[str, list[Path]]:
    """Split -> the folders beside `folder` that have the name of the split's source."""
    names = sorted({(part.split, part.source) for part in read_parts(folder) if Path(part.source).name == part.source})
    folders: dict[str, list[Path]] = {}
    for split, name in names:
        if (beside := folder.absolute().parent / name).is_dir():
            folders.setdefault(split, []).append(beside)
    return folders


def _recognises(folder: Path) -> bool:
    """Whether there is a record of a split (it is written first), or shards in a folder named like a config."""
    marks = folder.glob(f"*/{MARKERS}/*.json")
    return any(marks) or any(_is_config(path.name) and shards_of(path) for path in folder.glob("*/"))


TRACES = DataSetKind(
    name="imagenet-traces",
    made_by="flickrexif process SOURCE --out data/imagenet-traces",
    file_names=FILE_NAMES,
    images={row.name: row.config for row in VARIANTS.values()},
    recognises=_recognises,
    origin=lambda _: "",
    sources=sources,
    configs=configs,
    files=files,
    fingerprint=lambda folder: fingerprints(read_parts(folder)),
    describe=traces_facts,
)
