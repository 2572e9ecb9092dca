"""`.huggingface.yaml`, which changes with the data of a built folder.

`datasets` caches a local folder under a hash of its front matter and this file, not of its data: without it, it would
go on serving the rows of an earlier build.
"""

import hashlib
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.dataset.parquet import FOLDERS


def fingerprint(root: Path) -> str:
    """The text of `.huggingface.yaml` for the Parquet files in `root`."""
    return f"dataset_info:\n- config_name: default\n  description: 'sha256 {_sha256(root)}'\n"


def _sha256(root: Path) -> str:
    """A hash of names and contents; of image files, which are large, only the footer (sizes and bounds)."""
    digest = hashlib.sha256()
    for config, folder in FOLDERS.items():
        for path in sorted((root / folder).glob("train-*.parquet")):
            digest.update(f"{config}/{path.name}".encode())
            digest.update(_footer(path) if config == "images" else path.read_bytes())
    return digest.hexdigest()


def _footer(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(-8, 2)  # a Parquet file ends with its metadata, the metadata's length and "PAR1"
            length = int.from_bytes(file.read(4), "little")
            file.seek(-8 - length, 2)
            return file.read()
    except OSError:
        raise FlickrExifError(f"{path} is not a complete Parquet file.", "Delete it, then build again.") from None
