"""The paper's whole linear probe (30 trials, 10 draws): ours against one plain SGD run per trial, in one process.

python benchmarks/probe.py [--loader] [--rounding] [--threads N] [--rows 5000 20000 80000] [--repeats 3]

The plain runs are PyTorch as it is usually written: an `nn.Linear`, `torch.optim.SGD`, a cosine schedule, and batches
drawn by their indices from a tensor in memory or, with --loader, by torch's own DataLoader. They take our trials and
start, and without --loader our batch order, so that accuracies can be compared trial by trial; with a high rate the
training magnifies rounding, so a plain run in float64 shows what of the difference is rounding. A plain run takes the
same time whatever its values are, so a few are timed, spread over the search: the total is their median times 30, and
times 10 for the last runs.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from flickrexif.eval.measure.probe import paper as probe_paper
from flickrexif.eval.measure.probe.heads import batch_order, starting_heads
from flickrexif.eval.measure.probe.probe import Part, ProbeData, ProbeSettings, probe, processing_data

WIDTH, CLASSES, SEEDS, TEST = 512, 6, 10, 2_000
PLAIN_RUNS = 3


def variants(images: int, seed: int) -> list[Tensor]:
    """Embeddings of the same images under six classes that overlap."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(images, WIDTH, generator=generator) + torch.randn(
        WIDTH, generator=torch.Generator().manual_seed(9)
    )
    moves = 0.06 * torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(8))
    return [base + move for move in moves]


def batches(part: Part, epoch: int, loader: DataLoader[tuple[Tensor, ...]] | None) -> Iterator[tuple[Tensor, Tensor]]:
    if loader is not None:
        yield from loader
        return
    for rows in torch.split(batch_order(len(part.labels), epoch, 0), 1024):
        yield part.features[rows], part.labels[rows]


def plain(part: Part, rate: float, decay: float, epochs: int, *, use_loader: bool) -> torch.nn.Linear:
    """One trial as it is usually written."""
    net = torch.nn.Linear(WIDTH, CLASSES, dtype=part.features.dtype)
    start = starting_heads(1, CLASSES, WIDTH, 0)
    net.weight.data.copy_(start.weight[0])
    net.bias.data.copy_(start.bias[0])
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    data = TensorDataset(part.features, part.labels)
    loader = DataLoader(data, batch_size=1024, shuffle=True) if use_loader else None
    for epoch in range(epochs):
        for features, labels in batches(part, epoch, loader):
            loss = functional.cross_entropy(net(features), labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
    return net


@torch.no_grad()
def accuracy(net: torch.nn.Linear, part: Part) -> float:
    return float((net(part.features).argmax(1) == part.labels).double().mean())


def problem(rows: int, settings: ProbeSettings) -> ProbeData:
    draws = torch.tensor(np.random.default_rng(0).integers(0, CLASSES, (SEEDS, rows)))
    names = [str(label) for label in range(CLASSES)]
    return processing_data(variants(rows, 0), variants(TEST, 1), names, draws, settings)


def main() -> None:
    """Print, for each number of rows: seconds of ours and of the plain runs, their ratio, the largest difference."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--loader", action="store_true")
    parser.add_argument("--rounding", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 20_000, 80_000])
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    # With one thread the processor's own clock: what else runs on the machine then counts less.
    clock = time.process_time if chosen.threads == 1 else time.perf_counter
    settings = ProbeSettings()
    paper = settings.paper
    probe_paper.suggest([], paper, 0)  # imports Optuna
    print(
        f"{CLASSES} classes, {WIDTH} dimensions, {chosen.threads} threads, {'loader' if chosen.loader else 'indices'}"
    )
    for rows in chosen.rows:
        data = problem(rows, settings)
        first = data.train(0)
        part, held = first.of(~data.validation), first.of(data.validation)
        ours, theirs, differences, rounding, fast = [], [], [], [], []
        for repeat in range(chosen.repeats):
            outcome, seconds = timed(clock, probe, data, settings)
            ours.append(seconds)
            quick, seconds = timed(clock, probe, data, replace(settings, protocol="fast"))
            fast.append(seconds)
            for number in range(repeat, paper.trials, paper.trials // PLAIN_RUNS):
                trial = outcome.trials[number]
                values = trial["rate"], trial["weight_decay"], paper.sgd.epochs
                net, seconds = timed(clock, plain, part, *values, use_loader=chosen.loader)
                theirs.append(seconds)
                differences.append(abs(accuracy(net, held) - trial["accuracy"]))
                if chosen.rounding:
                    exact = plain(Part(part.features.double(), part.labels), *values, use_loader=False)
                    rounding.append(abs(accuracy(exact.float(), held) - accuracy(net, held)))
        one = statistics.median(theirs)  # on 80% of the rows; the last 10 runs learn all of them
        whole, mine = one * (paper.trials + SEEDS / 0.8), statistics.median(ours)
        print(
            f"{rows:7,} rows: ours {mine:6.1f} s, plain {whole:7.1f} s ({one:.2f} a trial), {whole / mine:5.1f} times;"
        )
        print(f"  fast {statistics.median(fast):.1f} s; accuracy {outcome.accuracy:.4f}, fast {quick.accuracy:.4f};")
        print(f"  {len(differences)} trials differ by {told(differences)}; float64 from float32 by {told(rounding)}")


def timed(clock: Callable[[], float], work: Callable[..., Any], *args: Any, **options: Any) -> tuple[Any, float]:
    """What `work` gives, and the seconds it took."""
    began = clock()
    return work(*args, **options), clock() - began


def told(differences: list[float]) -> str:
    """In points, for people."""
    if not differences:
        return "(not measured)"
    return f"{statistics.median(differences) * 100:.2f} points (median), {max(differences) * 100:.2f} at most"


if __name__ == "__main__":
    main()
