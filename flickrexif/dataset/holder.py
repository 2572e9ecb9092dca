"""Takes photos out of FlickrExif data sets and labelled folders: credits, images, rows.

Only files that hold them are written again; a month that has no rows left loses its files.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from flickrexif.core.files import remove
from flickrexif.core.kinds import Holder
from flickrexif.core.parquet import column_names, read_columns, remove_rows
from flickrexif.core.photo_ids import NUMBER
from flickrexif.dataset.parquet import FOLDERS

ID = "Flickr ID"
ROWS = {"default": "data rows", "labels": "label rows"}  # labels last: they say which photos are a photographer's
AGAIN = "Delete it, then run the same command again."


def _roots(files: Sequence[Path]) -> list[Path]:
    """The data sets: folders with a `collection.json`, or with rows of photos."""
    roots = {path.parent for path in files if path.name == "collection.json"}
    rows = (path for path in files if path.parent.name in FOLDERS.values() and path.match("train-*.parquet"))
    roots |= {path.parents[1] for path in rows if path.parents[1] not in roots and ID in column_names(path)}
    return sorted(roots)


def _tables(root: Path, config: str) -> list[Path]:
    return sorted((root / FOLDERS[config]).glob("*.parquet"))


def _photos_of(files: Sequence[Path], ids: Collection[str], owners: Collection[str]) -> Mapping[str, str]:
    """Photo id -> owner; in a labelled folder also files with one of `ids` in their name."""
    photos: dict[str, str] = {}
    for path in (path for root in _roots(files) for config in ROWS for path in _tables(root, config)):
        columns = [name for name in (ID, "owner", "path") if name in column_names(path)]
        for table in read_columns([path], columns):
            for number, owner, *file in zip(*table.to_pydict().values(), strict=True):
                named = [digits for digits in NUMBER.findall(file[0]) if digits in ids] if file and file[0] else []
                if named or str(number) in ids or owner in owners:
                    photos |= dict.fromkeys((str(number), *named), owner)
    return photos


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    numbers = {int(photo) for photo in ids if photo.isdecimal()}
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    for root in _roots(files):
        for thing, count in _out_of(root, ids, numbers, write=write):
            removed[root][thing] += count
    return removed


HOLDER = Holder(forget=_forget, photos_of=_photos_of)


def _out_of(root: Path, ids: Collection[str], numbers: Collection[int], *, write: bool) -> Iterator[tuple[str, int]]:
    yield "credits", _without_credits(root / "ATTRIBUTION.csv", ids, write=write)
    for path in _tables(root, "images"):
        yield "images", remove_rows(path, ID, numbers, AGAIN, write=write)
    for config, rows in ROWS.items():
        for path in _tables(root, config):
            yield rows, remove_rows(path, ID, numbers, AGAIN, write=write)


def _without_credits(path: Path, ids: Collection[str], *, write: bool) -> int:
    """Remove a table that has one of `ids`: the card makes it again from the labels. Returns how many it has."""
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            count = sum(row.get(ID) in ids for row in csv.DictReader(file))
    except FileNotFoundError:
        return 0
    if count and write:
        remove([path])
    return count
