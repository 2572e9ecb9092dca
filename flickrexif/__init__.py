"""Data sets about the camera behind a photo: build, publish and evaluate them. A function a command.

Functions are loaded when they are asked for, so that `import flickrexif` takes an instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flickrexif.commands.crawl import build, crawl, sandbox
    from flickrexif.commands.encoders import encoders
    from flickrexif.commands.evaluate import embed, evaluate, merge_shards, mitigate
    from flickrexif.commands.fetch import fetch
    from flickrexif.commands.labels import audit, label, splits
    from flickrexif.commands.merge import merge
    from flickrexif.commands.pairs import build_pairs, check_pairs, simulate_pairs
    from flickrexif.commands.plan_pairs import plan_pairs
    from flickrexif.commands.process import process
    from flickrexif.commands.publish import browse, card, publish
    from flickrexif.commands.report import report
    from flickrexif.commands.simulate import simulate
    from flickrexif.commands.status import status
    from flickrexif.commands.submit import submit
    from flickrexif.commands.takedown import forget, refresh
    from flickrexif.loading import load_dataset

    __version__: str

__all__ = [
    "audit",
    "browse",
    "build",
    "build_pairs",
    "card",
    "check_pairs",
    "crawl",
    "embed",
    "encoders",
    "evaluate",
    "fetch",
    "forget",
    "label",
    "load_dataset",
    "merge",
    "merge_shards",
    "mitigate",
    "plan_pairs",
    "process",
    "publish",
    "refresh",
    "report",
    "sandbox",
    "simulate",
    "simulate_pairs",
    "splits",
    "status",
    "submit",
]

_MODULES = {
    "commands.crawl": ("build", "crawl", "sandbox"),
    "commands.encoders": ("encoders",),
    "commands.evaluate": ("embed", "evaluate", "merge_shards", "mitigate"),
    "commands.fetch": ("fetch",),
    "commands.labels": ("audit", "label", "splits"),
    "commands.merge": ("merge",),
    "commands.pairs": ("build_pairs", "check_pairs", "simulate_pairs"),
    "commands.plan_pairs": ("plan_pairs",),
    "commands.process": ("process",),
    "commands.publish": ("browse", "card", "publish"),
    "commands.report": ("report",),
    "commands.simulate": ("simulate",),
    "commands.status": ("status",),
    "commands.submit": ("submit",),
    "commands.takedown": ("forget", "refresh"),
    "loading": ("load_dataset",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """A public function, with all that it needs, or `__version__`, looked up when asked for."""
    if name == "__version__":
        from importlib.metadata import version

        return version("flickrexif")
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    except ModuleNotFoundError as error:
        from flickrexif.core.extras import not_installed

        raise not_installed(error) or error from None


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
