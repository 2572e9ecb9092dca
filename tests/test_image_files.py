"""Every image file gets a row, whatever it is called; what is no image is counted and said, by every command."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import piexif
import pyarrow.parquet as pq

import flickrexif
from flickrexif.core.image_files import RAW, files, is_image
from flickrexif.eval.data.folders import image_folders
from flickrexif.processing.sources import open_source
from tests.drawn import file, photograph
from tests.samples import DATA

NAMES = DATA / "pixels/names"
EXIF = piexif.dump({"0th": {piexif.ImageIFD.Make: b"Canon", piexif.ImageIFD.Model: b"EOS 6D"}, "Exif": {33437: (4, 1)}})
ODD_NAMES = ("noextension", "photo.jpg.jpg_large", "photo.mpo", "PHOTO.JFIF", "jpeg.png")
OTHERS = {"notes.txt": b"notes", "film.mp4": b"\0\0\0\x18ftypmp42", "README": b"text", "a.xmp": b"<x:xmpmeta/>"}
SAID = "passed over are 1 x .mp4, 1 x .txt, 1 x .xmp, 1 x hidden file, 1 x other file."


def folder_of_all(root: Path) -> set[str]:
    """A file of every kind of image and name, with files that are none; returns the images' names."""
    root.mkdir(parents=True)
    jpeg = file(photograph(24, 16), "JPEG", exif=EXIF)
    images = {path.name: path.read_bytes() for path in NAMES.iterdir()}
    images |= dict.fromkeys(ODD_NAMES, jpeg)
    for kind in ("PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000", "HEIF"):
        ending = {"JPEG2000": "j2k", "HEIF": "heic", "PPM": "pnm"}.get(kind, kind.lower())
        images[f"a.{ending}"] = file(photograph(64, 64), kind)
        if kind not in ("BMP", "PPM"):  # which begin with two letters
            images[f"called-{kind}.bin"] = images[f"a.{ending}"]
    for name, content in (images | OTHERS | {".hidden.jpg": jpeg}).items():
        (root / name).write_bytes(content)
    return set(images)


def test_label_has_a_row_for_every_image(run: Any, tmp_path: Path) -> None:
    images = folder_of_all(tmp_path / "photos")
    _, _, said = run("label", tmp_path / "photos", "--out", tmp_path / "out")
    rows = pq.read_table(tmp_path / "out/labels").to_pylist()
    assert {row["path"] for row in rows} == images
    assert {row["reason"] for row in rows} <= {None, "no_exif", "no_exposure_setting", "no_make_or_model"}
    assert all(row["width"] for row in rows)
    assert {row["make"] for row in rows if row["path"] in ODD_NAMES} == {"Canon"}
    assert SAID in said


def test_process_and_eval_take_the_same_images(run: Any, tmp_path: Path) -> None:
    images = folder_of_all(tmp_path / "pets/cat")
    source = open_source(str(tmp_path / "pets"))
    (of_eval,) = image_folders("pets", tmp_path / "pets")
    assert list(source.ids) == list(of_eval.ids) == sorted(f"cat/{name}" for name in images)
    assert source.passed_over == of_eval.passed_over
    _, _, said = run(
        "process", tmp_path / "pets", "--variant", "jpeg75_420", "--out", tmp_path / "out", "--workers", "1"
    )
    assert SAID in said
    assert pq.read_table(list((tmp_path / "out/jpeg75_420").glob("*.parquet"))).num_rows == len(images)


def test_what_lies_beside_the_splits_is_counted_once(run: Any, tmp_path: Path) -> None:
    root, jpeg = tmp_path / "pets", file(photograph(24, 16), "JPEG")
    inside = ("train/cat/a.jpg", "train/cat/a.txt", "train/b.jpg", "val/cat/c.jpg")
    for name in (*inside, "d.jpg", "notes.txt", "spare/e.jpg", "spare/e.xmp"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(jpeg if name.endswith("jpg") else b"text")
    expected = {".txt": 2, ".xmp": 1, "image outside of the classes": 1, "image outside of the splits": 2}
    report = flickrexif.process(root, variant="identity", out=tmp_path / "out", data_dir=tmp_path, workers=1)
    assert report.passed_over == expected
    assert sum((Counter(source.passed_over) for source in image_folders("pets", root)), Counter()) == expected
    assert [part.rows for part in report.parts] == [1, 1]


def test_pairs_name_the_images_and_say_what_is_none(run: Any, tmp_path: Path) -> None:
    folder_of_all(tmp_path / "pairs/1")
    _, _, said = run("pairs", "check", tmp_path / "pairs", "--json")
    assert SAID in said


def test_raw_files_are_counted_and_not_taken_for_their_previews(tmp_path: Path) -> None:
    tiff = file(photograph(16, 16), "TIFF")
    for ending in RAW:
        (tmp_path / f"photo{ending}").write_bytes(tiff)
    assert dict(files(tmp_path)) == {f"photo{ending}": ending for ending in RAW}


def test_a_pipe_without_an_ending_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not is_image(str(tmp_path / "pipe"))


def test_links_that_lead_back_and_hidden_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("a/b", ".hidden", "other"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "p.jpg").write_bytes(b"x")
    (tmp_path / "a/b/back").symlink_to(tmp_path / "a")
    (tmp_path / "a/linked").symlink_to(tmp_path / "other")
    assert [path for path, _ in files(tmp_path)] == ["a/b/p.jpg", "a/linked/p.jpg", "other/p.jpg"]
    assert [path for path, _ in files(tmp_path, links=False)] == ["a/b/p.jpg", "other/p.jpg"]
    assert [path for path, _ in files(tmp_path, without=[tmp_path / "other"])] == ["a/b/p.jpg", "a/linked/p.jpg"]
