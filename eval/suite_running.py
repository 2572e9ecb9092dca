"""Doing what the suite's plan says.

Encoders are taken in groups that share one pass over the images; each embedding file and each record is made once, and
what is there and still holds is left as it is. A measurement that fails is a record with its reason; the rest goes on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flickrexif.eval.embed import EmbedSettings
from flickrexif.eval.encoders import load
from flickrexif.eval.encoders.record import Encoder
from flickrexif.eval.probe import Protocol
from flickrexif.eval.results import Result, write_result
from flickrexif.eval.suite_embed import Failure, Pass, passes, run_pass, speed, why
from flickrexif.eval.suite_plan import Candidate, Item, Key, Known, has_values, write_speeds
from flickrexif.eval.suite_runs import FAILED, NOT_POSSIBLE, Protocols, no_result, run

GROUP_BYTES = 4_000_000_000  # of the weights of the encoders that share a pass over the images
UNKNOWN_BYTES = 1_000_000_000  # taken for an encoder whose size is not told
GUESSED_SPEED = 20.0  # images a second of an encoder that was never timed; for the progress alone
GUESSED_SECONDS = 2.0  # of a measurement that was never made; for the progress alone

Progress = Callable[[float, float, str], None]
"""Told of the work done and of how much there is (in about seconds), and of what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteSettings:
    """What to measure, and where; records go to `results`, embeddings to `embeddings` below the data folder."""

    data_dir: Path = Path("data")
    images: tuple[str, ...] = ()  # image sets beside those of the data folder; variants are made on the fly
    tasks: tuple[str, ...] = ()  # of suite_tasks.TASKS; none: all
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
        """What all measurements share; they run on the CPU unless the encoders are on a CUDA device."""
        device = self.device if self.device.startswith("cuda") else "cpu"
        return Protocols(probe=self.protocol, seeds=self.seeds, device=device)


@dataclass(frozen=True, slots=True)
class Suite:
    """What `flickrexif.eval.suite.prepare` found: the plan, before anything is done."""

    settings: SuiteSettings
    known: Known
    items: Sequence[Item]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an item."""

    item: Item
    result: Result | None  # None: not possible, for want of data
    failed: str = ""  # why it failed


def run_suite(
    suite: Suite, progress: Progress | None = None, tell: Callable[[str], None] | None = None
) -> list[Outcome]:
    """Do what is to do; returns an outcome for every item, in the plan's order.

    After an interruption prepare again and run that. `tell` gets sentences on the way. Raises FlickrExifError when a
    record cannot be written.
    """
    run = _Run(suite, progress or (lambda *_: None), tell or (lambda _: None))
    outcomes = {item.path: run.settled(item) for item in suite.items if item.state != "to do"}
    for group in groups([item for item in suite.items if item.state == "to do"]):
        outcomes |= run.group(group)
    return [outcomes[item.path] for item in suite.items]


def groups(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items of as many encoders at a time as memory should hold."""
    by_encoder: dict[str, list[Item]] = {}
    for item in items:
        by_encoder.setdefault(item.candidate.record.key, []).append(item)
    group: list[Item] = []
    size = 0
    for some in by_encoder.values():
        record = some[0].candidate.record
        more = 0 if record.backend == "control" else record.size_bytes or UNKNOWN_BYTES
        if group and size + more > GROUP_BYTES:
            yield group
            group, size = [], 0
        group, size = group + some, size + more
    if group:
        yield group


@dataclass(slots=True)
class _Meter:
    """Counts the work in seconds, as they were expected before."""

    progress: Progress
    speeds: Mapping[Key, float]
    device: str
    total: float = 0.0
    done: float = 0.0

    def embedding(self, items: Iterable[Item], dataset: str | None = None) -> float:
        """The work of embedding for the items, of one data set or all."""
        return sum(
            count / self.speeds.get((item.candidate.record.key, need.dataset, self.device), GUESSED_SPEED)
            for item in items
            for need, count in item.images.items()
            if dataset in (None, need.dataset)
        )

    def add(self, work: float, text: str) -> None:
        """So much more is done, and this comes next."""
        self.done += work
        self.progress(self.done, self.total, text)


class _Run:
    """The items of one suite, group by group."""

    def __init__(self, suite: Suite, progress: Progress, tell: Callable[[str], None]) -> None:
        self._settings, self._known, self._tell = suite.settings, suite.known, tell
        self._speeds = dict(suite.known.speeds)
        self._meter = _Meter(progress, suite.known.speeds, suite.settings.device)
        todo = [item for item in suite.items if item.state == "to do"]
        self._meter.total = self._meter.embedding(todo) + GUESSED_SECONDS * len(todo)

    def settled(self, item: Item) -> Outcome:
        """The outcome of an item that is done or not possible."""
        m = item.measurement
        if item.state == "done":
            found = self._known.records[item.path]
            return Outcome(item, found, found.detail.get("reason") or "")
        if not (m.recorded or m.broken):
            return Outcome(item, None)
        return self._without(item, FAILED if m.broken else NOT_POSSIBLE, item.reason)

    def group(self, items: Sequence[Item]) -> dict[Path, Outcome]:
        """The outcomes of the items of some encoders, by the record's path."""
        encoders, unusable = self._load([item.candidate for item in items if item.missing])
        failures: dict[Failure, str] = {}
        for dataset, images in self._known.sets.items():
            needs = {need for item in items for need in item.missing if need.dataset == dataset}
            work = self._meter.embedding(items, dataset)
            todo = list(passes(images, needs, encoders)) if encoders else []
            for one in todo:
                failures |= self._embed(one, work * one.embeddings / sum(each.embeddings for each in todo))
        outcomes = {}
        for item in items:
            key = item.candidate.record.key
            reasons = [failures[Failure(key, need)] for need in item.missing if Failure(key, need) in failures]
            reasons += [unusable[key]] if item.missing and key in unusable else []
            outcomes[item.path] = self._measure(item, reasons[:1])
        return outcomes

    def _load(self, candidates: Iterable[Candidate]) -> tuple[list[Encoder], dict[str, str]]:
        """The encoders, and why the others cannot be loaded."""
        loaded: dict[str, Encoder] = {}
        unusable: dict[str, str] = {}
        for key, one in {one.record.key: one for one in candidates}.items():
            self._meter.add(0, f"{key}: loading")
            try:
                loaded[key] = one.encoder or load(one.record, device=self._settings.device)
            except Exception as error:  # an encoder is anybody's code, and the others must go on
                unusable[key] = why(error)
        return list(loaded.values()), unusable

    def _embed(self, one: Pass, work: float) -> Mapping[Failure, str]:
        """Why some files of the pass could not be made."""
        self._time(one)
        names = ", ".join(encoder.record.key for encoder in one.encoders[:3]) + ", …" * (len(one.encoders) > 3)
        told = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal told
            share = max(told, done / total if total else 1.0)  # a pass that failed begins again in parts
            self._meter.add(work * (share - told), f"{names}: embedding {one.sources[0].dataset}")
            told = share

        settings = EmbedSettings(
            out=self._settings.embeddings, device=self._settings.device, workers=self._settings.workers
        )
        return run_pass(one, settings, progress, self._tell)

    def _time(self, one: Pass) -> None:
        """Measure and keep the speeds that are not known, for the next plan."""
        source = one.sources[0]
        for encoder in one.encoders:
            key = (encoder.record.key, source.dataset, self._settings.device)
            if key in self._speeds or not len(source):
                continue
            try:
                self._speeds[key] = speed(encoder, source, self._settings.device)
            except Exception:  # noqa: S112  # embedding will fail likewise, and say so
                continue
            write_speeds(self._settings.results, self._speeds)

    def _measure(self, item: Item, reasons: Sequence[str]) -> Outcome:
        m, key = item.measurement, item.candidate.record.key
        self._meter.add(0, f"{key}: {m.task} {m.label} {m.dataset}".replace("  ", " "))
        outcome = self._without(item, FAILED, reasons[0]) if reasons else self._made(item)
        self._meter.add(GUESSED_SECONDS, "")
        return outcome

    def _made(self, item: Item) -> Outcome:
        try:
            result = run(item.measurement, item.files, self._settings.protocols)
        except Exception as error:  # what was embedded by anybody's code; the others must go on
            return self._without(item, FAILED, why(error))
        if origin := self._known.sets[item.measurement.dataset].origin:
            result = replace(result, settings={**result.settings, "source": origin})
        write_result(item.path, result)
        return Outcome(item, result, result.detail.get("reason") or "")

    def _without(self, item: Item, state: str, reason: str) -> Outcome:
        """A record of what could not be made; one of earlier values is left where it is."""
        result = no_result(item.measurement, item.candidate.record, state, reason, self._settings.protocols)
        if has_values(self._known.records.get(item.path)):
            self._tell(f"{item.path} is kept: it could not be made anew ({reason}).")
        else:
            write_result(item.path, result)
        return Outcome(item, result, reason if state == FAILED else "")
