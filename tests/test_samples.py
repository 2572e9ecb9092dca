"""The samples that the repository holds: few, named with their sources, and what the others are made from."""

import csv
from pathlib import Path

from PIL import Image

from tests.folders import hashes
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
    first, second = (hashes(write_image_folder(tmp_path / name, train=2, val=1)) for name in ("first", "second"))
    assert first == second
    assert len(set(first.values())) == len(first) == 30
    with Image.open(tmp_path / "first/val/photograph 3/00.jpg") as image:
        assert (image.size, image.format) == ((224, 224), "JPEG")


def test_the_photographs_differ() -> None:
    small = {image.resize((8, 8)).tobytes() for image in photographs()}
    assert len(small) == 17
    assert min(min(image.size) for image in photographs()) >= 300
