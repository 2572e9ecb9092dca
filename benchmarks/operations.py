"""How fast the paper's 14 variants of an image are made, on one core.

    python -m benchmarks.operations [--images 60] [--rounds 7] [--folder FOLDER]

Against (a) a loop that decodes the file for every variant, as the released code does, and (b) the bare calls of Pillow,
written out: one decode, the smoothing and blends, the resizes, the encodes, and nothing else. Wanted: 1.3 times (a),
0.9 of (b). How much of (b) is decoding and encoding, and how much pixel operations, is told too: the two are Pillow's,
and bytes equal to the protocol's need them. All ways make the same bytes; that is checked first.
"""

import argparse
import io
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from flickrexif.processing.draw import draw_scale
from flickrexif.processing.operations import apply_variant, apply_variants
from flickrexif.processing.variants import PAPER, PARAMETERS, VARIANTS

NAMES = PAPER[1:]
ROWS = tuple(VARIANTS[name] for name in NAMES)
JPEGS = [(quality, subsampling) for quality in (75, 85, 95) for subsampling in (2, 0)]
SCALED = [(name, Image.Resampling[name.split("_")[1]]) for name in PARAMETERS["interpolation"]]

Files = list[tuple[str, bytes]]
Way = Callable[[str, bytes], list[bytes]]


def made_up(count: int) -> Files:
    """JPEGs of 500 x 375 with the spectrum of photographs: about 100 kB each, as ImageNet's."""
    draw = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(375)[:, None], np.fft.fftfreq(500))
    frequency[0, 0] = np.inf
    files = []
    for number in range(count):
        spectrum = np.fft.fft2(draw.normal(size=(3, 375, 500))) / frequency**1.1
        planes = np.fft.ifft2(spectrum).real
        planes = planes[0] + 0.3 * planes  # colours go together
        pixels = 128 + 50 * (planes - planes.mean()) / planes.std()
        out = io.BytesIO()
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0)).save(out, "JPEG", quality=94)
        files.append((f"{number}", out.getvalue()))
    return files


def from_folder(folder: Path, count: int) -> Files:
    return [(path.name, path.read_bytes()) for path in itertools.islice(sorted(folder.glob("*.JPEG")), count)]


def ours(image_id: str, data: bytes) -> list[bytes]:
    return [encoded.data for encoded in apply_variants(data, ROWS, image_id=image_id)]


def decoding_each_time(image_id: str, data: bytes) -> list[bytes]:
    return [apply_variant(data, row, image_id=image_id) for row in ROWS]


def bare(image_id: str, data: bytes) -> list[bytes]:
    image = bare_decode(data)
    return [bare_jpeg(image, *settings) for settings in JPEGS] + [
        bare_jpeg(changed, 95, 0) for changed in bare_changes(image_id, image)
    ]


def bare_decode(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def bare_changes(image_id: str, image: Image.Image) -> list[Image.Image]:
    sharpness = ImageEnhance.Sharpness(image)
    sizes = [(int(image.width * scale), int(image.height * scale)) for scale in (0.5, 2.0)]
    scales = [(draw_scale(VARIANTS[name], 0.2, image_id, 0), resampling) for name, resampling in SCALED]
    return [
        *(sharpness.enhance(factor) for factor in (2, 4)),
        *(image.resize(size, Image.Resampling.BILINEAR) for size in sizes),
        *(image.resize((int(image.width * s), int(image.height * s)), resampling) for s, resampling in scales),
    ]


def bare_jpeg(image: Image.Image, quality: int, subsampling: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling=subsampling, comment=None)
    return out.getvalue()


def seconds(way: Way, files: Files) -> float:
    """Of one core."""
    before = time.process_time()
    for image_id, data in files:
        way(image_id, data)
    return time.process_time() - before


def turned(names: list[str], by: int) -> list[str]:
    """The names in another order each round, so that none is always first."""
    start = by % len(names)
    return names[start:] + names[:start]


def shares(files: Files) -> dict[str, float]:
    """Milliseconds an image of each part of the bare calls."""
    parts = dict.fromkeys(("decode", "pixel operations", "of these smoothing", "encode"), 0.0)

    def spend(part: str, since: float) -> None:
        parts[part] += (time.process_time() - since) * 1e3 / len(files)

    for image_id, data in files:
        start = time.process_time()
        image = bare_decode(data)
        spend("decode", start)
        start = time.process_time()
        changed = bare_changes(image_id, image)
        spend("pixel operations", start)
        start = time.process_time()
        image.filter(ImageFilter.SMOOTH)
        spend("of these smoothing", start)
        start = time.process_time()
        for settings in JPEGS:
            bare_jpeg(image, *settings)
        for other in changed:
            bare_jpeg(other, 95, 0)
        spend("encode", start)
    return parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="of *.JPEG files; without it, images are made up")
    options = parser.parse_args()
    files = from_folder(options.folder, options.images) if options.folder else made_up(options.images)
    ways: dict[str, Way] = {"ours": ours, "(a) decoding each time": decoding_each_time, "(b) bare calls": bare}
    for image_id, data in files:
        if not ours(image_id, data) == decoding_each_time(image_id, data) == bare(image_id, data):
            raise SystemExit(f"The ways differ on image {image_id}.")
    rounds = [{name: seconds(ways[name], files) for name in turned(list(ways), by)} for by in range(options.rounds)]
    for name in ways:
        median = statistics.median(taken[name] for taken in rounds)
        print(f"{name:24}{len(files) / median:7.1f} images/s  {median / len(files) * 1e3:6.2f} ms an image")
    for name, wanted in (("(a) decoding each time", 1.3), ("(b) bare calls", 0.9)):
        ratio = statistics.median(taken[name] / taken["ours"] for taken in rounds)
        print(f"ours is {ratio:.2f} times {name}, wanted {wanted}")
    print(", ".join(f"{part} {spent:.2f} ms" for part, spent in shares(files).items()))


if __name__ == "__main__":
    main()
