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

# On the CPU torch multiplies float32 matrices with MKL, which leaves AVX-512 unused on AMD: oneDNN's own product,
# which torch calls for compiled models only, took half the time. Other builds of torch lack it.
ONEDNN = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch._C._has_mkldnn else None


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
        heads, classes, width = self.weight.shape
        parts = []
        for part in torch.split(features, rows):
            logits = product(self.weight.view(-1, width), part).view(heads, classes, -1) + self.bias[..., None]
            parts.append(logits.argmax(1))
        return torch.cat(parts, 1)

    def finite(self) -> Tensor:
        """Which heads have only finite numbers, [H] bool."""
        return (self.weight.isfinite().all(2) & self.bias.isfinite()).all(1)


def product(left: Tensor, right: Tensor) -> Tensor:
    """left [a, d] times the transpose of right [b, d], in float32: [a, b]."""
    if ONEDNN is not None and left.device.type == "cpu" and left.dtype == right.dtype == torch.float32:
        return ONEDNN(left, right, None, "none", [], "")  # type: ignore[no-any-return]
    return left @ right.T


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

    `features` [F, n, d] and `labels` [F, n]: F is 1 (all heads learn from the same images) or the number of heads (each
    learns from its own, such as another draw of the processing). In epoch e, counted from 0, the rate is
    rate / 2 (1 + cos(pi e / epochs)). Heads that diverge hold NaN or infinity. On a GPU no step waits for its result.
    """
    own, images, width = features.shape
    device = features.device
    heads = starting_heads(len(rates), classes, width, seed)
    weight, bias = heads.weight.to(device), heads.bias.to(device)
    steps, decays = (torch.tensor(values, device=device)[:, None] for values in (rates, weight_decays))
    speed, bias_speed = torch.zeros_like(weight), torch.zeros_like(bias)
    size = min(sgd.batch, images)
    buffers = {count: features.new_empty(own, count, width) for count in {size, images % size or size}}
    for epoch in range(sgd.epochs):
        rate = -steps * (1 + math.cos(math.pi * epoch / sgd.epochs)) / 2
        for chosen in torch.split(batch_order(images, epoch, seed).to(device), size):
            batch = torch.index_select(features, 1, chosen, out=buffers[len(chosen)])
            error = subtract_labels(torch.softmax(logits_of(batch, weight, bias), 1), labels[:, chosen])
            speed.mul_(sgd.momentum).add_(gradient_of(error, batch), alpha=1 / len(chosen))
            speed.addcmul_(weight, decays[..., None])
            bias_speed.mul_(sgd.momentum).add_(error.sum(2), alpha=1 / len(chosen)).addcmul_(bias, decays)
            weight.addcmul_(speed, rate[..., None])
            bias.addcmul_(bias_speed, rate)
    return Heads(weight, bias)


def logits_of(batch: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The logits [H, C, B] of batch [1 or H, B, d] by weight [H, C, d] and bias [H, C].

    Images are the last dimension because a softmax over the few classes is several times faster that way.
    """
    heads, classes, width = weight.shape
    if len(batch) == 1:
        logits = product(weight.view(-1, width), batch[0]).view(heads, classes, -1)
    else:
        logits = torch.bmm(weight, batch.transpose(1, 2))
    return logits.add_(bias[..., None])


def subtract_labels(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Probabilities [H, C, B] minus one-hot labels [1 or H, B], in place: the gradient of the loss by the logits."""
    index = labels[:, None].expand(len(probabilities), 1, -1)
    return probabilities.scatter_add_(1, index, probabilities.new_full((1, 1, 1), -1.0).expand_as(index))


def gradient_of(error: Tensor, batch: Tensor) -> Tensor:
    """The gradient of the summed loss by the weights, [H, C, d], from error [H, C, B] and batch [1 or H, B, d]."""
    if len(batch) == 1:
        return product(error.flatten(0, 1), batch[0].T).view(*error.shape[:2], -1)
    return torch.bmm(error, batch)
