"""The list of takedowns: photos and photographers that were removed and must never come back.

    <root>/.crawl/takedowns.csv    time, kind (photo or owner), method, salt, coarse, hash, reason; never published

A line holds a salted hash of the id, not the id. All lines of a folder have the same salt, but each line repeats it, so
that the lists of two folders can be joined line by line.

The salt is beside the hash, and there are few ids: anyone who has the list could try them all. So the hash is a slow
one (scrypt). As a crawl must look up every photo it meets, a line also holds the first digits of a fast hash, `coarse`:
only a name with these digits is hashed slowly. Fewer digits reveal less but make a crawl slower, see
docs/publishing.md. Lines of version 0.1 hold a fast hash alone (the method hmac) and are read as before.
"""

import csv
import hashlib
import hmac
import io
import re
import secrets
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Literal

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.files import put_private
from flickrexif.core.photo_ids import NUMBER, names_photo
from flickrexif.core.text import plain, safe_cell

Kind = Literal["photo", "owner"]

SALT_BYTES = 16
MAX_REASON = 200  # characters
COARSE: Mapping[str, int] = {"photo": 4, "owner": 2}  # hexadecimal digits; there are fewer photographers than photos
HMAC, SCRYPT = "hmac", "scrypt"
COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 2**25, "dklen": 32}  # of scrypt: 16 MB, about 40 ms
FORMS = {
    "time": r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z",
    "kind": r"photo|owner",
    "method": rf"{HMAC}|{SCRYPT}",
    "salt": rf"[0-9a-f]{{{2 * SALT_BYTES}}}",
    "coarse": r"[0-9a-f]{0,4}",
    "hash": r"[0-9a-f]{64}",
    "reason": rf".{{1,{MAX_REASON}}}",
}
FIRST_FORMS = {name: form for name, form in FORMS.items() if name not in ("method", "coarse")}  # of version 0.1


@dataclass(frozen=True, slots=True, order=True)
class Takedown:
    """One line of the list."""

    time: str  # when it was asked for, UTC: 2026-01-31T12:00:00Z
    kind: str
    method: str
    salt: str
    coarse: str  # "" where `hash` is a fast one
    hash: str  # of the photo's id or the owner's NSID
    reason: str


@dataclass(frozen=True)
class Takedowns:
    """The list; `photo`, `owner` and `image` look it up."""

    lines: tuple[Takedown, ...] = ()

    def photo(self, photo_id: int) -> bool:
        """Whether the photo of that id must not be taken."""
        return self._listed("photo", str(photo_id))

    def owner(self, nsid: str) -> bool:
        """Whether no photo of that photographer may be taken."""
        return self._listed("owner", nsid)

    def photos(self, ids: Iterable[int]) -> set[int]:
        """Those of `ids` that must not be taken; many are hashed at once."""
        return set(map(int, self._listed_among("photo", map(str, ids))))

    def owners(self, nsids: Iterable[str]) -> set[str]:
        """Those of `nsids` of whom no photo may be taken; many are hashed at once."""
        return self._listed_among("owner", nsids)

    def image(self, image_id: str) -> bool:
        """Whether an image's id, such as `cat/53512345678.jpg`, names a photo that must not be taken."""
        return bool(self.lines) and any(self.photo(int(number)) for number in NUMBER.findall(image_id))

    def _listed(self, kind: Kind, name: str) -> bool:
        return any(lines.hold(salt, kind, name) for salt, lines in self._by_salt.get(kind, {}).items())

    def _listed_among(self, kind: Kind, names: Iterable[str]) -> set[str]:
        by_salt = self._by_salt.get(kind, {})
        possible = [name for name in names if any(lines.may_hold(salt, kind, name) for salt, lines in by_salt.items())]
        with ThreadPoolExecutor() as pool:  # scrypt lets other threads run
            listed = pool.map(partial(self._listed, kind), possible)
            return {name for name, is_listed in zip(possible, listed, strict=True) if is_listed}

    @cached_property
    def _by_salt(self) -> Mapping[str, Mapping[str, "_Lines"]]:
        """kind -> salt -> what the lines hold."""
        lines: dict[str, dict[str, _Lines]] = {}
        for line in self.lines:
            held = lines.setdefault(line.kind, {}).setdefault(line.salt, _Lines(set(), set(), set()))
            if line.method == HMAC:
                held.fast.add(line.hash)
            else:
                held.coarse.add(line.coarse)
                held.slow.add(line.hash)
        return lines


@dataclass(frozen=True, slots=True)
class _Lines:
    """The hashes of one kind under one salt."""

    fast: set[str]
    coarse: set[str]
    slow: set[str]

    def may_hold(self, salt: str, kind: Kind, name: str) -> bool:
        """Whether a line can be of that name, as far as the fast hashes tell."""
        fast = fast_hash(salt, kind, name)
        return fast in self.fast or fast[: COARSE[kind]] in self.coarse

    def hold(self, salt: str, kind: Kind, name: str) -> bool:
        """Whether a line is of that name."""
        fast = fast_hash(salt, kind, name)
        return fast in self.fast or (fast[: COARSE[kind]] in self.coarse and slow_hash(salt, kind, name) in self.slow)


def fast_hash(salt: str, kind: Kind, name: str) -> str:
    """HMAC-SHA256 of a photo's id or an owner's NSID."""
    return hmac.digest(bytes.fromhex(salt), _message(kind, name), hashlib.sha256).hex()


@lru_cache(maxsize=2**16)  # a crawl meets a photographer again and again
def slow_hash(salt: str, kind: Kind, name: str) -> str:
    """scrypt of a photo's id or an owner's NSID."""
    return hashlib.scrypt(_message(kind, name), salt=bytes.fromhex(salt), **COST).hex()


def _message(kind: Kind, name: str) -> bytes:
    return f"{kind}:{name}".encode("utf-8", "surrogatepass")


def takedown_path(root: Path) -> Path:
    """The path of the list of a FlickrExif folder."""
    return root / ".crawl" / "takedowns.csv"


def read_takedowns(path: Path) -> Takedowns:
    """The list; an empty one without a file.

    Raises FlickrExifError for a damaged list: without it a crawl could take removed photos again.
    """
    try:
        text = path.read_bytes().decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (FileNotFoundError, NotADirectoryError):
        return Takedowns()
    except OSError as error:
        raise FlickrExifError(f"{path} cannot be read ({error.strerror}).", "Mend that, then try again.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise _damaged(path, str(error)) from None
    forms = next((forms for forms in (FORMS, FIRST_FORMS) if rows and rows[0] == list(forms)), None)
    if forms is None or not text.endswith("\n"):
        raise _damaged(path, "its first line is not of this version, or its last line is not whole")
    lines = [_line(forms, row) for row in rows[1:]]
    if None in lines:
        raise _damaged(path, f"line {lines.index(None) + 2}")
    return Takedowns(tuple(filter(None, lines)))


def _line(forms: Mapping[str, str], row: list[str]) -> Takedown | None:
    """A line in either form; None for a damaged one."""
    if len(row) != len(forms) or not all(map(re.fullmatch, forms.values(), row)):
        return None
    line = Takedown(**{"method": HMAC, "coarse": "", **dict(zip(forms, row, strict=True))})
    return line if len(line.coarse) == (COARSE[line.kind] if line.method == SCRYPT else 0) else None


def write_takedowns(path: Path, takedowns: Takedowns) -> None:
    """Write the list; an empty one only over an existing file."""
    if not takedowns.lines and not path.exists():
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows((tuple(FORMS), *map(astuple, takedowns.lines)))
    put_private(path, text.getvalue())


def add(
    path: Path, *, photos: Iterable[int] = (), owners: Iterable[str] = (), reason: str, now: datetime
) -> tuple[Takedown, ...]:
    """Add photos and owners to the list at `path`, unless they are on it; returns the new lines.

    `now` has a time zone. Raises UsageError for a reason that is empty or names one of them, FlickrExifError for a
    damaged list.
    """
    photos, owners = sorted(set(photos)), sorted(set(owners))
    before = read_takedowns(path)
    listed = before.photos(photos), before.owners(owners)
    new_names: list[tuple[Kind, str]] = [("photo", str(name)) for name in photos if name not in listed[0]]
    new_names += [("owner", name) for name in owners if name not in listed[1]]
    line = one_line(reason, [*map(str, photos), *owners])
    salt = before.lines[0].salt if before.lines else secrets.token_hex(SALT_BYTES)
    time = f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    with ThreadPoolExecutor() as pool:
        hashes = pool.map(lambda name: _hashes(salt, *name), new_names)
        new = tuple(
            Takedown(time, kind, SCRYPT, salt, *both, line) for (kind, _), both in zip(new_names, hashes, strict=True)
        )
    write_takedowns(path, Takedowns(before.lines + new))
    return new


def _hashes(salt: str, kind: Kind, name: str) -> tuple[str, str]:
    return fast_hash(salt, kind, name)[: COARSE[kind]], slow_hash(salt, kind, name)


def merge(lists: Iterable[Takedowns]) -> Takedowns:
    """The lines of all `lists`, each once, by time."""
    return Takedowns(tuple(sorted({line for takedowns in lists for line in takedowns.lines})))


def one_line(reason: str, names: Collection[str] = ()) -> str:
    """A reason as the list holds it: one line, bounded, no control characters, no formula.

    Raises UsageError for one that is empty or holds one of `names`.
    """
    line = safe_cell(plain(reason, MAX_REASON - 1))
    if not line:
        raise UsageError("The reason is empty.", 'Say why, for example --reason "asked by the owner".')
    if names_photo(line, names) or any("@" in name and name in line for name in names):
        raise UsageError("The reason names who is to be forgotten.", "It is kept: say why, not who.")
    return line


def _damaged(path: Path, what: str) -> FlickrExifError:
    hint = (
        "Restore it from a copy, as without it a photo that was taken down could come back; or, if a later flickrexif "
        "wrote it, type: pip install --upgrade flickrexif"
    )
    return FlickrExifError(f"The list of takedowns {path} is damaged ({what}).", hint)
