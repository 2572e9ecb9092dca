"""Checks that optional packages are installed, with an error that says what to type."""

from importlib import import_module
from importlib.util import find_spec

from flickrexif.core.errors import UsageError


def require(*packages: str, extra: str) -> None:
    """UsageError with the pip command of flickrexif's `extra` when one of `packages` is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise UsageError(f"This needs {', '.join(missing)}.", f"Type: pip install 'flickrexif[{extra}]'")


def require_torch(*packages: str, extra: str = "eval") -> None:
    """As `require`, of torch and `packages`; afterwards they can be imported beside any build of torch."""
    require("torch", *packages, extra=extra)
    import_module("flickrexif.eval.encoders.torchvision_operators")
