"""Embeds images into files: encoders that may be in memory together share one pass over the images.

Each image is read and decoded once a pass, in a worker process, which also applies the variants; encoders with equal
preprocessing share its inputs. The order of rows does not depend on the workers. Work is saved in blocks of rows: a run
that was killed continues, a finished file is not made twice, and a file made with other settings is never overwritten.
One that the same encoder made with other weights or code is made anew.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, read_metadata
from flickrexif.eval.embed.allocation import keep_freed_memory
from flickrexif.eval.embed.blocks import Key
from flickrexif.eval.embed.claims import Claims
from flickrexif.eval.embed.embedder import Bounds, Embedder, LocalEmbedder, Tell
from flickrexif.eval.embed.estimate import estimate
from flickrexif.eval.embed.on_ray import RayEmbedder
from flickrexif.eval.embed.report import EmbeddedFile, EmbedReport
from flickrexif.eval.embed.settings import EmbedSettings, Work
from flickrexif.eval.embed.store import (
    Target,
    finish,
    is_finished,
    read_failures,
    reasons,
    target_of,
)
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.faults import Fault
from flickrexif.eval.encoders.groups import by_memory
from flickrexif.eval.encoders.own import UNREVISED
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.processing.engines import check_engine
from flickrexif.processing.engines.ray import connected

Engine = Callable[[EmbedSettings, Sequence[Candidate], Tell], Embedder]
"""Loads a group of encoders."""

Progress = Callable[[int, int, Mapping[str, int]], None]
"""Called with the number of embeddings that are settled, the number of all, and the number of failures by reason."""


def embed(
    settings: EmbedSettings,
    candidates: Sequence[Candidate],
    work: Sequence[Work],
    progress: Progress | None = None,
    tell: Tell | None = None,
) -> EmbedReport:
    """Make the files that do not exist yet. After an interruption, call it again with the same settings.

    An encoder that cannot be loaded or that fails is left out of the rest of the run; it, a source that can no longer
    be read and a file that must not be overwritten are faults in the report. `tell` gets messages on the way, such as
    that a batch was halved. Raises UsageError for impossible settings, MachineError where a file cannot be written or a
    worker dies.
    """
    check_engine(settings.engine, settings.address)
    rows = _rows(settings, candidates, work)
    keep_freed_memory()
    with Claims(settings.out) as claims:
        run = _Run(settings, work, claims, rows, progress or (lambda *_: None), tell or (lambda _: None))
        todo = {own.spec.key: own for own in candidates if not run.is_finished(own)}
        if todo:
            with _engine(settings) as engine:
                for group in by_memory(own.spec for own in todo.values()):  # which leaves memory before the next loads
                    run.group(engine, [todo[spec.key] for spec in group])
    return EmbedReport(
        tuple(run.files[key] for key in rows if key in run.files),
        run.batch_sizes,
        {key: run.faults[key] for key in rows if key in run.faults},
    )


def dry_run(
    settings: EmbedSettings, candidates: Sequence[Candidate], work: Sequence[Work], clock: Callable[[], float]
) -> EmbedReport:
    """The report of a run that writes nothing, with an estimate. Raises UsageError for impossible settings."""
    check_engine(settings.engine, settings.address)
    _rows(settings, candidates, work)
    return EmbedReport((), {}, {}, estimate(settings, candidates, work, clock))


@contextmanager
def _engine(settings: EmbedSettings) -> Iterator[Engine]:
    if settings.engine == "local":
        yield LocalEmbedder
        return
    with connected(settings.address, settings.workers or None) as ray:
        yield partial(RayEmbedder, ray)


def _rows(settings: EmbedSettings, candidates: Sequence[Candidate], work: Sequence[Work]) -> dict[EmbeddingKey, int]:
    """The files to make and how many images each is made of. UsageError where there is nothing to do or no way."""
    counts = {"batch-size": settings.batch_size, "block": settings.block, "workers": settings.workers + 1}
    if wrong := [name for name, count in counts.items() if count < 1]:
        raise UsageError(f"The number for --{wrong[0]} is too small.", "Give 1 or more.")
    if any(combo.variant and part.source.variant != "IDENTITY" for part in work for combo in part.combos):
        raise UsageError("Variants are applied to images as they came, not to stored variants.", "Take one of both.")
    targets = [target for own in candidates for target in _targets(settings, own.spec, work)]
    if not targets:
        raise UsageError("There is nothing to embed.", "Name an encoder, images and a mask.")
    paths = Counter(target.path for target in targets)
    if doubles := [path for path, count in paths.items() if count > 1]:
        raise UsageError(f"Two encoders or data sets would share {doubles[0]}.", "Give them different names.")
    return {target.key: target.rows for target in targets}


def _targets(settings: EmbedSettings, spec: EncoderSpec, work: Sequence[Work]) -> list[Target]:
    return [target_of(settings, spec, part.source, combo) for part in work for combo in part.combos]


@dataclass(slots=True)
class _Run:
    """What is made and what is left."""

    settings: EmbedSettings
    work: Sequence[Work]
    claims: Claims
    rows: Mapping[EmbeddingKey, int]
    progress: Progress
    tell: Tell
    left: dict[EmbeddingKey, int] = field(init=False)  # embeddings of each file that are still to be made
    failures: Counter[str] = field(default_factory=Counter)
    files: dict[EmbeddingKey, EmbeddedFile] = field(default_factory=dict)
    batch_sizes: dict[str, int] = field(default_factory=dict)
    faults: dict[EmbeddingKey, Fault] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.left = dict(self.rows)

    def is_finished(self, own: Candidate) -> bool:
        """Whether all files are there, as far as can be known without loading the encoder; then they are reported."""
        if not all(target.path.exists() for target in _targets(self.settings, own.spec, self.work)):
            return False
        targets = _targets(self.settings, own.compared, self.work)
        try:
            finished = bool(targets[0].spec.digest) and all(map(is_finished, targets))
        except FlickrExifError:  # which is said once the encoder is loaded
            return False
        if finished:
            self._finish(targets, existed=True)
        return finished

    def group(self, engine: Engine, group: Sequence[Candidate]) -> None:
        """Load these encoders and make their files."""
        with closing(engine(self.settings, group, self.tell)) as embedder:
            targets: list[dict[Key, Target]] = [{} for _ in self.work]
            for number, (own, spec) in enumerate(zip(group, embedder.specs, strict=True)):
                if isinstance(spec, FlickrExifError):
                    self._fail(_targets(self.settings, own.spec, self.work), Fault.of(spec))
                    continue
                for of_work, part in zip(targets, self.work, strict=True):
                    of_work |= self._unfinished(number, spec, part)
                changed = sum(t.path.exists() for of_work in targets for (of, _), t in of_work.items() if of == number)
                if changed and not spec.digest.startswith(UNREVISED):
                    self.tell(f"{spec.key} was changed: {changed:,} of its files are made anew.")
            self._report()
            for of_work, part in zip(targets, self.work, strict=True):
                self._make(part, of_work, embedder)
            specs = {number: spec for number, spec in enumerate(embedder.specs) if isinstance(spec, EncoderSpec)}
            self.batch_sizes |= {specs[number].key: size for number, size in embedder.batch_sizes.items()}

    def _unfinished(self, number: int, spec: EncoderSpec, part: Work) -> dict[Key, Target]:
        """The files that are to be made of one source; those that are there and those that cannot be are reported."""
        unfinished = {}
        for place, target in enumerate(_targets(self.settings, spec, [part])):
            with self._faults_of([target]):
                if is_finished(target):
                    self._finish([target], existed=True)
                else:
                    self.claims.add(target)
                    unfinished[number, place] = target
        for key, bounds in _missing(unfinished).items():
            self.left[unfinished[key].key] = sum(stop - start for start, stop in bounds)
        return unfinished

    def _make(self, part: Work, targets: Mapping[Key, Target], embedder: Embedder) -> None:
        """Make the files of one source."""
        with self._faults_of(targets.values()):  # of the data
            blocks: dict[Bounds, list[Key]] = {}
            for key, missing in _missing(targets).items():
                if key[0] not in embedder.faults:
                    for bounds in missing:
                        blocks.setdefault(bounds, []).append(key)
            if blocks:
                embedder.embed(part, targets, blocks, partial(self._tick, targets))
        for (number, _), target in targets.items():
            if not target.missing():
                with self._faults_of([target]):
                    finish(target)
                    self._finish([target], existed=False)
            elif fault := embedder.faults.get(number):
                self._fail([target], fault)
        self._report()

    # --- what is reported

    def _tick(self, targets: Mapping[Key, Target], keys: Sequence[Key], images: int, reasons: Sequence[str]) -> None:
        for key in keys:
            self.left[targets[key].key] -= images
        self.failures.update(reasons)
        self._report()

    def _report(self) -> None:
        total = sum(self.rows.values())
        self.progress(total - sum(self.left.values()), total, self.failures)

    def _finish(self, targets: Iterable[Target], *, existed: bool) -> None:
        for target in targets:
            failures = reasons(read_failures(target.path))
            self.files[target.key] = EmbeddedFile(target.path, read_metadata(target.path)[1], failures, existed)
            self.left[target.key] = 0
            if existed:
                self.claims.sweep(target)

            self.faults.pop(target.key, None)

    def _fail(self, targets: Iterable[Target], fault: Fault) -> None:
        for target in targets:
            self.faults[target.key] = fault
            self.left[target.key] = 0

    @contextmanager
    def _faults_of(self, targets: Iterable[Target]) -> Iterator[None]:
        """What is raised is the fault of these files; what is wrong with the machine ends the run."""
        try:
            yield
        except MachineError:
            raise
        except FlickrExifError as error:
            self._fail(targets, Fault.of(error))


def _missing(targets: Mapping[Key, Target]) -> dict[Key, list[Bounds]]:
    """The blocks to make of each file: those that any file of its encoder lacks.

    All of an encoder's files, since a run that was killed between two of them would else leave a block to be made in
    other batches, whose rounding is another.
    """
    lacking: dict[int, set[Bounds]] = {}
    for (number, _), target in targets.items():
        lacking.setdefault(number, set()).update(target.missing())
    return {key: [bounds for bounds in target.bounds if bounds in lacking[key[0]]] for key, target in targets.items()}
