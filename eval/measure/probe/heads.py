"""Linear heads trained by SGD, many at once over one read of the features.

A head is a linear layer with a bias on frozen features; the loss is cross-entropy, the optimiser SGD with momentum, as
`torch.optim.SGD` does it: v <- momentum v + gradient + weight_decay w, then w <- w - rate v. Heads share the start and
the order of the batches, so a step of H heads is two matrix products of [B, d] with [d, H C] instead of 2 H thin ones.
Each head ends as if it were trained alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from flickrexif.core.draws import rank


@dataclass(frozen=True, slots=True)
class Sgd:
    """The settings of SGD; the defaults are the paper's."""

    epochs: int = 100
    batch: int = 1024  # images, the whole set if it is smaller
    momentum: float = 0.9


@dataclass(frozen=True, slots=True)
class Heads:
    """H linear layers: logits = weight x + bias."""

    weight: Tensor  # [H, C, d]
    bias: Tensor  # [H, C]

    def predict(self, features: Tensor, rows: int = 16_384) -> Tensor:
        """The class of each row of `features` [m, d] by each head, [H, m]; class 0 for a head that diverged."""
        parts = [product(self.weight, part.T[None]) + self.bias[..., None] for part in torch.split(features, rows)]
        return torch.cat([logits.argmax(1) for logits in parts], 1)

    def finite(self) -> Tensor:
        """Which heads have only finite numbers, [H] bool."""
        return (self.weight.isfinite().all(2) & self.bias.isfinite()).all(1)


def starting_heads(count: int, classes: int, width: int, seed: int) -> Heads:
    """`count` equal heads, drawn as `torch.nn.Linear` draws its own: uniform within 1 / sqrt(width)."""
    generator = torch.Generator().manual_seed(rank(seed, "start of the linear probe", ""))
    start = (torch.rand(classes, width + 1, generator=generator) * 2 - 1) / math.sqrt(width)
    return Heads(start[:, :-1].repeat(count, 1, 1), start[:, -1].repeat(count, 1))


def batch_order(images: int, epoch: int, seed: int) -> Tensor:
    """The order of the images in one epoch, [images]."""
    generator = torch.Generator().manual_seed(rank(seed, "order of the linear probe", str(epoch)))
    return torch.randperm(images, generator=generator)


def train_heads(
    features: Tensor,
    labels: Tensor,
    rates: Sequence[float],
    weight_decays: Sequence[float],
    *,
    classes: int,
    sgd: Sgd,
    seed: int,
) -> Heads:
    """Train one head for each (rate, weight decay).

    `features` [F, n, d] and `labels` [F, n]: F is 1 (all heads learn from the same images) or the number of
    heads (each learns from its own, such as another draw of the processing). In epoch e, counted from 0, the rate is
    rate / 2 (1 + cos(pi e / epochs)). Heads that diverge hold NaN or infinity. On a GPU no step waits for its result.
    """
    sets, images, width = features.shape
    device = features.device
    heads = starting_heads(len(rates), classes, width, seed)
    weight, bias = heads.weight.to(device), heads.bias.to(device)
    steps, decays = (torch.tensor(values, device=device)[:, None] for values in (rates, weight_decays))
    speed, bias_speed = torch.zeros_like(weight), torch.zeros_like(bias)
    size = min(sgd.batch, images)
    buffers = {count: features.new_empty(sets, count, width) for count in {size, images % size or size}}
    for epoch in range(sgd.epochs):
        rate = -steps * (1 + math.cos(math.pi * epoch / sgd.epochs)) / 2
        for chosen in torch.split(batch_order(images, epoch, seed).to(device), size):
            batch = torch.index_select(features, 1, chosen, out=buffers[len(chosen)])
            logits = product(weight, batch.mT).add_(bias[..., None])
            error = subtract_labels(torch.softmax(logits, 1), labels.index_select(1, chosen))
            speed.mul_(sgd.momentum).add_(product(error, batch), alpha=1 / len(chosen))
            speed.addcmul_(weight, decays[..., None])
            bias_speed.mul_(sgd.momentum).add_(error.sum(2), alpha=1 / len(chosen)).addcmul_(bias, decays)
            weight.addcmul_(speed, rate[..., None])
            bias.addcmul_(bias_speed, rate)
    return Heads(weight, bias)


def product(left: Tensor, right: Tensor) -> Tensor:
    """left [H, C, a] times right [1 or H, a, b]: [H, C, b].

    Images are the last dimension of logits because a softmax over the few classes is several times faster that way.
    """
    if len(right) == 1:
        return (left.flatten(0, 1) @ right[0]).view(*left.shape[:2], -1)
    return torch.bmm(left, right)


def subtract_labels(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Probabilities [H, C, B] minus one-hot labels [1 or H, B], in place: the gradient of the loss by the logits."""
    index = labels[:, None].expand(len(probabilities), 1, -1)
    return probabilities.scatter_add_(1, index, probabilities.new_full((1, 1, 1), -1.0).expand_as(index))
