"""`publish --purge` at the Hub's stand-in, through the real client: what is gone here is in no revision there."""

import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, RevisionNotFoundError
from huggingface_hub.utils import disable_progress_bars

from flickrexif.core.errors import FlickrExifError, UsageError
from tests.hub import Hub, serving
from tests.hub_repo import Commit, File, Repo
from tests.pushing import REPO, TOKEN, USERS, local, make, push, remote, run_python
from tests.test_build import jpeg

GONE = 53_102_777  # the photo that must go
# What huggingface_hub calls of its HTTP library when it sends through Git LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(autouse=True)
def lfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process Git LFS is used, and nobody waits."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("flickrexif.cards.purge.PAUSES", (0.01, 0.01))
    disable_progress_bars()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub(USERS)) as hub:
        yield hub


@pytest.fixture
def root(hub: Hub, tmp_path: Path) -> Path:
    """A data set that lost a photo after it was published twice, as v1 and v2."""
    root = tmp_path / "data/flickrexif"
    root.parent.mkdir()
    make(root, tmp_path / "images", {"2024-07": [1, 2], "2024-08": [101, GONE]})
    push(hub, root, tag="v1")
    make(root, tmp_path / "images", {"2024-07": [1, 2], "2024-08": [101, GONE, 103]})
    push(hub, root, tag="v2")
    make(root, tmp_path / "images", {"2024-08": [101, 103]})
    return root


@pytest.fixture
def repo(hub: Hub, root: Path) -> Repo:
    return hub.repos[REPO]


def shows(content: bytes) -> bool:
    """Whether a file shows the photo: its picture or its id, in rows, or in text (which its title names too)."""
    if content[:4] == b"PAR1":
        table = pq.read_table(io.BytesIO(content))
        images = [row["bytes"] for row in table["image"].to_pylist()] if "image" in table.column_names else []
        return GONE in table["Flickr ID"].to_pylist() or jpeg(48, GONE) in images
    return str(GONE).encode() in content


def showing(repo: Repo) -> list[Commit]:
    return [commit for commit in repo.commits.values() if any(shows(file.content) for file in commit.files.values())]


def tips(repo: Repo) -> set[str]:
    return {*repo.branches.values(), *repo.tags.values()}


def test_the_photo_is_in_every_earlier_revision_until_then(hub: Hub, root: Path, repo: Repo) -> None:
    push(hub, root)
    assert not any(shows(content) for content in remote(hub).values())
    assert len(showing(repo)) == 2
    assert {name for name in repo.tags if any(shows(content) for content in remote(hub, name).values())} == {"v1", "v2"}
    assert any(map(shows, hub.objects.values()))


@pytest.mark.parametrize("pushed_before", [False, True])
def test_no_revision_tag_or_large_file_shows_what_is_gone(
    hub: Hub, root: Path, repo: Repo, pushed_before: bool
) -> None:
    old = {*repo.commits}
    api = HfApi(hub.endpoint, TOKEN)
    if pushed_before:
        push(hub, root, tag="v3")
    _, report = push(hub, root, purge=True, **({} if pushed_before else {"tag": "v3"}))
    assert report.purged is not None
    assert remote(hub) == remote(hub, "v3") == local(root)
    assert ({*repo.branches}, {*repo.tags}) == ({"main"}, {"v3"})
    assert {*repo.commits} == tips(repo) == {report.commit}
    assert showing(repo) == []
    assert (
        {*hub.objects}
        == {*repo.large}
        == {file.sha256 for file in repo.commits[report.commit].files.values() if file.large}
    )
    assert not any(map(shows, hub.objects.values()))
    assert report.purged.deleted_tags == ("v1", "v2")
    assert report.purged.kept_tags == (("v3",) if pushed_before else ())
    assert (report.purged.removed, report.purged.large_files > 0) == (3, True)  # the Hub's first, and two of ours
    assert report.purged.refs_left == ()
    for revision in ("v1", "v2", *old):
        with pytest.raises(RevisionNotFoundError):
            api.dataset_info(REPO, revision=revision)
    hub.calls.clear()
    _, again = push(hub, root, purge=True)
    assert (again.commit, hub.writes()) == (report.commit, [])
    assert again.purged is not None
    assert (again.purged.removed, again.purged.large_files, again.purged.kept_tags) == (0, 0, ("v3",))


def test_a_release_keeps_its_name(hub: Hub, root: Path, repo: Repo) -> None:
    """Its tag moves to the commit that is left, given with --tag, and a tag with the same files by itself."""
    push(hub, root, tag="same")
    _, report = push(hub, root, tag="v2", purge=True)
    assert repo.tags == {"same": report.commit, "v2": report.commit}
    assert report.purged is not None
    assert (report.purged.kept_tags, report.purged.deleted_tags) == (("same",), ("v1", "v2"))


def test_other_branches_with_the_same_files_are_purged_and_with_others_nothing_is(
    hub: Hub, root: Path, repo: Repo, tmp_path: Path
) -> None:
    push(hub, root, revision="draft")  # main still shows the photo
    before = dict(repo.commits)
    for revision in ("main", "draft"):
        with pytest.raises(UsageError, match="has branches with other files, which may show what is gone: ") as caught:
            push(hub, root, revision=revision, purge=True)
        assert "--revision" in caught.value.hint
    assert repo.commits == before
    push(hub, root)
    push(hub, root, purge=True)
    assert showing(repo) == []
    assert {*repo.commits} == tips(repo)
    assert remote(hub, "draft") == remote(hub) == local(root)


@pytest.mark.parametrize("protected", [True, False])
def test_what_cannot_be_removed_is_said(hub: Hub, root: Path, repo: Repo, protected: bool) -> None:
    """Pull requests belong to those who made them, and conversions to the Hub; their large files go all the same."""
    main = repo.commits[repo.branches["main"]]
    suggested = {**main.files, "typo.md": File(b"Photo 53102777", large=False)}
    repo.pull_requests["7"] = repo.make(main.oid, "typo", suggested, "refs/pr/7").oid
    repo.converts["parquet"] = repo.make(None, "converted", main.files, "refs/convert/parquet").oid
    hub.converts_are_protected = protected
    _, report = push(hub, root, purge=True)
    assert report.purged is not None
    assert report.purged.refs_left == (*(["refs/convert/parquet"] if protected else []), "refs/pr/7")
    said = "\n".join(report.purged.unreached)
    assert f"{hub.endpoint}/datasets/{REPO}/discussions/7" in said
    assert ("refs/convert/parquet" in said) == protected
    assert "clones" in said
    assert str(constants.HF_HOME) in said
    assert not any(map(shows, hub.objects.values()))
    with pytest.raises(HfHubHTTPError, match="Object not found"):  # its pointer is there, its bytes are not
        HfApi(hub.endpoint, TOKEN).hf_hub_download(
            REPO, "data/train-2024-08.parquet", repo_type="dataset", revision="refs/pr/7", local_dir=root.parent / "x"
        )


@pytest.mark.parametrize("call", ["super-squash", "DELETE", "POST /api/datasets/jo/flickrexif/tag", "lfs-files/batch"])
def test_the_same_command_completes_what_was_broken_off(hub: Hub, root: Path, repo: Repo, call: str) -> None:
    push(hub, root, tag="v3")
    hub.out_of_order = call
    with pytest.raises(FlickrExifError, match="The Hub is out of order"):
        push(hub, root, tag="v3", purge=True)
    _, report = push(hub, root, tag="v3", purge=True)
    assert {*repo.commits} == tips(repo) == {report.commit}
    assert {*repo.tags} == {"v3"}
    assert not any(map(shows, hub.objects.values()))


def test_the_hub_may_take_a_while_but_not_for_ever(hub: Hub, root: Path) -> None:
    hub.still_listed = 2
    push(hub, root, purge=True)
    assert hub.still_listed == 0
    make(root, root.parents[1] / "images", {"2024-08": [101]})
    hub.still_listed = 99
    with pytest.raises(FlickrExifError, match=r"still lists \d+ large files"):
        push(hub, root, purge=True)


def test_the_command_says_what_it_did_and_what_it_cannot_reach(
    hub: Hub, root: Path, repo: Repo, tmp_path: Path
) -> None:
    def publish(*options: str) -> tuple[int, str]:
        done = run_python(hub, tmp_path, "-m", "flickrexif", "publish", root, "--repo", REPO, "--purge", *options)
        return done.returncode, done.stdout + done.stderr

    before = dict(repo.commits)
    code, text = publish("--dry-run")
    assert (code, repo.commits) == (0, before)
    assert "Then earlier commits, tags with other files and the large files that only these hold are removed." in text
    repo.pull_requests["7"] = repo.branches["main"]
    code, text = publish("--tag", "v3")
    assert code == 3
    assert "Removed: 3 earlier commits, " in text
    assert "Tags deleted, for their files differ from it: v1, v2." in text
    assert "What this cannot reach:\n- Copies that others have" in text
    assert "- Pull request 7, " in text
    assert f"{hub.endpoint}/datasets/{REPO}/commit/{repo.branches['main']}" in text
    repo.pull_requests.clear()
    code, text = publish()
    assert code == 0
    assert "Removed: 0 earlier commits, and 0 large files (0 B) for good." in text
