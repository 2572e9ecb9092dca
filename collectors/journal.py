"""The journal: one SQLite file that holds the whole state of a crawl.

A worker commits each answer and its verdict in one transaction before it goes on. So a crawl that is killed at any
instant repeats at most one call a worker.
"""

import sqlite3
import threading
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from flickrexif.collectors.flickr.models import Image, SearchPhoto
from flickrexif.collectors.journal_file import connect, explained
from flickrexif.collectors.search import Answer
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import PRIVATE
from flickrexif.core.verdicts import KEPT

NAME = "journal.sqlite"
COLLECTING = ("flickr.photos.search", "flickr.photos.getExif")  # the calls that bring photos
FETCHED = "fetched"  # key of `meta` in the journal of photos of a table
CLEAN = "clean"  # key of `meta`, set while the file's free space is empty: from a `forget` to the next crawl
OF_PHOTOS = tuple(
    f"FROM {table} WHERE photo_id IN (SELECT value FROM json_each(?))"  # noqa: S608
    for table in ("candidates", "exif", "images", "checks")
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo that was drawn, with the verdict of its Exif where it was asked for."""

    photo_id: int
    owner: str
    verdict: str | None


@dataclass(frozen=True, slots=True)
class MonthState:
    """What a month was last asked for, and how far its crawl has come."""

    target: int
    rounds: int  # of windows, read and drawn
    exhausted: bool  # whether every photo that the searches brought is drawn
    done: bool  # whether the photos kept are those of the target, or all there are


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """A finished download: its file, or the reason there is none."""

    photo_id: int
    reason: str | None
    size: str | None = None
    path: str | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    original_reason: str | None = None  # why it is not the original, where that was asked for


OWNER_AND_ADDRESS = "SELECT owner, json_extract(CAST(photo AS TEXT), '$.image.url') FROM candidates WHERE photo_id = ?"
IMAGE_FIELDS = ", ".join(ImageRecord.__dataclass_fields__)


class Journal:
    """One connection, which threads use in turn; see `open_journal` and `read_journal`."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.path = path
        self._db = db
        self._lock = threading.RLock()

    # -- the connection -------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, explained(self.path):
            try:  # around BEGIN too: Ctrl-C between the two would leave it open for the next caller
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, sql: str, *values: Any) -> list[Any]:
        with self._lock, explained(self.path):
            return self._db.execute(sql, values).fetchall()

    def close(self) -> None:
        """Close the connection; SQLite merges its write-ahead log into the file."""
        with self._lock:
            self._db.close()

    # -- settings and calls ---------------------------------------------------------------------------------

    def settle(self, key: str, value: str) -> str:
        """Store `value` under `key` unless the journal already has one; return what it has."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO meta VALUES (?, ?)", (key, value))
            return str(db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0])

    def meta(self) -> dict[str, str]:
        """All values that `settle` stored, by key."""
        return dict(self._rows("SELECT key, value FROM meta"))

    def record_call(self, at: float, method: str, month: str) -> None:
        """Note a call that is about to leave, `at` in seconds since 1970."""
        with self._transaction() as db:
            db.execute("INSERT INTO calls VALUES (?, ?, ?)", (at, method, month))

    def call_span(self) -> tuple[float, float] | None:
        """When the first and the last call that collects photos left, or None."""
        first, last = self._rows("SELECT MIN(at), MAX(at) FROM calls WHERE method IN (?, ?)", *COLLECTING)[0]
        return None if first is None else (first, last)

    def calls(self) -> dict[str, dict[str, int]]:
        """Calls by month and method, every attempt counted."""
        counts: dict[str, dict[str, int]] = {}
        for month, method, count in self._rows("SELECT month, method, COUNT(*) FROM calls GROUP BY month, method"):
            counts.setdefault(month, {})[method] = count
        return counts

    # -- months ---------------------------------------------------------------------------------------------

    def start_month(self, month: str, target: int) -> MonthState:
        """Open `month` for `target` photos; return how far it has come."""
        with self._transaction() as db:
            db.execute("DELETE FROM meta WHERE key = ?", (CLEAN,))
            db.execute("INSERT OR IGNORE INTO months (month, target) VALUES (?, ?)", (month, target))
            db.execute("UPDATE months SET target = ?1, done = 0 WHERE month = ?2 AND target != ?1", (target, month))
        return self.months()[month]

    def search_again(self, month: str) -> None:
        """Forget what the searches of `month` said, but not the photos that they brought."""
        with self._transaction() as db:
            db.execute("DELETE FROM searches WHERE month = ?", (month,))
            db.execute("DELETE FROM doubts WHERE month = ?", (month,))
            db.execute("UPDATE candidates SET query = '' WHERE month = ? AND round IS NULL", (month,))
            db.execute("UPDATE months SET rounds = 0, exhausted = 0, done = 0 WHERE month = ?", (month,))

    def exhaust(self, month: str) -> None:
        """Note that every photo of `month` is drawn."""
        with self._transaction() as db:
            db.execute("UPDATE months SET exhausted = 1 WHERE month = ?", (month,))

    def finish_month(self, month: str) -> None:
        """Note that the photos kept of `month` are those of its target."""
        with self._transaction() as db:
            db.execute("UPDATE months SET done = 1 WHERE month = ?", (month,))

    def months(self) -> dict[str, MonthState]:
        """The state of each month, in their order."""
        rows = self._rows("SELECT month, target, rounds, exhausted, done FROM months ORDER BY month")
        return {
            month: MonthState(target, rounds, bool(exhausted), bool(done))
            for month, target, rounds, exhausted, done in rows
        }

    # -- searches and candidates ----------------------------------------------------------------------------

    def search_answer(self, month: str, query: str, page: int) -> Answer | None:
        """What a page said that was read before, or None."""
        sql = "SELECT total, shown, fresh FROM searches WHERE month = ? AND query = ? AND page = ?"
        rows = self._rows(sql, month, query, page)
        return Answer(*rows[0]) if rows else None

    def add_search(
        self, month: str, query: str, page: int, answer: Answer, photos: Iterable[tuple[SearchPhoto, int, str | None]]
    ) -> None:
        """Store a search answer with its photos, each `(photo, rank, verdict or None)`.

        A photo keeps the window that brought it first, until its month is searched again.
        """
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO candidates (photo_id, month, query, owner, rank, verdict, photo)"
                " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET query = excluded.query"
                " WHERE query = '' AND month = excluded.month",
                (
                    (p.id, month, query, p.owner, rank, verdict, None if verdict else orjson.dumps(p))
                    for p, rank, verdict in photos
                ),
            )
            sql = "INSERT OR REPLACE INTO searches (month, query, page, total, shown, fresh) VALUES (?, ?, ?, ?, ?, ?)"
            db.execute(sql, (month, query, page, *answer))

    def add_doubt(self, month: str, query: str, doubt: str) -> None:
        """Note why the photos of a window cannot be trusted to be all: one of `search.DOUBTS`."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO doubts VALUES (?, ?, ?)", (month, query, doubt))

    def doubts(self, month: str) -> dict[str, int]:
        """How many windows of `month` each doubt is about."""
        return dict(self._rows("SELECT doubt, COUNT(*) FROM doubts WHERE month = ? GROUP BY doubt", month))

    def photos_in(self, month: str, query: str) -> set[int]:
        """The ids of the photos that a window brought."""
        sql = "SELECT photo_id FROM candidates WHERE month = ? AND query = ?"
        return {row[0] for row in self._rows(sql, month, query)}

    def undrawn(self, month: str) -> list[tuple[int, str]]:
        """The photos that were read and not drawn, each with its window's key."""
        sql = "SELECT photo_id, query FROM candidates WHERE month = ? AND round IS NULL AND verdict IS NULL"
        return self._rows(sql, month)

    def draw(self, month: str, round_: int, photo_ids: Iterable[int]) -> None:
        """Draw photos in a round."""
        with self._transaction() as db:
            sql = "UPDATE candidates SET round = ? WHERE photo_id = ?"
            db.executemany(sql, ((round_, photo_id) for photo_id in photo_ids))
            db.execute("UPDATE months SET rounds = ? WHERE month = ?", (round_ + 1, month))

    def drawn(self, month: str, chunk: int = 1_000) -> Iterator[Candidate]:
        """Every photo drawn so far, in the order in which they are tried; read in chunks to keep memory small."""
        after = (-1, -1, -1)
        sql = (
            "SELECT photo_id, owner, verdict, round, rank FROM candidates WHERE month = ? AND round IS NOT NULL"
            " AND (round, rank, photo_id) > (?, ?, ?) ORDER BY round, rank, photo_id LIMIT ?"
        )
        while rows := self._rows(sql, month, *after, chunk):
            yield from (Candidate(*row[:3]) for row in rows)
            after = (rows[-1][3], rows[-1][4], rows[-1][0])

    def photo(self, photo_id: int) -> SearchPhoto:
        """What the search said of a candidate that is not rejected."""
        return _photo(self._rows("SELECT photo FROM candidates WHERE photo_id = ?", photo_id)[0][0])

    def credit(self, photo_id: int, license_id: int | None, title: str | None, owner_name: str | None) -> None:
        """Store the licence of a photo that a table named without, and whom to credit."""
        with self._transaction() as db:
            row = db.execute("SELECT photo FROM candidates WHERE photo_id = ?", (photo_id,)).fetchone()
            photo = replace(_photo(row[0]), license_id=license_id, title=title, owner_name=owner_name)
            db.execute("UPDATE candidates SET photo = ? WHERE photo_id = ?", (orjson.dumps(photo), photo_id))

    def pass_over(self, reasons: Iterable[tuple[int, str | None]]) -> None:
        """Set why drawn photos are not kept whatever their Exif says, `(id, reason)`; None: no such reason."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE candidates SET passed_over = ?2 WHERE photo_id = ?1 AND passed_over IS NOT ?2", reasons
            )

    def add_exif(self, photo_id: int, answer: Mapping[str, Any], verdict: str, tags: Mapping[str, str]) -> None:
        """Store getExif's whole answer (a refusal too), the verdict, and a kept photo's raw strings."""
        kept = verdict == KEPT
        with self._transaction() as db:
            packed = zlib.compress(orjson.dumps(answer), 6)
            db.execute("INSERT OR REPLACE INTO exif VALUES (?, ?)", (photo_id, packed))
            db.execute(
                "UPDATE candidates SET verdict = ?, tags = ?, photo = CASE WHEN ? THEN photo END WHERE photo_id = ?",
                (verdict, orjson.dumps(tags) if kept else None, kept, photo_id),
            )

    def kept(self, month: str, chunk: int = 1_000) -> Iterator[tuple[SearchPhoto, dict[str, str]]]:
        """The kept photos with their raw Exif strings, sorted by id; read in chunks to keep memory small."""
        last = -1
        sql = "SELECT photo_id, photo, tags FROM kept WHERE month = ? AND photo_id > ? ORDER BY photo_id LIMIT ?"
        while rows := self._rows(sql, month, last, chunk):
            yield from ((_photo(photo), orjson.loads(tags)) for _, photo, tags in rows)
            last = rows[-1][0]

    def keep(self, month: str, photos: Iterable[tuple[SearchPhoto, Mapping[str, str]]], settings: str) -> None:
        """Make `photos` of a table, each with its raw Exif strings, those that are kept of `month`, and no others.

        `settings`: which photos they are, as JSON; `meta` has it under FETCHED.
        A photo whose address or owner changed is as new: its image record is removed.
        """
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (FETCHED, settings))
            db.execute("UPDATE candidates SET passed_over = 'not_chosen' WHERE month = ?", (month,))
            for photo, tags in photos:
                now = (photo.owner, photo.image and photo.image.url)
                if (row := db.execute(OWNER_AND_ADDRESS, (photo.id,)).fetchone()) and row != now:
                    db.execute("DELETE FROM candidates WHERE photo_id = ?", (photo.id,))
                    db.execute("DELETE FROM images WHERE photo_id = ?", (photo.id,))
                db.execute(
                    "INSERT INTO candidates (photo_id, month, query, owner, rank, verdict, photo, tags)"
                    " VALUES (?, ?, '', ?, 0, ?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET passed_over = NULL, tags = excluded.tags",
                    (photo.id, month, photo.owner, KEPT, orjson.dumps(photo), orjson.dumps(tags)),
                )

    def verdicts(self, month: str) -> dict[str, int]:
        """How many candidates got each verdict, or were passed over for each reason."""
        sql = (
            "SELECT COALESCE(passed_over, verdict), COUNT(*) FROM candidates WHERE month = ?"
            " AND (verdict IS NOT NULL OR passed_over IS NOT NULL) GROUP BY 1"
        )
        return dict(self._rows(sql, month))

    def owners(self, month: str) -> int:
        """How many photographers the kept photos have."""
        return int(self._rows("SELECT COUNT(DISTINCT owner) FROM kept WHERE month = ?", month)[0][0])

    # -- images ---------------------------------------------------------------------------------------------

    def without_image(self, month: str, *, originals: bool = False) -> list[int]:
        """The ids of kept photos that have no image record yet, or with `originals` whose original was not tried."""
        sql = (
            "SELECT kept.photo_id FROM kept LEFT JOIN images USING (photo_id)"
            " WHERE kept.month = ? AND (images.photo_id IS NULL OR ? AND size IS NOT 'o'"
            " AND original_reason IS NULL AND reason IS NOT 'private'"
            " AND json_extract(CAST(photo AS TEXT), '$.original.url') IS NOT NULL) ORDER BY kept.photo_id"
        )
        return [row[0] for row in self._rows(sql, month, originals)]

    def add_image(self, month: str, record: ImageRecord) -> None:
        """Store a finished download."""
        with self._transaction() as db:
            values = (record.photo_id, month, *list(asdict(record).values())[1:])
            db.execute("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    def image(self, photo_id: int) -> ImageRecord | None:
        """The finished download of a photo, None where there is none."""
        rows = self._rows(f"SELECT {IMAGE_FIELDS} FROM images WHERE photo_id = ?", photo_id)  # noqa: S608
        return ImageRecord(*rows[0]) if rows else None

    def images(self, month: str) -> list[ImageRecord]:
        """The finished downloads of `month`, by id."""
        sql = f"SELECT {IMAGE_FIELDS} FROM images WHERE month = ? ORDER BY photo_id"  # noqa: S608
        return [ImageRecord(*row) for row in self._rows(sql, month)]

    def drop_images(self, photo_ids: Collection[int]) -> None:
        """Remove the image records of photos whose files are lost."""
        with self._transaction() as db:
            db.execute("DELETE FROM images WHERE photo_id IN (SELECT value FROM json_each(?))", (_json(photo_ids),))

    # -- takedowns, and checks whether photos are still shared ----------------------------------------------

    def photos_of(self, photo_ids: Iterable[int], owners: Iterable[str]) -> dict[int, str]:
        """The candidates of these ids and of these photographers, whatever their verdict: id -> owner."""
        sql = (
            "SELECT photo_id, owner FROM candidates WHERE photo_id IN (SELECT value FROM json_each(?1))"
            " OR owner IN (SELECT value FROM json_each(?2))"
        )
        return dict(self._rows(sql, _json(photo_ids), _json(owners)))

    def holds(self, photo_ids: Collection[int]) -> int:
        """How many rows of all tables are of these photos."""
        ids = _json(photo_ids)
        return sum(self._rows(f"SELECT COUNT(*) {where}", ids)[0][0] for where in OF_PHOTOS)

    def forget(self, photo_ids: Collection[int]) -> None:
        """Remove every row of these photos, and their bytes from the file.

        Raises FlickrExifError while another program reads the journal, as the bytes then stay in the file.
        """
        ids = _json(photo_ids)
        if self.holds(photo_ids) or CLEAN not in self.meta():
            with self._transaction() as db:
                db.execute("DELETE FROM meta WHERE key = ?", (CLEAN,))
                for where in OF_PHOTOS:
                    db.execute(f"DELETE {where}", (ids,))
            # Deleted rows stay in the file's free space until VACUUM writes the file anew.
            with self._lock, explained(self.path):
                self._db.execute("VACUUM")
            self.settle(CLEAN, "yes")
        with self._lock, explained(self.path):
            (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            hint = "Wait until it ends, then run the same command again."
            raise FlickrExifError(f"Another program is reading {self.path}, which keeps what is forgotten.", hint)

    def checks(self) -> dict[int, tuple[float, str]]:
        """When each photo was last checked (seconds since 1970), and the verdict."""
        return {photo_id: (at, verdict) for photo_id, at, verdict in self._rows("SELECT * FROM checks")}

    def add_check(self, photo_id: int, at: float, verdict: str) -> None:
        """Store whether a photo of the data set is still shared."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO checks VALUES (?, ?, ?)", (photo_id, at, verdict))


def _json(values: Iterable[int | str]) -> str:
    return orjson.dumps(sorted(values)).decode()


def _photo(packed: bytes) -> SearchPhoto:
    fields = orjson.loads(packed)
    for key in ("image", "original"):
        fields[key] = fields[key] and Image(**fields[key])
    return SearchPhoto(**fields)


@contextmanager
def open_journal(path: Path) -> Iterator[Journal]:
    """Open the journal for writing, and create it when it does not exist; the caller holds the data folder's lock.

    It names photographers, so that other users of the machine may not read it.

    Raises FlickrExifError when it is no journal of this version, or when the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(PRIVATE)
        with suppress(PermissionError):  # of another user, who shares it
            path.chmod(PRIVATE)
    except OSError as error:
        hint = "Give a folder you may write with --data-dir."
        raise FlickrExifError(f"The folder {path.parent} cannot be written ({error.strerror}).", hint) from error
    journal = Journal(path, connect(path))
    try:
        yield journal
    finally:
        journal.close()


def check_journal(path: Path) -> None:
    """FlickrExifError when there is no journal."""
    if not path.exists():
        hint = "Start one: flickrexif crawl --month 2024-08 --sandbox."
        raise FlickrExifError(f"There is no crawl in {path.parent.parent}.", hint)


@contextmanager
def read_journal(path: Path) -> Iterator[Journal]:
    """Open an existing journal for reading, also while a crawl runs."""
    check_journal(path)
    journal = Journal(path, connect(path))
    try:
        yield journal
    finally:
        journal.close()
