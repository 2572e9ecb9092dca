"""Repositories of the Hub's stand-in: commits, branches and tags of a data set."""

import hashlib
import json
from collections.abc import Iterator, Mapping
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


class LargeFile(NamedTuple):
    """A large file that was pushed to a repository: kept until it is deleted, whatever refers to it."""

    path: str  # where it was first
    ref: str
    size: int


@dataclass
class Repo:
    """A data set repository."""

    private: bool
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    converts: dict[str, str] = field(default_factory=dict)  # parquet: refs/convert/parquet
    pull_requests: dict[str, str] = field(default_factory=dict)  # 1: refs/pr/1
    large: dict[str, LargeFile] = field(default_factory=dict)  # by SHA-256

    def refs(self) -> dict[str, str]:
        """The commit of each ref."""
        kinds = {"heads": self.branches, "tags": self.tags, "convert": self.converts, "pr": self.pull_requests}
        return {f"refs/{kind}/{name}": oid for kind, names in kinds.items() for name, oid in names.items()}

    def find(self, revision: str) -> Commit | None:
        refs = self.refs()
        names = (revision, f"refs/heads/{revision}", f"refs/tags/{revision}")
        return self.commits.get(next((refs[name] for name in names if name in refs), revision))

    def history(self, oid: str | None) -> Iterator[Commit]:
        """A commit and those before it."""
        while oid:
            yield self.commits[oid]
            oid = self.commits[oid].parent

    def commit(self, branch: str, message: str, files: Mapping[str, File]) -> Commit:
        self.branches[branch] = self.make(self.branches.get(branch), message, files, f"refs/heads/{branch}").oid
        return self.commits[self.branches[branch]]

    def make(self, parent: str | None, message: str, files: Mapping[str, File], ref: str) -> Commit:
        """A commit that is pushed to `ref`, with its large files."""
        listing = json.dumps([parent, message, len(self.commits), sorted((p, f.oid) for p, f in files.items())])
        made = Commit(hashlib.sha1(listing.encode()).hexdigest(), parent, message, dict(files))
        self.commits[made.oid] = made
        for path, file in files.items():
            if file.large:
                self.large.setdefault(file.sha256, LargeFile(path, ref, len(file.content)))
        return made

    def squash(self, branch: str, message: str) -> None:
        """Leave one commit on a branch."""
        files = self.commits[self.branches[branch]].files
        self.branches[branch] = self.make(None, message, files, f"refs/heads/{branch}").oid
        self.drop_unreachable()

    def drop_unreachable(self) -> None:
        """Commits that no ref leads to cannot be had any more."""
        reachable = {commit.oid: commit for oid in self.refs().values() for commit in self.history(oid)}
        self.commits = reachable
