"""How long a whole PairCams takes from its pairs to recall@1, in how much memory, and how many swapped pairs are found.

    python -m benchmarks.pairs [--pairs 730] [--swapped 10] [--seeds 3]

Pairs are simulated (640 px) in a temporary folder, read, checked, built into a data set, embedded with lite0 and
measured. Then, on 100 pairs a
seed, `--swapped` subjects get each other's phone images: wanted are 9 of 10 found, and none of the others accused.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import flickrexif
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.core.draws import rng
from flickrexif.eval.results import Result
from flickrexif.paircams.build import build_pairs
from flickrexif.paircams.check import inspect, summary
from flickrexif.paircams.page import write_pages
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.records import PairImage

Made = TypeVar("Made")
HUNDRED = 100


def timed(name: str, work: Callable[[], Made]) -> Made:
    start, spent = time.perf_counter(), time.process_time()
    made = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, processor = time.perf_counter() - start, time.process_time() - spent
    print(f"{name:24}{wall:8.1f} s {processor:8.1f} s of processors   peak so far {peak:7.0f} MiB", flush=True)
    return made


def simulated(folder: Path, pairs: int, seed: int) -> list[PairImage]:
    simulate_pairs(folder, pairs, seed)
    images, faults = read_pairs(folder)
    if faults:
        raise SystemExit(f"The simulated pairs have faults: {faults[:3]}")
    return images


def whole(folder: Path, pairs: int) -> None:
    timed(f"simulate {pairs} pairs", lambda: simulate_pairs(folder / "pairs", pairs, 0))
    images, _ = timed("read", lambda: read_pairs(folder / "pairs"))
    report = timed("check", lambda: inspect(images))
    pages = timed("contact sheet", lambda: write_pages(folder / "sheet", images, report))
    print(f"{len(pages)} pages, {sum(page.stat().st_size for page in pages) / 2**20:.1f} MiB")
    for rule, _, count, known in summary(report):
        print(f"{rule:18}{count:6} findings, checked on {known}")
    timed("build, check included", lambda: build_pairs(folder / "pairs", folder / "data/paircams"))
    result = timed("embed and measure", lambda: recall(folder))
    print({name: round(value, 4) for name, value in result.metrics.items() if value is not None})


def recall(folder: Path) -> Result:
    """recall@1 of the data set in `folder` with lite0."""
    (result,) = flickrexif.evaluate("lite0", "retrieval", data_dir=folder / "data", device="cpu").results
    return result


def swapped(folder: Path, count: int, seed: int) -> None:
    images = simulated(folder, HUNDRED, seed)
    subjects = rng(seed, "swapped", "").sample(sorted({image.subject for image in images}), count)
    to = dict(zip(subjects, subjects[1:] + subjects[:1], strict=True))
    moved = [replace(i, subject=to.get(i.subject, i.subject)) if i.side == "phone" else i for i in images]
    report = inspect(moved)
    found = {problem.subject for problem in report.problems if problem.rule in ("framing", "swapped")}
    right = len(found & set(subjects))
    print(f"seed {seed}: {right} of {count} swapped subjects found, {len(found) - right} others accused", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=730)
    parser.add_argument("--swapped", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        whole(Path(name), options.pairs)
        for seed in range(1, options.seeds + 1):
            swapped(Path(name, f"{seed}"), options.swapped, seed)


if __name__ == "__main__":
    main()
