"""Load a data set of this project by name: from the data folder when it is there, else from the Hub."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flickrexif.core.errors import FlickrExifError, UsageError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict


class Home(NamedTuple):
    """Where a data set lives on the Hub, if it does, and the command that makes it."""

    hub: str | None
    command: str


HOMES = {
    "flickrexif": Home("CTU-OU/FlickrExif", "flickrexif crawl --month 2024-08 --sandbox"),
    "paircams": Home("CTU-OU/PairCams", "flickrexif pairs build SOURCE --out data/paircams"),
    "imagenet-traces": Home(None, "flickrexif process SOURCE --out data/imagenet-traces"),
}


def load_dataset(
    name: str = "flickrexif",
    config: str | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    **options: Any,
) -> "DatasetDict | Dataset | IterableDatasetDict | IterableDataset":
    """`datasets.load_dataset` for `flickrexif`, `paircams` or `imagenet-traces`.

    Looks in `data_dir`, else `$FLICKREXIF_DATA`, else `data/`; a data set that is not there comes from the Hugging
    Face Hub, unless `data_dir` says where it must be. A `revision` is one of the Hub's, so the Hub is asked.
    `options` (`split`, `streaming`, ...) go to `datasets.load_dataset`. Raises FlickrExifError when there is no
    such data set or config.
    """
    if name not in HOMES:
        raise UsageError(f"There is no data set {name!r}.", f"Known: {_listed(HOMES)}.")
    if data_dir is not None and revision is not None:
        raise UsageError("`revision` is of the Hub and `data_dir` is a local folder.", "Give one of them.")
    folder = Path(data_dir or os.environ.get("FLICKREXIF_DATA") or "data").absolute() / name
    if revision is None and (folder / "README.md").is_file():
        return _load_local(name, folder, config, options)
    if data_dir is not None:
        raise FlickrExifError(f"There is no data set in {folder}.", _make(name))
    return _load_hub(name, folder, config, {"revision": revision, **options})


def _load_local(name: str, folder: Path, config: str | None, options: dict[str, Any]) -> Any:
    import datasets
    import pyarrow as pa
    from huggingface_hub import DatasetCard

    configs = DatasetCard.load(folder / "README.md").data.to_dict().get("configs") or []
    files = {entry["config_name"]: entry["data_files"] for entry in configs if "data_files" in entry}
    if files:
        config = config or ("default" if "default" in files else next(iter(files)))
        if config not in files:
            raise UsageError(f"`{name}` in {folder} has no config {config!r}.", f"Known: {_listed(files)}.")
        # Given as an argument, the files' times enter the name of `datasets`' cache; through the card they do not,
        # and a data set that was built anew would be served as it was.
        options.setdefault("data_files", files[config])
    try:
        return datasets.load_dataset(str(folder), config, **options)
    except (FileNotFoundError, pa.ArrowInvalid, datasets.exceptions.DatasetBuildError) as error:
        raise FlickrExifError(f"{folder} has no readable files of config {config!r} ({error}).", _make(name)) from error


def _load_hub(name: str, folder: Path, config: str | None, options: dict[str, Any]) -> Any:
    hub = HOMES[name].hub
    missing = f"There is no data set in {folder}"
    if hub is None:
        raise FlickrExifError(f"{missing}.", _make(name))
    import datasets

    try:
        if config is not None:
            known = datasets.get_dataset_config_names(hub, revision=options["revision"])
            if config not in known:
                raise UsageError(f"{hub} on the Hub has no config {config!r}.", f"Known: {_listed(known)}.")
        return datasets.load_dataset(hub, config, **options)
    except (ConnectionError, datasets.exceptions.DatasetNotFoundError) as error:
        raise FlickrExifError(f"{missing}, and {hub} cannot be had from the Hub.", _make(name)) from error


def _make(name: str) -> str:
    return f"Make it with `{HOMES[name].command}`, or name its folder with data_dir or $FLICKREXIF_DATA."


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
