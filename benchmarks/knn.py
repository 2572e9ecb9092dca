"""The five kNN set-ups: how fast, against bare matrix products and against the paper's released function.

python -m benchmarks.knn [--released FOLDER] [--rows 5000 20000 80000] [--repeats 3]

FOLDER is a checkout of the paper's released code (github.com/ryan-caesar-ramos/visual-encoder-traces). Its function is
called for one run: 36 runs of all_same and all_diff and 60 of uniform take one product each, 60 of pos_same and
neg_same two. A run of each kind is timed and scaled to all.

Times are CPU seconds on one thread, in turn, and the least of each counts.
"""

import argparse
import contextlib
import io
import resource
import sys
import time
from collections.abc import Callable
from importlib import import_module

import torch
from torch import Tensor

from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.knn import five_setups

RELEASED = "knn_classifier"  # in the folder of the released code
TEST, WIDTH, VARIANTS, CLASSES, SEEDS, K = 2_000, 512, 6, 1_000, 10, 10


def simulated(count: int, labels: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Class centres, an image's own part, and a smaller part of the image and variant together."""
    centres = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1))
    own = centres[labels] + 3 * torch.randn(count, WIDTH, generator=generator)
    traces = torch.randn(VARIANTS, WIDTH, generator=torch.Generator().manual_seed(2))
    return [own + trace + torch.randn(count, WIDTH, generator=generator) for trace in traces]


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def bare_products(test: list[Tensor], train: list[Tensor]) -> None:
    """The 36 products alone, in blocks of 8192 columns into memory that is there."""
    room = torch.empty(len(test[0]) * min(8192, len(train[0])))
    for q in test:
        for x in train:
            for columns in tiles.spans(len(x), 8192):
                part = x[columns]
                torch.mm(q, part.T, out=room[: len(q) * len(part)].view(len(q), -1))


def released(folder: str, test: list[Tensor], labels: Tensor, train: list[Tensor], train_labels: Tensor) -> float:
    """Seconds of all runs by the released function, from one of each kind."""
    sys.path.insert(0, f"{folder}/processing_semantic_influence")
    knn_classifier = import_module(RELEASED).knn_classifier

    def run(positives: Tensor, negatives: Tensor) -> None:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            knn_classifier(positives, negatives, train_labels, test[0], labels, K, num_classes=CLASSES)

    whole = seconds(lambda: run(train[1], train[1]))
    mixed = seconds(lambda: run(train[0], train[1]))
    return (VARIANTS**2 + VARIANTS * SEEDS) * whole + 2 * VARIANTS * (VARIANTS - 1) * mixed


def peak() -> float:
    """The most memory this process held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


def measure(rows: int, repeats: int, folder: str) -> None:
    """Print times and ratios for one number of training images."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, CLASSES, (TEST,), generator=generator)
    train_labels = torch.randint(0, CLASSES, (rows,), generator=generator)
    test, train = simulated(TEST, labels, generator), simulated(rows, train_labels, generator)
    draws = torch.randint(0, VARIANTS, (SEEDS, rows), generator=generator, dtype=torch.uint8)
    unit = [[tiles.unit_rows(x, slice(0, len(x))) for x in part] for part in (test, train)]
    before = peak()

    def ours() -> object:
        return five_setups(
            test=test, test_labels=labels, train=train, train_labels=train_labels, draws=draws, k=K, memory=2**30
        )

    works: dict[str, Callable[[], float]] = {
        "ours": lambda: seconds(ours),
        "bare": lambda: seconds(lambda: bare_products(test, train)),
    }
    if folder:
        works["released"] = lambda: released(folder, unit[0], labels, unit[1], train_labels)
    print(f"{rows:,} x {TEST:,} x {WIDTH}, {VARIANTS} variants, {SEEDS} seeds, k {K}, least of {repeats} runs")
    seconds(ours)
    memory = peak() - before
    taken = [{name: work() for name, work in works.items()} for _ in range(repeats)]
    least = {name: min(run[name] for run in taken) for name in works}
    rate = 2 * VARIANTS**2 * rows * TEST * WIDTH / least["bare"] / 1e9
    print(f"  36 bare products {least['bare']:.2f} s ({rate:.0f} GFLOP/s)")
    print(f"  five set-ups {least['ours']:.2f} s, {least['ours'] / least['bare']:.2f} x the products, +{memory:.0f} MB")
    if folder:
        print(f"  released {least['released']:.0f} s (scaled), {least['released'] / least['ours']:.1f} x ours")
    full = least["ours"] * (1_281_167 / rows) * (50_000 / TEST) * (768 / WIDTH) / 3600
    print(f"  at this rate 1.28 M x 50 k x 768 takes {full:.0f} CPU hours")


def main() -> None:
    """Measure each number of rows."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--released", default="")
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 20_000, 80_000])
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    for rows in chosen.rows:
        measure(rows, chosen.repeats, chosen.released)


if __name__ == "__main__":
    main()
