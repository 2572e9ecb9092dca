"""Carries out the suite's plan.

Encoders are loaded in groups that share one pass over the images. Each embedding file and each record is made once;
those that exist and still hold are kept. What an encoder raises, or what is wrong with the data, becomes a record with
a reason, and a log beside it with the traceback; the rest goes on. Our own faults and a full disk end the run.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flickrexif.core.errors import FlickrExifError, MachineError
from flickrexif.core.files import put_text, remove
from flickrexif.eval.embed.passes import Fault, File, Pass, passes, run_pass, speed
from flickrexif.eval.embed.run import EmbedSettings
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.faults import EncoderError, encoder_code
from flickrexif.eval.encoders.groups import by_memory
from flickrexif.eval.encoders.spec import Encoder
from flickrexif.eval.measure.probe.probe import Protocol
from flickrexif.eval.results import LOG, Result, log_path, write_result
from flickrexif.eval.suite_plan import Inventory, Item, Key, has_values, write_speeds
from flickrexif.eval.suite_runs import FAILED, NOT_POSSIBLE, Protocols, no_result, run

GUESSED_SPEED = 20.0  # images a second, assumed for an encoder that was never timed; only for the progress bar
GUESSED_SECONDS = 2.0  # assumed for each measurement; only for the progress bar

Progress = Callable[[float, float, str], None]
"""Called with the work that is done and all work, in estimated seconds, and with what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSettings:
    """What to measure; records go to `results`, embeddings to `embeddings`, both below the data folder."""

    data_dir: Path
    images: tuple[str, ...] = ()  # image sets beside those of the data folder; variants are made on the fly
    tasks: tuple[str, ...] = ()  # names of suite_tasks.TASKS; () for all but ON_REQUEST
    protocol: Protocol = "paper"  # of the probes
    seeds: int = 10
    resume: bool = True
    device: str = "auto"
    workers: int = 0

    @property
    def results(self) -> Path:
        """Folder of the records."""
        return self.data_dir / "results"

    @property
    def embeddings(self) -> Path:
        """Folder of the embedding files."""
        return self.data_dir / "embeddings"

    @property
    def protocols(self) -> Protocols:
        """The settings that all measurements share; they run on the CPU unless the encoders are on a CUDA device."""
        device = self.device if self.device.startswith("cuda") else "cpu"
        return Protocols(probe=self.protocol, seeds=self.seeds, device=device)


@dataclass(frozen=True, slots=True)
class Suite:
    """The plan that `flickrexif.eval.suite.prepare` made, with the settings and the inventory it is for."""

    settings: SuiteSettings
    inventory: Inventory
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an item of the plan."""

    item: Item
    result: Result | None  # None where the data for it are missing
    failed: str = ""  # why it failed


def run_suite(
    suite: Suite, progress: Progress | None = None, tell: Callable[[str], None] | None = None
) -> list[Outcome]:
    """Carry out the plan; returns an outcome for each item, in the plan's order.

    After an interruption, prepare again and run the new suite. `tell` gets messages on the way. Raises FlickrExifError
    where a record cannot be written.
    """
    run = _Run(suite, progress or (lambda *_: None), tell or (lambda _: None))
    outcomes = {item.path: run.settled(item) for item in suite.items if item.state != "to do"}
    for group in groups([item for item in suite.items if item.state == "to do"]):
        outcomes |= run.group(group)
    return [outcomes[item.path] for item in suite.items]


def groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items in groups, each of as many encoders as may be in memory together."""
    by_encoder: dict[str, list[Item]] = {}
    for item in items:
        by_encoder.setdefault(item.candidate.spec.key, []).append(item)
    for group in by_memory(encoder_items[0].candidate.spec for encoder_items in by_encoder.values()):
        yield [item for record in group for item in by_encoder[record.key]]


@dataclass(slots=True)
class _Meter:
    """Counts the work that is done, in estimated seconds."""

    progress: Progress
    speeds: Mapping[Key, float]
    device: str
    total: float = 0.0
    done: float = 0.0

    def embedding(self, items: Iterable[Item], dataset: str | None = None) -> float:
        """The estimated seconds of embedding for the items, of one data set or all."""
        return sum(
            count / self.speeds.get((item.candidate.spec.key, need.dataset, self.device), GUESSED_SPEED)
            for item in items
            for need, count in item.images.items()
            if dataset in (None, need.dataset)
        )

    def add(self, work: float, text: str) -> None:
        """Count `work` as done, and show `text`, what comes next."""
        self.done += work
        self.progress(self.done, self.total, text)


class _Run:
    """Runs the items of one suite, group by group."""

    def __init__(self, suite: Suite, progress: Progress, tell: Callable[[str], None]) -> None:
        self._settings, self._inventory, self._tell = suite.settings, suite.inventory, tell
        self._speeds = dict(suite.inventory.speeds)
        self._meter = _Meter(progress, suite.inventory.speeds, suite.settings.device)
        todo = [item for item in suite.items if item.state == "to do"]
        self._meter.total = self._meter.embedding(todo) + GUESSED_SECONDS * len(todo)

    def settled(self, item: Item) -> Outcome:
        """The outcome of an item that is done or not possible."""
        measurement = item.measurement
        if item.state == "done":
            record = self._inventory.records[item.path]
            return Outcome(item, record, record.detail.get("reason") or "")
        if not (measurement.recorded or measurement.broken):
            return Outcome(item, None)
        return self._record_failure(item, FAILED if measurement.broken else NOT_POSSIBLE, Fault(item.reason))

    def group(self, items: Sequence[Item]) -> dict[Path, Outcome]:
        """Embed and measure for a group of encoders; returns the outcome of each item, by the record's path."""
        encoders, unusable = self._load([item.candidate for item in items if item.missing])
        faults: dict[File, Fault] = {}
        for dataset, images in self._inventory.sets.items():
            needs = {need for item in items for need in item.missing if need.dataset == dataset}
            work = self._meter.embedding(items, dataset)
            todo = list(passes(images, needs, encoders)) if encoders else []
            embeddings = sum(image_pass.embeddings for image_pass in todo)
            for image_pass in todo:
                faults |= self._embed(image_pass, work * image_pass.embeddings / embeddings)
        outcomes = {}
        for item in items:
            key = item.candidate.spec.key
            reasons = [faults[File(key, need)] for need in item.missing if File(key, need) in faults]
            reasons += [unusable[key]] if item.missing and key in unusable else []
            outcomes[item.path] = self._measure(item, reasons[:1])
        return outcomes

    def _load(self, candidates: Iterable[Candidate]) -> tuple[list[Encoder], dict[str, Fault]]:
        """The encoders that could be loaded, and by key the reasons why the others could not."""
        loaded: dict[str, Encoder] = {}
        unusable: dict[str, Fault] = {}
        for key, candidate in {candidate.spec.key: candidate for candidate in candidates}.items():
            self._meter.add(0, f"{key}: loading")
            try:
                with encoder_code(f"loading {key}"):
                    loaded[key] = candidate.load(self._settings.device)
            except EncoderError as error:
                unusable[key] = Fault.of(error)
        return list(loaded.values()), unusable

    def _embed(self, image_pass: Pass, work: float) -> Mapping[File, Fault]:
        """Make the files of a pass, which is `work` seconds of the meter; returns why some could not be made."""
        self._time(image_pass)
        keys = [encoder.spec.key for encoder in image_pass.encoders]
        names = ", ".join(keys[:3] + ["…"] * (len(keys) > 3))
        reported = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal reported
            share = max(reported, done / total if total else 1.0)  # a pass that failed starts again in parts
            self._meter.add(work * (share - reported), f"{names}: embedding {image_pass.sources[0].dataset}")
            reported = share

        settings = EmbedSettings(
            out=self._settings.embeddings, device=self._settings.device, workers=self._settings.workers
        )
        return run_pass(image_pass, settings, progress, self._tell)

    def _time(self, image_pass: Pass) -> None:
        """Measure the speeds that are not known, and keep them for the next plan."""
        source = image_pass.sources[0]
        for encoder in image_pass.encoders:
            key = (encoder.spec.key, source.dataset, self._settings.device)
            if key in self._speeds or not len(source):
                continue
            try:
                self._speeds[key] = speed(encoder, source, self._settings.device)
            except MachineError:
                raise
            except FlickrExifError:  # embedding will fail in the same way, and report it
                continue
            write_speeds(self._settings.results, self._speeds)

    def _measure(self, item: Item, reasons: Sequence[Fault]) -> Outcome:
        measurement, key = item.measurement, item.candidate.spec.key
        self._meter.add(0, f"{key}: {measurement.task} {measurement.label} {measurement.dataset}".replace("  ", " "))
        outcome = self._record_failure(item, FAILED, reasons[0]) if reasons else self._run_measurement(item)
        self._meter.add(GUESSED_SECONDS, "")
        return outcome

    def _run_measurement(self, item: Item) -> Outcome:
        try:
            result = run(item.measurement, item.files, self._settings.protocols)
        except MachineError:
            raise
        except FlickrExifError as error:  # of the data
            return self._record_failure(item, FAILED, Fault.of(error))
        origin = self._inventory.origin(item.measurement.dataset)  # that of the images which the files were made from
        result = replace(result, origin=result.origin or origin)
        write_result(item.path, result)
        remove([log_path(item.path)])
        return Outcome(item, result, result.detail.get("reason") or "")

    def _record_failure(self, item: Item, state: str, fault: Fault) -> Outcome:
        """Write a record that says why the measurement was not made, unless an earlier record has values; and the log
        of an encoder that failed."""
        reason = fault.reason
        if fault.log:
            put_text(log_path(item.path), f"{LOG}{reason}\n\n{fault.log}")
        else:
            remove([log_path(item.path)])
        measurement, record = item.measurement, item.candidate.spec
        origin = self._inventory.origin(measurement.dataset)
        result = no_result(measurement, record, origin, state, reason, self._settings.protocols)
        if has_values(self._inventory.records.get(item.path)):
            self._tell(f"{item.path} is kept: it could not be made anew ({reason}).")
        else:
            write_result(item.path, result)
        return Outcome(item, result, reason if state == FAILED else "")
