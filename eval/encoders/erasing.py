"""An encoder without the trace of a processing: the projection that `flickrexif.mitigate` fitted, applied to what the
encoder gives. `NAME+erase@FILE` is such an encoder.

LEACE (Belrose et al. 2023, arXiv:2306.03819): x - (x - mean) right' left', of embeddings x of length 1.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.digests import joined
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Prepare
from flickrexif.eval.results import fingerprint

if TYPE_CHECKING:
    import torch

NAMES = ("left", "right", "mean")  # of the tensors in a file
FIT = "Fit it anew: flickrexif.mitigate(…), or `flickrexif eval mitigation --heads`."


@dataclass(frozen=True, slots=True)
class Eraser:
    """`left` [d, k], `right` [k, d], `mean` [d], float64."""

    left: "torch.Tensor"
    right: "torch.Tensor"
    mean: "torch.Tensor"

    def __call__(self, rows: "torch.Tensor") -> "torch.Tensor":
        """Embeddings [n, d] of length 1 to float32 [n, d] without the trace; their lengths are no longer 1."""
        left, right, mean = (tensor.to(rows.device) for tensor in (self.left, self.right, self.mean))
        exact = rows.double()
        return (exact - (exact - mean) @ right.T @ left.T).float()


@dataclass(frozen=True, slots=True)
class ErasedEncoder:
    """An `Encoder` whose embeddings are those of another after the eraser."""

    spec: EncoderSpec
    prepare: Prepare
    encoder: Encoder
    eraser: Eraser

    def embed(self, batch: "torch.Tensor") -> "torch.Tensor":
        """Prepared images [n, …] to embeddings [n, d] without the trace."""
        from torch.nn.functional import normalize

        return self.eraser(normalize(self.encoder.embed(batch).double(), dim=1))


def erased(encoder: Encoder, projection: str) -> Encoder:
    """The encoder with the projection of that file.

    UsageError for a file that is no projection, and for one that was fitted to another encoder or other weights.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(projection, "pt") as file:
            tensors = [file.get_tensor(name) for name in NAMES]
            fitted_to = tuple((file.metadata() or {}).get(name, "") for name in ("encoder", "encoder_digest"))
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{projection} is no projection ({str(error)[:80]}).", FIT) from None
    if fitted_to != (encoder.spec.key, encoder.spec.digest):
        weights = " of other weights" if fitted_to[0] == encoder.spec.key else ""
        message = f"{projection} was fitted to {fitted_to[0][:80]}{weights}, not to {encoder.spec.key}."
        raise UsageError(message, FIT)
    spec = replace(encoder.spec, projection=projection, digest=erased_digest(encoder.spec.digest, projection))
    return ErasedEncoder(spec, encoder.prepare, encoder, Eraser(*tensors))


def erased_digest(digest: str, projection: str) -> str:
    """The digest of an encoder with the projection of a file; that of the encoder itself without a file."""
    return joined(digest, fingerprint(Path(projection))) if digest and projection else digest
