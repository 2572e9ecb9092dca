"""Repositories of the Hub's stand-in: commits, branches and tags of a data set."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

ATTRIBUTES = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n*.png filter=lfs diff=lfs merge=lfs -text\n"
LARGE = (".parquet", ".png", ".jpg")
MAIN = "main"


@dataclass(frozen=True)
class User:
    """Who a token belongs to."""

    name: str
    organizations: tuple[str, ...] = ()
    writes: bool = True


class File(NamedTuple):
    """A file of a commit."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def oid(self) -> str:
        """The name of the Git blob: of the file, or of the pointer that stands for a large one."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n"
        stored = pointer.encode() if self.large else self.content
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()


class Commit(NamedTuple):
    """A commit: all files by path."""

    oid: str
    parent: str | None
    message: str
    files: Mapping[str, File]


@dataclass
class Repo:
    """A data set repository."""

    private: bool
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def find(self, revision: str) -> Commit | None:
        name = self.branches.get(revision) or self.tags.get(revision) or revision
        return self.commits.get(name)

    def commit(self, branch: str, message: str, files: Mapping[str, File]) -> Commit:
        parent = self.branches.get(branch)
        listing = json.dumps([parent, message, len(self.commits), sorted((p, f.oid) for p, f in files.items())])
        made = Commit(hashlib.sha1(listing.encode()).hexdigest(), parent, message, dict(files))
        self.commits[made.oid] = made
        self.branches[branch] = made.oid
        return made
