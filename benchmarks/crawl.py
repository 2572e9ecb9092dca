"""How fast a crawl is when no limit holds it back, against a plain loop of calls, and how much memory it takes.

    python -m benchmarks.crawl [--runs 3]

The embedded server runs in another process and lets 100 ms pass before each answer. A crawl is timed as a whole: the
start of the program, the calls and the build. The plain loop calls flickrapi one call after the other; `SAMPLE` of its
calls are timed and scaled to as many as the crawl made. Wanted: at least 8 times the loop, and a peak of memory that
does not grow with the month that is crawled.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from flickrexif.collectors.flickr.models import EXTRAS

MONTH = "2024-08"
LATENCY = 0.1  # seconds
SAMPLE = 60  # calls
FLICKREXIF = (sys.executable, "-m", "flickrexif")
TYPICAL = 60_000  # photos a month


class Crawled(NamedTuple):
    """One crawl: seconds of the whole command, peak memory in MiB, photos kept and calls made."""

    seconds: float
    peak: float
    kept: int
    calls: int


@contextmanager
def server(photos_per_month: int, latency: float) -> Iterator[str]:
    """The embedded server in a process of its own; its endpoint."""
    command = [*FLICKREXIF, "sandbox", "--port", "0", "--latency", str(latency)]
    command += ["--photos-per-month", str(photos_per_month)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            endpoint = re.search(r"http://\S+", process.stderr.readline())
            assert endpoint is not None
            yield endpoint[0]
        finally:
            process.terminate()


def crawl(*options: str) -> Crawled:
    """Run `flickrexif crawl` with `options` into an empty folder."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        command = [*FLICKREXIF, "crawl", "--month", MONTH, "--data-dir", folder, *options]
        begun = time.perf_counter()
        apart = {**os.environ, "XDG_STATE_HOME": folder}  # the calls do not count among those of the user
        process = subprocess.Popen(command, stdout=log, stderr=log, env=apart)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read()
        assert process.returncode == 0, said
        row = re.search(rf"{MONTH}\s+([\d,]+)\s+[\d,]+\s+[\d,]+\s+([\d,]+)", said)
        assert row is not None, said
        kept, calls = (int(number.replace(",", "")) for number in row.groups())
        return Crawled(seconds, usage.ru_maxrss / 1024, kept, calls)


def plain_loop(endpoint: str) -> float:
    """Seconds a call of a plain flickrapi loop: one search, then getExif photo by photo."""
    from flickrapi import FlickrAPI, FlickrError

    api = FlickrAPI("sandbox", "sandbox", format="parsed-json", store_token=False, timeout=30)
    api.REST_URL = endpoint
    window = {"min_taken_date": f"{MONTH}-10 00:00:00", "max_taken_date": f"{MONTH}-10 23:59:59"}
    arguments = {**window, "license": "4,5", "extras": EXTRAS, "per_page": 500}
    api.photos.search(**arguments)  # the server makes the month up once
    begun = time.perf_counter()
    photos = api.photos.search(**arguments)["photos"]["photo"][: SAMPLE - 1]
    for photo in photos:
        try:
            api.photos.getExif(photo_id=photo["id"], secret=photo["secret"])
        except FlickrError:  # the owner hides the Exif
            continue
    return (time.perf_counter() - begun) / (1 + len(photos))


def against(endpoint: str, target: int) -> list[str]:
    """The options of a crawl of `endpoint` without a limit."""
    return ["--endpoint", endpoint, "--target", str(target), "--minimum", "1", "--calls-per-hour", "100000000"]


def throughput(runs: int) -> None:
    """Print crawl against loop, and the memory of a small and a full month."""
    print(f"{'target':>8} {'calls':>7} {'crawl':>8} {'calls/s':>8} {'loop':>8} {'ratio':>6} {'peak':>8}")
    with server(TYPICAL, LATENCY) as endpoint:
        a_call = statistics.median(plain_loop(endpoint) for _ in range(runs))
        for target in (500, 4_000):
            found = [crawl(*against(endpoint, target)) for _ in range(runs if target == 500 else 1)]
            middle = statistics.median(run.seconds for run in found)
            calls, peak = found[0].calls, max(run.peak for run in found)
            loop = a_call * calls
            print(
                f"{target:8,} {calls:7,} {middle:6.1f} s {calls / middle:8.0f} {loop:6.0f} s {loop / middle:6.1f}"
                f" {peak:4.0f} MiB"
            )


def memory() -> None:
    """Print the peak memory of a crawl by the size of the month."""
    for size in (20_000, 60_000, 200_000, 1_000_000):
        with server(size, 0.0) as endpoint:
            found = crawl(*against(endpoint, 500))
        print(f"month of {size:7,} photos: {found.kept} kept, {found.calls:,} calls, peak {found.peak:.0f} MiB")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="the median of so many crawls")
    throughput(parser.parse_args().runs)
    memory()
    found = crawl("--sandbox", "--target", "600")
    print(f"crawl --month {MONTH} --sandbox --target 600: {found.seconds:.1f} s")


if __name__ == "__main__":
    main()
