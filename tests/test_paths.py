"""Folders with names that some library takes for more than a name, and `~` where no shell expands it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from benchmarks.pictures import samples
from flickrexif import load_dataset
from flickrexif.commands.places import path_of
from flickrexif.core.addresses import address_of, expanded
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.encoders.registry import resolve
from tests import pushing
from tests.folders import contents
from tests.hub import Hub, serving
from tests.samples import DATA, write_image_folder
from tests.test_loading import make

Run = Callable[..., tuple[int, str, str]]
ODD = ["[2024] a::b ~x* 東京", "[ab]", "x*", "q?", "a::b", "zip:://b", "~nobody", "{a,b}", "#1 %41"]
PHOTOS = 20


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """A home of its own, and another folder as the working directory."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def pipeline(run: Run, data: str, *data_dir: str) -> None:
    """Crawl, split, process, embed, measure, describe, show; `data`: the data folder, `data_dir`: the option for it."""
    assert run("crawl", "--month", "2024-08", "--sandbox", "--target", PHOTOS, "--images", "large", *data_dir)[0] == 0
    commands: list[tuple[object, ...]] = [
        ("status", *data_dir),
        ("splits", "--attribute", "Is Smartphone", "--protocol", "proportional", "--min-photos", 3, *data_dir),
        ("process", f"{data}/flickrexif", "--parameter", "jpeg", "--limit", 4, "--workers", 1, *data_dir),
        ("embed", "--dataset", "flickrexif", "--encoder", "control:random", *data_dir),
        ("embed", "--dataset", f"{data}/imagenet-traces", "--encoder", "control:random", *data_dir),
        ("eval", "neighbors", "--encoder", "control:random", *data_dir),
        ("build", *data_dir),
        ("card", f"{data}/flickrexif", "--check"),
        ("browse", f"{data}/flickrexif"),
    ]
    for command in commands:
        code, out, err = run(*command)
        assert code == 0, (command, out, err)


@pytest.mark.parametrize("name", ODD[:1])
def test_all_commands_work_in_a_folder_of_any_name(tmp_path: Path, home: Path, run: Run, name: str) -> None:
    data = tmp_path / name
    pipeline(run, str(data), "--data-dir", str(data))
    rows = load_dataset("flickrexif", "labels", data_dir=data, split="train")
    images = load_dataset("flickrexif", "images", data_dir=data, split="train")
    processed = load_dataset("imagenet-traces", "jpeg75_420", data_dir=data, split="train")
    assert (rows.num_rows, images.num_rows, processed.num_rows) == (PHOTOS, PHOTOS, 4)
    assert images[0]["image"].size == (images[0]["width"], images[0]["height"])
    assert list(data.glob("embeddings/**/model=*"))
    assert contents(Path.cwd()) == {}


def test_a_tilde_in_the_variable_is_the_home(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKREXIF_DATA", "~/fx")
    pipeline(run, "~/fx")
    assert load_dataset("flickrexif", "labels", split="train").num_rows == PHOTOS
    assert (home / "fx/embeddings").is_dir()
    assert list(Path.cwd().rglob("*")) == []


def test_a_tilde_in_an_option_is_the_home(home: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As bash leaves it in `--out=~/x`."""
    write_image_folder(home / "images", classes=2, train=4, val=4)
    (home / "photos").symlink_to(DATA / "photos")
    for command in (
        "label ~/photos --out=~/mine --data-dir=~/data",
        "process ~/images --parameter jpeg --out=~/traces --data-dir=~/data",
        "embed --dataset=~/images --encoder control:random --embeddings=~/vectors --data-dir=~/data",
        "card ~/mine",
        "browse ~/mine --out=~/pages",
        "pairs simulate ~/pairs --pairs 2 --data-dir=~/data",
        "pairs check ~/pairs --page=~/sheet --data-dir=~/data",
        "pairs build ~/pairs --out=~/paired --data-dir=~/data",
    ):
        code, out, err = run(*command.split())
        assert code in (0, 3), (command, out, err)
    wanted = {"mine", "traces", "vectors", "pages", "pairs", "sheet", "paired"}
    assert wanted <= {path.name for path in home.iterdir()}
    assert list(Path.cwd().rglob("*")) == []


def test_a_tilde_in_the_name_of_an_encoder_is_the_home(home: Path) -> None:
    (home / "weights.pt").write_bytes(b"weights")
    record = resolve("timm:resnet18.a1_in1k@~/weights.pt")
    assert record.checkpoint == str(home / "weights.pt")


@pytest.mark.parametrize("name", ODD)
def test_a_folder_of_any_name_is_loaded_and_no_other(tmp_path: Path, offline: None, name: str) -> None:
    """Beside a folder that the name would match, were it a pattern."""
    for other in ("a", "b", "xy", "qq"):
        make(tmp_path / other, (7, 8, 9))
    for ids, title in (((1, 2), "one"), ((1, 2, 3), "two")):
        make(tmp_path / name, ids, title=title)
        for streaming in (False, True):
            rows = load_dataset("flickrexif", "labels", data_dir=tmp_path / name, split="train", streaming=streaming)
            assert [(row["Flickr ID"], row["title"]) for row in rows] == [(i, title) for i in ids]


def test_a_second_name_follows_the_folder(tmp_path: Path, offline: None) -> None:
    folder = tmp_path / "[a]"
    folder.mkdir()
    for names in ({"x", "y"}, {"y", "z"}, set[str]()):
        for path in folder.iterdir():
            path.unlink()
        for name in names:
            (folder / name).write_text(name)
        second = Path(address_of(folder))
        assert {path.name: path.read_text() for path in second.iterdir()} == {name: name for name in names}
    assert address_of(tmp_path) == str(tmp_path)


def test_an_image_folder_of_any_name_is_a_source(tmp_path: Path, offline: None, run: Run) -> None:
    for name in ("[a]*", "b::c?"):
        write_image_folder(tmp_path / name / "images", classes=2, train=3, val=3)
        done = run("process", tmp_path / name / "images", "--parameter", "jpeg", "--data-dir", tmp_path / name)
        assert done[0] == 0, done
        folder = tmp_path / name / "flat"
        folder.mkdir()
        (folder / "one.jpg").write_bytes(samples()["JPEG"])
        assert run("label", folder, "--out", tmp_path / name / "mine")[0] in (0, 3)


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of huggingface_hub, through Git LFS
def test_a_folder_of_any_name_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # it would remember between tests what it has sent
    root = tmp_path / ODD[0] / "flickrexif"
    pushing.make(root, tmp_path / "images", {"2024-08": [1, 2, 3]})
    with serving(Hub(pushing.USERS)) as hub:
        pushing.push(hub, root)
        assert pushing.remote(hub) == pushing.local(root)


# --- homes that are not there -------------------------------------------------------------------------------------


def test_a_user_that_is_none_is_a_folder_and_a_home_that_is_nowhere_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert expanded("~no-such-user/x") == Path("~no-such-user/x")
    assert expanded("a/~") == Path("a/~")
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody"])  # as in a container with a number for a user
    with pytest.raises(UsageError, match="nothing says where `~` is"):
        expanded("~/x")


@pytest.mark.parametrize("option", ["--out", "--data-dir"])
def test_an_address_is_no_folder(home: Path, run: Run, option: str) -> None:
    write_image_folder(Path("photos"), classes=1, train=1, val=0)
    code, _, said = run("process", "photos", "--variant", "identity", option, "s3://")
    assert (code, list(Path().iterdir())) == (2, [Path("photos")])
    assert "names no bucket" in said
    with pytest.raises(UsageError, match="sftp://host/x is no folder of this machine"):
        path_of("sftp://host/x")
    for command in ("process --variant identity", "embed --encoder control:dct --dataset"):
        code, _, said = run(*command.split(), "sftp://host/x")
        assert (code, "Stores: s3://, gs://, az://." in said) == (2, True)
    Path("s3:").mkdir()
    assert path_of("s3://bucket") == Path("s3:/bucket")


@pytest.mark.parametrize("kind", ["home", "cache"])
def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, kind: str) -> None:
    """Nothing can be made below /proc, whoever runs this; with a plain OSError it was, or with "make it with crawl"."""
    make(tmp_path / "data")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    environment |= {"HOME": "/proc/home"} if kind == "home" else {"HF_DATASETS_CACHE": "/proc/cache"}
    code = "import sys\nfrom flickrexif import load_dataset\nload_dataset('flickrexif', 'labels', data_dir=sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "data"], env=environment, capture_output=True, text=True, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("flickrexif.core.errors.FlickrExifError: The cache /proc/"), done.stderr
    assert "HF_DATASETS_CACHE=" in last
    environment["HF_DATASETS_CACHE"] = str(tmp_path / "cache")  # as it says
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "data"], env=environment, check=False).returncode == 0


def test_a_folder_given_as_cache_is_named_too(tmp_path: Path, offline: None) -> None:
    make(tmp_path / "data")
    (tmp_path / "file").write_text("")
    with pytest.raises(FlickrExifError, match=rf"The cache {tmp_path}/file cannot be written"):
        load_dataset("flickrexif", "labels", data_dir=tmp_path / "data", cache_dir=str(tmp_path / "file"))
