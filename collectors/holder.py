"""Finds photos in the journals of crawls and removes them: every row, and the bytes it left in the file."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from flickrexif.collectors.journal import NAME, open_journal, read_journal
from flickrexif.core.kinds import Holder


def _journals(files: Sequence[Path]) -> list[Path]:
    return [path for path in files if path.name == NAME]


def _photos_of(files: Sequence[Path], ids: Collection[str], owners: Collection[str]) -> Mapping[str, str]:
    photos: dict[int, str] = {}
    for path in _journals(files):
        with read_journal(path) as journal:
            photos |= journal.photos_of(_numbers(ids), owners)
    return {str(photo_id): owner for photo_id, owner in photos.items()}


def _forget(files: Sequence[Path], ids: Collection[str], write: bool) -> Mapping[Path, Counter[str]]:
    numbers = _numbers(ids)
    removed = {}
    for path in _journals(files):
        with (open_journal if write else read_journal)(path) as journal:
            removed[path] = Counter({"journal rows": journal.holds(numbers)})
            if write:
                journal.forget(numbers)
    return removed


HOLDER = Holder(forget=_forget, photos_of=_photos_of)


def _numbers(ids: Collection[str]) -> list[int]:
    return [int(photo_id) for photo_id in ids if photo_id.isdecimal()]
