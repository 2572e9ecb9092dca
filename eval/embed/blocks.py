"""Embeds one block of rows with all encoders and saves the block of each target."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flickrexif.eval.embed.batching import Batcher, Embed, embed_within
from flickrexif.eval.embed.loader import Prepared
from flickrexif.eval.embed.store import Target, write_block
from flickrexif.eval.encoders.faults import EncoderError, encoder_code
from flickrexif.eval.encoders.spec import Encoder

if TYPE_CHECKING:
    import torch

Key = tuple[int, int]  # places of the encoder and of the combo in their lists
Tick = Callable[[int, Iterable[str]], None]  # (number of embeddings made, the reason of each image that failed)


class Forward:
    """An encoder on its device; call it with inputs [n, ...] in host memory for embeddings [n, d] on the device."""

    def __init__(
        self, encoder: Encoder, batch_size: int, device: str, tell: Callable[[str], None], *, compiled: bool = False
    ) -> None:
        self.spec, self.prepare, self.limit = encoder.spec, encoder.prepare, batch_size
        self.batch_size, self.device = batch_size, device
        self._embed: Embed = _compiled(encoder.embed) if compiled else encoder.embed
        self._tell = tell
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
            embeddings = self._embed(inputs.to(self.device, non_blocking=True))
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


def _batcher(forward: Forward) -> Batcher:
    return Batcher(forward.batch_size, pinned=forward.device.startswith("cuda"))


class Block:
    """Consecutive rows of a source while all encoders embed them; each group of encoders shares its preprocessing."""

    def __init__(
        self,
        bounds: tuple[int, int],
        keys: Sequence[Key],
        groups: Sequence[Sequence[int]],
        combos: int,
        forwards: Sequence[Forward],
    ) -> None:
        self._start, self._stop = bounds
        self._keys, self._groups, self._combos, self._forwards = keys, groups, combos, forwards
        self._batchers = [_batcher(forwards[group[0]]) for group in groups]
        self._embeddings: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {encoder: [] for encoder, _ in keys}
        self._rows: list[int] = []
        self._failures: dict[int, str] = {}

    def embed(self, pieces: Iterable[Prepared], tick: Tick) -> None:
        """Embed the block's inputs, in batches that mix variants and masks."""
        for piece in pieces:
            self._rows += piece.rows
            self._failures.update(piece.failures)
            for group, inputs in enumerate(piece.inputs):
                if inputs is not None:
                    places = self._places(piece, piece.job.combos[group])
                    self._forward(group, self._batchers[group].add(places, inputs))
            tick((piece.job.stop - piece.job.start) * len(self._keys), (reason for _, reason in piece.failures))
        for group, batcher in enumerate(self._batchers):
            self._forward(group, batcher.rest())

    def _places(self, piece: Prepared, combos: Sequence[int]) -> "torch.Tensor":
        """Where each input's embedding belongs in the block's table [rows x combos]."""
        import torch

        rows = torch.tensor(piece.rows) - self._start
        return (rows[:, None] * self._combos + torch.tensor(combos)).flatten()

    def _forward(self, group: int, batches: "Iterable[tuple[torch.Tensor, torch.Tensor]]") -> None:
        for places, inputs in batches:
            for encoder in self._groups[group]:
                if encoder in self._embeddings:
                    self._embeddings[encoder].append((places, self._forwards[encoder](inputs)))

    def write(self, targets: Mapping[Key, Target]) -> None:
        """Save the block of every target."""
        tables = {encoder: self._table(encoder) for encoder in self._embeddings}
        rows = sorted(self._rows)
        for key in self._keys:
            embeddings = tables[key[0]][[row - self._start for row in rows], key[1]]
            finite = embeddings.isfinite().all(dim=1)
            kept = [row for row, good in zip(rows, finite.tolist(), strict=True) if good]
            failures = self._failures | dict.fromkeys(set(rows) - set(kept), "not_finite")
            write_block(targets[key], self._start, self._stop, embeddings[finite], kept, failures)

    def _table(self, encoder: int) -> "torch.Tensor":
        """The embeddings [rows, combos, d] of one encoder; NaN for a row that could not be prepared."""
        import torch

        if not self._embeddings[encoder]:
            return torch.empty(0, self._combos, 0)
        places = torch.cat([places for places, _ in self._embeddings[encoder]])
        embeddings = torch.cat([part for _, part in self._embeddings[encoder]]).cpu()
        table = torch.full(((self._stop - self._start) * self._combos, embeddings.shape[1]), torch.nan)
        table[places] = embeddings
        return table.view(-1, self._combos, embeddings.shape[1])
