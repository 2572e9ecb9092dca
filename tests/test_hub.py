"""The Hub's stand-in by other witnesses: Git names its files as it does, and the clients read and see what they may."""

import subprocess
from collections.abc import Iterator

import pytest
from huggingface_hub import HfApi, HfFileSystem
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from tests.hub import Hub, serving
from tests.hub_repo import File, Repo, User

CONTENT = bytes(range(256)) * 40
FILES = {
    "README.md": File(b"---\nlicense: mit\n---\n", large=False),
    "data/a.parquet": File(CONTENT, large=True),
    **{f"data/deep/{i}.csv": File(b"%d" % i, large=False) for i in range(6)},
}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    repo = Repo(private=True)
    repo.commit("main", "first", FILES)
    with serving(Hub({"hf_jo": User("jo"), "hf_ann": User("ann")}, repos={"jo/d": repo})) as hub:
        hub.objects[FILES["data/a.parquet"].sha256] = CONTENT
        yield hub


def test_names_of_files_are_those_of_git() -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{File(CONTENT, True).sha256}\nsize 10240\n"
    for file, stored in ((File(CONTENT, False), CONTENT), (File(CONTENT, True), pointer.encode())):
        done = subprocess.run(["git", "hash-object", "--stdin"], input=stored, capture_output=True, check=True)
        assert file.oid == done.stdout.decode().strip()


def test_a_listing_of_several_pages_and_a_part_of_a_file(hub: Hub) -> None:
    listed = HfApi(hub.endpoint, "hf_jo").list_repo_files("jo/d", repo_type="dataset")
    assert sorted(listed) == sorted(FILES)
    files = HfFileSystem(endpoint=hub.endpoint, token="hf_jo", skip_instance_cache=True)
    assert sorted(files.glob("datasets/jo/d/data/*/*.csv")) == [f"datasets/jo/d/data/deep/{i}.csv" for i in range(6)]
    with files.open("datasets/jo/d/data/a.parquet", block_size=1_000) as file:
        file.seek(5_000)
        assert file.read(300) == CONTENT[5_000:5_300]
    assert files.cat_file("datasets/jo/d/data/a.parquet", start=-10) == CONTENT[-10:]
    assert max(call.received for call in hub.calls if call.method == "GET") == 0


def test_strangers_do_not_see_it(hub: Hub) -> None:
    for token in ("hf_ann", False):
        with pytest.raises(RepositoryNotFoundError):
            HfApi(hub.endpoint, token).dataset_info("jo/d")
    with pytest.raises(RevisionNotFoundError):
        HfApi(hub.endpoint, "hf_jo").dataset_info("jo/d", revision="none")
    hub.repos["jo/gated"] = Repo(private=False, gated=True)
    hub.repos["jo/gated"].commit("main", "first", FILES)
    with pytest.raises(GatedRepoError):
        HfApi(hub.endpoint, "hf_ann").dataset_info("jo/gated")
