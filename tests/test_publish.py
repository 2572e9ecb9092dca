"""Publishing to the Hub's stand-in over HTTP, and what the unmodified clients read back from it."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.utils import disable_progress_bars

from flickrexif.cards import write_card
from flickrexif.cards.publish import LocalFile, PublishSettings, batches, known_secrets, plan, publish
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.paircams.build import build_pairs
from tests.hub import Hub, serving
from tests.hub_repo import File
from tests.pushing import REPO, TOKEN, USERS, Run, local, make, push, remote, run_python
from tests.test_build import jpeg

# What huggingface_hub calls of its HTTP library when it sends through Git LFS.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two months of three photos; beside them what must never leave the folder."""
    root = tmp_path_factory.mktemp("made") / "flickrexif"
    make(root, root.parent / "images", {"2024-07": [1, 2, 3], "2024-08": [101, 102, 103]})
    (root / ".crawl").mkdir()
    (root / ".crawl/journal.sqlite").write_bytes(b"journal")
    (root / "notes.txt").write_bytes(b"notes")
    return root


@pytest.fixture
def root(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "data/flickrexif")


@pytest.fixture(autouse=True)
def lfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process Git LFS is used: `hf_xet` would remember between tests what it has sent."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    disable_progress_bars()


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub(USERS)) as hub:
        yield hub


@pytest.fixture
def python(hub: Hub, tmp_path: Path) -> Run:
    """Runs Python in a process of its own."""
    return partial(run_python, hub, tmp_path)


@pytest.fixture
def send(python: Run) -> Run:
    """Runs `flickrexif publish`."""

    def run(root: Path, *options: str, repo: str = REPO, **more: object) -> subprocess.CompletedProcess[str]:
        return python("-m", "flickrexif", "publish", root, "--repo", repo, *options, **more)

    return run


def large(root: Path, *without: str) -> int:
    """Bytes of the files that go as large ones."""
    found = local(root)
    return sum(len(found[path]) for path in found if path.endswith((".parquet", ".png")) and path not in without)


# --- taken, and read back


LOAD = """
import json, sys
from datasets import Image, load_dataset
told = {}
for config in ("default", "labels", "images"):
    data = load_dataset("jo/flickrexif", config, split="train", revision=sys.argv[1])
    if "image" in data.column_names:
        assert [row["image"].size for row in data] == [(48, 48)] * len(data)
        data = data.cast_column("image", Image(decode=False))
    told[config] = data.to_list()
print(json.dumps(told, default=lambda value: value.hex() if isinstance(value, bytes) else value.isoformat()))
"""


def rows(root: Path, config: str) -> list[dict[str, object]]:
    folder = {"default": "data"}.get(config, config)
    return [row for path in sorted((root / folder).glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def test_what_was_published_loads_equal(hub: Hub, root: Path, python: Run, send: Run) -> None:
    done = send(root, "--tag", "v1")
    assert done.returncode == 0, done.stderr
    assert f"{hub.endpoint}/datasets/{REPO}/commit/{hub.repos[REPO].tags['v1']}" in done.stdout
    assert 'load_dataset("jo/flickrexif", revision="v1")' in done.stdout
    assert remote(hub) == local(root)
    assert hub.repos[REPO].commits[hub.repos[REPO].tags["v1"]].parent in hub.repos[REPO].commits
    loaded = python("-c", LOAD, "v1", HF_TOKEN="")
    assert loaded.returncode == 0, loaded.stderr
    told = json.loads(loaded.stdout)
    for config in ("default", "labels", "images"):
        plain = json.dumps(
            rows(root, config), default=lambda value: value.hex() if isinstance(value, bytes) else value.isoformat()
        )
        assert told[config] == json.loads(plain), config
    assert not any(call.authorized for call in hub.calls if call.path.startswith(("/cdn/", "/lfs/", "/xet/")))


def test_load_dataset_by_name_finds_it_on_the_hub(hub: Hub, root: Path, python: Run) -> None:
    push(hub, root, repo="CTU-OU/FlickrExif", tag="v1")
    code = (
        "import sys; from flickrexif import load_dataset; name, revision = sys.argv[1:]; "
        'print(load_dataset(name, "labels", split="train", revision=revision or None)["title"][:])'
    )
    for name, revision in (("flickrexif", ""), ("flickrexif", "v1"), ("CTU-OU/FlickrExif", "")):
        done = python("-c", code, name, revision)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == str([row["title"] for row in rows(root, "labels")])
        asked = bool(revision) or "/" in name
        assert ("CTU-OU/FlickrExif is loaded from the Hugging Face Hub." in done.stderr) != asked
        (root.parents[1] / "work/data/flickrexif").mkdir(parents=True, exist_ok=True)  # is not looked at when asked


@pytest.mark.parametrize("way", ["xet", "no xet here", "xet switched off", "parts"])
def test_every_way_up(hub: Hub, root: Path, send: Run, way: str) -> None:
    hub.xet = way == "xet"
    hub.part = 2_000 if way == "parts" else None
    done = send(root, "--private", **({"HF_HUB_DISABLE_XET": "1"} if way == "xet switched off" else {}))
    assert done.returncode == 0, done.stderr
    assert remote(hub) == local(root)
    assert hub.repos[REPO].private
    asked = any("xet-write-token" in call.path for call in hub.calls)
    assert asked == (way != "xet switched off")
    assert any(call.path.startswith("/lfs/") for call in hub.calls) == (way != "xet")
    assert any("/complete/" in call.path for call in hub.calls) == (way == "parts")


# --- only what changed


def test_a_second_push_sends_nothing(hub: Hub, root: Path, send: Run) -> None:
    push(hub, root)
    hub.calls.clear()
    done = send(root)
    assert done.returncode == 0, done.stderr
    assert "There was nothing to send" in done.stdout
    assert hub.writes() == []
    assert not any("preupload" in call.path or "batch" in call.path for call in hub.calls)


def test_a_push_cut_in_the_middle_goes_on(hub: Hub, root: Path, send: Run) -> None:
    hub.stall = 4
    done = send(root, HF_HUB_DISABLE_XET="1", stop=True)
    assert done.returncode == 130
    assert "Interrupted; what was uploaded is kept. Run the same command again to go on." in done.stderr
    assert remote(hub) == {}  # no reader sees half a release
    kept = sum(map(len, hub.objects.values()))
    assert 0 < kept < large(root)
    hub.calls.clear()
    hub.stall = None
    done = send(root, HF_HUB_DISABLE_XET="1")
    assert done.returncode == 0, done.stderr
    assert remote(hub) == local(root)
    assert hub.uploaded() == large(root) - kept
    assert len([call for call in hub.calls if "/commit/" in call.path]) == 1


def test_what_xet_has_taken_is_not_sent_again(hub: Hub, root: Path, send: Run) -> None:
    hub.xet = True
    hub.before_commit = lambda: hub.repos[REPO].commit("main", "other", {"README.md": File(b"theirs", large=False)})
    done = send(root)
    assert done.returncode == 1
    assert "Somebody else has changed jo/flickrexif meanwhile." in done.stderr
    assert hub.uploaded() > 0
    hub.calls.clear()
    done = send(root)
    assert done.returncode == 0, done.stderr
    assert hub.uploaded() == 0
    assert hub.files(REPO) == local(root)


def test_a_lost_connection_is_tried_again(hub: Hub, root: Path, send: Run) -> None:
    hub.cut = 2
    done = send(root, HF_HUB_DISABLE_XET="1")
    assert done.returncode == 0, done.stderr
    assert remote(hub) == local(root)
    assert hub.uploaded() == large(root)


def test_a_photo_that_went_leaves_the_new_revision(hub: Hub, root: Path, tmp_path: Path) -> None:
    push(hub, root, tag="v1")
    before = local(root)
    make(root, tmp_path / "images", {"2024-07": [], "2024-08": [101, 103]})
    hub.calls.clear()
    planned, _ = push(hub, root, tag="v2")
    removed = {path for path in planned.delete if path.endswith(".parquet")}
    assert removed == {f"{name}-2024-07{end}.parquet" for name, end in PARTS}
    changed = {path for path, content in local(root).items() if before.get(path) != content}
    assert {f"{name}-2024-08{end}.parquet" for name, end in PARTS} <= changed
    assert {file.path for file in planned.send} == changed
    assert remote(hub, "v2") == remote(hub) == local(root)
    assert remote(hub, "v1") == before
    gone = jpeg(48, 102)
    assert any(gone in content for content in remote(hub, "v1").values())
    assert not any(gone in content for content in remote(hub).values())
    assert ".gitattributes" in hub.files(REPO)  # not ours


PARTS = (("data/train", ""), ("labels/train", ""), ("images/train", "-00000"))


def test_branches_and_tags(hub: Hub, root: Path) -> None:
    _, first = push(hub, root)
    planned, report = push(hub, root, revision="next/one", tag="v1")
    assert (planned.send, planned.branch, report.url) == ((), False, None)
    assert hub.repos[REPO].branches["next/one"] == hub.repos[REPO].tags["v1"] == first.commit
    push(hub, root, tag="v1")  # where it is
    make(root, root.parent / "images", {"2024-07": [1]})
    _, second = push(hub, root, revision="next/one", message="One photo")
    assert remote(hub, "next/one") == local(root) != remote(hub)
    assert hub.repos[REPO].commits[second.commit].message == "One photo"
    with pytest.raises(UsageError, match="has a tag v1 on another commit"):
        push(hub, root, tag="v1")
    with pytest.raises(UsageError, match="v1 is a tag of jo/flickrexif, not a branch"):
        push(hub, root, revision="v1")


def test_a_new_repository_with_a_branch(hub: Hub, root: Path) -> None:
    push(hub, root, revision="draft")
    assert remote(hub) == {}
    assert remote(hub, "draft") == local(root)


def test_more_than_one_commit_ends_with_the_card(hub: Hub, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flickrexif.cards.publish.COMMIT_FILES", 4)
    push(hub, root)
    commits = hub.repos[REPO].commits
    oid, described = hub.repos[REPO].branches["main"], []
    while oid:
        described.append("README.md" in commits[oid].files)
        oid = commits[oid].parent or ""
    assert described == [True] + [False] * (len(described) - 1)
    assert len(described) > 3
    assert remote(hub) == local(root)


def test_files_of_equal_size_are_told_apart(hub: Hub, root: Path) -> None:
    push(hub, root)
    head = hub.repos[REPO].find("main")
    assert head is not None
    turned = {path: File(file.content[::-1], file.large) for path, file in head.files.items()}
    hub.repos[REPO].commit("main", "turned", {**turned, ".gitattributes": head.files[".gitattributes"]})
    planned, _ = push(hub, root)
    assert {file.path for file in planned.send} == set(local(root))
    assert remote(hub) == local(root)


def test_batches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flickrexif.cards.publish.BATCH_BYTES", 100)
    monkeypatch.setattr("flickrexif.cards.publish.BATCH_FILES", 3)
    files = [LocalFile(str(i), size) for i, size in enumerate((60, 40, 1, 500, 1, 1, 1, 1))]
    assert [[file.size for file in batch] for batch in batches(files)] == [[60, 40], [1], [500], [1, 1, 1], [1]]


# --- what is refused, and said


def test_a_dry_run_writes_nothing(hub: Hub, root: Path, send: Run) -> None:
    done = send(root, "--dry-run", HF_TOKEN="")
    assert done.returncode == 0, done.stderr
    assert "data/train-2024-07.parquet" in done.stdout
    assert f"{len(local(root))} files to send" in done.stdout
    assert "journal" not in done.stdout
    assert "notes" not in done.stdout
    assert (hub.writes(), hub.repos) == ([], {})


def test_many_files_are_shown_by_folder(hub: Hub, root: Path, send: Run) -> None:
    make(root, root.parent / "images", {f"2023-{month:02}": [month] for month in range(1, 8)})
    done = send(root, "--dry-run")
    assert ["labels/", "9"] in [line.split()[:2] for line in done.stdout.splitlines()], done.stderr


def refused(send: Run, *arguments: object, **more: str) -> tuple[int, str]:
    """Exit code, and the one line on stderr."""
    done = send(*arguments, **more)
    lines = [line for line in done.stderr.splitlines() if line.startswith("flickrexif: ")]
    assert len(lines) == 1, done.stderr
    return done.returncode, lines[0]


def test_no_token_and_no_network_are_one_sentence(hub: Hub, root: Path, send: Run) -> None:
    code, line = refused(send, root, HF_TOKEN="")
    assert (code, "no token" in line, "hf auth login" in line) == (2, True, True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
        code, line = refused(send, root, HF_ENDPOINT=dead)
    assert (code, f"The Hub at {dead} cannot be reached" in line) == (1, True)
    assert hub.calls == []


def test_a_wrong_token_is_one_sentence(hub: Hub, root: Path, send: Run) -> None:
    code, line = refused(send, root, HF_TOKEN="hf_unknownunknown")
    assert (code, "does not accept this token" in line, "hf auth login" in line) == (1, True, True)
    assert hub.repos == {}


def test_a_card_that_does_not_match_is_refused(hub: Hub, root: Path) -> None:
    (root / "README.md").write_bytes((root / "README.md").read_bytes() + b"more")
    with pytest.raises(UsageError, match=r"README\.md") as caught:
        push(hub, root)
    assert f"flickrexif card {root}" in caught.value.hint
    assert hub.calls == []


def test_another_data_set_is_not_replaced(hub: Hub, root: Path, tmp_path: Path) -> None:
    push(hub, root)
    before = remote(hub)
    simulate_pairs(tmp_path / "pairs", 2, 0)
    build_pairs(str(tmp_path / "pairs"), tmp_path / "paircams")
    write_card(tmp_path / "paircams")
    with pytest.raises(UsageError, match=rf"{REPO} holds another data set \(collection\.json\)"):
        push(hub, tmp_path / "paircams")
    assert remote(hub) == before


def test_a_secret_in_a_file_is_refused(hub: Hub, root: Path) -> None:
    found = known_secrets({"FLICKR_API_KEY": "short", "MY_SERVICE_TOKEN": "Photo 101", "PATH": "/usr/bin:/bin"}, TOKEN)
    assert found == [TOKEN]
    secrets = known_secrets({"FLICKR_API_SECRET": "www.flickr.com/photos"}, None)
    with pytest.raises(UsageError, match=r"holds a secret") as caught:
        plan(root, PublishSettings(repo=REPO), HfApi(hub.endpoint, TOKEN), secrets)
    assert str(root) in caught.value.message
    assert "www.flickr" not in str(caught.value)
    assert hub.calls == []


@pytest.mark.parametrize("name", ["flickrexif", "a/b/c", "jo/", "jo/a b", "jo/..", "https://huggingface.co/jo/a"])
def test_names_that_cannot_be(hub: Hub, root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is not the name of a data set") as caught:
        push(hub, root, repo=name)
    assert "user/name" in caught.value.hint


def test_no_folder_no_data_set_no_branch_name(hub: Hub, tmp_path: Path, root: Path) -> None:
    with pytest.raises(UsageError, match="There is no folder"):
        push(hub, tmp_path / "none")
    with pytest.raises(UsageError, match="holds no data set"):
        push(hub, tmp_path)
    for settings in ({"revision": ""}, {"tag": "-x"}, {"tag": "a b"}):
        with pytest.raises(UsageError, match="cannot be a name"):
            push(hub, root, **settings)


def test_who_may_not_write_is_told(hub: Hub, root: Path) -> None:
    with pytest.raises(FlickrExifError, match="may not write to jo/flickrexif"):
        push(hub, root, "hf_strangerstranger")
    push(hub, root, private=True)
    push(hub, root, private=True)
    make(root, root.parent / "images", {"2024-08": [101]})
    with pytest.raises(FlickrExifError, match="may not write to jo/flickrexif"):
        push(hub, root, "hf_readerreaderreader")
    hub.repos[REPO].private = False
    with pytest.raises(UsageError, match="it is public"):
        push(hub, root, private=True)
    hub.repos[REPO].gated = True
    with pytest.raises(FlickrExifError, match="jo/flickrexif is gated"):
        push(hub, root, "hf_strangerstranger")


def test_a_commit_of_somebody_else_is_not_overwritten(hub: Hub, root: Path) -> None:
    push(hub, root)
    make(root, root.parent / "images", {"2024-08": [101]})
    api = HfApi(hub.endpoint, TOKEN)
    planned = plan(root, PublishSettings(repo=REPO), api)
    other = hub.repos[REPO].commit("main", "other", {"README.md": File(b"theirs", large=False)})
    with pytest.raises(FlickrExifError, match="Somebody else has changed jo/flickrexif"):
        publish(planned, api)
    assert hub.repos[REPO].branches["main"] == other.oid
