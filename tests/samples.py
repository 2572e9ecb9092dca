"""Photos and split files to test with: small free ones, and larger sets where they lie beside the repository.

The samples are named with their sources in tests/data/SOURCES.csv. The larger sets are not needed: they add to the
tests where they are.
"""

from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from PIL import Image

from flickrexif.collectors.sandbox import scenes

DATA = Path(__file__).parent / "data"
LARGE = Path(__file__).parents[2] / "shared/data"


def needs(name: str) -> pytest.MarkDecorator:
    """Skips, by name, where a larger set is absent."""
    return pytest.mark.skipif(not (LARGE / name).is_dir(), reason=f"{LARGE / name} is absent")


def samples_and(name: str, samples: Path | None = None) -> list[Any]:
    """Two parameters: the folder of samples, and that of a larger set."""
    return [pytest.param(samples, id="samples"), pytest.param(LARGE / name, id=name, marks=needs(name))]


CAMERA_PHOTOS = samples_and("camera-photos", DATA / "photos")
SPLIT_FILES = samples_and("official-splits", DATA / "splits")
LEAKS = {  # folder -> photos of Model in train and test, in val and test, of a scanner
    "splits": (2, 1, 33),
    "official-splits": (36, 9, 500),
}


SHIPPED = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "china", "flower")


@cache
def photographs() -> tuple[Image.Image, ...]:
    """Seven that scikit-image and scikit-learn ship and ten of the samples (the other is black), RGB."""
    names = sorted(path for path in (DATA / "photos").iterdir() if path.name != "Sony_DSC-P12.jpg")
    return (*map(scenes.photographs().__getitem__, SHIPPED), *(Image.open(path).convert("RGB") for path in names))


def crop(photograph: Image.Image, side: int, draws: Random) -> Image.Image:
    """A square of `side` pixels: 60 to 100% of a photograph's shorter side, perhaps mirrored."""
    edge = draws.uniform(0.6, 1.0) * min(photograph.size)
    left, top = (draws.uniform(0, length - edge) for length in photograph.size)
    box = (left, top, left + edge, top + edge)
    square = photograph.resize((side, side), Image.Resampling.BICUBIC, box)
    return square.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if draws.random() < 0.5 else square


def jpeg(image: Image.Image, quality: int = 75, subsampling: int = 2) -> bytes:
    """The image as JPEG; subsampling as Pillow counts, 2: 4:2:0."""
    file = BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=subsampling)
    return file.getvalue()


def write_image_folder(root: Path, classes: int = 10, train: int = 24, val: int = 10) -> Path:
    """train/ and val/ of some classes, each a photograph, as JPEG of 224 x 224 pixels; its images are crops."""
    draws = Random(0)
    for number, photograph in enumerate(photographs()[:classes]):
        for split, count in (("train", train), ("val", val)):
            folder = root / split / f"photograph {number}"
            folder.mkdir(parents=True)
            for image in range(count):
                (folder / f"{image:02}.jpg").write_bytes(jpeg(crop(photograph, 224, draws)))
    return root
