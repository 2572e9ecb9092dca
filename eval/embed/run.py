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
from itertools import chain, islice

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, read_embeddings
from flickrexif.eval.embed.allocation import keep_freed_memory
from flickrexif.eval.embed.blocks import Block, Key
from flickrexif.eval.embed.claims import Claims
from flickrexif.eval.embed.forward import Batcher, Forward
from flickrexif.eval.embed.loader import Job, Prepared, Preparer, check_prepare, prepared
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
from flickrexif.eval.encoders.spec import EncoderSpec, Prepare

JOB_INPUTS = 32  # prepared inputs that a worker hands over at once

Progress = Callable[[int, int, Mapping[str, int]], None]
"""Called with the number of embeddings that are settled, the number of all, and the number of failures by reason."""


def embed(
    settings: EmbedSettings,
    candidates: Sequence[Candidate],
    work: Sequence[Work],
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> EmbedReport:
    """Make the files that do not exist yet. After an interruption, call it again with the same settings.

    An encoder that cannot be loaded or that fails is left out of the rest of the run; it, a source that can no longer
    be read and a file that must not be overwritten are faults in the report. `tell` gets messages on the way, such as
    that a batch was halved. Raises UsageError for impossible settings, MachineError where a file cannot be written or a
    worker dies.
    """
    rows = _rows(settings, candidates, work)
    keep_freed_memory()
    with Claims(settings.out) as claims:
        run = _Run(settings, work, claims, rows, progress or (lambda *_: None), tell or (lambda _: None))
        todo = {own.spec.key: own for own in candidates if not run.is_finished(own)}
        for group in by_memory(own.spec for own in todo.values()):
            run.group([todo[spec.key] for spec in group])  # whose encoders leave memory before others are loaded
    return EmbedReport(
        tuple(run.files[key] for key in rows if key in run.files),
        run.batch_sizes,
        {key: run.faults[key] for key in rows if key in run.faults},
    )


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
    tell: Callable[[str], None]
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

    def group(self, group: Sequence[Candidate]) -> None:
        """Load these encoders and make their files."""
        forwards: list[Forward] = []
        for own in group:
            with self._faults_of(_targets(self.settings, own.spec, self.work)):
                forwards.append(self._loaded(own))
        targets: list[dict[Key, Target]] = [{} for _ in self.work]
        for number, forward in enumerate(forwards):
            for of_work, part in zip(targets, self.work, strict=True):
                of_work |= self._unfinished(number, forward, part)
            changed = sum(t.path.exists() for of_work in targets for (of, _), t in of_work.items() if of == number)
            if changed and not forward.spec.digest.startswith(UNREVISED):
                self.tell(f"{forward.spec.key} was changed: {changed:,} of its files are made anew.")
        self._report()
        for of_work, part in zip(targets, self.work, strict=True):
            self._make(part, of_work, forwards)
        self.batch_sizes |= {forward.spec.key: forward.limit for forward in forwards}

    def _loaded(self, own: Candidate) -> Forward:
        settings = self.settings
        encoder = own.load(settings.device, settings.dtype)
        if not encoder.spec.digest:
            raise UsageError(f"Nothing tells which weights {own.spec.key} has.", "Give its spec a digest.")
        if settings.workers:
            check_prepare(encoder.prepare)
        return Forward(encoder, settings.batch_size, settings.device, self.tell, compiled=settings.compile)

    def _unfinished(self, number: int, forward: Forward, part: Work) -> dict[Key, Target]:
        """The files that are to be made of one source; those that are there and those that cannot be are reported."""
        unfinished = {}
        for place, target in enumerate(_targets(self.settings, forward.spec, [part])):
            with self._faults_of([target]):
                if is_finished(target):
                    self._finish([target], existed=True)
                else:
                    self.claims.add(target)
                    unfinished[number, place] = target
                    self.left[target.key] = sum(stop - start for start, stop in target.missing())
        return unfinished

    def _make(self, part: Work, targets: Mapping[Key, Target], forwards: Sequence[Forward]) -> None:
        """Make the files of one source."""
        with self._faults_of(targets.values()):  # of the data
            self._embed(part, targets, forwards)
        for (number, _), target in targets.items():
            if not target.missing():
                with self._faults_of([target]):
                    finish(target)
                    self._finish([target], existed=False)
            elif fault := forwards[number].fault:
                self._fail([target], fault)
        self._report()

    def _embed(self, part: Work, targets: Mapping[Key, Target], forwards: Sequence[Forward]) -> None:
        settings, source = self.settings, part.source
        targets = {key: target for key, target in targets.items() if not forwards[key[0]].fault}
        if not targets:
            return
        prepares = _distinct(forward.prepare for forward in forwards)
        groups = [[place for place, forward in enumerate(forwards) if forward.prepare == p] for p in prepares]
        blocks: dict[tuple[int, int], list[Key]] = {}
        for key, target in targets.items():
            for bounds in target.missing():
                blocks.setdefault(bounds, []).append(key)
        jobs = {bounds: _jobs(bounds, blocks[bounds], groups) for bounds in sorted(blocks)}
        preparer = Preparer(source.read, source.ids, part.combos, prepares, settings.seed, settings.orient)
        batcher = partial(Batcher, settings.batch_size, pinned=settings.device.startswith("cuda"))
        with closing(prepared(preparer, list(chain.from_iterable(jobs.values())), settings.workers)) as stream:
            for bounds, of_block in jobs.items():
                keys = blocks[bounds]
                if all(forwards[number].fault for number, _ in targets):
                    return
                block = Block(bounds, keys, forwards, groups, len(part.combos), batcher)
                block.embed(islice(stream, len(of_block)), partial(self._tick, [targets[key].key for key in keys]))
                block.write(targets)

    # --- what is reported

    def _tick(self, keys: Sequence[EmbeddingKey], piece: Prepared) -> None:
        for key in keys:
            self.left[key] -= piece.job.stop - piece.job.start
        self.failures.update(reason for _, reason in piece.failures)
        self._report()

    def _report(self) -> None:
        total = sum(self.rows.values())
        self.progress(total - sum(self.left.values()), total, self.failures)

    def _finish(self, targets: Iterable[Target], *, existed: bool) -> None:
        for target in targets:
            failures = reasons(read_failures(target.path))
            self.files[target.key] = EmbeddedFile(target.path, len(read_embeddings(target.path)), failures, existed)
            self.left[target.key] = 0

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


def _distinct(prepares: Iterable[Prepare]) -> tuple[Prepare, ...]:
    distinct: list[Prepare] = []
    for prepare in prepares:
        if prepare not in distinct:
            distinct.append(prepare)
    return tuple(distinct)


def _jobs(bounds: tuple[int, int], keys: Sequence[Key], groups: Sequence[Sequence[int]]) -> list[Job]:
    """The block's images in jobs; each group of encoders needs the combos that any of its encoders lacks."""
    combos = tuple(tuple(sorted({combo for encoder, combo in keys if encoder in group})) for group in groups)
    images = max(1, JOB_INPUTS // max(map(len, combos)))
    return [Job(at, min(bounds[1], at + images), combos) for at in range(*bounds, images)]
