"""ATTRIBUTION.csv, and which files may be published."""

import csv
import io
import json
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.cards import write_card
from flickrexif.cards.attribution import attribution_csv, safe_cell
from flickrexif.cards.files import published_files
from flickrexif.core.kinds import DataSetKind
from flickrexif.dataset.build import Collection, build
from flickrexif.dataset.kind import FLICKREXIF
from flickrexif.kinds import KINDS
from flickrexif.paircams.kind import PAIRCAMS
from flickrexif.processing.kind import TRACES
from tests.raw_photos import photo
from tests.test_card import HOSTILE, hostile_photos, make

PAGE = "https://www.flickr.com/photos/jo/1/"
CREATIVE = "https://creativecommons.org/licenses/by/2.0/"
FORMULAS = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r\n=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff201",
    ' "=1"',
    "'=1",
)


def label_files(root: Path) -> Sequence[Path]:
    return FLICKREXIF.configs(root)["labels"]["train"]


def rows(root: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(attribution_csv(label_files(root)).decode())))


def test_a_row_a_photo_with_title_author_page_and_licence(tmp_path: Path) -> None:
    zero = photo(2, title=None, owner_name=None, license_id=9, license="CC0 1.0", license_url="https://example.org/0")
    build([("2024-08", [photo(1), zero])], tmp_path, Collection(source="flickr"))
    first, second = rows(tmp_path)
    assert first == {
        "Flickr ID": "1",
        "title": "Photo 1",
        "author": "Jo",
        "page_url": PAGE,
        "license": "CC BY 2.0",
        "license_url": CREATIVE,
        "attribution": f'"Photo 1" by Jo ({PAGE}) is licensed under CC BY 2.0 ({CREATIVE})',
    }
    assert (second["title"], second["author"]) == ("", "7478087@N06")
    assert second["attribution"].startswith("Untitled photo by 7478087@N06 (")
    assert second["attribution"].endswith("is dedicated to the public domain: CC0 1.0 (https://example.org/0)")


def test_hostile_cells_are_inert(tmp_path: Path) -> None:
    photos = [*hostile_photos(), *(photo(100 + n, title=text, owner_name=text) for n, text in enumerate(FORMULAS))]
    build([("2024-08", photos)], tmp_path, Collection(source="flickr"))
    found = rows(tmp_path)
    assert [row["Flickr ID"] for row in found] == [
        str(one.flickr_id) for one in sorted(photos, key=lambda p: p.flickr_id)
    ]
    for row in found:
        for value in row.values():
            assert not value.startswith(tuple("=+-@\t\r＝＋－＠"))
            assert value.isprintable()
    assert attribution_csv(label_files(tmp_path)).count(b"\n") == len(photos) + 1
    assert pd.read_csv(io.BytesIO(attribution_csv(label_files(tmp_path))))["Flickr ID"].tolist() == [
        int(r["Flickr ID"]) for r in found
    ]
    titles = {row["title"] for row in found}
    assert {"'=1+1", "'=cmd|' /C calc'!A0", "'@SUM(A1)", "'=1"} <= titles
    assert HOSTILE[0] in titles


@given(st.text())
def test_a_safe_cell_adds_an_apostrophe_or_nothing(value: str) -> None:
    made = safe_cell(value)
    assert made in (value, f"'{value}")
    assert not made.startswith(tuple("=+-@\t\r\n"))


ALLOWED = {
    FLICKREXIF: (
        "README.md",
        "croissant.json",
        "ATTRIBUTION.csv",
        "collection.json",
        "figures/months.png",
        "data/train-2024-08.parquet",
        "data/train-00000.parquet",
        "data/train-folder.parquet",
        "labels/train-2024-08.parquet",
        "images/train-2024-08-00000.parquet",
        "splits/split_data_target_attribute=ISO Speed.json",
        "splits/split_data_target_attribute=ISO Speed.parquet",
    ),
    PAIRCAMS: (
        "README.md",
        "croissant.json",
        "ATTRIBUTION.csv",
        "pairs.json",
        "figures/months.png",
        "data/train-2024-08.parquet",
        "data/train-00000.parquet",
        "data/train-folder.parquet",
    ),
    TRACES: (
        "README.md",
        "croissant.json",
        "ATTRIBUTION.csv",
        "figures/months.png",
        "jpeg75_420/train-00000-of-00001.parquet",
        "jpeg75_420/train-failures.csv",
        "jpeg_uniform_seed0/val-00000-of-00001.parquet",
        "jpeg_uniform_seed0/val-failures.csv",
    ),
}
KEPT = (
    ".huggingface.yaml",
    ".lock",
    ".README.md.tmp",
    ".crawl/journal.sqlite",
    ".crawl/README.md",
    ".crawl/train-00000-of-00001.parquet",
    ".crawl/images/1.jpg",
    "jpeg75_420/.done/train-00000-of-00001.json",
    "jpeg75_420/val-00000-of-00001.parquet",  # a split that is not finished
    "jpeg75_444/train-00000-of-00001.parquet",
    "jpeg75_420/.train-00000-of-00001.parquet.tmp",
    "data/.train-2024-08.parquet.tmp",
    "data/notes.txt",
    "data/train-2024-08.parquet.bak",
    "data/deep/train-2024-08.parquet",
    "figures/x.svg",
    "figures/README.md",
    "splits/splits.json",
    "splits/mine.json",
    "token",
    ".env",
    "secret.json",
    "train-00000-of-00001.parquet",
    "readme.md",
    "README.md~",
)


@pytest.mark.parametrize("kind", ALLOWED, ids=lambda kind: kind.name)
def test_only_listed_names_are_published(kind: DataSetKind, tmp_path: Path) -> None:
    for name in {*chain.from_iterable(ALLOWED.values()), *KEPT}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    for config, split in (("jpeg75_420", "train"), ("jpeg_uniform_seed0", "val")):
        record = {"settings": {"split": split}, "source": "x", "rows": 1, "failures": {}, "content": ""}
        (tmp_path / config / ".done").mkdir(exist_ok=True)
        (tmp_path / config / f".done/{split}.json").write_text(json.dumps(record))
    assert published_files(kind, tmp_path) == sorted(ALLOWED[kind])


def test_links_and_folders_are_not_published(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "train-2024-08.parquet").write_text("private")
    root = tmp_path / "root"
    (root / ".crawl").mkdir(parents=True)
    (root / ".crawl/journal.sqlite").write_text("private")
    (root / "data").symlink_to(outside)
    (root / "README.md").symlink_to(root / ".crawl/journal.sqlite")
    (root / "croissant.json").symlink_to(outside / "train-2024-08.parquet")
    (root / "pairs.json").mkdir()
    (root / "figures").mkdir()
    (root / "figures/a.png").symlink_to(outside / "gone")
    (root / "collection.json").write_text("{}")
    assert published_files(FLICKREXIF, root) == ["collection.json"]


def test_all_of_a_built_data_set_is_published_but_what_is_hidden(tmp_path: Path) -> None:
    write_card(make(tmp_path))
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert found - set(published_files(FLICKREXIF, tmp_path)) == {".huggingface.yaml"}


@pytest.mark.parametrize("name", ["..", "nothing"])
def test_a_folder_that_is_not_there_has_none(tmp_path: Path, name: str) -> None:
    assert [published_files(kind, tmp_path / "x" / name) for kind in KINDS] == [[]] * len(KINDS)
