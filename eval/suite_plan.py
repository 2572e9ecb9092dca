"""The plan of the suite: what is done, what is to do and what is not possible, by encoder, and how long it may take.

No encoder is loaded for it. Seconds come from what was seen before: earlier records of the same measurement, and the
speed of an encoder on a few images of a data set, kept in `<results>/.speed.csv`.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import put_text
from flickrexif.eval.embeddings import UNSAFE, read_embeddings
from flickrexif.eval.encoders.record import Encoder, EncoderRecord
from flickrexif.eval.results import Result, read_result
from flickrexif.eval.suite_runs import FAILED, NOT_POSSIBLE, Protocols, holds, path_of
from flickrexif.eval.suite_sets import ImageSet, Need
from flickrexif.eval.suite_tasks import Measurement
from flickrexif.eval.targets import decisive, file_names
from flickrexif.eval.task_files import EmbeddingFiles

State = Literal["done", "to do", "not possible"]
Key = tuple[str, str, str]  # encoder, data set, device
SPEED = ".speed.csv"
HEADER = ("encoder", "dataset", "device", "images_per_second")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder to measure; `encoder` is there where it came as an object."""

    record: EncoderRecord
    encoder: Encoder | None = None

    def files(self, root: Path, m: Measurement) -> EmbeddingFiles:
        """Its embeddings of the measurement's data set."""
        model, variant = file_names(self.record)
        return EmbeddingFiles(
            root=root, dataset=m.dataset, model=model, variant=variant, mask=m.mask, held_out=m.held_out
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One measurement of one encoder."""

    candidate: Candidate
    measurement: Measurement
    files: EmbeddingFiles
    path: Path  # of the record
    state: State
    reason: str = ""  # why it is not possible
    missing: tuple[Need, ...] = ()  # embedding files that have to be made for it
    images: Mapping[Need, int] = field(default_factory=dict)  # embeddings in those that no item before it needs
    seconds: float | None = None  # for these and the measurement; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is before anything is done."""

    embeddings: Path
    results: Path
    sets: Mapping[str, ImageSet]
    records: Mapping[Path, Result]
    speeds: Mapping[Key, float]  # images a second


def plan(
    candidates: Sequence[Candidate],
    measured: Sequence[Measurement],
    known: Known,
    protocols: Protocols,
    *,
    resume: bool,
) -> list[Item]:
    """An item for every encoder and measurement. UsageError where two encoders would share their records."""
    folders: dict[str, str] = {}
    for candidate in candidates:
        key = candidate.record.key
        if (other := folders.setdefault(folder_of(candidate.record), key)) != key:
            raise UsageError(f"{other} and {key} would share their records.", "Measure them in different folders.")
    return [item for one in candidates for item in _items(one, measured, known, protocols, resume)]


def folder_of(record: EncoderRecord) -> str:
    """The folder of an encoder's records."""
    return record.key.translate(UNSAFE)


def _items(
    candidate: Candidate, measured: Sequence[Measurement], known: Known, protocols: Protocols, resume: bool
) -> Iterator[Item]:
    there: dict[Need, bool] = {}
    asked: set[Need] = set()
    for m in measured:
        files = candidate.files(known.embeddings, m)
        there |= {need: _is_there(need, candidate, files, known.sets) for need in m.needs if need not in there}
        item = Item(
            candidate=candidate,
            measurement=m,
            files=files,
            path=known.results / folder_of(candidate.record) / m.file_name,
            state="to do",
            missing=tuple(need for need in m.needs if not there[need]),
        )
        reason = m.reason or _lost(item.missing, known.sets)
        if reason:
            yield replace(item, state="not possible", reason=reason, missing=())
        elif resume and not item.missing and _is_done(item, known, protocols):
            yield replace(item, state="done")
        else:
            images = {need: _images(need, known.sets) for need in item.missing if need not in asked}
            asked |= images.keys()
            yield replace(item, images=images, seconds=_seconds(item, images, known, protocols))


def _is_there(need: Need, candidate: Candidate, files: EmbeddingFiles, sets: Mapping[str, ImageSet]) -> bool:
    """Whether the file is there and, as far as can be told without loading an encoder, made of these images by it."""
    path, source = path_of(need, files), sets[need.dataset].source(need)
    if not path.exists() or source is None:
        return path.exists()
    try:
        settings: dict[str, Any] = json.loads(read_embeddings(path).metadata.get("settings", "{}"))
    except FlickrExifError:
        return False
    by_it = candidate.encoder is None or settings.get("encoder") == json.loads(json.dumps(decisive(candidate.record)))
    return by_it and settings.get("data") == source.fingerprint


def _lost(missing: Sequence[Need], sets: Mapping[str, ImageSet]) -> str:
    """Why embeddings cannot be made."""
    lost = [need for need in missing if not sets[need.dataset].sources]
    return f"{len(lost)} of its embedding files are not here, nor the images" if lost else ""


def _is_done(item: Item, known: Known, protocols: Protocols) -> bool:
    record = known.records.get(item.path)
    try:
        return record is not None and holds(record, item.measurement, item.files, protocols)
    except FlickrExifError:  # a file that cannot be read: running the measurement will say so
        return False


def has_values(record: Result | None) -> bool:
    """Whether a record is of a measurement that was made."""
    return record is not None and record.detail.get("state") not in (FAILED, NOT_POSSIBLE)


# --- how long it takes


def _images(need: Need, sets: Mapping[str, ImageSet]) -> int:
    source = sets[need.dataset].source(need)
    return 0 if source is None else len(source)


def _seconds(item: Item, images: Mapping[Need, int], known: Known, protocols: Protocols) -> float | None:
    embedding = embedding_seconds(images, item.candidate.record, known.speeds, protocols.device)
    measuring = _measuring_seconds(item, known, protocols)
    return None if embedding is None or measuring is None else embedding + measuring


def embedding_seconds(
    images: Mapping[Need, int], record: EncoderRecord, speeds: Mapping[Key, float], device: str
) -> float | None:
    """Seconds for so many embeddings; None where the encoder's speed is not known."""
    total = 0.0
    for need, count in images.items():
        speed = speeds.get((record.key, need.dataset, device))
        if speed is None:
            return None
        total += count / speed
    return total


def _measuring_seconds(item: Item, known: Known, protocols: Protocols) -> float | None:
    """What the same measurement took: of this encoder, else the median of the others'."""
    found = {
        path: record.seconds
        for path, record in known.records.items()
        if path.name == item.path.name
        and has_values(record)
        and record.settings.get("protocol", protocols.probe) == protocols.probe
    }
    return found.get(item.path, median(found.values())) if found else None


# --- what is known from before


def earlier_records(results: Path) -> dict[Path, Result]:
    """The suite's records by path; a file that is no record is as if it were not there."""
    found = {}
    for path in sorted(results.glob("*/*.json")):
        try:
            found[path] = read_result(path)
        except FlickrExifError:
            continue
    return found


def read_speeds(results: Path) -> dict[Key, float]:
    """The speeds that were measured; none where there is no whole table of them."""
    try:
        with (results / SPEED).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return {(r["encoder"], r["dataset"], r["device"]): float(r["images_per_second"]) for r in rows}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_speeds(results: Path, speeds: Mapping[Key, float]) -> None:
    """Keep the speeds for the next plan."""
    text = io.StringIO()
    rows = [(*key, f"{speed:.4g}") for key, speed in sorted(speeds.items())]
    csv.writer(text, lineterminator="\n").writerows([HEADER, *rows])
    put_text(results / SPEED, text.getvalue())
