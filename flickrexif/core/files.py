"""Files that exist only when they are complete: written under a temporary name in the same folder, then renamed.

A temporary name, `.NAME.HOST-PID-RANDOM.tmp`, says which process of which machine (a hash of its name) writes the file,
so that no other removes it. What a machine that is gone left behind is removed when it is a day old. A file of a store
is written in the folder for temporary files, and put there when it is complete.
"""

import errno
import hashlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from filecmp import cmp
from glob import escape
from pathlib import Path
from typing import Literal

from flickrexif.core.errors import MachineError
from flickrexif.core.remote import as_remote, is_remote, store_reason
from flickrexif.core.text import reason_of

Outcome = Literal["written", "unchanged", "removed"]
AGAIN = "Mend that, then run the same command again."
FULL = (errno.ENOSPC, errno.EDQUOT)
PRIVATE = 0o600  # mode of files that other users may not read
MAX_NAME = 200  # bytes of a file's name in its temporary one: file systems allow 255 for the whole
HOST = hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]
DAY = 86_400.0  # seconds
STAGED = "flickrexif"  # begins the names of folders for files on their way to a store

_ours: set[Path] = set()  # what this process is writing


def unwritable(path: Path, error: OSError, hint: str = AGAIN) -> MachineError:
    """The error for a file or folder that cannot be written."""
    if error.errno in FULL:
        hint = "Free some space, then run the same command again: what is finished is kept."
    short = os.strerror(error.errno) if error.errno else str(error)  # the texts of libraries are long
    reason = store_reason(error) or short
    return MachineError(f"{path} cannot be written ({reason}).", hint)


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """A temporary name for `path`, whose folder is made; the file is removed at the end unless `keep` renamed it."""
    if is_remote(path):
        with _staged() as folder:
            yield folder / path.name[:MAX_NAME]
        return
    unfinished = path.absolute().with_name(f".{_short(path.name)}.{HOST}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    _ours.add(unfinished)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield unfinished
    finally:
        with suppress(OSError):
            unfinished.unlink()
        _ours.discard(unfinished)


def keep(unfinished: Path, path: Path, *, durable: bool = True) -> None:
    """Rename a complete file to `path`; if `durable`, a power cut leaves the old or the new one. Raises OSError."""
    if at_store := as_remote(path):
        at_store.upload(unfinished)
        return
    if durable:
        _sync(unfinished)
    unfinished.replace(path)
    if durable:
        _sync_folder(path.parent)


def put(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> tuple[Outcome, Path]:
    """Let `write` make a file under a temporary name, then rename it to `path`, unless that has the same bytes already.

    Makes the folder. `durable` costs some milliseconds a file, too much for hundreds of files that the next run can
    make again. Raises FlickrExifError when the file cannot be written; the old file at `path` is then still there.
    """
    remove([] if is_remote(path) else _unfinished(path.parent, _short(path.name)))
    try:
        with temporary(path) as unfinished:
            write(unfinished)
            if path.exists() and _same(unfinished, path):
                return "unchanged", path
            keep(unfinished, path, durable=durable)
    except OSError as error:
        raise unwritable(path, error) from None
    return "written", path


def _same(unfinished: Path, path: Path) -> bool:
    if is_remote(path):
        return unfinished.stat().st_size == path.stat().st_size and unfinished.read_bytes() == path.read_bytes()
    return cmp(unfinished, path, shallow=False)


def put_bytes(path: Path, content: bytes, *, durable: bool = True) -> tuple[Outcome, Path]:
    """`put` of bytes."""
    return put(path, lambda unfinished: unfinished.write_bytes(content), durable=durable)


def put_private(path: Path, text: str) -> tuple[Outcome, Path]:
    """`put_text` of what other users of the machine may not read."""

    def write(unfinished: Path) -> None:
        unfinished.touch(PRIVATE)
        unfinished.write_bytes(text.encode())

    return put(path, write)


def put_text(path: Path, text: str, *, durable: bool = True) -> tuple[Outcome, Path]:
    """`put` of text, in UTF-8, with its line ends unchanged on every system."""
    return put_bytes(path, text.encode(), durable=durable)


def read_below(root: Path, name: str) -> bytes | None:
    """The bytes of the file `name` below `root`, None where it cannot be read: one lost file is no reason to stop.

    Raises FlickrExifError where `root` itself is gone: a lost disk must not become a million lost files.
    """
    try:
        return (root / name).read_bytes()
    except OSError:
        try:
            next(root.iterdir()) if is_remote(root) else os.scandir(root).close()
        except (OSError, StopIteration) as error:
            raise MachineError(f"{root} can no longer be read ({_why(error)}).", AGAIN) from None
        return None


def _why(error: OSError | StopIteration) -> str:
    return getattr(error, "strerror", None) or reason_of(error, 200)


def remove(paths: Iterable[Path]) -> list[tuple[Outcome, Path]]:
    """Remove those of the files that exist. Raises FlickrExifError when one cannot be removed."""
    removed: list[tuple[Outcome, Path]] = []
    for path in paths:
        try:
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise MachineError(f"{path} cannot be removed ({_why(error)}).", AGAIN) from None
        removed.append(("removed", path))
    for folder in {path.parent for _, path in removed if not is_remote(path)}:
        _sync_folder(folder)
    return removed


def remove_unfinished(folders: Iterable[Path]) -> None:
    """Remove temporary files of killed runs; files that a process is still writing stay."""
    for folder in folders:
        if not is_remote(folder):
            remove(_unfinished(folder))
    for staged in _unfinished(Path(tempfile.gettempdir()), STAGED):
        shutil.rmtree(staged, ignore_errors=True)  # those of other users stay


def remove_tree(folder: Path) -> None:
    """Remove a folder that is no longer needed, with all that is in it, as far as that goes."""
    if at_store := as_remote(folder):
        with suppress(OSError):
            at_store.remove_tree()
    else:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def local(path: Path) -> Iterator[Path]:
    """The file itself, or a copy of a store's: for libraries that want a file of this machine. Raises OSError."""
    if at_store := as_remote(path):
        with _staged() as folder:
            at_store.download(folder / path.name[:MAX_NAME])
            yield folder / path.name[:MAX_NAME]
    else:
        yield path


@contextmanager
def _staged() -> Iterator[Path]:
    """A folder of this user alone, on this machine, named as temporary files are."""
    folder = Path(tempfile.mkdtemp(".tmp", f".{STAGED}.{HOST}-{os.getpid()}-"))
    _ours.add(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _ours.discard(folder)


def _short(name: str) -> str:
    return os.fsencode(name)[:MAX_NAME].decode(errors="ignore")


def _unfinished(folder: Path, name: str = "") -> list[Path]:
    """The temporary files that killed runs left in `folder` for files whose names begin with `name`."""
    return [path for path in folder.glob(f".{escape(name)}*.tmp") if not _being_written(path.absolute())]


def _being_written(path: Path) -> bool:
    """Whether the process in a temporary name is still running and did not just get the number of a killed one."""
    host, _, rest = path.name.removesuffix(".tmp").rpartition(".")[2].partition("-")
    pid, _, random = rest.partition("-")
    if random and host != HOST:  # of another machine, on which nobody here can look
        with suppress(OSError):
            return time.time() - path.stat().st_mtime < DAY
    if not random:  # of an earlier version
        pid = host
    if not pid.isdecimal() or pid == str(os.getpid()):
        return path in _ours
    if os.name == "nt":
        return False  # `os.kill` would end it; a file that is open cannot be removed there
    try:
        os.kill(int(pid), 0)  # only asks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # of another user
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except OSError:
        return True  # a system without /proc
    return state != b"Z"  # it has ended, and nobody has waited for it


def sync_all(paths: Sequence[Path]) -> None:
    """Have the bytes of several files on the disk, in the time that it takes for one. Raises FlickrExifError."""

    def sync(path: Path) -> None:
        try:
            _sync(path)
        except OSError as error:
            raise unwritable(path, error) from None

    with ThreadPoolExecutor(len(paths)) as pool:
        list(pool.map(sync, paths))


def _sync(path: Path) -> None:
    """Force a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    with suppress(OSError):  # not every file system can
        _sync(path)
