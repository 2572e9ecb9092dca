"""The result record: one measurement of one encoder, as JSON with a schema version, checked on reading.

Every metric is a fraction (accuracy, recall@1, share of neighbours), a cosine similarity, or null where it could not be
measured: `reason` then says why. docs/results.md describes each field.
"""

import hashlib
import json
import math
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic_core
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from flickrexif.core.addresses import place_of
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import Outcome, put_text
from flickrexif.core.versions import other_version
from flickrexif.dataset.split_files import STEM

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 4
BLOCKS = 200  # of test images, photographers or pairs, see `measure.intervals.in_blocks`
PACKAGES = ("flickrexif", "numpy", "optuna", "safetensors", "scikit-learn", "torch")  # what a number can depend on
MEASURED = ("task", "dataset", "origin", "parameter", "attribute", "mask", "encoder", "family")
COLUMNS = (*MEASURED, "metric", "value", "low", "high")
LOG = "flickrexif: a measurement failed\n"  # first line of a log
MEASURE_AGAIN = "Measure again, or delete the file."
NOT_REAL = {"sandbox:simulated": "simulated", "simulated": "simulated", "sandbox:photos": "not from Flickr"}
"""Origin -> words, of photos whose measurements are never shown among those of real ones."""

State = Literal["measured", "failed", "not possible"]


def _rising(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] > interval[1]:
        raise ValueError("low is above high")
    return interval


def _with_mask(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    mask = settings.get("mask")
    is_share = isinstance(mask, int | float) and not isinstance(mask, bool) and 0 <= mask <= 1
    if not is_share and "ratios" not in settings:
        raise ValueError("there is no `mask` from 0 to 1")
    return settings


Name = Annotated[str, Field(min_length=1)]
Metric = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None
Number = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Blocks = Annotated[tuple[Number, ...], Field(min_length=BLOCKS, max_length=BLOCKS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One measurement. All mappings hold JSON values under string keys."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    task: Name  # the name of a measurement: probe, knn, ...
    encoder: Name  # canonical name
    encoder_digest: str = ""  # of its weights or code, or its revision; "" where the embeddings do not tell
    family: Name | None  # CVL, SUP, SSL, ...; None for an encoder of one's own
    dataset: Name
    origin: str  # of the photos: flickr, sandbox:simulated, real, ... (core.kinds); "" where no file tells
    parameter: Name | None = None  # processing: jpeg, sharpening, resizing, interpolation
    attribute: Name | None = None  # acquisition: Make, Model, ...
    state: State = "measured"
    reason: str = ""  # why it was not measured, or why a metric has no value
    metrics: Mapping[str, Metric]
    intervals: Mapping[str, Annotated[tuple[Number, Number], AfterValidator(_rising)]] = field(default_factory=dict)
    interval: str = ""  # what the intervals, of 95%, are resampled over: test images, photographers, ...
    n: Mapping[str, Count] = field(default_factory=dict)  # train, validation, test, classes, photos, photographers, ...
    blocks: Mapping[str, Blocks] = field(default_factory=dict)  # see `measure.intervals.in_blocks`
    detail: Any = None  # what the metrics were computed from: the `Detail` of the measurement, None where there is none
    settings: Annotated[Mapping[str, Any], AfterValidator(_with_mask)]  # all that changes the numbers
    versions: Mapping[str, Name] = field(default_factory=dict)  # see `environment`
    fingerprints: Mapping[str, Name] = field(default_factory=dict)  # file -> "sha256:..."
    seconds: Number = 0.0

    @property
    def mask(self) -> float | None:
        """The share of the area that was masked in the images; None for the task masking, whose metrics name it."""
        return self.settings.get("mask")

    @property
    def key(self) -> str:
        """A hash of what was measured: records of equal keys would be equal, but for versions and seconds."""
        return key_of({name: getattr(self, name) for name in IDENTITY})


IDENTITY = tuple("task dataset origin parameter attribute encoder encoder_digest settings fingerprints".split())


def key_of(fields: Mapping[str, Any]) -> str:
    """A hash of the fields IDENTITY of a record."""
    text = json.dumps({name: fields[name] for name in IDENTITY}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def environment(device: str = "cpu") -> dict[str, str]:
    """What a number can depend on: the versions of Python, the platform and the packages, and the device."""
    python = {"python": platform.python_version(), "platform": platform.platform(), "device": device}
    return python | installed_versions(PACKAGES)


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
    with place_of(path).open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


# --- JSON


def to_json(result: Result) -> str:
    """The record as JSON: keys sorted, null for NaN; equal records give equal text."""
    record = {"schema_version": SCHEMA_VERSION, **plain_values(result)}
    return json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def plain_values(value: Any) -> Any:
    """The value in JSON's types: numbers of numpy and torch become Python's, infinity and NaN become None."""
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain_values(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_json(text: str, where: str = "The text") -> Result:
    """The record in `text`, which errors call `where`; its `detail` is as JSON has it.

    Raises FlickrExifError with every problem of it.
    """
    try:
        record = pydantic_core.from_json(text)
    except ValueError as error:
        raise FlickrExifError(f"{where} is no JSON ({error}).", MEASURE_AGAIN) from None
    schema_version = record.get("schema_version") if isinstance(record, dict) else None
    if schema_version not in (*OLDER, SCHEMA_VERSION):
        problem = f"its schema_version is {str(schema_version)[:20]}, not {SCHEMA_VERSION}"
        if isinstance(schema_version, int) and schema_version > SCHEMA_VERSION:
            raise other_version(where, problem)
        raise FlickrExifError(f"{where} is no result record: {problem}.", MEASURE_AGAIN)
    for older in range(schema_version, SCHEMA_VERSION):
        record = OLDER[older](record)
    values = {name: value for name, value in record.items() if name != "schema_version"}
    result: Result = checked(Result, values, f"{where} is no result record")
    return result


def checked(kind: Any, values: Any, what: str) -> Any:
    """The JSON values as an object of a dataclass. FlickrExifError, which begins with `what`, for all that is wrong."""
    try:
        return _adapter(kind).validate_json(pydantic_core.to_json(values), strict=True)
    except ValidationError as error:
        problems = "; ".join(f"`{'.'.join(map(str, e['loc']))[:60]}`: {e['msg']}" for e in error.errors())
        raise FlickrExifError(f"{what}: {problems}.", MEASURE_AGAIN) from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _from_version_1(record: Mapping[str, Any]) -> dict[str, Any]:
    """It says where its photos came from only if the suite wrote it, in a setting. Only a probe has the mask as a
    setting; of the others the names of the embedding files tell it."""
    settings, files = record.get("settings", {}), record.get("fingerprints", {})
    if not isinstance(settings, dict) or not isinstance(files, dict):
        return {**record, "origin": ""}
    kept = {name: value for name, value in settings.items() if name != "source"}
    if "ratios" not in kept:
        masks = (float(mask) for file in files for mask in re.findall(r"/mask=(\d+(?:\.\d+)?(?:e-?\d+)?)/", file))
        kept["mask"] = kept.get("mask") or max(masks, default=0.0)
    return {**record, "origin": settings.get("source", ""), "settings": kept}


def _from_version_2(record: Mapping[str, Any]) -> dict[str, Any]:
    """It has reason, state and the split file's fingerprint in its detail, and in its settings what its intervals are
    of, and the device."""
    settings, detail, files = record.get("settings"), record.get("detail", {}), record.get("fingerprints", {})
    if not (isinstance(settings, dict) and isinstance(detail, dict) and isinstance(files, dict)):
        return {**record}
    split_file = {f"{STEM}{record.get('attribute')}.json": detail["split_file"]} if "split_file" in detail else {}
    state = detail.get("state") or "measured"
    rest = {name: value for name, value in detail.items() if name not in ("reason", "state", "split_file")}
    moved = {"interval", "device", "half", "negatives"}
    return {
        **record,
        "state": state,
        "reason": detail.get("reason") or "",
        "detail": rest if state == "measured" else None,
        "interval": str(settings.get("interval", "")).removeprefix("bootstrap over "),
        "settings": {name: value for name, value in settings.items() if name not in moved},
        "fingerprints": files | split_file,
    }


def _from_version_3(record: Mapping[str, Any]) -> dict[str, Any]:
    """It has the numbers of images in its detail, and no blocks."""
    detail = record.get("detail")
    if not isinstance(detail, dict):
        return {**record, "n": {}}
    counts: Any = detail.get("images", detail.get("pairs", detail.get("queries")))
    match counts:
        case int():
            of_pairs, of_test = "pairs" in detail, record.get("parameter")
            n = {"pairs" if of_pairs else "test" if of_test else "photos": counts}
        case [int(train), int(test)]:
            n = {"train": train, "test": test}
        case dict():
            n = counts if "images" in detail else {"queries": max(counts.values(), default=0)}
        case _:
            n = {}
    return {**record, "n": n, "detail": {name: value for name, value in detail.items() if name not in MOVED}}


MOVED = ("images", "pairs")  # from the detail of version 3
OLDER = {1: _from_version_1, 2: _from_version_2, 3: _from_version_3}
"""Schema version -> a record of it as one of the next version, as far as it is well-formed."""


# --- files


def write_result(path: Path, result: Result) -> tuple[Outcome, Path]:
    """Write the record, whole or not at all. Raises FlickrExifError where it cannot be written."""
    return put_text(path, to_json(result))


def log_path(path: Path) -> Path:
    """The log beside a record of a measurement that failed: LOG, the reason, the traceback of the encoder."""
    return path.with_suffix(".log")


def read_json(path: Path) -> Result:
    """The record in a file, as `from_json`."""
    try:
        return from_json(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise FlickrExifError(f"{path} cannot be read ({reason}).", "Check the path.") from None


def is_record(text: str) -> bool:
    """Whether a text is meant as a record, of whatever version."""
    return all(f'"{name}"' in text for name in ("schema_version", "task", "encoder"))


def results_table(results: Iterable[Result]) -> "pd.DataFrame":
    """One row a metric, with COLUMNS in their order; NaN where there is no number."""
    import pandas as pd

    return pd.DataFrame([row for result in results for row in metric_rows(result)], columns=list(COLUMNS))


def metric_rows(result: Result) -> Iterator[tuple[Any, ...]]:
    """The COLUMNS of each metric; None where there is no number."""
    measured = tuple(getattr(result, name) for name in MEASURED)
    for metric, value in result.metrics.items():
        yield *measured, metric, value, *result.intervals.get(metric, (None, None))
