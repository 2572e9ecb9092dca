"""Publish a data set to the Hugging Face Hub: what changed goes there, and what is gone here leaves it.

Large files are uploaded first, in batches; what is uploaded stays at the Hub when a run is cut. One commit then makes
all of them visible at once, so that a reader never meets half a release.
"""

import hashlib
import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.cards.card import check_card
from flickrexif.cards.files import is_published, published_files
from flickrexif.cards.hub_errors import hub_errors
from flickrexif.cards.purge import PurgeReport, check_branches, purge
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.kinds import DataSetKind
from flickrexif.kinds import KINDS, kind_of

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.hf_api import GitRefs, RepoFile

MAIN = "main"
BATCH_BYTES = 1_000_000_000  # uploaded between two moves of the progress bar
BATCH_FILES = 256  # the most the Hub answers for at once
COMMIT_FILES = 5_000  # the Hub takes at most 25,000 a commit, and slows down long before
NAME = re.compile(r"\w[\w./-]*", re.ASCII)  # of a branch or a tag
SECRET_NAME = re.compile(r".*(TOKEN|KEY|SECRET|PASSWORD)")
SECRET_LENGTH = 12  # shorter values are words that a text may hold by chance


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    """Where a data set goes. `revision` is a branch, made when missing; `tag` names the release."""

    repo: str  # user/name
    revision: str = MAIN
    private: bool = False  # of a new repository
    message: str | None = None
    tag: str | None = None
    purge: bool = False  # remove all earlier revisions too


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file to send; `sha256` when it had to be computed."""

    path: str
    size: int  # bytes
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPlan:
    """What a publish will do. `head` is the commit that was compared with; None: there is no repository yet."""

    settings: PublishSettings
    root: Path
    head: str | None
    branch: bool  # whether the branch is there
    tagged: bool  # whether the tag is there, on `head`
    send: tuple[LocalFile, ...]
    delete: tuple[str, ...]
    unchanged: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Size of the files to send."""
        return sum(file.size for file in self.send)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What a publish did; `url` is of the commit, None when there was nothing to send."""

    url: str | None
    commit: str
    purged: PurgeReport | None = None


def plan(root: Path, settings: PublishSettings, api: "HfApi", secrets: Sequence[str] = ()) -> PublishPlan:
    """Compare the data set in `root` with the Hub; nothing is written.

    Raises UsageError for names that cannot be, a card that does not match its data, a file that holds one of
    `secrets`, a tag that is taken, a public repository that was to be private,
    or one that holds another data set, or branches that a purge would leave; FlickrExifError when the Hub
    cannot be asked.
    """
    _check_names(settings)
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.", "Name the folder of a data set, such as data/flickrexif.")
    kind = kind_of(root)
    files = _checked_files(kind, root, secrets)
    with hub_errors(settings.repo, api.endpoint):
        refs = _refs(api, settings.repo)
        head, branch = _head(refs, settings.revision)
        if refs is not None and settings.private:
            _check_private(api, settings.repo)
        remote = _remote_files(api, settings.repo, head) if head else {}
        _check_kind(settings.repo, kind, remote)
        compared = {path: _compare(root, path, remote.get(path)) for path in files}
        send = tuple(file for file in compared.values() if file)
        delete = tuple(sorted(path for path in remote if is_published(kind, path) and path not in compared))
        if settings.purge and refs and head:
            check_branches(api, settings.repo, refs, settings.revision, head, changing=bool(send or delete))
    return PublishPlan(
        settings=settings,
        root=root,
        head=head,
        branch=branch,
        tagged=_tagged(refs, settings, None if send or delete else head),
        send=send,
        delete=delete,
        unchanged=tuple(path for path, file in compared.items() if file is None),
    )


def publish(
    planned: PublishPlan, api: "HfApi", progress: Callable[[int, int], None] = lambda *_: None
) -> PublishReport:
    """Carry out what was planned; `progress(done, total)` is called with bytes.

    Run again after a break, only what is missing is sent. Raises FlickrExifError when the Hub refuses or cannot
    be reached, and Interrupted.
    """
    settings = planned.settings
    with hub_errors(settings.repo, api.endpoint):
        head = planned.head or _create(api, settings)
        if not planned.branch and settings.revision != MAIN:
            api.create_branch(settings.repo, branch=settings.revision, revision=head, repo_type="dataset")
        url = None
        if planned.send or planned.delete:
            url, head = _commit(planned, api, head, _upload(planned, api, progress))
        tagged, purged = planned.tagged, None
        if settings.purge:
            purged = purge(api, settings.repo, settings.revision)
            head, tagged = purged.commit, settings.tag in purged.kept_tags
            url = url and f"{api.endpoint}/datasets/{settings.repo}/commit/{head}"
        if settings.tag and not tagged:
            api.create_tag(settings.repo, tag=settings.tag, revision=head, repo_type="dataset")
    return PublishReport(url=url, commit=head, purged=purged)


def known_secrets(environ: Mapping[str, str], token: str | None) -> list[str]:
    """The values that must not be in a published file: of variables named like keys, and the Hub's token."""
    named = [value.strip() for name, value in environ.items() if SECRET_NAME.fullmatch(name.upper())]
    return [value for value in {*named, token or ""} if len(value) >= SECRET_LENGTH]


# --- the data set


def _check_names(settings: PublishSettings) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(settings.repo)
        valid = settings.repo.count("/") == 1
    except HFValidationError:
        valid = False
    if not valid:
        message = f"{settings.repo[:100]!r} is not the name of a data set on the Hub."
        raise UsageError(message, "Write it as user/name, for example CTU-OU/FlickrExif.")
    for option, name in (("--revision", settings.revision), ("--tag", settings.tag)):
        if name is not None and not NAME.fullmatch(name):
            raise UsageError(f"{option} {name[:100]!r} cannot be a name.", "Use letters, digits, dots and dashes: v1.0")


def _checked_files(kind: DataSetKind, root: Path, secrets: Sequence[str]) -> list[str]:
    if wrong := check_card(root):
        message = f"What describes {root} is missing or does not match its data: {', '.join(wrong)}."
        raise UsageError(message, f"Type: flickrexif card {root}")
    files = published_files(kind, root)
    for path in files:
        if not path.endswith((".parquet", ".png")) and _holds(root / path, secrets):
            raise UsageError(f"{root / path} holds a secret of the environment.", "Take it out, then build again.")
    return files


def _check_kind(repo: str, kind: DataSetKind, remote: Iterable[str]) -> None:
    """Raise UsageError when the repository holds another data set: its files would stay among the new ones."""
    foreign = [name for name in sorted(remote) if not is_published(kind, name)]
    other = next((name for name in foreign if any(is_published(other_kind, name) for other_kind in KINDS)), None)
    if other:
        raise UsageError(f"{repo} holds another data set ({other}).", "Name another with --repo.")


def _holds(path: Path, secrets: Iterable[str]) -> bool:
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return any(content.find(secret.encode()) >= 0 for secret in secrets)


def _compare(root: Path, path: str, remote: "RepoFile | None") -> LocalFile | None:
    """The file to send, or None when the Hub has its bytes. Read only when the sizes are equal."""
    size = (root / path).stat().st_size
    if remote is None or remote.size != size:
        return LocalFile(path, size)
    if remote.lfs is None:  # the name of a Git blob
        content = (root / path).read_bytes()
        same = hashlib.sha1(b"blob %d\0" % size + content, usedforsecurity=False).hexdigest() == remote.blob_id
        return None if same else LocalFile(path, size)
    with (root / path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256")
    return None if sha256.hexdigest() == remote.lfs.sha256 else LocalFile(path, size, sha256.digest())


# --- the repository on the Hub


def _refs(api: "HfApi", repo: str) -> "GitRefs | None":
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return api.list_repo_refs(repo, repo_type="dataset")
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return None


def _head(refs: "GitRefs | None", revision: str) -> tuple[str | None, bool]:
    """The commit at the tip of a branch, and whether the branch exists; a new branch begins at the tip of main."""
    branches = {ref.name: ref.target_commit for ref in refs.branches} if refs else {}
    return branches.get(revision) or branches.get(MAIN), revision in branches


def _tagged(refs: "GitRefs | None", settings: PublishSettings, commit: str | None) -> bool:
    """Whether the tag is on `commit` already. Raises UsageError when it is on another: only a purge moves it."""
    tags = {ref.name: ref.target_commit for ref in refs.tags} if refs else {}
    if settings.revision in tags:
        raise UsageError(f"{settings.revision} is a tag of {settings.repo}, not a branch.", "Name a branch.")
    if settings.tag in tags and tags[settings.tag] != commit and not settings.purge:
        raise UsageError(f"{settings.repo} has a tag {settings.tag} on another commit.", "Choose another name.")
    return settings.tag in tags


def _check_private(api: "HfApi", repo: str) -> None:
    if not api.dataset_info(repo).private:
        raise UsageError(f"{repo} is there, and it is public.", "Make it private in its settings, or omit --private.")


def _remote_files(api: "HfApi", repo: str, commit: str) -> dict[str, "RepoFile"]:
    from huggingface_hub.hf_api import RepoFile

    tree = api.list_repo_tree(repo, recursive=True, revision=commit, repo_type="dataset")
    return {entry.path: entry for entry in tree if isinstance(entry, RepoFile)}


# --- upload and commit


def _create(api: "HfApi", settings: PublishSettings) -> str:
    """Make the repository; the Hub makes its first commit."""
    api.create_repo(settings.repo, repo_type="dataset", private=settings.private or None)
    head, _ = _head(api.list_repo_refs(settings.repo, repo_type="dataset"), MAIN)
    if head is None:
        raise FlickrExifError(f"The Hub made {settings.repo} without a branch.", "Run the same command again.")
    return head


def batches(files: Iterable[LocalFile]) -> Iterator[list[LocalFile]]:
    """Consecutive runs of at most BATCH_FILES files and BATCH_BYTES bytes, at least one file each."""
    run: list[LocalFile] = []
    total = 0
    for file in files:
        if run and (len(run) == BATCH_FILES or total + file.size > BATCH_BYTES):
            yield run
            run, total = [], 0
        run.append(file)
        total += file.size
    if run:
        yield run


def _upload(planned: PublishPlan, api: "HfApi", progress: Callable[[int, int], None]) -> list["CommitOperationAdd"]:
    """Upload the large files; those that the Hub keeps in Git travel with the commit."""
    from huggingface_hub import CommitOperationAdd

    done, all_additions = 0, []
    progress(done, planned.bytes)
    for batch in batches(planned.send):
        additions = [CommitOperationAdd(file.path, planned.root / file.path) for file in batch]
        for file, addition in zip(batch, additions, strict=True):
            if file.sha256:
                addition.upload_info.sha256 = file.sha256
        _send(api, planned.settings, additions)
        all_additions += additions
        done += sum(file.size for file in batch)
        progress(done, planned.bytes)
    return all_additions


def _send(api: "HfApi", settings: PublishSettings, additions: Sequence["CommitOperationAdd"]) -> None:
    """Through Xet; where the Hub has no such store, or none that can be reached, through Git LFS."""
    from huggingface_hub import constants

    send = partial(api.preupload_lfs_files, settings.repo, repo_type="dataset", revision=settings.revision)
    if find_spec("hf_xet") and not constants.HF_HUB_DISABLE_XET:
        try:
            send(additions)
        except ConnectionError:  # hf_xet alone raises it
            constants.HF_HUB_DISABLE_XET = True
    for addition in additions:  # one at a time: several go in threads, which Ctrl-C does not stop
        send([addition])


def _commit(
    planned: PublishPlan, api: "HfApi", head: str, additions: Sequence["CommitOperationAdd"]
) -> tuple[str, str]:
    """Commit, in one go unless there is more than the Hub takes; what describes the data then comes last."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    data = [addition for addition in additions if "/" in addition.path_in_repo]
    last = [addition for addition in additions if "/" not in addition.path_in_repo]
    removals = [CommitOperationDelete(path) for path in planned.delete]
    message = planned.settings.message or f"{len(additions)} files added or changed, {len(removals)} removed"
    url = ""
    operations: list[CommitOperationAdd | CommitOperationDelete] = [*data, *removals, *last]
    for start in range(0, len(operations), COMMIT_FILES):
        commit = api.create_commit(
            planned.settings.repo,
            operations[start : start + COMMIT_FILES],
            commit_message=message,
            repo_type="dataset",
            revision=planned.settings.revision,
            parent_commit=head,
        )
        url, head = commit.commit_url, commit.oid
    return url, head
