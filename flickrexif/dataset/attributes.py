"""A data set to train on: the images of an attribute's split, with their labels.

The stored bytes are passed on: nothing is decoded and encoded again. `datasets` turns a picture upright when it decodes
it; cast the column to `Image(decode=False)` for the bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flickrexif.core.errors import UsageError
from flickrexif.core.parquet import Row, column_names, read_columns, read_rows, read_table
from flickrexif.dataset.folder import check_link
from flickrexif.dataset.split_files import Split, read_split, split_files
from flickrexif.dataset.splits import make_split, proportional

ID = "Flickr ID"
PARTS = {"train": "train", "validation": "val", "test": "test"}  # as `datasets` calls them -> as split files do


def attribute_split(folder: Path, attribute: str, files: Mapping[str, Sequence[Path]]) -> tuple[Split, str]:
    """The split of an attribute and what to say of it: its file's, else a proportional one of the photos with images.

    `files` are the Parquet files of each config. Raises UsageError without images or labels, FlickrExifError for a file
    that cannot be read and where fewer than two values make a class.
    """
    if missing := [config for config in ("images", "labels") if config not in files]:
        hint = "Crawl with --images large, or label your own photos with --images link or copy."
        raise UsageError(f"{folder} has no {missing[0]}.", hint)
    path = split_files(attribute, folder / "splits")[0]
    with_image = {photo for table in read_columns(files["images"], [ID]) for photo in table[ID].to_pylist()}
    if path.is_file():
        split = read_split(path)
        lacking = sum(photo not in with_image for ids in split.ids.values() for photo in ids.tolist())
        return split, f"{lacking:,} photos of the split of {attribute} have no image." if lacking else ""
    table = read_table(files["labels"], column_names(files["labels"][0]))
    kept = [photo in with_image for photo in table[ID].to_pylist()]
    split = make_split(table.filter(kept), attribute, proportional(), seed=0)
    return split, f"{folder} has no split of {attribute}: a proportional one is made, as by `flickrexif splits`."


def labelled(split: Split, images: Any) -> dict[str, Any]:
    """Part -> its images with the columns Flickr ID, image and label; `images` is a `Dataset`, or files to stream."""
    from datasets import ClassLabel

    label = ClassLabel(names=list(split.classes))
    part = _streamed if isinstance(images, list) else _chosen
    return {
        name: part(images, dict(zip(split.ids[of].tolist(), split.labels[of].tolist(), strict=True)), label)
        for name, of in PARTS.items()
    }


def _chosen(images: Any, label_of: Mapping[int, int], label: Any) -> Any:
    labels = [label_of.get(photo, -1) for photo in images[ID]]
    rows = [row for row, number in enumerate(labels) if number >= 0]
    return images.select_columns([ID, "image"]).add_column("label", labels, feature=label).select(rows)


def _streamed(files: list[Path], label_of: Mapping[int, int], label: Any) -> Any:
    from datasets import Features, Image, IterableDataset, Value

    features = Features({ID: Value("int64"), "image": Image(), "label": label})
    kwargs = {"files": files, "label_of": label_of}  # a list is shared among workers, file by file
    return IterableDataset.from_generator(_rows, features=features, gen_kwargs=kwargs)


def _rows(files: Sequence[Path], label_of: Mapping[int, int]) -> Iterator[Row]:
    for row in read_rows(files, ID, label_of, (ID, "image", "sha256")):
        check_link(row)
        yield {ID: row[ID], "image": row["image"], "label": label_of[row[ID]]}
