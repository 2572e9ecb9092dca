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
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116  # a pipe would be waited for
            return False
        with Path(path).open("rb") as stream:
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
