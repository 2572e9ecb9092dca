"""Batches of even size from pieces of any size: nothing lost, nothing twice, nothing out of place."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.eval.embed.forward import Batcher, embed_within


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(1, 10))
@settings(max_examples=150, deadline=None)
def test_batches_hold_every_row_once_in_order(pieces: list[int], size: int) -> None:
    batcher = Batcher(size)
    numbers = torch.arange(sum(pieces))
    batches = []
    for piece in numbers.split(pieces) if pieces else ():
        batches += list(batcher.add(piece, piece[:, None] * torch.tensor([1.0, 10.0])))
    assert all(len(places) == size for places, _ in batches)
    rest = list(batcher.rest())
    assert [len(places) for places, _ in rest] == ([sum(pieces) % size] if sum(pieces) % size else [])
    assert not list(batcher.rest())
    batches += rest
    assert [place for places, _ in batches for place in places.tolist()] == numbers.tolist()
    for places, inputs in batches:
        assert inputs.tolist() == [[place, 10 * place] for place in places.tolist()]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_whatever_fits_the_embeddings_are_those_of_one_pass(images: int, limit: int, capacity: int) -> None:
    seen = []

    def embed(batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > capacity:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        seen.append(len(batch))
        return batch * 2

    batch = torch.arange(images, dtype=torch.float32)[:, None]
    embeddings, left = embed_within(embed, batch, limit)
    assert torch.equal(embeddings, batch * 2)
    assert sum(seen) == images
    assert left == limit if min(images, limit) <= capacity else capacity / 2 < left + 1 <= capacity + 1


@pytest.mark.parametrize("message", ["[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"])
def test_memory_of_other_devices_is_known_by_its_words(message: str) -> None:
    def embed(batch: torch.Tensor) -> torch.Tensor:
        if len(batch) > 1:
            raise RuntimeError(message)
        return batch

    assert embed_within(embed, torch.ones(3, 1), 3)[1] == 1


def test_other_errors_are_not_taken_for_memory() -> None:
    def embed(batch: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="multiplied"):
        embed_within(embed, torch.ones(2, 1), 2)
