"""The five kNN set-ups: how fast, against bare matrix products and against one product after another.

python -m benchmarks.knn [rows of training images ...]

The baseline does what the released approach does, in its order: for each of the 6 x 6 x 6 triples (test variant,
variant of the positives, variant of the negatives) and each draw, the similarities of all test with all training
images of one variant, or for the 180 mixed triples of both variants and a replacement row by row, then top-k and the
vote over a one-hot of the neighbours' classes: 456 products. It is timed on SAMPLE of each kind and scaled to all.

Times are CPU seconds on one thread, so that what else the machine does weighs little.
"""

import resource
import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from flickrexif.eval.measure import tiles
from flickrexif.eval.measure.knn import five_setups

TEST, WIDTH, VARIANTS, CLASSES, SEEDS, K = 2_000, 512, 6, 1_000, 10, 10
ROWS = (5_000, 20_000, 80_000)
BATCH = 250  # test images at a time in the baseline
SAMPLE = 3
THREADS = 1


def simulated(count: int, labels: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Class centres, an image's own part, and a smaller part of the image and variant together."""
    centres = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(1))
    own = centres[labels] + 3 * torch.randn(count, WIDTH, generator=generator)
    traces = torch.randn(VARIANTS, WIDTH, generator=torch.Generator().manual_seed(2))
    return [own + trace + torch.randn(count, WIDTH, generator=generator) for trace in traces]


def seconds(work: Callable[[], object], times: int) -> float:
    """CPU seconds, the median of several runs."""
    taken = []
    for _ in range(times):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return median(taken)


def bare_products(test: list[Tensor], train: list[Tensor]) -> None:
    """The 36 products alone, in blocks of 8192 columns into memory that is there."""
    room = torch.empty(len(test[0]) * min(8192, len(train[0])))
    for q in test:
        for x in train:
            for columns in tiles.spans(len(x), 8192):
                part = x[columns]
                torch.mm(q, part.T, out=room[: len(q) * len(part)].view(len(q), -1))


def one_run(query: Tensor, labels: Tensor, positives: Tensor, negatives: Tensor | None, train_labels: Tensor) -> float:
    """The accuracy of one triple; `negatives` None: all training images are those of `positives`."""
    right = 0
    for rows in tiles.spans(len(query), BATCH):
        part, truth = query[rows], labels[rows]
        similarity = part @ positives.T
        if negatives is not None:
            others = part @ negatives.T
            for row in range(len(part)):
                same = train_labels == truth[row]
                others[row, same] = similarity[row, same]
            similarity = others
        nearest = train_labels[similarity.topk(K, dim=1).indices]
        votes = torch.zeros(len(part), K, CLASSES).scatter_(2, nearest[:, :, None], 1).sum(1)
        right += int((votes.argmax(1) == truth).sum())
    return right / len(labels)


def baseline(test: list[Tensor], labels: Tensor, train: list[Tensor], train_labels: Tensor) -> float:
    """Seconds for all triples and draws, from SAMPLE of each kind."""
    whole, mixed = VARIANTS**2, VARIANTS**2 * (VARIANTS - 1)
    draws = torch.randint(0, VARIANTS, (len(train_labels),), generator=torch.Generator().manual_seed(3))

    def uniform() -> None:
        chosen = torch.stack(train)[draws, torch.arange(len(draws))]
        one_run(test[0], labels, chosen, None, train_labels)

    each_whole = seconds(lambda: one_run(test[0], labels, train[1], None, train_labels), SAMPLE)
    each_mixed = seconds(lambda: one_run(test[0], labels, train[0], train[1], train_labels), SAMPLE)
    each_uniform = seconds(uniform, SAMPLE)
    print(f"  baseline: {each_whole:.2f} s whole, {each_mixed:.2f} s mixed, {each_uniform:.2f} s uniform a run")
    return whole * each_whole + mixed * each_mixed + VARIANTS * SEEDS * each_uniform


def peak() -> float:
    """The most memory this process held so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000


def measure(rows: int, compare: bool) -> None:
    """Print times and ratios for one number of training images."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, CLASSES, (TEST,), generator=generator)
    train_labels = torch.randint(0, CLASSES, (rows,), generator=generator)
    test, train = simulated(TEST, labels, generator), simulated(rows, train_labels, generator)
    draws = torch.randint(0, VARIANTS, (SEEDS, rows), generator=generator, dtype=torch.uint8)
    before = peak()

    def ours() -> object:
        return five_setups(
            test=test, test_labels=labels, train=train, train_labels=train_labels, draws=draws, k=K, memory=2**30
        )

    runs = 3 if rows <= 20_000 else 1
    print(f"{rows:,} x {TEST:,} x {WIDTH}, {VARIANTS} variants, {SEEDS} seeds, k {K}, {runs} runs")
    ours_seconds = seconds(ours, runs)
    memory = peak() - before
    products = seconds(lambda: bare_products(test, train), runs)
    rate = 2 * VARIANTS**2 * rows * TEST * WIDTH / products / 1e9
    print(f"  36 bare products {products:.2f} s ({rate:.0f} GFLOP/s)")
    print(f"  five set-ups {ours_seconds:.2f} s, {ours_seconds / products:.2f} x the products, +{memory:.0f} MB")
    if compare:
        unit = [[tiles.unit_rows(x, slice(0, len(x))) for x in part] for part in (test, train)]
        theirs = baseline(unit[0], labels, unit[1], train_labels)
        print(f"  baseline {theirs:.0f} s (scaled): {theirs / ours_seconds:.0f} x slower")
    full = ours_seconds * (1_281_167 / rows) * (50_000 / TEST) * (768 / WIDTH) / 3600
    print(f"  at this rate 1.28 M x 50 k x 768 takes {full:.0f} CPU hours")


def main() -> None:
    """Measure each number of rows; the baseline at 20,000."""
    torch.set_num_threads(THREADS)
    for rows in map(int, sys.argv[1:]) if sys.argv[1:] else ROWS:
        measure(rows, rows == 20_000)


if __name__ == "__main__":
    main()
