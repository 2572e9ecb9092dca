"""The Parquet files of a built folder: their names, how they are written, what tells `datasets` their features."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.columns import Column, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

# config -> folder of its Parquet files
FOLDERS = {"default": "data", "labels": "labels", "images": "images"}

FILE_NAME = re.compile(r"train-(\d{4}-(?:0[1-9]|1[0-2]))(?:-\d{5})?\.parquet")


def parquet_files(root: Path, config: str) -> list[tuple[str, Path]]:
    """The (month, file) of one config in a built folder, sorted by name."""
    files = sorted((root / FOLDERS[config]).glob("train-*.parquet"))
    return [(hit[1], path) for path in files if (hit := FILE_NAME.fullmatch(path.name))]


def features(columns: tuple[Column, ...]) -> dict[bytes, bytes]:
    """Parquet metadata that tells `datasets` the features, so that it decodes `image` as an image."""
    kinds = {c.name: {"_type": "Image"} if c.type == "image" else _value(c.type) for c in columns}
    return {b"huggingface": json.dumps({"info": {"features": kinds}}).encode()}


def write_rows(path: Path, table: "pa.Table") -> None:
    """A file of rows without images."""
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def image_writer(path: Path, columns: tuple[Column, ...]) -> "pq.ParquetWriter":
    """A writer of rows that hold images: images are compressed already, and statistics of their bytes would copy
    whole images into the footer."""
    import pyarrow.parquet as pq

    schema = arrow_schema(columns).with_metadata(features(columns))
    small = [column.name for column in columns if column.type != "image"]
    return pq.ParquetWriter(path, schema, compression="none", use_dictionary=False, write_statistics=small)


def _value(type_: str) -> dict[str, str]:
    return {"dtype": type_, "_type": "Value"}
