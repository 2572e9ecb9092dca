"""The list of takedowns: photos and photographers that must go, and must never come back.

    <root>/.crawl/takedowns.csv    time, kind (photo or owner), salt, hash, reason; never published

Whoever asked to be forgotten is not written down: a line holds a salted hash (HMAC-SHA256) of the id. A folder has
one salt and every line carries its own, so that the lists of two folders are joined line by line.
"""

import csv
import hashlib
import hmac
import io
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import put_text

Kind = Literal["photo", "owner"]

SALT_BYTES = 16
MAX_REASON = 200  # characters
FORMS = {
    "time": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z",
    "kind": r"photo|owner",
    "salt": rf"[0-9a-f]{{{2 * SALT_BYTES}}}",
    "hash": r"[0-9a-f]{64}",
    "reason": rf".{{1,{MAX_REASON}}}",
}


@dataclass(frozen=True, slots=True, order=True)
class Takedown:
    """One line of the list."""

    time: str  # when it was asked for, UTC: 2026-01-31T12:00:00Z
    kind: str
    salt: str
    hash: str  # of the photo's id or the owner's NSID
    reason: str


@dataclass(frozen=True)
class Takedowns:
    """The list; `photo` and `owner` tell who is on it."""

    lines: tuple[Takedown, ...] = ()

    def photo(self, photo_id: int) -> bool:
        """Whether the photo of that id must not be taken."""
        return self._listed("photo", str(photo_id))

    def owner(self, nsid: str) -> bool:
        """Whether no photo of that photographer may be taken."""
        return self._listed("owner", nsid)

    def _listed(self, kind: Kind, name: str) -> bool:
        return any(hashed(salt, kind, name) in hashes for salt, hashes in self._hashes.get(kind, {}).items())

    @cached_property
    def _hashes(self) -> Mapping[str, Mapping[str, set[str]]]:
        """kind -> salt -> hashes."""
        found: dict[str, dict[str, set[str]]] = {}
        for line in self.lines:
            found.setdefault(line.kind, {}).setdefault(line.salt, set()).add(line.hash)
        return found


def hashed(salt: str, kind: Kind, name: str) -> str:
    """What the list holds of a photo's id or an owner's NSID."""
    return hmac.digest(bytes.fromhex(salt), f"{kind}:{name}".encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def takedown_path(root: Path) -> Path:
    """Where the list of a FlickrExif folder is."""
    return root / ".crawl" / "takedowns.csv"


def read_takedowns(path: Path) -> Takedowns:
    """The list; an empty one where there is no file.

    Raises FlickrExifError for a damaged one: to go on without it could bring back who asked to be forgotten.
    """
    try:
        text = path.read_bytes().decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except FileNotFoundError:
        return Takedowns()
    except OSError as error:
        raise FlickrExifError(f"{path} cannot be read ({error.strerror}).", "Mend that, then try again.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise _damaged(path, str(error)) from None
    if not rows or rows[0] != list(FORMS) or not text.endswith("\n"):
        raise _damaged(path, "its first or its last line is not whole")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(FORMS) or not all(map(_fits, FORMS.values(), row)):
            raise _damaged(path, f"line {number}")
    return Takedowns(tuple(Takedown(*row) for row in rows[1:]))


def write_takedowns(path: Path, takedowns: Takedowns) -> None:
    """Write the list, whole or not at all; an empty one only where one was."""
    if not takedowns.lines and not path.exists():
        return
    text = io.StringIO()
    rows = (tuple(FORMS), *map(astuple, takedowns.lines))
    csv.writer(text, lineterminator="\n").writerows(rows)
    put_text(path, text.getvalue())


def add(
    path: Path, *, photos: Iterable[int] = (), owners: Iterable[str] = (), reason: str, now: datetime
) -> tuple[Takedown, ...]:
    """Put photos and owners on the list of `path` and return the new lines; who is on it already stays as it is.

    `now` has a time zone. Raises UsageError for an empty reason, FlickrExifError for a damaged list.
    """
    there = read_takedowns(path)
    told = one_line(reason)
    if not told:
        raise UsageError("The reason is empty.", 'Say why, for example --reason "asked by the owner".')
    salt = there.lines[0].salt if there.lines else secrets.token_hex(SALT_BYTES)
    time = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    wanted: list[tuple[Kind, str]] = [("photo", str(one)) for one in sorted(set(photos)) if not there.photo(one)]
    wanted += [("owner", one) for one in sorted(set(owners)) if not there.owner(one)]
    new = tuple(Takedown(time, kind, salt, hashed(salt, kind, name), told) for kind, name in wanted)
    write_takedowns(path, Takedowns(there.lines + new))
    return new


def merge(lists: Iterable[Takedowns]) -> Takedowns:
    """Everybody on any of `lists`, each line once, by time."""
    return Takedowns(tuple(sorted({line for one in lists for line in one.lines})))


def one_line(reason: str) -> str:
    """A reason as the list holds it: one line, bounded, no control characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in reason)
    return " ".join(printable.split())[:MAX_REASON].strip()


def _fits(form: str, value: str) -> bool:
    return re.fullmatch(form, value) is not None


def _damaged(path: Path, what: str) -> FlickrExifError:
    hint = "Restore it from a copy: without it a photo that was taken down could come back."
    return FlickrExifError(f"The list of takedowns {path} is damaged ({what}).", hint)
