"""How fast, and in how much memory, images become data sets: images/s, two workers against one, memory of a worker.

    python -m benchmarks.process [SOURCE] [--rounds 3]

SOURCE is a folder of images, in class folders or not (named <class>_<name>.JPEG); without it, images are made up.
Wanted: two workers >= 1.85 times one; a worker under 300 MB with 20-megapixel images, however many there are.
"""

import argparse
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from flickrexif.processing.build import ProcessSettings, process
from flickrexif.processing.variants import PAPER

IMAGES = 1_000  # so that starting the workers, which is counted, weighs little
SHARDS = 16  # so that two workers end at about the same time
VARIANTS = PAPER[1:]
SIZES = ("RESIZE_HALF", "JPEG95_444", "RESIZE_DOUBLE")


def class_folders(source: Path | None, root: Path) -> Path:
    """At least IMAGES images as an ImageFolder of links, or as many made up of 500 x 375 pixels."""
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source else []
    for path in files:
        folder = root / path.name.partition("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        for copy in range(-(-IMAGES // len(files))):
            (folder / f"{copy}-{path.name}").symlink_to(path.absolute())
    if not files:
        made_up(root, IMAGES, (500, 375))
    return root


def made_up(root: Path, count: int, size: tuple[int, int]) -> None:
    """Smooth pictures with a little noise, about as large in bytes as photos."""
    (root / "a").mkdir(parents=True)
    for seed in range(count):
        draw = np.random.default_rng(seed)
        coarse = Image.fromarray(draw.integers(0, 256, (12, 16, 3), np.uint8)).resize(size, Image.Resampling.BICUBIC)
        noise = draw.normal(0, 6, (size[1], size[0], 1)).astype(np.int8)
        pixels = np.clip(np.asarray(coarse, np.int16) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / f"a/{seed:03}.jpg", quality=92)


def once(source: Path, workers: int, variants: tuple[str, ...]) -> tuple[float, int, float]:
    """(seconds after the listing, images of the source, bytes out for each byte in)."""
    began = 0.0
    size = sum(path.stat().st_size for path in source.rglob("*.*"))

    def progress(done: int, total: int, failures: object) -> None:  # noqa: ARG001
        nonlocal began
        began = began or time.perf_counter()

    with tempfile.TemporaryDirectory() as out:
        settings = ProcessSettings(
            source=str(source), out=Path(out), variants=variants, workers=workers, shard_bytes=-(-size // SHARDS)
        )
        report = process(settings, progress)
        seconds = time.perf_counter() - began
        written = sum(path.stat().st_size for path in Path(out).rglob("*.parquet"))
    return seconds, report.parts[0].rows, written / size


def peak(source: Path, variants: tuple[str, ...]) -> float:
    """Peak MB of a worker of two."""
    once(source, 2, variants)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


def memory(count: int, variants: tuple[str, ...]) -> float:
    """Peak MB of a worker over so many 20-megapixel images."""
    with tempfile.TemporaryDirectory() as folder:
        # Each in a process of its own: a child's peak counts from its parent's size.
        apart(made_up, Path(folder), count, (5184, 3888))
        found: float = apart(peak, Path(folder), variants)
        return found


def apart(function: Callable[..., Any], *arguments: object) -> Any:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3, help="the median of so many rounds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = class_folders(options.source, Path(folder) / "images")
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(options.rounds):
            for workers, found in seconds.items():
                took, images, _ = once(source, workers, VARIANTS)
                found.append(took)
        for workers, found in seconds.items():
            rate = images / statistics.median(found)
            print(f"{images} images, {len(VARIANTS)} variants, {workers} worker(s): {rate:.1f} images/s")
        ratios = [one / two for one, two in zip(seconds[1], seconds[2], strict=True)]
        print(f"two workers against one: {statistics.median(ratios):.2f} (wanted 1.85)")
        print(", ".join(SIZES), end=": ")
        print(*(f"{once(source, 2, (name,))[2]:.2f}" for name in SIZES), "bytes for each byte of the source")
    for what, variants in (("all but RESIZE_DOUBLE", tuple(set(VARIANTS) - {"RESIZE_DOUBLE"})), ("all", VARIANTS)):
        few, many = (memory(count, variants) for count in (4, 12))
        print(f"a worker on 20 megapixels, {what}: {few:.0f} MB with 4 images, {many:.0f} MB with 12 (wanted < 300)")


if __name__ == "__main__":
    main()
