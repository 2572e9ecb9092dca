"""Keyed draws: the same on every machine, uniform, and independent of each other."""

from hashlib import blake2b
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.draws import rank, rng


def test_rank_is_the_keyed_hash_it_says() -> None:
    digest = blake2b(b"7\x1fcandidates\x1f42", digest_size=8).digest()
    assert rank(7, "candidates", "42") == int.from_bytes(digest, "big") // 2


def test_ranks_are_uniform() -> None:
    shares = np.array([rank(0, "test", str(n)) for n in range(20_000)]) / 2**63
    counts, _ = np.histogram(shares, bins=20, range=(0, 1))
    assert ((counts - 1_000) ** 2 / 1_000).sum() < 43.8  # chi-squared, 19 degrees of freedom, 0.1%


@given(st.integers(), st.text(), st.text())
def test_a_generator_depends_on_its_key_alone(seed: int, purpose: str, key: str) -> None:
    purpose, key = (text.encode(errors="replace").decode() for text in (purpose, key))
    assert rng(seed, purpose, key).random() == Random(rank(seed, purpose, key)).random()
    assert rng(seed, purpose, key + "x").random() != rng(seed, purpose, key).random()
