"""docs/formats.md names every file that is written; those of version 0.1 are read, those of later ones refused."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from flickrexif.collectors import drawn
from flickrexif.collectors.flickr.budget import CallsOfKey
from flickrexif.collectors.journal import read_journal
from flickrexif.collectors.journal_file import VERSION
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.takedowns import read_takedowns
from flickrexif.core.versions import UPGRADE
from flickrexif.dataset.build import read_collection
from flickrexif.dataset.split_files import read_split
from flickrexif.eval.data.embeddings import FORMAT, read_embeddings, write_embeddings
from flickrexif.eval.results import OLDER, SCHEMA_VERSION, from_json
from flickrexif.paircams.kind import origin
from flickrexif.processing.listing import read_listing, write_listing
from flickrexif.processing.parts import read_record
from flickrexif.processing.shards import read_marker, write_marker
from tests.samples import DATA

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/formats.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.split(" | ")] for line in PAGE.splitlines() if line.startswith("| `")]
PATTERNS = [pattern for row in ROWS for pattern in re.findall(r"`([^`]+)`", row[0])]
EARLY, FIRST = DATA / "formats/0.1-first", DATA / "formats/0.1"  # of its first days, and as it was when it was done
TRACES = Path("imagenet-traces/sharpen_2")
SHARD = "train-00000-of-00001"
OLD_EMBEDDINGS = "embeddings/ImageNet/SHARPEN_2/model=control_variant=colour_split=train.safetensors"
EMBEDDINGS = "embeddings/FlickrExif/model=control_variant=colour.safetensors"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    return getattr(request, "param", FIRST)  # type: ignore[no-any-return]


@pytest.fixture
def data(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: None) -> Path:
    """The data folder of version 0.1, and the working directory around it."""
    shutil.copytree(folder, tmp_path / "old")
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


@pytest.mark.parametrize("folder", [EARLY], indirect=True)
def test_what_the_first_days_of_0_1_wrote_is_read(data: Path, run: Run) -> None:
    """Its journal is of version 2, its list of takedowns has fast hashes, its processed images have no listing."""
    assert list(unnamed(data)) == []
    (line,) = read_takedowns(data / "flickrexif/.crawl/takedowns.csv").lines
    assert (line.kind, line.method) == ("photo", "hmac")
    as_json, as_table = (read_split(path) for path in sorted((data / "flickrexif/splits").glob("split_data*")))
    assert as_json.classes == as_table.classes == ("False", "True")
    assert {n: ids.tolist() for n, ids in as_json.ids.items()} == {n: ids.tolist() for n, ids in as_table.ids.items()}
    marker = read_marker(data / TRACES, SHARD)
    assert marker
    assert marker.rows == read_record(data / TRACES / ".done/train.json")["rows"] == 4
    assert read_listing(data / TRACES, "train") is None
    assert len(read_embeddings(data / OLD_EMBEDDINGS).image_ids()) == 4
    before = ids(data)
    for command in (("build",), ("card", data / "imagenet-traces"), ("status",)):
        assert run(*command)[0] == 0
    assert ids(data) == before
    with closing(sqlite3.connect(data / "flickrexif/.crawl/journal.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert json.loads((data / "flickrexif/collection.json").read_text())["schema_version"] == 1
    code, _, err = run("embed", "--dataset", "imagenet-traces", "--encoder", "control:colour", "--device", "cpu")
    assert code == 2
    assert "delete that file to make it again" in err


@pytest.mark.parametrize(
    ("name", "content", "read"),
    [
        ("flickrexif/collection.json", "{}", lambda data: read_collection(data / "flickrexif")),
        ("flickrexif/.crawl/drawn.json", "{}", lambda data: drawn.read_record(data / "flickrexif")),
        (f"{TRACES}/.done/{SHARD}.json", "{}", lambda data: read_marker(data / TRACES, SHARD)),
        (f"{TRACES}/.done/train.json", '{"settings": 0}', lambda data: read_record(data / TRACES / ".done/train.json")),
        ("flickrexif/splits/later.json", "{}", lambda data: read_split(data / "flickrexif/splits/later.json")),
        ("paircams/pairs.json", "{}", lambda data: origin(data / "paircams")),
        ("a result", "{}", lambda data: from_json((data / "a result").read_text())),
    ],
)
def test_json_of_a_later_version_is_refused(
    data: Path, name: str, content: str, read: Callable[[Path], object]
) -> None:
    path = data / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(json.loads(content) | {"schema_version": 5}))
    with pytest.raises(
        FlickrExifError, match=r"another version of flickrexif \(.*schema_version (is )?5, not"
    ) as caught:
        read(data)
    assert caught.value.hint == UPGRADE


def test_other_files_of_a_later_version_are_refused(data: Path, run: Run) -> None:
    path = data / "flickrexif/.crawl/journal.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    code, _, err = run("status")
    assert code == 1
    assert f"another version of flickrexif (journal {VERSION + 1}, not {VERSION}). {UPGRADE}" in err
    key = CallsOfKey(data / "key.sqlite")
    key.pause(1, lambda: 0.0)
    with closing(sqlite3.connect(key.path)) as db:
        db.execute("PRAGMA user_version = 2")
    with pytest.raises(FlickrExifError, match="another version"):
        key.pause(1, lambda: 0.0)
    listing = data / TRACES / ".done/train.listing.npz"
    with np.load(listing) as arrays:
        np.savez_compressed(listing, **arrays, schema_version=2)
    with pytest.raises(FlickrExifError, match="another version"):
        read_listing(data / TRACES, "train")
    embeddings = read_embeddings(data / EMBEDDINGS)
    metadata = {**embeddings.metadata, "format": f"{FORMAT[:-1]}2"}
    write_embeddings(data / EMBEDDINGS, embeddings.image_embeddings, embeddings.columns, metadata)
    with pytest.raises(FlickrExifError, match="another version"):
        read_embeddings(data / EMBEDDINGS)


def test_what_is_written_now_tells_its_version(data: Path) -> None:
    """And is read again as what it was."""
    listing, marker = read_listing(data / TRACES, "train"), read_marker(data / TRACES, SHARD)
    assert listing
    assert marker
    write_listing(data / TRACES, "train", listing)
    write_marker(data / TRACES, SHARD, marker)
    with np.load(data / TRACES / ".done/train.listing.npz") as arrays:
        assert arrays["schema_version"] == 1
        assert set(arrays) == {"schema_version", "images", "contents", "variants", "shards"}
    again = read_listing(data / TRACES, "train")
    assert again
    assert again.images.tolist() == listing.images.tolist()
    assert json.loads((data / TRACES / f".done/{SHARD}.json").read_text())["schema_version"] == 1
    assert read_marker(data / TRACES, SHARD) == marker
