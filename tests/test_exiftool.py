"""`label --reader exiftool`: the same columns and, but for exiftool's rounding, the same rows as our own reader's."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from flickrexif.core.errors import MachineError
from flickrexif.core.pictures import BadPicture
from flickrexif.exif import label
from flickrexif.exif.exiftool import exiftool_reader
from flickrexif.exif.files import PhotoFile, read_photo
from flickrexif.exif.tags import TAGS
from tests.samples import DATA

PLAIN = DATA / "cases/L00-control/plain.jpg"
FILES = sorted(path for folder in ("cases", "photos") for path in (DATA / folder).rglob("*") if path.is_file())


def labels_of(photo: PhotoFile) -> dict[str, object]:
    labels = asdict(label(photo.tags, numbers=photo.numbers))
    return {name: pytest.approx(value) if isinstance(value, float) else value for name, value in labels.items()}


def test_both_readers_read_the_same() -> None:
    with exiftool_reader() as read:
        for path in FILES:
            ours, theirs = read_photo(path), read(path)
            assert {tag: text for tag, text in theirs.tags.items() if tag in TAGS} == ours.tags, path
            assert labels_of(theirs) == labels_of(ours), path
            sizes = [(photo.width, photo.height, photo.orientation, photo.camera) for photo in (ours, theirs)]
            assert sizes[0] == sizes[1], path


def test_names_of_any_kind(tmp_path: Path) -> None:
    with exiftool_reader() as read:
        for name in ("-Make.jpg", " blank .jpg", "#[CSTR].jpg", "$a@b\\c'd\".jpg", "日本.jpg", "latin\udce9.jpg"):
            shutil.copy(PLAIN, tmp_path / name)
            assert read(tmp_path / name).tags["Model"] == "NIKON D750", name
        shutil.copy(PLAIN, tmp_path / "two\nlines.jpg")
        with pytest.raises(BadPicture, match="line break"):
            read(tmp_path / "two\nlines.jpg")
        with pytest.raises(BadPicture, match="no such file"):
            read(tmp_path / "none.jpg")
        assert read(PLAIN).tags["Model"] == "NIKON D750"


def test_the_command_writes_the_same_columns(run: Any, tmp_path: Path) -> None:
    tables = []
    for reader in ("own", "exiftool"):
        code, out, _ = run(
            *("label", DATA / "photos", "--out", tmp_path / reader, "--data-dir", tmp_path / "data"),
            *("--reader", reader, "--images", "none", "--owner-from", "camera"),
        )
        assert code == 0
        assert "11 photos labelled" in out
        tables.append(pd.read_parquet(tmp_path / reader / "labels"))
    pd.testing.assert_frame_equal(tables[0], tables[1])


def test_without_exiftool(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    code, _, err = run("label", DATA / "photos", "--out", tmp_path / "out", "--reader", "exiftool")
    assert code == 2
    assert "exiftool is not installed" in err


def test_an_exiftool_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "exiftool").write_text("#!/bin/sh\n")
    (tmp_path / "exiftool").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with exiftool_reader() as read, pytest.raises(MachineError, match="exiftool has ended"):
        read(PLAIN)
