"""Takes photos out of split files in any folder: the JSON, the Parquet table, and the counts in `splits.json`."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import orjson

from flickrexif.core.files import put_bytes
from flickrexif.core.kinds import Holder
from flickrexif.core.versions import fields_of, versioned
from flickrexif.dataset.split_files import FORMATS, SPLITS, STEM, read_split, without_photos
from flickrexif.dataset.splits import RECORD, counts_of


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    """The counts of each folder are updated last, also after a call that was interrupted before it came to them."""
    numbers = [int(photo) for photo in ids if photo.isdecimal() and int(photo) < 2**63]
    removed: dict[Path, Counter[str]] = defaultdict(Counter)
    paths = [path for path in files if path.name.startswith(STEM) and path.suffix in FORMATS]
    for path in paths:
        split = read_split(path)
        smaller = without_photos(split, numbers)
        count = sum(len(split.ids[name]) - len(smaller.ids[name]) for name in SPLITS)
        other = path.with_suffix(next(suffix for suffix in FORMATS if suffix != path.suffix))
        if path.suffix == ".json" or not other.exists():  # the entries of both files are the same
            removed[path.parent]["split entries"] += count
        if write and count:
            put_bytes(path, FORMATS[path.suffix](smaller))
    if write:
        for folder in {path.parent for path in paths}:
            _count_again(folder)
    return removed


HOLDER = Holder(forget=_forget)


def _count_again(folder: Path) -> None:
    """Bring the counts in the record of `folder` to what the split files there hold."""
    path = folder / RECORD
    try:
        record = fields_of(orjson.loads(path.read_bytes()), path)
    except (FileNotFoundError, orjson.JSONDecodeError):
        return
    for entry in record.get("splits", ()):
        files = (folder / f"{STEM}{entry['attribute']}{suffix}" for suffix in FORMATS)
        if file := next((file for file in files if file.exists()), None):
            entry["counts"] = counts_of(read_split(file))
    put_bytes(path, orjson.dumps(versioned(record), option=orjson.OPT_INDENT_2))
