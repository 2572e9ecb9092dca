"""Which run makes which file: a claim a file, and one lock a run, so that a run of any size holds one open file.

<out>/.<process>-<random>.run     locked while the run lasts
<blocks of a file>/.run           the name of that lock
<blocks of a file>/.lock          locked for the instant in which the claim is made

A lock ends with its process, and the claims of a run that was killed end with it.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from flickrexif.core.errors import UsageError
from flickrexif.core.files import unwritable
from flickrexif.eval.embed.store import Target

CLAIM = ".run"
PATIENCE = 0.5  # seconds: another run may look for an instant whether a third, which was killed, still lasts


@contextmanager
def claimed(out: Path, targets: Iterable[Target]) -> Iterator[None]:
    """Keep other runs from making the files of `targets`, below `out`, meanwhile.

    Raises UsageError where another run is making one of them, FlickrExifError where a folder cannot be written.
    """
    with ExitStack() as stack:
        name = ""
        for target in targets:
            try:
                name = name or stack.enter_context(_lasting(out))
                _claim(target, out, name)
            except OSError as error:
                raise unwritable(target.blocks, error) from None
        yield


@contextmanager
def _lasting(out: Path) -> Iterator[str]:
    """Hold the lock of a new run; its name."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f".{os.getpid()}-{secrets.token_hex(8)}{CLAIM}"
    lock = FileLock(path)
    with lock:
        try:
            yield path.name
        finally:
            with suppress(OSError):
                path.unlink()


def _claim(target: Target, out: Path, name: str) -> None:
    """Note that the run `name` makes the file. Raises UsageError where another run that still lasts has noted so."""
    target.blocks.mkdir(parents=True, exist_ok=True)
    with FileLock(target.blocks / ".lock"):
        claim = target.blocks / CLAIM
        other = claim.read_text("utf-8") if claim.exists() else ""
        if other and _lasts(out / other):
            raise UsageError(f"Another run is making {target.path}.", "Wait for it, or name another --out.")
        claim.write_text(name, "utf-8")


def _lasts(run: Path) -> bool:
    """Whether a run holds its lock; the lock of one that was killed is removed."""
    if not run.exists():
        return False
    try:
        with FileLock(run, timeout=PATIENCE):
            run.unlink(missing_ok=True)
    except Timeout:
        return True
    return False
