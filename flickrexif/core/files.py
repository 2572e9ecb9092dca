"""Files that are whole or not there: written under a temporary name beside their own, then renamed."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from filecmp import cmp
from pathlib import Path
from typing import Literal

from flickrexif.core.errors import FlickrExifError

Outcome = Literal["written", "unchanged", "removed"]
AGAIN = "Mend that, then run the same command again."


def put(path: Path, write: Callable[[Path], object]) -> tuple[Outcome, Path]:
    """Let `write` make a file under a temporary name, then rename it; a file of equal bytes is left as it is.

    Makes the folder. Raises FlickrExifError when the disk refuses; what stood at `path` is then still there.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        if path.exists() and cmp(temporary, path, shallow=False):
            return "unchanged", path
        temporary.replace(path)
    except OSError as error:
        raise FlickrExifError(f"{path} cannot be written ({error.strerror or error}).", AGAIN) from None
    finally:
        with suppress(OSError):
            temporary.unlink()
    return "written", path


def put_bytes(path: Path, content: bytes) -> tuple[Outcome, Path]:
    """`put` of bytes at hand."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    return put(path, write)


def put_text(path: Path, text: str) -> tuple[Outcome, Path]:
    """`put` of text, in UTF-8 with plain line ends on every system."""
    return put_bytes(path, text.encode())


def remove(paths: Iterable[Path]) -> Iterator[tuple[Outcome, Path]]:
    """Remove the files that are there. Raises FlickrExifError when the disk refuses."""
    for path in paths:
        if path.exists():
            try:
                path.unlink()
            except OSError as error:
                raise FlickrExifError(f"{path} cannot be removed ({error.strerror}).", AGAIN) from None
            yield "removed", path


def remove_unfinished(folders: Iterable[Path]) -> None:
    """Remove what a killed run left under temporary names."""
    for folder in folders:
        list(remove(folder.glob(".*.tmp")))
