"""Which run makes which file: a claim a file, and one lock a run, so that a run of any size holds one open file.

<out>/.<process>-<random>.run     locked while the run lasts
<blocks of a file>/.run           the name of that lock
<blocks of a file>/.lock          locked for the instant in which the claim is made

A lock ends with its process, and the claims of a run that was killed end with it. Nothing is claimed at an address of a
store, which has no locks.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from flickrexif.core.errors import UsageError
from flickrexif.core.files import remove_tree, unwritable
from flickrexif.core.remote import is_remote
from flickrexif.eval.embed.store import Target

CLAIM = ".run"
PATIENCE = 0.5  # seconds: another run may look for an instant whether a third, which was killed, still lasts


class Claims:
    """The claims of one run on files below `out`; its lock is taken with the first claim."""

    def __init__(self, out: Path) -> None:
        self._out, self._stack, self._run = out, ExitStack(), ""

    def __enter__(self) -> "Claims":
        if not is_remote(self._out):
            for run in self._out.glob(f".*{CLAIM}"):  # of a run that was killed before its first claim
                with suppress(OSError):  # others' files may only be read
                    _lasts(run, 0)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, target: Target) -> None:
        """Keep other runs from making the file meanwhile.

        Raises UsageError where another run is making it, MachineError where its folder cannot be written.
        """
        if is_remote(target.path):
            return
        try:
            self._run = self._run or self._stack.enter_context(_lasting(self._out))
            target.blocks.mkdir(parents=True, exist_ok=True)
            with FileLock(target.blocks / ".lock"):
                claim = target.blocks / CLAIM
                other = claim.read_text("utf-8") if claim.exists() else ""
                if other and _lasts(self._out / other):
                    raise UsageError(f"Another run is making {target.path}.", "Wait for it, or name another --out.")
                claim.write_text(self._run, "utf-8")
        except OSError as error:
            raise unwritable(target.blocks, error) from None

    def sweep(self, target: Target) -> None:
        """Remove the blocks of a file that is whole, which a run that was killed left."""
        if not target.blocks.is_dir():
            return
        if is_remote(target.blocks):
            remove_tree(target.blocks)
            return
        with suppress(OSError), FileLock(target.blocks / ".lock"):  # others' files may only be read
            claim = target.blocks / CLAIM
            other = claim.read_text("utf-8") if claim.exists() else ""
            if not other or not _lasts(self._out / other):
                remove_tree(target.blocks)


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


def _lasts(run: Path, patience: float = PATIENCE) -> bool:
    """Whether a run holds its lock; the lock of one that was killed is removed."""
    if not run.exists():
        return False
    try:
        with FileLock(run, timeout=patience):
            run.unlink(missing_ok=True)
    except Timeout:
        return True
    return False
