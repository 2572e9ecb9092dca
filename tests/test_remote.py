"""Output and input at addresses: an S3 server on loopback holds the bytes that a folder would, whoever wrote them."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

import flickrexif
from flickrexif.core import remote as stores
from flickrexif.core.files import put_bytes
from flickrexif.core.folder import DataFolder
from flickrexif.core.remote import remote
from tests.ray_environ import RAY
from tests.samples import write_image_folder

ROOT = Path(__file__).parents[1]
BUCKET = "photos"
SECRET = "secretsecretsecret"
PHOTO = 53512345678
ENCODER = "control:colour"
Run = Callable[..., tuple[int, str, str]]
EMBED = f"embed --encoder {ENCODER} --on-the-fly resizing --device cpu --dataset".split()
VARIANTS = "--variant jpeg75_420 --variant resize_half --workers 1 --seed 1".split()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an S3 server with an empty bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # where boto looks for settings
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("PYTHONPATH", str(ROOT))
        stores._file_system("s3").mkdir(BUCKET)
        yield f"http://{host}:{port}"
    forget_connections()
    server.stop()


def forget_connections() -> None:
    """What is asked next is asked with the settings of then."""
    stores._file_system("s3").clear_instance_cache()
    stores._file_system.cache_clear()


@pytest.fixture
def place(server: str, request: pytest.FixtureRequest) -> str:
    """An address of this test alone."""
    return f"s3://{BUCKET}/{request.node.name}"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 images of two classes in train/, 8 in val/; one is no image."""
    root = write_image_folder(tmp_path_factory.mktemp("data") / "pictures", classes=2, train=12, val=4)
    (root / "train/photograph 1/05.jpg").write_bytes(b"no image")
    return root


def contents(folder: Path | str) -> dict[str, bytes]:
    """Every file of a folder or an address, but for what belongs to locks."""
    root = remote(folder) or Path(folder)
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return {name: content for name, content in files.items() if ".flickrexif" not in name.split("/")}


@pytest.fixture(scope="module")
def processed(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What `process` writes to a folder."""
    out = tmp_path_factory.mktemp("local") / "data" / "traces"
    flickrexif.process(pictures, out=out, variant=["jpeg75_420", "resize_half"], workers=1, seed=1, data_dir=out.parent)
    return contents(out)


# --- process


def test_processed_images_are_the_bytes_that_a_folder_gets(
    run: Run, pictures: Path, processed: dict[str, bytes], place: str, tmp_path: Path
) -> None:
    command = ("process", pictures, "--out", place, *VARIANTS, "--data-dir", tmp_path / "data")
    code, said, notes = run(*command)
    assert code == 3, notes  # an image is none
    assert f"No lock can be held at {place}" in notes
    assert contents(place) == processed
    assert {"README.md", "jpeg75_420/train-00000-of-00001.parquet", "jpeg75_420/.done/train.json"} <= processed.keys()
    assert DataFolder(tmp_path / "data").registered() == [remote(place)]
    code, again, _ = run(*command)
    assert (code, "(1 were there)" in again) == (3, True)
    assert SECRET not in said + notes
    assert run(*command, "--limit", "3")[0] == 2  # never over what other settings made
    assert contents(place) == processed


KILLED = """
    import os, signal, sys
    import flickrexif

    def kill(done, total, failures):
        if done >= 0.4 * total:
            os.kill(os.getpid(), signal.SIGKILL)

    flickrexif.process(sys.argv[1], out=sys.argv[2], data_dir=sys.argv[3], variant=["jpeg75_420", "resize_half"],
                       workers=int(sys.argv[4]), seed=1, progress=kill)
"""


def killed(*arguments: object) -> None:
    command = [sys.executable, "-c", textwrap.dedent(KILLED), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_is_finished_by_the_same_command(
    run: Run, pictures: Path, processed: dict[str, bytes], server: str, tmp_path: Path, workers: int
) -> None:
    place = f"s3://{BUCKET}/killed-{workers}"
    killed(pictures, place, tmp_path / "data", workers)
    begun = contents(place)
    assert "jpeg75_420/.done/train.json" in begun
    assert begun.keys() < processed.keys()
    for shard in ("1/2", "2/2", ""):
        code, _, notes = run("process", pictures, "--out", place, *VARIANTS, "--data-dir", tmp_path, "--shard", shard)
        assert code in (0, 3), notes
    assert contents(place) == processed


def on_ray(*arguments: object) -> None:
    """A command that ends with failures, on a cluster of its own."""
    command = [sys.executable, "-m", "flickrexif", *map(str, arguments), "--engine", "ray"]
    done = subprocess.run(command, env=os.environ | RAY, capture_output=True, timeout=200, check=False)
    assert done.returncode == 3, done.stderr


def test_what_was_begun_here_is_finished_on_ray(
    pictures: Path, processed: dict[str, bytes], place: str, tmp_path: Path
) -> None:
    killed(pictures, place, tmp_path / "data", 1)
    on_ray("process", pictures, "--out", place, *VARIANTS, "--data-dir", tmp_path / "data")
    assert contents(place) == processed


def test_what_is_at_an_address_is_loaded_and_processed_again(
    run: Run, pictures: Path, processed: dict[str, bytes], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for name, content in processed.items():
        stores._file_system("s3").pipe_file(f"{place}/traces/{name}", content)
        (tmp_path / "traces" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "traces" / name).write_bytes(content)
    loaded = datasets.load_dataset(
        "parquet", data_files=f"{place}/traces/jpeg75_420/validation-*.parquet", split="train"
    )
    assert len(loaded) == 8
    assert loaded.features["variant"].names
    for where in (tmp_path, place):
        command = ("process", f"{where}/traces?config=jpeg75_420", "--out", f"{where}/again", *VARIANTS)
        code, _, notes = run(*command, "--data-dir", tmp_path)
        assert code == 0, notes
        command = ("embed", "--dataset", f"{where}/traces", "--encoder", ENCODER, "--variant", "resize_half")
        code, _, notes = run(*command, "--embeddings", f"{where}/embeddings", "--device", "cpu", "--data-dir", tmp_path)
        assert code == 3, notes  # an image is none
    images = [
        {name: content for name, content in contents(f"{where}/again").items() if name.endswith(".parquet")}
        for where in (tmp_path, place)
    ]
    assert images[0] == images[1]
    assert len(images[0]) == 4
    assert contents(f"{place}/embeddings") == contents(tmp_path / "embeddings")
    assert any(name.endswith("split=train.safetensors") for name in contents(f"{place}/embeddings"))


# --- embed


@pytest.fixture(scope="module")
def embedded(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with embeddings of an encoder without weights."""
    data = tmp_path_factory.mktemp("embedded") / "data"
    flickrexif.embed(pictures, ENCODER, on_the_fly="resizing", data_dir=data, device="cpu")
    return data


def test_embeddings_are_the_bytes_that_a_folder_gets(
    run: Run, pictures: Path, embedded: Path, place: str, tmp_path: Path
) -> None:
    command = (*EMBED, pictures, "--embeddings", place, "--data-dir", tmp_path / "data")
    for shard in ("1/2", "2/2"):
        code, _, notes = run(*command, "--shard", shard)
        assert code in (0, 3), notes
    assert f"No lock can be held at {place}" in notes
    code, _, notes = run("merge-shards", "--embeddings", place, "--data-dir", tmp_path / "data")
    assert code == 0, notes
    assert contents(place) == contents(embedded / "embeddings")
    assert len(contents(place)) > 4
    code, said, _ = run(*command)  # all there
    assert code in (0, 3), said
    assert contents(place) == contents(embedded / "embeddings")


def test_embeddings_on_ray_are_the_same_bytes(pictures: Path, embedded: Path, place: str, tmp_path: Path) -> None:
    on_ray(*EMBED, pictures, "--embeddings", place, "--data-dir", tmp_path / "data")
    assert contents(place) == contents(embedded / "embeddings")


# --- forget


def test_forget_takes_photos_out_at_an_address_as_in_a_folder(
    run: Run, pictures: Path, place: str, tmp_path: Path
) -> None:
    """Both are registered in a data folder each."""
    photos = tmp_path / "photos"
    for number, path in enumerate(sorted(pictures.glob("train/*/*.jpg"))[:6]):
        put_bytes(photos / "train" / path.parent.name / f"{PHOTO + number}.jpg", path.read_bytes())
    left = []
    for name, root in (("here", str(tmp_path / "elsewhere")), ("there", place)):
        data = tmp_path / name
        assert run("process", photos, "--out", f"{root}/traces", *VARIANTS, "--data-dir", data)[0] == 0
        command = ("embed", "--dataset", photos, "--encoder", ENCODER, "--device", "cpu", "--data-dir", data)
        assert run(*command, "--embeddings", f"{root}/embeddings")[0] == 0
        code, said, notes = run("forget", "--photo", PHOTO + 2, "--reason", "asked", "--data-dir", data)
        assert code == 0, notes
        assert "processed images" in said + notes
        left.append(contents(root))
    fresh = {name: content for name, content in left[0].items() if "takedowns" not in name}
    assert left[1] == fresh
    assert not any(str(PHOTO + 2).encode() in content for content in left[1].values())
    assert any(str(PHOTO + 3).encode() in content for content in left[1].values())


def test_an_address_that_cannot_be_searched_is_an_error_of_forget(
    run: Run, pictures: Path, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("process", pictures, "--out", place, *VARIANTS, "--limit", "2", "--data-dir", tmp_path / "data")[0] == 0
    forget_connections()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code, _, notes = run("forget", "--photo", PHOTO, "--reason", "asked", "--data-dir", tmp_path / "data")
    forget_connections()
    assert code == 1
    assert place in notes
    assert "Traceback" not in notes


# --- sources


def upload(folder: Path, place: str) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            put_bytes(cast("Path", remote(place)) / path.relative_to(folder), path.read_bytes())


def test_a_folder_of_images_at_an_address_is_a_source(
    run: Run, pictures: Path, processed: dict[str, bytes], embedded: Path, place: str, tmp_path: Path
) -> None:
    upload(pictures, f"{place}/pictures")
    out = tmp_path / "data" / "traces"
    code, _, notes = run("process", f"{place}/pictures", "--out", out, *VARIANTS)
    assert code == 3, notes
    assert contents(out) == processed
    command = ("embed", "--dataset", f"{place}/pictures", "--encoder", ENCODER, "--on-the-fly", "resizing")
    code, _, notes = run(*command, "--device", "cpu", "--data-dir", tmp_path / "data")
    assert code in (0, 3), notes
    assert contents(tmp_path / "data" / "embeddings") == contents(embedded / "embeddings")


def test_embeddings_at_an_address_are_measured_as_in_a_folder(
    run: Run, embedded: Path, place: str, tmp_path: Path
) -> None:
    upload(embedded / "embeddings", place)
    answers = []
    for number, root in enumerate((embedded / "embeddings", place)):
        command = ("eval", "knn", "--encoder", "control/colour", "--embeddings", root, "--dataset", "pictures")
        out = tmp_path / str(number)
        code, _, notes = run(*command, "--set", "parameter=resizing", "--out", out, "--data-dir", tmp_path / "data")
        assert code == 0, notes
        (record,) = (json.loads(path.read_bytes()) for path in out.rglob("*.json"))
        answers.append((record["metrics"], record["fingerprints"]))
    assert answers[0] == answers[1]
    assert None not in answers[0][0].values()


# --- what fails


def test_what_a_store_refuses_is_one_sentence(
    run: Run, pictures: Path, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bucket that is not there, keys that are none, a server that is gone: nothing is written, nothing is lost."""
    options = (*VARIANTS, "--data-dir", tmp_path / "data")
    code, _, notes = run("process", pictures, "--out", "s3://nobody/traces", *options)
    assert code == 1
    assert "s3://nobody/traces" in notes
    assert "The specified bucket does not exist" in notes
    assert not (tmp_path / "data").exists()
    assert run("process", "s3://nobody/pictures", *options)[0] == 2
    code, _, notes = run("process", pictures, "--out", "s3://", *options)
    assert (code, "names no bucket" in notes) == (2, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moto.settings.INITIAL_NO_AUTH_ACTION_COUNT", 0.0)  # the server looks at keys
        code, _, notes = run("process", pictures, "--out", place, *options)
    assert code == 1
    assert place in notes
    assert SECRET not in notes
    forget_connections()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    code, _, notes = run("process", pictures, "--out", place, *options)
    forget_connections()
    assert code == 1
    assert "Could not connect" in notes
    assert "AWS_ENDPOINT_URL" in notes
    assert "Traceback" not in notes


COMMANDS = {  # arguments in which PLACE is an address
    "build": "--data-dir PLACE",
    "label": "photos --out PLACE",
    "splits": "--out PLACE",
    "pairs build": "photos --out PLACE",
    "simulate": "PLACE",
    "eval": "knn --encoder lite0 --out PLACE",
    "report": "PLACE",
    "card": "PLACE",
    "browse": "PLACE",
    "publish": "PLACE --repo jo/photos",
    "merge": "PLACE --data-dir both",
    "refresh": "--data-dir PLACE",
    "forget": "--photo 53512345678 --reason asked --data-dir PLACE",
    "process": "photos --variant identity --data-dir PLACE",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_what_needs_locks_or_a_journal_refuses_an_address(
    run: Run, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    words = COMMANDS[command].replace("PLACE", f"s3://{BUCKET}/x").split()
    code, _, notes = run(*command.split(), *words)
    assert code == 2, notes
    assert f"s3://{BUCKET}/x is no folder of this machine." in notes
    assert "which no store can hold" in notes
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_variable_that_names_a_store_as_data_folder_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKREXIF_DATA", f"s3://{BUCKET}/data")
    code, _, notes = run("status")
    assert code == 2
    assert "no store can hold" in notes
