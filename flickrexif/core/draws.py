"""Keyed draws: every random choice depends on (seed, purpose, key) and on nothing else.

So the number of workers, the order of arrival and any interruption leave every choice as it is.
"""

import random
from hashlib import blake2b


def rank(seed: int, purpose: str, key: str) -> int:
    """A uniform integer in [0, 2**63): sorting by it shuffles, the same way on every machine."""
    digest = blake2b(f"{seed}\x1f{purpose}\x1f{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def rng(seed: int, purpose: str, key: str) -> random.Random:
    """A generator of its own for one choice, seeded with `rank`."""
    return random.Random(rank(seed, purpose, key))
