"""A folder of one's own photos: every file a row, and nothing private in the output."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import piexif
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flickrexif.cards import write_card
from flickrexif.collectors.folder import photos
from flickrexif.collectors.owners import owners
from flickrexif.commands.folder import label_folder
from flickrexif.core.columns import arrow_schema
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.dataset.folder import FOLDER_COLUMNS
from flickrexif.dataset.schema import FULL_COLUMNS, LABEL_COLUMNS, PUBLISHED_COLUMNS
from flickrexif.exif import read_labels

SECRETS = ("Jane Roe", "SN-4711-XY", "N51.5")


def photo(path: Path, model: bytes = b"Canon EOS 450D", **options: Any) -> None:
    exif = {
        "0th": {piexif.ImageIFD.Make: b"Canon", piexif.ImageIFD.Model: model, piexif.ImageIFD.Artist: b"Jane Roe"},
        "Exif": {
            piexif.ExifIFD.ExposureTime: (1, 125),
            piexif.ExifIFD.FNumber: (56, 10),
            piexif.ExifIFD.ISOSpeedRatings: 100,
            piexif.ExifIFD.FocalLength: (50, 1),
            piexif.ExifIFD.DateTimeOriginal: b"2011:03:08 16:23:00",
            piexif.ExifIFD.CameraOwnerName: b"Jane Roe",
            piexif.ExifIFD.BodySerialNumber: b"SN-4711-XY",
        },
        "GPS": {piexif.GPSIFD.GPSAreaInformation: b"N51.5"},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 12)).save(path, exif=piexif.dump(exif), **options)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    photo(folder / "2011/Spain/IMG_1.JPG")
    photo(folder / "2011/Spain/IMG_2.webp")
    photo(folder / "loose ✓.png")
    photo(folder / "leaf.tif", b"Leaf Aptus 75(LI300123   )/Hasselblad H2")
    Image.new("RGB", (5, 4)).save(folder / "bare.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    (folder / "empty.heic").write_bytes(b"")
    (folder / "notes.txt").write_text("no photo")
    photo(folder / ".trash/IMG_9.jpg")
    (folder / "._IMG_1.JPG").write_bytes(b"a Mac's shadow of IMG_1")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
    return folder


EXPECTED = {
    "2011/Spain/IMG_1.JPG": None,
    "2011/Spain/IMG_2.webp": None,
    "bare.jpg": "no_exif",
    "broken.jpg": "not_an_image",
    "empty.heic": "not_an_image",
    "gone.jpg": "not_found",
    "leaf.tif": None,
    "loose ✓.png": None,
    "pipe.jpg": "not_an_image",
}


def test_every_image_file_is_a_row_with_a_reason_where_it_has_no_labels(album: Path) -> None:
    assert {row.path: row.reason for row in photos(album, owners(["a"]))} == EXPECTED


def test_the_data_set_has_the_schema_and_the_labels(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    calls: list[tuple[int, int]] = []
    report = label_folder(album, out, lambda done, total: calls.append((done, total)))
    assert calls == [(n, len(EXPECTED)) for n in range(1, len(EXPECTED) + 1)]
    assert report.rows == len(EXPECTED)
    assert report.reasons == {"no_exif": 1, "not_an_image": 3, "not_found": 1}

    table = pq.read_table(out / "labels/train-folder.parquet")
    assert table.schema.remove_metadata() == arrow_schema(FULL_COLUMNS + FOLDER_COLUMNS)
    published = pq.read_table(out / "data/train-folder.parquet")
    assert published.schema.remove_metadata() == arrow_schema(PUBLISHED_COLUMNS)
    assert published.num_rows == table.num_rows == len(EXPECTED)

    rows = {row["path"]: row for row in table.to_pylist()}
    assert {path: row["reason"] for path, row in rows.items()} == EXPECTED
    assert len({row["Flickr ID"] for row in rows.values()}) == len(rows)
    spain, bare = rows["2011/Spain/IMG_1.JPG"], rows["bare.jpg"]
    labels = read_labels(album / "2011/Spain/IMG_1.JPG")
    for column in LABEL_COLUMNS:
        if column.name != "exif_source":
            assert spain[column.name] == getattr(labels, column.name), column.name
    assert (spain["Exposure"], spain["Aperture"], spain["width"]) == ("1/125", "5.6", 16)
    assert (str(spain["date_taken"]), spain["month"]) == ("2011-03-08 16:23:00", "2011-03")
    assert (bare["make"], bare["date_taken"], bare["width"]) == (None, None, 5)


DATES = {  # as cameras and phones write them -> date_taken, its granularity, month, why it is null
    "2011:03:08 16:23:00": ("2011-03-08 16:23:00", 0, "2011-03", None),
    "2015:08:22 24:08:19": ("2015-08-22 00:08:19", 0, "2015-08", None),
    "2015:02:01 14:42:59+01:00": ("2015-02-01 14:42:59", 0, "2015-02", None),
    "2004-09-04T23:39:06-08:00": ("2004-09-04 23:39:06", 0, "2004-09", None),
    "2016:02:02 14:28:33.863": ("2016-02-02 14:28:33", 0, "2016-02", None),
    "2013/05/12 10:11:12": ("2013-05-12 10:11:12", 0, "2013-05", None),
    "2013: 5: 2  9: 1: 2": ("2013-05-02 09:01:02", 0, "2013-05", None),
    "2013:05:12 10:11": ("2013-05-12 10:11:00", None, "2013-05", None),
    "2013:05:12": ("None", None, "2013-05", "date_taken=no_time"),
    "2013:05:12 10:11:60": ("None", None, "2013-05", "date_taken=out_of_range"),
    "0000:00:00 00:00:00": ("None", None, None, "date_taken=not_defined"),
    "    :  :     :  :  ": ("None", None, None, "date_taken=not_defined"),
    "last summer": ("None", None, None, "date_taken=not_a_date"),
}


def test_dates_as_cameras_and_phones_write_them(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number, text in enumerate(DATES):
        exif = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: text.encode()}})
        Image.new("L", (8, 8)).save(folder / f"{number:02}.jpg", exif=exif)
    label_folder(folder, tmp_path / "mine")
    rows = pq.read_table(tmp_path / "mine/labels/train-folder.parquet").to_pylist()
    columns = ("date_taken_granularity", "month", "null_reasons")
    read = [(str(row["date_taken"]), *(row[column] for column in columns)) for row in rows]
    assert read == list(DATES.values())
    answer = subprocess.run(["exiftool", "-j", "-DateTimeOriginal", folder], capture_output=True, text=True, check=True)
    printed = {Path(record["SourceFile"]).name: record["DateTimeOriginal"] for record in json.loads(answer.stdout)}
    assert {row["path"]: row["date_time_original_raw"] for row in rows} == {k: v.strip() for k, v in printed.items()}


def test_numbers_are_the_file_s_and_strings_are_exiftool_s(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    tags = piexif.ExifIFD
    exif = {
        "0th": {piexif.ImageIFD.Make: b"Apple", piexif.ImageIFD.Model: b"iPhone 7", piexif.ImageIFD.Orientation: 6},
        "Exif": {
            tags.ExposureTime: (27, 100),
            tags.FNumber: (168, 100),
            tags.FocalLength: (399, 100),
            tags.ISOSpeedRatings: 65_535,
            tags.SensitivityType: 2,
            tags.RecommendedExposureIndex: 102_400,
        },
    }
    Image.new("RGB", (16, 12)).save(folder / "a.jpg", exif=piexif.dump(exif))
    label_folder(folder, tmp_path / "mine")
    (row,) = pq.read_table(tmp_path / "mine/labels/train-folder.parquet").to_pylist()
    numbers = ("exposure_seconds", "f_number", "focal_length_mm", "iso")
    classes = ("exposure_class", "aperture_class", "focal_length_class", "iso_class")
    assert [row[column] for column in numbers] == [0.27, 1.68, 3.99, 102_400]
    assert [row[column] for column in classes] == ["1/4", "1.6", "3-4 mm", "102400"]
    answer = subprocess.run(["exiftool", "-j", folder / "a.jpg"], capture_output=True, text=True, check=True)
    (printed,) = json.loads(answer.stdout, parse_int=str, parse_float=str)
    columns = {"Exposure": "ExposureTime", "Aperture": "FNumber", "ISO Speed": "ISO", "Focal Length": "FocalLength"}
    assert {column: row[column] for column in columns} == {column: printed[tag] for column, tag in columns.items()}
    assert [row[f"{name}_exact"] for name in ("exposure", "aperture", "focal_length")] == ["0.3", "1.7", "4.0 mm"]
    assert (row["exif_source"], row["orientation"], row["width"], row["height"]) == ("file", 6, 16, 12)


def test_nothing_private_comes_out(album: Path, tmp_path: Path) -> None:
    assert b"Jane Roe" in (album / "2011/Spain/IMG_1.JPG").read_bytes()
    report = label_folder(album, tmp_path / "mine")
    for path in report.written:
        text = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else path.read_text()
        assert not [secret for secret in SECRETS if secret in text]


def test_both_tables_load(album: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    out = tmp_path / "mine"
    label_folder(album, out)
    write_card(out)
    for config, columns in (("default", PUBLISHED_COLUMNS), ("labels", FULL_COLUMNS + FOLDER_COLUMNS)):
        loaded = load_dataset(str(out), config, split="train", cache_dir=str(tmp_path / "cache"))
        assert loaded.column_names == [column.name for column in columns]
        assert len(loaded) == len(EXPECTED)


def test_the_same_photos_give_the_same_bytes(album: Path, tmp_path: Path) -> None:
    first, second = label_folder(album, tmp_path / "a"), label_folder(album, tmp_path / "b")
    again = [path.read_bytes() for path in label_folder(album, tmp_path / "a").written]
    assert [path.read_bytes() for path in first.written] == [path.read_bytes() for path in second.written] == again


def test_a_photo_more_leaves_the_ids_of_the_others(album: Path, tmp_path: Path) -> None:
    def ids() -> dict[str, int]:
        label_folder(album, tmp_path / "mine")
        table: pa.Table = pq.read_table(tmp_path / "mine/labels/train-folder.parquet")
        return dict(zip(table["path"].to_pylist(), table["Flickr ID"].to_pylist(), strict=True))

    before = ids()
    photo(album / "0 first.jpg")
    after = ids()
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 1


def test_a_name_that_is_no_utf8_is_a_row_too(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    photo(folder / "a.jpg")
    (folder / "a.jpg").rename(folder / os.fsdecode(b"caf\xe9.jpg"))
    label_folder(folder, tmp_path / "mine")
    table = pq.read_table(tmp_path / "mine/labels/train-folder.parquet")
    assert table["path"].to_pylist() == ["caf\ufffd.jpg"]
    assert table["make"].to_pylist() == ["Canon"]


def test_what_cannot_be_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        label_folder(tmp_path / "nowhere", tmp_path / "mine")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no photo"):
        label_folder(tmp_path / "empty", tmp_path / "mine")
    photo(tmp_path / "album/a.jpg")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/collection.json").write_text('{"source": "flickr"}')
    with pytest.raises(FlickrExifError, match=r"holds photos of the source `flickr`, .* with --out"):
        label_folder(tmp_path / "album", tmp_path / "mine")
