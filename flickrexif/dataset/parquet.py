"""The Parquet files of a built folder: where they are."""

import re
from pathlib import Path

# config -> folder of its Parquet files
FOLDERS = {"default": "data", "labels": "labels", "images": "images"}

PUBLISHED = "published"  # in place of a month, of photos that a table names
FILE_NAME = re.compile(rf"train-(\d{{4}}-(?:0[1-9]|1[0-2])|{PUBLISHED})(?:-\d{{5}})?\.parquet")


def parquet_files(root: Path, config: str) -> list[tuple[str, Path]]:
    """The (month, file) of one config in a built folder, sorted by name."""
    files = sorted((root / FOLDERS[config]).glob("train-*.parquet"))
    return [(hit[1], path) for path in files if (hit := FILE_NAME.fullmatch(path.name))]
