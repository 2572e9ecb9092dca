"""Embedding for the suite: all files that some measurements miss, in as few passes over the images as can be.

What fails is told by file: a pass that fails is cut into smaller ones until the encoder, the images, the variant and
the mask are known that cannot be.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.embed import EmbedSettings, combos_of, embed
from flickrexif.eval.encoders.record import Encoder
from flickrexif.eval.images import Source
from flickrexif.eval.preparing import Job, Preparer
from flickrexif.eval.suite_sets import IDENTITY, ImageSet, Need

SAMPLE = 8  # images that tell an encoder's speed

Progress = Callable[[int, int], None]
"""Told of embeddings of the pass made so far, and of how many."""


class Failure(NamedTuple):
    """An embedding file that could not be made."""

    encoder: str
    need: Need


@dataclass(frozen=True, slots=True)
class Pass:
    """Sources, variants made on the fly of them, and masks: every combination, by every encoder."""

    encoders: tuple[Encoder, ...]
    sources: tuple[Source, ...]
    on_the_fly: tuple[str, ...] = ()
    masks: tuple[float, ...] = (0.0,)

    @property
    def embeddings(self) -> int:
        """How many it makes."""
        return sum(map(len, self.sources)) * len(self.encoders) * max(1, len(self.on_the_fly)) * len(self.masks)

    def parts(self) -> Iterator["Pass"]:
        """The pass in smaller ones; none where it is of one file."""
        for name in ("encoders", "sources", "on_the_fly", "masks"):
            if len(values := getattr(self, name)) > 1:
                yield from (replace(self, **{name: (value,)}) for value in values)
                return

    def failure(self) -> Failure:
        """The file of a pass of one."""
        (source,), (mask,) = self.sources, self.masks
        processing = self.on_the_fly[0] if self.on_the_fly else source.variant
        return Failure(self.encoders[0].record.key, Need(source.dataset, processing, mask or None, source.split))


def passes(images: ImageSet, needs: Iterable[Need], encoders: Sequence[Encoder]) -> Iterator[Pass]:
    """The passes over one data set that make the files `needs`."""
    wanted = set(needs)
    flying = {need for need in wanted if images.on_the_fly and need.processing != IDENTITY}
    if flying:
        names = tuple(sorted({need.processing for need in flying}))
        yield Pass(tuple(encoders), _sources(images, flying), names)
    masks: dict[tuple[str, str | None], set[float]] = {}
    for need in wanted - flying:
        masks.setdefault((need.processing, need.split), set()).add(need.mask or 0.0)
    for some in sorted({tuple(sorted(each)) for each in masks.values()}):
        same = {need for need in wanted - flying if tuple(sorted(masks[need.processing, need.split])) == some}
        yield Pass(tuple(encoders), _sources(images, same), (), some)


def _sources(images: ImageSet, needs: Iterable[Need]) -> tuple[Source, ...]:
    found = {(source.variant, source.split or ""): source for need in needs if (source := images.source(need))}
    return tuple(found[place] for place in sorted(found))


def run_pass(
    one: Pass, settings: EmbedSettings, progress: Progress, tell: Callable[[str], None]
) -> Mapping[Failure, str]:
    """Make the files of a pass that are not there yet; returns why some could not be made."""
    try:
        embed(
            replace(settings, on_the_fly=one.on_the_fly, masks=one.masks),
            one.encoders,
            one.sources,
            lambda done, total, _: progress(done, total),
            tell,
        )
    except Exception as error:  # an encoder is anybody's code, and the others must go on
        parts = list(one.parts())
        if not parts:
            return {one.failure(): why(error)}
        failures: dict[Failure, str] = {}
        for part in parts:
            failures |= run_pass(part, settings, progress, tell)
        return failures
    return {}


def why(error: Exception) -> str:
    """An error as a bounded line."""
    text = str(error) if isinstance(error, FlickrExifError) else f"{type(error).__name__}: {error}"
    line = " ".join(text.split())
    return "".join(c if c.isprintable() else "?" for c in line)[:500]


def speed(encoder: Encoder, source: Source, device: str, clock: Callable[[], float] = time.perf_counter) -> float:
    """Images a second, from stored bytes to embeddings, of a few images by one process; 0 where none can be read."""
    import torch

    count = min(SAMPLE, len(source))
    preparer = Preparer(source.read, source.ids, combos_of(EmbedSettings()), (encoder.prepare,))
    seconds = []
    for _ in range(2):  # the first is slower: libraries load, memory is taken
        began = clock()
        inputs = preparer(Job(0, count, ((0,),))).inputs[0]
        if inputs is None:
            return 0.0
        with torch.inference_mode():
            encoder.embed(inputs.to(device)).cpu()
        seconds.append(clock() - began)
    return count / max(seconds[1], 1e-6)
