"""Embeds for the suite: makes the files that measurements lack, in as few passes over the images as possible.

Failures are reported by file: a pass that fails is split into smaller ones, down to the encoder, images, variant
and the mask that fail.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.text import plain
from flickrexif.eval.embed import EmbedSettings, embed
from flickrexif.eval.encoders.record import Encoder
from flickrexif.eval.images import Source
from flickrexif.eval.preparing import Combo, Job, Preparer
from flickrexif.eval.suite_sets import IDENTITY, ImageSet, Need

SAMPLE = 8  # images that an encoder's speed is measured on

Progress = Callable[[int, int], None]
"""Called with the number of embeddings of the pass that are made, and of all of them."""


class Failure(NamedTuple):
    """An embedding file that could not be made."""

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

    def parts(self) -> Iterator["Pass"]:
        """The pass split into smaller ones; nothing where it makes a single file."""
        for name in ("encoders", "sources", "on_the_fly", "masks"):
            if len(values := getattr(self, name)) > 1:
                yield from (replace(self, **{name: (value,)}) for value in values)
                return

    def failure(self) -> Failure:
        """The file of a pass that makes a single one."""
        (source,), (mask,) = self.sources, self.masks
        processing = self.on_the_fly[0] if self.on_the_fly else source.variant
        return Failure(self.encoders[0].record.key, Need(source.dataset, processing, mask or None, source.split))


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
) -> Mapping[Failure, str]:
    """Make the files of a pass that do not exist yet; returns the reason for each that could not be made."""
    try:
        embed(
            replace(settings, on_the_fly=image_pass.on_the_fly, masks=image_pass.masks),
            image_pass.encoders,
            image_pass.sources,
            lambda done, total, _: progress(done, total),
            tell,
        )
    except Exception as error:  # an encoder is a stranger's code, and the others must go on
        parts = list(image_pass.parts())
        if not parts:
            return {image_pass.failure(): error_line(error)}
        failures: dict[Failure, str] = {}
        for part in parts:
            failures |= run_pass(part, settings, progress, tell)
        return failures
    return {}


def error_line(error: Exception) -> str:
    """The message of an error on one line of bounded length."""
    text = str(error) if isinstance(error, FlickrExifError) else f"{type(error).__name__}: {error}"
    return plain(text, 500)


def speed(encoder: Encoder, source: Source, device: str, clock: Callable[[], float] = time.perf_counter) -> float:
    """Images a second that one process embeds from stored bytes, timed on a few images; 0 where none can be read."""
    import torch

    count = min(SAMPLE, len(source))
    preparer = Preparer(source.read, source.ids, (Combo(None, None),), (encoder.prepare,))
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
