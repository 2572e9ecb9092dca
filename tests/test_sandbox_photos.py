"""A folder of real photos served as Flickr would; what the files hold is asked of exiftool and Pillow."""

import calendar
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from flickrexif.collectors.sandbox.photos import FolderPopulation
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.errors import UsageError
from tests.samples import CAMERA_PHOTOS

TAGS = "Make", "Model", "ExposureTime", "FNumber"
EVER = datetime(1, 1, 1), datetime(9999, 12, 31)


def write_photo(path: Path, *, size: tuple[int, int] = (1_200, 900), tags: dict[str, str] | None = None) -> Path:
    """An image whose left half is red and right half blue, tagged by exiftool."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    if tags:
        options = [f"-{name}={value}" for name, value in tags.items()]
        subprocess.run(["exiftool", "-q", "-overwrite_original", "-n", *options, path], check=True)
    return path


def all_photos(population: FolderPopulation) -> dict[str, SandboxPhoto]:
    return {photo.title: photo for photo in population.taken_between(*EVER)}


def api(sandbox: Sandbox, method: str, photo: SandboxPhoto) -> dict[str, Any]:
    fixed = {"method": method, "api_key": "sandbox", "format": "json", "nojsoncallback": 1, "photo_id": photo.id}
    return requests.get(sandbox.endpoint, params=fixed, timeout=30).json()


@pytest.mark.parametrize("folder", CAMERA_PHOTOS)
def test_the_camera_of_every_real_photo_is_what_exiftool_says(folder: Path) -> None:
    groups = ["-IFD0:Make", "-IFD0:Model", "-ExifIFD:ExposureTime", "-ExifIFD:FNumber"]
    said = subprocess.run(["exiftool", "-j", *groups, folder], check=True, capture_output=True).stdout
    expected = {
        Path(row["SourceFile"]).stem: {tag: row[tag] for tag in TAGS if tag in row}
        for row in json.loads(said, parse_int=str, parse_float=str)
        if row["SourceFile"].endswith(".jpg")
    }
    population = FolderPopulation(folder)
    served, labels = {}, set()
    with Sandbox(population) as sandbox:
        for title, photo in all_photos(population).items():
            entries = api(sandbox, "flickr.photos.getExif", photo)["photo"]["exif"]
            mine = [entry for entry in entries if entry["tag"] in TAGS]
            served[title] = {entry["tag"]: entry["raw"]["_content"] for entry in mine}
            labels |= {(entry["tagspace"], entry["tag"], entry["label"]) for entry in mine}
    assert len(expected) in (11, 88)
    assert served == expected
    assert labels == {
        ("IFD0", "Make", "Make"),
        ("IFD0", "Model", "Model"),
        ("ExifIFD", "ExposureTime", "Exposure"),
        ("ExifIFD", "FNumber", "Aperture"),
    }


@pytest.mark.parametrize("folder", CAMERA_PHOTOS)
def test_every_real_photo_is_served_as_it_is_and_smaller(folder: Path) -> None:
    population = FolderPopulation(folder)
    assert population.skipped == {path.name: "not a photo" for path in folder.glob("*.csv")}
    with Sandbox(population) as sandbox:
        for title, photo in all_photos(population).items():
            smaller, *_, original = api(sandbox, "flickr.photos.getSizes", photo)["sizes"]["size"]
            assert original["label"] == "Original"
            whole = requests.get(original["source"], timeout=30).content
            assert whole == (folder / f"{title}.jpg").read_bytes()
            with Image.open(io.BytesIO(requests.get(smaller["source"], timeout=30).content)) as image:
                image.load()
                assert (image.size, len(image.getexif())) == ((smaller["width"], smaller["height"]), 0)


def test_dates_come_from_the_exif_in_order_of_trust(tmp_path: Path) -> None:
    dates = {
        "DateTimeOriginal": "2011:03:08 16:23:00",
        "CreateDate": "2012:01:01 00:00:01",
        "ModifyDate": "2013:05:05 05:05:05",
    }
    write_photo(tmp_path / "original.jpg", tags=dates)
    write_photo(tmp_path / "created.jpg", tags={name: dates[name] for name in ("CreateDate", "ModifyDate")})
    write_photo(tmp_path / "modified.jpg", tags={"ModifyDate": dates["ModifyDate"]})
    write_photo(tmp_path / "bad.jpg", tags={"DateTimeOriginal": "0000:00:00 00:00:00", "Make": "Canon"})
    os.utime(write_photo(tmp_path / "none.jpg"), (1_300_000_000, 1_300_000_000))
    photos = all_photos(FolderPopulation(tmp_path))
    taken = {title: str(photo.taken) for title, photo in photos.items() if not photo.taken_unknown}
    assert taken == {
        "original": "2011-03-08 16:23:00",
        "created": "2012-01-01 00:00:01",
        "modified": "2013-05-05 05:05:05",
    }
    assert str(photos["none"].taken) == "2011-03-13 07:06:40"  # its file's date, UTC
    assert photos["bad"].taken_unknown
    day_after = calendar.timegm((2011, 3, 9, 16, 23, 0))
    assert (photos["original"].uploaded, photos["original"].license) == (day_after, 4)


def test_owners_and_ids(tmp_path: Path) -> None:
    for name in ("alice/2024/a.jpg", "alice/b.jpg", "bob/c.jpg", "d.jpg", "e.jpg"):
        write_photo(tmp_path / name)
    before = all_photos(FolderPopulation(tmp_path))
    assert before["a"].owner == before["b"].owner
    assert (before["a"].owner_name, before["c"].owner_name) == ("alice", "bob")
    assert len({photo.owner for photo in before.values()}) == 4
    write_photo(tmp_path / "0.jpg")
    moved = shutil.copytree(tmp_path, tmp_path.parent / "elsewhere")
    after = all_photos(FolderPopulation(moved))
    assert {title: after[title].id for title in before} == {title: photo.id for title, photo in before.items()}
    assert len({photo.id for photo in after.values()}) == 6


def test_files_that_are_no_readable_photos_are_passed_over_with_a_reason(tmp_path: Path) -> None:
    write_photo(tmp_path / "good.png")
    (tmp_path / "notes.txt").write_text("no photo")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe1")
    (tmp_path / "empty.jpeg").touch()
    (tmp_path / "page.heic").write_text("<html>")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    population = FolderPopulation(tmp_path)
    assert set(all_photos(population)) == {"good"}
    assert set(population.skipped) == {"notes.txt", "torn.jpg", "empty.jpeg", "page.heic", "pipe.jpg"}
    assert all(population.skipped.values())


def test_a_folder_without_photos_and_no_folder(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(UsageError, match="no readable photo"):
            FolderPopulation(folder)


def test_a_name_that_is_no_unicode_is_served(tmp_path: Path) -> None:
    write_photo(tmp_path / "plain.jpg").rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.jpg"))
    population = FolderPopulation(tmp_path)
    with Sandbox(population) as sandbox:
        info = api(sandbox, "flickr.photos.getInfo", all_photos(population)["caf\ufffd"])
    assert info["photo"]["title"]["_content"] == "caf\ufffd"


def red_side(data: bytes) -> str:
    """Which side of the image is red."""
    with Image.open(io.BytesIO(data)) as opened:
        image = opened.convert("RGB")
    width, height = image.size
    middles = {
        "left": (width // 4, height // 2),
        "right": (3 * width // 4, height // 2),
        "top": (width // 2, height // 4),
        "bottom": (width // 2, 3 * height // 4),
    }
    red = {}
    for name, place in middles.items():
        pixel = image.getpixel(place)
        assert isinstance(pixel, tuple)
        red[name] = pixel[0] - pixel[2]
    return max(red, key=lambda name: red[name])


# Exif 2.3, Orientation: where the stored image's left side is shown.
SHOWN = {1: "left", 2: "right", 3: "right", 4: "left", 5: "top", 6: "top", 7: "bottom", 8: "bottom"}


@pytest.mark.parametrize(("orientation", "side"), SHOWN.items())
def test_smaller_sizes_stand_upright(tmp_path: Path, orientation: int, side: str) -> None:
    write_photo(tmp_path / "turned.jpg", tags={"Orientation": str(orientation), "Make": "Canon"})
    population = FolderPopulation(tmp_path)
    photo = all_photos(population)["turned"]
    data = population.image(photo, "l")
    assert red_side(data) == side
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == ((1024, 768) if orientation < 5 else (768, 1024))
        assert "exif" not in image.info
    assert population.image(photo, "o") == (tmp_path / "turned.jpg").read_bytes()


@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_other_formats(tmp_path: Path, suffix: str) -> None:
    path = write_photo(tmp_path / f"photo.{suffix}", tags={"Make": "Canon", "ExposureTime": "0.004"})
    population = FolderPopulation(tmp_path)
    photo = all_photos(population)["photo"]
    with Sandbox(population) as sandbox:
        exif = api(sandbox, "flickr.photos.getExif", photo)["photo"]["exif"]
        sizes = api(sandbox, "flickr.photos.getSizes", photo)["sizes"]["size"]
        images = {size["label"]: requests.get(size["source"], timeout=30) for size in sizes}
    assert {entry["tag"]: entry["raw"]["_content"] for entry in exif} == {"Make": "Canon", "ExposureTime": "1/250"}
    assert images["Original"].content == path.read_bytes()
    assert images["Large"].content.startswith(b"\xff\xd8")


def test_a_jpeg_without_exif_has_its_jfif_version_alone(tmp_path: Path) -> None:
    write_photo(tmp_path / "plain.jpg")
    population = FolderPopulation(tmp_path)
    entries = population.exif(all_photos(population)["plain"])
    said = subprocess.run(["exiftool", "-s3", "-JFIFVersion", tmp_path / "plain.jpg"], check=True, capture_output=True)
    assert [(entry["tagspace"], entry["tag"], entry["raw"]["_content"]) for entry in entries] == [
        ("JFIF", "JFIFVersion", said.stdout.decode().strip())
    ]


@pytest.mark.parametrize(
    "spoil",
    [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:2_000]), lambda path: path.write_bytes(b"GIF89a")],
    ids=["removed", "cut", "replaced"],
)
def test_a_file_that_breaks_while_served_is_not_found(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    path = write_photo(tmp_path / "photo.jpg")
    population = FolderPopulation(tmp_path)
    with Sandbox(population) as sandbox:
        sizes = api(sandbox, "flickr.photos.getSizes", all_photos(population)["photo"])["sizes"]["size"]
        spoil(path)
        large = requests.get(next(size["source"] for size in sizes if size["label"] == "Large"), timeout=30)
    assert (large.status_code, large.content) == (404, b"")
