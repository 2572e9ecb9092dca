"""What a run will take: a few images of the source are processed at once, and the rest is counted as they were."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flickrexif.processing.shards import ROW_GROUP_BYTES, Target, encoded
from flickrexif.processing.source import Source

SAMPLE = 16  # images, evenly over the source
WORKER_BYTES = 105_000_000  # of a worker between two images, see docs/processing.md
PIXEL_BYTES = 8  # of the largest output, while it is made


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What is still to be made, and what it takes on this machine."""

    outputs: int  # images, or embeddings
    files: int
    size: float | None  # bytes of the files; None where it cannot be known
    seconds: float | None  # of one worker; None where it cannot be known
    memory: float  # bytes a worker
    sample: int  # images that were measured


@dataclass(frozen=True, slots=True)
class Wanted:
    """Outputs of one config that are to be made of a source: which variant of each image, and of which images."""

    variants: tuple[str, ...]
    chosen: bytes
    spans: Sequence[tuple[int, int]]


def estimate(source: Source, wanted: Sequence[Wanted], seed: int, clock: Callable[[], float]) -> Estimate:
    """Of configs that share a source; `clock` gives seconds."""
    rows = array("q", sorted({len(source) * number // SAMPLE for number in range(SAMPLE)}))
    targets = [Target(Path(), config.variants, bytes(config.chosen[row] for row in rows), "") for config in wanted]
    part = source.take(rows)
    stored, made, largest = sum(part.sizes), [0] * len(wanted), 0
    begun = clock()
    for place, item in enumerate(part):
        for number, outcome in enumerate(encoded(item, targets, place, seed)):
            if not isinstance(outcome, str):
                made[number] += len(outcome.data)
                largest = max(largest, outcome.width * outcome.height)
    seconds = (clock() - begun) / (len(rows) * max(1, len(wanted)))
    outputs = sum(stop - start for config in wanted for start, stop in config.spans)
    return Estimate(
        outputs=outputs,
        files=sum(len(config.spans) for config in wanted),
        size=sum(
            bytes_made / max(1, stored) * sum(sum(source.sizes[start:stop]) for start, stop in config.spans)
            for bytes_made, config in zip(made, wanted, strict=True)
        ),
        seconds=seconds * outputs,
        memory=WORKER_BYTES + ROW_GROUP_BYTES * len(wanted) + PIXEL_BYTES * largest,
        sample=len(rows),
    )


def together(estimates: Sequence[Estimate]) -> Estimate:
    """Of several, one after the other."""
    sizes, times = [part.size for part in estimates], [part.seconds for part in estimates]
    return Estimate(
        outputs=sum(part.outputs for part in estimates),
        files=sum(part.files for part in estimates),
        size=None if None in sizes else sum(filter(None, sizes)),
        seconds=None if None in times else sum(filter(None, times)),
        memory=max((part.memory for part in estimates), default=0),
        sample=sum(part.sample for part in estimates),
    )


def sentence(plan: Estimate, outputs: str) -> str:
    """The estimate in words; `outputs` says of what."""
    size = "of unknown size" if plan.size is None else f"of {amount(plan.size)}"
    time = "an unknown time" if plan.seconds is None else f"{duration(plan.seconds)} of one worker"
    return (
        f"{plan.outputs:,} {outputs} in {plan.files:,} file(s) {size} are to be made: {time}, with "
        f"{amount(plan.memory)} of memory each; estimated from {plan.sample} images on this machine."
    )


def amount(size: float) -> str:
    """Bytes in words."""
    for unit, name in ((1e12, "TB"), (1e9, "GB")):
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return f"{size / 1e6:,.1f} MB"


def duration(seconds: float) -> str:
    """Seconds in words."""
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:.1f} seconds"
