"""Data sets that `datasets` reads: of the Hugging Face Hub by name, and folders of `save_to_disk`."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from flickrexif.core.addresses import address_of, check_data_set, data_set_address, split_query
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.text import reason_of
from flickrexif.eval.data.names import HINT, NAMES, SPLITS, USED, WHOLE, listed, one_of
from flickrexif.eval.data.source import HubRows, Source, fingerprint


def hub(spec: str) -> Iterator[Source]:
    """Every split of `name[?config=..&image=..&label=..]`, through the cache of `datasets`."""
    import datasets

    path, query = split_query(spec)
    options = dict(parse_qsl(query))
    if wrong := set(options) - {"config", "image", "label"}:
        raise UsageError(f"{', '.join(sorted(wrong))} is no option of a data set.", "Known: config, image, label.")
    check_data_set(path, HINT)
    try:
        splits = datasets.load_dataset(data_set_address(path), options.get("config"))
    except (OSError, ValueError, LookupError, datasets.exceptions.DatasetsError) as error:
        reason = reason_of(error, 200)
        raise UsageError(f"{spec} is no folder of images and no data set ({reason}).", HINT) from None
    name = NAMES.get(path.rpartition("/")[2].lower(), path if not Path(path).exists() else Path(path).resolve().name)
    for split, rows in splits.items():
        yield _split(name, path, str(split), rows, options, rows.info.dataset_size or 0)


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` of `datasets` wrote the folder."""
    of_one = all((folder / name).is_file() for name in ("state.json", "dataset_info.json"))
    return of_one or (folder / "dataset_dict.json").is_file()


def saved(name: str, folder: Path) -> Iterator[Source]:
    """Every split of a folder of `save_to_disk`, of a Dataset or a DatasetDict."""
    import datasets
    import pyarrow as pa

    try:
        loaded = datasets.load_from_disk(address_of(folder))
    except (OSError, ValueError, LookupError, TypeError, pa.ArrowException) as error:
        raise FlickrExifError(f"{folder} cannot be read ({reason_of(error)}).", "Save it to the disk again.") from None
    splits = loaded if isinstance(loaded, datasets.DatasetDict) else {_split_of(loaded): loaded}
    for split, rows in splits.items():
        yield _split(name, str(folder), split, rows, {})


def _split_of(rows: Any) -> str | None:
    """The split that a Dataset is, None for a part of one or a sum, such as train[:10%]."""
    return str(rows.split) if re.fullmatch(r"\w+", str(rows.split or "")) else None


def _split(
    name: str, place: str, split: str | None, rows: Any, options: Mapping[str, str], size: int | None = None
) -> Source:
    """One split of the data set at `place`; `size` is that of all its images, None where each is to be told."""
    import datasets

    rows = rows.with_format(None)
    images = [column for column, kind in rows.features.items() if isinstance(kind, datasets.Image)]
    image = options.get("image") or one_of("image", ["image"] if "image" in images else images, name)
    label = options.get("label", "label")
    if image not in images or ("label" in options and label not in rows.features):
        raise UsageError(f"{name} has no such column.", f"It has: {', '.join(rows.features)}.")
    values = {column: rows[column][:] for column in rows.column_names if column in USED - {image}}
    if label in rows.features:
        values["label"] = rows[label][:]
    listing = listed(values, len(rows))
    kind = rows.features.get(label)
    stored = rows.select_columns([image]).cast_column(image, datasets.Image(decode=False))
    contents = listing.contents or (_sizes(stored.data.column(image)) if size is None else [size])
    return Source(
        dataset=name,
        ids=listing.ids,
        read=HubRows(stored, image, place),
        fingerprint=fingerprint(listing.ids, listing.columns, contents),
        contents=contents if len(contents) == len(rows) else (),
        columns=listing.columns,
        split=None if name in WHOLE else SPLITS.get(split or "", split),
        class_names=tuple(kind.names) if isinstance(kind, datasets.ClassLabel) else (),
    )


def _sizes(images: Any) -> list[int | None]:
    """Of each image of a column of {bytes, path}, in bytes; None where there is none."""
    import pyarrow.compute as pc

    sizes: list[int | None] = pc.binary_length(pc.struct_field(images, "bytes")).to_pylist()
    return sizes
