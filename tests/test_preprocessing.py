"""The preprocessing against torchvision's, and the mask against its definition."""

import math
import pickle
from importlib import import_module
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import flickrexif.eval.encoders.torchvision_operators  # noqa: F401
from flickrexif.eval.encoders.preprocess import FILTERS, Preprocessing, centre_crop, preprocessing, resized_to
from flickrexif.eval.encoders.registry import registered_encoders
from flickrexif.eval.encoders.spec import IMAGENET_MEAN, IMAGENET_STD, EncoderSpec, Interpolation

transforms: Any = import_module("torchvision.transforms")  # after torchvision_operators

PAPER = [spec for spec in registered_encoders().values() if spec.name.startswith("paper:")]


def noise(width: int, height: int) -> Image.Image:
    draws = np.random.default_rng(width * 10_000 + height)
    return Image.fromarray(draws.integers(0, 256, (height, width, 3), np.uint8))


def torchvision_preprocessing(image: Image.Image, size: int, mean: object, std: object, name: str) -> np.ndarray:
    by = transforms.InterpolationMode(name)
    steps = [transforms.Resize(size, by), transforms.CenterCrop(size), transforms.ToTensor()]
    pixels: np.ndarray = transforms.Compose([*steps, transforms.Normalize(mean, std)])(image).numpy()
    return pixels


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 400),
    height=st.integers(1, 400),
    size=st.sampled_from([16, 31, 64, 96]),
    name=st.sampled_from(["bilinear", "bicubic", "lanczos", "box", "nearest", "hamming"]),
)
def test_it_is_torchvisions_to_the_bit(width: int, height: int, size: int, name: Interpolation) -> None:
    image = noise(width, height)
    ours = Preprocessing(size, IMAGENET_MEAN, IMAGENET_STD, name)(image, "id")
    theirs = torchvision_preprocessing(image, size, IMAGENET_MEAN, IMAGENET_STD, name)
    assert ours.dtype == np.float32
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("spec", PAPER[::5], ids=lambda spec: spec.name)
def test_a_records_preprocessing_is_torchvisions_with_its_numbers(spec: EncoderSpec) -> None:
    image = noise(500, 375)
    ours = preprocessing(spec)(image, "id")
    expected = torchvision_preprocessing(image, spec.input_size, spec.mean, spec.std, spec.interpolation)
    assert np.array_equal(ours, expected)


def test_every_interpolation_has_its_filter() -> None:
    assert set(FILTERS) == set(get_args(Interpolation))
    assert all(filter_.name.lower() == name for name, filter_ in FILTERS.items())


def test_the_crop_keeps_the_centre_and_the_whole_shorter_side() -> None:
    columns = np.tile(np.arange(300, dtype=np.float32) * 255 / 299, (100, 1)).astype(np.uint8)
    cropped = np.asarray(centre_crop(resized_to(Image.fromarray(columns).convert("RGB"), 100, "bilinear"), 100))
    assert cropped.shape == (100, 100, 3)
    assert np.array_equal(cropped[0, :, 0], columns[0, 100:200])


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("size", [224, 225])
def test_the_mask_is_a_centred_black_rectangle_over_its_share_of_the_crop(ratio: float, size: int) -> None:
    white = Image.new("RGB", (400, 300), (255, 255, 255))
    pixels = Preprocessing(size, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), "bicubic")(white, "id", ratio)[0]
    rows = np.flatnonzero((pixels == 0).any(axis=1))
    assert abs(len(rows) - size * math.sqrt(ratio)) <= 1
    assert int((pixels == 0).sum()) == len(rows) ** 2
    assert np.array_equal(pixels == 0, (pixels == 0).T)
    assert abs(rows[0] - (size - 1 - rows[-1])) <= 1
    assert set(np.unique(pixels)) <= {0.0, 1.0}


def test_a_masked_pixel_is_black_before_it_is_normalised() -> None:
    mean, std = (0.5, 0.25, 0.75), (0.5, 0.25, 0.25)
    pixels = Preprocessing(32, mean, std, "bicubic")(noise(64, 64), "id", 1.0)
    assert np.allclose(pixels, -np.array(mean)[:, None, None] / np.array(std)[:, None, None])


@pytest.mark.parametrize("nothing", [None, 0.0])
def test_no_mask_changes_nothing(nothing: float | None) -> None:
    prepare = Preprocessing(32, IMAGENET_MEAN, IMAGENET_STD, "bicubic")
    assert np.array_equal(prepare(noise(50, 40), "id", nothing), prepare(noise(50, 40), "id"))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "CMYK", "LA"])
def test_any_mode_becomes_three_channels(mode: str) -> None:
    image = noise(40, 30).convert(mode)
    prepare = Preprocessing(16, IMAGENET_MEAN, IMAGENET_STD, "bicubic")
    assert np.array_equal(prepare(image, "id"), prepare(image.convert("RGB"), "id"))


def test_it_leaves_the_image_alone_and_travels_to_a_worker() -> None:
    image = noise(40, 30)
    before = image.tobytes()
    prepare = Preprocessing(16, IMAGENET_MEAN, IMAGENET_STD, "bicubic")
    unpickled = pickle.loads(pickle.dumps(prepare))
    assert unpickled == prepare
    assert np.array_equal(unpickled(image, "id", 0.5), prepare(image, "id", 0.5))
    assert image.tobytes() == before
