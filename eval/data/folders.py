"""Files of images in folders, as torchvision's ImageFolder reads them."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.core.image_files import files, is_image, sizes_of
from flickrexif.core.text import as_utf8
from flickrexif.eval.data.names import SPLITS
from flickrexif.eval.data.source import Files, Source, fingerprint


def walk(
    folder: Path, is_wanted: Callable[[str], bool] = is_image, without: Collection[Path] = ()
) -> tuple[dict[str, int], Counter[str]]:
    """Path below `folder` -> size in bytes, of the files that are wanted, sorted by path; and of the others, by kind.

    Links to folders are followed, as torchvision does, but for those that lead back; hidden folders and those of
    `without` are left out.
    """
    sizes, passed_over, size = dict[str, int](), Counter[str](), sizes_of(folder)
    for path, kind in files(folder, is_wanted=is_wanted, without=without):
        if kind is None:
            sizes[path] = size(path)
        else:
            passed_over[kind] += 1
    return sizes, passed_over


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
