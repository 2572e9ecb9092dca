"""What to embed, and how."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Literal, NamedTuple

from flickrexif.eval.data.source import Source
from flickrexif.eval.encoders.spec import Precision
from flickrexif.processing.variants import PARAMETERS, Variant, centre_mask, classes, variant


class Combo(NamedTuple):
    """What is done to an image before the encoder; without a variant it is as stored, without a mask it is whole."""

    variant: Variant | None
    mask: float | None


@dataclass(frozen=True, slots=True)
class Work:
    """One pass over images: each encoder makes a file of every combo, each combo given once."""

    source: Source
    combos: tuple[Combo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedSettings:
    """How to embed; `device` is the one that the encoders are loaded on, which a worker on Ray picks itself."""

    out: Path
    batch_size: int = 64
    workers: int = 0  # processes that decode beside this one; on Ray actors, 0: as many as fit
    device: str = "cpu"
    dtype: Precision = "fp32"  # of the encoder's arithmetic; files hold float32
    seed: int = 0
    orient: bool = False  # turn images as their Exif orientation says
    shard: str = ""  # 3/8: the third of eight parts of the images
    block: int = 1024  # images that are saved at a time
    compile: bool = False
    engine: Literal["local", "ray"] = "local"
    address: str | None = None  # of a Ray cluster


def combos_of(on_the_fly: Iterable[str] = (), masks: Iterable[float] = (0.0,)) -> tuple[Combo, ...]:
    """Each variant with each mask, once; a parameter (jpeg) stands for its variants, a mask is a share of the area.

    Raises UsageError for an unknown variant and for an impossible mask.
    """
    lists = [classes(name) if name.lower() in PARAMETERS else (name,) for name in on_the_fly]
    variants = [variant(name) for name in chain.from_iterable(lists)]
    processings = [None if row.encoding is None else row for row in variants] or [None]
    shares = list(masks)
    for share in shares:
        centre_mask(1, 1, share)  # raises UsageError for an impossible mask
    return tuple(dict.fromkeys(Combo(*pair) for pair in product(processings, [share or None for share in shares])))
