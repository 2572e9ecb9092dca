"""One block of rows through all encoders: inputs in, a saved block of every target out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flickrexif.core.errors import UsageError
from flickrexif.eval.batching import Batcher, Embed, embed_within
from flickrexif.eval.encoders.record import Encoder
from flickrexif.eval.preparing import Prepared
from flickrexif.eval.targets import Target, write_block

if TYPE_CHECKING:
    import torch

Key = tuple[int, int]  # places of the encoder and of the combo
Tick = Callable[[int, Iterable[str]], None]  # embeddings made, and why images failed


class Forward:
    """An encoder on its device: inputs [n, ...] in host memory to embeddings [n, d] on the device."""

    def __init__(
        self, encoder: Encoder, batch_size: int, device: str, tell: Callable[[str], None], *, compiled: bool = False
    ) -> None:
        self.record, self.prepare, self.limit = encoder.record, encoder.prepare, batch_size
        self.batch_size, self.device = batch_size, device
        self._embed: Embed = _compiled(encoder.embed) if compiled else encoder.embed
        self._tell = tell

    def __call__(self, inputs: "torch.Tensor") -> "torch.Tensor":
        found, limit = embed_within(self._on_device, inputs, self.limit)
        if limit < self.limit:
            self._tell(f"Out of memory: {self.record.key} goes on with a batch of {limit}, not {self.limit}.")
            self.limit = limit
        return found

    def _on_device(self, inputs: "torch.Tensor") -> "torch.Tensor":
        import torch

        with torch.inference_mode():
            found = self._embed(inputs.to(self.device, non_blocking=True))
        if found.ndim != 2 or len(found) != len(inputs):
            message = f"{self.record.key} made {list(found.shape)} of {len(inputs)} images, not [{len(inputs)}, d]."
            raise UsageError(message, "Mend its `embed`.")
        return found.float()


def _compiled(function: Embed) -> Embed:
    import torch

    compiled: Embed = torch.compile(function, dynamic=True)
    return compiled


def _batcher(forward: Forward) -> Batcher:
    return Batcher(forward.batch_size, pinned=forward.device.startswith("cuda"))


class Block:
    """Some rows of a source on their way through all encoders; `groups` are encoders of equal preprocessing."""

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
        self._found: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {e: [] for e, _ in keys}
        self._rows: list[int] = []
        self._failures: dict[int, str] = {}

    def embed(self, pieces: Iterable[Prepared], tick: Tick) -> None:
        """Run the block's inputs through the encoders, in batches across variants and masks."""
        for piece in pieces:
            self._rows += piece.rows
            self._failures.update(piece.failures)
            for group, inputs in enumerate(piece.inputs):
                if inputs is not None:
                    places = self._places(piece, piece.job.wanted[group])
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
            for e in self._groups[group]:
                if e in self._found:
                    self._found[e].append((places, self._forwards[e](inputs)))

    def write(self, targets: Mapping[Key, Target]) -> None:
        """Save the block of every target."""
        tables = {e: self._table(e) for e in self._found}
        rows = sorted(self._rows)
        for key in self._keys:
            embeddings = tables[key[0]][[row - self._start for row in rows], key[1]]
            finite = embeddings.isfinite().all(dim=1)
            kept = [row for row, good in zip(rows, finite.tolist(), strict=True) if good]
            failures = self._failures | dict.fromkeys(set(rows) - set(kept), "not_finite")
            write_block(targets[key], self._start, self._stop, embeddings[finite], kept, failures)

    def _table(self, encoder: int) -> "torch.Tensor":
        """The embeddings [rows, combos, d] of one encoder, each at its place."""
        import torch

        if not self._found[encoder]:
            return torch.empty(0, self._combos, 0)
        places = torch.cat([places for places, _ in self._found[encoder]])
        embeddings = torch.cat([found for _, found in self._found[encoder]]).cpu()
        table = torch.full(((self._stop - self._start) * self._combos, embeddings.shape[1]), torch.nan)
        table[places] = embeddings
        return table.view(-1, self._combos, embeddings.shape[1])
