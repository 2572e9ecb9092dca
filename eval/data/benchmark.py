"""Named benchmarks: exactly these images of a public data set, and the settings under which records of them compare.

The images are a table of `eval/benchmark`: a file below the folder of the data set, and the hash of its contents.
"""

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flickrexif.core.errors import UsageError
from flickrexif.eval.data.catalog import DataSet, data_set_of
from flickrexif.eval.data.source import Files, Source, fingerprint


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """Images, measurements and their settings."""

    name: str  # of the data set in records
    table: Traversable  # CSV: file below the folder of the images, sha256 of its contents in hexadecimal digits
    fetch: str  # the command that fetches the images
    folder: str  # that it makes
    tasks: Sequence[str]
    settings: Mapping[str, Any]  # as `suite.measurements` takes them


ORIGIN = "real"  # of the images, which are those of the table by their hashes
TABLES = files("flickrexif.eval.benchmark")
BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            name="imagenette-mini",
            table=TABLES / "imagenette-mini.csv",
            fetch="git clone --depth 1 https://github.com/thunderInfy/imagenette",
            folder="imagenette",
            tasks=("probe", "knn", "mitigation"),
            settings=MappingProxyType({"protocol": "fast"}),
        ),
    )
}


def benchmark_of(name: str) -> Benchmark:
    """The benchmark of that name. UsageError for another."""
    if name not in BENCHMARKS:
        raise UsageError(f"There is no benchmark {name[:40]!r}.", f"Known: {', '.join(BENCHMARKS)}.")
    return BENCHMARKS[name]


def benchmark_data(benchmark: Benchmark, folder: Path) -> DataSet:
    """The images of the benchmark in `folder`, each read and compared with its hash.

    Raises UsageError for a file that is missing or has other contents.
    """
    rows = csv.DictReader(benchmark.table.read_text(encoding="utf-8").splitlines())
    digests = {row["file"]: row["sha256"] for row in rows}
    for path, digest in digests.items():
        _check(benchmark, folder, path, digest)
    return data_set_of(list(_sources(benchmark.name, folder, digests)), processed=True)


def _sources(name: str, folder: Path, digests_of_files: Mapping[str, str]) -> Iterator[Source]:
    """The splits; labels number the class folders. The fingerprint does not depend on `folder`."""
    by_split: dict[str, dict[str, str]] = {}
    for path, digest in digests_of_files.items():
        split, _, below = path.partition("/")
        by_split.setdefault(split, {})[below] = digest
    classes = sorted({path.partition("/")[0] for paths in by_split.values() for path in paths})
    for split, digests in by_split.items():
        ids = list(digests)
        columns = {"label": [classes.index(path.partition("/")[0]) for path in ids]}
        yield Source(
            dataset=name,
            ids=ids,
            read=Files(str((folder / split).absolute()), ids),
            fingerprint=fingerprint(ids, columns, digests.values()),
            contents=list(digests.values()),
            columns=columns,
            split=split,
            class_names=classes,
            origin=ORIGIN,
        )


def _check(benchmark: Benchmark, folder: Path, path: str, digest: str) -> None:
    hint = f"Fetch the images, `{benchmark.fetch}`, and name them: --dataset {benchmark.folder}."
    try:
        content = (folder / path).read_bytes()
    except OSError:
        raise UsageError(f"{folder} lacks {path}, an image of {benchmark.name}.", hint) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise UsageError(f"{folder / path} is not the image of {benchmark.name}: its sha256 is another.", hint)
