"""`process` on the command line."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """An ImageFolder of two classes, one image of which is broken."""
    pixels = np.random.default_rng(0).integers(0, 256, (6, 40, 50, 3), dtype=np.uint8)
    for number, image in enumerate(pixels):
        folder = tmp_path / "photos/train" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    (tmp_path / "photos/train/cat/broken.jpg").write_bytes(b"\xff\xd8 no more")
    return tmp_path / "photos"


def rows_of(config: Path) -> list[dict[str, Any]]:
    return [row for file in sorted(config.glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_a_parameter_s_classes_become_configs(run: Any, photos: Path, tmp_path: Path) -> None:
    code, out, _ = run("process", photos, "--parameter", "sharpening", "--out", tmp_path / "made", "--workers", 1)
    assert code == 3  # one image was left out, and it is said which
    assert "sharpen_2 train: 6 images" in out
    assert "broken.jpg" in (tmp_path / "made/sharpen_2/train-failures.csv").read_text()
    rows = rows_of(tmp_path / "made/sharpen_4")
    assert [row["image_id"] for row in rows] == sorted(row["image_id"] for row in rows)
    assert all(hashlib.sha256(row["image"]["bytes"]).hexdigest() == row["sha256"] for row in rows)
    assert (tmp_path / "made/README.md").exists()


def test_a_draw_gives_each_image_one_class(run: Any, photos: Path, tmp_path: Path) -> None:
    options = ("--parameter", "jpeg", "--draw", "balanced", "--seed", 1, "--out", tmp_path / "made", "--workers", 1)
    assert run("process", photos, *options)[0] == 3
    rows = rows_of(tmp_path / "made/jpeg_balanced_seed1")
    assert len({row["variant"] for row in rows}) >= 5  # seven images over six classes, one image is broken


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--parameter", "jpg"), "Nearest: jpeg"),
        (("--variant", "jpeg74_420"), "Nearest: JPEG75_420"),
        ((), "Nothing to make was named"),
        (("--draw", "uniform", "--variant", "sharpen_2"), "A draw is of one parameter's classes"),
        (("--parameter", "jpeg", "--split", "dev"), "dev"),
    ],
)
def test_bad_input_is_one_sentence(run: Any, photos: Path, tmp_path: Path, options: Any, sentence: str) -> None:
    code, out, err = run("process", photos, "--out", tmp_path / "made", *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert not list((tmp_path / "made").rglob("*.parquet"))


def test_a_source_that_is_not_there(run: Any, tmp_path: Path) -> None:
    code, _, err = run("process", tmp_path / "nowhere", "--parameter", "jpeg", "--out", tmp_path / "made")
    assert code in (1, 2)
    assert "nowhere" in err
    assert "Traceback" not in err
