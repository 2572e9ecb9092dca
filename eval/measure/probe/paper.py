"""The paper's linear probe: 30 trials of Optuna's TPE choose rate and weight decay, SGD trains with the best.

TPE needs all accuracies so far to suggest the next trial, so only its random start-up trials are independent. To train
the rest together too, the accuracy of a pending trial is guessed and the next suggestions follow from the guess; all
are trained as heads over one read of the features. A suggestion counts only if TPE makes it from the true accuracies
as well (it depends on which trials are the best, so most guesses will do); the others are thrown away. The trials are
exactly those of a search one by one.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from flickrexif.core.draws import rank
from flickrexif.eval.measure.probe.heads import Heads, Sgd, train_heads

Pair = tuple[float, float]
"""Learning rate and weight decay."""
Evaluate = Callable[[Sequence[Pair]], list[float | None]]
"""Validation accuracies of pairs, None for one that diverged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """The settings of the protocol; the defaults are the paper's."""

    trials: int = 30
    startup: int = 10  # random trials, Optuna's default
    rate: Pair = (1e-1, 1e2)  # both log-uniform
    weight_decay: Pair = (1e-12, 1e-4)
    sgd: Sgd = field(default_factory=Sgd)
    ahead: int = 6  # trials trained together on guessed accuracies; changes the time only


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of the search; accuracy None with a reason where it diverged."""

    rate: float
    weight_decay: float
    accuracy: float | None

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | ({"reason": "diverged"} if self.accuracy is None else {})


def evaluator(
    train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], classes: int, paper: Paper, seed: int
) -> Evaluate:
    """A function that trains on `train` (features [n, d], labels [n]) and gives the accuracies on `validation`."""
    (features, labels), (held_out, held_out_labels) = train, validation

    def evaluate(pairs: Sequence[Pair]) -> list[float | None]:
        rates, decays = zip(*pairs, strict=True)
        heads = train_heads(features[None], labels[None], rates, decays, classes=classes, sgd=paper.sgd, seed=seed)
        right = (heads.predict(held_out) == held_out_labels).double().mean(1).tolist()
        return [value if fine else None for value, fine in zip(right, heads.finite().tolist(), strict=True)]

    return evaluate


def search(evaluate: Evaluate, paper: Paper, seed: int) -> list[Trial]:
    """The trials in their order, the same whatever `paper.ahead` is."""
    trials: list[Trial] = []
    while len(trials) < paper.trials:
        width = paper.ahead if len(trials) >= paper.startup else paper.startup - len(trials)
        pairs = list(_suggestions(trials, min(width, paper.trials - len(trials)), paper, seed))
        for pair, accuracy in zip(pairs, evaluate(pairs), strict=True):
            if suggest(trials, paper, seed) != pair:
                break
            trials.append(Trial(*pair, accuracy))
    return trials


def best(trials: Sequence[Trial]) -> Trial | None:
    """The trial of the highest accuracy, the first of equal ones; None where all diverged."""
    return max((trial for trial in trials if trial.accuracy is not None), key=_value, default=None)


def suggest(trials: Sequence[Trial], paper: Paper, seed: int) -> Pair:
    """What TPE tries after `trials`; always the same, as its generator is keyed by the number of the trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it announces every study on stderr
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "lr": optuna.distributions.FloatDistribution(*paper.rate, log=True),
        "weight_decay": optuna.distributions.FloatDistribution(*paper.weight_decay, log=True),
    }
    number = rank(seed, "trial of the linear probe", str(len(trials))) % 2**32  # numpy's seeds have 32 bits
    study = optuna.create_study(direction="maximize", sampler=_sampler(paper.startup, number))
    for trial in trials:
        values = {"lr": trial.rate, "weight_decay": trial.weight_decay}
        study.add_trial(optuna.trial.create_trial(params=values, distributions=space, value=_value(trial)))
    suggested = study.ask(space).params
    return suggested["lr"], suggested["weight_decay"]


def _sampler(startup: int, seed: int) -> Any:
    import warnings

    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import TPESampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of `multivariate` and `group`, which the paper used
        return TPESampler(n_startup_trials=startup, multivariate=True, group=True, seed=seed)


def _value(trial: Trial) -> float:
    """The accuracy that TPE gets: 0 for a trial that diverged, so that it tries elsewhere."""
    return 0.0 if trial.accuracy is None else trial.accuracy


def _suggestions(trials: Sequence[Trial], count: int, paper: Paper, seed: int) -> Iterator[Pair]:
    """The next suggestions, each made with a guessed accuracy of the ones before it."""
    history = list(trials)
    for _ in range(count):
        pair = suggest(history, paper, seed)
        yield pair
        history.append(Trial(*pair, _guess(trials, pair)))


def _guess(trials: Sequence[Trial], pair: Pair) -> float:
    """The accuracy between the trials of the nearest learning rates, which matter far more than the weight decays."""
    if not trials:
        return 0.0
    rates, accuracies = zip(*sorted((trial.rate, _value(trial)) for trial in trials), strict=True)
    return float(np.interp(math.log(pair[0]), np.log(rates), accuracies))


def refit(draws: Sequence[tuple[Tensor, Tensor]], chosen: Trial, classes: int, paper: Paper, seed: int) -> Heads:
    """One head a draw (features [n, d], labels [n]) with the chosen values."""
    (features, labels), count = map(_stacked, zip(*draws, strict=True)), len(draws)
    return train_heads(
        features,
        labels,
        [chosen.rate] * count,
        [chosen.weight_decay] * count,
        classes=classes,
        sgd=paper.sgd,
        seed=seed,
    )


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors along a new first dimension; a single one is not copied."""
    return torch.stack(list(tensors)) if len(tensors) > 1 else tensors[0][None]
