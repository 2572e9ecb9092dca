"""The Parquet files of a built folder: their names, and what tells `datasets` their features."""

import json
import re
from pathlib import Path

from flickrexif.card import FOLDERS
from flickrexif.schema import Column

FILE_NAME = re.compile(r"train-(\d{4}-(?:0[1-9]|1[0-2]))(?:-\d{5})?\.parquet")


def parquet_files(root: Path, config: str) -> list[tuple[str, Path]]:
    """The (month, file) of one config in a built folder, sorted by name."""
    files = sorted((root / FOLDERS[config]).glob("train-*.parquet"))
    return [(hit[1], path) for path in files if (hit := FILE_NAME.fullmatch(path.name))]


def features(columns: tuple[Column, ...]) -> dict[bytes, bytes]:
    """Parquet metadata that tells `datasets` the features, so that it decodes `image` as an image."""
    kinds = {c.name: {"_type": "Image"} if c.type == "image" else _value(c.type) for c in columns}
    return {b"huggingface": json.dumps({"info": {"features": kinds}}).encode()}


def _value(type_: str) -> dict[str, str]:
    return {"dtype": type_, "_type": "Value"}
