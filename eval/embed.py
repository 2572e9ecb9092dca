"""Images to embedding files: every encoder, variant and mask in one pass over the images.

Each image is read and decoded once, in worker processes; variants are applied to it there, and encoders of equal
preprocessing share its inputs. Rows land at their place whatever the workers do. Work is saved in blocks of rows: a
run that was killed goes on, a file that is whole is not made twice, and one that was made with other settings is
never overwritten.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, product
from pathlib import Path

from filelock import FileLock, Timeout

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import AGAIN
from flickrexif.eval.allocation import keep_freed_memory
from flickrexif.eval.blocks import Block, Forward, Key
from flickrexif.eval.embeddings import read_embeddings
from flickrexif.eval.encoders.record import Encoder, Prepare
from flickrexif.eval.images import Source
from flickrexif.eval.preparing import Combo, Job, Preparer, Wanted, prepared
from flickrexif.eval.targets import (
    Target,
    decisive,
    finish,
    is_finished,
    read_failures,
    reasons,
    shard_rows,
    target_of,
)
from flickrexif.processing.variants import PARAMETERS, centre_mask, classes, variant

JOB_INPUTS = 32  # prepared inputs a worker hands over at once

Progress = Callable[[int, int, Mapping[str, int]], None]
"""Told of embeddings made so far, of how many, and of failures by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSettings:
    """How to embed; `device` is where the encoders were loaded to."""

    out: Path = Path("data/embeddings")
    on_the_fly: tuple[str, ...] = ()  # parameters (jpeg: all its classes) and variants, made of the stored images
    masks: tuple[float, ...] = (0.0,)  # shares of the area, 0 to 1
    batch_size: int = 64
    workers: int = 0
    device: str = "cpu"
    dtype: str = "fp32"  # fp32, bf16, fp16: of the encoder's arithmetic; files hold float32
    seed: int = 0
    orient: bool = False  # turn images as their Exif orientation says
    shard: str = ""  # 3/8: the third of eight parts of the images
    block: int = 1024  # images between two savings
    compile: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is whole now."""

    path: Path
    rows: int
    failures: Mapping[str, int]
    was_there: bool


@dataclass(frozen=True, slots=True)
class EmbedReport:
    """What a run left: every image of a source is a row of its file or in `failures`."""

    files: tuple[Made, ...]
    batch_sizes: Mapping[str, int]  # by encoder: what memory allowed

    @property
    def failed(self) -> int:
        return sum(sum(one.failures.values()) for one in self.files)


def summary(report: EmbedReport) -> str:
    """What was made, in lines."""
    lines = []
    for one in report.files:
        told = ", ".join(f"{count:,} {reason}" for reason, count in one.failures.items())
        failed = f"; left out: {told}" if told else ""
        lines.append(f"{one.path}: {one.rows:,} images{' (was there)' if one.was_there else ''}{failed}")
    return "\n".join(lines)


def embed(
    settings: EmbedSettings,
    encoders: Sequence[Encoder],
    sources: Sequence[Source],
    progress: Progress | None = None,
    tell: Callable[[str], None] | None = None,
) -> EmbedReport:
    """Make the files that are not there yet. Call it again after any interruption with the same settings.

    `tell` gets sentences on the way (a batch that was halved). Raises UsageError for settings that cannot be, and
    where a file made otherwise is in the way; FlickrExifError when a file cannot be written or a worker dies.
    """
    _check(settings, encoders, sources)
    keep_freed_memory()
    combos = combos_of(settings)
    make = partial(
        Forward,
        batch_size=settings.batch_size,
        device=settings.device,
        tell=tell or (lambda _: None),
        compiled=settings.compile,
    )
    forwards = [make(encoder) for encoder in encoders]
    plans = _plans(settings, encoders, combos, sources)
    ticker = _Ticker(progress or (lambda *_: None), plans)
    with ExitStack() as locks:
        for plan in plans:
            _begin(plan, locks)
        files = [made for plan in plans for made in _run(settings, plan, forwards, ticker)]
    return EmbedReport(tuple(files), {forward.record.key: forward.limit for forward in forwards})


def combos_of(settings: EmbedSettings) -> tuple[Combo, ...]:
    """Every variant with every mask, without doubles. Raises UsageError for a name or a mask that is none."""
    names = [name for one in settings.on_the_fly for name in (classes(one) if one.lower() in PARAMETERS else (one,))]
    variants = [variant(name) for name in names]
    made = [None if one.encoding is None else one for one in variants] or [None]
    for mask in settings.masks:
        centre_mask(1, 1, mask)
    masks = [mask or None for mask in settings.masks]
    return tuple(dict.fromkeys(Combo(*pair) for pair in product(made, masks)))


def _check(settings: EmbedSettings, encoders: Sequence[Encoder], sources: Sequence[Source]) -> None:
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
    """What is to be made of one source, before anything is."""

    source: Source
    combos: tuple[Combo, ...]
    targets: Mapping[Key, Target]
    finished: frozenset[Key]
    bounds: tuple[tuple[int, int], ...]  # of the blocks

    def missing(self, start: int, stop: int) -> list[Key]:
        """The targets without this block."""
        left = [key for key in self.targets if key not in self.finished]
        return [key for key in left if not self.targets[key].block(start, stop).exists()]


def _plans(
    settings: EmbedSettings, encoders: Sequence[Encoder], combos: tuple[Combo, ...], sources: Sequence[Source]
) -> list[_Plan]:
    told = [decisive(encoder.record) for encoder in encoders]
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
            (e, c): make(encoder.record, combo, source, encoder=told[e])
            for (e, encoder), (c, combo) in product(enumerate(encoders), enumerate(combos))
        }
        start, stop = shard_rows(len(source), settings.shard)
        bounds = tuple((at, min(stop, at + settings.block)) for at in range(start, stop, settings.block))
        finished = frozenset(key for key, target in targets.items() if is_finished(target))
        plans.append(_Plan(source, combos, targets, finished, bounds))
    paths = Counter(target.path for plan in plans for target in plan.targets.values())
    if doubles := [path for path, count in paths.items() if count > 1]:
        raise UsageError(f"Two encoders or data sets would share {doubles[0]}.", "Give them different names.")
    return plans


def _begin(plan: _Plan, locks: ExitStack) -> None:
    """Two runs must not make one file."""
    for key, target in plan.targets.items():
        if key in plan.finished:
            continue
        try:
            target.blocks.mkdir(parents=True, exist_ok=True)
            locks.enter_context(FileLock(target.blocks / ".lock", timeout=0))
        except Timeout:
            raise UsageError(f"Another run is making {target.path}.", "Wait for it, or name another --out.") from None
        except OSError as error:
            raise FlickrExifError(f"{target.blocks} cannot be written ({error.strerror}).", AGAIN) from None


class _Ticker:
    """Counts embeddings: images times encoders, variants and masks; those of finished files count as done."""

    def __init__(self, progress: Progress, plans: Sequence[_Plan]) -> None:
        self._progress = progress
        self._total = sum(plan.targets[key].stop - plan.targets[key].start for plan in plans for key in plan.targets)
        left = sum(len(plan.missing(*bounds)) * (bounds[1] - bounds[0]) for plan in plans for bounds in plan.bounds)
        self._done = self._total - left
        self._failures: Counter[str] = Counter()
        self.add(0, ())

    def add(self, done: int, reasons: Iterable[str]) -> None:
        """So many more embeddings, and why some images have none."""
        self._done += done
        self._failures.update(reasons)
        self._progress(self._done, self._total, self._failures)


# --- the work


def _run(settings: EmbedSettings, plan: _Plan, forwards: Sequence[Forward], ticker: _Ticker) -> Iterator[Made]:
    """The files of one source."""
    prepares = _distinct([forward.prepare for forward in forwards])
    groups = [[e for e, forward in enumerate(forwards) if forward.prepare == prepare] for prepare in prepares]
    work = {bounds: keys for bounds in plan.bounds if (keys := plan.missing(*bounds))}
    jobs = {bounds: _jobs(bounds, _wanted(groups, keys)) for bounds, keys in work.items()}
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
        yield _made(target, was_there=key in plan.finished)


def _distinct(prepares: Sequence[Prepare]) -> tuple[Prepare, ...]:
    found: list[Prepare] = []
    for prepare in prepares:
        if prepare not in found:
            found.append(prepare)
    return tuple(found)


def _wanted(groups: Sequence[Sequence[int]], keys: Sequence[Key]) -> Wanted:
    """The combos that each preparation is wanted for."""
    return tuple(tuple(sorted({c for e, c in keys if e in group})) for group in groups)


def _jobs(bounds: tuple[int, int], wanted: Wanted) -> list[Job]:
    images = max(1, JOB_INPUTS // max(map(len, wanted)))
    return [Job(at, min(bounds[1], at + images), wanted) for at in range(*bounds, images)]


def _made(target: Target, *, was_there: bool) -> Made:
    rows = len(read_embeddings(target.path))
    return Made(target.path, rows, reasons(read_failures(target.path)), was_there)
