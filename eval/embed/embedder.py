"""Encoders in memory, which embed blocks of rows: of this process here, of the workers of a cluster in `on_ray`.

Either way a block has the same bytes: it is made of its own images alone, in batches of a size that does not depend on
who makes it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import chain, islice
from typing import Protocol

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.embed.blocks import Block, Key
from flickrexif.eval.embed.forward import Batcher, Forward
from flickrexif.eval.embed.loader import Job, Prepared, Preparer, check_prepare, prepared
from flickrexif.eval.embed.settings import EmbedSettings, Work
from flickrexif.eval.embed.store import Target
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.faults import Fault
from flickrexif.eval.encoders.spec import EncoderSpec, Prepare

JOB_INPUTS = 32  # prepared inputs that a worker hands over at once

Bounds = tuple[int, int]  # of a block: its first row, and the row after its last
Tell = Callable[[str], None]
Tick = Callable[[Sequence[Key], int, Sequence[str]], None]
"""Called with the files that are so many images further, and the reasons of the failures among these."""


class Embedder(Protocol):
    """A group of encoders, each with its number in the group, that is loaded."""

    @property
    def specs(self) -> "Sequence[EncoderSpec | FlickrExifError]":
        """Of each encoder, with its digest, or why it is not loaded."""

    @property
    def faults(self) -> Mapping[int, Fault]:
        """Of the encoders that failed since: no more is made with them."""

    @property
    def batch_sizes(self) -> Mapping[int, int]:
        """Those that the memory allowed so far."""

    def embed(
        self, part: Work, targets: Mapping[Key, Target], blocks: Mapping[Bounds, Sequence[Key]], tick: Tick
    ) -> None:
        """Write these blocks of the files of one source. Raises FlickrExifError where it can no longer be read, and
        MachineError where a block cannot be written or workers die."""

    def close(self) -> None:
        """Let go of the encoders."""


def loaded(own: Candidate, settings: EmbedSettings, tell: Tell) -> Forward:
    """The encoder on its device. Raises EncoderError, and UsageError for an encoder without a digest."""
    encoder = own.load(settings.device, settings.dtype)
    if not encoder.spec.digest:
        raise UsageError(f"Nothing tells which weights {own.spec.key} has.", "Give its spec a digest.")
    return Forward(encoder, settings.batch_size, settings.device, tell, compiled=settings.compile)


class Pass:
    """The encoders in memory over the images of one source."""

    def __init__(
        self, settings: EmbedSettings, part: Work, targets: Mapping[Key, Target], forwards: Mapping[int, Forward]
    ) -> None:
        prepares = _distinct(forward.prepare for forward in forwards.values())
        self._groups = [[number for number, f in forwards.items() if f.prepare == prepare] for prepare in prepares]
        self._targets, self._forwards, self._combos = targets, forwards, len(part.combos)
        source = part.source
        self.preparer = Preparer(source.read, source.ids, part.combos, prepares, settings.seed, settings.orient)
        self._batcher = partial(Batcher, settings.batch_size, pinned=settings.device.startswith("cuda"))

    def jobs(self, bounds: Bounds, keys: Sequence[Key]) -> list[Job]:
        """The block's images in jobs; each group of encoders needs the combos that any of its encoders lacks."""
        combos = tuple(tuple(sorted({place for number, place in keys if number in of})) for of in self._groups)
        images = max(1, JOB_INPUTS // max(1, *map(len, combos)))
        return [Job(at, min(bounds[1], at + images), combos) for at in range(*bounds, images)]

    def make(
        self, bounds: Bounds, keys: Sequence[Key], pieces: Iterable[Prepared], tick: Callable[[Prepared], None]
    ) -> None:
        """Embed the block of these files, of which `pieces` are the inputs in order, and write it."""
        self.embedded(bounds, keys, pieces, tick).write(self._targets)

    def embedded(
        self, bounds: Bounds, keys: Sequence[Key], pieces: Iterable[Prepared], tick: Callable[[Prepared], None]
    ) -> Block:
        """The block, not written."""
        block = Block(bounds, keys, self._forwards, self._groups, self._combos, self._batcher)
        block.embed(pieces, tick)
        return block


def _distinct(prepares: Iterable[Prepare]) -> tuple[Prepare, ...]:
    distinct: list[Prepare] = []
    for prepare in prepares:
        if prepare not in distinct:
            distinct.append(prepare)
    return tuple(distinct)


class LocalEmbedder:
    """An `Embedder` of this process, for which `settings.workers` others decode."""

    def __init__(self, settings: EmbedSettings, group: Sequence[Candidate], tell: Tell) -> None:
        self._settings, self._forwards = settings, dict[int, Forward]()
        self.specs = [self._load(number, own, tell) for number, own in enumerate(group)]

    def _load(self, number: int, own: Candidate, tell: Tell) -> EncoderSpec | FlickrExifError:
        try:
            forward = loaded(own, self._settings, tell)
            if self._settings.workers:
                check_prepare(forward.prepare)
        except FlickrExifError as error:
            return error
        self._forwards[number] = forward
        return forward.spec

    @property
    def faults(self) -> dict[int, Fault]:
        return {number: forward.fault for number, forward in self._forwards.items() if forward.fault}

    @property
    def batch_sizes(self) -> dict[int, int]:
        return {number: forward.limit for number, forward in self._forwards.items()}

    def embed(
        self, part: Work, targets: Mapping[Key, Target], blocks: Mapping[Bounds, Sequence[Key]], tick: Tick
    ) -> None:
        images = Pass(self._settings, part, targets, self._forwards)
        jobs = {bounds: images.jobs(bounds, blocks[bounds]) for bounds in sorted(blocks)}
        stream = prepared(images.preparer, list(chain.from_iterable(jobs.values())), self._settings.workers)
        with closing(stream):
            for bounds, of_block in jobs.items():
                keys = blocks[bounds]
                if all(number in self.faults for number, _ in targets):
                    return
                images.make(bounds, keys, islice(stream, len(of_block)), partial(_tick, tick, keys))

    def attempt(self, part: Work, targets: Mapping[Key, Target], bounds: Bounds) -> None:
        """Embed these rows, and write nothing."""
        images, keys = Pass(self._settings, part, targets, self._forwards), list(targets)
        images.embedded(bounds, keys, map(images.preparer, images.jobs(bounds, keys)), lambda _: None)

    def close(self) -> None:
        self._forwards = {}


def _tick(tick: Tick, keys: Sequence[Key], piece: Prepared) -> None:
    tick(keys, piece.job.stop - piece.job.start, [reason for _, reason in piece.failures])
