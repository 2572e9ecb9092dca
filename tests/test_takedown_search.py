"""The search for what is left of photos: in which files it sees an id, and which numbers it does not take for one."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from flickrexif.core.errors import FlickrExifError
from flickrexif.takedown.search import MAX_BYTES, Needles, forms_of, what_is_left

PHOTO, OTHER, OWNER = 53_512_345_678, 53_512_345_679, "7478087@N06"
SMALL = 123_456_789  # of Flickr's third year


def left(files: list[Path], folder: Path) -> list[Path]:
    return what_is_left(files, folder, Needles.of([str(PHOTO), str(SMALL)], [OWNER]))


def sees(path: Path, folder: Path) -> bool:
    return left([path], folder) == [path]


@pytest.mark.parametrize(
    ("name", "content", "is_seen"),
    [
        ("notes.txt", f"see {PHOTO}!", True),
        ("no suffix", f"{PHOTO}", True),
        ("whose.md", f"by {OWNER}.", True),
        ("address.html", "/people/7478087%40N06/", True),
        ("other.txt", f"{OTHER} 7478088@N06 7478087@N07", False),
        ("longer.txt", f"1{PHOTO} {PHOTO}1 17478087@N06 7478087@N061", False),
        ("float.json", f"0.{PHOTO}", False),
        ("empty.txt", "", False),
        ("picture.JPG", str(PHOTO), False),
        ("half.partial", str(PHOTO), False),
        (f"{PHOTO}.jpg", "", True),
        (f"album {PHOTO}/readme", "", True),
        ("large.bin", f"{PHOTO}".ljust(MAX_BYTES), True),
        ("larger.bin", f"{PHOTO}".ljust(MAX_BYTES + 1), False),
        ("larger.csv", f"{PHOTO}".rjust(MAX_BYTES + 1), True),
    ],
)
def test_names_and_bytes(tmp_path: Path, name: str, content: str, is_seen: bool) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    assert sees(path, tmp_path) is is_seen


def test_of_a_file_elsewhere_its_own_name_counts_alone(tmp_path: Path) -> None:
    for name, is_seen in ((f"{PHOTO}.jpg", True), ("a.jpg", False)):
        path = tmp_path / f"album {PHOTO}" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        assert sees(path, tmp_path / "data") is is_seen


@pytest.mark.parametrize("photo", [PHOTO, OTHER])
def test_tables_and_tensors(tmp_path: Path, photo: int) -> None:
    """Of Parquet every whole number and text, however nested; no bytes. Of safetensors ids and packed texts."""
    name = f"x/{photo}.jpg"
    columns = {
        "number": pa.array([1, photo]),
        "unsigned": pa.array([photo], pa.uint64()),
        "text": pa.array([None, name]),
        "large": pa.array([name], pa.large_string()),
        "nested": pa.array([{"of": {"photo": name}}]),
        "list": pa.array([[{"id": photo}]]),
        "dictionary": pa.array([name]).dictionary_encode(),
    }
    for kind, column in columns.items():
        pq.write_table(pa.table({"first": [0.5] * len(column), "a": column}), tmp_path / f"{kind}.parquet")
    pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"of": name}), tmp_path / "metadata.parquet")
    rows = pa.table({"a": pa.array([OTHER + 1, photo])})
    pq.write_table(rows, tmp_path / "groups.parquet", row_group_size=1)
    for number in (np.int64, np.uint64):
        save_file({"ids": np.array([1, photo], number)}, tmp_path / f"{number.__name__}.safetensors")
    packed = np.frombuffer(f"{photo}.jpg{photo}.png".encode(), np.uint8).reshape(2, -1).copy()
    save_file({"ids": packed}, tmp_path / "packed.safetensors")
    save_file({"a": np.ones(1)}, tmp_path / "metadata.safetensors", {"of": name})
    files = sorted(tmp_path.iterdir())
    assert len(files) == 13
    assert left(files, tmp_path) == (files if photo == PHOTO else [])
    pq.write_table(pa.table({"image": [name.encode()]}), tmp_path / "bytes.parquet")
    save_file({"embeddings": np.array([[photo]], np.float64)}, tmp_path / "floats.safetensors")
    save_file({"ids": np.array([SMALL], np.uint32)}, tmp_path / "small.safetensors")
    assert sees(tmp_path / "small.safetensors", tmp_path)
    assert not sees(tmp_path / "bytes.parquet", tmp_path)
    assert not sees(tmp_path / "floats.safetensors", tmp_path)


@pytest.mark.parametrize("suffix", [".parquet", ".safetensors"])
def test_a_cut_file_is_an_error_that_names_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"cut")
    with pytest.raises(FlickrExifError, match=path.name) as caught:
        sees(path, tmp_path)
    assert "run the same command again" in caught.value.hint


@pytest.mark.parametrize("way", ["key", "value", "small", "text", "owner", "deleted", "wal", "none", "other wal"])
def test_databases(tmp_path: Path, way: str) -> None:
    """Rows, also those that were deleted and whose bytes are left in the file, and the log beside it."""
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA secure_delete = OFF")
        db.execute("CREATE TABLE photos (id INTEGER PRIMARY KEY, other INTEGER, of TEXT)")
        if way.endswith("wal"):
            db.execute("PRAGMA journal_mode = WAL")
        key, value = (
            (PHOTO if way in ("key", "deleted", "wal") else 1),
            {"value": PHOTO, "small": SMALL}.get(way, OTHER),
        )
        text = {"text": json.dumps([str(PHOTO)]), "owner": OWNER}.get(way, "x")
        db.execute("INSERT INTO photos VALUES (?, ?, ?)", (key, value, text))
        db.commit()
        if way == "deleted":
            db.execute("DELETE FROM photos")
            db.commit()
        places = [path.with_name("a.db-wal")] if way.endswith("wal") else [path]
        assert left(places, tmp_path) == ([] if way in ("none", "other wal") else places)


@given(st.integers(2**31, 2**62))
def test_a_number_is_looked_for_as_sqlite_writes_it(number: int) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE a (id INTEGER PRIMARY KEY)")
        db.execute("CREATE TABLE b (value INTEGER)")
        db.execute("INSERT INTO a VALUES (?)", (number,))
        by_key = db.serialize()
        db.execute("DELETE FROM a")
        db.execute("INSERT INTO b VALUES (?)", (number,))
        by_value = db.serialize()
    key, *value = forms_of(number)
    assert key in by_key
    assert value
    assert value[0] in by_value


@pytest.mark.parametrize("number", [1, 10**8, 2**31 - 1])
def test_no_number_is_looked_for_that_could_be_there_by_chance(number: int) -> None:
    assert list(forms_of(number)) == []
