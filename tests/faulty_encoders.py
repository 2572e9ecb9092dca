"""Encoders that fail in one of the ways a stranger's may; `module:tests.faulty_encoders:NAME` is what a user types."""

from typing import Any

import numpy as np
import torch


class Means:
    """What the others are but for their fault."""

    input_size = 8
    embedding_size = 3

    def embed(self, batch: torch.Tensor) -> Any:
        return batch.mean((2, 3))


def in_loading() -> Means:
    raise RuntimeError("no weights for you")


class InPreparing(Means):
    def prepare(self, *_: object) -> np.ndarray:
        raise LookupError("no crop for you")


class NoArray(Means):
    def prepare(self, *_: object) -> Any:
        return "pixels"


class AnyShape(Means):
    def prepare(self, *about: Any) -> np.ndarray:
        return np.zeros((3, 8, 8 + sum(map(ord, about[1])) % 2), np.float32)


class InEmbedding(Means):
    def embed(self, *_: object) -> Any:
        raise ZeroDivisionError("no embedding for you")


class AnyWidth(Means):
    widths = iter(range(1, 1_000_000))

    def embed(self, batch: torch.Tensor) -> Any:
        return torch.ones(len(batch), next(self.widths))


class NoWidth(Means):
    def embed(self, batch: torch.Tensor) -> Any:
        return torch.ones(len(batch), 0)


class NotFinite(Means):
    def embed(self, batch: torch.Tensor) -> Any:
        return torch.full((len(batch), 3), torch.nan)


class Constant(Means):
    def embed(self, batch: torch.Tensor) -> Any:
        return torch.zeros(len(batch), 3)
