"""Reading pairs: every layout, and every fault of a source told at once."""

import hashlib
import io
import os
from datetime import datetime
from pathlib import Path

import datasets
import numpy as np
import piexif
import pillow_heif
import pytest
from PIL import Image

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.paircams.pairing import natural_key, read_pairs
from flickrexif.paircams.protocol import FAULTS, FINDINGS, RULES, model_key, read_cameras
from flickrexif.paircams.records import BadPairs, PairImage, Problem, problem_table

pytestmark = pytest.mark.usefixtures("offline")

PHONE, CAMERA, MOTO = ("Apple", "iPhone 12"), ("Canon", "Canon EOS 450D"), ("motorola", "XT1032")


def shot(device: tuple[str, str] | None, form: str = "JPEG", seed: int = 0, orientation: int = 1) -> bytes:
    """A file of noise, 40 x 30 pixels, of a camera."""
    pixels = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    exif = b""
    if device:
        zeroth = {271: device[0].encode(), 272: device[1].encode(), 274: orientation}
        tags = {33434: (1, 60), 37385: 16, 34850: 2, 41986: 0, 41987: 0, 36867: b"2024:06:01 12:00:00"}
        exif = piexif.dump({"0th": zeroth, "Exif": tags})
    file = io.BytesIO()
    if form == "HEIF":
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(file, exif=exif)
    else:
        Image.fromarray(pixels).save(file, form, exif=exif)
    return file.getvalue()


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def sides(images: list[PairImage]) -> list[tuple[str, str, str | None]]:
    return [(image.subject, image.side, image.model) for image in images]


def test_folders_of_subjects_in_three_formats(tmp_path: Path) -> None:
    phone = put(tmp_path / "10/IMG_1.HEIC", shot(PHONE, "HEIF"))
    put(tmp_path / "10/b.png", shot(CAMERA, "PNG", 1))
    put(tmp_path / "9/a.jpg", shot(CAMERA, "JPEG", 2, orientation=6))
    put(tmp_path / "9/b.jpeg", shot(PHONE, "JPEG", 3))
    put(tmp_path / "9/notes.txt", b"no photo")
    put(tmp_path / "9/._b.jpeg", b"a Mac's shadow")
    put(tmp_path / ".trash/a.jpg", b"")
    images, problems = read_pairs(tmp_path)
    assert problems == []
    assert sides(images) == [
        ("9", "phone", "iPhone 12"),
        ("9", "camera", "Canon EOS 450D"),
        ("10", "phone", "iPhone 12"),
        ("10", "camera", "Canon EOS 450D"),
    ]
    assert [image.orientation for image in images] == [1, 6, 1, 1]
    heic = images[2]
    assert (heic.width, heic.height) == (64, 64)  # as stored: what HEVC codes, before it is cropped
    assert {(image.width, image.height) for image in images if image is not heic} == {(40, 30)}
    assert (heic.path, heic.file_name) == (phone, "10/IMG_1.HEIC")
    assert (heic.make, heic.released, heic.device_category) == ("Apple", 2020, "smartphone")
    assert heic.sha256 == hashlib.sha256(phone.read_bytes()).hexdigest()
    assert heic.read() == phone.read_bytes()
    assert heic.taken == datetime(2024, 6, 1, 12)
    assert heic.tags["ExposureProgram"] == "Program AE"


def test_files_named_by_subject_and_camera(tmp_path: Path) -> None:
    put(tmp_path / "old_house_phone.jpg", shot(None))
    put(tmp_path / "old_house_Canon EOS 450D.jpg", shot(None, seed=1))
    put(tmp_path / "cup_a.jpg", shot(PHONE, seed=2))
    put(tmp_path / "cup_b.jpg", shot(CAMERA, seed=3))
    images, problems = read_pairs(tmp_path)
    assert problems == []
    assert sides(images) == [
        ("cup", "phone", "iPhone 12"),
        ("cup", "camera", "Canon EOS 450D"),
        ("old_house", "phone", None),
        ("old_house", "camera", "Canon EOS 450D"),
    ]
    assert images[3].make == "Canon"


def test_a_manifest(tmp_path: Path) -> None:
    put(tmp_path / "photos/1.jpg", shot(None))
    put(tmp_path / "photos/2.jpg", shot(None, seed=1))
    manifest = put(
        tmp_path / "pairs.csv", b"\xef\xbb\xbfsubject,file,side\r\nx,photos/1.jpg,Phone\r\nx,photos/2.jpg,camera\r\n"
    )
    images, problems = read_pairs(manifest)
    assert problems == []
    assert sides(images) == [("x", "phone", None), ("x", "camera", None)]
    assert [image.device_category for image in images] == ["unknown", "unknown"]


def published(folder: Path, columns: dict[str, list[object]]) -> str:
    folder.mkdir()
    features = datasets.Features(
        {"image": datasets.Image(), **{k: datasets.Value(kind(v)) for k, v in columns.items()}}
    )
    cells = [{"bytes": shot(None, seed=n), "path": None} for n in range(4)]
    rows = datasets.Dataset.from_dict({"image": cells, **columns}, features=features)
    rows.to_parquet(folder / "train-00000-of-00001.parquet")
    return str(folder)


def kind(values: list[object]) -> str:
    return "int64" if isinstance(values[0], int) else "string"


def test_a_published_data_set_and_its_quirk(tmp_path: Path) -> None:
    models: list[object] = ["XT1032", "Pixel 4", "u700,S700", "22101320G"]
    images, problems = read_pairs(published(tmp_path / "set", {"subject_idx": [7, 7, 12, 12], "model": models}))
    assert problems == []
    assert sides(images) == [
        ("7", "phone", "Pixel 4"),
        ("7", "camera", "XT1032"),
        ("12", "phone", "22101320G"),
        ("12", "camera", "u700,S700"),
    ]
    moto = images[1]
    assert (moto.device_category, moto.released, moto.make) == ("smartphone", 2013, "motorola")
    assert moto.read() == shot(None, seed=0)
    assert moto.path is None


def test_a_published_data_set_whose_model_is_a_number(tmp_path: Path) -> None:
    images, problems = read_pairs(published(tmp_path / "set", {"subject_idx": [1, 1, 2, 2], "model": [1, 0, 0, 1]}))
    assert problems == []
    assert [image.read() for image in images if image.side == "phone"] == [shot(None, seed=0), shot(None, seed=3)]


def test_a_data_set_without_the_columns(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no column model\."):
        read_pairs(published(tmp_path / "set", {"subject_idx": [1, 1, 2, 2]}))


def test_the_published_sides() -> None:
    cameras = read_cameras()
    sides = {camera.model: camera.side for camera in cameras.values() if camera.side}
    assert {model for model, side in sides.items() if side == "phone"} == {
        *("iPhone XR", "Pixel 4", "iPhone SE (3rd generation)", "22101320G", "iPhone 12", "iPhone 14 Pro", "A065"),
        "iPhone 12 Pro",
    }
    assert {model for model, side in sides.items() if side == "camera"} == {
        *("Canon IXY 630", "DSC-WX300", "C8080WZ", "EX-FH20", "Canon EOS 450D", "u700,S700", "COOLPIX S200", "XT1032")
    }
    released = {model: cameras[model_key(model)].released for model in sides}
    assert all(released[model] >= 2018 for model, side in sides.items() if side == "phone")
    assert all(released[model] <= 2014 for model, side in sides.items() if side == "camera")
    assert len(cameras) > 300


def test_a_table_of_ones_own_wins(tmp_path: Path) -> None:
    table = put(tmp_path / "mine.csv", b"make,model,released,side\nApple,iPhone 12,2021,camera\nKodak,Brownie,1935,\n")
    put(tmp_path / "s/x/a.jpg", shot(PHONE))
    put(tmp_path / "s/x/b.jpg", shot(("Google", "Pixel 4"), seed=1))
    images, problems = read_pairs(tmp_path / "s", table)
    assert problems == []
    assert [(image.side, image.released) for image in images] == [("phone", 2019), ("camera", 2021)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"make,model,released,side\na,b,12,\nc,d,2001,\ne,f,2001,left\n", "cannot be used: 2, 4"),
        (b"make,model,released,side\n", "no line"),
        (b"\xff\xfe\0", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_cameras(put(tmp_path / "mine.csv", content))
    with pytest.raises(UsageError, match="cannot be read"):
        read_cameras(tmp_path / "nowhere.csv")


def broken_source(root: Path) -> None:
    """A fault of each kind, and one good pair."""
    for name, device in (("a.jpg", PHONE), ("b.jpg", CAMERA)):
        put(root / "good" / name, shot(device, seed=len(name)))
    for n, device in enumerate((PHONE, CAMERA, MOTO)):
        put(root / f"three/{n}.jpg", shot(device, seed=n))
    put(root / "heic/a.heic", shot(PHONE, "HEIF")[:-200])
    put(root / "heic/b.jpg", shot(CAMERA))
    put(root / "same/a.jpg", shot(CAMERA, seed=1))
    put(root / "same/b.jpg", shot(CAMERA, seed=2))
    put(root / "side/a.jpg", shot(CAMERA, seed=3))
    put(root / "side/b.jpg", shot(MOTO, seed=4))
    put(root / "unknown/a.jpg", shot(None))
    put(root / "unknown/b.jpg", shot(PHONE))
    put(root / "raw/a.nef", b"II*\0 and more")
    put(root / "raw/b.jpg", shot(CAMERA))
    put(root / "text/a.jpg", b"no image")
    put(root / "text/b.jpg", shot(CAMERA)[:-30])
    put(root / "film/a.heic", shot(PHONE, "HEIF") + b"\0\0\0\x08moov")
    put(root / "film/b.jpg", shot(CAMERA))
    put(root / "lone/a.jpg", shot(PHONE))
    put(root / "loose.jpg", shot(PHONE))
    put(root / "deep/x/a.jpg", shot(PHONE))
    (root / "empty").mkdir()
    os.mkfifo(put(root / "pipe/b.jpg", shot(PHONE)).with_name("a.jpg"))


FOUND = [
    ("", "loose.jpg", "unplaced"),
    ("deep", "deep/x/a.jpg", "unplaced"),
    ("empty", "", "two_images"),
    ("film", "film/a.heic", "private"),
    ("heic", "heic/a.heic", "unreadable"),
    ("lone", "", "two_images"),
    ("pipe", "pipe/a.jpg", "no_such_file"),
    ("raw", "raw/a.nef", "unsupported"),
    ("same", "", "two_cameras"),
    ("side", "", "one_a_side"),
    ("text", "text/a.jpg", "unreadable"),
    ("text", "text/b.jpg", "unreadable"),
    ("three", "", "two_images"),
    ("unknown", "unknown/a.jpg", "side_unknown"),
]


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    broken_source(tmp_path)
    images, problems = read_pairs(tmp_path)
    reported = [(p.subject, p.file, p.rule) for p in problems]
    assert reported == FOUND
    assert {rule for _, _, rule in reported} | {"bad_manifest"} == set(FAULTS)
    assert [image.side for image in images if image.subject == "good"] == ["phone", "camera"]
    three = next(problem for problem in problems if problem.subject == "three")
    assert three.detail == "3 images: three/0.jpg, three/1.jpg, three/2.jpg"


def test_faults_of_a_manifest(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", shot(PHONE))
    lines = ["subject,file,side", "x,a.jpg,phone", "x,gone.jpg,camera", ",a.jpg,", "y,,phone", "z,a.jpg,left"]
    manifest = put(tmp_path / "pairs.csv", "\n".join(lines).encode())
    _, problems = read_pairs(manifest)
    assert [(p.subject, p.file, p.rule) for p in problems] == [
        ("", "a.jpg", "bad_manifest"),
        ("x", "gone.jpg", "no_such_file"),
        ("y", "", "bad_manifest"),
        ("z", "a.jpg", "bad_manifest"),
    ]
    assert problems[0].detail.startswith("line 4:")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"subject,side\n", "no column file"),
        ("a.csv", b"", "no column subject and no column file"),
        ("a.csv", b"subject,file\n\xff\n", "cannot be read"),
        ("a.csv", b"subject,file\n", "no image"),
        ("a.txt", b"", "no source"),
    ],
)
def test_what_is_no_source(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_pairs(put(tmp_path / name, content))


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for source, said in (
        (tmp_path / "empty", "no image"),
        (tmp_path / "gone.csv", "cannot be read"),
        ("x y", "no source"),
    ):
        with pytest.raises(UsageError, match=said):
            read_pairs(source)


def test_a_data_set_that_cannot_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FlickrExifError, match="nobody/nothing cannot be loaded"):
        read_pairs("nobody/nothing")


def test_the_table_of_problems_shows_strangers_texts_safely() -> None:
    problems = [Problem(subject="a\x1b[2J\nb", file="f" * 99, rule="unreadable", detail="x" * 500)]
    table = problem_table(problems)
    assert len(table.splitlines()) == 2
    assert table.isprintable() is False  # line ends only
    assert all(line.isprintable() and len(line) < 250 for line in table.splitlines())
    assert "a [2J b " in table
    error = BadPairs(problems)
    assert table in error.message
    assert error.problems == tuple(problems)


def test_rules_have_one_name_each() -> None:
    assert not FAULTS.keys() & FINDINGS.keys()
    assert all(sentence.endswith(".") for sentence in RULES.values())


def test_natural_order() -> None:
    assert sorted(["10", "9", "a10", "a9", "", "9b", "²"], key=natural_key) == ["", "9", "9b", "10", "a9", "a10", "²"]


def test_progress_counts_every_image(tmp_path: Path) -> None:
    broken_source(tmp_path)
    seen: list[tuple[int, int]] = []
    read_pairs(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n, len(seen)) for n in range(1, len(seen) + 1)]
    assert len(seen) == 22
