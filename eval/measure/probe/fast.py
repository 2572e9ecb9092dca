"""The fast linear probe: multinomial logistic regression by L-BFGS over a path of penalties.

Minimises  mean cross-entropy + penalty / 2 |W|^2  (the bias is not penalised), from the strongest penalty to the
weakest, each starting from the solution before it. scikit-learn's `LogisticRegression(C=1 / (n penalty))` has the same
minimum. The features are centred first: the bias makes up for it, so the minimum stays, and most iterations are saved.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flickrexif.eval.measure.probe.heads import Heads, subtract_labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Fast:
    """The settings of the path."""

    penalties: tuple[float, ...] = tuple(10 ** (-exponent / 2) for exponent in range(4, 20))  # 1e-2 to 10**-9.5
    patience: int = 3  # penalties without a better validation accuracy before the path ends
    iterations: int = 100  # of L-BFGS for one penalty, at most
    tolerance: float = 1e-6  # of the largest entry of the gradient


@dataclass(frozen=True, slots=True)
class Fit:
    """One penalty of the path, with its accuracy on the validation part."""

    penalty: float
    accuracy: float


def fit_path(
    features: Tensor, labels: Tensor, penalties: Sequence[float], *, classes: int, fast: Fast
) -> Iterator[Heads]:
    """One head for each penalty in turn, the strongest first: features [n, d], labels [n]."""
    centre = features.mean(0)
    centred = features - centre
    # The bias is the last column, so that one tensor holds what L-BFGS moves.
    theta = features.new_zeros(classes, features.shape[1] + 1).requires_grad_()
    for penalty in penalties:
        _minimise(theta, centred, labels, penalty, fast)
        weight, bias = theta.detach()[:, :-1].clone(), theta.detach()[:, -1]
        yield Heads(weight[None], (bias - weight @ centre)[None])


def _minimise(theta: Tensor, features: Tensor, labels: Tensor, penalty: float, fast: Fast) -> None:
    """Move theta [C, d + 1] to the minimum of the objective."""
    optimizer = torch.optim.LBFGS(
        [theta],
        max_iter=fast.iterations,
        tolerance_grad=fast.tolerance,
        tolerance_change=0.0,
        history_size=10,
        line_search_fn="strong_wolfe",
    )

    @torch.no_grad()
    def objective() -> Tensor:
        weight = theta[:, :-1]
        logs = torch.log_softmax(weight @ features.T + theta[:, -1:], 0)
        loss = -logs.gather(0, labels[None]).sum() / len(labels)
        error = subtract_labels(logs.exp_()[None], labels[None])[0]
        slope = torch.cat([error @ features, error.sum(1, keepdim=True)], 1).div_(len(labels))
        slope[:, :-1] += penalty * weight
        theta.grad = slope
        return loss + penalty / 2 * weight.square().sum()

    optimizer.step(objective)  # type: ignore[no-untyped-call]


def search(train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], classes: int, fast: Fast) -> list[Fit]:
    """The validation accuracy of each penalty of the path; both parts are (features [n, d], labels [n])."""
    (features, labels), (held_out, held_out_labels) = train, validation
    path = fit_path(features, labels, fast.penalties, classes=classes, fast=fast)
    fits: list[Fit] = []
    for penalty, heads in zip(fast.penalties, path, strict=False):
        fits.append(Fit(penalty, (heads.predict(held_out) == held_out_labels).double().mean().item()))
        if len(fits) > fits.index(best(fits)) + fast.patience:
            break
    return fits


def best(fits: Sequence[Fit]) -> Fit:
    """The fit of the highest accuracy; of equal ones, that with the strongest penalty."""
    return max(fits, key=lambda fit: fit.accuracy)


def refit(draws: Sequence[tuple[Tensor, Tensor]], chosen: Fit, classes: int, fast: Fast) -> Heads:
    """One head a draw (features [n, d], labels [n]) with the chosen penalty."""
    heads = [next(fit_path(*draw, [chosen.penalty], classes=classes, fast=fast)) for draw in draws]
    return Heads(torch.cat([head.weight for head in heads]), torch.cat([head.bias for head in heads]))
