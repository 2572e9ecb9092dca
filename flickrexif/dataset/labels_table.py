"""Reading columns of the labels table, from Parquet files or from a table in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.parquet import read_table
from flickrexif.core.text import reason_of
from flickrexif.dataset.parquet import FOLDERS
from flickrexif.dataset.split_files import Ints

if TYPE_CHECKING:
    import pyarrow as pa


def label_tables(labels: Path) -> list[Path]:
    """The Parquet files of a labels table: of a data set's folder, of its folder `labels`, or the file itself."""
    if labels.is_file():
        return [labels]
    return sorted(labels.glob(f"{FOLDERS['labels']}/*.parquet")) or sorted(labels.glob("*.parquet"))


def data_set_of(labels: Path) -> Path:
    """The folder of the data set that `label_tables` takes labels from: `splits` lies in it."""
    return labels if (labels / FOLDERS["labels"]).is_dir() else labels.parent


def read_labels_table(labels: Path, columns: Sequence[str]) -> "pa.Table":
    """Columns of the labels table of a place, see `label_tables`. FlickrExifError where there is none."""
    files = label_tables(labels)
    if not files:
        hint = "Make one with: flickrexif crawl, or: flickrexif label"
        raise FlickrExifError(f"{labels} holds no labels table.", hint)
    return read_table(files, columns, "Make it again with: flickrexif build")


def photographers(table: Any) -> tuple[Ints, Ints, list[str]]:
    """`(ids, owner, owners)` of a labels table: photo ids, and the place of each photographer in `owners` or -1."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = arrow_table(table, ["Flickr ID", "owner"])
    with typed(table.column_names):
        ids = pc.fill_null(table.column("Flickr ID").cast(pa.int64()), -1).to_numpy()
        return ids, *codes(table.column("owner"))


def arrow_table(table: Any, columns: list[str]) -> Any:
    """`columns` of an Arrow or pandas table, as Arrow."""
    import pyarrow as pa

    is_arrow = isinstance(table, pa.Table)
    if missing := [name for name in columns if name not in set(table.column_names if is_arrow else table.columns)]:
        raise FlickrExifError(f"The labels table has no column {missing[0]!r}.", "Make it with: flickrexif build")
    with typed(columns):
        return table.select(columns) if is_arrow else pa.Table.from_pandas(table[columns], preserve_index=False)


@contextmanager
def typed(columns: list[str]) -> Iterator[None]:
    """Turn errors of Arrow into a FlickrExifError."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        message = f"A column of {', '.join(columns)} is not of its type ({reason_of(error)})."
        raise FlickrExifError(message, "Make the labels table again with: flickrexif build") from None


def codes(column: Any) -> tuple[Ints, list[str]]:
    """For each text in `column` its place in the sorted list of them (-1 for null and ""); and that list."""
    encoded = column.combine_chunks().cast("string").dictionary_encode()
    names: list[str] = encoded.dictionary.to_pylist()
    listed = sorted(name for name in names if name)
    place = {name: index for index, name in enumerate(listed)}
    new = np.array([place.get(name, -1) for name in names] + [-1], dtype=np.int64)
    return new[encoded.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)], listed
