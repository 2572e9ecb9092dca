"""How fast raw Exif becomes labels, and whether anything in it can raise.

    python -m benchmarks.labels [--rows 356459] [--fuzz 1000000] [--files 1000000] [--photos 10000 --from FOLDER]

Wanted: 356,459 rows in under 20 s on one core, memory flat; 1,000,000 hostile values and 1,000,000 damaged files
without an exception, none of which takes a second; `label` of 10,000 photos of 3 MB, with links too, in a fifth of
the time that `exiftool -j -fast2` takes. The photos are those of FOLDER (JPEG) up to their pixels, with zeros behind.
"""

import argparse
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from benchmarks.pictures import flipped
from flickrexif.commands.labels import label as label_photos
from flickrexif.core.draws import rng
from flickrexif.core.pictures import SUFFIXES, BadPicture, open_picture
from flickrexif.exif import label
from flickrexif.exif.files import photo_of
from flickrexif.exif.tags import TAGS
from flickrexif.exif.values import REASONS, parse_exposure, parse_f_number, parse_focal_length, parse_iso

MAKES = ("Canon", "NIKON CORPORATION", "SONY", "Apple", "FUJIFILM", "OLYMPUS IMAGING CORP.", "samsung", "Panasonic")
PROGRAMS = ("Program AE", "Aperture-priority AE", "Manual", "Not Defined")
PARSERS = (parse_exposure, parse_f_number, parse_iso, parse_focal_length)
LIKELY = "0123456789+-./,eE infundaISOmsc()f\0\u0660\u00b2\u2044\u0192"


def plausible_tags(count: int) -> Iterator[dict[str, str]]:
    """Rows as a crawl finds them: 8,000 camera names, some thousand values of each setting."""
    draw = rng(0, "benchmark", "labels")
    for i in range(count):
        make = draw.choice(MAKES)
        yield {
            "Make": make,
            "Model": f"{make} X-{draw.randrange(1_000)}",
            "ExposureTime": f"1/{draw.randrange(1, 4_000)}",
            "FNumber": f"{draw.randrange(10, 320) / 10}",
            "ISO": str(draw.randrange(25, 12_800)),
            "FocalLength": f"{draw.randrange(30, 4_000) / 10} mm",
            "Flash": "Off, Did not fire" if i % 3 else "Fired",
            "ExposureProgram": draw.choice(PROGRAMS),
            "ExposureMode": "Auto",
            "WhiteBalance": "Auto",
            "Software": f"Ver.{draw.randrange(300) / 100}",
            "DateTimeOriginal": f"2011:03:{i % 28 + 1:02} {i // 3_600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}",
        }


def hostile(draw: Random, depth: int = 0) -> Any:
    """Random bytes, texts in any script, huge numbers and rationals, and nested nothings."""
    kind = draw.randrange(10 if depth < 4 else 6)
    if kind == 0:
        return draw.randbytes(draw.randrange(60))
    if kind == 1:
        return "".join(draw.choice(LIKELY) for _ in range(draw.randrange(30)))
    if kind == 2:
        return "".join(chr(draw.randrange(0x110000)) for _ in range(draw.randrange(12)))
    if kind == 3:
        return draw.choice(
            (draw.getrandbits(draw.choice((8, 64, 5_000))), -1, draw.uniform(-1e308, 1e308), float("nan"))
        )
    if kind == 4:
        return Fraction(draw.getrandbits(draw.choice((8, 2_000))), draw.getrandbits(64) + 1)
    if kind == 5:
        return draw.choice((None, True, "", "\0", float("inf"), "inf", "undef", "1/0", "9" * 10_000, object()))
    if kind == 6:
        return {"_content": hostile(draw, depth + 1)}
    items = [hostile(draw, depth + 1) for _ in range(draw.randrange(3))]
    return items if kind < 9 else tuple(items)


def time_labels(rows: int) -> float:
    """Seconds of one core; making the rows up is not counted."""
    spent = 0.0
    batch: list[dict[str, str]] = []
    source = plausible_tags(rows)
    while batch := [tags for tags, _ in zip(source, range(10_000), strict=False)]:
        before = time.process_time()
        for tags in batch:
            label(tags)
        spent += time.process_time() - before
    return spent


def fuzz(inputs: int) -> float:
    """Feed each parser `inputs` hostile values, and `label` those that are text; the seconds of the slowest."""
    draw = rng(0, "benchmark", "fuzz")
    names = sorted(TAGS)
    longest = 0.0
    for _ in range(inputs):
        raw = hostile(draw)
        before = time.perf_counter()
        for parse in PARSERS:
            value, reason = parse(raw)
            if reason not in (None, *REASONS) or (value is not None and reason is not None):
                raise AssertionError(f"{parse.__name__}({raw!r}) gave {value!r}, {reason!r}")
        text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
        if isinstance(text, str):
            label(dict.fromkeys(draw.sample(names, 5), text), text)
        longest = max(longest, time.perf_counter() - before)
    return longest


# --- files


class Damage(NamedTuple):
    """What became of damaged files."""

    pictures: int
    tags: int
    slowest: float  # seconds of one core


def damaged(inputs: int, seed: int = 0) -> Damage:
    """Read `inputs` files of all containers with a few bytes changed; raises whatever escapes."""
    from tests.exif_files import CARRIERS, files

    whole = [made.data for made in files(20 * len(CARRIERS), seed)]
    pictures = tags = 0
    slowest = 0.0
    for index in range(inputs):
        draw = rng(seed, "damaged file", str(index))
        data = flipped(draw.choice(whole), draw)
        before = time.process_time()
        picture = open_picture(data, tuple(SUFFIXES))
        if not isinstance(picture, BadPicture):
            photo = photo_of(picture)
            label(photo.tags, numbers=photo.numbers)
            pictures, tags = pictures + 1, tags + len(photo.tags)
        slowest = max(slowest, time.process_time() - before)
    return Damage(pictures, tags, slowest)


def write_photos(source: Path, folder: Path, count: int, size: int = 3_000_000) -> None:
    """`count` photos of `size` bytes: the heads of those in `source`, and a hole that takes no disk."""
    heads = [_head(path.read_bytes()) for path in sorted(source.glob("*.jpg"))]
    for index in range(count):
        path = folder / f"{index % 40:02}/{index:05}.jpg"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(heads[index % len(heads)])
            file.truncate(size)


def _head(jpeg: bytes) -> bytes:
    """A JPEG file up to its pixels, and a few kilobytes of these."""
    place = 2
    while jpeg[place + 1] != 0xDA:
        place += 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return jpeg[: place + 4_096]


def time_photos(source: Path, count: int) -> None:
    """`label` beside exiftool, each twice; the second time counts, when what is read lies in memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos").mkdir()
        write_photos(source, folder / "photos", count)
        for _ in range(2):
            before = time.perf_counter()
            command = ["exiftool", "-j", "-fast2", "-r", folder / "photos"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            theirs = time.perf_counter() - before
        print(f"exiftool -j -fast2, {count:,} photos: {theirs:.1f} s")
        for images in ("none", "link"):
            for _ in range(2):
                before = time.perf_counter()
                label_photos(folder / "photos", out=folder / images, images=images, data_dir=folder / "data")
                ours = time.perf_counter() - before
            print(f"label --images {images}: {ours:.1f} s, {theirs / ours:.1f} times as fast")


def peak() -> float:
    """The process's largest memory so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=356_459)
    parser.add_argument("--fuzz", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=10_000)
    parser.add_argument("--from", type=Path, dest="source")
    options = parser.parse_args()
    if options.source:
        time_photos(options.source, options.photos)
    time_labels(20_000)
    warm = peak()
    seconds = time_labels(options.rows)
    print(f"{options.rows:,} rows in {seconds:.1f} s of one core: {seconds / options.rows * 1e6:.1f} us a row")
    print(f"memory {warm:.0f} MiB after 20,000 rows, {peak():.0f} MiB after all")
    longest = fuzz(options.fuzz)
    print(f"{options.fuzz:,} hostile inputs, no exception; the slowest took {longest * 1e3:.1f} ms")
    damage = damaged(options.files)
    print(
        f"{options.files:,} damaged files, no exception: {damage.pictures:,} pictures with {damage.tags:,} tags; the "
        f"slowest took {damage.slowest * 1e3:.1f} ms, memory {peak():.0f} MiB"
    )


if __name__ == "__main__":
    main()
