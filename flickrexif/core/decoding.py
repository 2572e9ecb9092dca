"""Errors and warnings of decoders on strangers' bytes, caught around their calls and nowhere else."""

import errno
import re
import warnings
from threading import Lock

from flickrexif.core.errors import FlickrExifError

REASONS = {
    "not_found": "there is no such file",
    "not_readable": "it may not or cannot be read",
    "empty": "no bytes",
    "not_an_image": "none of the formats that are read here",
    "needs_pillow_heif": "a HEIC file, which pillow-heif reads",
    "truncated": "the file ends before its image does",
    "damaged": "the file does not decode",
    "too_large": "more pixels than are decoded at once, or more than the memory holds",
    "unsupported_mode": "pixels with no defined way to 8-bit RGB, such as 32-bit or Lab",
}
_HINTS = {
    "not_found": "Check the path.",
    "not_readable": "Check its permissions.",
    "needs_pillow_heif": "pip install pillow-heif",
}

# Pillow, pillow-heif and OpenCV raise struct.error, KeyError, ZeroDivisionError, NotImplementedError, cv2.error,
# DecompressionBombError and more; no shorter list holds for their next release.
DECODER_ERRORS = (Exception,)
_UNSUPPORTED = re.compile(r"unknown pixel mode|cannot handle \d+-(bit|layer)")  # Pillow's words
_OF_THE_DISK = frozenset((errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ETIMEDOUT))


class BadPicture(FlickrExifError):
    """A picture that cannot be used, and why: `reason` is one of REASONS, `detail` the decoder's own words.

    Functions that open and decode return it; a caller that cannot go on without the picture raises it.
    """

    def __init__(self, reason: str, detail: str = "", name: str = "The picture") -> None:
        why = f"{REASONS[reason]} ({detail})" if detail else REASONS[reason]
        super().__init__(f"{name} cannot be used: {why}.", _HINTS.get(reason, "Leave it out or replace it."))
        self.reason, self.detail, self.name = reason, detail, name

    def __reduce__(self) -> tuple[type["BadPicture"], tuple[str, str, str]]:
        return BadPicture, (self.reason, self.detail, self.name)


class _Quiet:
    """Silences warnings, in any number of threads at once, which `warnings.catch_warnings` alone cannot."""

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._caught.__exit__(None, None, None)


quiet = _Quiet()


class _Decoding:
    """Put around a decoder's call: turns its errors into BadPicture and silences its warnings."""

    def __enter__(self) -> None:
        quiet.__enter__()

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        quiet.__exit__()
        if isinstance(error, DECODER_ERRORS) and not isinstance(error, FlickrExifError):
            detail = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise BadPicture(_reason(error), detail) from error


decoding = _Decoding()


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError) or type(error).__name__ == "DecompressionBombError":
        return "too_large"
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:  # hostile offsets give EINVAL, Pillow none
        return "not_readable"
    if _UNSUPPORTED.search(str(error)):
        return "unsupported_mode"
    return "truncated" if "truncated" in str(error).lower() else "damaged"
