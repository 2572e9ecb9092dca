"""The paper's whole linear probe (30 trials, 10 draws) against one run of SGD after another, in one process.

python -m benchmarks.probe [--released FOLDER] [--rounding] [--threads N] [--rows 5000 20000 80000] [--repeats 3]

FOLDER is a checkout of the paper's released code (github.com/ryan-caesar-ramos/visual-encoder-traces): its trainer's
fits are timed. The plain runs are PyTorch as it is usually written: an `nn.Linear`, `torch.optim.SGD`, a cosine
schedule, and batches drawn by their indices. They take our trials, start and batch order, so that accuracies can be
compared trial by trial; with a high rate the training magnifies rounding, so a plain run in float64 shows what of the
difference is rounding. A run takes the same time whatever its values are, so a few are timed, in turn with ours, and
the least of each counts: times 30 on the training part, times 10 on all rows.
"""

import argparse
import contextlib
import io
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from flickrexif.eval.measure.probe import paper as probe_paper
from flickrexif.eval.measure.probe.heads import batch_order, starting_heads
from flickrexif.eval.measure.probe.probe import Part, ProbeData, ProbeSettings, probe, processing_data

WIDTH, CLASSES, SEEDS, TEST = 512, 6, 10, 2_000
PLAIN_RUNS = 3
RELEASED = "logreg_trainer"  # in the folder of the released code
Fit = Callable[[Part, Part, float, float], Any]
"""Trains on the first part, and what is scored is the second; learning rate and weight decay."""


def variants(images: int, seed: int) -> list[Tensor]:
    """Embeddings of the same images under six classes that overlap."""
    generator = torch.Generator().manual_seed(seed)
    base = torch.randn(images, WIDTH, generator=generator) + torch.randn(
        WIDTH, generator=torch.Generator().manual_seed(9)
    )
    moves = 0.06 * torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(8))
    return [base + move for move in moves]


def plain(part: Part, _: Part, rate: float, decay: float) -> torch.nn.Linear:
    """One trial as it is usually written."""
    net = torch.nn.Linear(WIDTH, CLASSES, dtype=part.features.dtype)
    start = starting_heads(1, CLASSES, WIDTH, 0)
    net.weight.data.copy_(start.weight[0])
    net.bias.data.copy_(start.bias[0])
    optimizer = torch.optim.SGD(net.parameters(), lr=rate, momentum=0.9, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)
    for epoch in range(100):
        for rows in torch.split(batch_order(len(part.labels), epoch, 0), 1024):
            loss = functional.cross_entropy(net(part.features[rows]), part.labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        schedule.step()
    return net


def released(folder: str) -> Fit:
    """A fit of the released trainer, with the settings of its scripts."""
    sys.path.insert(0, f"{folder}/metadata_prediction")
    logreg_trainer = import_module(RELEASED)

    options = {"features_norm": "l2", "device": "cpu", "clf_batch_size": 1024, "clf_mom": 0.9, "clf_epochs": 100}

    def fit(part: Part, scored: Part, rate: float, decay: float) -> Any:
        with contextlib.redirect_stdout(io.StringIO()):
            trainer = logreg_trainer.LogregTorchTrainer(*part, *scored, argparse.Namespace(**options))
        return trainer.fit({"lr": rate, "wd": decay})

    return fit


@torch.no_grad()
def accuracy(net: torch.nn.Linear, part: Part) -> float:
    return float((net(part.features).argmax(1) == part.labels).double().mean())


def problem(rows: int, settings: ProbeSettings) -> ProbeData:
    draws = torch.tensor(np.random.default_rng(0).integers(0, CLASSES, (SEEDS, rows)))
    names = [str(label) for label in range(CLASSES)]
    return processing_data(variants(rows, 0), variants(TEST, 1), names, draws, settings)


def main() -> None:
    """Print, for each number of rows: seconds of ours and of the other runs, their ratio, differences of accuracy."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--released")
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
    fits: dict[str, Fit] = {"plain": plain} | ({"released": released(chosen.released)} if chosen.released else {})
    print(f"{CLASSES} classes, {WIDTH} dimensions, {chosen.threads} threads")
    for rows in chosen.rows:
        data = problem(rows, settings)
        first = data.train(0)
        part, held = first.of(~data.validation), first.of(data.validation)
        test = Part(*(torch.cat(tensors) for tensors in zip(*data.test, strict=True)))
        seconds: dict[str, list[float]] = {name: [] for name in ("ours", "fast", *fits)}
        differences, rounding = [], []
        for repeat in range(chosen.repeats):
            outcome, taken = timed(clock, probe, data, settings)
            seconds["ours"].append(taken)
            quick, taken = timed(clock, probe, data, replace(settings, protocol="fast"))
            seconds["fast"].append(taken)
            for name, fit in fits.items():
                search = min(timed(clock, fit, part, held, 5.0, 1e-7)[1] for _ in range(2))
                seconds[name].append(paper.trials * search + SEEDS * timed(clock, fit, first, test, 5.0, 1e-7)[1])
            for number in range(repeat, paper.trials, paper.trials // PLAIN_RUNS):
                trial = outcome.trials[number]
                values = trial["rate"], trial["weight_decay"]
                net = plain(part, held, *values)
                differences.append(trial["accuracy"] - accuracy(net, held))
                if chosen.rounding:
                    exact = plain(Part(part.features.double(), part.labels), held, *values)
                    rounding.append(accuracy(exact.float(), held) - accuracy(net, held))
        least = {name: min(values) for name, values in seconds.items()}
        print(f"{rows:7,} rows: ours {least['ours']:.1f} s; " + "; ".join(
            f"{name} {least[name]:.0f} s, {least[name] / least['ours']:.1f} times" for name in fits
        ))  # fmt: skip
        print(f"  fast {least['fast']:.1f} s; accuracy {outcome.accuracy:.4f}, fast {quick.accuracy:.4f}")
        print(
            f"  {len(differences)} trials differ by {points(differences)}; float64 from float32 by {points(rounding)}"
        )


def timed(clock: Callable[[], float], work: Callable[..., Any], *args: Any) -> tuple[Any, float]:
    """What `work` gives, and the seconds it took."""
    began = clock()
    return work(*args), clock() - began


def points(differences: list[float]) -> str:
    """In points, for people."""
    if not differences:
        return "(not measured)"
    most = max(map(abs, differences))
    return f"{statistics.median(differences) * 100:.2f} points (median), {most * 100:.2f} at most"


if __name__ == "__main__":
    main()
