"""Photos to Parquet: the files read back by pyarrow, pandas and `datasets`, their bytes, and what goes wrong."""

import hashlib
import io
import json
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flickrexif.core import parquet
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.photos import RawPhoto
from flickrexif.dataset import images as build_images
from flickrexif.dataset.build import BuildReport, Collection, build, read_collection
from flickrexif.dataset.fingerprint import fingerprint
from flickrexif.dataset.images import StoredImage
from tests.folders import hashes
from tests.raw_photos import EXIF, SIMULATED, photo

PUBLISHED = ["Flickr ID", "url", "owner", "Make", "Model", "Exposure", "Aperture", "ISO Speed", "Focal Length"]


def months(*names: str) -> list[tuple[str, list[RawPhoto]]]:
    return [(name, [photo(100 * place + i, name) for i in (3, 1, 2)]) for place, name in enumerate(names)]


def jpeg(side: int, seed: int = 0) -> bytes:
    buffer = io.BytesIO()
    noise = random.Random(seed).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), noise).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Callable[[int], StoredImage]:
    """Puts an image file of a photo on the disk, as a crawl does."""

    def put(flickr_id: int) -> StoredImage:
        path = tmp_path / f"{flickr_id}_b.jpg"
        path.write_bytes(jpeg(64, flickr_id))
        return StoredImage(flickr_id, path, hashlib.sha256(path.read_bytes()).hexdigest(), 64, 64, "l")

    return put


def test_published_columns_raw_strings_and_nulls(tmp_path: Path) -> None:
    odd = photo(2, exif={"Make": "X", "FocalLength": "50.0 mm", "ISO": ""}, title=None, width=None)
    build([("2024-08", [photo(3), odd])], tmp_path, SIMULATED)
    rows = pq.read_table(tmp_path / "data/train-2024-08.parquet").to_pylist()
    assert [list(row) for row in rows] == [PUBLISHED, PUBLISHED]
    first, second = (list(row.values()) for row in rows)
    url = "https://live.staticflickr.com/1/{}_a_b.jpg"
    assert first == [2, url.format(2), "7478087@N06", "X", None, None, None, None, "50.0 mm"]
    assert second == [3, url.format(3), "7478087@N06", "Canon", "Canon EOS 5D", "1/250", "4.0", "100", None]


def test_labels_hold_the_photo_and_its_raw_exif(tmp_path: Path) -> None:
    exif = EXIF | {"Flash": "Off, Did not fire", "LensModel": "EF24-70mm", "Software": "Lightroom"}
    build([("2024-08", [photo(5, exif=exif)])], tmp_path, SIMULATED)
    row = pd.read_parquet(tmp_path / "labels/train-2024-08.parquet").iloc[0]
    assert row["Flickr ID"] == 5
    assert row["make_raw"] == row["Make"] == "Canon"
    assert (row["flash_raw"], row["lens_model_raw"], row["software_raw"]) == tuple(list(exif.values())[-3:])
    assert row["date_taken"] == datetime(2024, 8, 3, 12, 34, 56)
    assert (row["month"], row["width"], row["exif_source"]) == ("2024-08", 1024, "flickr")
    assert row["attribution"].startswith('"Photo 5" by Jo (https://www.flickr.com/photos/jo/5/) is licensed')
    schema = pq.read_schema(tmp_path / "labels/train-2024-08.parquet")
    assert schema.names[:9] == PUBLISHED
    assert schema.field("date_taken").type == pa.timestamp("ms")  # Parquet has no seconds; no zone
    assert {"make", "device_category", "exposure_class", "iso_exact", "null_reasons"} < set(schema.names)


def test_rows_are_sorted_by_id_in_both_files(tmp_path: Path) -> None:
    build(months("2024-08"), tmp_path, SIMULATED)
    for folder in ("data", "labels"):
        ids = pq.read_table(tmp_path / folder / "train-2024-08.parquet")["Flickr ID"].to_pylist()
        assert ids == [1, 2, 3]


def test_same_photos_same_bytes_in_any_order(tmp_path: Path, store: Callable[[int], StoredImage]) -> None:
    given = months("2024-07", "2024-08")
    images = {month: [store(p.flickr_id) for p in photos] for month, photos in given}
    build(given, tmp_path / "a", SIMULATED, images.__getitem__)
    turned = [(month, photos[::-1]) for month, photos in given[::-1]]
    build(turned, tmp_path / "b", SIMULATED, lambda month: images[month][::-1])
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    assert len(hashes(tmp_path / "a")) == 7


def test_second_build_leaves_every_file_as_it_is(tmp_path: Path) -> None:
    first = build(months("2024-08"), tmp_path, SIMULATED)
    before = {path: path.stat() for path in first.written}
    second = build(months("2024-08"), tmp_path, SIMULATED)
    assert (set(second.unchanged), second.written) == (set(first.written), ())
    for path, stat in before.items():
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (stat.st_mtime_ns, stat.st_ino)


def test_a_new_month_touches_no_old_file(tmp_path: Path) -> None:
    build(months("2024-07"), tmp_path, SIMULATED)
    before = hashes(tmp_path)
    report = build([("2024-08", [photo(9)])], tmp_path, SIMULATED)
    assert report.rows == {"2024-08": 1}
    after = hashes(tmp_path)
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {f"{config}/train-2024-08.parquet" for config in ("data", "labels")}


def test_a_month_without_rows_loses_its_files(tmp_path: Path, store: Callable[[int], StoredImage]) -> None:
    build(months("2024-08"), tmp_path, SIMULATED, lambda _: [store(1)])
    report = build([("2024-08", [])], tmp_path, SIMULATED)
    assert len(report.removed) == 3
    assert not list(tmp_path.rglob("*.parquet"))


def test_leftovers_of_a_killed_build_go(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    leftover = tmp_path / "data/.train-2020-01.parquet.tmp"
    leftover.write_bytes(b"half")
    build(months("2024-08"), tmp_path, SIMULATED)
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([("2024-08", [photo(1), photo(2), photo(1)])], "Photo 1 comes twice"),
        ([("2024-08", [photo(1, "2024-07")])], "filed under 2024-07"),
        ([("2024-08", [replace(photo(1), date_taken="2024-07-31 23:59:59")])], "taken 2024-07-31"),
        ([("2024-08", [replace(photo(1), date_taken="2024-08-32 00:00:00")])], "no date that exists"),
        ([("2024-08", [replace(photo(1), date_taken="2024-08-03 00:00:00+02:00")])], "no date that exists"),
        ([("2024-13", [])], "'2024-13' is no month"),
        ([("../../etc", [])], "is no month"),
        ([("2024-08", [photo(1 << 63)])], "column `Flickr ID` does not fit int64"),
    ],
)
def test_bad_photos_are_refused_and_the_old_file_stays(
    tmp_path: Path, given: list[tuple[str, Iterable[RawPhoto]]], words: str
) -> None:
    build([("2024-08", [photo(7)])], tmp_path, SIMULATED)
    before = hashes(tmp_path)
    with pytest.raises(FlickrExifError, match=words.replace("..", r"\.\.")) as caught:
        build(given, tmp_path, SIMULATED)
    assert caught.value.hint
    assert hashes(tmp_path) == before


def test_half_a_surrogate_pair_does_not_stop_a_build(tmp_path: Path) -> None:
    title = json.loads('"sun \\ud83d"')
    build([("2024-08", [photo(1, title=title, exif=EXIF | {"Model": title})])], tmp_path, SIMULATED)
    row = pq.read_table(tmp_path / "labels/train-2024-08.parquet").to_pylist()[0]
    assert row["title"] == row["Model"] == "sun ?"


def test_photos_of_two_sources_are_not_mixed(tmp_path: Path) -> None:
    build(months("2024-08"), tmp_path, SIMULATED)
    before = hashes(tmp_path)
    with pytest.raises(FlickrExifError, match="holds photos of the source `sandbox:simulated`"):
        build(months("2024-07"), tmp_path, Collection(source="flickr"))
    assert hashes(tmp_path) == before
    (tmp_path / "collection.json").write_text("{")
    with pytest.raises(FlickrExifError, match=r"collection\.json cannot be read"):
        build(months("2024-07"), tmp_path, SIMULATED)


def test_images_are_stored_as_fetched(tmp_path: Path, store: Callable[[int], StoredImage]) -> None:
    stored = [store(i) for i in (3, 1, 9)]  # photo 9 has no row
    report = build(months("2024-08"), tmp_path, SIMULATED, lambda _: stored)
    assert report.images == {"2024-08": 2}
    rows = pq.read_table(tmp_path / "images/train-2024-08-00000.parquet").to_pylist()
    assert [(row["Flickr ID"], row["image"]["path"]) for row in rows] == [(1, "1_b.jpg"), (3, "3_b.jpg")]
    for row in rows:
        content = (tmp_path / row["image"]["path"]).read_bytes()
        assert row["image"]["bytes"] == content
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert (row["width"], row["height"], row["image_size"]) == (64, 64, "l")


def test_shards_and_batches_are_bounded(
    tmp_path: Path, store: Callable[[int], StoredImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = [photo(i) for i in range(10)]
    stored = [store(i) for i in range(10)]
    size = max(image.path.stat().st_size for image in stored)
    monkeypatch.setattr(build_images, "SHARD_BYTES", 4 * size)
    monkeypatch.setattr(parquet, "BATCH_BYTES", 2 * size)
    build([("2024-08", photos)], tmp_path, SIMULATED, lambda _: stored)
    shards = sorted((tmp_path / "images").glob("*.parquet"))
    tables = [pq.read_table(path) for path in shards]
    assert [path.name[-13:-8] for path in shards] == [f"{i:05}" for i in range(len(shards))]
    assert [i for table in tables for i in table["Flickr ID"].to_pylist()] == list(range(10))
    assert max(sum(len(row["image"]["bytes"]) for row in t.to_pylist()) for t in tables) <= 4 * size
    groups = [pq.ParquetFile(path).metadata for path in shards]
    assert max(meta.row_group(i).num_rows for meta in groups for i in range(meta.num_row_groups)) == 2
    monkeypatch.setattr(build_images, "SHARD_BYTES", 100 * size)
    report = build([("2024-08", photos)], tmp_path, SIMULATED, lambda _: stored)
    assert [path.name for path in sorted((tmp_path / "images").iterdir())] == [shards[0].name]
    assert set(report.removed) == set(shards[1:])


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"other")])
def test_a_lost_or_changed_image_is_an_error(
    tmp_path: Path, store: Callable[[int], StoredImage], change: Callable[[Path], object]
) -> None:
    image = store(1)
    build(months("2024-08"), tmp_path, SIMULATED, lambda _: [image])
    before = (tmp_path / "images/train-2024-08-00000.parquet").read_bytes()
    change(image.path)
    with pytest.raises(FlickrExifError, match=r"The image .*1_b\.jpg"):
        build(months("2024-08"), tmp_path, SIMULATED, lambda _: [image])
    assert (tmp_path / "images/train-2024-08-00000.parquet").read_bytes() == before
    assert not list(tmp_path.rglob("*.tmp"))


def run_build(root: Path, before: str) -> subprocess.CompletedProcess[str]:
    """Build 2024-08 with one photo of another title in a process of its own, after running `before`."""
    code = f"""
import os, resource, signal, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from pathlib import Path
from tests.raw_photos import SIMULATED, photo
from flickrexif.dataset.build import build
from flickrexif.core.errors import FlickrExifError
{before}
try:
    build([("2024-08", [photo(7, title="later " * 1000)])], Path({str(root)!r}), SIMULATED)
except FlickrExifError as error:
    sys.exit(str(error))
"""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_killed_before_the_rename_the_old_file_stays(tmp_path: Path) -> None:
    build([("2024-08", [photo(7)])], tmp_path, SIMULATED)
    before = hashes(tmp_path)
    die = "Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)"
    assert run_build(tmp_path, die).returncode == -9
    after = hashes(tmp_path)
    (left,) = (name for name in after if name not in before)
    assert re.fullmatch(r"labels/\.train-2024-08\.parquet\.[0-9a-f]{8}-\d+-[0-9a-f]{8}\.tmp", left)
    assert {name: after[name] for name in before} == before
    assert run_build(tmp_path, "").returncode == 0
    assert "later" in pq.read_table(tmp_path / "labels/train-2024-08.parquet")["title"][0].as_py()
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(tmp_path: Path) -> None:
    build([("2024-08", [photo(7)])], tmp_path, SIMULATED)
    before = hashes(tmp_path)
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    done = run_build(tmp_path, limit)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert hashes(tmp_path) == before


def test_the_collection_is_told_beside_the_data(tmp_path: Path) -> None:
    build(months("2024-08"), tmp_path, SIMULATED)
    assert json.loads((tmp_path / "collection.json").read_text()) == {
        "schema_version": 1,
        "source": "sandbox:simulated",
        "settings": {"seed": 0},
        "dates": ["2026-01-01", "2026-01-02"],
    }
    assert read_collection(tmp_path) == SIMULATED
    assert read_collection(tmp_path / "data") is None


def test_a_torn_shard_in_the_folder_is_named(tmp_path: Path) -> None:
    build(months("2024-08"), tmp_path, SIMULATED)
    (tmp_path / "images").mkdir()
    (tmp_path / "images/train-2024-07-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(FlickrExifError, match=r"train-2024-07-00000\.parquet is not a complete Parquet file"):
        fingerprint(tmp_path)


def test_months_are_consumed_one_at_a_time(tmp_path: Path) -> None:
    """The next month is asked for only when the files of the one before are there."""
    seen: list[bool] = []

    def given() -> Iterable[tuple[str, list[RawPhoto]]]:
        for month, photos in months("2024-06", "2024-07", "2024-08"):
            yield month, photos
            seen.append((tmp_path / f"labels/train-{month}.parquet").exists())

    report: BuildReport = build(given(), tmp_path, SIMULATED)
    assert seen == [True, True, True]
    assert report.rows == {"2024-06": 3, "2024-07": 3, "2024-08": 3}
    assert isinstance(report, BuildReport)
