"""The result record: one measurement of one encoder, as JSON with a schema version, checked on reading.

Every metric is a fraction (accuracy, recall@1, share of neighbours), a cosine similarity, or null where it could not be
measured: `detail["reason"]` then says why. docs/results.md describes each field.
"""

import hashlib
import json
import math
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import Outcome, put_text

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 2
PACKAGES = ("flickrexif", "numpy", "optuna", "safetensors", "scikit-learn", "torch")  # what a number can depend on
MEASURED = ("task", "dataset", "origin", "parameter", "attribute", "mask", "encoder", "family")
COLUMNS = (*MEASURED, "metric", "value", "low", "high")
LOG = "flickrexif: a measurement failed\n"  # first line of a log
MEASURE_AGAIN = "Measure again, or delete the file."
NOT_REAL = {"sandbox:simulated": "simulated", "simulated": "simulated", "sandbox:photos": "not from Flickr"}
"""Origin -> words, of photos whose measurements are never shown among those of real ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measurement. All mappings hold JSON values under string keys."""

    task: str  # probe, knn, retrieval, neighbors, similarity, masking, mitigation, tsne, strips
    encoder: str  # canonical name
    encoder_digest: str = ""  # of its weights or code, or its revision; "" where the embeddings do not tell
    family: str | None  # CVL, SUP, SSL, ...; None for an encoder of one's own
    dataset: str
    origin: str  # of the photos: flickr, sandbox:simulated, real, ... (core.kinds); "" where no file tells
    parameter: str | None = None  # processing: jpeg, sharpening, resizing, interpolation
    attribute: str | None = None  # acquisition: Make, Model, ...
    metrics: Mapping[str, float | None]  # from -1 to 1
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # 95%, of the metrics that have one
    detail: Mapping[str, Any] = field(default_factory=dict)  # what the metrics were computed from, counts, reasons
    settings: Mapping[str, Any] = field(default_factory=dict)  # all that changes the numbers; see `mask`
    versions: Mapping[str, str] = field(default_factory=dict)  # see `environment`
    fingerprints: Mapping[str, str] = field(default_factory=dict)  # file -> "sha256:..."
    seconds: float = 0.0

    @property
    def mask(self) -> float | None:
        """The share of the area that was masked in the images; None for the task masking, whose metrics name it."""
        return self.settings.get("mask")


def environment() -> dict[str, str]:
    """The versions that a number can depend on: of Python, the platform and the installed packages."""
    return {"python": platform.python_version(), "platform": platform.platform()} | installed_versions(PACKAGES)


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """The versions of those packages that are installed."""
    versions = {}
    for name in packages:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def fingerprint(path: Path) -> str:
    """ "sha256:" and the hash of a file's contents. Raises FlickrExifError where it cannot be read.

    Several measurements share a file: a process reads it again only when its size or time has changed.
    """
    try:
        status = path.stat()
        return _hash(str(path.absolute()), status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise FlickrExifError(f"{path} cannot be read ({error.strerror}).", "Check the path.") from None


@lru_cache(maxsize=4096)
def _hash(path: str, size: int, time: int) -> str:  # noqa: ARG001  # size and time tell a changed file
    with Path(path).open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def to_json(result: Result) -> str:
    """The record as JSON: keys sorted, null for NaN; equal records give equal text."""
    record = {"schema_version": SCHEMA_VERSION, **asdict(result)}
    return json.dumps(_plain(record), indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    """The value in JSON's types: numbers of numpy and torch become Python's, infinity and NaN become None."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_result(path: Path, result: Result) -> tuple[Outcome, Path]:
    """Write the record, whole or not at all. Raises FlickrExifError where it cannot be written."""
    return put_text(path, to_json(result))


def log_path(path: Path) -> Path:
    """The log beside a record of a measurement that failed: LOG, the reason, the traceback of the encoder."""
    return path.with_suffix(".log")


def read_result(path: Path) -> Result:
    """The record in a file. Raises FlickrExifError with every problem of a file that is not a result record."""
    try:
        return from_json(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise FlickrExifError(f"{path} cannot be read ({reason}).", "Check the path.") from None


def read_results(folder: Path) -> list[Result]:
    """The records (*.json) of a folder and its subfolders, sorted by path."""
    return [read_result(path) for path in sorted(folder.rglob("*.json"))]


def is_record(text: str) -> bool:
    """Whether a text is meant as a record, of whatever version."""
    return all(f'"{name}"' in text for name in ("schema_version", "task", "encoder"))


def from_json(text: str, where: str = "The text") -> Result:
    """The record in `text`, which errors call `where`. Raises FlickrExifError with every problem of it."""
    try:
        record = json.loads(text)
    except ValueError as error:
        raise FlickrExifError(f"{where} is no JSON ({error}).", MEASURE_AGAIN) from None
    if isinstance(record, dict) and record.get("schema_version") == 1:
        record = _from_version_1(record)
    if problems := list(_problems(record)):
        raise FlickrExifError(f"{where} is no result record: {'; '.join(problems)}.", MEASURE_AGAIN)
    values = {name: value for name, value in record.items() if name != "schema_version"}
    values["intervals"] = {name: (low, high) for name, (low, high) in values.get("intervals", {}).items()}
    return Result(**values)


def _from_version_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of version 1 as one of this version, as far as it is well-formed.

    It says where its photos came from only if the suite wrote it, in a setting. Only a probe has the mask as a setting;
    of the others the names of the embedding files tell it.
    """
    settings, files = record.get("settings", {}), record.get("fingerprints", {})
    if not isinstance(settings, dict) or not isinstance(files, dict):
        return {**record, "schema_version": SCHEMA_VERSION, "origin": ""}
    kept = {name: value for name, value in settings.items() if name != "source"}
    if "ratios" not in kept:
        kept["mask"] = kept.get("mask") or max(map(_mask_of, files), default=0.0)
    return {**record, "schema_version": SCHEMA_VERSION, "origin": settings.get("source", ""), "settings": kept}


def _mask_of(file: str) -> float:
    """The mask that the folder of an embedding file is named after; 0 for another folder."""
    named = re.search(r"(?:^|/)mask=(\d+(?:\.\d+)?(?:e-?\d+)?)/[^/]+$", file)
    return float(named[1]) if named else 0.0


# --- the schema


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_origin(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_none(value: object) -> bool:
    return value is None or _is_text(value)


def _is_metric(value: object) -> bool:
    return value is None or (_is_number(value) and -1 <= value <= 1)  # type: ignore[operator]


def _is_interval(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]


def _has_mask(settings: object) -> bool:
    """Whether settings tell the mask: as `mask`, or as the `ratios` of the task masking."""
    mask = settings.get("mask") if isinstance(settings, dict) else None
    return (_is_number(mask) and 0 <= mask <= 1) or (isinstance(settings, dict) and "ratios" in settings)  # type: ignore[operator]


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def _is_mapping_of(check: Any) -> Any:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


FIELDS = {  # field -> (check, what the check accepts)
    "task": (_is_text, "a name"),
    "encoder": (_is_text, "a name"),
    "encoder_digest": (lambda value: isinstance(value, str), "a text"),
    "family": (_is_text_or_none, "a name or null"),
    "dataset": (_is_text, "a name"),
    "origin": (_is_origin, "a text"),
    "parameter": (_is_text_or_none, "a name or null"),
    "attribute": (_is_text_or_none, "a name or null"),
    "metrics": (_is_mapping_of(_is_metric), "names with numbers from -1 to 1, or nulls"),
    "intervals": (_is_mapping_of(_is_interval), "names with two numbers, low and high"),
    "detail": (_is_mapping, "an object"),
    "settings": (_has_mask, "an object with a `mask` from 0 to 1"),
    "versions": (_is_mapping_of(_is_text), "names with versions"),
    "fingerprints": (_is_mapping_of(_is_text), "files with hashes"),
    "seconds": (_is_number, "a number"),
}
REQUIRED = ("task", "encoder", "family", "dataset", "origin", "metrics", "settings")


def _problems(record: object) -> Iterable[str]:
    """Everything that is wrong with `record` as a result record of this schema version."""
    if not isinstance(record, dict):
        yield "it is no object"
        return
    if (schema_version := record.get("schema_version")) != SCHEMA_VERSION:
        yield f"its schema_version is {str(schema_version)[:20]}, not {SCHEMA_VERSION}"
        return
    yield from (f"`{name}` is missing" for name in REQUIRED if name not in record)
    for name, value in record.items():
        if name in FIELDS:
            check, description = FIELDS[name]
            if not check(value):
                yield f"`{name}` is not {description}"
        elif name != "schema_version":
            yield f"`{name[:40]}` is unknown"


# --- tables


def results_table(results: Iterable[Result]) -> "pd.DataFrame":
    """One row a metric, with COLUMNS in their order; NaN where there is no number."""
    import pandas as pd

    rows = [
        (*(getattr(result, name) for name in MEASURED), metric, value, *result.intervals.get(metric, (None, None)))
        for result in results
        for metric, value in result.metrics.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
