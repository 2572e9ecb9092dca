"""What a run of embedding will take: a few images are embedded by the encoders that are here, and the rest counted."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.embed.blocks import Key
from flickrexif.eval.embed.embedder import LocalEmbedder
from flickrexif.eval.embed.settings import EmbedSettings, Work
from flickrexif.eval.embed.store import Target, is_finished, target_of
from flickrexif.eval.encoders import Candidate
from flickrexif.eval.encoders.groups import UNKNOWN_BYTES, by_memory
from flickrexif.eval.encoders.registry import row_of
from flickrexif.eval.encoders.spec import EncoderSpec
from flickrexif.processing.estimate import SAMPLE, Estimate, together

WORKER_BYTES = 1_700_000_000  # of a worker beside the weights, see docs/benchmarks.md
FLOAT_BYTES = 4


def estimate(
    settings: EmbedSettings, candidates: Sequence[Candidate], work: Sequence[Work], clock: Callable[[], float]
) -> Estimate:
    """Of what is missing; the time is unknown where weights would have to be fetched. `clock` gives seconds."""
    by_key = {own.spec.key: own for own in candidates}
    groups = by_memory(own.spec for own in candidates)
    return together([_of_group(settings, [by_key[spec.key] for spec in group], work, clock) for group in groups])


def _of_group(
    settings: EmbedSettings, group: Sequence[Candidate], work: Sequence[Work], clock: Callable[[], float]
) -> Estimate:
    specs = [own.compared for own in group]
    targets = [
        {
            (number, place): target_of(settings, spec, part.source, combo)
            for number, spec in enumerate(specs)
            for place, combo in enumerate(part.combos)
        }
        for part in work
    ]
    open_targets = [target for of_part in targets for target in of_part.values() if not _is_there(target)]
    rows = {id(target): sum(stop - start for start, stop in target.missing()) for target in open_targets}
    outputs = sum(rows.values())
    seconds: float | None = 0.0
    if outputs:
        seconds = _seconds(settings, group, work[0], targets[0], clock)
        if seconds is not None:
            seconds *= outputs
    widths = [target.spec.embedding_size for target in open_targets]
    return Estimate(
        outputs=outputs,
        files=len(open_targets),
        size=None
        if None in widths
        else sum(FLOAT_BYTES * (target.spec.embedding_size or 0) * rows[id(target)] for target in open_targets),
        seconds=seconds,
        memory=WORKER_BYTES + sum(UNKNOWN_BYTES if spec.size_bytes is None else spec.size_bytes for spec in specs),
        sample=min(SAMPLE, len(work[0].source)) if outputs and seconds is not None else 0,
    )


def _is_there(target: Target) -> bool:
    try:
        return bool(target.spec.digest) and is_finished(target)
    except FlickrExifError:  # which the run will say
        return False


def _seconds(
    settings: EmbedSettings,
    group: Sequence[Candidate],
    part: Work,
    targets: dict[Key, Target],
    clock: Callable[[], float],
) -> float | None:
    """That one embedding takes; None where an encoder is not here."""
    if not all(own.encoder or row_of(own.spec).cached for own in group):
        return None
    with closing(LocalEmbedder(replace(settings, workers=0), group, lambda _: None)) as embedder:
        if not all(isinstance(spec, EncoderSpec) for spec in embedder.specs):
            return None
        images = min(SAMPLE, len(part.source))
        embedder.attempt(part, targets, (0, images))  # the first batch is slower than all others
        begun = clock()
        embedder.attempt(part, targets, (0, images))
        return (clock() - begun) / (images * len(targets))
