"""Publish and purge: what is gone here leaves the history at the Hub too.

One commit stays on each branch. A tag stays where its files are those that are published now; every other tag is
deleted, for it may show what is gone. Then the large files that no branch refers to are deleted for good.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from flickrexif.core.errors import FlickrExifError, UsageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import GitRefs, LFSFileInfo

PAUSES = (1, 2, 4, 8, 16, 32)  # seconds between two looks at whether the Hub has deleted what it was told to
MESSAGE = "Earlier revisions were removed"
AGAIN = "Run the same command again."

Tree = Mapping[str, str]  # path -> SHA-256 of a large file, else the name of its Git blob


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeReport:
    """What a purge did, and what it could not remove."""

    commit: str  # the one that is left on the branch
    removed: int  # commits
    kept_tags: tuple[str, ...]
    deleted_tags: tuple[str, ...]
    large_files: int  # deleted for good
    bytes: int  # of these
    refs_left: tuple[str, ...]  # at the Hub, which the owner cannot delete: refs/pr/1, refs/convert/parquet
    unreached: tuple[str, ...]  # where copies may be, in sentences


def check_branches(api: "HfApi", repo: str, refs: "GitRefs", revision: str, head: str, *, changing: bool) -> None:
    """Raises UsageError when another branch than `revision` holds other files, which may show what is gone."""
    others = {ref.name: ref.target_commit for ref in refs.branches if ref.name != revision}
    tree = _tree(api, repo, head) if others else {}
    if wrong := [name for name, commit in others.items() if changing or _tree(api, repo, commit) != tree]:
        message = f"{repo} has branches with other files, which may show what is gone: {', '.join(wrong)}."
        raise UsageError(message, "Publish to each first with --revision, or delete it, then purge.")


def purge(api: "HfApi", repo: str, revision: str) -> PurgeReport:
    """Remove all that the tip of the branch `revision` does not hold. Run again after a break, it goes on.

    Raises FlickrExifError when something was pushed meanwhile, or the Hub still holds what it was to delete.
    """
    refs = api.list_repo_refs(repo, repo_type="dataset", include_pull_requests=True)
    before = _heads(refs)
    tree = _tree(api, repo, before[revision])
    same_tags = [ref.name for ref in refs.tags if _tree(api, repo, ref.target_commit) == tree]
    removed = sum(_squash(api, repo, branch) for branch in before)
    heads = _heads(api.list_repo_refs(repo, repo_type="dataset"))
    if any(_tree(api, repo, commit) != tree for commit in heads.values()):
        raise FlickrExifError(f"Somebody else has changed {repo} meanwhile.", AGAIN)
    for ref in refs.tags:
        if ref.target_commit != heads[revision]:
            _move_tag(api, repo, ref.name, heads[revision] if ref.name in same_tags else None)
    refs_left = [ref.ref for ref in refs.converts if not _deleted(api, repo, ref.ref)]
    refs_left += [ref.ref for ref in refs.pull_requests or ()]
    unused = _unused(api, repo, tree)
    # Only pull requests could still refer to them, and their history is not ours to rewrite.
    api.permanently_delete_lfs_files(repo, unused, rewrite_history=False, repo_type="dataset")
    _check_deleted(api, repo, tree)
    return PurgeReport(
        commit=heads[revision],
        removed=removed,
        kept_tags=tuple(same_tags),
        deleted_tags=tuple(ref.name for ref in refs.tags if ref.name not in same_tags),
        large_files=len(unused),
        bytes=sum(file.size for file in unused),
        refs_left=tuple(refs_left),
        unreached=tuple(_unreached(refs_left, f"{api.endpoint}/datasets/{repo}")),
    )


def _unreached(refs_left: Iterable[str], page: str) -> Iterator[str]:
    from huggingface_hub.constants import HF_HOME

    yield "Copies that others have: clones, duplicated repositories, downloaded files."
    yield f"The caches of `datasets` and huggingface_hub of whoever loaded it; on this machine they are in {HF_HOME}"
    for ref in refs_left:
        kind, name = ref.removeprefix("refs/").split("/", 1)
        if kind == "pr":
            place = f"{page}/discussions/{name}"
            yield f"Pull request {name}, which may list what is gone: close it, then delete its ref on {place}"
        else:
            place = f"{page}/tree/{quote(ref, safe='')}"
            yield f"The Hub's own copy {ref}, which it makes anew after a push: look whether it did, on {place}"


def _heads(refs: "GitRefs") -> dict[str, str]:
    return {ref.name: ref.target_commit for ref in refs.branches}


def _tree(api: "HfApi", repo: str, commit: str) -> Tree:
    from huggingface_hub.hf_api import RepoFile

    entries = api.list_repo_tree(repo, recursive=True, revision=commit, repo_type="dataset")
    files = [entry for entry in entries if isinstance(entry, RepoFile)]
    return {file.path: file.lfs.sha256 if file.lfs else file.blob_id for file in files}


def _squash(api: "HfApi", repo: str, branch: str) -> int:
    """Leave one commit on a branch; how many were removed."""
    commits = len(api.list_repo_commits(repo, revision=branch, repo_type="dataset"))
    if commits > 1:
        api.super_squash_history(repo, branch=branch, commit_message=MESSAGE, repo_type="dataset")
    return commits - 1


def _move_tag(api: "HfApi", repo: str, tag: str, commit: str | None) -> None:
    """Put a tag on `commit`; None: delete it."""
    api.delete_tag(repo, tag=tag, repo_type="dataset")
    if commit:
        api.create_tag(repo, tag=tag, revision=commit, repo_type="dataset")


def _deleted(api: "HfApi", repo: str, ref: str) -> bool:
    """Delete a branch that the Hub made, and makes again from the new files; whether it lets the owner do that."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api.delete_branch(repo, branch=ref, repo_type="dataset")
    except HfHubHTTPError as error:
        if error.response.status_code >= 500:
            raise
        return False
    return True


def _unused(api: "HfApi", repo: str, tree: Tree) -> list["LFSFileInfo"]:
    """The large files of the repository that are not in `tree`."""
    used = set(tree.values())
    return [file for file in api.list_lfs_files(repo, repo_type="dataset") if file.file_oid not in used]


def _check_deleted(api: "HfApi", repo: str, tree: Tree) -> None:
    """The Hub may list a file for some seconds after it was deleted."""
    for pause in (*PAUSES, 0):
        if not (left := _unused(api, repo, tree)):
            return
        time.sleep(pause)
    raise FlickrExifError(f"The Hub still lists {len(left):,} large files that are in no revision of {repo}.", AGAIN)
