"""Files of images in folders, as torchvision's ImageFolder reads them."""

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.core.text import as_utf8
from flickrexif.eval.data.names import SPLITS
from flickrexif.eval.data.source import Files, Source, fingerprint
from flickrexif.processing.sources import EXTENSIONS

ENDING = re.compile(r"\.[a-z0-9]{1,8}")


def ending(name: str) -> str:
    """The ending of a file's name in lower case, such as .jpg; "other file" where it has none of a usual kind."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a member of an archive is no path here
    return suffix if ENDING.fullmatch(suffix) else "other file"


def walk(
    folder: Path, endings: Collection[str] = EXTENSIONS, without: Collection[Path] = ()
) -> tuple[dict[str, int], Counter[str]]:
    """Path below `folder` -> size in bytes, of files with these endings, sorted by path; and of the others, by kind.

    Links to folders are followed, as torchvision does, but for those that lead back; hidden folders and those of
    `without` are left out.
    """
    paths, passed_over = [], Counter[str]()
    for here, folders, files in os.walk(folder, followlinks=True):
        places = [Path(here, name) for name in folders if not name.startswith(".")]
        folders[:] = [place.name for place in places if place not in without and not _leads_back(place)]
        below = Path(here).relative_to(folder)
        for name in files:
            if name.startswith(".") or ending(name) not in endings:
                passed_over["hidden file" if name.startswith(".") else ending(name)] += 1
            else:
                paths.append((below / name).as_posix())
    return {path: _size(folder / path) for path in sorted(paths, key=lambda path: path.split("/"))}, passed_over


def _leads_back(folder: Path) -> bool:
    return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0  # a broken link is listed too


def split_folders(root: Path) -> dict[str | None, Path]:
    """Split -> its folder in `root`; None -> `root` where it has no splits. UsageError where a split has two."""
    folders = [folder for folder in sorted(root.iterdir()) if folder.is_dir() and folder.name in SPLITS]
    places: dict[str | None, Path] = {SPLITS[folder.name]: folder for folder in folders}
    if len(places) < len(folders):
        raise UsageError(f"{root} has two folders of one split.", "Rename one of val/, valid/ and validation/.")
    return places or {None: root}


def image_folders(name: str, root: Path) -> list[Source]:
    """The sources of train/ and val/, or of the folder itself, with or without class folders.

    Classes are the folders in a split, numbered over all splits; images beside them are passed over, and so are images
    beside the splits. A split without class folders has no labels, nor has a folder that has no splits and images at
    its top.
    """
    places = split_folders(root)
    listed = {split: walk(place) for split, place in places.items()}
    beside = Counter[str]()
    if None not in places:
        images, beside = walk(root, without=places.values())
        beside += Counter({"image outside of the splits": len(images)})
    labelled = {split: _is_labelled(sizes, split) for split, (sizes, _) in listed.items()}
    classes = sorted({_class(path) for split, (sizes, _) in listed.items() for path in sizes if labelled[split]} - {""})
    sources: list[Source] = []
    for split, (sizes, passed_over) in listed.items():
        files = {path: size for path, size in sizes.items() if not labelled[split] or _class(path)}
        unclassed = Counter({"image outside of the classes": len(sizes) - len(files)})
        passed_over = passed_over + unclassed + (Counter() if sources else beside)
        if files:
            of_split = classes if labelled[split] else ()
            sources.append(_image_folder(name, of_split, split, places[split], files, passed_over))
    return sources


def _class(path: str) -> str:
    return path.rpartition("/")[0].partition("/")[0]


def _is_labelled(paths: Collection[str], split: str | None) -> bool:
    return (all if split is None else any)(map(_class, paths))


def _image_folder(
    name: str,
    classes: Sequence[str],
    split: str | None,
    root: Path,
    files: Mapping[str, int],
    passed_over: Mapping[str, int],
) -> Source:
    number_of = {class_name: number for number, class_name in enumerate(classes)}
    columns = {"label": [number_of[_class(path)] for path in files]} if classes else {}
    ids = list(map(as_utf8, files))
    return Source(
        dataset=name,
        ids=ids,
        read=Files(str(root.absolute()), list(files)),
        fingerprint=fingerprint(ids, columns, files.values()),
        contents=list(files.values()),
        columns=columns,
        split=split,
        class_names=tuple(map(as_utf8, classes)),
        passed_over=passed_over,
    )
