"""Processed images as pages: an image in all its variants, pixel by pixel, and how each differs from the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flickrexif.cards.browse.page import Register, write_pages
from flickrexif.cards.browse.photos import Credit, banner, credits_of
from flickrexif.cards.browse.pictures import (
    GAIN,
    SIDE,
    Box,
    Difference,
    Picture,
    centre,
    crop,
    difference,
    same_region,
    small,
)
from flickrexif.core.draws import rank
from flickrexif.core.errors import UsageError
from flickrexif.core.kinds import DataSetKind
from flickrexif.core.parquet import features_of, image_bytes, read_columns, read_rows
from flickrexif.core.pictures import BadPicture
from flickrexif.core.text import plain
from flickrexif.dataset.attribution import NAME_LENGTH
from flickrexif.kinds import origin_of, recognised
from flickrexif.processing.operations import decode
from flickrexif.processing.variants import VARIANTS

if TYPE_CHECKING:
    from PIL import Image

IMAGES = 6  # a page each
REFERENCES = ("IDENTITY", "JPEG95_444")  # compared with the others: the first in the data set; else its first variant
KEY = "image_id"
COLUMNS = (KEY, "label", "image")

Splits = Mapping[str, Sequence[Path]]  # split -> its files


@dataclass(frozen=True, slots=True)
class Source:
    """What images were made of: the source of its photos, and its files of labels, if it has any."""

    origin: str
    labels: Sequence[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """The middle of a variant as it is stored."""

    size: str  # of the whole image
    picture: Picture
    height: int  # as shown
    scale: str  # by which it is enlarged
    difference: Difference  # from the reference
    resampled: bool  # for the difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One variant of an image; `pixels` None where it cannot be decoded."""

    name: str
    description: str
    bytes: int
    change: str  # of the bytes, against the reference
    pixels: Pixels | None


def write_variants(
    folder: Path, kind: DataSetKind, out: Path, images: int, seed: int, register: Register
) -> tuple[Path, int, int]:
    """Write the pages of the data set in `folder`; returns the index, the images shown and the images in all.

    Raises UsageError when it holds draws alone.
    """
    configs = kind.configs(folder)
    files = {name: configs[variant.config] for name, variant in VARIANTS.items() if variant.config in configs}
    if not files:
        message = f"{folder} holds each image in one variant only."
        raise UsageError(message, "Make whole variants: flickrexif process SOURCE --parameter jpeg.")
    reference = next((name for name in REFERENCES if name in files), next(iter(files)))
    order = [reference, *(name for name in files if name != reference)]
    ids = [(split, image_id) for split, paths in files[reference].items() for image_id in _ids(paths)]
    if not ids:
        raise UsageError(f"{folder} holds no image.", "Make it again: flickrexif process.")
    chosen = nsmallest(min(images, IMAGES), ids, key=lambda image: (rank(seed, "browse", "/".join(image)), image))
    sources = {split: _source(kind.sources(folder).get(split, ())) for split, _ in chosen}
    pages = ({"names": [image[1]], "image": _image(files, order, image, sources[image[0]])} for image in chosen)
    index = write_pages(
        out,
        register,
        "variants.html",
        pages,
        len(chosen),
        total=len(ids),
        shown=len(chosen),
        seed=seed,
        reference=reference,
        gain=GAIN,
        side=SIDE,
        banner=next((said for source in sources.values() if source and (said := banner(source.origin))), ""),
    )
    return index, len(chosen), len(ids)


def _ids(files: Sequence[Path]) -> Iterator[str]:
    for table in read_columns(files, (KEY,)):
        yield from table[KEY].to_pylist()


def _source(folders: Sequence[Path]) -> Source | None:
    """The first of `folders` that has labels, and so the images' credits, or whose images are simulated."""
    for folder in folders:
        kind = recognised(folder)
        labels = kind.configs(folder).get("labels", {}) if kind else {}
        origin = origin_of(folder)
        if labels or (origin and not kind):
            return Source(origin, labels.get("train", ()))
    return None


# --- one image


def _image(
    files: Mapping[str, Splits], order: Sequence[str], key: tuple[str, str], source: Source | None
) -> dict[str, Any]:
    split, image_id = key
    rows = {name: row for name in order for row in read_rows(files[name].get(split, ()), KEY, {image_id}, COLUMNS)}
    first = rows[order[0]]
    base = _decoded(image_bytes(first))
    names = features_of(files[order[0]][split][0])["label"].get("names", ())
    place = first["label"]
    return {
        "id": plain(image_id, NAME_LENGTH),
        "split": plain(split, NAME_LENGTH),
        "label": plain(names[place], NAME_LENGTH) if place is not None and 0 <= place < len(names) else "",
        "credit": _credit(source, image_id),
        "whole": small(base) if base else None,
        "box": _percent(centre(*base.size), base.size) if base else None,
        "variants": [_shown(name, image_bytes(row), len(image_bytes(first)), base) for name, row in rows.items()],
    }


def _credit(source: Source | None, image_id: str) -> Credit | None:
    if source is None or not image_id.isdecimal():
        return None
    return credits_of(source.labels, [int(image_id)]).get(int(image_id))


def _shown(name: str, data: bytes, size: int, base: "Image.Image | None") -> Shown:
    """A variant beside the reference of `size` bytes, decoded in `base`."""
    image = _decoded(data)
    return Shown(
        name=name,
        description=VARIANTS[name].description,
        bytes=len(data),
        change=f"{len(data) / size - 1:+.0%}" if size else "",
        pixels=_pixels(image, base) if image and base else None,
    )


def _pixels(image: "Image.Image", base: "Image.Image") -> Pixels:
    box = centre(*base.size)
    picture = crop(image, same_region(box, base.size, image.size))
    return Pixels(
        size=f"{image.width} \N{MULTIPLICATION SIGN} {image.height} px",
        picture=picture,
        height=round(SIDE * picture.height / picture.width),
        scale=f"{SIDE / picture.width:.3g}",
        difference=difference(base, image, box),
        resampled=image.size != base.size,
    )


def _decoded(data: bytes) -> "Image.Image | None":
    try:
        return decode(data)
    except BadPicture:
        return None


def _percent(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, width and height of `box` in per cent of the image."""
    left, upper, right, lower = box
    wide, high = size
    return (
        round(100 * left / wide, 3),
        round(100 * upper / high, 3),
        round(100 * (right - left) / wide, 3),
        round(100 * (lower - upper) / high, 3),
    )
