"""Context managers that fix torch's random draws or silence the libraries' log messages."""

import logging
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType


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


@contextmanager
def own_modules() -> Iterator[None]:
    """Inside, the `utils` of a repository is its own: loose modules that were imported before, such as those of another
    repository, are set aside, and afterwards those of this one are."""
    aside = {name: sys.modules.pop(name) for name, module in list(sys.modules.items()) if _is_loose(name, module)}
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if _is_loose(name, module):
                del sys.modules[name]
        sys.modules.update(aside)


def _is_loose(name: str, module: ModuleType) -> bool:
    """Whether a module comes from a file of no installed package, and is none of ours."""
    file = getattr(module, "__file__", None)
    if file is None or name.partition(".")[0] in ("__main__", "flickrexif"):
        return False
    return not _installed().intersection(Path(file).parents)


@cache
def _installed() -> frozenset[Path]:
    """The folders of installed packages."""
    return frozenset(Path(sysconfig.get_path(place)) for place in ("stdlib", "platstdlib", "purelib", "platlib"))
