"""Which image gets which class, and by how much it is resized: keyed by seed, purpose and image id, nothing else."""

from collections.abc import Iterable

from flickrexif.core.draws import rank, rng
from flickrexif.core.errors import UsageError
from flickrexif.processing.variants import Variant, classes


def draw_class(parameter: str, image_id: str, seed: int) -> str:
    """One class of `parameter`, each as likely as any other: the paper's training sets."""
    return rng(seed, f"class of {parameter.lower()}", image_id).choice(classes(parameter))


def balanced_classes(parameter: str, image_ids: Iterable[str], seed: int) -> dict[str, str]:
    """A class for each image id, sizes differing by one at most; the order of `image_ids` does not matter.

    UsageError where an id comes twice: the same image in two classes would not be balanced.
    """
    ids = list(image_ids)
    purpose = f"balance of {parameter.lower()}"
    shuffled = sorted(set(ids), key=lambda image_id: (rank(seed, purpose, image_id), image_id))
    if len(shuffled) != len(ids):
        raise UsageError(f"{len(ids) - len(shuffled)} image ids come more than once.", "Give every image its own id.")
    names = classes(parameter)
    return {image_id: names[i % len(names)] for i, image_id in enumerate(shuffled)}


def draw_scale(variant: Variant, spread: float, image_id: str, seed: int) -> float:
    """1 + U(-spread, spread), the same for this (seed, image id, variant) everywhere and always."""
    return 1 + rng(seed, f"scale of {variant.name}", image_id).uniform(-spread, spread)
