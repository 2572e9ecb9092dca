"""Importing torch beside any build of torchvision."""

from importlib import import_module

from flickrexif.core.extras import require


def require_torch(*packages: str) -> None:
    """UsageError when torch or one of `packages` is missing; afterwards they can be imported beside any torch."""
    require("torch", *packages)
    import_module("flickrexif.eval.encoders.torchvision_operators")
