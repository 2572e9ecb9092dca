"""Load a data set by name: from the data folder when it is there, else from the Hub."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from flickrexif.core.addresses import address_of, cache_folder, check_hub, expanded, no_cache
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.folder import default_data_dir

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

    from flickrexif.core.kinds import Configs, DataSetKind


def load_dataset(
    name: str = "flickrexif",
    config: str | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    **options: Any,
) -> "DatasetDict | Dataset | IterableDatasetDict | IterableDataset":
    """`datasets.load_dataset` for `flickrexif`, `paircams`, `imagenet-traces` or another folder of the data folder.

    The data folder is `data_dir`, else `$FLICKREXIF_DATA`, else `data/`. What lies there is loaded when it is whole;
    half a build is an error. Where no such folder is, the Hugging Face Hub is asked, and a line on stderr says so,
    unless `data_dir` says where the data must be. A config that is an attribute (`Make`, `Is Smartphone`) is a data set
    to train on: image and label, in train, validation and test, of photos that have an image. A `revision`, or a name
    as on the Hub (`CTU-OU/FlickrExif`), asks the Hub whatever lies here. `options` (`split`, `streaming`, ...) go to
    `datasets.load_dataset`. Raises FlickrExifError when there is no such data set or config.
    """
    if data_dir is not None and (revision is not None or "/" in name):
        asked = f"`{name}` is a name" if "/" in name else "`revision` is one"
        raise UsageError(f"{asked} on the Hub, and `data_dir` is a local folder.", "Give one of them.")
    if "/" in name:
        return _load_hub(name, config, {"revision": revision, **options})
    place = default_data_dir() if data_dir is None else expanded(data_dir)
    folder = place.absolute() / name
    if revision is None and folder.is_dir():
        return _load_local(folder, config, options)
    kind = _kind_named(name)
    missing = f"There is no data set in {folder}"
    if data_dir is not None or kind.hub is None:
        raise FlickrExifError(f"{missing}.", _make(kind))
    try:
        if revision is None:
            sys.stderr.write(f"There is no folder {folder}: {kind.hub} is loaded from the Hugging Face Hub.\n")
        return _load_hub(kind.hub, config, {"revision": revision, **options})
    except FlickrExifError as error:
        raise type(error)(f"{missing}, and {error.message}", error.hint or _make(kind)) from error


def check_whole(folder: Path, kind: "DataSetKind") -> None:
    """Whether what lies in the folder of a data set is what its card describes.

    Raises FlickrExifError when a command that writes was stopped between its first file and the last of the card. A
    folder without a fingerprint, which is not published, is a copy and taken as it is.
    """
    from flickrexif.core.kinds import FINGERPRINT

    hint = f"Wait until it ends, run it again if it was stopped, or type: flickrexif card {folder}"
    if not (folder / "README.md").is_file():
        raise FlickrExifError(f"{folder} has no card: a command has not built it to the end.", hint)
    fingerprint = folder / FINGERPRINT
    if fingerprint.is_file() and fingerprint.read_text("utf-8") != kind.fingerprint(folder):
        raise FlickrExifError(
            f"{folder} was changed, and its card was not yet: a command has not come to its end.", hint
        )


def _load_local(folder: Path, config: str | None, options: dict[str, Any]) -> Any:
    import datasets
    import pyarrow as pa

    from flickrexif.dataset.folder import check_links
    from flickrexif.dataset.kind import PHOTOS
    from flickrexif.dataset.splits import ATTRIBUTES
    from flickrexif.kinds import kind_of

    kind = kind_of(folder)
    check_whole(folder, kind)
    configs = kind.configs(folder)
    if not configs:
        raise FlickrExifError(f"{folder} holds no rows.", _make(kind))
    if config in ATTRIBUTES and kind in PHOTOS:
        return _load_attribute(folder, config, configs, options)
    config = config or ("default" if "default" in configs else next(iter(configs)))
    if config not in configs:
        raise UsageError(f"The data set in {folder} has no config {config!r}.", f"Known: {_listed(configs)}.")
    if config == "images":
        check_links(folder, configs[config]["train"])
    # Given as an argument, the files' times enter the name of `datasets`' cache; through the card they do not.
    files = {split: [path.relative_to(folder).as_posix() for path in paths] for split, paths in configs[config].items()}
    _check_cache(options.get("cache_dir"))
    try:
        return datasets.load_dataset(address_of(folder), config, **{"data_files": files, **options})
    except (FileNotFoundError, pa.ArrowInvalid, datasets.exceptions.DatasetBuildError) as error:
        message = f"{folder} has no readable files of config {config!r} ({error})."
        raise FlickrExifError(message, _make(kind)) from error


def _load_attribute(folder: Path, attribute: str, configs: "Configs", options: dict[str, Any]) -> Any:
    """The images of an attribute's split, with their labels: all parts, or the one that `split` names."""
    import datasets

    from flickrexif.dataset.attributes import PARTS, attribute_split, labelled

    part = options.get("split")
    if part is not None and part not in PARTS:
        raise UsageError(f"{attribute} has no split {part!r}.", f"Known: {_listed(PARTS)}.")
    split, line = attribute_split(folder, attribute, {name: files["train"] for name, files in configs.items()})
    if line:
        sys.stderr.write(f"{line}\n")
    if options.get("streaming"):
        parts = labelled(split, list(configs["images"]["train"]))
        return parts[part] if part else datasets.IterableDatasetDict(parts)
    parts = labelled(split, _load_local(folder, "images", {**options, "split": "train"}))
    return parts[part] if part else datasets.DatasetDict(parts)


def _check_cache(cache_dir: str | None) -> None:
    """FlickrExifError when the cache of `datasets` cannot be written, which it tells as if the data were not there."""
    cache = cache_folder(cache_dir)
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=cache):
            pass
    except OSError as error:
        raise no_cache(error, cache_dir) from None


def _load_hub(repo: str, config: str | None, options: dict[str, Any]) -> Any:
    import datasets

    if Path(repo).exists():  # `datasets` would take it
        raise UsageError(f"{repo} is a folder here, and no name on the Hub.", "Give its parent as `data_dir`.")
    check_hub(repo, options["revision"])
    try:
        if config is not None:
            known = datasets.get_dataset_config_names(repo, revision=options["revision"])
            if config not in known:
                raise UsageError(f"{repo} on the Hub has no config {config!r}.", f"Known: {_listed(known)}.")
        return datasets.load_dataset(repo, config, **options)
    except (ConnectionError, datasets.exceptions.DatasetNotFoundError) as error:
        raise FlickrExifError(f"{repo} cannot be had from the Hub.") from error


def _kind_named(name: str) -> "DataSetKind":
    from flickrexif.kinds import KINDS

    kinds = {kind.name: kind for kind in KINDS}
    if name not in kinds:
        raise UsageError(f"There is no data set {name!r}.", f"Known: {_listed(kinds)}.")
    return kinds[name]


def _make(kind: "DataSetKind") -> str:
    return f"Make it with `{kind.made_by}`, or name its folder with data_dir or $FLICKREXIF_DATA."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
