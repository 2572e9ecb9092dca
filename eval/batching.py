"""Batches of even size from inputs that arrive in pieces, and embedding them within the memory there is."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flickrexif.core.errors import FlickrExifError

if TYPE_CHECKING:
    import torch

Embed = Callable[["torch.Tensor"], "torch.Tensor"]


class Batcher:
    """Takes pieces [m, ...] with the place of each row, gives batches of exactly `size`; the rest with `rest`."""

    def __init__(self, size: int, *, pinned: bool = False) -> None:
        self._size, self._pinned = size, pinned
        self._pieces: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._held = 0

    def add(self, places: "torch.Tensor", inputs: "torch.Tensor") -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """Take [m] places and [m, ...] inputs; gives the (places, inputs) of every batch that is full."""
        self._pieces.append((places, inputs))
        self._held += len(inputs)
        while self._held >= self._size:
            yield self._take(self._size)

    def rest(self) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """The last batch, if there is any."""
        if self._held:
            yield self._take(self._held)

    def _take(self, size: int) -> "tuple[torch.Tensor, torch.Tensor]":
        import torch

        taken, left = [], size
        while left:
            places, inputs = self._pieces.pop(0)
            if len(inputs) > left:
                self._pieces.insert(0, (places[left:], inputs[left:]))
                places, inputs = places[:left], inputs[:left]
            taken.append((places, inputs))
            left -= len(inputs)
        self._held -= size
        first = taken[0][1]
        batch = torch.empty((size, *first.shape[1:]), dtype=first.dtype, pin_memory=self._pinned)
        return torch.cat([places for places, _ in taken]), torch.cat([inputs for _, inputs in taken], out=batch)


def embed_within(embed: Embed, batch: "torch.Tensor", limit: int) -> "tuple[torch.Tensor, int]":
    """Embed at most `limit` images [n, ...] at a time; when memory runs out, half as many, and go on.

    Returns [n, d] on the encoder's device, and the limit that did. Raises FlickrExifError when one image is too much.
    """
    import torch

    done: list[torch.Tensor] = []
    start = 0
    while start < len(batch):
        part = batch[start : start + limit]
        found = _try(embed, part)
        if found is not None:
            done.append(found)
            start += len(part)
            continue
        if len(part) == 1:
            raise FlickrExifError(
                "The memory does not suffice for a single image.", "Take --device cpu, --dtype bf16 or another encoder."
            )
        limit = len(part) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return torch.cat(done) if len(done) > 1 else done[0], limit


def _try(embed: Embed, part: "torch.Tensor") -> "torch.Tensor | None":
    """The embeddings, or None when memory ran out."""
    try:
        return embed(part)
    except RuntimeError as error:  # a return leaves the frames, and what they hold, behind
        if not _out_of_memory(error):
            raise
    return None


def _out_of_memory(error: RuntimeError) -> bool:
    import torch

    words = ("DefaultCPUAllocator", "MPS backend out of memory")  # of devices without an exception of their own
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)
