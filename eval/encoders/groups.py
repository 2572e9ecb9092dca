"""Encoders in groups, each of as many as may be in memory together."""

from collections.abc import Iterable, Iterator

from flickrexif.eval.encoders.spec import EncoderSpec

GROUP_BYTES = 4_000_000_000  # most bytes of weights of the encoders that share a pass over the images
UNKNOWN_BYTES = 1_000_000_000  # assumed for an encoder whose size is not known


def by_memory(specs: Iterable[EncoderSpec]) -> Iterator[list[EncoderSpec]]:
    """The specs in their order, in groups."""
    group: list[EncoderSpec] = []
    size = 0
    for spec in specs:
        weight_bytes = UNKNOWN_BYTES if spec.size_bytes is None else spec.size_bytes
        if group and size + weight_bytes > GROUP_BYTES:
            yield group
            group, size = [], 0
        group, size = [*group, spec], size + weight_bytes
    if group:
        yield group
