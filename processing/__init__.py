"""Image variants with a known processing label: JPEG, sharpening, resizing, interpolation."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flickrexif.processing.operations import apply_variant
    from flickrexif.processing.transform import VariantTransform

__all__ = ["VariantTransform", "apply_variant"]

_HOMES = {"VariantTransform": "flickrexif.processing.transform", "apply_variant": "flickrexif.processing.operations"}


def __getattr__(name: str) -> Any:
    """The public names, imported when asked for: Pillow stays out of programs that only read the table."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
