"""How fast YFCC100M's two files are indexed, beside the programs that only decompress them, and how long a month takes.

    python -m benchmarks.yfcc100m [--lines 2000000] [--draws 100] [--files FOLDER]

The files are made up, with lines as long as the real ones. Wanted: at least half of the lines a second of the faster of
`bzcat` and `lbzip2 -dc` (where it is installed), each with `wc -l`, and less than 1 GiB.
"""

import argparse
import bz2
import calendar
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from scipy.stats import chi2

from flickrexif.collectors.drawn import DrawnMonth, draw_month
from flickrexif.collectors.yfcc100m.index import make_index, parts
from flickrexif.collectors.yfcc100m.month import candidates
from flickrexif.core.draws import rng
from flickrexif.core.takedowns import Takedowns
from tests.yfcc100m_files import Photo

BLOCK = 20_000  # lines made and compressed at once
MONTHS = 120  # of 2004 to 2013, as many photos in each
OWNERS = 100_000
WHOLE = 100_000_000  # lines of the real files
MONTH, TARGET, CAP = "2010-05", 4_000, 10
OTHER_TAGS = (
    "Orientation", "Y Resolution", "Resolution Unit", "YCbCr Positioning", "Exif Version", "Components Configuration",
    "Compressed Bits Per Pixel", "Shutter Speed Value", "Aperture Value", "Exposure Bias Value", "Max Aperture Value",
    "Metering Mode", "FlashPix Version", "Color Space", "Exif Image Width", "Exif Image Height", "Sensing Method",
    "Focal Plane X Resolution", "Focal Plane Y Resolution", "Custom Rendered", "Digital Zoom Ratio", "Gain Control",
)  # fmt: skip
INDEX = (
    "import sys, pathlib; from flickrexif.collectors.yfcc100m.index import make_index; "
    "make_index(pathlib.Path(sys.argv[1]), print)"
)


def photos(first: int, last: int) -> Iterator[Photo]:
    """Made-up photos, so many of each month, by photographers of whom few have many."""
    draw = rng(0, "benchmark", str(first))
    for line in range(first, last):
        year, month = divmod(line % MONTHS, 12)
        day = 1 + draw.randrange(calendar.monthrange(2004 + year, month + 1)[1])
        taken = f"{2004 + year}-{month + 1:02}-{day:02} {draw.randrange(24):02}:{draw.randrange(60):02}:09.0"
        owner = f"{int(OWNERS * draw.random() ** 3):08}@N00"
        make = draw.choice(("Canon", "NIKON CORPORATION", "SONY", "Apple", None))
        exposure = f"1/{draw.randrange(8, 2000)} sec"
        yield Photo(id=10**9 + line, owner=owner, taken=taken, uploaded="1400000000", make=make, exposure=exposure)


def block(first: int, last: int) -> tuple[bytes, bytes]:
    """Some lines of both files, compressed."""
    draw, some = rng(1, "benchmark", str(first)), list(photos(first, last))
    others = "".join(f",Exif+SubIFD.{tag.replace(' ', '+')}:%s+in+its+own+words" for tag in OTHER_TAGS)
    exif = (
        p.exif_line() + (others % tuple(draw.choices(range(9_999), k=len(OTHER_TAGS))) if p.make else "") for p in some
    )
    data = (photo.data_line(line) for line, photo in enumerate(some, start=first))
    first_file, second_file = (bz2.compress("".join(f"{line}\n" for line in lines).encode()) for lines in (data, exif))
    return first_file, second_file


def write_files(folder: Path, lines: int) -> None:
    """Both files, on all cores; each block is a bzip2 stream of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    firsts = range(0, lines, BLOCK)
    with (
        (folder / "yfcc100m_dataset.bz2").open("wb") as dataset,
        (folder / "yfcc100m_exif.bz2").open("wb") as exif,
        ProcessPoolExecutor() as pool,
    ):
        for data, printed in pool.map(block, firsts, [min(first + BLOCK, lines) for first in firsts]):
            dataset.write(data)
            exif.write(printed)


def timed(command: str) -> tuple[float, float, float]:
    """Seconds, seconds of all cores, and MiB of memory (the largest process so far) of a shell command."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(["bash", "-c", command], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, cpu, after.ru_maxrss / 1024


def draw(folder: Path, seed: int, cap: int) -> DrawnMonth:
    return draw_month(candidates(folder, MONTH, (4, 5), seed), TARGET, cap, Takedowns())


def fairness(folder: Path, draws: int) -> str:
    """Whether each usable photo of a month is drawn as often as the others, and nobody's more often than the cap."""
    everything = draw_month(candidates(folder, MONTH, (4, 5), 0), WHOLE, WHOLE, Takedowns()).kept
    times = Counter(photo.flickr_id for seed in range(draws) for photo in draw(folder, seed, WHOLE).kept)
    share = TARGET / len(everything)
    expected, spread = draws * share, draws * share * (1 - share)
    statistic = sum((times[photo.flickr_id] - expected) ** 2 for photo in everything) / spread
    chance = chi2.sf(statistic, len(everything) - 1)
    capped = Counter(photo.owner for photo in draw(folder, 0, CAP).kept)
    owners = Counter(photo.owner for photo in everything)
    return (
        f"{draws} draws of {TARGET:,} of {len(everything):,} photos: each {min(times.values())} to "
        f"{max(times.values())} times, expected {expected:.1f}, chi-squared {statistic:,.0f} (p {chance:.2f}); of the "
        f"{max(owners.values())} photos of one photographer {max(capped.values())} under a cap of {CAP}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--draws", type=int, default=100, help="with a seed each, to see that they are fair")
    parser.add_argument("--files", type=Path, help="folder for the files; those that are there are taken")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.files or Path(temporary)
        if not (folder / "yfcc100m_exif.bz2").exists():
            write_files(folder, options.lines)
        paths = f"{folder}/yfcc100m_dataset.bz2 {folder}/yfcc100m_exif.bz2"
        commands = {"bzcat": f"bzcat {paths} | wc -l"}
        if shutil.which("lbzip2"):
            commands["lbzip2"] = f"lbzip2 -dc {paths} | wc -l"
        shutil.rmtree(folder / "index", ignore_errors=True)
        commands["index"] = f"{sys.executable} -c '{INDEX}' {folder}"
        rates = {}
        for name, command in commands.items():
            wall, cpu, memory = timed(command)
            rates[name] = options.lines / wall
            print(f"{name}: {wall:.0f} s, {cpu:.0f} s of cores, {rates[name]:,.0f} lines a second, {memory:.0f} MiB")
        faster = max(rate for name, rate in rates.items() if name != "index")
        print(f"ratio {rates['index'] / faster:.2f}; {WHOLE / rates['index'] / 3600:.1f} hours for {WHOLE:,} lines")
        make_index(folder, print)
        size = sum(path.stat().st_size for path in parts(folder))
        print(f"the index: {size / 1e6:.0f} MB, {size / options.lines * WHOLE / 1e9:.1f} GB for {WHOLE:,} lines")
        begun = time.perf_counter()
        month = draw(folder, 0, CAP)
        print(f"a month: {len(month.kept)} photos kept in {time.perf_counter() - begun:.1f} s, {month.rejected}")
        print(fairness(folder, options.draws))


if __name__ == "__main__":
    main()
