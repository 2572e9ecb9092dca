"""Folders and files of object stores, by their addresses (s3://bucket/traces), with the methods of `pathlib`.

fsspec reaches the store; endpoint and keys are its own settings and those of the store's library. A store shows a file
only when it is whole, has no locks, and makes folders of themselves. Nothing about it is kept in memory, so that what
other machines write is seen. Whatever goes wrong is an OSError, as with a local file.
"""

import errno
import io
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple, cast

from flickrexif.core.errors import UsageError
from flickrexif.core.extras import require
from flickrexif.core.text import reason_of

STORES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs"}  # scheme -> package that reaches it
ADDRESS = re.compile(rf"({'|'.join(STORES)}):(?:/+(.*))?", re.DOTALL)  # a Path has one of its slashes left, or none
LIBRARIES = ("adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google")  # whose errors are the store's
BUFFER = 65_536  # bytes that are read at least
STORES_HINT = f"Stores: {', '.join(f'{scheme}://' for scheme in STORES)}. Mount another as a folder."


class Status(NamedTuple):
    """What is asked of `stat`."""

    st_size: int
    st_mtime_ns: int


class RemotePath(PurePosixPath):
    """A folder or file of a store. A folder is what has files below it."""

    def __str__(self) -> str:
        scheme, *names = self.parts or (".",)
        is_relative = scheme.removesuffix(":") not in STORES
        return super().__str__() if is_relative else f"{scheme}//{'/'.join(names)}"

    @property
    def parent(self) -> "RemotePath":
        """The folder around it; of a bucket itself, as of `/`."""
        return super().parent if len(self.parts) > 2 else self

    @property
    def parents(self) -> tuple["RemotePath", ...]:
        """The folders around it, up to the bucket."""
        return () if self.parent == self else (self.parent, *self.parent.parents)

    def absolute(self) -> "RemotePath":
        """Itself."""
        return self

    resolve = absolute

    # --- what is there

    def stat(self) -> Status:
        """Size and time of a file. FileNotFoundError where there is none."""
        with _as_os_error(self):
            fs = self._fs
            info = fs.info(str(self))
            if info["type"] != "file":
                raise FileNotFoundError("It is no file")
            changed = info.get("LastModified") or info.get("last_modified") or info.get("mtime")
        is_time = isinstance(changed, datetime)
        return Status(info["size"], int(changed.replace(tzinfo=UTC).timestamp() * 1e9) if is_time else 0)

    def exists(self) -> bool:
        """Whether there is a file or folder."""
        with _as_os_error(self):
            return self._type() is not None

    def is_file(self) -> bool:
        """Whether there is a file."""
        return self._type() == "file"

    def is_dir(self) -> bool:
        """Whether there is a folder."""
        return self._type() == "directory"

    def is_symlink(self) -> bool:
        """No store has links."""
        return False

    def samefile(self, other: object) -> bool:
        """Whether it is the same address."""
        return self == other

    def _type(self) -> str | None:
        with _as_os_error(self):
            try:
                return str(self._fs.info(str(self))["type"])
            except FileNotFoundError:
                return None

    def iterdir(self) -> Iterator["RemotePath"]:
        """What is in the folder. FileNotFoundError where there is none."""
        with _as_os_error(self):
            names = self._fs.ls(str(self), detail=False)
        return (path for path in map(self._of, sorted(names)) if path != self)

    def glob(self, pattern: str) -> Iterator["RemotePath"]:
        """Files and folders below it; a pattern that ends in `/` is of folders alone."""
        *above, last = pattern.removesuffix("/").split("/")
        folders: Iterable[RemotePath] = [self]
        for part in above:
            folders = [path for folder in folders for path in folder._inside(part, folders_alone=True)]
        return (path for folder in folders for path in folder._inside(last, folders_alone=pattern.endswith("/")))

    def rglob(self, pattern: str) -> Iterator["RemotePath"]:
        """Files at any depth whose names match."""
        return (path for path in self.sizes() if path.match(pattern))

    def sizes(self) -> dict["RemotePath", int]:
        """The files at any depth, sorted by their names, and their bytes."""
        with _as_os_error(self):
            entries = self._fs.find(str(self), detail=True)
        return {self._of(name): int(entries[name]["size"]) for name in sorted(entries)}

    def _inside(self, pattern: str, *, folders_alone: bool) -> list["RemotePath"]:
        if pattern == "**":
            below = {folder for path in self.rglob("*") for folder in path.parents if folder.is_relative_to(self)}
            return sorted(below)
        if not re.search(r"[*?[]", pattern):
            return [path] if (path := self / pattern).exists() else []
        with _as_os_error(self):
            try:
                entries = self._fs.ls(str(self), detail=True)
            except FileNotFoundError:
                return []
        kept = [entry["name"] for entry in entries if not folders_alone or entry["type"] == "directory"]
        return sorted(path for path in map(self._of, kept) if path != self and path.match(pattern))

    def _of(self, name: str) -> "RemotePath":
        """The path of a name as fsspec lists it, without the scheme."""
        return type(self)(self.parts[0], name.rstrip("/"))

    # --- contents

    def open(self, mode: str = "r", encoding: str | None = None, newline: str | None = None) -> IO[Any]:
        """The file, to be read."""
        if mode not in ("r", "rt", "rb"):
            raise ValueError(f"{self} can only be written whole")
        with _as_os_error(self):
            raw = _Raw(self._fs.open(str(self), "rb", cache_type="none"), str(self))
        stream = io.BufferedReader(raw, BUFFER)
        return stream if mode == "rb" else io.TextIOWrapper(stream, encoding, newline=newline)

    def read_bytes(self) -> bytes:
        """All bytes of the file."""
        with _as_os_error(self):
            return bytes(self._fs.cat_file(str(self)))

    def read_text(self, encoding: str, errors: str = "strict") -> str:
        """The text of the file."""
        return self.read_bytes().decode(encoding, errors)

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: a folder is there with its first file, and buckets are made by their owners."""

    def upload(self, file: Path) -> None:
        """Make it what a local file is."""
        with _as_os_error(self):
            self._fs.put_file(os.fspath(file), str(self))

    def download(self, file: Path) -> None:
        """Copy it to a local file."""
        with _as_os_error(self):
            self._fs.get_file(str(self), os.fspath(file))

    def unlink(self) -> None:
        """Remove the file. FileNotFoundError where there is none."""
        self.stat()
        with _as_os_error(self):
            self._fs.rm_file(str(self))

    def remove_tree(self) -> None:
        """Remove the folder with all that is in it, if it is there."""
        with _as_os_error(self):
            if self._type() == "directory":
                self._fs.rm(str(self), recursive=True)

    @property
    def _fs(self) -> Any:
        return _file_system(self.parts[0].removesuffix(":"))


class _Raw(io.RawIOBase):
    """A file of fsspec as one of Python."""

    def __init__(self, file: Any, address: str) -> None:
        self._file, self._address = file, address

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def readinto(self, buffer: Any) -> int:
        with _as_os_error(self._address):
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


def remote(place: str | os.PathLike[str]) -> Path | None:
    """The path of an address of a store; None for any other place, also for a local folder of such a name.

    It has the methods of a Path that we use. Raises UsageError where it names no bucket.
    """
    text = os.fspath(place)
    match = ADDRESS.fullmatch(text)
    if match is None or Path(f"{match[1]}:").exists():
        return None
    names = (match[2] or "").strip("/")
    if not names:
        raise UsageError(f"{text} names no bucket.", f"Write it as {match[1]}://BUCKET/FOLDER.")
    return cast("Path", RemotePath(f"{match[1]}:", names))


def as_remote(path: object) -> RemotePath | None:
    """The path itself where it is of a store; None for another."""
    return path if isinstance(path, RemotePath) else None


def is_remote(path: object) -> bool:
    """Whether a path is of a store."""
    return isinstance(path, RemotePath)


@cache
def _file_system(scheme: str) -> Any:
    if scheme == "s3":
        require("s3fs")
        from s3fs import S3FileSystem

        return S3FileSystem(use_listings_cache=False)
    if find_spec(STORES[scheme]) is None:
        raise UsageError(f"This needs {STORES[scheme]}.", f"Type: pip install {STORES[scheme]}")
    import fsspec

    return fsspec.filesystem(scheme, use_listings_cache=False)


def store_reason(error: OSError) -> str | None:
    """What a store said when it failed; None for errors of this machine."""
    return error.strerror if ADDRESS.match(str(error.filename or "")) else None


@contextmanager
def _as_os_error(place: object) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _failure(errno.ENOENT, error, place) from None
    except PermissionError as error:
        raise _failure(errno.EACCES, error, place) from None
    except OSError as error:
        raise _failure(error.errno or errno.EIO, error, place) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in LIBRARIES:
            raise
        raise _failure(errno.EIO, error, place) from None


def _failure(number: int, error: Exception, place: object) -> OSError:
    if isinstance(error, OSError) and store_reason(error):
        return error
    reason = reason_of(error, 200)
    return OSError(number, os.strerror(number) if reason in str(place) else reason, str(place))
