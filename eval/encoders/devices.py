"""Which device to compute on."""

from flickrexif.core.errors import UsageError


def pick_device(name: str = "auto") -> str:
    """The device of that name; for `auto` cuda, else mps, else cpu. UsageError where torch has no such device."""
    import torch

    usable_by_kind = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, usable in usable_by_kind.items() if usable)
    kind, _, number = name.partition(":")
    if not usable_by_kind.get(kind) or (number and kind == "cuda" and not _is_gpu(number)):
        raise UsageError(f"There is no device {name[:40]!r} here.", "Give --device auto, or cpu.")
    return name


def _is_gpu(number: str) -> bool:
    import torch

    return number.isdecimal() and int(number) < torch.cuda.device_count()
