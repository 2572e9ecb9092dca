"""Linear heads trained by SGD, many at once over one read of the features.

A head is a linear layer with a bias on frozen features; the loss is cross-entropy, the optimiser SGD with momentum, as
`torch.optim.SGD` does it: v <- momentum v + gradient + weight_decay w, then w <- w - rate v. Heads share the start and
the order of the batches, so a step of H heads is two matrix products of [B, d] with [d, H C] instead of 2 H thin ones.
Each head ends as if it were trained alone.

Processors that multiply bfloat16 do it twice as fast as float32, from half the memory. For that, features are stored
less their centre m: with x = s + m a logit is w s + (w m + b), the gradient of w is sum(e s) + sum(e) m. What is
rounded to bfloat16 (s, e, and w in the products) is then only what sets the images apart; w, v, b and all sums stay in
float32.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from flickrexif.core.draws import rank

LARGE = 10_000  # images from which features are stored in bfloat16: of fewer, a single one weighs too much


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


@dataclass(frozen=True, slots=True)
class Stored:
    """Features of F sets of images as training reads them: deviations + centre."""

    deviations: Tensor  # [F, n, d], float32 or bfloat16
    centre: Tensor  # [d]


def storage(features: Tensor) -> torch.dtype:
    """bfloat16 for many features [n, d] on a processor that multiplies it, else float32."""
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # torch before 2.10 does not tell
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return torch.bfloat16 if native and features.device.type == "cpu" and len(features) >= LARGE else torch.float32


def store(sets: Sequence[Tensor], kind: torch.dtype) -> Stored:
    """F sets of features, [n, d] each; a single one in float32 is not copied."""
    first = sets[0]
    if kind == torch.float32:
        return Stored(torch.stack(list(sets)) if len(sets) > 1 else first[None], torch.zeros_like(first[0]))
    centre = first.mean(0)
    # numpy asks for huge pages, torch does not: rows in random order are read a third faster from them.
    deviations = torch.from_numpy(np.empty((len(sets), *first.shape), np.int16)).view(kind)
    for features, target in zip(sets, deviations, strict=True):
        torch.sub(features, centre, out=target)
    return Stored(deviations, centre)


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
    stored: Stored,
    labels: Tensor,
    rates: Sequence[float],
    weight_decays: Sequence[float],
    *,
    classes: int,
    sgd: Sgd,
    seed: int,
) -> Heads:
    """Train one head for each (rate, weight decay).

    There are F sets of features and `labels` [F, n]: F is 1 (all heads learn from the same images) or the number of
    heads (each learns from its own, such as another draw of the processing). In epoch e, counted from 0, the rate is
    rate / 2 (1 + cos(pi e / epochs)). Heads that diverge hold NaN or infinity. On a GPU no step waits for its result.
    """
    features, device = stored.deviations, labels.device
    sets, images, width = features.shape
    heads = starting_heads(len(rates), classes, width, seed)
    # The bias is the weight of a feature that is 1: the last column, and the last entry of what all images share.
    theta = torch.cat([heads.weight, heads.bias[..., None]], 2).to(device)
    shared = torch.cat([stored.centre, stored.centre.new_ones(1)])
    speed = torch.zeros_like(theta)
    steps, decays = (torch.tensor(values, device=device)[:, None, None] for values in (rates, weight_decays))
    size = min(sgd.batch, images)
    buffers = {count: features.new_empty(sets, count, width) for count in {size, images % size or size}}
    for epoch in range(sgd.epochs):
        rate = -steps * (1 + math.cos(math.pi * epoch / sgd.epochs)) / 2
        for chosen in torch.split(batch_order(images, epoch, seed).to(device), size):
            batch = torch.index_select(features, 1, chosen, out=buffers[len(chosen)])
            logits = product(theta[..., :-1].to(batch.dtype), batch.mT) + (theta @ shared)[..., None]
            error = subtract_labels(torch.softmax(logits, 1), labels.index_select(1, chosen))
            speed.mul_(sgd.momentum)
            speed[..., :-1].add_(product(error.to(batch.dtype), batch), alpha=1 / len(chosen))
            speed.addcmul_(error.sum(2, keepdim=True), shared, value=1 / len(chosen)).addcmul_(theta, decays)
            theta.addcmul_(speed, rate)
    return Heads(theta[..., :-1].contiguous(), theta[..., -1].contiguous())


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
