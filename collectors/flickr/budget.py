"""The budget of an API key: its calls and pauses, counted for all data folders and processes of the user.

    <state folder>/flickrexif/keys/<hash of the key>.sqlite

The state folder is ~/.local/state on Linux, or `$XDG_STATE_HOME`. Each call is a transaction of its own, on the disk
before the call leaves; so whatever is killed, and whenever, nothing is counted too low. The file is opened for each
transaction and kept in SQLite's rollback mode, which also works on the network file systems that home folders lie on.
"""

import hashlib
import os
import shlex
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_state_path

from flickrexif.collectors.flickr.limiter import FAILED, OF_KEY, OF_SERVER, Booking, Pause, Window, booking, earliest
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import PRIVATE
from flickrexif.core.versions import other_version

VARIABLE = "WIN_PD_OVERRIDE_LOCAL_APPDATA" if os.name == "nt" else "XDG_STATE_HOME"  # moves the state folder
MEMORY = 3_600.0  # seconds that a call is remembered: the longest window
PATIENCE = 30.0  # seconds to wait for another process, which holds the file for some milliseconds
PORTS = {"http": 80, "https": 443}
# `calls` are numbered without a gap, in the order of their times.
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS calls (number INTEGER PRIMARY KEY, at REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS pause (id INTEGER PRIMARY KEY, since REAL NOT NULL, until REAL NOT NULL)",
)


def key_file(key: str, endpoint: str) -> Path:
    """The file that counts the calls of `key`: one for all of Flickr's hosts, and one for each other server.

    Raises UsageError for a user without a home folder, unless a variable names a state folder.
    """
    address = urlsplit(endpoint)
    host = (address.hostname or "").rstrip(".")
    flickr = f".{host}".endswith(".flickr.com")
    budget = key if flickr else f"{key} {host}:{address.port or PORTS.get(address.scheme)}"
    try:
        folder = user_state_path("flickrexif", appauthor=False)
    except RuntimeError:
        message = "The calls of the API key cannot be counted, as this user has no home folder."
        raise UsageError(message, f"Set {VARIABLE} to a folder that you may write, the same for all crawls.") from None
    return folder / "keys" / f"{hashlib.sha256(budget.encode()).hexdigest()[:32]}.sqlite"


@dataclass(frozen=True, slots=True)
class CallsOfKey:
    """The calls that the file `path` counts; see `limiter.Calls`. Windows are at most `MEMORY` long.

    Both methods raise UsageError when the file's folder cannot be written, FlickrExifError when the file is
    damaged or of a later version.
    """

    path: Path

    def book(self, windows: Sequence[Window], resume: float, clock: Callable[[], float]) -> Booking:
        """See `Calls.book`."""
        assert all(window.seconds <= MEMORY for window in windows)
        with self._transaction() as db:
            now = clock()  # once the file is held: the times of all processes are in order
            last = _set_back(db, now)

            def time_of(back: int) -> float | None:
                row = db.execute("SELECT at FROM calls WHERE number = ?", (last + 1 - back,)).fetchone()
                return row[0] if row else None

            starts = {FAILED: resume, OF_SERVER: _pause(db, now).until, OF_KEY: earliest(windows, time_of)}
            booked = booking(now, starts)
            if booked.wait == 0:
                db.execute("INSERT INTO calls VALUES (?, ?)", (last + 1, now))
                kept = "SELECT number FROM calls WHERE at + ? >= ? ORDER BY number LIMIT 1"
                db.execute(f"DELETE FROM calls WHERE number < ({kept})", (MEMORY, now))  # noqa: S608
            return booked

    def pause(self, seconds: float, clock: Callable[[], float]) -> None:
        """See `Calls.pause`."""
        with self._transaction() as db:
            now = clock()
            _store(db, _pause(db, now).extended(seconds, now))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _explained(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            new = not self.path.exists()
            with closing(sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None)) as db:
                db.execute("BEGIN IMMEDIATE")
                if (version := db.execute("PRAGMA user_version").fetchone()[0]) > 1:  # 0 is 1
                    raise other_version(self.path, f"calls {version}, not 1")
                if new:
                    self.path.chmod(PRIVATE)
                for table in SCHEMA:
                    db.execute(table)
                yield db
                db.execute("COMMIT")  # closing without it undoes all


def _set_back(db: sqlite3.Connection, now: float) -> int:
    """The last call's number, or 0. If the clock was set back, calls in the future become calls of now."""
    last, at = db.execute("SELECT number, at FROM calls ORDER BY number DESC LIMIT 1").fetchone() or (0, now)
    if at > now:
        db.execute("UPDATE calls SET at = ? WHERE at > ?", (now, now))
    return int(last)


def _pause(db: sqlite3.Connection, now: float) -> Pause:
    row = db.execute("SELECT since, until FROM pause").fetchone()
    pause = Pause(*row) if row else Pause()
    if (seen := pause.seen(now)) != pause:
        _store(db, seen)
    return seen


def _store(db: sqlite3.Connection, pause: Pause) -> None:
    db.execute("REPLACE INTO pause VALUES (1, ?, ?)", (pause.since, pause.until))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the errors of SQLite and of the file system into sentences."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        name = getattr(error, "sqlite_errorname", "")
        if name in ("SQLITE_NOTADB", "SQLITE_ERROR") or name.startswith(("SQLITE_CORRUPT", "SQLITE_CONSTRAINT")):
            hint = f"When the key has made no call for an hour, type: rm {shlex.quote(str(path))}"
            raise FlickrExifError(f"{path}, which counts the calls of the API key, is damaged.", hint) from error
        if name.startswith("SQLITE_BUSY"):
            hint = "Run the same command again; if that does not help, end the other flickrexif commands first."
            raise FlickrExifError(f"{path}, which counts the calls of the API key, is held too long.", hint) from error
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"The calls of the API key cannot be counted, as {path.parent} cannot be written ({reason}).",
            f"Mend that, or set {VARIABLE} to a folder that you may write, the same for all crawls.",
        ) from error
