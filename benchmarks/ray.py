"""What Ray costs on one machine: seconds of `process` and `embed` against the local engine, and memory of its workers.

    python -m benchmarks.ray [--images 2000] [--rounds 3] [--encoder lite0]

Both engines have as many cores; runs are in turn, of a cluster that is up, as those of several machines are; starting
one here is told apart. Wanted: under 25% more, and memory that does not grow with the images.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.process import made_up
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.embed.run import embed
from flickrexif.eval.embed.settings import EmbedSettings, Work, combos_of
from flickrexif.eval.encoders import Candidate, resolve
from flickrexif.processing.build import ProcessSettings, process
from flickrexif.processing.variants import PAPER

SHARDS = 16
CORES = 2


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def processed(source: Path, address: str | None, workers: int) -> None:
    size = sum(path.stat().st_size for path in source.rglob("*.*"))
    engine = {"engine": "ray", "address": address} if address else {}
    with tempfile.TemporaryDirectory() as out:
        process(
            ProcessSettings(
                source=str(source),
                out=Path(out) / "out",
                variants=PAPER[1:],
                workers=workers,
                shard_bytes=-(-size // SHARDS),
                **engine,  # type: ignore[arg-type]
            )
        )


def embedded(source: Path, address: str | None, encoder: str) -> None:
    engine = {"engine": "ray", "address": address} if address else {}
    with tempfile.TemporaryDirectory() as out:
        settings = EmbedSettings(out=Path(out), block=256, **engine)  # type: ignore[arg-type]
        report = embed(
            settings, [Candidate(resolve(encoder))], [Work(s, combos_of()) for s in open_images(str(source))]
        )
        assert not report.faults


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - its name; Ray's 15 loses against other work
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": CORES, "object_store_memory": 200_000_000})
    try:
        yield nodes.address
    finally:
        nodes.shutdown()


def largest_worker(work: Callable[[], object]) -> float:
    """Most MB that a worker of Ray holds meanwhile."""
    most, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.wait(0.2):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    if path.read_bytes().startswith((b"ray::_call", b"ray::Actor")):
                        fields = dict(line.split(":", 1) for line in (path.parent / "status").read_text().splitlines())
                        most = max(most, int(fields["VmRSS"].split()[0]))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        work()
    finally:
        ended.set()
        watching.join()
    return most * 1024 / 1e6


def compare(what: str, rounds: int, runs: dict[str, Callable[[], object]]) -> None:
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, work in runs.items():
            times[name].append(seconds(work))
    first, *others = (statistics.median(taken) for taken in times.values())
    for name, taken in times.items():
        print(f"{what}, {name}: {statistics.median(taken):.1f} s ({', '.join(f'{t:.1f}' for t in taken)})")
    print(f"{what}: {', '.join(f'{other / first:.3f}' for other in others)} times the first")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder", default="lite0")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        half, source = Path(folder) / "half", Path(folder) / "images"
        made_up(source, options.images, (500, 375))
        made_up(half, options.images // 2, (500, 375))
        begun = time.perf_counter()
        with cluster() as address:
            print(f"starting a cluster: {time.perf_counter() - begun:.1f} s")
            runs: dict[str, Callable[[], object]] = {
                "local, 2 workers": lambda: processed(source, None, 2),
                "Ray, 2 workers": lambda: processed(source, address, 2),
            }
            compare("process", options.rounds, runs)
            runs = {
                "local": lambda: embedded(source, None, options.encoder),
                "Ray": lambda: embedded(source, address, options.encoder),
            }
            compare("embed", options.rounds, runs)
            for what, work in (
                ("process", lambda images: processed(images, address, 2)),
                ("embed", lambda images: embedded(images, address, options.encoder)),
            ):
                sizes = [largest_worker(partial(work, images)) for images in (half, source)]
                print(f"{what}, the largest worker: {sizes[0]:.0f} MB with half the images, {sizes[1]:.0f} MB with all")


if __name__ == "__main__":
    main()
