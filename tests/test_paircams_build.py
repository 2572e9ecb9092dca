"""Pairs to a data set: the columns, the bytes, loading by name, and nothing half-written."""

import hashlib
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import datasets
import piexif
import pyarrow.parquet as pq
import pytest
from PIL import Image

import flickrexif
from flickrexif.cards import write_card
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.core import parquet
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.paircams import build
from flickrexif.paircams.build import STAGING, build_pairs, subject_numbers, write_pairs
from flickrexif.paircams.columns import COLUMNS
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.plan import PAIRS, Shots, cameras_of, plan, planned_side
from flickrexif.paircams.protocol import SETTINGS, Camera, read_cameras
from flickrexif.paircams.records import BadPairs, PairImage, Problem
from tests.folders import contents
from tests.test_pairing import CAMERA, MOTO, PHONE, broken_source, put, shot
from tests.test_scrub import SECRET, exif_block, exiftool, pixels, private

pytestmark = pytest.mark.usefixtures("offline")

ROOT = Path(__file__).parents[1]
FINDING = Problem(subject="1", file="", rule="framing", detail="planted")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "pairs"
    simulate_pairs(folder, 4, seed=1, side=320)
    return folder


def secret_photo(device: tuple[str, str]) -> bytes:
    file = io.BytesIO()
    named = {"0th": {piexif.ImageIFD.Make: device[0].encode(), piexif.ImageIFD.Model: device[1].encode()}}
    Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 30).save(file, "JPEG", exif=exif_block(**named), comment=SECRET)
    return file.getvalue() + SECRET


def read(source: Path) -> list[PairImage]:
    images, problems = read_pairs(source)
    assert problems == []
    return images


def write(images: Sequence[PairImage], out: Path, findings: Sequence[Problem] = ()) -> build.PairsReport:
    return write_pairs(images, findings, out)


def test_rows_and_columns(tmp_path: Path) -> None:
    put(tmp_path / "s/1/a.jpg", shot(PHONE, seed=1))
    put(tmp_path / "s/1/b.png", shot(MOTO, "PNG", seed=2))
    report = write(read(tmp_path / "s"), tmp_path / "paircams")
    assert (report.pairs, report.simulated, report.findings) == (1, 0, ())
    loaded = datasets.load_dataset(str(tmp_path / "paircams"), split="train")
    assert loaded.column_names == [column.name for column in COLUMNS]
    phone, moto = loaded.cast_column("image", datasets.Image(decode=False))
    assert phone["image"]["bytes"][:2] == b"\xff\xd8"
    assert pixels(phone["image"]["bytes"]) == pixels(shot(PHONE, seed=1))
    stored = phone.pop("image")["bytes"]
    assert phone == {
        "subject_idx": 1,
        "model": "iPhone 12",
        "side": "phone",
        "device_category": "smartphone",
        "make": "Apple",
        "released": 2020,
        "flash": False,
        "white_balance": "Auto",
        "exposure_mode": "Auto",
        "exposure_program": "Program AE",
        "taken": datetime(2024, 6, 1, 12),
        "width": 40,
        "height": 30,
        "sha256": hashlib.sha256(stored).hexdigest(),
        "simulated": False,
    }
    assert (moto["side"], moto["device_category"], moto["released"]) == ("camera", "smartphone", 2013)
    assert loaded[1]["image"].size == (40, 30)


def test_simulated_pairs_from_source_to_loading_by_name(simulated: Path, tmp_path: Path) -> None:
    report = build_pairs(simulated, tmp_path / "paircams")
    assert (report.pairs, report.simulated, report.findings) == (4, 8, ())
    write_card(tmp_path / "paircams")
    assert json.loads((tmp_path / "paircams/pairs.json").read_text())["simulated_images"] == 8
    pairs = flickrexif.load_dataset("paircams", data_dir=tmp_path, split="train")
    assert pairs["subject_idx"][:] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert pairs["side"][:] == ["phone", "camera"] * 4
    assert all(pairs["simulated"][:])


def test_the_same_pairs_give_the_same_bytes_by_any_way(simulated: Path, tmp_path: Path) -> None:
    write(read(simulated), tmp_path / "one")
    write(read(tmp_path / "one"), tmp_path / "two")  # a built data set is a source too
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "one").rglob("*") if path.is_file()}
    again = write(read(simulated), tmp_path / "one")
    assert (again.written, len(again.unchanged)) == ((), 2)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_checkout_opens_it_by_name_and_never_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "checkout/paircams"
    package.mkdir(parents=True)
    (package / "README.md").write_bytes((ROOT / "paircams/README.md").read_bytes())
    (package / ".huggingface.yaml").symlink_to((ROOT / "paircams/.huggingface.yaml").readlink())
    monkeypatch.chdir(tmp_path / "checkout")
    for seed in (1, 2):
        put(tmp_path / "s/1/a.jpg", shot(PHONE, seed=seed))
        put(tmp_path / "s/1/b.jpg", shot(CAMERA, seed=9))
        write(read(tmp_path / "s"), tmp_path / "checkout/data/paircams")
        write_card(tmp_path / "checkout/data/paircams")
        for load in (datasets.load_dataset, flickrexif.load_dataset):
            stored = load("paircams", split="train").cast_column("image", datasets.Image(decode=False))[0]["image"]
            assert pixels(stored["bytes"]) == pixels(shot(PHONE, seed=seed))


def test_nothing_private_in_any_stored_byte(tmp_path: Path) -> None:
    for subject in ("Jane's home", "x"):
        put(tmp_path / f"s/{subject}/SECRET-4711.jpg", secret_photo(PHONE))
        put(tmp_path / f"s/{subject}/b.jpg", secret_photo(CAMERA))
    write(read(tmp_path / "s"), tmp_path / "out")
    written = contents(tmp_path / "out")
    assert set(written) == {"data/train-00000.parquet", "pairs.json"}
    for content in written.values():
        assert SECRET not in content
        assert b"Jane" not in content
        assert str(tmp_path).encode() not in content
    for n, row in enumerate(pq.read_table(tmp_path / "out/data/train-00000.parquet")["image"].to_pylist()):
        put(tmp_path / f"stored/{n}.jpg", row["bytes"])
    tags = exiftool(tmp_path / "stored")
    assert [private(file_tags) for file_tags in tags] == [[]] * 4
    assert {file_tags["EXIF:IFD0:Model"] for file_tags in tags} == {PHONE[1], CAMERA[1]}


def test_a_source_with_faults_writes_nothing(tmp_path: Path) -> None:
    broken_source(tmp_path / "s")
    with pytest.raises(BadPairs) as caught:
        build_pairs(tmp_path / "s", tmp_path / "out")
    assert len(caught.value.problems) == 14
    for problem in caught.value.problems:
        assert problem.rule in caught.value.message
    assert not (tmp_path / "out").exists()


def test_findings_are_errors_where_that_is_asked_for(simulated: Path, tmp_path: Path) -> None:
    source = tmp_path / "s"
    for flash, name in enumerate(("phone.jpg", "camera.jpg")):
        path = put(source / "1" / name, (simulated / "0000" / name).read_bytes())
        tags = piexif.load(str(path))
        tags["Exif"][piexif.ExifIFD.Flash] = flash  # the camera's fired
        piexif.insert(piexif.dump(tags), str(path))
    with pytest.raises(BadPairs, match="break the protocol") as caught:
        build_pairs(source, tmp_path / "out", strict=True)
    assert [problem.rule for problem in caught.value.problems] == ["flash"]
    assert not (tmp_path / "out").exists()
    report = build_pairs(source, tmp_path / "out")
    assert [problem.rule for problem in report.findings] == ["flash"]
    assert json.loads((tmp_path / "out/pairs.json").read_text())["findings"] == {"flash": 1}


def test_a_file_that_changes_leaves_the_old_data_set(tmp_path: Path) -> None:
    put(tmp_path / "s/1/a.jpg", shot(PHONE, seed=1))
    put(tmp_path / "s/1/b.jpg", shot(CAMERA, seed=2))
    images = read(tmp_path / "s")
    write(images, tmp_path / "out")
    before = contents(tmp_path / "out")
    put(tmp_path / "s/1/b.jpg", shot(CAMERA, seed=3))
    with pytest.raises(FlickrExifError, match="changed while"):
        write(images, tmp_path / "out")
    assert contents(tmp_path / "out") == before


def test_shards_and_their_leftovers(simulated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = read(simulated)
    monkeypatch.setattr(parquet, "BATCH_BYTES", 1)
    monkeypatch.setattr(build, "SHARD_BYTES", 3 * max(len(image.read()) for image in images))
    report = write(images, tmp_path / "out")
    names = [path.name for path in report.written if path.suffix == ".parquet"]
    assert names == [f"train-{n:05}.parquet" for n in range(len(names))]
    assert len(names) in (2, 3)
    loaded = datasets.load_dataset(str(tmp_path / "out"), split="train")
    assert loaded["subject_idx"][:] == [0, 0, 1, 1, 2, 2, 3, 3]
    put(tmp_path / "out" / STAGING / "train-00009.parquet", b"of a killed run")
    report = write(images[:2], tmp_path / "out")
    assert [path.name for path in report.removed] == names[1:]
    assert sorted(path.name for path in (tmp_path / "out/data").iterdir()) == names[:1]
    assert not (tmp_path / "out" / STAGING).exists()


def test_folders_that_hold_something_else(simulated: Path, tmp_path: Path) -> None:
    put(tmp_path / "photos/mine.jpg", b"mine")
    for out, said in (
        (tmp_path / "photos", "something else"),
        (tmp_path / "photos/mine.jpg", "no folder"),
        (simulated / "out", "in the source"),
        (simulated, "in the source"),
    ):
        with pytest.raises(UsageError, match=said):
            build_pairs(simulated, out)
    assert contents(tmp_path / "photos") == {"mine.jpg": b"mine"}


def test_subject_numbers() -> None:
    assert subject_numbers(["7", "7", "12"]) == {"7": 7, "12": 12}
    assert subject_numbers(["7", "07"]) == {"7": 0, "07": 1}
    assert subject_numbers(["cup", "7", "cup"]) == {"cup": 0, "7": 1}
    assert subject_numbers(["²"]) == {"²": 0}


def test_the_commands_need_no_heavy_package() -> None:
    code = "import sys, flickrexif.paircams.pairing, flickrexif.paircams.plan, flickrexif.collectors.sandbox.pairs\n"
    code += "print(sorted({'numpy', 'PIL', 'pyarrow', 'datasets', 'cv2', 'pillow_heif'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


# --- the shot list


def test_the_plan_spreads_what_is_missing(tmp_path: Path) -> None:
    put(tmp_path / "1/a.jpg", shot(PHONE, seed=1))
    put(tmp_path / "1/b.jpg", shot(CAMERA, seed=2))
    put(tmp_path / "half/a.jpg", shot(PHONE, seed=3))
    images, _ = read_pairs(tmp_path)
    table = read_cameras()
    mine = [*cameras_of(images, table.values()), Camera(make="Google", model="Pixel 8", released=2023)]
    assert plan(images, mine, pairs=5) == [
        Shots(side="camera", model="", subject="half", have=0, missing=1),
        Shots(side="phone", model="iPhone 12", subject="", have=2, missing=1),
        Shots(side="phone", model="Pixel 8", subject="", have=0, missing=2),
        Shots(side="camera", model="Canon EOS 450D", subject="", have=1, missing=4),
    ]


def test_a_plan_for_ones_own_two_cameras(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    """Names without the maker's count too; the sheet to print has a row a pair, and a box for each side."""
    for subject, shots in (("tree", (PHONE, CAMERA)), ("<door>", (PHONE,))):
        for name, device in zip("ab", shots, strict=False):
            put(tmp_path / "pairs" / subject / f"{name}.jpg", shot(device, seed=len(subject)))
    (tmp_path / "pairs/tree/broken.jpg").write_bytes(b"no image")
    command = ("pairs", "plan", tmp_path / "pairs", "--phone", "iPhone 12", "--camera", "EOS 450D", "--pairs", 5)
    code, out, err = run(*command, "--page", tmp_path / "sheet", "--data-dir", tmp_path / "data")
    assert code == 0
    assert out.count(SETTINGS) == 1
    assert re.findall(r"(phone|camera) +(\S+ \S+)? +(<door>)? +(\d+) +(\d+)", out) == [
        ("camera", "", "<door>", "0", "1"),
        ("phone", "iPhone 12", "", "2", "3"),
        ("camera", "EOS 450D", "", "1", "4"),
    ]
    assert f"1 files do not count, as `flickrexif pairs check {tmp_path / 'pairs'}` tells" in err
    page = (tmp_path / "sheet/shot-list.html").read_text("utf-8")
    rows = re.findall(r"<tr><td>(\d)</td><td>(.*?)</td><td[^>]*>(.)</td><td[^>]*>(.)</td></tr>", page)
    assert rows == [
        ("1", "&lt;door&gt;", "☑", "☐"),
        ("2", "tree", "☑", "☑"),
        *((str(number), "", "☐", "☐") for number in range(3, 6)),
    ]
    assert page.count(SETTINGS) == 1
    assert "1 of 5 pairs are complete" in page


def test_the_plan_of_a_new_collection_is_the_published_one() -> None:
    rows = plan([], cameras_of([], read_cameras().values()))
    assert len(rows) == 16
    for side in ("phone", "camera"):
        missing = [row.missing for row in rows if row.side == side]
        assert sum(missing) == PAIRS
        assert max(missing) - min(missing) <= 1


def test_cameras_between_the_years_are_passed_over() -> None:
    assert planned_side(Camera(make="Apple", model="iPhone X", released=2017)) is None
    assert planned_side(Camera(make="motorola", model="XT1032", released=2013, side="camera")) == "camera"
