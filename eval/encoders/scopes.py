"""Context managers that fix torch's random draws or silence the libraries' log messages."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def seeded(seed: int = 0) -> Iterator[None]:
    """Inside, torch draws by `seed`; afterwards, as if nothing had been drawn inside."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """No log messages below errors; the root logger ends with the handlers it had, which libraries would add to."""
    before, handler = logging.root.manager.disable, logging.NullHandler()
    logging.disable(logging.WARNING)
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        logging.disable(before)
