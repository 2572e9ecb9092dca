"""The version of a file: the number `schema_version` in it. A file without the number is of version 1."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flickrexif.core.errors import FlickrExifError

VERSION = "schema_version"
UPGRADE = "Type: pip install --upgrade flickrexif"


def versioned(fields: Mapping[str, Any], version: int = 1) -> dict[str, Any]:
    """The fields of a file, and its version."""
    return {VERSION: version, **fields}


def fields_of(record: Mapping[str, Any], path: Path, newest: int = 1) -> dict[str, Any]:
    """The fields of a file but for its version. Raises FlickrExifError for one of a later version than `newest`."""
    version = record.get(VERSION, 1)
    if version not in range(1, newest + 1):
        raise other_version(path, f"{VERSION} {str(version)[:20]}, not {newest}")
    return {name: value for name, value in record.items() if name != VERSION}


def other_version(path: Path | str, what: str) -> FlickrExifError:
    """The error for a file of another version, which is told by `what`."""
    return FlickrExifError(f"{path} was written by another version of flickrexif ({what}).", UPGRADE)
