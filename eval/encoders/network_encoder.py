"""A torch network as an `Encoder`: on its device, in its precision."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.devices import pick_device
from flickrexif.eval.encoders.guards import rows_of
from flickrexif.eval.encoders.preprocess import preprocessing
from flickrexif.eval.encoders.spec import EncoderSpec, Precision, Prepare

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True, slots=True)
class NetworkEncoder:
    """`network` maps images [n, 3, size, size] to embeddings [n, d]; below fp32 it runs under autocast."""

    spec: EncoderSpec
    prepare: Prepare
    network: "nn.Module"
    device: "torch.device"
    dtype: Precision = "fp32"

    def embed(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Prepared images [n, 3, size, size] to embeddings [n, d], float32 on the encoder's device."""
        import torch

        images = batch.to(self.device, non_blocking=True)
        lower = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(self.dtype)
        with torch.inference_mode(), torch.autocast(self.device.type, lower, enabled=lower is not None):
            out = self.network(images)
        rows = out[0] if isinstance(out, tuple) else out  # CoCa's tower gives its tokens too
        return rows_of(rows, len(batch), self.spec.key)


def network_encoder(
    network: "nn.Module", spec: EncoderSpec, device: str, dtype: Precision, prepare: Prepare | None = None
) -> NetworkEncoder:
    """`network`, frozen, on `device`.

    Raises UsageError for an unknown precision or device.
    """
    import torch

    if dtype not in get_args(Precision):
        raise UsageError(f"There is no precision {dtype!r}.", f"Known: {', '.join(get_args(Precision))}.")
    target = torch.device(pick_device(device))
    network = network.eval().requires_grad_(False).float().to(target)
    for weight in network.parameters():
        if weight.ndim == 4:  # convolutions run faster so; those of videos have 5 dimensions
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return NetworkEncoder(spec, prepare or preprocessing(spec), network, target, dtype)
