"""Labelled images to process: ImageNet, ImageFolder, iNaturalist 2018, Hugging Face data sets, FlickrExif's images.

Folders are listed in sorted order, a data set in its own, so the same source gives the same list on every machine.
"""

import io
import os
import re
import tarfile
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from flickrexif.core.addresses import place_of
from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.core.extras import require
from flickrexif.core.files import read_below
from flickrexif.core.image_files import files, images, sizes_of
from flickrexif.core.remote import is_remote
from flickrexif.core.text import as_utf8
from flickrexif.processing.source import LAYOUTS, SPLITS, UNLABELLED, Lister, Source

FOLDERS = ("train", "training", "val", "valid", "validation", "test")

DEVKIT = "ILSVRC2012_devkit_t12"


def open_source(spec: str, split: str | None = None, limit: int | None = None) -> Source:
    """The images of one split, `train` when none is named.

    `spec` is a folder or `name[?config=..&label=..&image=..&revision=..]` of a Hugging Face data set. `limit` keeps so
    many images: of a folder a random choice that is always the same, of a data set the first. Raises UsageError.
    """
    listers = splits(spec)
    name = SPLITS.get(split, split) if split else ("train" if "train" in listers else next(iter(listers)))
    if name not in listers:
        raise UsageError(f"{spec} has no split {name!r}.", f"Known: {', '.join(listers)}.")
    if limit is not None and limit < 1:
        raise UsageError(f"A limit of {limit} images leaves nothing to do.", "Give 1 or more.")
    source = listers[name](limit)
    if not source:
        raise UsageError(f"There is no image in the split {name!r} of {spec}.", LAYOUTS)
    if len(set(source.ids)) < len(source):
        raise UsageError(f"Two images of {spec} have the same id.", "Rename one of the files.")
    folder = place_of(spec)
    return replace(source, name=folder.resolve().name if folder.is_dir() else spec)


def splits(spec: str) -> Mapping[str, Lister]:
    """The splits of a source, each with the function that lists it. Raises UsageError for anything else."""
    folder = place_of(spec)
    if folder.is_dir():
        for layout in (_inaturalist, _flickrexif, _image_folders):
            if listers := layout(folder):
                return listers
    elif folder.exists():
        raise UsageError(f"{spec} is a file.", LAYOUTS)
    from flickrexif.processing.rows import data_set

    return data_set(spec)


# --- files


@dataclass(frozen=True, slots=True)
class Files:
    """Reads image files below `root`; `odd` has the true names of those that are not UTF-8."""

    root: str
    odd: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, ids: Sequence[str], first: int) -> Iterator[bytes | None]:  # noqa: ARG002
        return (read_below(place_of(self.root), self.odd.get(image_id, image_id)) for image_id in ids)


def _listed(
    names: tuple[str, ...],
    root: Path,
    entries: Iterable[tuple[str, int, int]],
    split: str,
    limit: int | None,
    passed_over: Mapping[str, int],
) -> Source:
    """The source of (path below root, label, size) entries; `passed_over` is whole when they are read."""
    rows = list(entries)
    if limit is not None and limit < len(rows):
        chosen = sorted(range(len(rows)), key=lambda row: rank(0, "limit", as_utf8(rows[row][0])))[:limit]
        rows = [rows[row] for row in sorted(chosen)]
    ids = [as_utf8(path) for path, _, _ in rows]
    odd = {image_id: row[0] for image_id, row in zip(ids, rows, strict=True) if image_id != row[0]}
    labels, sizes = array("i", map(itemgetter(1), rows)), array("q", map(itemgetter(2), rows))
    files = Files(str(root.absolute()), odd)
    return Source(root.name, split, names, ids, labels, sizes, files, range(len(ids)), passed_over)


def _has_images(folder: Path) -> bool:
    return any(images(folder, Counter()))


def _class_names(folder: Path) -> list[str]:
    names = {path.name for path in folder.glob("*/")} if is_remote(folder) else _folders(folder)
    return sorted(name for name in names if not name.startswith("."))


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as scan:
        return [entry.name for entry in scan if entry.is_dir()]


# --- ImageFolder and ImageNet


def _image_folders(root: Path) -> dict[str, Lister]:
    """Class folders in train/, val/ ..., or in `root` itself; ImageNet's val/ without class folders, by its devkit.

    Other images that lie in no class folder, of a split or of `root`, have no labels. What lies beside the splits is
    passed over with the first of them.
    """
    folders = [root / name for name in FOLDERS if (root / name).is_dir()] or [root]
    classes = {
        folder: class_names for folder in folders if (class_names := _class_names(folder)) and _has_images(folder)
    }
    flat = [folder for folder in folders if folder.name == "val" and folder not in classes and _has_devkit(root)]
    wnids = _wnids(root) if flat else {}
    names = tuple(sorted({*wnids.values(), *chain.from_iterable(classes.values())}))
    listers: dict[str, Lister] = {
        _split_name(folder, root): partial(_class_folders, folder, _split_name(folder, root), names)
        for folder in classes
    }
    for folder in folders:
        if folder not in classes and folder not in flat and not _has_table(folder) and _has_images(folder):
            listers[_split_name(folder, root)] = partial(_unlabelled, folder, _split_name(folder, root), names)
    for folder in flat:
        listers["validation"] = partial(_flat_validation, root, folder, names, wnids)
    for split, lister in [*listers.items()][: folders != [root]]:
        listers[split] = partial(_with_what_is_beside, lister, root, folders)
    return listers


def _has_table(folder: Path) -> bool:
    """Whether its images are those of a data set, or described by one: `datasets` knows what they are."""
    return any(folder.glob("**/*.parquet")) or any(folder.glob("metadata.*"))


def _split_name(folder: Path, root: Path) -> str:
    if folder == root and root.name not in FOLDERS:
        return "train"
    return SPLITS.get(folder.name, folder.name)


def _with_what_is_beside(lister: Lister, root: Path, folders: Sequence[Path], limit: int | None) -> Source:
    beside = files(root, without=[*folders, root / DEVKIT])
    kinds = Counter(kind or "image outside of the splits" for path, kind in beside if path != f"{DEVKIT}.tar.gz")
    source = lister(limit)
    return replace(source, passed_over=kinds + Counter(source.passed_over))


def _class_folders(folder: Path, split: str, names: tuple[str, ...], limit: int | None) -> Source:
    label, passed_over = {name: number for number, name in enumerate(names)}, Counter[str]()
    size = sizes_of(folder)

    def entries() -> Iterator[tuple[str, int, int]]:
        for path in images(folder, passed_over):
            class_name, below, _ = path.partition("/")
            if below:
                yield path, label[class_name], size(path)
            else:
                passed_over["image outside of the classes"] += 1

    return _listed(tuple(map(as_utf8, names)), folder, entries(), split, limit, passed_over)


def _unlabelled(folder: Path, split: str, names: tuple[str, ...], limit: int | None) -> Source:
    passed_over, size = Counter[str](), sizes_of(folder)
    entries = ((path, UNLABELLED, size(path)) for path in images(folder, passed_over))
    return _listed(tuple(map(as_utf8, names)), folder, entries, split, limit, passed_over)


def _flat_validation(
    root: Path, folder: Path, names: tuple[str, ...], wnids: Mapping[int, str], limit: int | None
) -> Source:
    """ILSVRC2012_val_00000001.JPEG ...: the number in the name is the line of the ground truth, 1 for the first."""
    truth = [int(line) for line in _devkit_file(root, "ILSVRC2012_validation_ground_truth.txt").split()]
    label, passed_over = {name: number for number, name in enumerate(names)}, Counter[str]()
    size = sizes_of(folder)

    def entries() -> Iterator[tuple[str, int, int]]:
        for path in images(folder, passed_over):
            number = re.search(r"_val_0*(\d+)\.", path)
            if not number or not 1 <= int(number[1]) <= len(truth):
                raise UsageError(f"{folder / path} is not in the devkit's ground truth.", "Take it out of val/.")
            yield path, label[wnids[truth[int(number[1]) - 1]]], size(path)

    return _listed(names, folder, entries(), "validation", limit, passed_over)


def _has_devkit(root: Path) -> bool:
    return (root / DEVKIT).is_dir() or (root / f"{DEVKIT}.tar.gz").is_file()


def _devkit_file(root: Path, name: str) -> bytes:
    path = f"{DEVKIT}/data/{name}"
    try:
        if (root / DEVKIT).is_dir():
            return (root / path).read_bytes()
        with tarfile.open(root / f"{DEVKIT}.tar.gz") as archive, archive.extractfile(path) or io.BytesIO() as member:
            return member.read()
    except (OSError, KeyError, tarfile.TarError):
        raise UsageError(f"ImageNet's devkit in {root} has no {name}.", f"Put {DEVKIT}.tar.gz there.") from None


def _wnids(root: Path) -> dict[int, str]:
    """The devkit's ILSVRC2012_ID -> WordNet id, of the synsets without children (the 1,000 classes)."""
    require("scipy")
    from scipy.io import loadmat, matlab  # type: ignore[import-untyped,unused-ignore]

    try:
        synsets = loadmat(io.BytesIO(_devkit_file(root, "meta.mat")), squeeze_me=True)["synsets"]
        rows = zip(synsets["ILSVRC2012_ID"], synsets["WNID"], synsets["num_children"], strict=True)
        return {int(number): str(wnid) for number, wnid, children in rows if not children}
    except (ValueError, LookupError, TypeError, OSError, zlib.error, matlab.MatReadError):
        raise UsageError(f"ImageNet's devkit in {root} is damaged.", f"Fetch {DEVKIT}.tar.gz again.") from None


# --- iNaturalist 2018


def _inaturalist(root: Path) -> dict[str, Lister]:
    return {
        split: partial(_inaturalist_split, root, path, split)
        for split, path in (("train", root / "train2018.json"), ("validation", root / "val2018.json"))
        if path.is_file()
    }


def _inaturalist_split(root: Path, path: Path, split: str, limit: int | None) -> Source:
    """Ids are the `file_name`s; class names are those of categories.json beside the file, else the file's own."""
    record = _json(path)
    names_file = root / "categories.json"
    try:
        categories = _json(names_file) if names_file.is_file() else record["categories"]
        category = {row["id"]: str(row["name"]) for row in categories}
        places = {number: place for place, number in enumerate(sorted(category))}
        labels = {row["image_id"]: places[row["category_id"]] for row in record["annotations"]}
        listed = sorted((row["file_name"], labels[row["id"]]) for row in record["images"])
    except (KeyError, TypeError) as error:
        message = f"{path} does not describe labelled images ({type(error).__name__}: {error})."
        raise UsageError(message, "Fetch it again from the iNaturalist 2018 competition.") from None
    names = tuple(category[number] for number in sorted(category))
    if len(set(names)) < len(names):  # a name for two categories
        names = tuple(f"{category[number]} ({number})" for number in sorted(category))
    size = sizes_of(root)
    rows = ((file, label, size(file)) for file, label in listed)
    source = _listed(names, root, rows, split, limit, {})
    if source and not any(source.sizes):
        raise UsageError(f"None of the images that {path.name} names is in {root}.", "Unpack train_val2018/ there.")
    return source


def _json(path: Path) -> Any:
    import orjson

    try:
        return orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({str(error)[:80]}).", "Fetch it again.") from None


# --- FlickrExif


def _flickrexif(root: Path) -> dict[str, Lister]:
    """The config `images` of a built folder. Ids are Flickr's; there is no label."""
    if not (root / "collection.json").is_file():
        return {}
    stored = sorted(str(path.absolute()) for path in root.glob("images/train-*.parquet"))
    if not stored:
        hint = "Crawl with --images large, or label your own photos with --images link or copy."
        raise UsageError(f"{root} has no images.", hint)
    from flickrexif.processing.rows import unlabelled

    return unlabelled(stored)
