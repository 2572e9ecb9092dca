"""The samples that the repository holds: few, named with their sources, and what the others are made from."""

import csv
import hashlib
from pathlib import Path

from PIL import Image

from tests.samples import DATA, photographs, write_image_folder


def test_every_sample_has_a_source_and_they_stay_small() -> None:
    files = {path.relative_to(DATA).as_posix(): path for path in DATA.rglob("*") if path.is_file()}
    del files["SOURCES.csv"]
    with (DATA / "SOURCES.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["file"] for row in rows) == sorted(files)
    assert all(row["source"] and row["terms"] and row["why"] for row in rows)
    assert sum(path.stat().st_size for path in files.values()) < 3_000_000


def test_the_image_folder_is_the_same_every_time_and_no_image_comes_twice(tmp_path: Path) -> None:
    def hashes(root: Path) -> dict[str, str]:
        paths = write_image_folder(root, train=2, val=1).rglob("*.jpg")
        return {p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}

    first = hashes(tmp_path / "first")
    assert first == hashes(tmp_path / "second")
    assert len(set(first.values())) == len(first) == 30
    with Image.open(tmp_path / "first/val/photograph 3/00.jpg") as image:
        assert (image.size, image.format) == ((224, 224), "JPEG")


def test_the_photographs_differ() -> None:
    small = {image.resize((8, 8)).tobytes() for image in photographs()}
    assert len(small) == 17
    assert min(min(image.size) for image in photographs()) >= 300
