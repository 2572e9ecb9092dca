"""Loads encoders, at once or when their turn comes."""

from dataclasses import dataclass, replace

from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.encoders.backends import BACKENDS
from flickrexif.eval.encoders.erasing import erased, erased_digest
from flickrexif.eval.encoders.faults import EncoderError, encoder_code
from flickrexif.eval.encoders.guards import checked
from flickrexif.eval.encoders.spec import Encoder, EncoderSpec, Precision
from flickrexif.eval.encoders.weights import local_file
from flickrexif.eval.results import fingerprint


def load(spec: EncoderSpec, *, device: str = "cpu", dtype: Precision = "fp32", pretrained: bool = True) -> Encoder:
    """The encoder of `spec`, ready to run; its `.spec` always has the embedding size and the digest.

    `pretrained=False` gives random weights, always the same. Raises UsageError for a missing package, checkpoint or
    device, or a size that the architecture cannot take; FlickrExifError for weights that cannot be fetched or read;
    EncoderError for whatever else its code raises.
    """
    try:
        with encoder_code(f"loading {spec.key}", passing=FlickrExifError):
            encoder = checked(
                BACKENDS[spec.backend].load(replace(spec, projection=""), device, dtype, pretrained), dtype
            )
            return erased(encoder, spec.projection) if spec.projection else encoder
    except RuntimeError as error:  # alone that memory does not suffice passes
        raise EncoderError(f"the memory of {device} does not suffice for {spec.key}") from error


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder to be loaded when its turn comes."""

    spec: EncoderSpec
    encoder: Encoder | None = None  # of an encoder that was given as an object; others are loaded by their specs

    @property
    def compared(self) -> EncoderSpec:
        """The spec with the digest, where it is known without loading or fetching anything."""
        names = BACKENDS[self.spec.backend].hub_files
        file = local_file(self.spec, names) if names and not self.spec.digest else None
        return replace(self.spec, digest=erased_digest(fingerprint(file), self.spec.projection)) if file else self.spec

    @property
    def only_loading_tells(self) -> bool:
        """Whether the digest is known once the encoder is loaded, and not from a file of weights."""
        return not self.spec.digest and not BACKENDS[self.spec.backend].hub_files

    def load(self, device: str = "cpu", dtype: Precision = "fp32") -> Encoder:
        """The encoder, ready to run. Raises EncoderError, whatever the reason."""
        with encoder_code(f"loading {self.spec.key}"):
            if self.encoder is not None:
                return checked(self.encoder, dtype)
            return load(self.spec, device=device, dtype=dtype)
