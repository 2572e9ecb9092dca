"""An encoder on its device: inputs that arrive in pieces become batches of one size, embedded within its memory."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from flickrexif.eval.encoders.faults import EncoderError, Fault, encoder_code, out_of_memory
from flickrexif.eval.encoders.spec import Encoder

if TYPE_CHECKING:
    import torch

Embed = Callable[["torch.Tensor"], "torch.Tensor"]


class Forward:
    """An encoder; call it with inputs [n, ...] in host memory for embeddings [n, d] on the device.

    `fault` is why it is left out of the rest of the run, set by the caller.
    """

    def __init__(
        self, encoder: Encoder, batch_size: int, device: str, tell: Callable[[str], None], *, compiled: bool = False
    ) -> None:
        self.spec, self.prepare = encoder.spec, encoder.prepare
        self.limit = batch_size  # images that fit into memory, as far as is known
        self.fault: Fault | None = None
        self._embed: Embed = _compiled(encoder.embed) if compiled else encoder.embed
        self._device, self._tell = device, tell
        self._width: int | None = None  # of its embeddings so far

    def __call__(self, inputs: "torch.Tensor") -> "torch.Tensor":
        embeddings, limit = embed_within(self._on_device, inputs, self.limit)
        if limit < self.limit:
            self._tell(f"Out of memory: {self.spec.key} goes on with a batch of {limit}, not {self.limit}.")
            self.limit = limit
        return embeddings

    def _on_device(self, inputs: "torch.Tensor") -> "torch.Tensor":
        import torch

        with encoder_code(f"embedding with {self.spec.key}"), torch.inference_mode():
            embeddings = self._embed(inputs.to(self._device, non_blocking=True))
            shape, count = list(embeddings.shape), len(inputs)
            if len(shape) != 2 or shape[0] != count or not shape[1] or self._width not in (None, shape[1]):
                rows = f"[{count}, {self._width or 'd'}]"
                raise EncoderError(f"{self.spec.key} made {shape} of {count} images, not {rows}")
            self._width = shape[1]
            return embeddings.float()


def _compiled(function: Embed) -> Embed:
    import torch

    compiled: Embed = torch.compile(function, dynamic=True)
    return compiled


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


class Batcher:
    """Collects pieces of inputs, each row with its place, into batches of `size` rows."""

    def __init__(self, size: int, *, pinned: bool = False) -> None:
        self._size, self._pinned = size, pinned
        self._pieces: list[tuple[torch.Tensor, torch.Tensor]] = []

    def add(self, places: "torch.Tensor", inputs: "torch.Tensor") -> "list[tuple[torch.Tensor, torch.Tensor]]":
        """Add inputs [m, ...] and their places [m]; returns (places, inputs) of every batch that is full."""
        if self._pieces and inputs.shape[1:] != self._pieces[0][1].shape[1:]:
            shapes = [tuple(piece.shape[1:]) for piece in (self._pieces[0][1], inputs)]
            raise EncoderError(f"its `prepare` gave arrays of different shapes: {shapes}")
        self._pieces.append((places, inputs))
        if sum(len(places) for places, _ in self._pieces) < self._size:
            return []
        batches = self.rest()
        if len(batches[-1][0]) < self._size:
            self._pieces = [batches.pop()]
        return batches

    def rest(self) -> "list[tuple[torch.Tensor, torch.Tensor]]":
        """All that is left, in batches, of which the last may have fewer rows."""
        import torch

        if not self._pieces:
            return []
        places = torch.cat([places for places, _ in self._pieces])
        first = self._pieces[0][1]
        rows = torch.empty((len(places), *first.shape[1:]), dtype=first.dtype, pin_memory=self._pinned)
        torch.cat([inputs for _, inputs in self._pieces], out=rows)
        self._pieces = []
        size = self._size
        return [(places[at : at + size], rows[at : at + size]) for at in range(0, len(places), size)]
