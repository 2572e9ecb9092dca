"""Who took the photos of a folder: a table says it, or the folders they lie in, or the cameras that took them.

Splits keep a photographer's photos together, so what is not known counts as one photographer's.
"""

import csv
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from flickrexif.core.errors import UsageError

OwnerFrom = Literal["top", "parent", "camera", "column"]
UNKNOWN = "unknown"  # the owner of all photos whose photographer nothing tells
FILE_COLUMNS = ("path", "file", "file_name", "filename", "image", "name")  # of a table; in any case


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerTable:
    """A CSV file with a line a photo: which file it is, and the column that says who took it."""

    path: Path
    column: str = "owner"


@dataclass(frozen=True, slots=True)
class Owners:
    """A rule that names the photographer of a photo from its path in the folder and its camera."""

    told: str  # the rule in words
    of: Callable[[str, str | None], str]


def owners(paths: Collection[str], rule: OwnerFrom | None = None, table: OwnerTable | None = None) -> Owners:
    """The rule for the photos at these paths, relative to their folder with `/`.

    None: the table where there is one; else the outermost folders where no photo lies outside of them; else the
    cameras. Raises UsageError for a table that is missing, superfluous or names none of the photos.
    """
    if (rule == "column" and not table) or (table and rule not in (None, "column")):
        raise UsageError("A table of photographers goes with the rule `column`.", "Give --owners TABLE.csv alone.")
    if table:
        return _of_table(paths, table)
    return RULES[rule or ("top" if all("/" in path for path in paths) else "camera")]


RULES: Mapping[str, Owners] = {
    "top": Owners(
        "the outermost folder that a photo lies in",
        lambda path, _: path.rpartition("/")[0].partition("/")[0] or UNKNOWN,
    ),
    "parent": Owners("the folder that a photo lies in", lambda path, _: path.rpartition("/")[0] or UNKNOWN),
    "camera": Owners("the camera's serial number, hashed", lambda _, camera: camera or UNKNOWN),
}


def _of_table(paths: Collection[str], table: OwnerTable) -> Owners:
    """A photo is looked up by its path, then its name, then its name without the ending."""
    named = _read(table)

    def owner(path: str, _: str | None) -> str:
        place = PurePosixPath(path)
        return next((named[name] for name in (path, place.name, place.stem) if name in named), UNKNOWN)

    if all(owner(path, None) == UNKNOWN for path in paths):
        first = next(iter(named), "")
        raise UsageError(
            f"{table.path} names none of the photos (its first is {first[:60]!r}, the folder's {min(paths)[:60]!r}).",
            "Write their paths relative to the folder, or their names.",
        )
    return Owners(f"the column {table.column} of {table.path.name}", owner)


def _read(table: OwnerTable) -> dict[str, str]:
    """File -> owner. UsageError for no such file or column, or a file with two owners."""
    try:
        with table.path.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.DictReader(file)
            columns = list(lines.fieldnames or ())
            files = [column for column in columns if column.strip().casefold() in FILE_COLUMNS]
            if not files or table.column not in columns:
                lack = f"no column {table.column!r}" if files else f"none of the columns {', '.join(FILE_COLUMNS)}"
                message = f"{table.path} has {lack}; it has: {', '.join(columns)[:200]}."
                raise UsageError(message, "Name the column with --owner-column.")
            rows = [(line[files[0]], line[table.column]) for line in lines]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{table.path} cannot be read as CSV ({str(error)[:100]}).", "Give a CSV file.") from None
    named: dict[str, str] = {}
    for name, owner in ((name.strip(), (owner or "").strip()) for name, owner in rows if name):
        if owner and named.setdefault(name, owner) != owner:
            raise UsageError(f"{table.path} gives {name[:60]!r} two photographers.", "Write paths instead of names.")
    return named
