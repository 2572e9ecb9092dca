"""What is left of photos that were taken down: a search for their ids that knows nothing of who wrote which file.

    any file                                 its name and the names of its folders
    Parquet                                  all numbers and texts, and the metadata; no bytes of images
    safetensors                              all whole numbers and packed texts, and the metadata; no embeddings
    SQLite                                   all numbers and texts, and every byte: free pages and the -wal file too
    images, and others of more than 16 MB    the name alone
    all others                               every byte

Not found are the pixels of an image under another name, what is compressed in another way, and ids below 10**8, which
any number could be.
"""

import json
import mmap
import re
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.files import local
from flickrexif.core.image_files import ENDINGS
from flickrexif.core.parquet import opened
from flickrexif.core.photo_ids import NUMBER_BYTES, is_ambiguous
from flickrexif.core.remote import is_remote

TEXTS = frozenset(
    ".bib .cfg .css .csv .htm .html .ini .js .json .jsonl .log .md .rst .svg .tex .toml .tsv .txt .xml .yaml "
    ".yml".split()
)
IMAGES = ENDINGS | {".partial"}  # whole or on their way
MAX_BYTES = 16 * 2**20  # of a file that is none of these
SQLITE = b"SQLite format 3\0"
OWNER = re.compile(rb"(?<![0-9])([0-9]{1,20})(?:@|%40)(N[0-9]{2})(?![0-9])")
MOST_FORMS = 1_000  # photos whose numbers are looked for as SQLite writes them


@dataclass(frozen=True)
class Needles:
    """What is looked for: ids of photos and NSIDs of photographers."""

    photos: frozenset[str]
    owners: frozenset[str]

    @classmethod
    def of(cls, photos: Iterable[str], owners: Iterable[str]) -> "Needles":
        """Those that can be told from other numbers."""
        return cls(frozenset(one for one in photos if not is_ambiguous(one)), frozenset(owners))

    @cached_property
    def _bytes(self) -> frozenset[bytes]:
        return frozenset(photo_id.encode() for photo_id in self.photos)

    def among(self, content: "bytes | mmap.mmap") -> bool:
        """Whether a text names one."""
        if any(match[0] in self._bytes for match in NUMBER_BYTES.finditer(content)):
            return True
        names = (f"{match[1].decode()}@{match[2].decode()}" for match in OWNER.finditer(content)) if self.owners else ()
        return any(name in self.owners for name in names)


def what_is_left(files: Sequence[Path], folder: Path, needles: Needles) -> list[Path]:
    """The files, of a data folder and elsewhere, in which something is left; of `folder` the parts below it count."""
    return [path for path in files if _names(path, folder, needles) or _holds(path, needles)]


def _names(path: Path, folder: Path, needles: Needles) -> bool:
    below = path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name
    return needles.among(below.encode("utf-8", "surrogateescape"))


def _holds(path: Path, needles: Needles) -> bool:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return any(map(needles.among, _of_parquet(path, needles.photos)))
    if suffix == ".safetensors":
        return any(map(needles.among, _of_safetensors(path, needles.photos)))
    if suffix in IMAGES or (suffix not in TEXTS and path.stat().st_size > MAX_BYTES and not _is_sqlite(path)):
        return False
    return any(map(needles.among, _of_bytes(path))) or (_is_sqlite(path) and _in_sqlite(path, needles))


def _of_bytes(path: Path) -> "Iterator[bytes | mmap.mmap]":
    if is_remote(path):
        yield path.read_bytes()
        return
    with path.open("rb") as file:
        if path.stat().st_size:  # an empty file cannot be mapped
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield content


# --- Parquet


def _of_parquet(path: Path, ids: Collection[str]) -> Iterator[bytes]:
    """The texts of the file, a column of a row group at a time; of the numbers those that are ids."""
    with opened(path, "Delete it, then run the same command again.") as file:
        yield b"\n".join(part for pair in (file.metadata.metadata or {}).items() for part in pair)
        columns = [file.schema.column(place) for place in range(len(file.schema))]
        names = [column.path for column in columns if _is_told(column)]
        for group in range(file.num_row_groups if names else 0):
            for column in file.read_row_group(group, columns=names).columns:
                for array in column.chunks:
                    yield from _texts(array, ids)


def _is_told(column: Any) -> bool:
    """Whether a column of the file holds whole numbers or texts."""
    return "INT" in column.physical_type or column.logical_type.type in ("STRING", "JSON", "ENUM")


def _texts(array: Any, ids: Collection[str]) -> Iterator[bytes]:
    """The texts of an Arrow array and of the arrays within, a line each."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_struct(kind):
        for place in range(kind.num_fields):
            yield from _texts(array.field(place), ids)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _texts(array.flatten(), ids)
    elif pa.types.is_dictionary(kind):
        yield from _texts(array.dictionary, ids)
    elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
        yield "\n".join(filter(None, array.to_pylist())).encode("utf-8", "surrogatepass")
    elif pa.types.is_integer(kind):
        wanted = pa.array(sorted(map(int, ids)), pa.int64())
        numbers = array.cast(pa.int64(), safe=False)
        yield "\n".join(map(str, numbers.filter(pc.is_in(numbers, value_set=wanted)).to_pylist())).encode()


# --- safetensors


def _of_safetensors(path: Path, ids: Collection[str]) -> Iterator[bytes]:
    import numpy as np
    from safetensors import SafetensorError, safe_open

    try:
        with local(path) as here, safe_open(here, framework="numpy") as file:
            yield "\n".join((file.metadata() or {}).values()).encode()
            for name in file.keys():  # noqa: SIM118  # it is no dict
                kind, shape = file.get_slice(name).get_dtype(), file.get_slice(name).get_shape()
                if kind in ("I64", "U64", "I32", "U32") and len(shape) == 1:
                    column = file.get_tensor(name).astype(np.int64)
                    yield "\n".join(map(str, column[np.isin(column, sorted(map(int, ids)))].tolist())).encode()
                elif kind == "U8" and len(shape) == 2:  # texts, padded with zeros
                    yield np.pad(file.get_tensor(name), ((0, 0), (0, 1)), constant_values=10).tobytes()
    except (SafetensorError, OSError) as error:
        message = f"{path} is no whole safetensors file ({error})."
        raise FlickrExifError(message, "Delete it, then run the same command again.") from None


# --- SQLite


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE or path.name.endswith("-wal")


def _in_sqlite(path: Path, needles: Needles) -> bool:
    forms = [form for photo_id in sorted(needles.photos)[:MOST_FORMS] for form in forms_of(int(photo_id))]
    for content in _of_bytes(path):
        if any(content.find(form) >= 0 for form in forms):
            return True
    if path.name.endswith("-wal"):
        return False
    with local(path) as here:
        return any(_rows(here, needles))


def forms_of(number: int) -> Iterator[bytes]:
    """A number as SQLite writes it: as the key of a row, and as a value; none that could be there by chance."""
    if number < 2**56:
        digits = [number & 127]
        while number >> 7 * len(digits):
            digits.append((number >> 7 * len(digits) & 127) | 128)
    else:  # of nine bytes the last has 8 bits of it
        digits = [number & 255, *((number >> 8 + 7 * place & 127) | 128 for place in range(8))]
    for form in (bytes(reversed(digits)), number.to_bytes(6 if number < 2**47 else 8, "big")):
        if number >= 2**31 and len(form) > 4:
            yield form


def _rows(path: Path, needles: Needles) -> Iterator[bool]:
    names = json.dumps([*needles.photos, *needles.owners])
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as db:
        for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            for _, column, *_ in db.execute(f'PRAGMA table_info("{table}")').fetchall():
                named = f'FROM "{table}" WHERE CAST("{column}" AS TEXT) IN (SELECT value FROM json_each(?))'  # noqa: S608
                yield db.execute(f"SELECT 1 {named} LIMIT 1", (names,)).fetchone() is not None
