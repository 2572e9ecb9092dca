"""A measurement: a frozen dataclass whose fields are its settings. `run` makes a result record of it.

A measurement says which data sets it can be made of (`of`), which embeddings it reads (`needs`) and which files of
labels (`label_files`), and computes (`measure`). To add one, write its class and enter it in `measure.MEASUREMENTS`;
its chart is a file of `report.charts`.
"""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import Field

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import plain
from flickrexif.eval.data.catalog import IDENTITY, DataSet
from flickrexif.eval.data.embeddings import EmbeddingKey, Embeddings, read_embeddings
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.eval.results import (
    NOT_REAL,
    Result,
    State,
    checked,
    environment,
    fingerprint,
    from_json,
    key_of,
    plain_values,
    to_json,
)
from flickrexif.processing.variants import PARAMETERS, classes

if TYPE_CHECKING:
    from torch import Tensor

EMBED_AGAIN = "Delete them, then make them again with `flickrexif embed`."
CAMERA = "is_smartphone"  # the attribute of measurements that compare kinds of camera
HELD_OUT = 5  # where a data set has no validation split, one in five images is a test image
DEFAULT_MEMORY = 2 * 2**30  # bytes


class Need(NamedTuple):
    """Embeddings that a measurement reads: of one processing, under one mask."""

    processing: str = IDENTITY
    mask: float = 0.0


@dataclass(frozen=True, slots=True)
class File:
    """An embedding file that is open."""

    path: Path
    embeddings: Embeddings


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a measurement computes from."""

    files: Mapping[Need, Sequence[File]]  # a file a split: train and val, or the only one
    held_out: bool  # True where test images are drawn from the only split
    labels: Path | None = None  # of FlickrExif, see `DataSet`
    device: str = "cpu"
    memory: int = DEFAULT_MEMORY

    @property
    def only(self) -> File:
        """The file of a measurement that needs one."""
        ((file,),) = self.files.values()
        return file


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a measurement computed."""

    metrics: Mapping[str, float | None]
    detail: Any  # the measurement's `Detail`
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    interval: str = ""  # what the intervals are resampled over
    n: Mapping[str, int] = field(default_factory=dict)  # numbers of images, see `Result`
    blocks: Mapping[str, Sequence[float]] = field(default_factory=dict)  # see `intervals.in_blocks`
    reason: str = ""  # why a metric has no value
    tensors: "Mapping[str, Tensor]" = field(default_factory=dict)  # such as trained heads, to be kept if asked for
    names: Sequence[str] = ()  # of the classes of these tensors


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(ABC):
    """The settings of a measurement, of those of all: what is measured, and the mask of the images."""

    task: ClassVar[str]
    section: ClassVar[str]  # heading of its figures in a report
    headlines: ClassVar[tuple[str, ...]]  # the metrics of a summary
    decisive: ClassVar[tuple[str, ...]] = ()  # settings that make it another measurement than with their defaults
    trains: ClassVar[bool] = True  # it reads training and test images; else images of one split
    keeps_tensors: ClassVar[bool] = False  # its outcome has tensors that can be kept: trained heads, a projection
    Detail: ClassVar[type[Any]]

    parameter: str | None = None  # a processing
    attribute: str | None = None  # an acquisition label
    mask: Annotated[float, Field(ge=0, le=1)] = 0.0

    @classmethod
    @abstractmethod
    def of(cls, data: DataSet) -> Iterator[tuple[Self, str]]:
        """The measurements of a data set, each with the reason why it cannot be made ("" where it can)."""

    def needs(self) -> tuple[Need, ...]:
        """The embeddings that it reads, of every split: of each class of the parameter, or of images as they are."""
        names = classes(self.parameter) if self.parameter else (IDENTITY,)
        return tuple(Need(name, self.mask) for name in names)

    @abstractmethod
    def measure(self, inputs: Inputs) -> Outcome:
        """Compute it. Raises FlickrExifError for files that do not fit."""

    def label_files(self, labels: Path) -> Sequence[Path]:  # noqa: ARG002
        """The files of labels that it reads, in the place `labels` of those of FlickrExif. UsageError for none."""
        return ()

    @property
    def settings(self) -> dict[str, Any]:
        """All that changes its numbers, but for what is measured."""
        return self._fields()

    def _fields(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name not in ("parameter", "attribute")}

    @property
    def label(self) -> str:
        """The parameter or the attribute, if there are several to choose from."""
        return self.parameter or (self.attribute if self.attribute != CAMERA else "") or ""


# --- of which data sets


def of_processing(data: DataSet, *, labelled: bool) -> Iterator[tuple[str, str]]:
    """Each processing parameter, and why it cannot be measured of these images; `labelled`: class labels are needed."""
    if not data.processed and not data.broken:
        return
    for parameter, names in PARAMETERS.items():
        yield parameter, lacking(data, names, f"--parameter {parameter}", labelled=labelled)


def lacking(data: DataSet, names: Sequence[str], option: str, *, labelled: bool) -> str:
    """Why images in these processings, made by `option`, cannot be measured; "" where they can."""
    if data.lack or not data.splits:
        return data.lack or "it has no training images"
    if missing := [name for name in names if not data.has(name)]:
        return f"it lacks {', '.join(missing)}: type `flickrexif process SOURCE {option}`"
    if labelled and data.classes < 2:
        return LACKS[data.classes]
    return ""


LACKS = ("its images have no class labels", "its images are all of one class")
"""Why images that exist cannot be measured, by the number of their classes: a record keeps it."""


# --- a record of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured: the embeddings of one encoder for one data set."""

    data: DataSet
    root: Path  # of the embeddings
    model: str
    variant: str
    spec: EncoderSpec

    def keys(self, measurement: Measurement) -> list[EmbeddingKey]:
        """Of the embedding files that the measurement reads: those of a split together."""
        places = product(self.data.splits, measurement.needs())
        return [EmbeddingKey(self.data.name, self.model, self.variant, *need, split) for split, need in places]


def present_key(measurement: Measurement, subject: Subject) -> str:
    """The key of the record that would be made of the measurement now.

    It is computed from the measurement's settings and the files that it reads. Raises UsageError where one is
    missing, FlickrExifError where it cannot be read or the files are of different encoders, photos or masks.
    """
    files = [_open(file, subject.root) for file in subject.keys(measurement)]
    return key_of(_identity(measurement, subject, files))


def _identity(measurement: Measurement, subject: Subject, files: Sequence[File]) -> dict[str, Any]:
    data = subject.data
    labels = measurement.label_files(data.labels) if data.labels else ()
    drawn = {"test_images": f"one in {HELD_OUT}, drawn by id"} if measurement.trains and data.held_out else {}
    return {
        "task": measurement.task,
        "dataset": data.name,
        "origin": shared_origin(file.embeddings for file in files) or data.origin,
        "parameter": measurement.parameter,
        "attribute": measurement.attribute,
        "settings": plain_values(measurement.settings) | drawn,
        **_encoder(subject, files),
        "fingerprints": {file.path.relative_to(subject.root).as_posix(): fingerprint(file.path) for file in files}
        | {path.name: fingerprint(path) for path in labels},
    }


def _open(key: EmbeddingKey, root: Path) -> File:
    """The file of that key. FlickrExifError where it is of images under another mask than its place says."""
    path = key.path(root)
    embeddings = read_embeddings(path)
    if embeddings.mask is not None and f"{embeddings.mask:g}" != f"{key.mask:g}":
        message = f"{path} is of images under the mask {embeddings.mask:g}, not {key.mask:g}."
        raise FlickrExifError(message, EMBED_AGAIN)
    return File(path, embeddings)


def _encoder(subject: Subject, files: Sequence[File]) -> dict[str, Any]:
    """The encoder, its digest and its family, as the files tell them.

    FlickrExifError where they are of different weights or code. Files of the paper's released code do not tell any:
    then it is the encoder of the subject.
    """
    first = files[0]
    digest, told = first.embeddings.encoder_digest, first.embeddings.metadata
    if others := [file.path for file in files if file.embeddings.encoder_digest != digest]:
        why = "the encoder was changed in between, or an earlier version kept no digest of it"
        names = (path.relative_to(subject.root).as_posix() for path in (first.path, others[0]))
        message = f"{' and '.join(names)} tell different weights: {why}."
        raise FlickrExifError(message, "Delete the older of these files, then embed again.")
    family = told.get("family") or subject.spec.family
    return {"encoder": told.get("encoder", subject.spec.key), "encoder_digest": digest, "family": family}


def shared_origin(files: Iterable[Embeddings]) -> str:
    """Where the photos of all files came from; "" where a file does not tell and no other tells of unreal photos.

    Raises FlickrExifError where they came from different places: simulated and real photos never mix.
    """
    origins = {embeddings.origin for embeddings in files}
    told = sorted(origins - {""})
    if len(told) > 1:
        message = f"The embeddings are of photos of different origin: {', '.join(plain(name, 40) for name in told)}."
        raise FlickrExifError(message, EMBED_AGAIN)
    return told[0] if told and ("" not in origins or told[0] in NOT_REAL) else ""


def run(
    measurement: Measurement,
    subject: Subject,
    *,
    device: str = "cpu",
    memory: int = DEFAULT_MEMORY,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[Result, Outcome]:
    """Measure, and make a record of it, which has the `identity` of what was measured.

    Raises UsageError for a missing file, FlickrExifError for files that are broken or do not fit.
    """
    began = clock()
    keys = subject.keys(measurement)
    files: dict[Need, list[File]] = {}
    for key in keys:
        files.setdefault(Need(key.processing, key.mask), []).append(_open(key, subject.root))
    fields = _identity(measurement, subject, [file for group in files.values() for file in group])
    data = subject.data
    outcome = measurement.measure(
        Inputs(files=files, held_out=data.held_out, labels=data.labels, device=device, memory=memory)
    )
    result = Result(
        **fields,
        metrics=outcome.metrics,
        intervals=outcome.intervals,
        interval=outcome.interval if outcome.intervals else "",
        n=outcome.n,
        blocks={name: tuple(sums) for name, sums in outcome.blocks.items()},
        reason=outcome.reason,
        detail=outcome.detail,
        versions=environment(device),
        seconds=clock() - began,
    )
    return typed(from_json(to_json(result)), type(measurement)), outcome


def no_result(measurement: Measurement, subject: Subject, state: State, reason: str) -> Result:
    """The record of a measurement that was not made: `state` is "failed" or "not possible".

    Where `reason` names the home folder, it becomes "~": records are published.
    """
    return Result(
        task=measurement.task,
        encoder=subject.spec.key,
        encoder_digest=subject.spec.digest,
        family=subject.spec.family,
        dataset=subject.data.name,
        origin=subject.data.origin,
        parameter=measurement.parameter,
        attribute=measurement.attribute,
        state=state,
        reason=reason.replace(os.path.expanduser("~/"), "~/"),  # noqa: PTH111 - Path.home raises where there is none
        metrics=dict.fromkeys(measurement.headlines),
        settings=plain_values(measurement.settings),
        versions=environment(),
    )


def typed(result: Result, kind: type[Measurement], where: str = "The record") -> Result:
    """The record with its detail as the measurement's `Detail`. FlickrExifError where it is none."""
    if result.state != "measured":
        return replace(result, detail=None)
    return replace(result, detail=checked(kind.Detail, result.detail, f"{where} has no usable detail"))
