"""Simulated PairCams: pairs of images of one scene, by a simulated phone and a simulated old camera.

A scene is a collage of real photographs, so that no two scenes share their geometry. Each device photographs it from
nearly the same place (shifted, nearer, tilted a little), with its own tone, grain, sharpening, JPEG tables and Exif.
The Exif tag Software of every file, and SIMULATED.txt beside them, say that they are simulated.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from flickrexif.collectors.sandbox.cameras import Device, devices, expose, scene_light
from flickrexif.collectors.sandbox.look import look
from flickrexif.collectors.sandbox.written import camera_tags, exif_bytes, setting_tags
from flickrexif.core.draws import rng
from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_bytes, put_text
from flickrexif.core.kinds import SIMULATED_CAMERA, SIMULATED_NOTE

if TYPE_CHECKING:
    from PIL import Image

NOTE = (
    "These pairs are SIMULATED: made by `flickrexif pairs simulate` from a few photographs. No camera took them.\n"
    "Phones share a look, and cameras another, so that recall falls by construction among images of one kind.\n"
    "Pairs: {pairs}, seed: {seed}, pixels: {side}.\n"
)
PHONES_FROM, CAMERAS_UNTIL = 2018, 2014
CAMERAS = ("compact", "dslr", "mirrorless")
SIDES = ("phone", "camera")
DEVICES_A_SIDE = 8
PATCHES = 14
MARGIN = 1.25  # side of the scene over the side of a device's picture


def simulate_pairs(
    folder: Path, pairs: int, seed: int = 0, side: int = 640, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Write <folder>/<0000>/phone.jpg and camera.jpg for each of `pairs` subjects; return the files in order.

    `side`: longer side in pixels, 64 to 1600. Pair i does not depend on the number of pairs. After an interruption the
    same call goes on. Raises UsageError when the folder holds anything else, FlickrExifError without scikit-image and
    scikit-learn.
    """
    check_simulation(folder, pairs, seed, side)
    put_text(folder / SIMULATED_NOTE, NOTE.format(pairs=pairs, seed=seed, side=side))
    written: list[Path] = []
    for number in range(pairs):
        paths = {name: folder / f"{number:04}" / f"{name}.jpg" for name in SIDES}
        if not all(path.exists() for path in paths.values()):
            for name, content in _pair(seed, number, side).items():
                put_bytes(paths[name], content)
        written += paths.values()
        if progress:
            progress(number + 1, pairs)
    return written


def check_simulation(folder: Path, pairs: int, seed: int, side: int = 640) -> None:
    """UsageError for numbers out of range, or a folder that holds anything but these pairs."""
    if pairs < 1 or not 64 <= side <= 1_600:
        raise UsageError("There is nothing to simulate.", "Ask for 1 pair or more, of 64 to 1600 pixels.")
    check_folder(folder, NOTE.format(pairs=pairs, seed=seed, side=side))


def check_folder(folder: Path, note: str) -> None:
    """UsageError for a folder that holds anything but the simulation that its note describes, whole or in part."""
    place = folder / SIMULATED_NOTE
    if place.is_file() and place.read_text() == note:
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not empty.", "Name a new folder.")


def pair_devices(seed: int) -> dict[str, list[Device]]:
    """The eight phones and eight cameras that take all pairs of `seed`."""
    phones = [d for d in devices() if d.category == "smartphone" and d.year >= PHONES_FROM]
    cameras = [d for d in devices() if d.category in CAMERAS and d.year <= CAMERAS_UNTIL]
    draw = rng(seed, "pair devices", "")
    return {name: draw.sample(choices, DEVICES_A_SIDE) for name, choices in zip(SIDES, (phones, cameras), strict=True)}


def _pair(seed: int, number: int, side: int) -> dict[str, bytes]:
    """The two files of a pair: name -> bytes."""
    draw = rng(seed, "pair", str(number))
    scene = collage(round(side * MARGIN), draw)
    taken = datetime(2024, 6, 1, 9) + timedelta(days=number % 60, minutes=draw.randrange(540))
    light = scene_light(taken.hour, draw)
    files = {}
    for name, side_devices in pair_devices(seed).items():
        files[name] = _shot(scene, draw.choice(side_devices), light, taken, side, draw)
        taken += timedelta(seconds=draw.randrange(40, 400))
    return files


def _shot(scene: "Image.Image", device: Device, light: float, taken: datetime, side: int, draw: Random) -> bytes:
    """The JPEG file that `device` takes of the scene, with the settings of the protocol."""
    from flickrexif.collectors.sandbox.pixels import render

    settings = replace(expose(device, light, draw), flash=0x10, program=2, mode=0, white_balance=0)
    size = (side, max(round(side * min(device.height, device.width) / max(device.height, device.width)), 1))
    tags = camera_tags(device, taken, SIMULATED_CAMERA, size) + setting_tags(device, settings)
    seen = _seen(scene, size, draw).point(_tone(draw)).point(look(device))
    return render(seen, device, settings.iso, exif_bytes(tags), draw)


def _seen(scene: "Image.Image", size: tuple[int, int], draw: Random) -> "Image.Image":
    """The middle of the scene in `size` pixels as a hand-held camera sees it: shifted, nearer or farther, tilted."""
    from PIL import Image

    angle, scale = math.radians(draw.uniform(-1.5, 1.5)), draw.uniform(0.96, 1.04)
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    (width, height), (w, h) = scene.size, size
    x = width / 2 + draw.uniform(-0.02, 0.02) * w
    y = height / 2 + draw.uniform(-0.02, 0.02) * h
    matrix = (a, -b, x - a * w / 2 + b * h / 2, b, a, y - b * w / 2 - a * h / 2)
    return scene.transform(size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _tone(draw: Random) -> list[int]:
    """A lookup table for Y, Cb and Cr: exposure, contrast and white balance of this shot."""
    gamma, gain = draw.uniform(0.88, 1.15), draw.uniform(0.94, 1.04)
    luma = [min(round(255 * gain * (level / 255) ** gamma), 255) for level in range(256)]
    casts = [round(draw.uniform(-4, 4)) for _ in range(2)]
    return luma + [min(max(level + cast, 0), 255) for cast in casts for level in range(256)]


def collage(side: int, draw: Random) -> "Image.Image":
    """A square scene (YCbCr): parts of the shipped photographs, each cropped, turned and placed at random."""
    from PIL import Image

    from flickrexif.collectors.sandbox.scenes import scene

    picture = scene(side, side, draw)
    for _ in range(PATCHES):
        size = (round(side * draw.uniform(0.18, 0.4)), round(side * draw.uniform(0.18, 0.4)))
        angle = draw.uniform(0, 360)
        patch = _patch(size, draw).rotate(angle, Image.Resampling.BILINEAR, expand=True)
        shape = Image.new("L", size, 255).rotate(angle, expand=True)
        middle = draw.uniform(0, side), draw.uniform(0, side)
        picture.paste(patch, (round(middle[0] - patch.width / 2), round(middle[1] - patch.height / 2)), shape)
    return picture


def _patch(size: tuple[int, int], draw: Random) -> "Image.Image":
    """A part of a photograph in `size` pixels (YCbCr), perhaps mirrored, brighter or darker."""
    from flickrexif.collectors.sandbox.scenes import crop, photographs

    patch = crop(draw.choice([*photographs().values()]), size, draw, 0.45, 0.95)
    gain = draw.uniform(0.75, 1.15)
    return patch.point([min(round(level * gain), 255) for level in range(256)] * 3).convert("YCbCr")
