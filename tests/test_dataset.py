"""From real photographs behind the embedded server to a data set that opens; exiftool says what must be in it."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from flickrexif import cli, load_dataset
from flickrexif.collectors.journal import open_journal, read_journal
from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.photos import FolderPopulation
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.session import journal_path
from flickrexif.commands.build import build_dataset
from flickrexif.core.errors import FlickrExifError
from tests.samples import CAMERA_PHOTOS
from tests.test_sandbox_photos import write_photo

pytestmark = pytest.mark.usefixtures("checkout")

ROOT = Path(__file__).parents[1]
SETTINGS = ("ExposureTime", "FNumber", "FocalLength")
DATES = ("DateTimeOriginal", "CreateDate", "ModifyDate")  # as the population trusts them
COLUMNS = {"Make": "Make", "Model": "Model", "Exposure": "ExposureTime", "Aperture": "FNumber"}
COLUMNS |= {"ISO Speed": "ISO", "Focal Length": "FocalLength"}


@pytest.fixture
def crawl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs `flickrexif crawl` and returns what it printed."""
    for name in ("FLICKR_API_KEY", "FLICKR_API_SECRET", "FLICKR_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)

    def command(*arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["flickrexif", "crawl", "--minimum", "0", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert ended.value.code == 0, printed.err
        return printed.out

    return command


def exiftool(folder: Path) -> dict[str, dict[str, str]]:
    """What exiftool prints of every photo, by the file's stem."""
    tags = ["Make", "Model", "ModifyDate"], [*SETTINGS, "ISO", "DateTimeOriginal", "CreateDate"]
    wanted = [f"-{group}:{tag}" for group, names in zip(("IFD0", "ExifIFD"), tags, strict=True) for tag in names]
    done = subprocess.run(["exiftool", "-j", "-r", *wanted, folder], check=True, capture_output=True)
    rows = json.loads(done.stdout, parse_int=str, parse_float=str)
    return {Path(row["SourceFile"]).stem: row for row in rows if not row["SourceFile"].endswith(".csv")}


def taken(row: Mapping[str, str]) -> datetime | None:
    """The first date of a photo that exists."""
    for name in DATES:
        try:
            return datetime.strptime(row.get(name, "")[:19], "%Y:%m:%d %H:%M:%S")
        except ValueError:
            continue
    return None


def usable(row: Mapping[str, str]) -> bool:
    """The rule of the data set, from exiftool's words alone."""
    return bool(row.get("Make") and row.get("Model") and any(row.get(tag) for tag in SETTINGS) and taken(row))


def rows_of(config: str) -> list[dict[str, Any]]:
    data = load_dataset("flickrexif", config)["train"]
    return [dict(row) for row in data]


@pytest.mark.parametrize("folder", CAMERA_PHOTOS)
def test_one_row_for_each_usable_real_photo(folder: Path, crawl: Callable[..., str]) -> None:
    said = exiftool(folder)
    expected = {stem: row for stem, row in said.items() if usable(row)}
    months = sorted(f"{moment:%Y-%m}" for row in said.values() if (moment := taken(row)))
    with Sandbox(FolderPopulation(folder)) as sandbox:
        printed = crawl("--from", months[0], "--to", months[-1], "--endpoint", sandbox.endpoint)
    assert f"{len(expected)} photos of " in printed
    rows = rows_of("labels")
    assert sorted(row["title"] for row in rows) == sorted(expected)
    assert len(expected) > 0.7 * len(said)
    for row in rows:
        photo = expected[row["title"]]
        assert (row["make_raw"], row["model_raw"]) == (photo["Make"], photo["Model"])
        assert (row["Make"], row["Model"]) == (photo["Make"], photo["Model"])
        assert row["date_taken"] == taken(photo)
        assert row["month"] == f"{row['date_taken']:%Y-%m}"
    assert {row["exif_source"] for row in rows} == {"flickr"}


# --- photographs made here --------------------------------------------------------------------------------------

CAMERA = {"Make": "NIKON CORPORATION", "Model": "NIKON D750", "ExposureTime": "0.004", "FNumber": "5.6", "ISO": "400"}
MADE = {
    "jo/whole": CAMERA | {"FocalLength": "50", "DateTimeOriginal": "2024:08:03 10:00:00", "Flash": "16"},
    "jo/phone": {
        "Make": "Apple",
        "Model": "iPhone 12",
        "FocalLength": "4.2",
        "DateTimeOriginal": "2024:08:31 23:59:59",
    },
    "ann/first": CAMERA | {"DateTimeOriginal": "2024:08:01 00:00:00"},
    "ann/july": CAMERA | {"DateTimeOriginal": "2024:07:31 23:59:59"},
    "ann/modified": CAMERA | {"ModifyDate": "2024:08:05 12:00:00"},
    "scans/scanner": {"Make": "EPSON", "Model": "Perfection V600", "DateTimeOriginal": "2024:08:04 10:00:00"},
    "scans/nameless": {"Make": "EPSON", "FNumber": "8", "DateTimeOriginal": "2024:08:04 11:00:00"},
    "scans/dated": {"DateTimeOriginal": "2024:08:04 12:00:00"},
    "scans/undated": CAMERA,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    photos = tmp_path_factory.mktemp("photos")
    for name, tags in MADE.items():
        write_photo(photos / f"{name}.jpg", tags=tags)
    return photos


@pytest.fixture
def served(folder: Path) -> Iterator[Sandbox]:
    with Sandbox(FolderPopulation(folder)) as sandbox:
        yield sandbox


def test_every_value_is_as_exiftool_prints_it(crawl: Callable[..., str], served: Sandbox, folder: Path) -> None:
    crawl("--from", "2024-07", "--to", "2024-08", "--endpoint", served.endpoint)
    expected = {stem: row for stem, row in exiftool(folder).items() if usable(row)}
    assert sorted(expected) == ["first", "july", "modified", "phone", "whole"]
    rows = {row["title"]: row for row in rows_of("labels")}
    assert sorted(rows) == sorted(expected)
    for title, row in rows.items():
        assert {name: row[name] for name in COLUMNS} == {
            name: expected[title].get(tag) for name, tag in COLUMNS.items()
        }
    assert rows["whole"]["Exposure"] == "1/250"
    assert (rows["whole"]["exposure_seconds"], rows["whole"]["f_number"], rows["whole"]["iso"]) == (0.004, 5.6, 400)
    assert (rows["phone"]["is_smartphone"], rows["whole"]["is_smartphone"]) == (True, False)
    assert rows["whole"]["owner"] == rows["phone"]["owner"] != rows["first"]["owner"]
    with read_journal(journal_path(Path("data"))) as journal:
        verdicts = journal.verdicts("2024-08")
    assert verdicts == {"kept": 4, "no_exposure_setting": 1, "no_make_or_model": 2}


def test_a_cap_takes_photos_of_one_owner(crawl: Callable[..., str], served: Sandbox) -> None:
    crawl("--month", "2024-08", "--per-user-cap", "1", "--endpoint", served.endpoint)
    owners = [row["owner_name"] for row in rows_of("labels")]
    assert sorted(owners) == ["ann", "jo"]
    asked = [arguments["photo_id"] for method, arguments in served.calls if method == "flickr.photos.getExif"]
    assert len(asked) == 4  # one of each of these, and two of the owner of scans
    with read_journal(journal_path(Path("data"))) as journal:
        verdicts = journal.verdicts("2024-08")
    assert (verdicts["kept"], verdicts["over_cap"], verdicts["photographer_without_exif"]) == (2, 2, 1)


def test_the_checkout_the_folder_and_the_name_open_the_same_rows(crawl: Callable[..., str], served: Sandbox) -> None:
    crawl("--month", "2024-08", "--endpoint", served.endpoint)
    for config, columns in (
        ("default", 9),
        ("labels", len(pq.read_schema("data/flickrexif/labels/train-2024-08.parquet"))),
    ):
        named = load_dataset("flickrexif", config)["train"]
        assert named.num_columns == columns
        assert named.num_rows == 4
        assert datasets.load_dataset("flickrexif", config, split="train").to_list() == named.to_list()
        assert datasets.load_dataset("data/flickrexif", config, split="train").to_list() == named.to_list()
    assert load_dataset("flickrexif")["train"]["Flickr ID"][:] == sorted(load_dataset()["train"]["Flickr ID"])


def test_the_card_says_where_the_photos_came_from(crawl: Callable[..., str], served: Sandbox, checkout: Path) -> None:
    crawl("--month", "2024-08", "--endpoint", served.endpoint)
    text = (checkout / "data/flickrexif/README.md").read_text()
    assert "NOT FROM FLICKR" in text
    assert "sandbox:photos" in text
    assert "4 photos" in text
    collection = json.loads((checkout / "data/flickrexif/collection.json").read_text())
    assert collection["source"] == "sandbox:photos"
    sampling = {"licenses": [4, 5, 7, 8, 9, 10, 11, 12], "per_user_cap": 10, "seed": 0}
    not_kept = {"no_make_or_model": 2, "no_exposure_setting": 1}
    assert collection["settings"] == sampling | {"not_kept": not_kept}
    assert "| no_make_or_model | 2 | the camera is not named |" in text
    crawl("--month", "2024-08", "--target", "5", "--sandbox", "--data-dir", "simulated")
    assert "SIMULATED DATA" in (checkout / "simulated/flickrexif/README.md").read_text()


def test_original_images_are_the_files(crawl: Callable[..., str], served: Sandbox, folder: Path) -> None:
    served.faults = Faults(0.3)
    options = ("--month", "2024-08", "--endpoint", served.endpoint, "--images", "original")
    crawl(*options)
    titles = {row["Flickr ID"]: row["title"] for row in rows_of("labels")}
    files = {path.stem: path.read_bytes() for path in folder.rglob("*.jpg")}
    images = load_dataset("flickrexif", "images")["train"].cast_column("image", datasets.Image(decode=False))
    stored = {titles[row["Flickr ID"]]: row for row in images}
    assert sorted(stored) == ["first", "modified", "phone", "whole"]
    for title, row in stored.items():
        assert row["image"]["bytes"] == files[title]
        assert row["sha256"] == hashlib.sha256(files[title]).hexdigest()
        assert (row["width"], row["height"], row["image_size"]) == (1_200, 900, "o")
    requests = served.image_requests
    crawl(*options)
    assert served.image_requests == requests
    assert list(Path("data").rglob("*.tmp")) == []


def test_images_fetched_later_join_the_data_set(crawl: Callable[..., str], served: Sandbox) -> None:
    options = ("--month", "2024-08", "--endpoint", served.endpoint)
    crawl(*options)
    before = Path("data/flickrexif/labels/train-2024-08.parquet").read_bytes()
    attempts = served.attempts
    crawl(*options, "--images", "large")
    assert served.attempts == attempts + 1  # only who the server is
    images = load_dataset("flickrexif", "images")["train"]
    assert sorted(image.size for image in images["image"]) == [(1_024, 768)] * 4
    assert Path("data/flickrexif/labels/train-2024-08.parquet").read_bytes() == before


# --- the build --------------------------------------------------------------------------------------------------


def test_one_month_built_leaves_the_others(crawl: Callable[..., str], served: Sandbox) -> None:
    crawl("--from", "2024-07", "--to", "2024-08", "--endpoint", served.endpoint)
    files = {path.name: path.stat().st_mtime_ns for path in Path("data/flickrexif/labels").iterdir()}
    assert sorted(files) == ["train-2024-07.parquet", "train-2024-08.parquet"]
    report = build_dataset(Path("data"), ["2024-07"])
    assert report.rows == {"2024-07": 1}
    assert report.written == ()
    assert {path.name: path.stat().st_mtime_ns for path in Path("data/flickrexif/labels").iterdir()} == files
    assert build_dataset(Path("data")).rows == {"2024-07": 1, "2024-08": 4}


def test_an_image_file_that_is_lost_is_told_and_fetched_again(crawl: Callable[..., str], served: Sandbox) -> None:
    options = ("--month", "2024-08", "--endpoint", served.endpoint, "--images", "large")
    crawl(*options)
    stored = sorted(Path("data/flickrexif/.crawl/images").rglob("*.jpg"))
    assert len(stored) == 4
    whole = stored[0].read_bytes()
    stored[0].write_bytes(b"another")
    with pytest.raises(FlickrExifError, match=r"is not the file that was fetched\. Delete it and crawl its m"):
        build_dataset(Path("data"))
    stored[0].unlink()
    with pytest.raises(FlickrExifError, match=r"cannot be read \(No such file"):
        build_dataset(Path("data"))
    requests = served.image_requests
    crawl(*options)
    assert stored[0].read_bytes() == whole
    assert served.image_requests == requests + 1


def test_nothing_to_build_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FlickrExifError, match="There is no crawl in"):
        build_dataset(tmp_path)
    with open_journal(journal_path(tmp_path)):
        pass
    with pytest.raises(FlickrExifError, match="holds nothing yet"):
        build_dataset(tmp_path)
