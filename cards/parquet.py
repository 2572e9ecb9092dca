"""What the Parquet files of a built folder tell: splits, features, some columns; image bytes are never read."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.cards.facts import Split
from flickrexif.core.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa


def split_of(root: Path, name: str, pattern: str) -> Split:
    """The split whose files match `pattern` below `root`. Raises UsageError when one is no whole Parquet file."""
    import pyarrow.parquet as pq

    files, rows, size = [], 0, 0
    for path in sorted(root.glob(pattern)):
        with _reading(path):
            rows += pq.read_metadata(path).num_rows
            size += path.stat().st_size
        files.append(path.relative_to(root).as_posix())
    return Split(name=name, pattern=pattern, files=tuple(files), rows=rows, bytes=size)


def features_of(root: Path, split: Split) -> dict[str, Any]:
    """Column -> feature, as `datasets` stored them in the split's first file. Raises UsageError."""
    import pyarrow.parquet as pq

    path = root / split.files[0]
    with _reading(path):
        features: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"huggingface"])["info"]["features"]
    return features


def read_columns(root: Path, split: Split, columns: Sequence[str]) -> "pa.Table":
    """Some columns of all files of a split. Raises UsageError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for file in split.files:
        with _reading(root / file):
            tables.append(pq.read_table(root / file, columns=list(columns), partitioning=None).select(list(columns)))
    with _reading(root):
        return pa.concat_tables(tables)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, LookupError, TypeError) as error:  # Arrow's own are among these
        reason = " ".join(str(error).split())[:120]
        raise UsageError(f"{path} cannot be read as a file of this data set ({reason}).", "Build it again.") from None
