"""Inputs that arrive in pieces become batches of one size, which are embedded within the memory at hand."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from flickrexif.eval.encoders.faults import EncoderError, out_of_memory

if TYPE_CHECKING:
    import torch

Embed = Callable[["torch.Tensor"], "torch.Tensor"]


class Batcher:
    """Collects pieces of inputs, each row with its place, into batches of `size` rows; `rest` gives what is left."""

    def __init__(self, size: int, *, pinned: bool = False) -> None:
        self._size, self._pinned = size, pinned
        self._pieces: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._waiting = 0

    def add(self, places: "torch.Tensor", inputs: "torch.Tensor") -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """Add inputs [m, ...] and their places [m]; yields (places, inputs) of every batch that is full."""
        if self._pieces and inputs.shape[1:] != self._pieces[0][1].shape[1:]:
            shapes = [tuple(piece.shape[1:]) for piece in (self._pieces[0][1], inputs)]
            raise EncoderError(f"its `prepare` gave arrays of different shapes: {shapes}")
        self._pieces.append((places, inputs))
        self._waiting += len(inputs)
        while self._waiting >= self._size:
            yield self._take(self._size)

    def rest(self) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """The last batch, if there is any."""
        if self._waiting:
            yield self._take(self._waiting)

    def _take(self, size: int) -> "tuple[torch.Tensor, torch.Tensor]":
        import torch

        taken, needed = [], size
        while needed:
            places, inputs = self._pieces.pop(0)
            if len(inputs) > needed:
                self._pieces.insert(0, (places[needed:], inputs[needed:]))
                places, inputs = places[:needed], inputs[:needed]
            taken.append((places, inputs))
            needed -= len(inputs)
        self._waiting -= size
        first = taken[0][1]
        batch = torch.empty((size, *first.shape[1:]), dtype=first.dtype, pin_memory=self._pinned)
        return torch.cat([places for places, _ in taken]), torch.cat([inputs for _, inputs in taken], out=batch)


def embed_within(embed: Embed, batch: "torch.Tensor", limit: int) -> "tuple[torch.Tensor, int]":
    """Embed images [n, ...], at most `limit` at a time; whenever memory runs out, the limit is halved.

    Returns embeddings [n, d] on the encoder's device, and the last limit. Raises EncoderError where the memory does
    not suffice for one image.
    """
    import torch

    parts: list[torch.Tensor] = []
    start = 0
    while start < len(batch):
        part = batch[start : start + limit]
        embeddings = _embed_or_none(embed, part)
        if embeddings is not None:
            parts.append(embeddings)
            start += len(part)
            continue
        if len(part) == 1:
            reason = "the memory does not suffice for a single image"
            raise EncoderError(reason, "Take --device cpu, --dtype bf16 or another encoder.")
        limit = len(part) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return torch.cat(parts) if len(parts) > 1 else parts[0], limit


def _embed_or_none(embed: Embed, part: "torch.Tensor") -> "torch.Tensor | None":
    """The embeddings, or None when memory ran out."""
    try:
        return embed(part)
    except RuntimeError as error:  # the caller tries again once this frame has let go of the tensors it held
        if not out_of_memory(error):
            raise
    return None
