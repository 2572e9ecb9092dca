"""The data folder: where things are in it, who is writing to it, and what was written outside of it.

    <data folder>/.flickrexif/lock         held by the one command that writes, `lock.json` says which
    <data folder>/.flickrexif/beside/      a lock for each command that may write beside others of its kind
    <data folder>/.flickrexif/register     the files and folders elsewhere that name or show photos, a path a line
    <folder elsewhere>/.flickrexif/home    the data folder that it is registered in

`flickrexif forget` searches everything below a data folder, and the files elsewhere that are in the register.
"""

import json
import os
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, takewhile
from pathlib import Path

from filelock import FileLock, Timeout

from flickrexif.core.addresses import expanded, place_of
from flickrexif.core.errors import UsageError
from flickrexif.core.files import put_text, unwritable
from flickrexif.core.remote import is_remote, remote

STATE = ".flickrexif"  # folder of this module's files
ENVIRONMENT = "FLICKREXIF_DATA"
NO_DATA_FOLDER = "A data folder has locks and a journal, which no store can hold: name a folder of this machine."
PATIENCE = 0.5  # seconds: a command that writes beside others holds the main lock for an instant when it begins


def default_data_dir() -> Path:
    """`$FLICKREXIF_DATA`, else `data`."""
    place = os.environ.get(ENVIRONMENT) or "data"
    if remote(place):
        raise UsageError(f"{ENVIRONMENT}={place} is no folder of this machine.", NO_DATA_FOLDER)
    return expanded(place)


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder; it need not exist yet."""

    path: Path

    @classmethod
    def holding(cls, place: Path) -> "DataFolder | None":
        """The data folder of `place`, which is a data set or a file in one; None without one.

        It is the nearest data folder above `place`, or the one in which the data set around `place` is registered.
        """
        place = place.absolute()
        for folder in (place, *place.parents):
            if home := _home(folder):
                return cls(home)
            if folder != place and _is_data_folder(folder):
                return cls(folder)
        return None

    @classmethod
    def of(cls, place: Path) -> "DataFolder":
        """As `holding`; for a data set without a data folder, the folder that contains it."""
        return cls.holding(place) or cls(place.absolute().parent)

    @property
    def flickrexif(self) -> Path:
        """The FlickrExif data set."""
        return self.path / "flickrexif"

    @property
    def journal(self) -> Path:
        """The journal of the crawl."""
        return self.flickrexif / ".crawl" / "journal.sqlite"

    @property
    def takedowns(self) -> Path:
        """The list of takedowns."""
        return self.flickrexif / ".crawl" / "takedowns.csv"

    def holds(self, place: Path) -> bool:
        """Whether `place` is in this folder."""
        return place.resolve().is_relative_to(self.path.resolve())

    # -- one writer ---------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, command: str, *data_sets: Path, beside: bool = False) -> Iterator["DataFolder"]:
        """Lock the folder, and `data_sets` elsewhere with the data folders around them, while `command` writes.

        Nothing can be locked at an address of a store.

        With `beside`, other commands that also pass it may write at the same time; they must write different files. The
        lock ends with its process. `data_sets` elsewhere are registered. A command that fails before it has written a
        file leaves no folder of its own. Raises UsageError, which says which command holds the lock and since when, and
        FlickrExifError for a folder that cannot be written.
        """
        elsewhere = list(dict.fromkeys(path.absolute() for path in data_sets if not self.holds(path)))
        around = {path: [folder for folder in path.parents if _is_data_folder(folder)] for path in elsewhere}
        with ExitStack() as stack:
            locked = sorted(path for path in {*elsewhere, *chain.from_iterable(around.values())} if not is_remote(path))
            for folder in (self.path, *locked):
                stack.enter_context(_writing(folder, command, beside=beside))
            self.register(*elsewhere)
            for folder in elsewhere:
                if not around[folder] and _home(folder) is None:
                    put_text(folder / STATE / "home", f"{self.path.absolute()}\n")
            yield self

    @contextmanager
    def reading(self, command: str, *data_sets: Path) -> Iterator["DataFolder"]:
        """Lock out writers while `command` reads; folders that this user may not write are not locked. Raises as
        `writing`."""
        with ExitStack() as stack:
            for folder in dict.fromkeys((self.path, *(path for path in data_sets if not self.holds(path)))):
                if os.access(folder, os.W_OK):
                    stack.enter_context(_writing(folder, command, beside=False))
            yield self

    # -- what was written elsewhere -----------------------------------------------------------------------------

    def register(self, *paths: Path) -> None:
        """Note files or folders that will name or show photos, before they are written; not those in this folder."""
        new = {path.absolute() for path in paths if not self.holds(path)} - set(self.registered())
        if not new:
            return
        lines = b"".join(os.fsencode(path) + b"\n" for path in sorted(new, key=str))
        with _writable(self.path), (_state(self.path) / "register").open("ab") as file:
            file.write(lines)  # one write: lines of two commands never mix
            file.flush()
            os.fsync(file.fileno())

    def registered(self) -> list[Path]:
        """The files and folders elsewhere, sorted."""
        try:
            lines = (self.path / STATE / "register").read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return sorted({place_of(os.fsdecode(line)) for line in lines if line}, key=str)

    def data_sets_elsewhere(self) -> list[Path]:
        """The registered folders that commands write to, which may be under a lock of their own."""
        return [path for path in self.registered() if not is_remote(path) and (path / STATE).is_dir()]


def _is_data_folder(folder: Path) -> bool:
    """Whether a command has written to it; a crawl or a merge of version 0.1 left no STATE folder."""
    return not is_remote(folder) and ((folder / STATE).is_dir() or (folder / "flickrexif" / ".crawl").is_dir())


def _home(folder: Path) -> Path | None:
    """The data folder that a data set elsewhere is registered in; None for another folder, or when it is gone."""
    try:
        home = Path((folder / STATE / "home").read_text("utf-8").strip())
    except OSError as error:
        if is_remote(folder) and not isinstance(error, FileNotFoundError):
            raise  # the list of takedowns is there
        return None
    return home if home.is_dir() else None


def _state(folder: Path) -> Path:
    state = folder / STATE
    state.mkdir(parents=True, exist_ok=True)
    return state


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unwritable(folder, error, "Name a folder that you may write, with --data-dir or --out.") from None


@contextmanager
def _writing(folder: Path, command: str, *, beside: bool) -> Iterator[None]:
    new = list(takewhile(lambda path: not path.exists(), (folder / STATE, folder, *folder.parents)))
    with ExitStack() as held:
        with ExitStack() as alone, _writable(folder):
            state = _state(folder)
            alone.enter_context(_locked(state / "lock", command, folder))
            if beside:
                (state / "beside").mkdir(exist_ok=True)
                name = f"{os.getpid()}-{secrets.token_hex(4)}"
                held.enter_context(_locked(state / "beside" / name, command, folder))
            else:
                for other in sorted((state / "beside").glob("*.json")):
                    with _locked(other.with_suffix(""), command, folder):
                        pass  # of a command that died; the lock removes its files
                held.enter_context(alone.pop_all())
        try:
            yield
        except BaseException:
            beside_it = len(list((state / "beside").glob("*.json"))) - beside
            if new and not beside_it and not any(map(_has_files, (folder, *DataFolder(folder).registered()))):
                shutil.rmtree(new[:2][-1], ignore_errors=True)
                with suppress(OSError):  # another command has begun to write there
                    for path in new[2:]:
                        path.rmdir()
            raise


def _has_files(place: Path) -> bool:
    """Whether `place` is a file, or a folder with one outside of its STATE; of a store that does not tell, True."""
    if is_remote(place):
        try:
            return any(STATE not in path.parts for path in place.rglob("*"))
        except OSError as error:
            return not isinstance(error, FileNotFoundError)
    inside = (path for path in place.rglob("*") if STATE not in path.relative_to(place).parts)
    return place.is_file() or any(path.is_symlink() or not path.is_dir() for path in inside)


@contextmanager
def _locked(path: Path, command: str, folder: Path) -> Iterator[None]:
    """Hold the lock file `path`; `path`.json says which command holds it."""
    note = path.with_name(f"{path.name}.json")
    lock = FileLock(path, timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"{_who(note)} is using {folder}.", "Wait until it ends, then try again.") from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        who = {"command": command, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
        note.write_text(json.dumps(who) + "\n", "utf-8")
        yield
    finally:
        with suppress(OSError):
            note.unlink()
            if path.parent.name == "beside":
                path.unlink()
        lock.release()


def _who(note: Path) -> str:
    """Which command holds a lock, from its note."""
    try:
        who = json.loads(note.read_bytes())
        where = "" if who["host"] == socket.gethostname() else f" on {who['host']}"
        return f"`flickrexif {who['command']}` (process {who['pid']}{where}, since {who['since']})"
    except (OSError, ValueError, LookupError, TypeError):
        return "Another command"  # which has only just begun, or is about to end
