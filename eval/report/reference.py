"""The records that ship with the package, of encoders to compare with: those of measurements that one's own are of."""

from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from flickrexif.eval.report.identity import REFERENCE, Entry, group_of, key_of
from flickrexif.eval.submission import from_text


def reference_entries(entries: Iterable[Entry]) -> list[Entry]:
    """The shipped records of measurements that are among the entries, of encoders of which these have none of it."""
    own = [result for _, result in entries]
    groups, keys = set(map(group_of, own)), set(map(key_of, own))
    if not groups & {group_of(result) for _, result in _shipped()}:
        return []
    return [(path, result) for path, result in _shipped() if group_of(result) in groups and key_of(result) not in keys]


@cache
def _shipped() -> tuple[Entry, ...]:
    return tuple(_read())


def _read() -> Iterator[Entry]:
    folder = files("flickrexif.eval.benchmark") / "reference"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        stem = file.name.removesuffix(".json")
        for result in from_text(file.read_text(encoding="utf-8"), file.name):
            yield f"{REFERENCE}{stem}/{result.task}-{result.parameter}.json", result
