"""How long the describing files of a large data set take: card, figures, Croissant record and attributions.

    python -m benchmarks.card [--rows 50000] [--runs 3]

Wanted: under 10 s for 50,000 rows, and for checking them. Making and building the photos is not counted; importing
what draws and writes is.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.build import plausible_photos
from flickrexif.dataset.build import Collection, build

MONTHS = 25
SETTINGS = {"seed": 0, "per_user_cap": 10, "licenses": [4, 5, 9]}


def make(root: Path, rows: int) -> None:
    """A data set of `rows` photos in 25 months, one a year."""
    counts = {f"{2000 + place}-08": rows // MONTHS + (place < rows % MONTHS) for place in range(MONTHS)}
    collection = Collection(source="sandbox:simulated", settings=SETTINGS)
    build(((month, plausible_photos(month, count)) for month, count in counts.items()), root, collection)


def seconds(function: str, root: Path) -> float:
    """Of one call of `cards.<function>` in a new process, start and imports included."""
    code = f"import sys; from pathlib import Path; import cards; cards.{function}(Path(sys.argv[1]))"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, root], check=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=1, help="the median of so many runs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make(root, options.rows)
        for function in ("write_card", "check_card"):
            median = statistics.median(seconds(function, root) for _ in range(options.runs))
            print(f"{function}, {options.rows:,} rows: {median:.1f} s (median of {options.runs})")
        described = [root / "README.md", root / "croissant.json", root / "ATTRIBUTION.csv", *root.glob("figures/*")]
        print(f"{sum(path.stat().st_size for path in described) / 1e6:.1f} MB in {len(described)} files, ", end="")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    core = (used.ru_utime + used.ru_stime) / (2 * options.runs)
    print(f"{core:.1f} s of one core a call, peak {used.ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
