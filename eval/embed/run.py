"""Embeds images into files: every encoder, variant and mask in one pass over the images.

Each image is read and decoded once, in a worker process, which also applies the variants; encoders with equal
preprocessing share its inputs. The order of rows does not depend on the workers. Work is saved in blocks of rows: a run
that was killed continues, a finished file is not made twice, and a file made with other settings is never overwritten.
One that the same encoder made with other weights or code is made anew.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, product
from pathlib import Path

from flickrexif.core.errors import UsageError
from flickrexif.eval.data.embeddings import read_embeddings
from flickrexif.eval.data.source import Source
from flickrexif.eval.embed.allocation import keep_freed_memory
from flickrexif.eval.embed.blocks import Block, Forward, Key
from flickrexif.eval.embed.claims import claimed
from flickrexif.eval.embed.loader import Combo, CombosByPreparation, Job, Preparer, prepared
from flickrexif.eval.embed.store import (
    Target,
    finish,
    is_finished,
    read_failures,
    reasons,
    shard_rows,
    target_of,
)
from flickrexif.eval.encoders.own import UNREVISED
from flickrexif.eval.encoders.spec import Encoder, Prepare
from flickrexif.processing.variants import PARAMETERS, centre_mask, classes, variant

JOB_INPUTS = 32  # prepared inputs that a worker hands over at once

Progress = Callable[[int, int, Mapping[str, int]], None]
"""Called with the number of embeddings made, the number of all, and the number of failures by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSettings:
    """How to embed; `device` is the one that the encoders are loaded on."""

    out: Path
    on_the_fly: tuple[str, ...] = ()  # variants to make of the stored images; a parameter (jpeg) stands for its classes
    masks: tuple[float, ...] = (0.0,)  # shares of the area, 0 to 1
    batch_size: int = 64
    workers: int = 0
    device: str = "cpu"
    dtype: str = "fp32"  # fp32, bf16, fp16: of the encoder's arithmetic; files hold float32
    seed: int = 0
    orient: bool = False  # turn images as their Exif orientation says
    shard: str = ""  # 3/8: the third of eight parts of the images
    block: int = 1024  # images that are saved at a time
    compile: bool = False


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A finished file."""

    path: Path
    rows: int
    failures: Mapping[str, int]  # reason -> images without a row
    existed: bool  # True where it was finished before this run


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """The files of a run; each image of a source is a row of its file or counted in its `failures`."""

    files: tuple[EmbeddedFile, ...]
    batch_sizes: Mapping[str, int]  # encoder -> batch size that memory allowed

    @property
    def failed(self) -> int:
        """The number of embeddings that could not be made."""
        return sum(sum(file.failures.values()) for file in self.files)


def summary(report: EmbedReport) -> str:
    """A line a file: its path, images and failures."""
    lines = []
    for file in report.files:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in file.failures.items())
        failed = f"; left out: {counts}" if counts else ""
        lines.append(f"{file.path}: {file.rows:,} images{' (was there)' if file.existed else ''}{failed}")
    return "\n".join(lines)


def embed(
    settings: EmbedSettings,
    encoders: Sequence[Encoder],
    sources: Sequence[Source],
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> EmbedReport:
    """Make the files that do not exist yet. After an interruption, call it again with the same settings.

    `tell` gets messages on the way, such as that a batch was halved. Raises UsageError for impossible settings, and
    where a file with other settings has the same path; MachineError where a file cannot be written or a worker dies,
    EncoderError for what an encoder raises.
    """
    check(settings, encoders, sources)
    if lacking := [encoder.spec.key for encoder in encoders if not encoder.spec.digest]:
        raise UsageError(f"Nothing tells which weights {lacking[0]} has.", "Give its spec a digest.")
    tell = tell or (lambda _: None)
    keep_freed_memory()
    combos = combos_of(settings)
    make = partial(
        Forward,
        batch_size=settings.batch_size,
        device=settings.device,
        tell=tell,
        compiled=settings.compile,
    )
    forwards = [make(encoder) for encoder in encoders]
    plans = _plans(settings, encoders, combos, sources)
    for sentence in _changed(plans, encoders):
        tell(sentence)
    ticker = _Ticker(progress or (lambda *_: None), plans)
    with claimed(settings.out, [target for plan in plans for target in plan.unfinished()]):
        files = [file for plan in plans for file in _run(settings, plan, forwards, ticker)]
    return EmbedReport(tuple(files), {forward.spec.key: forward.limit for forward in forwards})


def combos_of(settings: EmbedSettings) -> tuple[Combo, ...]:
    """Each variant with each mask, once. Raises UsageError for an unknown variant and for an impossible mask."""
    lists = [classes(name) if name.lower() in PARAMETERS else (name,) for name in settings.on_the_fly]
    variants = [variant(name) for name in chain.from_iterable(lists)]
    processings = [None if row.encoding is None else row for row in variants] or [None]
    for mask in settings.masks:
        centre_mask(1, 1, mask)  # raises UsageError for an impossible mask
    masks = [mask or None for mask in settings.masks]
    return tuple(dict.fromkeys(Combo(*pair) for pair in product(processings, masks)))


def check(settings: EmbedSettings, encoders: Sequence[object], sources: Sequence[Source]) -> None:
    """Raises UsageError for impossible settings, and where there is nothing to do."""
    combos_of(settings)
    counts = {"batch": settings.batch_size, "block": settings.block, "workers": settings.workers + 1}
    if wrong := [name for name, count in counts.items() if count < 1]:
        raise UsageError(f"The number for --{wrong[0].replace('batch', 'batch-size')} is too small.", "Give 1 or more.")
    if not (encoders and sources and settings.masks):
        raise UsageError("There is nothing to embed.", "Name an encoder, images and a mask.")
    if settings.on_the_fly and any(source.variant != "IDENTITY" for source in sources):
        raise UsageError("Variants are applied to images as they came, not to stored variants.", "Take one of both.")


# --- the plan


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be made of one source."""

    source: Source
    combos: tuple[Combo, ...]
    targets: Mapping[Key, Target]
    finished: frozenset[Key]
    bounds: tuple[tuple[int, int], ...]  # of the blocks

    def unfinished(self) -> list[Target]:
        """The targets that are still to be made."""
        return [target for key, target in self.targets.items() if key not in self.finished]

    def missing(self, start: int, stop: int) -> list[Key]:
        """The unfinished targets that lack the block of the rows start to stop - 1."""
        left = [key for key in self.targets if key not in self.finished]
        return [key for key in left if not self.targets[key].block(start, stop).exists()]


def _plans(
    settings: EmbedSettings, encoders: Sequence[Encoder], combos: tuple[Combo, ...], sources: Sequence[Source]
) -> list[_Plan]:
    make = partial(
        target_of,
        settings.out,
        dtype=settings.dtype,
        orient=settings.orient,
        seed=settings.seed,
        shard=settings.shard,
    )
    plans = []
    for source in sources:
        targets = {
            (number, combo_number): make(encoder.spec, combo, source)
            for (number, encoder), (combo_number, combo) in product(enumerate(encoders), enumerate(combos))
        }
        start, stop = shard_rows(len(source), settings.shard)
        bounds = tuple((at, min(stop, at + settings.block)) for at in range(start, stop, settings.block))
        finished = frozenset(key for key, target in targets.items() if is_finished(target))
        plans.append(_Plan(source, combos, targets, finished, bounds))
    paths = Counter(target.path for plan in plans for target in plan.targets.values())
    if doubles := [path for path, count in paths.items() if count > 1]:
        raise UsageError(f"Two encoders or data sets would share {doubles[0]}.", "Give them different names.")
    return plans


def _changed(plans: Sequence[_Plan], encoders: Sequence[Encoder]) -> Iterator[str]:
    """A sentence for each encoder of which files are made anew, as others of its weights or code made them."""
    for number, encoder in enumerate(encoders):
        left = [(plan, key) for plan in plans for key in plan.targets.keys() - plan.finished if key[0] == number]
        count = sum(plan.targets[key].path.exists() for plan, key in left)
        if count and not encoder.spec.digest.startswith(UNREVISED):
            yield f"{encoder.spec.key} was changed: {count:,} of its files are made anew."


class _Ticker:
    """Counts the embeddings made: images times encoders, variants and masks; finished files count as made."""

    def __init__(self, progress: Progress, plans: Sequence[_Plan]) -> None:
        self._progress = progress
        self._total = sum(plan.targets[key].stop - plan.targets[key].start for plan in plans for key in plan.targets)
        left = sum(len(plan.missing(*bounds)) * (bounds[1] - bounds[0]) for plan in plans for bounds in plan.bounds)
        self._done = self._total - left
        self._failures: Counter[str] = Counter()
        self.add(0, ())

    def add(self, done: int, reasons: Iterable[str]) -> None:
        """Count `done` more embeddings, and the reasons of images that failed."""
        self._done += done
        self._failures.update(reasons)
        self._progress(self._done, self._total, self._failures)


# --- the work


def _run(settings: EmbedSettings, plan: _Plan, forwards: Sequence[Forward], ticker: _Ticker) -> Iterator[EmbeddedFile]:
    """Make the files of one source, and yield each finished one."""
    prepares = _distinct([forward.prepare for forward in forwards])
    groups = [[number for number, forward in enumerate(forwards) if forward.prepare == prepare] for prepare in prepares]
    work = {bounds: keys for bounds in plan.bounds if (keys := plan.missing(*bounds))}
    jobs = {bounds: _jobs(bounds, _combos_by_group(groups, keys)) for bounds, keys in work.items()}
    source = plan.source
    preparer = Preparer(source.read, source.ids, plan.combos, prepares, settings.seed, settings.orient)
    with closing(prepared(preparer, list(chain.from_iterable(jobs.values())), settings.workers)) as stream:
        for bounds, keys in work.items():
            block = Block(bounds, keys, groups, len(plan.combos), forwards)
            block.embed(islice(stream, len(jobs[bounds])), ticker.add)
            block.write(plan.targets)
    for key, target in plan.targets.items():
        if key not in plan.finished:
            finish(target, plan.bounds)
        yield _embedded_file(target, existed=key in plan.finished)


def _distinct(prepares: Sequence[Prepare]) -> tuple[Prepare, ...]:
    distinct: list[Prepare] = []
    for prepare in prepares:
        if prepare not in distinct:
            distinct.append(prepare)
    return tuple(distinct)


def _combos_by_group(groups: Sequence[Sequence[int]], keys: Sequence[Key]) -> CombosByPreparation:
    """For each group of encoders, the combos that any of them lacks."""
    return tuple(tuple(sorted({combo for encoder, combo in keys if encoder in group})) for group in groups)


def _jobs(bounds: tuple[int, int], combos: CombosByPreparation) -> list[Job]:
    images = max(1, JOB_INPUTS // max(map(len, combos)))
    return [Job(at, min(bounds[1], at + images), combos) for at in range(*bounds, images)]


def _embedded_file(target: Target, *, existed: bool) -> EmbeddedFile:
    rows = len(read_embeddings(target.path))
    return EmbeddedFile(target.path, rows, reasons(read_failures(target.path)), existed)
