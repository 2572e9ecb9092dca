"""Blocks of code with torch's draws or the libraries' log messages under control."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """torch's draws inside are those of `seed`; those after it are as if nothing had been drawn."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """No log messages below errors, and no handler left at the root: libraries that log there would set one up."""
    before, handler = logging.root.manager.disable, logging.NullHandler()
    logging.disable(logging.WARNING)
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        logging.disable(before)
