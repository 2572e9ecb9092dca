"""Whether any damage to a picture escapes: files of every format, bytes flipped, through all that opens pictures.

    python -m benchmarks.pictures [--minutes 10] [--seed 0]

Each flip goes, in a process of its own, through `open_picture`, decoding, `label`, `process` and `pairs`. Wanted: a
picture or a reason, always. A crash, a hang or an exception of another kind is an escape, told with its number.
"""

import argparse
import io
import multiprocessing
import os
import resource
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import piexif
from PIL import Image, features

from flickrexif.collectors.folder import photos
from flickrexif.collectors.owners import RULES
from flickrexif.core.decoding import REASONS, quiet
from flickrexif.core.draws import rng
from flickrexif.core.pictures import SUFFIXES, BadPicture, open_picture, small_picture
from flickrexif.exif import label
from flickrexif.exif.files import photo_of
from flickrexif.paircams.pairing import read_pairs
from flickrexif.processing import operations
from flickrexif.processing.variants import VARIANTS

PATIENCE = 60  # seconds until a flip counts as a hang
MEMORY = 6 * 2**30  # bytes of the process that decodes
XMP = b"<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Make='Canon' exif:FNumber='28/10'/>"


class Outcome(NamedTuple):
    """What became of one flip."""

    number: int
    sample: str
    words: tuple[str, ...]  # "picture" or a reason, of each place that opened it
    seconds: float
    escape: str = ""


# --- whole files


def photograph(width: int, height: int) -> Image.Image:
    """A smooth picture with a little noise."""
    draw = np.random.default_rng(0)
    coarse = Image.fromarray(draw.integers(0, 256, (6, 8, 3), np.uint8)).resize((width, height))
    return Image.fromarray((np.asarray(coarse) ^ draw.integers(0, 4, (height, width, 3), np.uint8)).astype(np.uint8))


def saved(kind: str, image: Image.Image, **options: Any) -> bytes:
    """The image as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def heic(image: Image.Image, **options: Any) -> bytes:
    """The image as HEIC."""
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=60, **options)
    return out.getvalue()


@cache
def samples() -> dict[str, bytes]:
    """A small file of every format that Pillow writes here, and of the kinds that differ within a format."""
    rgb = photograph(48, 32)
    exif = piexif.dump(
        {
            "0th": {piexif.ImageIFD.Make: b"Canon", piexif.ImageIFD.Model: b"EOS 6D", piexif.ImageIFD.Orientation: 6},
            "Exif": {piexif.ExifIFD.FNumber: (28, 10), piexif.ExifIFD.ISOSpeedRatings: 200},
        }
    )
    files: dict[str, Callable[[], bytes]] = {
        "JPEG Exif": lambda: saved("JPEG", rgb, exif=exif, xmp=XMP),
        "JPEG progressive": lambda: saved("JPEG", rgb, progressive=True, restart_marker_rows=1),
        "JPEG CMYK": lambda: saved("JPEG", rgb.convert("CMYK")),
        "MPO of two": lambda: saved("MPO", rgb, save_all=True, append_images=[rgb.resize((20, 10))], exif=exif),
        "PNG Exif": lambda: saved("PNG", rgb, exif=exif),
        "PNG palette": lambda: saved("PNG", rgb.quantize(16), transparency=3),
        "PNG 16-bit": lambda: saved("PNG", rgb.convert("L").convert("I;16")),
        "APNG": lambda: saved("PNG", rgb, save_all=True, append_images=[rgb.rotate(90)]),
        "WEBP Exif": lambda: saved("WEBP", rgb, exif=exif, xmp=XMP),
        "WEBP lossless": lambda: saved("WEBP", rgb.convert("RGBA"), lossless=True),
        "WEBP animated": lambda: saved("WEBP", rgb, save_all=True, append_images=[rgb.rotate(90)]),
        "GIF": lambda: saved("GIF", rgb, comment=b"x"),
        "GIF animated": lambda: saved("GIF", rgb, save_all=True, append_images=[rgb.rotate(90)], disposal=2),
        "BMP palette": lambda: saved("BMP", rgb.quantize(16)),
        "PPM plain": lambda: b"P3 3 2 255\n" + b" 9 200 3" * 6,
        "PGM": lambda: saved("PPM", rgb.convert("L")),
        "TIFF Exif": lambda: saved("TIFF", rgb, exif=exif),
        "TIFF BigTIFF": lambda: saved("TIFF", rgb, big_tiff=True),
        "TIFF 1-bit": lambda: saved("TIFF", rgb.convert("1"), compression="group4"),
        "TIFF Lab": lambda: saved("TIFF", Image.new("LAB", (9, 7))),
        "JPEG2000 stream": lambda: saved("JPEG2000", rgb, no_jp2=True),
        "HEIC Exif": lambda: heic(rgb.resize((96, 64)), exif=exif),
        "HEIC grey": lambda: heic(rgb.convert("L").resize((64, 64))),
    }
    for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits", "zstd", "lzma"):
        files[f"TIFF {name}"] = lambda name=name: saved("TIFF", rgb, compression=name)  # type: ignore[misc]
    Image.init()
    for kind in sorted(Image.SAVE):
        files[kind] = lambda kind=kind: saved(kind, rgb)  # type: ignore[misc]
        files[f"{kind} grey"] = lambda kind=kind: saved(kind, rgb.convert("L"))  # type: ignore[misc]
    made = {name: _made(make) for name, make in files.items()}
    return {name: data for name, data in made.items() if data}


def _made(make: Callable[[], bytes]) -> bytes:
    """Empty where Pillow does not write this mode or has no codec for it."""
    try:
        with quiet:  # Pillow deprecates some
            return make()
    except (OSError, ValueError, KeyError, RuntimeError, SystemError):
        return b""


def flipped(data: bytes, draw: Random) -> bytes:
    """A few bytes changed, more in the header than behind it; at times cut, or with a piece repeated."""
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4, 16))):
        place = int(draw.random() ** draw.choice((1, 3)) * len(out))
        out[place] = draw.choice((0, 0xFF, 0x7F, 0x80, out[place] ^ 1 << draw.randrange(8), draw.randrange(256)))
    kind = draw.randrange(12)
    if kind == 0:
        del out[draw.randrange(len(out)) :]
    elif kind == 1:
        place, size = draw.randrange(len(out)), draw.randrange(1, 64)
        out[place:place] = out[place : place + size]
    return bytes(out)


# --- one flip


def opened_everywhere(data: bytes, folder: Path) -> Iterator[str]:
    """Open the bytes in every place that opens a stranger's picture: "picture" or the reason of each."""
    picture = open_picture(data, tuple(SUFFIXES))
    yield _word(picture)
    if not isinstance(picture, BadPicture):
        label(photo_of(picture).tags)
        yield _word(picture.decode())
    yield _word(small_picture(data, 64))
    try:
        operations.apply_variants(data, [VARIANTS["JPEG75_420"]])
        yield "picture"
    except BadPicture as bad:
        yield bad.reason if bad.reason in operations.REASONS else f"no word of `process`: {bad.reason}"
    (folder / "1").mkdir(exist_ok=True)
    (folder / "1/phone.jpg").write_bytes(data)
    (photo,) = photos(folder, RULES["top"])
    yield "picture" if photo.width else str(photo.reason)
    images, problems = read_pairs(folder)
    of_image = [f"{problem.rule} {problem.detail}" for problem in problems if problem.file]
    yield "picture" if images else of_image[0].partition(":")[0]


def _word(outcome: object) -> str:
    if isinstance(outcome, BadPicture):
        return outcome.reason if outcome.reason in REASONS else f"no reason: {outcome.reason}"
    return "picture"


def case(number: int, seed: int) -> tuple[str, bytes]:
    """The sample that flip `number` is of, and its bytes; one in ten is of a format that is not read."""
    draw = rng(seed, "flip", str(number))
    name = draw.choice(unread() if number % 10 == 9 else sorted(samples().keys() - unread()))
    return name, flipped(samples()[name], draw)


@cache
def unread() -> list[str]:
    """The samples of formats that are not among ours."""
    return sorted(n for n, data in samples().items() if isinstance(open_picture(data, tuple(SUFFIXES)), BadPicture))


def _work(results: Connection, first: int, seed: int) -> None:
    """Flip after flip, each told as it ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff's own words
    with tempfile.TemporaryDirectory() as folder:
        number = first
        while True:
            name, data = case(number, seed)
            before, escape, words = time.perf_counter(), "", ()
            try:
                words = tuple(opened_everywhere(data, Path(folder)))
            except Exception:
                escape = traceback.format_exc()
            results.send(Outcome(number, name, words, time.perf_counter() - before, escape))
            number += 1


def flips(minutes: float, seed: int) -> Iterator[Outcome]:
    """What became of each flip, for so long. A process that dies or hangs is one flip's outcome; the next goes on."""
    context = multiprocessing.get_context("spawn")
    end = time.monotonic() + 60 * minutes
    number = 0
    while time.monotonic() < end:
        results, sending = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(sending, number, seed), daemon=True)
        worker.start()
        sending.close()
        try:
            while time.monotonic() < end and results.poll(PATIENCE):
                outcome = results.recv()
                number = outcome.number + 1
                yield outcome
            if time.monotonic() < end:
                yield Outcome(number, case(number, seed)[0], (), PATIENCE, "hang")
        except EOFError:
            worker.join()
            yield Outcome(number, case(number, seed)[0], (), 0, f"crash, exit code {worker.exitcode}")
        number += 1
        worker.kill()
        worker.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words: Counter[str] = Counter()
    escapes = []
    count, slowest = 0, Outcome(0, "", (), 0)
    for outcome in flips(options.minutes, options.seed):
        count += 1
        words.update(outcome.words)
        slowest = max(slowest, outcome, key=lambda o: o.seconds)
        if outcome.escape:
            escapes.append(outcome)
            print(f"flip {outcome.number} of {outcome.sample}: {outcome.escape}", flush=True)
    print(f"Pillow {features.version('pil')}, {len(samples())} files: {', '.join(samples())}")
    pictures = words.pop("picture", 0)
    print(f"{count:,} flips, {words.total() + pictures:,} openings: {pictures:,} pictures, {words.total():,} reasons")
    print("reasons:", ", ".join(f"{word} {number:,}" for word, number in words.most_common()))
    print(f"slowest: {slowest.seconds:.2f} s, flip {slowest.number} of {slowest.sample}")
    print(f"escapes: {len(escapes)} (wanted 0)")


if __name__ == "__main__":
    main()
