"""What a list of takedowns costs a crawl, and what it costs to guess who is on it.

    python -m benchmarks.takedowns [--photos 4000] [--entries 100]

Crawls one month of the embedded server, which answers at once, with lists of so many entries, half of them photos; the
entries are of nobody who is met. Then says what it takes to hash all photographers' NSIDs for one line of the list.
"""

import argparse
import secrets
import tempfile
import threading
import time
from pathlib import Path

from flickrexif.collectors.crawl import CrawlSettings, NoProgress
from flickrexif.collectors.flickr.credentials import SANDBOX
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.collectors.session import Service, crawl_into
from flickrexif.core import takedowns

TIME = "2026-01-31T12:00:00Z"
NSIDS = 2 * 10**8
PHOTOS = 55 * 10**9  # ids that Flickr has given


def strangers(entries: int) -> takedowns.Takedowns:
    """A list of hashes that are nobody's, half of them of photos."""
    kinds = ("photo", "owner")
    lines = (
        takedowns.Takedown(
            "2026-01-31T12:00:00Z", kind, "scrypt", "00" * 16, digits[: takedowns.COARSE[kind]], digits, "x"
        )
        for kind, digits in ((kinds[number % 2], secrets.token_hex(32)) for number in range(entries))
    )
    return takedowns.Takedowns(tuple(lines))


def crawl(photos: int, entries: int) -> tuple[float, float]:
    """Seconds and processor seconds of a crawl with a list of so many entries."""
    with tempfile.TemporaryDirectory() as folder, Sandbox(SimulatedPopulation(seed=0)) as sandbox:
        data = Path(folder)
        if entries:
            takedowns.write_takedowns(takedowns.takedown_path(data / "flickrexif"), strangers(entries))
        service = Service(endpoint=sandbox.endpoint, credentials=SANDBOX, calls_per_hour=None)
        began, busy = time.perf_counter(), time.process_time()
        settings = CrawlSettings(target=photos, minimum=0)
        crawl_into(data, ["2024-08"], settings, service, NoProgress(), threading.Event())
        return time.perf_counter() - began, time.process_time() - busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=4_000)
    parser.add_argument("--entries", type=int, nargs="+", default=[0, 100, 10_000])
    asked = parser.parse_args()
    began = time.process_time()
    for number in range(20):
        takedowns.slow_hash("00" * 16, "owner", f"{number}@N00")
    slow = (time.process_time() - began) / 20
    print(f"one slow hash: {1_000 * slow:.0f} ms of one core")
    for kind, names in (("owner", NSIDS), ("photo", PHOTOS)):
        left = names / 16 ** takedowns.COARSE[kind]
        print(
            f"all {names:,} names of the kind {kind} for one line: {left:,.0f} slow hashes, {left * slow / 60:.0f} min"
        )
    print(f"all NSIDs, a list of very many lines: {NSIDS * slow / 86_400:.0f} days of one core")
    for entries in asked.entries:
        takedowns.slow_hash.cache_clear()
        seconds, busy = crawl(asked.photos, entries)
        met = takedowns.slow_hash.cache_info().misses
        print(f"{asked.photos:,} photos, {entries:,} entries: {seconds:.0f} s, {busy:.0f} s busy, {met:,} slow hashes")


if __name__ == "__main__":
    main()
