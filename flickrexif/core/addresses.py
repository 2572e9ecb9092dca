"""Where a folder is, for programs that take some names for more than names.

`datasets` takes `[`, `]`, `*` and `?` in a path for a pattern, also in the names of the folders around the data, and
`::` for a chain of file systems. A folder with such a name gets a second one in the cache of `datasets`.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.remote import STORES_HINT, is_remote, remote
from flickrexif.core.text import reason_of

ODD = re.compile(r"[\[\]*?]|::")
HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+", re.ASCII)
FILES = (".csv", ".jpeg", ".jpg", ".json", ".parquet", ".png", ".tar", ".zip")
NO_ANSWER = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)  # of an answer that is not the Hub's
HUB_PATIENCE = 10.0  # seconds


def expanded(place: str | os.PathLike[str]) -> Path:
    """The path of a place, `~` at its start expanded. UsageError where this machine does not say what it stands for."""
    path = Path(os.path.expanduser(place))  # noqa: PTH111 - Path.expanduser raises for a folder called ~x
    if path.parts[:1] == ("~",):
        raise UsageError(f"{place} cannot be found: nothing says where `~` is.", "Set HOME, or write the path in full.")
    return path


def place_of(place: str | os.PathLike[str]) -> Path:
    """As `expanded`; of an address of a store such as s3://bucket/traces, its path there. Raises also as `remote`."""
    return remote(place) or expanded(place)


def address_of(folder: Path) -> str:
    """A path of the folder that `datasets` takes as it is. Raises FlickrExifError when its cache cannot be written."""
    folder = folder.absolute()
    if is_remote(folder) or not ODD.search(str(folder)):
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
    name, _, query = (spec, "", "") if place_of(spec).exists() or "?" not in spec else spec.rpartition("?")
    return (str(expanded(name)) if name.startswith("~") else name), query


def data_set_address(name: str) -> str:
    """What `datasets` is asked for: a folder by its address, another name as on the Hub."""
    return address_of(Path(name)) if Path(name).is_dir() else name


def check_data_set(name: str, hint: str, revision: str | None = None) -> None:
    """Refuse what is neither a folder nor on the Hub, before `datasets` looks for it; raises as `check_hub`.

    What looks like a path is not looked for on the Hub: UsageError, with `hint`.
    """
    if not Path(name).is_dir():
        if not is_hub_name(name):
            raise UsageError(f"There is no folder {name}.", STORES_HINT if "://" in name else hint)
        check_hub(name, revision)


def is_hub_name(name: str) -> bool:
    """Whether `name` is `user/name`, as data sets of the Hub are called, and not below a folder that is here."""
    user, _, rest = name.partition("/")
    looks_like_a_file = Path(rest).suffix.lower() in FILES
    return bool(HUB_NAME.fullmatch(name)) and not looks_like_a_file and not Path(user).exists()


def check_hub(name: str, revision: str | None = None) -> None:
    """Look once whether the Hub has the data set. `datasets` alone would ask six times, and tell less.

    Raises UsageError where it has none of that name that this user may see, FlickrExifError where it does not answer.
    """
    from datasets import config
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # its public name of the HTTP library

    if config.HF_HUB_OFFLINE:
        return
    try:
        HfApi().dataset_info(name, revision=revision, timeout=HUB_PATIENCE)
    except RevisionNotFoundError:
        raise UsageError(f"The data set {name} on the Hub has no revision {revision!r}.", "Correct it.") from None
    except RepositoryNotFoundError:
        hint = "Correct the name, or type `hf auth login` if it is private."
        raise UsageError(f"{name} is no folder here, and the Hub has no such data set.", hint) from None
    except (httpx.HTTPError, HfHubHTTPError, OSError, *NO_ANSWER) as error:
        message = f"{name} is no folder here, and the Hub does not answer ({reason_of(error, 100)})."
        hint = "Correct the path or check the network; with HF_HUB_OFFLINE=1 what was fetched before is used."
        raise FlickrExifError(message, hint) from None


def cache_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The cache of `datasets`: `cache_dir`, else where its settings say."""
    from datasets import config

    return Path(cache_dir or config.HF_DATASETS_CACHE)


def no_cache(error: OSError, cache_dir: str | os.PathLike[str] | None = None) -> FlickrExifError:
    """The error of a cache that cannot be written."""
    message = f"The cache {cache_folder(cache_dir)} cannot be written ({error.strerror or error})."
    return FlickrExifError(message, "Name a folder that you may write: HF_DATASETS_CACHE=/path/to/folder")


def image_of_row(cell: Mapping[str, Any] | None, data_set: str) -> bytes | None:
    """The image of a row that `datasets` read of `data_set` (a folder, or a name on the Hub): its bytes, or its file.

    None without either, and for a file that is not the data set's own: a stranger's data set could name any file of
    this machine, or any address of its network.
    """
    from datasets.utils.file_utils import xopen

    if cell is None or cell["bytes"] is not None:
        return bytes(cell["bytes"]) if cell else None
    if not cell["path"] or not _is_of(data_set, cell["path"]):
        return None
    try:
        with xopen(cell["path"], "rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def _is_of(data_set: str, path: str) -> bool:
    """Whether a file lies in the folder of a data set, in the caches of `datasets`, or in its repository on the Hub."""
    from datasets import config
    from huggingface_hub import constants

    place = path.rpartition("::")[2]  # of a member, its archive
    if "://" in place:
        return place.startswith((f"hf://datasets/{data_set}/", f"hf://datasets/{data_set}@"))
    caches = (config.HF_DATASETS_CACHE, config.DOWNLOADED_DATASETS_PATH, constants.HF_HUB_CACHE)
    roots = (data_set, Path(data_set).resolve(), *caches)
    return any(Path(_normal(place)).is_relative_to(_normal(root)) for root in roots)


def _normal(path: str | os.PathLike[str]) -> str:
    """A path without `..`, its links as they are."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.absolute keeps `..`


def _link(link: Path, target: Path) -> None:
    try:
        link.symlink_to(target)
    except FileExistsError:  # of an earlier call; what it leads to is the folder's, however that changed
        return
