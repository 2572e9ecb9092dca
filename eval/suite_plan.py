"""Plans the suite: which measurements of each encoder are done, to do or not possible, and how long they will take.

Planning loads no encoder. The estimates come from earlier records of the same measurement, and from the speed of an
encoder on a few images of a data set, which is kept in `<results>/.speed.csv`.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Literal

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import put_text
from flickrexif.eval.data.catalog import ImageSet, Need
from flickrexif.eval.data.embeddings import UNSAFE, read_embeddings
from flickrexif.eval.embed.store import file_names
from flickrexif.eval.encoders import Candidate, EncoderSpec
from flickrexif.eval.encoders.digests import same_encoder
from flickrexif.eval.measure.inputs import EmbeddingFiles
from flickrexif.eval.results import Result, read_result
from flickrexif.eval.suite_runs import FAILED, NOT_POSSIBLE, Protocols, holds, path_of
from flickrexif.eval.suite_tasks import Measurement

State = Literal["done", "to do", "not possible"]
Key = tuple[str, str, str]  # encoder, data set, device
SPEED = ".speed.csv"
HEADER = ("encoder", "dataset", "device", "images_per_second")


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
    images: Mapping[Need, int] = field(default_factory=dict)  # images of the missing files that no earlier item needs
    seconds: float | None = None  # to make these files and the measurement; None where it cannot be estimated


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The data, records and speeds that exist before the suite runs."""

    embeddings: Path
    results: Path
    sets: Mapping[str, ImageSet]
    records: Mapping[Path, Result]
    speeds: Mapping[Key, float]  # images a second

    def origin(self, dataset: str) -> str:
        """Where the photos of a data set came from; "" where it cannot be opened or does not tell."""
        return self.sets[dataset].origin if dataset in self.sets else ""


def plan(
    candidates: Sequence[Candidate],
    measured: Sequence[Measurement],
    inventory: Inventory,
    protocols: Protocols,
    *,
    resume: bool,
) -> list[Item]:
    """An item for each encoder and measurement. UsageError where two encoders would write the same records."""
    folders: dict[str, str] = {}
    for candidate in candidates:
        key = candidate.spec.key
        if (first := folders.setdefault(folder_of(candidate.spec), key)) != key:
            raise UsageError(f"{first} and {key} would share their records.", "Measure them in different folders.")
    return [item for candidate in candidates for item in _items(candidate, measured, inventory, protocols, resume)]


def files_of(spec: EncoderSpec, root: Path, measurement: Measurement) -> EmbeddingFiles:
    """The embeddings of an encoder, below `root`, of the measurement's data set."""
    model, variant = file_names(spec)
    return EmbeddingFiles(
        root=root,
        dataset=measurement.dataset,
        model=model,
        variant=variant,
        mask=measurement.mask,
        held_out=measurement.held_out,
    )


def folder_of(spec: EncoderSpec) -> str:
    """The folder of an encoder's records."""
    return spec.key.translate(UNSAFE)


def _items(
    candidate: Candidate, measured: Sequence[Measurement], inventory: Inventory, protocols: Protocols, resume: bool
) -> Iterator[Item]:
    up_to_date: dict[Need, bool] = {}
    counted: set[Need] = set()
    for measurement in measured:
        files = files_of(candidate.spec, inventory.embeddings, measurement)
        up_to_date |= {
            need: _is_up_to_date(need, candidate, files, inventory.sets)
            for need in measurement.needs
            if need not in up_to_date
        }
        item = Item(
            candidate=candidate,
            measurement=measurement,
            files=files,
            path=inventory.results / folder_of(candidate.spec) / measurement.file_name,
            state="to do",
            missing=tuple(need for need in measurement.needs if not up_to_date[need]),
        )
        reason = measurement.reason or _lost(item.missing, inventory.sets)
        if reason:
            yield replace(item, state="not possible", reason=reason, missing=())
        elif resume and not item.missing and _is_done(item, inventory, protocols):
            yield replace(item, state="done")
        else:
            images = {need: _images(need, inventory.sets) for need in item.missing if need not in counted}
            counted |= images.keys()
            yield replace(item, images=images, seconds=_seconds(item, images, inventory, protocols))


def _is_up_to_date(need: Need, candidate: Candidate, files: EmbeddingFiles, sets: Mapping[str, ImageSet]) -> bool:
    """Whether the file exists and was made from these images by this encoder, as far as its settings tell."""
    path, source = path_of(need, files), sets[need.dataset].source(need)
    if not path.exists():
        return False
    try:
        settings = json.loads(read_embeddings(path).metadata.get("settings", "null"))
    except FlickrExifError:
        return source is None  # measuring it will say so
    if settings is None:  # of another program
        return source is None
    encoder = same_encoder(settings.get("encoder", {}), candidate.compared)
    is_its_own = encoder == "same" or (encoder == "no digest" and candidate.encoder is None)
    if not is_its_own or source is None:
        return is_its_own
    return bool(settings.get("data") == source.fingerprint and settings.get("mask") == (need.mask or 0))


def _lost(missing: Sequence[Need], sets: Mapping[str, ImageSet]) -> str:
    """The reason why missing embeddings cannot be made; "" where they can."""
    lost = [need for need in missing if not sets[need.dataset].sources]
    count = len(lost)
    return f"{count} of its embedding files are not here or of other weights, nor are the images here" if lost else ""


def _is_done(item: Item, inventory: Inventory, protocols: Protocols) -> bool:
    record = inventory.records.get(item.path)
    try:
        origin = inventory.origin(item.measurement.dataset)
        return record is not None and holds(record, item.measurement, item.files, origin, protocols)
    except FlickrExifError:  # an unreadable file: running the measurement will say so
        return False


def has_values(record: Result | None) -> bool:
    """Whether there is a record of a measurement that was made."""
    return record is not None and record.detail.get("state") not in (FAILED, NOT_POSSIBLE)


# --- how long it takes


def _images(need: Need, sets: Mapping[str, ImageSet]) -> int:
    source = sets[need.dataset].source(need)
    return 0 if source is None else len(source)


def _seconds(item: Item, images: Mapping[Need, int], inventory: Inventory, protocols: Protocols) -> float | None:
    embedding = embedding_seconds(images, item.candidate.spec, inventory.speeds, protocols.device)
    measuring = _measuring_seconds(item, inventory, protocols)
    return None if embedding is None or measuring is None else embedding + measuring


def embedding_seconds(
    images: Mapping[Need, int], spec: EncoderSpec, speeds: Mapping[Key, float], device: str
) -> float | None:
    """Seconds to embed the images of each file; None where the encoder's speed is not known."""
    total = 0.0
    for need, count in images.items():
        speed = speeds.get((spec.key, need.dataset, device))
        if speed is None:
            return None
        total += count / speed
    return total


def _measuring_seconds(item: Item, inventory: Inventory, protocols: Protocols) -> float | None:
    """How long the same measurement took: for this encoder, else the median over the others."""
    seconds_by_path = {
        path: record.seconds
        for path, record in inventory.records.items()
        if path.name == item.path.name
        and has_values(record)
        and record.settings.get("protocol", protocols.probe) == protocols.probe
    }
    return seconds_by_path.get(item.path, median(seconds_by_path.values())) if seconds_by_path else None


# --- earlier records and speeds


def earlier_records(results: Path) -> dict[Path, Result]:
    """The suite's records by path; files that are not records are ignored."""
    records = {}
    for path in sorted(results.glob("*/*.json")):
        try:
            records[path] = read_result(path)
        except FlickrExifError:
            continue
    return records


def read_speeds(results: Path) -> dict[Key, float]:
    """The speeds that were measured; {} where there is no table of them or it is broken."""
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
