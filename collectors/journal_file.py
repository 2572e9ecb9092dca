"""The file of the journal: opened, made or brought to this version, and SQLite's errors as sentences."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.versions import other_version

VERSION = 3
KEPT_VIEW = "CREATE VIEW kept AS SELECT * FROM candidates WHERE verdict = 'kept' AND passed_over IS NULL"
UPGRADES = {
    1: ("CREATE TABLE checks (photo_id INTEGER PRIMARY KEY, at REAL NOT NULL, verdict TEXT NOT NULL)",),
    # Version 2 drew by the target, and dropped what it had read and not drawn: its searches are made again when a month
    # goes on. Photos that it drew and judged stay.
    2: (
        "ALTER TABLE months ADD COLUMN exhausted INTEGER NOT NULL DEFAULT 0",
        "UPDATE months SET rounds = 0",
        "DELETE FROM searches",
        "ALTER TABLE searches ADD COLUMN shown INTEGER",
        "ALTER TABLE candidates ADD COLUMN passed_over TEXT",
        "CREATE TABLE doubts (month TEXT NOT NULL, query TEXT NOT NULL, doubt TEXT NOT NULL,"
        " PRIMARY KEY (month, query, doubt)) WITHOUT ROWID",
        KEPT_VIEW,
        "ALTER TABLE images ADD COLUMN original_reason TEXT",
        "DELETE FROM images WHERE path IS NULL AND size = 'o'",  # the smaller size was not tried
    ),
}


def connect(path: Path) -> sqlite3.Connection:
    """Open the file, made where it is missing or empty, and brought to this version. Raises FlickrExifError."""
    with explained(path):
        db = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            empty = not db.execute("SELECT 1 FROM sqlite_master").fetchone()
            if empty:
                schema = files("flickrexif.collectors").joinpath("journal.sql").read_text()
                db.executescript(f"PRAGMA journal_mode=WAL; BEGIN; {schema} PRAGMA user_version={VERSION}; COMMIT;")
            elif version in UPGRADES:
                _upgrade(db)
            elif version != VERSION:
                raise other_version(path, f"journal {version}, not {VERSION}")
            # Commits survive a kill of the process; only a power cut could undo the last ones.
            db.execute("PRAGMA synchronous=NORMAL")
        except BaseException:
            db.close()
            raise
    return db


def _upgrade(db: sqlite3.Connection) -> None:
    """Bring a journal of an earlier version to this one; another process may be doing the same."""
    db.execute("BEGIN IMMEDIATE")
    try:
        while statements := UPGRADES.get(version := db.execute("PRAGMA user_version").fetchone()[0]):
            for statement in statements:
                db.execute(statement)
            db.execute(f"PRAGMA user_version={version + 1}")
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences."""
    try:
        yield
    except sqlite3.Error as error:
        again = "Then run the same command again: nothing that was journaled is lost."
        match error.sqlite_errorname if hasattr(error, "sqlite_errorname") else "":
            case "SQLITE_FULL":
                raise FlickrExifError(f"The disk that holds {path} is full.", f"Free some space. {again}") from error
            case "SQLITE_NOTADB" | "SQLITE_CORRUPT":
                hint = "Restore it from a copy, or give another --data-dir."
                raise FlickrExifError(f"{path} is damaged or no journal.", hint) from error
            case _:
                hint = f"Check the folder's disk and permissions. {again}"
                raise FlickrExifError(f"{path} cannot be read or written ({error}).", hint) from error
