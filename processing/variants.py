"""The processing variants: one row each, the steps as data; the parameters they label, and the centre mask.

Names, classes and steps are those of the paper (section "processing parameters") and its released code; the rows
after them go beyond it. Every row ends in one encoding; nearly all in JPEG at quality 95 without subsampling, so that
"none" of sharpening and of resizing is exactly `JPEG95_444`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

from flickrexif.core.errors import UsageError

Filter = Literal["BILINEAR", "BICUBIC", "LANCZOS", "BOX"]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How pixels become bytes; `subsampling` is for JPEG and AVIF, lossy WebP is always 4:2:0."""

    format: Literal["JPEG", "WEBP", "AVIF"] = "JPEG"
    quality: int = 95
    subsampling: Literal["4:4:4", "4:2:0"] = "4:4:4"
    progressive: bool = False  # JPEG only: progressive scans and optimised Huffman tables

    def __str__(self) -> str:
        progressive = ", progressive" * self.progressive
        return f"{self.format} quality {self.quality}, {self.subsampling}{progressive}"


@dataclass(frozen=True, slots=True)
class Sharpen:
    """Pillow's `ImageEnhance.Sharpness(image).enhance(factor)`; 1 changes nothing."""

    factor: float

    def __str__(self) -> str:
        return f"sharpened by {self.factor:g}"


@dataclass(frozen=True, slots=True)
class Resize:
    """To `int(width * scale), int(height * scale)`, at least 1, antialiased."""

    scale: float
    filter: Filter = "BILINEAR"

    def __str__(self) -> str:
        return f"resized by {self.scale:g} ({self.filter.lower()})"


@dataclass(frozen=True, slots=True)
class RandomResize:
    """As `Resize`, by 1 + U(-spread, spread), drawn from (seed, image id, variant)."""

    filter: Filter
    spread: float = 0.2

    def __str__(self) -> str:
        return f"resized by a random {1 - self.spread:g} to {1 + self.spread:g} ({self.filter.lower()})"


@dataclass(frozen=True, slots=True)
class Blur:
    """Gaussian; Pillow's radius is the standard deviation in pixels."""

    radius: float

    def __str__(self) -> str:
        return f"Gaussian blur of {self.radius:g} px"


@dataclass(frozen=True, slots=True)
class Gamma:
    """Every channel to round(255 * (value / 255) ** exponent)."""

    exponent: float

    def __str__(self) -> str:
        return f"gamma {self.exponent:g}"


@dataclass(frozen=True, slots=True)
class ColorSpace:
    """The pixels as values of another space. The tag (ICC profile) is left out, as in every variant.

    `srgb` converts from the source's own profile; `display_p3` converts from sRGB, so that a viewer who takes the
    untagged file for sRGB sees the paler colours of a phone picture that lost its profile.
    """

    target: Literal["srgb", "display_p3"]

    def __str__(self) -> str:
        return {"srgb": "ICC profile converted to sRGB", "display_p3": "Display P3 values without their tag"}[
            self.target
        ]


@dataclass(frozen=True, slots=True)
class Recompress:
    """An encoding and its decoding, ahead of the last one."""

    encoding: Encoding

    def __str__(self) -> str:
        return f"first {self.encoding}"


Step = Sharpen | Resize | RandomResize | Blur | Gamma | ColorSpace | Recompress


@dataclass(frozen=True, slots=True)
class Variant:
    """A processing with a label; `encoding` None (IDENTITY alone) leaves the bytes as they came."""

    name: str  # as published: upper case
    steps: tuple[Step, ...] = ()
    encoding: Encoding | None = Encoding()

    @property
    def config(self) -> str:
        """The name of the data set's config: `jpeg75_420`."""
        return self.name.lower()

    @property
    def description(self) -> str:
        """What is done to the image, in words."""
        return ", then ".join(str(step) for step in (*self.steps, self.encoding or "the bytes as they came"))

    @property
    def is_random(self) -> bool:
        """Whether the outcome depends on the seed and the image's id."""
        return any(isinstance(step, RandomResize) for step in self.steps)


_PAPER_ROWS = (
    Variant("IDENTITY", encoding=None),
    Variant("JPEG75_420", encoding=Encoding(quality=75, subsampling="4:2:0")),
    Variant("JPEG75_444", encoding=Encoding(quality=75)),
    Variant("JPEG85_420", encoding=Encoding(quality=85, subsampling="4:2:0")),
    Variant("JPEG85_444", encoding=Encoding(quality=85)),
    Variant("JPEG95_420", encoding=Encoding(subsampling="4:2:0")),
    Variant("JPEG95_444"),
    Variant("SHARPEN_2", (Sharpen(2),)),
    Variant("SHARPEN_4", (Sharpen(4),)),
    Variant("RESIZE_HALF", (Resize(0.5),)),
    Variant("RESIZE_DOUBLE", (Resize(2.0),)),
    Variant("INTERPOLATION_BILINEAR", (RandomResize("BILINEAR"),)),
    Variant("INTERPOLATION_BICUBIC", (RandomResize("BICUBIC"),)),
    Variant("INTERPOLATION_LANCZOS", (RandomResize("LANCZOS"),)),
    Variant("INTERPOLATION_BOX", (RandomResize("BOX"),)),
)

_BEYOND_ROWS = (
    Variant("JPEG30_420", encoding=Encoding(quality=30, subsampling="4:2:0")),
    Variant("JPEG50_420", encoding=Encoding(quality=50, subsampling="4:2:0")),
    Variant("JPEG75_420_PROGRESSIVE", encoding=Encoding(quality=75, subsampling="4:2:0", progressive=True)),
    Variant("JPEG85_420_PROGRESSIVE", encoding=Encoding(quality=85, subsampling="4:2:0", progressive=True)),
    Variant("DOUBLE_JPEG75_420", (Recompress(Encoding(quality=75, subsampling="4:2:0")),)),
    Variant("WEBP75", encoding=Encoding("WEBP", 75, "4:2:0")),
    Variant("WEBP85", encoding=Encoding("WEBP", 85, "4:2:0")),
    Variant("WEBP95", encoding=Encoding("WEBP", 95, "4:2:0")),
    Variant("AVIF75", encoding=Encoding("AVIF", 75, "4:2:0")),
    Variant("AVIF85", encoding=Encoding("AVIF", 85, "4:2:0")),
    Variant("AVIF95", encoding=Encoding("AVIF", 95, "4:2:0")),
    Variant("BLUR_1", (Blur(1),)),
    Variant("BLUR_2", (Blur(2),)),
    Variant("GAMMA_0_8", (Gamma(0.8),)),
    Variant("GAMMA_1_25", (Gamma(1.25),)),
    Variant("ICC_CONVERTED", (ColorSpace("srgb"),)),
    Variant("P3_UNTAGGED", (ColorSpace("display_p3"),)),
)

VARIANTS: Mapping[str, Variant] = MappingProxyType({row.name: row for row in (*_PAPER_ROWS, *_BEYOND_ROWS)})
"""Every variant by its published name."""

PAPER: tuple[str, ...] = tuple(row.name for row in _PAPER_ROWS)
"""IDENTITY and the 14 variants of the paper."""

PARAMETERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "jpeg": PAPER[1:7],
        "sharpening": ("JPEG95_444", "SHARPEN_2", "SHARPEN_4"),
        "resizing": ("JPEG95_444", "RESIZE_HALF", "RESIZE_DOUBLE"),
        "interpolation": PAPER[11:15],
    }
)
"""The classes of each processing parameter, in the order of the released code."""


def variant(name: str) -> Variant:
    """The variant of that name, in any case. UsageError names the nearest ones."""
    row = VARIANTS.get(name.upper())
    if row is None:
        raise _unknown("processing variant", name, name.upper(), tuple(VARIANTS))
    return row


def classes(parameter: str) -> tuple[str, ...]:
    """The variants that are the classes of `parameter`, in any case. UsageError names the nearest ones."""
    names = PARAMETERS.get(parameter.lower())
    if names is None:
        raise _unknown("processing parameter", parameter, parameter.lower(), tuple(PARAMETERS))
    return names


def _unknown(kind: str, name: str, spelled: str, names: tuple[str, ...]) -> UsageError:
    near = get_close_matches(spelled, names, n=3, cutoff=0.5)
    hint = f"Nearest: {', '.join(near)}." if near else f"Known: {', '.join(names)}."
    return UsageError(f"There is no {kind} {name[:80]!r}.", hint)


def centre_mask(width: int, height: int, ratio: float) -> tuple[int, int, int, int]:
    """The box (left, upper, right, lower; pixels) of a rectangle over `ratio` of the area, exactly in the centre.

    Each side is sqrt(ratio) of the image's, to the nearest that leaves equal margins: within a pixel of it.
    UsageError for a ratio outside 0 to 1.
    """
    if not 0 <= ratio <= 1:
        raise UsageError(f"A mask cannot cover {ratio} of an image.", "Give a ratio from 0 to 1, such as 0.9.")
    left, upper = (math.floor(side * (1 - math.sqrt(ratio)) / 2 + 0.5) for side in (width, height))
    return left, upper, max(left, width - left), max(upper, height - upper)
