"""One's own photos as a source: who took them, their images as links or copies, and every command after `label`."""

import csv
import hashlib
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import piexif
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi
from PIL import Image

import flickrexif
from flickrexif.cards.publish import PublishSettings, plan
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.parquet import is_linked, link_digest
from flickrexif.eval.data.formats import open_images
from tests.hub import Hub, serving
from tests.pushing import TOKEN, USERS
from tests.samples import DATA, crop, jpeg, photographs

MODELS = {"Canon": "Canon EOS 450D", "Apple": "iPhone 6"}
SERIAL = b"SN-4711-XY"
SECRETS = (SERIAL, b"Jane Roe", b"N51.5")


def write(path: Path, make: str = "Canon", serial: bytes = b"", orientation: int = 1, seed: int = 0) -> None:
    """A JPEG of a photograph with Exif of a camera, and with a name and a place in it."""
    exif: dict[str, Any] = {
        "0th": {
            piexif.ImageIFD.Make: make.encode(),
            piexif.ImageIFD.Model: MODELS[make].encode(),
            piexif.ImageIFD.Artist: b"Jane Roe",
            piexif.ImageIFD.Orientation: orientation,
        },
        "Exif": {piexif.ExifIFD.ExposureTime: (1, 125), piexif.ExifIFD.FNumber: (56, 10)},
        "GPS": {piexif.GPSIFD.GPSAreaInformation: b"N51.5"},
    }
    if serial:
        exif["Exif"][piexif.ExifIFD.BodySerialNumber] = serial
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(crop(photographs()[seed % 17], 64, Random(seed))))
    piexif.insert(piexif.dump(exif), str(path))


def rows(data_set: Path, config: str = "labels") -> list[dict[str, Any]]:
    return pq.read_table(data_set / config).to_pylist()


def owners_of(data_set: Path) -> dict[str, str]:
    return {row["path"]: row["owner"] for row in rows(data_set)}


# --- who took them


def test_a_flat_folder_has_a_photographer_a_serial_number_and_one_for_the_rest(tmp_path: Path) -> None:
    for name, serial in (("a", SERIAL), ("b", SERIAL), ("c", b"77"), ("d", b""), ("e", b"0000000")):
        write(tmp_path / f"in/{name}.jpg", serial=serial)
    report = flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    of = owners_of(tmp_path / "mine")
    assert of["a.jpg"] == of["b.jpg"] != of["c.jpg"]
    assert of["d.jpg"] == of["e.jpg"] == "unknown"
    assert report.photographers == {of["a.jpg"]: 2, of["c.jpg"]: 1, "unknown": 2}
    expected = hashlib.sha256(b"\0".join((b"Canon", b"Canon EOS 450D", SERIAL))).hexdigest()
    assert of["a.jpg"] == f"camera-{expected[:12]}"
    assert json.loads((tmp_path / "mine/collection.json").read_text())["settings"]["owners"] == report.owners
    assert "serial number, hashed" in (tmp_path / "mine/README.md").read_text()


@pytest.mark.parametrize(
    ("files", "options", "expected"),
    [
        pytest.param(  # folders by device
            ("Agfa_DC-504_0/Agfa_DC-504_0_1.jpg", "Canon_Ixus55_0/Canon_Ixus55_0_2567.jpg"),
            {},
            ("Agfa_DC-504_0", "Canon_Ixus55_0"),
            id="Dresden",
        ),
        pytest.param(  # kinds of image below the device: all its photos are the device's
            ("D01_Samsung/images/flat/D01_I_flat_0001.jpg", "D01_Samsung/images/nat/D01_I_nat_0001.jpg"),
            {"owner_from": "top"},
            ("D01_Samsung", "D01_Samsung"),
            id="VISION, FloreView",
        ),
        pytest.param(
            ("natural/Agfa_0/1.jpg", "natural/Canon_0/1.jpg", "loose.jpg"),
            {"owner_from": "parent"},
            ("natural/Agfa_0", "natural/Canon_0", "unknown"),
            id="folders below folders",
        ),
        pytest.param(("2011/a.jpg",), {"owner_from": "camera"}, ("unknown",), id="camera"),
    ],
)
def test_folders_tell_the_photographer(
    files: tuple[str, ...], options: Mapping[str, Any], expected: tuple[str, ...], tmp_path: Path
) -> None:
    for file in files:
        write(tmp_path / "in" / file)
    flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path, **options)
    assert owners_of(tmp_path / "mine") == dict(zip(files, expected, strict=True))


def test_a_table_tells_the_photographer_by_path_by_name_or_by_stem(tmp_path: Path) -> None:
    for file in ("x/r000da54f.jpg", "x/b.jpg", "y/b.jpg", "y/c.jpg"):
        write(tmp_path / "in" / file)
    with (tmp_path / "RAISE_all.csv").open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows(
            [("File", "Device"), ("r000da54f", "Nikon D40"), ("b.jpg", "Nikon D90"), ("y/b.jpg", "D7000"), ("z", "D3")]
        )
    table = {"owners": tmp_path / "RAISE_all.csv", "owner_column": "Device"}
    report = flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path, **table)
    assert owners_of(tmp_path / "mine") == {
        "x/r000da54f.jpg": "Nikon D40",
        "x/b.jpg": "Nikon D90",
        "y/b.jpg": "D7000",
        "y/c.jpg": "unknown",
    }
    assert report.owners == "the column Device of RAISE_all.csv"


@pytest.mark.parametrize(
    ("table", "options", "sentence"),
    [
        ("path,owner\na.jpg,me\na.jpg,you\n", {}, "gives 'a.jpg' two photographers"),
        ("path,who\na.jpg,me\n", {}, "has no column 'owner'; it has: path, who"),
        ("photo,owner\na.jpg,me\n", {}, "has none of the columns path, file"),
        ("path,owner\nother.jpg,me\n", {}, "names none of the photos"),
        ("", {}, "has none of the columns"),
        ("path,owner\na.jpg,me\n", {"owner_from": "camera"}, "goes with the rule `column`"),
        (None, {"owner_from": "column"}, "goes with the rule `column`"),
        (None, {"owners": "nowhere.csv"}, r"nowhere\.csv cannot be read as CSV"),
    ],
)
def test_a_table_that_does_not_fit_is_a_sentence(
    table: str | None, options: Mapping[str, Any], sentence: str, tmp_path: Path
) -> None:
    write(tmp_path / "in/a.jpg")
    if table is not None:
        (tmp_path / "t.csv").write_text(table)
        options = {"owners": tmp_path / "t.csv"} | dict(options)
    with pytest.raises(UsageError, match=sentence):
        flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path, **options)
    assert not (tmp_path / "mine").exists()


# --- their images


def digest(path: Path) -> str:
    """What stands for a linked file: size, time of change, and both ends of 64 KiB."""
    content, status = path.read_bytes(), path.stat()
    ends = content[:65_536] + content[65_536:][-65_536:]
    return hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}\n".encode() + ends).hexdigest()


def test_links_hold_places_and_digests_and_no_image(tmp_path: Path) -> None:
    write(tmp_path / "in/a.jpg")
    (tmp_path / "in/broken.jpg").write_bytes(b"\xff\xd8 no more")
    report = flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    content = (tmp_path / "in/a.jpg").read_bytes()
    (image,) = rows(tmp_path / "mine", "images")
    assert image["image"] == {"bytes": None, "path": str(tmp_path / "in/a.jpg")}
    assert (image["sha256"], image["width"]) == (digest(tmp_path / "in/a.jpg"), 64)
    assert report.without_image == {"not an image": 1}
    (source,) = open_images(str(tmp_path / "mine"))
    assert list(source.read(0, 1)) == [content]
    assert (source.dataset, source.split, source.origin) == ("mine", None, "folder")
    assert list(source.missing.values()) == ["missing"]


def test_a_linked_file_that_was_changed_is_no_longer_the_labelled_photo(tmp_path: Path) -> None:
    write(tmp_path / "in/a.jpg")
    write(tmp_path / "in/b.jpg")
    flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    write(tmp_path / "in/a.jpg", seed=3)
    (source,) = open_images(str(tmp_path / "mine"))
    assert list(source.read(0, 2)) == [None, (tmp_path / "in/b.jpg").read_bytes()]
    flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    (again,) = open_images(str(tmp_path / "mine"))
    assert None not in list(again.read(0, 2))
    assert again.fingerprint != source.fingerprint


@pytest.mark.parametrize("size", [1_000, 65_536, 100_000, 131_072, 300_000])
@pytest.mark.parametrize("place", ["head", "middle", "tail", "size", "time"])
def test_any_change_of_a_linked_file_is_noticed_but_one_of_its_middle_at_the_same_time(
    place: str, size: int, tmp_path: Path
) -> None:
    path = tmp_path / "photo"
    path.write_bytes(bytes(size))
    before, times = link_digest(path), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    assert before == digest(path)
    content = bytearray(size + (place == "size"))
    if place in ("head", "middle", "tail"):
        content[{"head": 0, "middle": size // 2, "tail": size - 1}[place]] = 1
    path.write_bytes(content)
    os.utime(path, ns=times if place != "time" else (times[0], times[1] + 1))
    assert (link_digest(path) != before) is (place != "middle" or size <= 131_072)
    path.unlink()
    assert not is_linked(path, before)


def test_label_does_not_read_the_pixels_of_linked_photos(run: Callable[..., Any], tmp_path: Path) -> None:
    """A hole of a terabyte behind the head of a photo would take minutes to read."""
    write(tmp_path / "in/a.jpg")
    with (tmp_path / "in/a.jpg").open("r+b") as file:
        file.truncate(2**40)
    code, out, err = run("label", tmp_path / "in", "--out", tmp_path / "data/mine", "--data-dir", tmp_path / "data")
    assert code == 0, err
    assert "1 photo labelled" in out
    (image,) = rows(tmp_path / "data/mine", "images")
    assert image["width"] == 64
    (label,) = rows(tmp_path / "data/mine")
    assert (label["Make"], label["reason"]) == ("Canon", None)


def test_loading_and_processing_refuse_or_leave_out_a_linked_file_that_was_changed(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / f"in/{name}.jpg", seed=ord(name))
    data = tmp_path / "data"
    flickrexif.label(tmp_path / "in", out=data / "mine", data_dir=data)
    for config in ("labels", "images"):
        assert len(flickrexif.load_dataset("mine", config, data_dir=data)["train"]) == 2
    write(tmp_path / "in/a.jpg", seed=3)
    assert len(flickrexif.load_dataset("mine", "labels", data_dir=data)["train"]) == 2
    with pytest.raises(FlickrExifError, match=r"a\.jpg is gone, or no longer the photo.*Label the photos again"):
        flickrexif.load_dataset("mine", "images", data_dir=data)
    report = flickrexif.process(data / "mine", variant="identity", out=tmp_path / "out", data_dir=data, workers=1)
    assert (report.parts[0].rows, report.failed) == (1, 1)


def test_copies_hold_the_same_pictures_and_nothing_private(tmp_path: Path) -> None:
    write(tmp_path / "in/a.jpg", serial=SERIAL, orientation=6)
    Image.new("RGB", (8, 8)).save(tmp_path / "in/b.tif")
    report = flickrexif.label(tmp_path / "in", out=tmp_path / "mine", images="copy", data_dir=tmp_path)
    (image,) = rows(tmp_path / "mine", "images")
    stored, original = image["image"]["bytes"], (tmp_path / "in/a.jpg").read_bytes()
    assert all(secret in original and secret not in stored for secret in SECRETS)
    assert image["sha256"] == hashlib.sha256(stored).hexdigest()
    assert report.without_image == {"private metadata cannot be taken out": 1}
    (tmp_path / "stored.jpg").write_bytes(stored)
    with Image.open(tmp_path / "stored.jpg") as copy, Image.open(tmp_path / "in/a.jpg") as photo:
        assert copy.tobytes() == photo.tobytes()
        assert copy.getexif()[piexif.ImageIFD.Orientation] == 6
    told = subprocess.run(["exiftool", tmp_path / "stored.jpg"], capture_output=True, text=True, check=True).stdout
    assert "Make                            : Canon" in told
    (tmp_path / "in/a.jpg").unlink()
    (source,) = open_images(str(tmp_path / "mine"))
    assert list(source.read(0, 1)) == [stored]


def test_another_choice_of_images_leaves_none_of_the_last(tmp_path: Path) -> None:
    write(tmp_path / "in/a.jpg")
    files = []
    for images in ("copy", "link", "none", "link"):
        flickrexif.label(tmp_path / "in", out=tmp_path / "mine", images=images, data_dir=tmp_path)
        files.append({path.name: path.read_bytes() for path in (tmp_path / "mine/images").glob("*")})
    copied, linked, none, again = files
    assert copied.keys() == linked.keys() == {"train-folder-00000.parquet"}
    assert (none, again) == ({}, linked)
    assert copied != linked


def test_links_are_not_published(tmp_path: Path) -> None:
    write(tmp_path / "in/a.jpg")
    flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    with serving(Hub(USERS)) as hub, pytest.raises(UsageError, match=r"are links to files.*--images copy"):
        plan(tmp_path / "mine", PublishSettings(repo="jo/d"), HfApi(hub.endpoint, TOKEN))


# --- and every command after `label`


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photographers with two cameras, and real photos of four other folders."""
    folder = tmp_path_factory.mktemp("own")
    for number in range(36):
        write(folder / f"in/person {number % 6}/{number:02}.jpg", ("Canon", "Apple")[number // 6 % 2], seed=number)
    for number, path in enumerate(sorted((DATA / "photos").iterdir())):
        place = folder / f"in/samples {number % 4}/{path.name}"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(path.read_bytes())
    return folder


def test_from_label_to_an_answer_with_copies(album: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    data, mine = tmp_path / "data", tmp_path / "data/mine"
    code, out, err = run("label", album / "in", "--out", mine, "--images", "copy", "--data-dir", data)
    assert (code, err) == (0, "")
    assert "47 photos labelled" in out
    assert "10 photographers by the outermost folder that a photo lies in\n" in out
    arguments = ("--protocol", "proportional", "--attribute", "Make", "--min-photos", 9)
    code, out, err = run("splits", mine, *arguments)
    assert code in (0, 3), err
    by_labels = run("splits", mine / "labels", *arguments, "--out", tmp_path / "again")
    assert (by_labels[0], by_labels[2]) == (code, err)
    assert {path.name for path in (mine / "splits").iterdir()} >= {"splits.json"}
    for path in (mine / "splits").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    split = json.loads((mine / "splits/split_data_target_attribute=Make.json").read_text())
    of = {row["Flickr ID"]: row["owner"] for row in rows(mine)}
    parts = [{of[photo] for photo in split[f"{name}_ids"]} for name in ("train", "val", "test")]
    assert all(parts)
    assert len(set().union(*parts)) == sum(map(len, parts))
    places = ((mine / "splits", mine), (mine, mine / "labels"))  # a data set stands for its splits and its labels
    told = [run("audit-splits", splits, "--labels", labels) for splits, labels in places]
    assert told[0][0] == 0
    assert told[0] == told[1]
    assert run("card", mine, "--check")[0] == 0
    code, out, err = run("browse", mine, "--out", tmp_path / "pages")
    page = Path(out.strip()).read_text()
    assert code == 0
    assert len(re.findall(r'<img src="data:image|<img src="', page)) == 47
    assert "No image is stored" not in page
    code, out, err = run("embed", "--dataset", mine, "--encoder", "control:dct", "--data-dir", data)
    assert code == 0, err
    assert (data / "embeddings/mine").is_dir()
    common = ("--encoder", "control:dct", "--set", "protocol=fast", "--data-dir", data)
    code, out, err = run("eval", "all", *common)
    assert code == 0, err
    records = [json.loads(path.read_text()) for path in (data / "results").rglob("*.json")]
    (probe,) = (record for record in records if record["task"] == "probe" and record["state"] == "measured")
    assert (probe["dataset"], probe["attribute"], probe["origin"]) == ("mine", "Make", "folder")
    assert probe["detail"]["classes"] == split["label_encoder_classes"]
    assert probe["n"]["test"] == len(split["test_ids"])
    assert run("report", "--data-dir", data)[0] == 0


def test_the_page_on_ones_own_photos_holds_from_an_empty_folder(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/own-photos.md says alone, no option beside, `data` where none is named; but of encoders the fastest, as
    those that it names are measured by the README's commands."""
    for number in range(24):
        make, name = ("Canon", "Apple")[number % 2], f"person {number // 2 % 5}/{number:02}.jpg"
        write(tmp_path / "home/Pictures" / name, make, seed=number)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FLICKREXIF_DATA", raising=False)
    page = (Path(__file__).parents[1] / "docs/own-photos.md").read_text()
    commands, code = (re.search(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("sh", "python"))
    assert commands
    assert code
    said = {}
    for line in commands[1].splitlines():
        _, *words = shlex.split(line.replace("--encoder lite0 --encoder @ctl", "--encoder control:dct"))
        ended, out, err = run(*words)
        assert ended in ((0, 3) if words[0] == "splits" else (0,)), err
        said[words[0]] = out
    assert list(said) == ["label", "browse", "splits", "eval", "report"]
    assert "24 photos labelled in data/mine" in said["label"]
    assert {path.name for path in Path().iterdir()} == {"data"}
    records = [json.loads(path.read_text()) for path in Path("data/results").rglob("*.json")]
    measured = {(record["task"], record["encoder"]) for record in records if record["state"] == "measured"}
    assert {(task, "control:dct") for task in ("probe", "neighbors", "tsne", "strips")} <= measured
    assert "dct" in said["report"]
    names: dict[str, Any] = {}
    exec(code[1], names)
    assert next(iter(names["train"].with_format(None)))["image"]


def test_simulated_photos_stay_simulated(tmp_path: Path) -> None:
    """One of them is enough: in a data set, on its card and page, and in records of it."""
    flickrexif.simulate_pairs(tmp_path / "in", pairs=1, data_dir=tmp_path)
    flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    (source,) = open_images(str(tmp_path / "mine"))
    assert source.origin == "simulated"
    assert "**SIMULATED DATA.**" in (tmp_path / "mine/README.md").read_text()
    pages = flickrexif.browse(tmp_path / "mine", out=tmp_path / "pages")
    assert "SIMULATED DATA: no camera took these photos." in pages.index.read_text()
    for path in (tmp_path / "in").rglob("*.jpg"):
        path.unlink()
    write(tmp_path / "in/a.jpg")
    flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    (source,) = open_images(str(tmp_path / "mine"))
    assert source.origin == "folder"


@pytest.mark.parametrize("labelled", [False, True])
def test_processing_takes_a_flat_folder_and_a_labelled_one(labelled: bool, tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"in/{number}.jpg", seed=number)
    source = tmp_path / "in"
    if labelled:
        flickrexif.label(source, out=tmp_path / "data/mine", data_dir=tmp_path / "data")
        source = tmp_path / "data/mine"
    flickrexif.process(source, variant="identity", out=tmp_path / "out", data_dir=tmp_path / "data", workers=1)
    table = pq.read_table(next((tmp_path / "out/identity").glob("*.parquet")))
    assert table["label"].to_pylist() == [-1, -1, -1]
    ids = {str(row["Flickr ID"]) for row in rows(source)} if labelled else {"0.jpg", "1.jpg", "2.jpg"}
    assert set(table["image_id"].to_pylist()) == ids


def test_the_word_of_one_photographer_alone_is_said(run: Callable[..., Any], tmp_path: Path) -> None:
    write(tmp_path / "in/a.jpg")
    code, out, err = run("label", tmp_path / "in", "--out", tmp_path / "mine", "--data-dir", tmp_path)
    assert code == 0
    assert "Who took 1 photo is not known" in out
    assert "name them with --owner-from or --owners" in err
