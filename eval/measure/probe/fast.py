"""The fast linear probe: multinomial logistic regression by L-BFGS over a path of penalties.

Minimises  mean cross-entropy + penalty / 2 |W|^2  (the bias is not penalised), from the strongest penalty to the
weakest, each starting from the solution before it. scikit-learn's `LogisticRegression(C=1 / (n penalty))` has the same
minimum. The features are centred first: the bias makes up for it, so the minimum stays, and most iterations are saved.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flickrexif.eval.measure.probe.heads import Heads, gradient_of, logits_of, subtract_labels


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
    """Heads of F draws for each penalty in turn, the strongest first: features [F, n, d], labels [F, n].

    Each head is at the minimum of its own draw; the draws only share the iterations.
    """
    centre = features.mean(1, keepdim=True)
    centred = features - centre
    draws, _, width = features.shape
    # The bias is the last column, so that one tensor holds what L-BFGS moves.
    theta = features.new_zeros(draws, classes, width + 1).requires_grad_()
    for penalty in penalties:
        _minimise(theta, centred, labels, penalty, fast)
        weight, bias = theta.detach()[..., :-1].clone(), theta.detach()[..., -1]
        yield Heads(weight, bias - (weight @ centre.transpose(1, 2))[..., 0])


def _minimise(theta: Tensor, features: Tensor, labels: Tensor, penalty: float, fast: Fast) -> None:
    """Move theta [F, C, d + 1] to the minimum of the summed objectives of the draws."""
    images = features.shape[1]
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
        weight, bias = theta[..., :-1].contiguous(), theta[..., -1].contiguous()
        logs = torch.log_softmax(logits_of(features, weight, bias), 1)
        loss = -logs.gather(1, labels[:, None]).sum() / images
        error = subtract_labels(logs.exp_(), labels)
        slope = torch.cat([gradient_of(error, features), error.sum(2, keepdim=True)], 2).div_(images)
        slope[..., :-1] += penalty * weight
        theta.grad = slope
        return loss + penalty / 2 * weight.square().sum()

    optimizer.step(objective)  # type: ignore[no-untyped-call]


def search(train: tuple[Tensor, Tensor], validation: tuple[Tensor, Tensor], classes: int, fast: Fast) -> list[Fit]:
    """The validation accuracy of each penalty of the path; both parts are (features [n, d], labels [n])."""
    (features, labels), (held_out, held_out_labels) = train, validation
    path = fit_path(features[None], labels[None], fast.penalties, classes=classes, fast=fast)
    fits: list[Fit] = []
    for penalty, heads in zip(fast.penalties, path, strict=False):
        fits.append(Fit(penalty, (heads.predict(held_out) == held_out_labels).double().mean().item()))
        if len(fits) > fits.index(best(fits)) + fast.patience:
            break
    return fits


def best(fits: Sequence[Fit]) -> Fit:
    """The fit of the highest accuracy; of equal ones, that with the strongest penalty."""
    return max(fits, key=lambda fit: fit.accuracy)


def refit(features: Tensor, labels: Tensor, chosen: Fit, classes: int, fast: Fast) -> Heads:
    """One head a draw with the chosen penalty: features [F, n, d], labels [F, n]."""
    return next(fit_path(features, labels, [chosen.penalty], classes=classes, fast=fast))
