"""Optional packages: the extra that brings each, and the sentence where one is missing."""

from importlib.util import find_spec

from flickrexif.core.errors import UsageError

EXTRA_OF = {  # package as it is imported -> extra of flickrexif
    **dict.fromkeys(("concept_erasure", "open_clip", "optuna", "pydantic", "pydantic_core", "safetensors"), "eval"),
    **dict.fromkeys(("sklearn", "threadpoolctl", "timm", "torch", "torchvision"), "eval"),
    "cv2": "pairs",
    "indexed_bzip2": "yfcc100m",
    "pillow_heif": "heic",
    "ray": "ray",
    "s3fs": "remote",
    "scipy": "imagenet",
    "skimage": "sandbox",
    "transformers": "transformers",
}


def require(*packages: str) -> None:
    """UsageError with the pip command of the extra when one of `packages` (keys of EXTRA_OF) is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise _not_installed(missing, EXTRA_OF[packages[-1]])


def not_installed(error: ModuleNotFoundError) -> UsageError | None:
    """What to type where a package of an extra could not be imported; None for any other module."""
    name = (error.name or "").partition(".")[0]
    return _not_installed([name], EXTRA_OF[name]) if name in EXTRA_OF else None


def _not_installed(packages: list[str], extra: str) -> UsageError:
    return UsageError(f"This needs {', '.join(packages)}.", f"Type: pip install 'flickrexif[{extra}]'")
