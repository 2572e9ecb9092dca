"""What a stranger's encoder raises, in one class: a run of many encoders goes on after it, and after no other fault."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flickrexif.core.errors import FlickrExifError, MachineError
from flickrexif.core.files import FULL
from flickrexif.core.text import plain


class EncoderError(FlickrExifError):
    """An encoder cannot be used: what its code raised, or why what it gave are no embeddings."""

    def __init__(
        self, reason: str, hint: str = "Mend the encoder, or take another.", log: str = "", message: str = ""
    ) -> None:
        super().__init__(message or f"The encoder failed: {reason}.", hint)
        self.reason = reason
        self.log = log  # the traceback; "" where nothing was raised

    def __reduce__(self) -> tuple[type["EncoderError"], tuple[str, str, str, str]]:
        """Pickled as it was made, for worker processes."""
        return type(self), (self.reason, self.hint, self.log, self.message)


@contextmanager
def encoder_code(
    doing: str, passing: type[Exception] | tuple[type[Exception], ...] = (EncoderError, MachineError)
) -> Iterator[None]:
    """Around a stranger's code alone: what it raises becomes an EncoderError; `doing` is what it is called for.

    Errors of the types `passing` stay as they are, and so does running out of memory, as the caller may try fewer
    images. Raises MachineError where its disk was full.
    """
    try:
        yield
    except passing:
        raise
    except Exception as error:
        if isinstance(error, RuntimeError) and out_of_memory(error):
            raise
        if full := _full_disk(error):
            message = f"The disk is full ({full.filename or doing})."
            raise MachineError(message, "Free some space, then run the same command again.") from error
        log = f"While {doing}:\n{''.join(traceback.format_exception(error))}"
        if isinstance(error, FlickrExifError):  # our own words for it
            raise EncoderError(plain(str(error), 500), error.hint, log, error.message) from error
        raise EncoderError(plain(f"{type(error).__name__}: {error}", 500), log=log) from error


def out_of_memory(error: RuntimeError) -> bool:
    """Whether the memory of the device did not suffice."""
    import torch

    words = ("DefaultCPUAllocator", "MPS backend out of memory")  # of devices without an exception of their own
    return isinstance(error, torch.OutOfMemoryError) or any(word in str(error) for word in words)


def _full_disk(error: BaseException | None) -> OSError | None:
    """The full disk that an error comes from, if it does."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something could not be made."""

    reason: str  # on one line
    log: str = ""  # the traceback of an encoder that failed; "" for other faults
    error: FlickrExifError | None = None  # without its traceback, whose frames would keep the encoder in memory

    @classmethod
    def of(cls, error: FlickrExifError) -> "Fault":
        """What an error says."""
        error.__traceback__ = error.__cause__ = error.__context__ = None
        if isinstance(error, EncoderError):
            return cls(error.reason, error.log, error)
        return cls(plain(str(error), 500), error=error)
