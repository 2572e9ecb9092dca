"""Which files of a folder are images: those with a usual ending, and others that begin as an image does.

What is no image is counted by its ending, so that each command can say what it passed over.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import IO

from flickrexif.core.containers import container
from flickrexif.core.pictures import SUFFIXES, suffixes
from flickrexif.core.remote import RemotePath, as_remote, is_remote, remote

ENDINGS = suffixes(*SUFFIXES)
# Raw files of cameras are TIFFs, or nearly, whose first picture is a small preview.
RAW = frozenset(".dng .cr2 .cr3 .crw .nef .nrw .arw .srf .sr2 .orf .raf .rw2 .pef .srw .iiq .erf .kdc".split())

_ENDING = re.compile(r"\.[a-z0-9]{1,8}")

Kind = str | None  # of a file in a folder: its ending, "hidden file" or "other file"; None: an image


def is_image(path: str) -> bool:
    """Whether a file has an image's ending; one without a usual ending, whether it begins as an image does."""
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122  # Path would take the most time
    return suffix in ENDINGS or (suffix not in RAW and _begins_as_an_image(path))


def _begins_as_an_image(path: str) -> bool:
    try:
        place = remote(path) or Path(path)
        if not is_remote(place) and not stat.S_ISREG(place.stat().st_mode):  # a pipe would be waited for
            return False
        with place.open("rb") as stream:
            return container(stream) is not None or _is_gif_or_jpeg2000(stream)
    except OSError:
        return False


def _is_gif_or_jpeg2000(stream: IO[bytes]) -> bool:
    stream.seek(0)
    return stream.read(12).startswith((b"GIF8", b"\0\0\0\x0cjP  \r\n\x87\n", b"\xffO\xffQ"))


def ending(name: str) -> str:
    """The ending of a file's name in lower case, such as .jpg; "other file" where it has none of a usual kind."""
    suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122 - a member of an archive is no path here
    return suffix if _ENDING.fullmatch(suffix) else "other file"


def files(
    folder: str | Path,
    *,
    is_wanted: Callable[[str], bool] = is_image,
    links: bool = True,
    without: Collection[Path] = (),
) -> Iterator[tuple[str, Kind]]:
    """(path below `folder` with `/`, None for one that is wanted, else its kind) of all files, sorted.

    Links to folders are followed unless `links` is false, but for those that lead back; hidden folders and those of
    `without` are left out.
    """
    if at_store := as_remote(folder):
        yield from _files_of_store(at_store, is_wanted, without)
        return
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        hidden = entry.name.startswith(".")
        if not entry.is_dir():
            kind = "hidden file" if hidden else None if is_wanted(entry.path) else ending(entry.name)
            yield entry.name, kind
        elif not hidden and (links or not entry.is_symlink()) and _is_below(Path(entry.path), without):
            below = files(entry.path, is_wanted=is_wanted, links=links, without=without)
            yield from ((f"{entry.name}/{path}", kind) for path, kind in below)


def _files_of_store(
    folder: RemotePath, is_wanted: Callable[[str], bool], without: Collection[Path]
) -> Iterator[tuple[str, Kind]]:
    places = {as_remote(place) for place in without}
    for path in sorted(folder.sizes(), key=lambda path: path.parts):  # as folders are walked
        *above, name = path.relative_to(folder).parts
        if any(part.startswith(".") for part in above) or not places.isdisjoint(path.parents):
            continue
        kind = "hidden file" if name.startswith(".") else None if is_wanted(str(path)) else ending(name)
        yield "/".join([*above, name]), kind


def sizes_of(folder: Path) -> Callable[[str], int]:
    """A function that tells the bytes of a file below `folder`; 0 for a broken link, which is listed too."""
    if at_store := as_remote(folder):
        sizes = {path.relative_to(folder).as_posix(): size for path, size in at_store.sizes().items()}
        return lambda path: sizes.get(path, 0)
    return lambda path: _size(folder / path)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _is_below(folder: Path, without: Collection[Path]) -> bool:
    return folder not in without and not (
        folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
    )


def passed_over(name: str, kinds: Mapping[str, int]) -> list[str]:
    """The line that says what of `name` is no image, and how often; none where there is nothing."""
    counts = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(kinds.items()))
    return [f"{name}: passed over are {counts}."] if kinds else []


def images(folder: str | Path, kinds: Counter[str], *, links: bool = True) -> Iterator[str]:
    """The paths below `folder` of its images, sorted; what else is there is added to `kinds` on the way."""
    for path, kind in files(folder, links=links):
        if kind is None:
            yield path
        else:
            kinds[kind] += 1
