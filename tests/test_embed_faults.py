"""An encoder or a data set that fails is a fault of its files; the others get theirs, and nothing is embedded twice."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import flickrexif
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, read_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.embed.report import EmbedReport
from flickrexif.eval.embed.run import embed
from flickrexif.eval.embed.settings import EmbedSettings, Work, combos_of
from flickrexif.eval.encoders import Candidate
from flickrexif.processing.build import ProcessSettings, process
from tests.embed_encoders import Linear, Ready, embed_all
from tests.samples import write_image_folder

ROOT = Path(__file__).parents[1]
COMBOS = combos_of(("JPEG75_420", "SHARPEN_2"), (0.0, 0.9))
SETTINGS: dict[str, Any] = {"batch_size": 4, "block": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_image_folder(tmp_path / "pictures", classes=2, train=5, val=0)


class Failing(Linear):
    """Fails after so many batches."""

    fails_after = 0

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        if len(self.batches) == self.fails_after:
            raise ValueError("no more")
        return super().embed(batch)


def refusing(image: Image.Image, *_: object) -> np.ndarray:
    """Prepares no small image."""
    raise LookupError("no crop for you")


def run(folder: Path, out: Path, encoders: Sequence[Linear], **options: Any) -> EmbedReport:
    work = [Work(source, COMBOS) for source in open_images(str(folder))]
    return embed(EmbedSettings(out=out, **SETTINGS, **options), [Ready(e.spec, e) for e in encoders], work)


def contents(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("model=*") if path.is_file()}


@pytest.mark.parametrize("fails_after", [0, 5])
def test_one_that_fails_leaves_the_others_to_go_on_over_the_same_images(
    folder: Path, tmp_path: Path, fails_after: int
) -> None:
    good, failing = Linear("module:tests:good"), Failing()
    failing.fails_after = fails_after
    report = run(folder, tmp_path / "out", [failing, good])
    assert sum(good.batches) == 10 * len(COMBOS)
    assert len(failing.batches) == fails_after  # not tried again
    assert {key.variant for key in report.faults} == {"tests:linear"}
    assert len(report.faults) == len(report.files) == len(COMBOS)
    fault, *others = set(report.faults.values())
    assert (fault.reason, others) == ("ValueError: no more", [])
    assert "in embed" in fault.log
    mended = Linear()
    report = run(folder, tmp_path / "out", [mended, good])
    assert sum(mended.batches) == (10 - fails_after // 5 * 4) * len(COMBOS)  # a block of 4 images is 4 batches of 4
    assert sum(good.batches) == 10 * len(COMBOS)
    assert not report.faults
    run(folder, tmp_path / "fresh", [Linear(), Linear("module:tests:good")])
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


@pytest.mark.parametrize("workers", [0, 1])
def test_preprocessing_that_fails_is_that_of_its_encoders_alone(folder: Path, tmp_path: Path, workers: int) -> None:
    encoders = [Linear(), Linear("module:tests:bad", refusing), Linear("module:tests:bad2", refusing)]
    report = run(folder, tmp_path / "out", encoders, workers=workers)
    assert {key.variant for key in report.faults} == {"tests:bad", "tests:bad2"}
    assert {fault.reason for fault in report.faults.values()} == {"LookupError: no crop for you"}
    run(folder, tmp_path / "alone", [Linear()])
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")


@pytest.mark.parametrize("workers", [0, 1])
def test_images_that_cannot_be_read_any_more_are_a_fault_of_their_files(tmp_path: Path, workers: int) -> None:
    for name in ("first", "second"):
        write_image_folder(tmp_path / name, classes=2, train=3, val=0)
    process(ProcessSettings(source=str(tmp_path / "first"), out=tmp_path / "parquet", variants=("JPEG75_420",)))
    sources = [*open_images(str(tmp_path / "parquet")), *open_images(str(tmp_path / "second"))]
    for path in (tmp_path / "parquet").rglob("*.parquet"):
        path.unlink()
    seen: list[tuple[int, int]] = []
    report = embed(
        EmbedSettings(out=tmp_path / "out", workers=workers, **SETTINGS),
        [Ready(Linear().spec, Linear())],
        [Work(source, combos_of()) for source in sources],
        lambda done, total, _: seen.append((done, total)),
    )
    assert [key.dataset for key in report.faults] == ["parquet"]
    assert [file.path.parent.name for file in report.files] == ["second"]
    assert seen == sorted(seen)
    assert seen[-1] == (12, 12)


def test_a_file_that_must_not_be_overwritten_is_a_fault_and_its_bytes_stay(folder: Path, tmp_path: Path) -> None:
    sources = open_images(str(folder))
    (other,) = embed_all(tmp_path / "out", [Linear()], sources, ("JPEG75_420",), dtype="bf16").files
    before = other.path.read_bytes()
    report = run(folder, tmp_path / "out", [Linear()])
    assert [key.path(tmp_path / "out") for key in report.faults] == [other.path]
    (fault,) = report.faults.values()
    assert isinstance(fault.error, UsageError)
    assert "made with other settings" in fault.reason
    assert len(report.files) == len(COMBOS) - 1
    assert other.path.read_bytes() == before


def test_what_is_finished_is_not_loaded(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["control:colour", "control:dct"]
    place: dict[str, Any] = {"embeddings": tmp_path / "out", "data_dir": tmp_path / "data", "device": "cpu"}
    flickrexif.embed(folder, names, **place)

    def load(*_: object) -> Any:
        raise AssertionError

    monkeypatch.setattr(Candidate, "load", load)
    report = flickrexif.embed(folder, names, **place)
    assert [file.existed for file in report.files] == [True, True]


def test_the_command_says_each_fault_once_and_ends_with_3_or_1(
    folder: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ("--dataset", folder, "--data-dir", tmp_path / "data", "--device", "cpu", "--mask", 0, "--mask", 0.5)
    bad = ("--encoder", "module:tests.faulty_encoders:InEmbedding")
    code, out, err = run("embed", *place, *bad, "--encoder", "control:colour")
    assert code == 3
    assert len(out.splitlines()) == 2
    assert err.count("no embedding for you") == 1
    assert "2 files, such as " in err
    code, out, err = run("embed", *place, *bad)
    assert (code, out) == (1, "")
    assert err.count("no embedding for you") == 1
    code, out, err = run("embed", *place, "--encoder", "control:colour", "--dtype", "bf16")
    assert (code, out) == (2, "")
    assert "made with other settings" in err


def test_a_key_of_a_fault_names_the_file_it_would_have_been(folder: Path, tmp_path: Path) -> None:
    report = run(folder, tmp_path / "out", [Failing()])
    run(folder, tmp_path / "out", [Linear()])
    for key in report.faults:
        assert len(read_embeddings(key.path(tmp_path / "out"))) == 10
        assert isinstance(key, EmbeddingKey)
    with pytest.raises(FlickrExifError, match="The encoder failed: ValueError: no more"):
        embed_all(tmp_path / "more", [Failing()], open_images(str(folder)))


NOTEBOOK = """
import numpy as np
from flickrexif import embed

class Mine:
    input_size = 16
    def prepare(self, image, image_id, mask):
        return np.asarray(image.convert("RGB").resize((16, 16)), np.float32).transpose(2, 0, 1)
    def embed(self, batch):
        return batch.mean((2, 3))

class Closed(Mine):
    def __init__(self):
        self.prepare = lambda image, image_id, mask: Mine.prepare(self, image, image_id, mask)

for encoder in (Mine(), Closed()):
    for workers in (2, 0):
        try:
            report = embed({folder!r}, encoder, data_dir={data!r}, device="cpu", workers=workers, revision="1")
            print(sum(file.rows for file in report.files))
        except Exception as error:
            print(type(error).__name__, error)
"""


def test_a_class_of_a_notebook_works_without_workers_and_says_so_with_them(folder: Path, tmp_path: Path) -> None:
    code = NOTEBOOK.format(folder=str(folder), data=str(tmp_path / "data"))
    done = subprocess.run([sys.executable, "-"], input=code, capture_output=True, text=True, check=True, cwd=ROOT)
    lines = done.stdout.splitlines()
    assert (len(lines), done.stderr) == (4, "")
    assert lines[1] == lines[3] == "10"
    for line, reason in ((lines[0], "is of this session"), (lines[2], "cannot be given to worker processes")):
        assert line.startswith("EncoderError The encoder failed: its `prepare`")
        assert reason in line
        assert line.endswith("Define it in a module, a .py file, or work without workers (workers=0).")
