"""Simulated photos with class labels: train/ and val/ of class folders, as ImageNet comes.

A class is a photograph that scikit-image or scikit-learn ships. Each photo shows a part of it in some light, as a
simulated camera takes it. Training photos show two opposite quarters of the photographs and validation photos the other
two, so that no pixel is in both. SIMULATED.txt beside them, and the Exif tag Software of every file, say that they are
simulated.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from random import Random

from PIL import Image

from flickrexif.collectors.sandbox.cameras import devices
from flickrexif.collectors.sandbox.pairs import check_folder
from flickrexif.collectors.sandbox.pixels import render
from flickrexif.collectors.sandbox.scenes import crop, photographs, tone
from flickrexif.collectors.sandbox.written import camera_tags, exif_bytes
from flickrexif.core.draws import rng
from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_bytes, put_text
from flickrexif.core.kinds import SIMULATED_CAMERA, SIMULATED_NOTE

NOTE = "These photos are SIMULATED: made by `flickrexif simulate` from a few photographs. No camera took them.\n"
NOTE += "Of each class: {train} training and {val} validation photos, seed: {seed}.\n"
SIZE = (268, 201)  # pixels, a little less than the 224 of most encoders, so that halving and doubling show
TAKEN = datetime(2024, 6, 1, 12)
SPLITS = {"train": 0, "val": 1}  # the quarters each shows: those on one diagonal


def simulate_photos(
    folder: Path, train: int, val: int, seed: int = 0, progress: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Write <folder>/<split>/<class>/<split>-<000>.jpg, `train` and `val` photos of each class; return the files.

    A photo does not depend on how many there are. After an interruption the same call goes on. Raises UsageError when
    the folder holds anything else, FlickrExifError without scikit-image and scikit-learn.
    """
    check_labelled(folder, train, val, seed)
    put_text(folder / SIMULATED_NOTE, NOTE.format(train=train, val=val, seed=seed))
    names = [*_quarters(0)]
    photos = [
        (split, name, number)
        for split, count in (("train", train), ("val", val))
        for name in names
        for number in range(count)
    ]
    written = []
    for split, name, number in photos:
        path = folder / split / name / f"{split}-{number:03}.jpg"
        if not path.exists():
            put_bytes(path, _photo(name, SPLITS[split], rng(seed, "labelled photo", f"{split} {name} {number}")))
        written.append(path)
        if progress:
            progress(len(written), len(photos))
    return written


def check_labelled(folder: Path, train: int, val: int, seed: int) -> None:
    """UsageError for numbers out of range, or a folder that holds anything but these photos."""
    if min(train, val) < 1:
        raise UsageError("There is nothing to simulate.", "Ask for 1 photo or more of each class and split.")
    check_folder(folder, NOTE.format(train=train, val=val, seed=seed))


@cache
def _quarters(diagonal: int) -> Mapping[str, Sequence[Image.Image]]:
    """Class -> two opposite quarters of its photograph; no pixel of one diagonal (0) is on the other (1)."""
    return {
        name: [
            picture.crop((x * (w := picture.width // 2), y * (h := picture.height // 2), (x + 1) * w, (y + 1) * h))
            for x, y in ((0, diagonal), (1, 1 - diagonal))
        ]
        for name, picture in photographs().items()
    }


def _photo(name: str, diagonal: int, draw: Random) -> bytes:
    """The JPEG file of a photo of the class."""
    part = crop(draw.choice(_quarters(diagonal)[name]), SIZE, draw, 0.6, 1.0)
    scene = part.point(tone(draw)).convert("YCbCr")
    device = draw.choice([device for device in devices() if device.lenses])
    exif = exif_bytes(camera_tags(device, TAKEN, SIMULATED_CAMERA, SIZE))
    return render(scene, device, device.isos[0], exif, draw)
