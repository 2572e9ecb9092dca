"""Fewer images of a data set, for a first look: drawn by their ids, as many of each class as there are."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.catalog import DataSet
from flickrexif.eval.data.source import Reader, Source, fingerprint

SEED = 0  # of the draw, one for all: a limit is one set of images


@dataclass(frozen=True, slots=True)
class Rows:
    """Reads some rows of what another reader reads."""

    read: Reader
    rows: Sequence[int]

    def __call__(self, start: int, stop: int) -> Iterator[bytes | None]:
        for row in self.rows[start:stop]:
            yield from self.read(row, row + 1)


def limited(data: DataSet, limit: int) -> DataSet:
    """At most `limit` images of each split, under a name that says so; those of a lower limit are among those of a
    higher one.

    UsageError for a data set without images at hand, and for FlickrExif and PairCams, whose measurements need all.
    """
    if limit < 1:
        raise UsageError(f"--limit {limit} leaves no image.", "Give the images of each split, such as 300.")
    if not data.processed or not data.sources:
        raise UsageError(f"{data.name} cannot be limited.", "Name images, such as a folder, with --dataset.")
    if all(len(source) <= limit for source in data.sources.values()):
        return data
    name = f"{data.name}-limit-{limit}"
    return replace(data, name=name, sources={key: _limited(s, limit, name) for key, s in data.sources.items()})


def _limited(source: Source, limit: int, name: str) -> Source:
    rows = _drawn(source.ids, source.columns.get("label", [0] * len(source)), limit)
    ids = [source.ids[row] for row in rows]
    columns = {column: [values[row] for row in rows] for column, values in source.columns.items()}
    contents = [source.contents[row] for row in rows] if len(source.contents) == len(source) else []
    return replace(
        source,
        dataset=name,
        ids=ids,
        read=Rows(source.read, rows),
        fingerprint=fingerprint(ids, columns, contents or [source.fingerprint]),
        contents=contents,
        columns=columns,
        missing={},
        passed_over={**source.passed_over, "image beyond the limit": len(source) - len(rows)},
    )


def _drawn(ids: Sequence[str], labels: Sequence[int], limit: int) -> list[int]:
    """Rows, rising: one of each class in turn, in the order of a keyed draw of the ids."""
    shuffled = sorted(range(len(ids)), key=lambda row: rank(SEED, "limit", ids[row]))
    seen: Counter[int] = Counter()
    turn: dict[int, int] = {}
    for row in shuffled:
        turn[row] = seen[labels[row]]
        seen[labels[row]] += 1
    return sorted(sorted(shuffled, key=turn.__getitem__)[:limit])
