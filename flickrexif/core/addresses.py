"""Where a folder is, for programs that take some names for more than names.

`datasets` takes `[`, `]`, `*` and `?` in a path for a pattern, also in the names of the folders around the data, and
`::` for a chain of file systems. A folder with such a name gets a second one in the cache of `datasets`.
"""

import hashlib
import os
import re
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, UsageError

ODD = re.compile(r"[\[\]*?]|::")


def expanded(place: str | os.PathLike[str]) -> Path:
    """The path of a place, `~` at its start expanded. UsageError where this machine does not say what it stands for."""
    path = Path(os.path.expanduser(place))  # noqa: PTH111 - Path.expanduser raises for a folder called ~x
    if path.parts[:1] == ("~",):
        raise UsageError(f"{place} cannot be found: nothing says where `~` is.", "Set HOME, or write the path in full.")
    return path


def address_of(folder: Path) -> str:
    """A path of the folder that `datasets` takes as it is. Raises FlickrExifError when its cache cannot be written."""
    folder = folder.absolute()
    if not ODD.search(str(folder)):
        return str(folder)
    home = cache_folder() / "flickrexif" / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    second = home / (ODD.sub("_", folder.name) or "_")
    try:
        second.mkdir(parents=True, exist_ok=True)
        for link in {path.name for path in second.iterdir()} - {path.name for path in folder.iterdir()}:
            (second / link).unlink(missing_ok=True)
        for path in folder.iterdir():
            _link(second / path.name, path)
    except OSError as error:
        raise no_cache(error) from None
    return str(second)


def split_query(spec: str) -> tuple[str, str]:
    """The folder (`~` expanded) or Hub name and the options of `name?label=...`; a folder's name may have a `?`."""
    name, _, query = (spec, "", "") if expanded(spec).exists() or "?" not in spec else spec.rpartition("?")
    return (str(expanded(name)) if name.startswith("~") else name), query


def data_set_address(name: str) -> str:
    """What `datasets` is asked for: a folder by its address, another name as on the Hub."""
    return address_of(Path(name)) if Path(name).is_dir() else name


def cache_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The cache of `datasets`: `cache_dir`, else where its settings say."""
    from datasets import config

    return Path(cache_dir or config.HF_DATASETS_CACHE)


def no_cache(error: OSError, cache_dir: str | os.PathLike[str] | None = None) -> FlickrExifError:
    """The error of a cache that cannot be written."""
    message = f"The cache {cache_folder(cache_dir)} cannot be written ({error.strerror or error})."
    return FlickrExifError(message, "Name a folder that you may write: HF_DATASETS_CACHE=/path/to/folder")


def _link(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except FileExistsError:  # of an earlier call; what it leads to is the folder's, however that changed
        return
