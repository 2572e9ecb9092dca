"""Encoders in actors of a Ray cluster (https://docs.ray.io). Its machines see source and output under the same paths.

An actor has one GPU, or of more `--workers` than GPUs a share of one; without GPUs it has as many cores as this process
has threads, as other numbers of threads round otherwise. It loads the group of encoders once, decodes each image once
for all of them and writes its blocks itself; only counts come back. Beside a GPU, tasks on the cluster's cores decode,
a bounded number of jobs ahead. A lost actor costs its unfinished blocks: another makes them.
"""

import math
import os
import socket
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.core.text import reason_of
from flickrexif.eval.embed.allocation import keep_freed_memory
from flickrexif.eval.embed.blocks import Key
from flickrexif.eval.embed.embedder import Bounds, Pass, Tell, Tick, loaded
from flickrexif.eval.embed.forward import Forward
from flickrexif.eval.embed.loader import Job, Prepared, Preparer, crashed
from flickrexif.eval.embed.settings import EmbedSettings, Work
from flickrexif.eval.embed.store import Target
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.devices import pick_device
from flickrexif.eval.encoders.faults import Fault
from flickrexif.eval.encoders.spec import EncoderSpec

AHEAD = 2  # blocks given out for each actor
DEATHS = 3  # of the actors that make one block, or that load
PATIENCE = 600.0  # seconds that the cluster may take to start an actor

Specs = list[EncoderSpec | FlickrExifError]


class Done(NamedTuple):
    """What an actor tells of a block."""

    images: int
    reasons: list[str]  # of the failures
    faults: dict[int, Fault]  # so far, by the encoders' numbers
    batch_sizes: dict[int, int]
    lines: list[str]  # for the user


@dataclass(slots=True, eq=False)
class _Worker:
    """An actor, from here."""

    actor: Any
    blocks: dict[Any, Bounds] = field(default_factory=dict)  # given out, in their order, by the references of results


class RayEmbedder:
    """An `Embedder` of a cluster to which `ray` is connected."""

    def __init__(self, ray: Any, settings: EmbedSettings, group: Sequence[Candidate], tell: Tell) -> None:
        """Raises UsageError for encoders that cannot be given to other processes, MachineError where none starts."""
        self.specs: Specs = []
        self.faults: dict[int, Fault] = {}
        self.batch_sizes: dict[int, int] = {}
        self._ray, self._settings, self._tell, self._passes = ray, settings, tell, 0
        count, self._share, ahead = _crew(ray, settings)
        try:
            self._group = ray.put(list(group))
        except (TypeError, AttributeError) as error:
            message = f"An encoder cannot be given to other processes ({reason_of(error, 200)})."
            raise UsageError(message, "Define it in a module, or use --engine local.") from None
        self._actor = ray.remote(max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD", **self._share)(Actor)
        self._begin = (str(Path.cwd()), int(self._share["num_cpus"]), ahead)
        self._loading: dict[Any, _Worker] = {}
        self._ready: list[_Worker] = []
        self._deaths = 0  # of actors that were loading
        try:
            for _ in range(count):
                self._start()
            while not self._ready:
                self._wait(Counter())
        except BaseException:
            self.close()
            raise

    def embed(
        self, part: Work, targets: Mapping[Key, Target], blocks: Mapping[Bounds, Sequence[Key]], tick: Tick
    ) -> None:
        """As `Embedder.embed`; `tick` is called as blocks end."""
        self._passes += 1
        images = self._ray.put((part, dict(targets)))
        left, deaths = deque(sorted(blocks)), Counter[Bounds]()
        try:
            while left or any(worker.blocks for worker in self._ready):
                for worker in self._ready:
                    while left and len(worker.blocks) < AHEAD:
                        self._give(worker, left.popleft(), images, blocks, deaths)
                for bounds, done in self._wait(deaths):
                    if done is None:
                        left.appendleft(bounds)
                    else:
                        tick(self._keys(blocks[bounds]), done.images, done.reasons)
        finally:
            for worker in self._ready:
                worker.blocks.clear()  # whatever is still under way is nobody's any more

    def close(self) -> None:
        """End the actors."""
        for worker in (*self._ready, *self._loading.values()):
            self._ray.kill(worker.actor)
        self._ready, self._loading = [], {}

    def _keys(self, keys: Sequence[Key]) -> list[Key]:
        return [key for key in keys if key[0] not in self.faults]

    def _give(self, worker: _Worker, bounds: Bounds, images: Any, blocks: Any, deaths: Counter[Bounds]) -> None:
        if keys := self._keys(blocks[bounds]):
            apart = deaths[bounds] > 0
            result = worker.actor.embed.remote(self._passes, [images], bounds, keys, apart)
            worker.blocks[result] = bounds

    def _start(self) -> None:
        actor = self._actor.remote(*self._begin)
        self._loading[actor.load.remote(self._settings, self._group)] = _Worker(actor)

    def _wait(self, deaths: Counter[Bounds]) -> list[tuple[Bounds, Done | None]]:
        """Blocks that ended, with None for those of an actor that is lost; an actor that has loaded gets ready."""
        ray = self._ray
        given = {result: worker for worker in self._ready for result in worker.blocks}
        awaited = [*given, *self._loading]
        if not awaited:
            return []
        results, _ = ray.wait(awaited, timeout=None if given else PATIENCE)
        if not results:
            message = f"The cluster started no worker with {_words(self._share)} within {PATIENCE:.0f} seconds."
            raise MachineError(message, "Look at `ray status`; finished blocks are kept.")
        (result,) = results
        try:
            value = ray.get(result)
        except (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError) as error:  # its node ran out of it
            return self._lost(result, given.get(result), deaths, error)
        if result in self._loading:
            self._join(self._loading.pop(result), value)
            return []
        self.faults |= value.faults
        self.batch_sizes |= {
            number: min(size, self.batch_sizes.get(number, size)) for number, size in value.batch_sizes.items()
        }
        for line in value.lines:
            self._tell(line)
        return [(given[result].blocks.pop(result), value)]

    def _join(self, worker: _Worker, specs: Specs) -> None:
        """The first to load says what the encoders are; where another disagrees, the encoder is left out."""
        self.specs = self.specs or specs
        for number, (first, spec) in enumerate(zip(self.specs, specs, strict=True)):
            if isinstance(first, EncoderSpec) and first != spec:
                other = UsageError(f"{first.key} has other weights or code on another machine.", "Make them equal.")
                self.faults[number] = Fault.of(spec if isinstance(spec, FlickrExifError) else other)
        self._ready.append(worker)

    def _lost(
        self, result: Any, worker: _Worker | None, deaths: Counter[Bounds], error: Exception
    ) -> list[tuple[Bounds, Done | None]]:
        """Start another actor in the place of one that is lost, whose blocks are to be made again."""
        if worker is None:
            self._ray.kill(self._loading.pop(result).actor)
            self._deaths += 1
            blocks = []
        else:
            self._ready.remove(worker)
            self._ray.kill(worker.actor)
            blocks = list(worker.blocks.values())
            deaths[blocks[0]] += 1  # the others were only waiting
        if self._deaths > DEATHS or any(deaths[bounds] > DEATHS for bounds in blocks):
            where = f" at the images {blocks[0][0]:,} to {blocks[0][1]:,}" if blocks else ""
            message = f"A worker died again and again{where} ({reason_of(error, 200)})."
            raise MachineError(message, "Give fewer --workers or machines with more memory; finished blocks are kept.")
        self._tell(f"A worker was lost ({reason_of(error, 200)}); its {len(blocks)} blocks are made again.")
        self._start()
        return [(bounds, None) for bounds in reversed(blocks)]


def _crew(ray: Any, settings: EmbedSettings) -> tuple[int, dict[str, float], int]:
    """How many actors, what each has of a node, and how many jobs are decoded ahead for each (0: by itself)."""
    import torch

    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus, cores = (sum(int(node.get(name, 0)) for node in nodes) for name in ("GPU", "CPU"))
    if settings.device.startswith("cuda") or (settings.device == "auto" and gpus):
        workers = settings.workers or max(1, gpus)
        sharing = -(-workers // gpus) if gpus else 1  # none is there yet
        share = {"num_gpus": math.floor(10_000 / sharing) / 10_000, "num_cpus": 0}
        return workers, share, max(AHEAD, AHEAD * cores // workers)
    most = max((int(node.get("CPU", 0)) for node in nodes), default=1)
    threads = max(1, min(torch.get_num_threads(), most))
    fitting = sum(int(node.get("CPU", 0)) // threads for node in nodes)
    return settings.workers or max(1, fitting), {"num_cpus": threads}, 0


def _words(share: Mapping[str, float]) -> str:
    names = {"num_gpus": "GPU", "num_cpus": "CPU"}
    return " and ".join(f"{amount:g} {names[name]}" for name, amount in share.items() if amount)


# --- in the cluster


class Actor:
    """The encoders of a group on one device, in a process of the cluster."""

    def __init__(self, folder: str, threads: int, ahead: int) -> None:
        """`folder` is the one that paths are relative to; `threads` 0 leaves them as they are."""
        import torch

        try:
            os.chdir(folder)
        except OSError as error:
            message = f"{socket.gethostname()} does not see {folder} ({error.strerror})."
            raise MachineError(message, "Share that folder with all machines of the cluster.") from None
        keep_freed_memory()
        if threads:
            torch.set_num_threads(threads)
        self._ahead, self._number = ahead, 0
        self._forwards: dict[int, Forward] = {}
        self._lines: list[str] = []

    def load(self, settings: EmbedSettings, group: Sequence[Candidate]) -> Specs:
        """Load the encoders; of each its spec, or why it cannot be loaded."""
        self._settings = replace(settings, device=pick_device(settings.device))
        return [self._load(number, own) for number, own in enumerate(group)]

    def _load(self, number: int, own: Candidate) -> EncoderSpec | FlickrExifError:
        try:
            self._forwards[number] = loaded(own, self._settings, self._lines.append)
        except FlickrExifError as error:
            return Fault.of(error).error or error
        return self._forwards[number].spec

    def embed(self, number: int, images: Sequence[Any], bounds: Bounds, keys: Sequence[Key], apart: bool) -> Done:
        """Write a block of the pass `number`; `images` refers to its source and its files.

        With `apart` other processes decode, so that an image that ends its process does not end this one.
        """
        if number != self._number:
            import ray

            part, targets = ray.get(images[0])
            self._number, self._pass = number, Pass(self._settings, part, targets, self._forwards)
        jobs = self._pass.jobs(bounds, keys)
        reasons: list[str] = []
        self._pass.make(bounds, keys, self._prepared(jobs, apart=apart), partial(_note, reasons))
        lines, self._lines[:] = list(self._lines), []
        faults = {number: forward.fault for number, forward in self._forwards.items() if forward.fault}
        sizes = {number: forward.limit for number, forward in self._forwards.items()}
        return Done(bounds[1] - bounds[0], reasons, faults, sizes, lines)

    def _prepared(self, jobs: Sequence[Job], *, apart: bool) -> Iterator[Prepared]:
        if not self._ahead and not apart:
            return map(self._pass.preparer, jobs)
        return _by_tasks(self._pass.preparer, jobs, self._ahead or 1, cores=0 if apart else 1)


def _note(reasons: list[str], piece: Prepared) -> None:
    reasons += [reason for _, reason in piece.failures]


def _by_tasks(preparer: Preparer, jobs: Sequence[Job], ahead: int, cores: int) -> Iterator[Prepared]:
    """The inputs in order, `ahead` jobs at a time in the object store. An image that ends its process has a reason."""
    import ray

    task = ray.remote(num_cpus=cores, max_retries=0)(_call)
    shared = ray.put(preparer)
    waiting: deque[tuple[Job, Any]] = deque()
    for job in (*jobs, *[None] * ahead):
        if len(waiting) >= ahead or (job is None and waiting):
            first, result = waiting.popleft()
            try:
                yield _value(ray, result)
            except ray.exceptions.WorkerCrashedError:
                yield from _one_by_one(ray, shared, first)
        if job is not None:
            waiting.append((job, task.remote(shared, job)))


def _one_by_one(ray: Any, shared: Any, job: Job) -> Iterator[Prepared]:
    task = ray.remote(num_cpus=0, max_retries=1)(_call)  # its node, too, may have died
    for row in range(job.start, job.stop):
        try:
            yield _value(ray, task.remote(shared, replace(job, start=row, stop=row + 1)))
        except ray.exceptions.WorkerCrashedError:
            yield crashed(job, row)


def _value(ray: Any, result: Any) -> Prepared:
    try:
        prepared: Prepared = ray.get(result)
    except ray.exceptions.RayTaskError as error:
        raise error.cause if isinstance(error.cause, FlickrExifError) else error from None
    return prepared


def _call(preparer: Preparer, job: Job) -> Prepared:
    return preparer(job)
