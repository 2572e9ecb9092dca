"""Simulated cameras leave their traces: tables, subsampling, grain and sharpening, measured in the files."""

import hashlib
import io
import subprocess
import sys
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from flickrexif.collectors.sandbox.cameras import Device, devices
from flickrexif.collectors.sandbox.pixels import render, resized
from flickrexif.collectors.sandbox.population import SIZES
from flickrexif.collectors.sandbox.scenes import photographs, scene
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.core.draws import rng

SAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
MODELS = ["NIKON D90", "Canon EOS 450D", "iPhone 12", "SM-G991B", "DMC-FZ20", "LEICA M10", "C2020Z", "N95"]


def device(model: str) -> Device:
    return next(d for d in devices() if d.model == model)


def shoot(model: Device, picture: Image.Image, iso: int = 100, key: str = "0") -> Image.Image:
    return Image.open(io.BytesIO(render(picture, model, iso, b"", rng(0, "test", key))))


def tables(picture: Image.Image) -> dict[int, list[int]]:
    assert isinstance(picture, JpegImagePlugin.JpegImageFile)
    return {key: list(table) for key, table in picture.quantization.items()}


def luma(picture: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(picture.convert("L"), dtype=np.float64)


def flat(level: int = 128) -> Image.Image:
    return Image.new("RGB", (256, 256), (level, level, level))


@pytest.mark.parametrize("model", MODELS)
def test_subsampling_is_the_devices(model: str) -> None:
    picture = shoot(device(model), flat())
    assert JpegImagePlugin.get_sampling(picture) == SAMPLING[device(model).subsampling]


@pytest.mark.parametrize("model", [d.model for d in devices() if d.tilt == 0][::7])
def test_tables_without_tilt_are_those_of_the_ijg_quality(model: str) -> None:
    expected = []
    for quality in (device(model).luma, device(model).chroma):
        file = io.BytesIO()
        flat().save(file, "JPEG", quality=quality)  # libjpeg's own scaling
        expected.append(tables(Image.open(file)))
    quantisation_tables = tables(shoot(device(model), flat()))
    assert quantisation_tables == {0: expected[0][0], 1: expected[1][1]}


def test_tables_with_tilt_get_coarser_towards_high_frequencies() -> None:
    tilted = device("NIKON D90")
    plain = tables(shoot(replace(tilted, tilt=0.0), flat()))[0]
    steep = tables(shoot(tilted, flat()))[0]
    assert steep[0] == plain[0]
    assert steep[63] == round(plain[63] * (1 + tilted.tilt))


def test_makers_are_told_apart_by_their_tables() -> None:
    seen = {model: str(tables(shoot(device(model), flat()))) for model in MODELS}
    assert len(set(seen.values())) >= len(MODELS) - 1


@pytest.mark.parametrize("model", MODELS)
def test_grain_grows_with_iso(model: str) -> None:
    low, middle, high = (luma(shoot(device(model), flat(), iso)).std() for iso in (100, 800, 3200))
    assert low < middle < high
    assert high > 2 * low
    assert abs(luma(shoot(device(model), flat(), 3200)).mean() - 128) < 1


def test_grain_is_heavier_in_the_light() -> None:
    camera = replace(device("NIKON D90"), amount=0)
    dark, bright = (luma(shoot(camera, flat(level), 1600)).std() for level in (40, 200))
    assert bright > 1.2 * dark


def test_grain_differs_between_photos() -> None:
    first, second = (luma(shoot(device("DMC-FZ20"), flat(), 1600, key)) for key in "ab")
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1


def test_sharpening_overshoots_at_an_edge() -> None:
    edge = flat(90)
    edge.paste((170, 170, 170), (128, 0, 256, 256))
    overshoot = []
    for amount in (0, 40, 140):
        rows = luma(shoot(replace(device("LEICA M10"), amount=amount, noise=0.0), edge))
        overshoot.append(rows.mean(axis=0).max() - 170)
    assert overshoot[0] < 3
    assert overshoot[1] > overshoot[0] + 3
    assert overshoot[2] > overshoot[1] + 10


def test_scenes_are_photographs_and_vary() -> None:
    assert len(photographs()) >= 19
    small = [scene(320, 240, rng(0, "scene", str(key))).convert("L").resize((16, 12)) for key in range(12)]
    assert len({picture.tobytes() for picture in small}) == 12
    assert all(np.asarray(picture).std() > 2 for picture in small)


def test_the_file_shows_the_scene() -> None:
    picture = scene(640, 480, rng(0, "scene", "7"))
    taken = shoot(device("iPhone 12"), picture)
    before, after = (np.asarray(p.convert("RGB").resize((64, 48)), dtype=float).ravel() for p in (picture, taken))
    assert np.corrcoef(before, after)[0, 1] > 0.99


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", [(1416, 1064), (1000, 1504)])
def test_resized_is_scaled_down_without_exif(size: str, shape: tuple[int, int]) -> None:
    original = io.BytesIO()
    exif = Image.Exif()
    exif[271] = "Canon"
    Image.linear_gradient("L").resize(shape).convert("RGB").save(original, "JPEG", exif=exif)
    picture = Image.open(io.BytesIO(resized(original.getvalue(), size)))
    picture.load()
    assert max(picture.size) == SIZES[size]
    assert picture.width / picture.height == pytest.approx(shape[0] / shape[1], abs=0.01)
    assert not dict(picture.getexif())
    assert picture.mode == "RGB"


def test_a_size_is_never_larger_than_the_original() -> None:
    file = io.BytesIO()
    Image.new("RGB", (200, 100)).save(file, "JPEG")
    assert Image.open(io.BytesIO(resized(file.getvalue(), "l"))).size == (200, 100)


HASHES = """
from datetime import datetime
from hashlib import sha256
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
population = SimulatedPopulation(seed=4, photos_per_month=50)
photo = population.taken_between(datetime(2012, 5, 1), datetime(2012, 5, 31, 23, 59, 59))[20]
print(*(sha256(population.image(photo, size)).hexdigest() for size in "olczm"))
"""


def test_bytes_are_the_same_in_another_process() -> None:
    done = subprocess.run([sys.executable, "-c", HASHES], capture_output=True, text=True, check=True)
    population = SimulatedPopulation(seed=4, photos_per_month=50)
    month = population.taken_between(datetime(2012, 5, 1), datetime(2012, 5, 31, 23, 59, 59))
    for other in month[30:33]:
        population.image(other, "m")
    assert done.stdout.split() == [hashlib.sha256(population.image(month[20], s)).hexdigest() for s in "olczm"]


def test_originals_have_the_size_that_search_tells() -> None:
    population = SimulatedPopulation(seed=4, photos_per_month=50)
    for number in (0, 150, 290):
        for photo in population.month(number).photos[:4]:
            picture = Image.open(io.BytesIO(population.image(photo, "o")))
            assert picture.size == (photo.width, photo.height)
            assert picture.getexif().get(271) in (None, population.taking(photo).device.make)
