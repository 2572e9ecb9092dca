"""Embeds one block of rows with all encoders and saves the block of each file."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from flickrexif.eval.embed.forward import Batcher, Forward
from flickrexif.eval.embed.loader import Prepared
from flickrexif.eval.embed.store import Target, write_block
from flickrexif.eval.encoders.faults import EncoderError, Fault

if TYPE_CHECKING:
    import torch

Key = tuple[int, int]  # places of the encoder and of the combo in their lists


class Block:
    """Consecutive rows of a source while encoders embed them; each group of encoders shares its preprocessing.

    An encoder that fails gets its `fault`, and the others go on.
    """

    def __init__(
        self,
        bounds: tuple[int, int],
        keys: Sequence[Key],
        forwards: Mapping[int, Forward],
        groups: Sequence[Sequence[int]],
        combos: int,
        batcher: Callable[[], Batcher],
    ) -> None:
        self._start, self._stop = bounds
        self._keys, self._forwards, self._groups, self._combos = keys, forwards, groups, combos
        self._batchers = [batcher() for _ in groups]
        self._embeddings: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {encoder: [] for encoder, _ in keys}
        self._rows: list[int] = []
        self._failures: dict[int, str] = {}

    def alive(self, encoders: Iterable[int]) -> list[int]:
        """Those of the encoders that embed this block and have not failed."""
        return [number for number in encoders if number in self._embeddings and not self._forwards[number].fault]

    def embed(self, pieces: Iterable[Prepared], tick: Callable[[Prepared], None]) -> None:
        """Embed the block's inputs, in batches that mix variants and masks; `tick` is called after each piece."""
        for piece in pieces:
            self._rows += piece.rows
            self._failures.update(piece.failures)
            for group, inputs in enumerate(piece.inputs):
                if inputs is not None and self.alive(self._groups[group]):
                    self._add(group, self._places(piece, piece.job.combos[group]), inputs)
            tick(piece)
        for group, batcher in enumerate(self._batchers):
            self._forward(group, batcher.rest())

    def _places(self, piece: Prepared, combos: Sequence[int]) -> "torch.Tensor":
        """Where each input's embedding belongs in the block's table [rows x combos]."""
        import torch

        rows = torch.tensor(piece.rows) - self._start
        return (rows[:, None] * self._combos + torch.tensor(combos)).flatten()

    def _add(self, group: int, places: "torch.Tensor", inputs: "torch.Tensor | EncoderError") -> None:
        try:
            if isinstance(inputs, EncoderError):
                raise inputs
            batches = self._batchers[group].add(places, inputs)
        except EncoderError as error:  # of the preprocessing that the group shares
            self._fail(self._groups[group], error)
        else:
            self._forward(group, batches)

    def _forward(self, group: int, batches: "Iterable[tuple[torch.Tensor, torch.Tensor]]") -> None:
        for places, inputs in batches:
            for number in self.alive(self._groups[group]):
                try:
                    self._embeddings[number].append((places, self._forwards[number](inputs)))
                except EncoderError as error:
                    self._fail([number], error)

    def _fail(self, encoders: Iterable[int], error: EncoderError) -> None:
        fault = Fault.of(error)
        for number in self.alive(encoders):
            self._forwards[number].fault = fault
            self._embeddings[number].clear()

    def write(self, targets: Mapping[Key, Target]) -> None:
        """Save the block of every file whose encoder has not failed."""
        tables = {number: self._table(number) for number in self.alive(self._embeddings)}
        rows = sorted(self._rows)
        for number, combo in self._keys:
            if number in tables:
                embeddings = tables[number][[row - self._start for row in rows], combo]
                finite = embeddings.isfinite().all(dim=1)
                kept = [row for row, good in zip(rows, finite.tolist(), strict=True) if good]
                failures = self._failures | dict.fromkeys(set(rows) - set(kept), "not_finite")
                write_block(targets[number, combo], self._start, self._stop, embeddings[finite], kept, failures)

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
