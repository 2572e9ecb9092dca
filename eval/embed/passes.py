"""Embeds for the suite: makes the files that measurements lack, in as few passes over the images as possible.

Failures of encoders and of images are reported by file: a pass that fails is split into smaller ones, down to the
encoder, images, variant and the mask that fail. Our own faults and a full disk end the run.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

from flickrexif.core.errors import FlickrExifError, MachineError, UsageError
from flickrexif.core.text import plain
from flickrexif.eval.data.catalog import IDENTITY, ImageSet, Need
from flickrexif.eval.data.source import Source
from flickrexif.eval.embed.blocks import Forward
from flickrexif.eval.embed.loader import Combo, Job, Preparer
from flickrexif.eval.embed.run import EmbedSettings, embed
from flickrexif.eval.encoders.faults import EncoderError
from flickrexif.eval.encoders.spec import Encoder

ALL = ("encoders", "sources", "on_the_fly", "masks")  # what a fault of an encoder, or of a file, may depend on
SAMPLE = 8  # images that an encoder's speed is measured on

Progress = Callable[[int, int], None]
"""Called with the number of embeddings of the pass that are made, and of all of them."""


class Fault(NamedTuple):
    """Why something could not be made, on one line, and the traceback of an encoder that failed."""

    reason: str
    log: str = ""

    @classmethod
    def of(cls, error: FlickrExifError) -> "Fault":
        """What an error says."""
        if isinstance(error, EncoderError):
            return cls(error.reason, error.log)
        return cls(plain(str(error), 500))


class File(NamedTuple):
    """An embedding file of an encoder."""

    encoder: str
    need: Need


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over images: each encoder embeds every combination of source, variant made on the fly, and mask."""

    encoders: tuple[Encoder, ...]
    sources: tuple[Source, ...]
    on_the_fly: tuple[str, ...] = ()
    masks: tuple[float, ...] = (0.0,)

    @property
    def embeddings(self) -> int:
        """How many embeddings the pass makes."""
        return sum(map(len, self.sources)) * len(self.encoders) * max(1, len(self.on_the_fly)) * len(self.masks)

    def parts(self, names: Sequence[str]) -> Iterator["Pass"]:
        """The pass split by the first of these fields that has several values; nothing where none has."""
        for name in names:
            if len(values := getattr(self, name)) > 1:
                yield from (replace(self, **{name: (value,)}) for value in values)
                return

    def files(self) -> Iterator[File]:
        """The files that the pass makes."""
        variants = self.on_the_fly or (None,)
        for encoder, source, variant, mask in product(self.encoders, self.sources, variants, self.masks):
            need = Need(source.dataset, variant or source.variant, mask or None, source.split)
            yield File(encoder.spec.key, need)


def passes(images: ImageSet, needs: Iterable[Need], encoders: Sequence[Encoder]) -> Iterator[Pass]:
    """The passes over one data set that make the files `needs`: variants made on the fly, then stored ones, a pass for
    each set of masks."""
    all_needs = set(needs)
    on_the_fly = {need for need in all_needs if images.on_the_fly and need.processing != IDENTITY}
    if on_the_fly:
        names = tuple(sorted({need.processing for need in on_the_fly}))
        yield Pass(tuple(encoders), _sources(images, on_the_fly), names)
    needs_by_file: dict[tuple[str, str | None], set[Need]] = {}
    for need in all_needs - on_the_fly:
        needs_by_file.setdefault((need.processing, need.split), set()).add(need)
    needs_by_masks: dict[tuple[float, ...], set[Need]] = {}
    for group in needs_by_file.values():
        masks = tuple(sorted({need.mask or 0.0 for need in group}))
        needs_by_masks.setdefault(masks, set()).update(group)
    for masks, group in sorted(needs_by_masks.items(), key=lambda item: item[0]):
        yield Pass(tuple(encoders), _sources(images, group), (), masks)


def _sources(images: ImageSet, needs: Iterable[Need]) -> tuple[Source, ...]:
    sources = {(source.variant, source.split or ""): source for need in needs if (source := images.source(need))}
    return tuple(sources[key] for key in sorted(sources))


def run_pass(
    image_pass: Pass, settings: EmbedSettings, progress: Progress, tell: Callable[[str], None]
) -> Mapping[File, Fault]:
    """Make the files of a pass that do not exist yet; returns why others could not be made.

    Raises MachineError, and whatever our own faults raise.
    """
    try:
        embed(
            replace(settings, on_the_fly=image_pass.on_the_fly, masks=image_pass.masks),
            image_pass.encoders,
            image_pass.sources,
            lambda done, total, _: progress(done, total),
            tell,
        )
    except MachineError:
        raise
    except FlickrExifError as error:
        parts = list(image_pass.parts(ALL if isinstance(error, EncoderError | UsageError) else ("sources",)))
        if not parts:
            return dict.fromkeys(image_pass.files(), Fault.of(error))
        faults: dict[File, Fault] = {}
        for part in parts:
            faults |= run_pass(part, settings, progress, tell)
        return faults
    return {}


def speed(encoder: Encoder, source: Source, device: str, clock: Callable[[], float] = time.perf_counter) -> float:
    """Images a second that one process embeds from stored bytes, timed on a few images; 0 where none can be read."""
    count = min(SAMPLE, len(source))
    preparer = Preparer(source.read, source.ids, (Combo(None, None),), (encoder.prepare,))
    forward = Forward(encoder, count, device, lambda _: None)
    seconds = []
    for _ in range(2):  # the first is slower: libraries load, memory is taken
        began = clock()
        inputs = preparer(Job(0, count, ((0,),))).inputs[0]
        if inputs is None:
            return 0.0
        forward(inputs).cpu()
        seconds.append(clock() - began)
    return count / max(seconds[1], 1e-6)
