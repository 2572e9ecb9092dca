"""docs/formats.md names every file that is written; those of version 0.1 are read, those of later ones refused."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flickrexif.collectors.journal import VERSION, read_journal
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.takedowns import read_takedowns
from flickrexif.eval.data.embeddings import read_embeddings
from flickrexif.eval.embed.store import FORMAT
from flickrexif.eval.results import OLDER, SCHEMA_VERSION, from_json
from tests.samples import DATA

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/formats.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.split(" | ")] for line in PAGE.splitlines() if line.startswith("| `")]
PATTERNS = [pattern for row in ROWS for pattern in re.findall(r"`([^`]+)`", row[0])]
FIRST = DATA / "formats/0.1"
EMBEDDINGS = "embeddings/FlickrExif/model=control_variant=colour.safetensors"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """The data folder of version 0.1, and the working directory around it."""
    shutil.copytree(FIRST, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    return tmp_path / "old/data"


def ids(data: Path) -> list[int]:
    return pq.read_table(data / "flickrexif/labels", columns=["Flickr ID"])["Flickr ID"].to_pylist()  # type: ignore[no-any-return]


def unnamed(data: Path) -> Iterator[str]:
    """The files that no row of the page is of."""
    for path in sorted(data.rglob("*")):
        name = path.relative_to(data).as_posix()
        if path.is_file() and not any(fnmatch(name, pattern.replace("**/", "*")) for pattern in PATTERNS):
            yield name


def test_owners_are_there_and_versions_are_those_of_the_code() -> None:
    owners = {owner for row in ROWS for owner in re.findall(r"`([^`]+\.py)`", row[2])}
    assert len(owners) > 15
    assert [owner for owner in owners if not (ROOT / owner).is_file()] == []
    versions = {pattern: row[3] for row in ROWS for pattern in re.findall(r"`([^`]+)`", row[0])}
    assert f"now {VERSION};" in versions["flickrexif/.crawl/journal.sqlite"]
    assert f"now {SCHEMA_VERSION}; 1 to {max(OLDER)} are read" in versions["results/**/*.json"]
    assert FORMAT in versions["embeddings/**/model=*_variant=*.safetensors"]


def test_what_0_1_wrote_is_read(data: Path) -> None:
    assert list(unnamed(data)) == []
    with read_journal(data / "flickrexif/.crawl/journal.sqlite") as journal:
        kept = [photo.id for photo, _ in journal.kept("2024-08")]
    assert sorted(kept) == sorted(ids(data))
    (line,) = read_takedowns(data / "flickrexif/.crawl/takedowns.csv").lines
    assert (line.kind, line.reason) == ("photo", "asked by the owner")
    assert list(map(int, read_embeddings(data / EMBEDDINGS).image_ids())) == ids(data)


def test_what_0_1_wrote_goes_on(data: Path, run: Run) -> None:
    """Each command takes it as it is: nothing is made twice, and a photo leaves all of it."""
    kept = {path: path.read_bytes() for path in data.rglob("*") if path.suffix == ".parquet"}
    assert run("status")[0] == 0
    for folder in ("flickrexif", "imagenet-traces"):
        assert run("card", data / folder)[0] == 0
    assert run("embed", "--dataset", "flickrexif", "--encoder", "control:colour", "--device", "cpu")[0] == 0
    assert {path: path.read_bytes() for path in kept} == kept
    gone = ids(data)[0]
    code, _, err = run("forget", "--photo", gone, "--reason", "asked")
    assert code == 0, err
    assert gone not in ids(data)
    assert str(gone) not in read_embeddings(data / EMBEDDINGS).image_ids()
    assert list(unnamed(data)) == []


def test_what_is_of_a_later_version_is_refused(data: Path, run: Run) -> None:
    path = data / "flickrexif/.crawl/journal.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    code, _, err = run("status")
    assert code == 1
    assert "another version of flickrexif" in err
    record: dict[str, Any] = {"schema_version": SCHEMA_VERSION + 1}
    with pytest.raises(FlickrExifError, match="schema_version") as caught:
        from_json(json.dumps(record))
    assert caught.value.hint
