"""What ends a run and what does not: a stranger's encoder becomes a record and a log; a full disk, and a fault of our
own, end the run at once, and the same command goes on afterwards."""

import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import flickrexif
from flickrexif.core.errors import MachineError
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.embed.blocks import Block
from flickrexif.eval.encoders.faults import EncoderError
from flickrexif.eval.measure import read_result, retrieval
from tests.embed_encoders import Linear, embed_all
from tests.samples import write_image_folder
from tests.suite_data import records, write_data

ROOT = Path(__file__).parents[1]
CPU: dict[str, Any] = {"device": "cpu"}
STRANGERS = "module:tests.faulty_encoders:"
REASONS = {
    "in_loading": "RuntimeError: no weights for you",
    "InPreparing": "LookupError: no crop for you",
    "NoArray": "its `prepare` gave str, not an array of numbers",
    "AnyShape": "its `prepare` gave arrays of different shapes",
    "InEmbedding": "ZeroDivisionError: no embedding for you",
    "AnyWidth": "images, not [",
    "NoWidth": "images, not [",
    "NotFinite": "",
    "Constant": "is zero or not finite",
}
RAISED = ("in_loading", "InPreparing", "InEmbedding")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("suite"))


@pytest.fixture
def data(untouched: Path, tmp_path: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(untouched, tmp_path / "data"))


# --- a stranger's encoder


@pytest.mark.parametrize("name", list(REASONS))
def test_what_an_encoder_does_is_a_record_with_a_log_and_others_are_measured(data: Path, name: str) -> None:
    tasks = ("retrieval", "similarity", "neighbors")
    evaluation = flickrexif.evaluate([STRANGERS + name, "control:colour"], data_dir=data, tasks=tasks, **CPU)
    for result in evaluation.results:
        if result.encoder == "control:colour":
            assert result.state != "failed"
        elif result.state != "not possible" and name != "AnyWidth":
            assert result.state == "failed"
            assert REASONS[name] in result.reason
            assert set(result.metrics.values()) == {None}
    logs = sorted((data / "results").rglob("*.log"))
    failed = [item.path for item in (outcome.item for outcome in evaluation.failed)]
    assert logs == (sorted(path.with_suffix(".log") for path in failed) if name in RAISED else [])
    for log in logs:
        text = log.read_text()
        assert "Traceback (most recent call last)" in text
        assert "faulty_encoders.py" in text
        assert read_result(log.with_suffix(".json")).reason in text


@pytest.mark.parametrize("workers", [0, 1])
def test_what_an_encoder_raises_is_a_sentence_with_its_cause(tmp_path: Path, run: Any, workers: int) -> None:
    images = write_image_folder(tmp_path / "images", classes=2, train=2, val=2)
    place = ("--dataset", images, "--data-dir", tmp_path / "data", "--device", "cpu", "--workers", workers)
    code, out, err = run("embed", *place, "--encoder", f"{STRANGERS}InPreparing")
    assert (code, out) == (1, "")
    assert err == "flickrexif: The encoder failed: LookupError: no crop for you. Mend the encoder, or take another.\n"
    code, out, err = run("embed", *place, "--encoder", f"{STRANGERS}in_loading")
    assert (code, out) == (1, "")
    assert err.startswith("flickrexif: The encoder failed: RuntimeError: no weights for you. Mend the encoder")
    assert err.count("\n") == 1
    with pytest.raises(EncoderError) as raised:
        flickrexif.embed(images, f"{STRANGERS}InPreparing", data_dir=tmp_path / "data", device="cpu", workers=workers)
    assert "in prepare" in raised.value.log


def test_a_log_goes_when_the_measurement_is_made_and_when_it_names_a_photo_that_must_go(data: Path) -> None:
    class Mended(Linear):
        def embed(self, batch: Any) -> Any:
            if self.capacity:
                raise ValueError("photo 53000000001 is odd")
            return super().embed(batch)

    flickrexif.evaluate(Mended(capacity=1), data_dir=data, tasks="neighbors", **CPU)
    (log,) = (data / "results").rglob("*.log")
    assert "53000000001" in log.read_text()
    shutil.copytree(data, data.parent / "other")
    flickrexif.evaluate(Mended(), data_dir=data, tasks="neighbors", **CPU)
    assert not list((data / "results").rglob("*.log"))
    flickrexif.forget(reason="asked", photos=[53_000_000_001], data_dir=data.parent / "other")
    assert not list((data.parent / "other" / "results").rglob("*.log"))


# --- a fault of our own


def test_a_fault_of_a_measurement_ends_the_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> Any:
        raise ZeroDivisionError("our own")

    monkeypatch.setattr(retrieval, "paircams_recall", broken)
    with pytest.raises(ZeroDivisionError, match="our own"):
        flickrexif.evaluate("control:colour", data_dir=data, tasks="retrieval", **CPU)
    assert records(data) == {}


def test_a_fault_of_embedding_ends_the_run(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Linear()

    def broken(*_: object) -> Any:
        raise IndexError("our own")

    monkeypatch.setattr(Block, "write", broken)
    with pytest.raises(IndexError, match="our own"):
        flickrexif.evaluate(encoder, data_dir=data, tasks=("masking", "retrieval"), **CPU)
    assert len(encoder.batches) < 12  # the first block alone
    assert records(data) == {}


# --- a full disk


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """No file may be larger, which is what a full disk does to writing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_ends_the_suite_at_once_and_the_same_command_goes_on(
    data: Path, tmp_path: Path, untouched: Path
) -> None:
    encoder = Linear()
    with disk_of(1_000), pytest.raises(MachineError, match=r"safetensors cannot be written \(File too large\)\."):
        flickrexif.evaluate(encoder, data_dir=data, tasks=("masking", "retrieval"), **CPU)
    assert len(encoder.batches) < 12  # no second pass
    assert records(data) == {}
    flickrexif.evaluate(Linear(), data_dir=data, tasks=("masking", "retrieval"), **CPU)
    fresh = Path(shutil.copytree(untouched, tmp_path / "fresh" / "data"))
    flickrexif.evaluate(Linear(), data_dir=fresh, tasks=("masking", "retrieval"), **CPU)
    assert records(data) == records(fresh)


def test_a_full_disk_is_one_sentence_of_every_command(data: Path, run: Any) -> None:
    commands = {
        "eval": ("--encoder", "control:colour", "--device", "cpu"),
        "embed": ("--dataset", "flickrexif", "--encoder", "control:colour", "--device", "cpu"),
        "process": (data / "flickrexif", "--variant", "sharpen_2", "--workers", 2, "--out", data / "more"),
    }
    for name, words in commands.items():
        with disk_of(1_000):
            code, out, err = run(*name.split(), *words, "--data-dir", data)
        assert (code, out) == (1, ""), err
        assert err.count("File too large") == 1
        assert err.strip().splitlines()[-1].endswith("Mend that, then run the same command again.")


@pytest.mark.parametrize("command", ["eval", "embed", "process"])
def test_a_disk_without_space_is_told(data: Path, tmp_path: Path, command: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        words = {
            "eval": f"eval --encoder control:random --device cpu --data-dir {disk} --dataset {data}/more",
            "embed": f"embed --dataset {data}/more --encoder control:random --device cpu --data-dir {disk}",
            "process": f"process {data}/more --parameter jpeg --workers 1 --data-dir {disk}",
        }
        write_image_folder(data / "more", classes=2, train=40, val=2)
        program = [sys.executable, "-m", "flickrexif", *words[command].split()]
        environ = {"PATH": "", "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(program, capture_output=True, text=True, env=environ)
    finally:
        subprocess.run(["umount", disk], check=True)
    assert (done.returncode, done.stdout) == (1, "")
    last = done.stderr.strip().splitlines()[-1]
    assert "cannot be written (No space left on device). Free some space, then run the same command again" in last
    assert done.stderr.count("No space left") == 1


# --- open files

LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[3]),) * 2)
from tests.test_faults import embed_with_many
embed_with_many(Path(sys.argv[1]), Path(sys.argv[2]))
"""
ENCODERS = 8


def embed_with_many(folder: Path, out: Path) -> None:
    """8 encoders, 14 variants and 2 masks: 224 files, or for two splits 448."""
    variants = ("IDENTITY", "jpeg", "sharpening", "resizing", "interpolation")
    encoders = [Linear(name=f"module:tests:{number}") for number in range(ENCODERS)]
    embed_all(out, encoders, open_images(str(folder)), variants, (0.0, 0.5), block=2)


def contents(folder: Path) -> Mapping[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_opens_few_files_however_many_it_makes(tmp_path: Path) -> None:
    images = write_image_folder(tmp_path / "images", classes=2, train=2, val=1)
    for name, limit in (("few", 64), ("many", 4096)):
        command = [sys.executable, "-c", LIMITED, str(images), str(tmp_path / name), str(limit)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
    few = contents(tmp_path / "few")
    assert few == contents(tmp_path / "many")
    assert len(few) >= 448  # seven times the limit
    assert not [name for name in few if Path(name).name.startswith(".")]
