"""How long `flickrexif fetch` takes for a table when no pace holds it back, in how much memory, and when it goes on.

    python -m benchmarks.fetch [--rows 20000]

The embedded server, in this process, has a small image for each photo, and none for one photo in a hundred. The command
is run twice; the second time it has nothing to ask for.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flickrexif.collectors.sandbox.responses import Response
from tests.test_fetch import Moody, rows_of, write_table

GONE = 100  # of so many photos one is


def timed(table: Path, out: Path) -> str:
    """Seconds, seconds of cores and MiB (the largest so far) of one run, in words."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "flickrexif",
        "fetch",
        str(table),
        "--out",
        str(out),
        "--data-dir",
        str(out.parent),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f"{time.perf_counter() - begun:.0f} s, {cpu:.0f} s of cores, {after.ru_maxrss / 1024:.0f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    ids = [53_000_000_000 + number for number in range(rows)]
    with tempfile.TemporaryDirectory() as folder, Moody(ids) as server:
        server.answer = lambda photo: None if photo % GONE else Response(404)
        table, out = write_table(Path(folder) / "table.parquet", rows_of(server, ids)), Path(folder) / "data/published"
        print(f"{rows:,} rows: {timed(table, out)}; {len(server.asked):,} images asked for")
        server.asked.clear()
        print(f"again: {timed(table, out)}; {len(server.asked):,} images asked for")


if __name__ == "__main__":
    main()
