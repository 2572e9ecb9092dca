"""Everything the toolkit raises on purpose.

    FlickrExifError          exit code 1   something went wrong; the message says what to type next
    ├── UsageError           exit code 2   the command cannot do what was asked
    ├── MachineError         exit code 1   the disk is full or a worker died; nothing else can be done either
    └── Interrupted          exit code 130 stopped by the user; finished work is saved

A message is one sentence; after it comes what to type next.
"""


class FlickrExifError(Exception):
    """A failure the user can act on: `message` says what happened, `hint` what to type."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message = message
        self.hint = hint


class UsageError(FlickrExifError):
    """The arguments, the data folder or the environment do not allow what was asked."""

    exit_code = 2


class MachineError(FlickrExifError):
    """The machine fails: a disk is full or gone, a worker died. It ends a run that goes on after other failures."""


class Interrupted(FlickrExifError):
    """Stopped on request; all finished work is saved and the same command goes on from there."""

    exit_code = 130
