"""`label`, `splits` and `audit-splits` on the command line."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from flickrexif.exif import label
from flickrexif.exif.labels import Labels
from tests.samples import LEAKS, SPLIT_FILES


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """A labels table of 60 photographers with 10 photos each, half of them phones."""
    rows = []
    for n in range(600):
        phone = n % 20 < 10
        tags = {"Make": "Apple", "Model": "iPhone 12"} if phone else {"Make": "Canon", "Model": "Canon EOS 450D"}
        made: Labels = label({**tags, "ExposureTime": "1/125" if n % 3 else "1/60"})
        rows.append({"Flickr ID": n, "owner": f"owner {n // 10}"} | {k: getattr(made, k) for k in made.__slots__})
    folder = tmp_path / "flickrexif/labels"
    folder.mkdir(parents=True)
    pd.DataFrame(rows).astype({"iso": "Int32", "flash": "boolean", "year": "Int16"}).to_parquet(folder / "a.parquet")
    return folder


def test_the_line_that_is_printed_loads_a_folder_of_any_name(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    photos = tmp_path / "[2024] photos"
    photos.mkdir()
    Image.new("RGB", (8, 8)).save(photos / "one.jpg")
    code, out, _ = run("label", photos, "--out", tmp_path / "[mine] 'x'" / "data")
    assert code == 0
    names: dict[str, Any] = {}
    line = out.splitlines()[-1].removeprefix("Load them: ")
    exec(line.replace("; load_dataset(", "; loaded = load_dataset("), names)
    assert names["loaded"]["train"].num_rows == 1


def test_label_makes_a_data_set_of_a_folder(run: Any, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "SONY", "DSC-RX100"
    exif.get_ifd(0x8769)[0x829A] = 1 / 250
    Image.new("RGB", (8, 8)).save(photos / "one.jpg", exif=exif)
    (photos / "two.jpg").write_bytes(b"no image")
    code, out, _ = run("label", photos, "--out", tmp_path / "mine")
    assert code == 0
    assert "2 photos labelled" in out
    made = pd.read_parquet(tmp_path / "mine/labels").set_index("path")
    assert made.loc["one.jpg", ["make", "device_category", "exposure_class"]].tolist() == ["Sony", "compact", "1/250"]
    assert made.loc["two.jpg", "reason"]


def test_splits_then_their_audit(run: Any, labels: Path, tmp_path: Path) -> None:
    options = ("--protocol", "proportional", "--attribute", "Exposure", "--attribute", "Is Smartphone")
    code, out, err = run("splits", *options, "--data-dir", tmp_path)
    assert (code, out.strip()) == (0, f"2 splits in {tmp_path / 'flickrexif/splits'}")
    assert "Exposure: 2 classes" in err
    made = json.loads((tmp_path / "flickrexif/splits/split_data_target_attribute=Is Smartphone.json").read_text())
    assert made["label_encoder_classes"] == ["False", "True"]
    owners = [{photo // 10 for photo in made[f"{split}_ids"]} for split in ("train", "val", "test")]
    assert len(set.union(*owners)) == sum(map(len, owners))
    code, out, _ = run("audit-splits", tmp_path / "flickrexif/splits", "--labels", labels)
    assert code == 0
    assert "0 findings in 2 split files" in out


def test_too_few_photos_for_the_paper_s_protocol(run: Any, labels: Path, tmp_path: Path) -> None:
    code, out, err = run("splits", "--data-dir", tmp_path, "--attribute", "Make")
    assert (code, out) == (1, "")
    assert "5,000" in err
    assert "--protocol proportional" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["splits", "--attribute", "Colour", "--data-dir", "."], "'Colour' is no attribute"),
        (["splits", "--data-dir", "nowhere"], "holds no labels table"),
        (["audit-splits", "nowhere"], "nowhere holds no split files"),
        (["label", "nowhere", "--out", "x"], "There is no folder nowhere"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert code in (1, 2)
    assert out == ""
    assert sentence in err
    assert "Traceback" not in err


@pytest.mark.parametrize("folder", SPLIT_FILES)
def test_split_files_have_their_known_faults_and_no_other(run: Any, folder: Path) -> None:
    in_train, in_val, of_scanner = LEAKS[folder.name]
    code, out, _ = run("audit-splits", folder, "--json")
    assert code == 0
    found = [(a["target_attribute"], f["kind"], f["count"]) for a in json.loads(out) for f in a["findings"]]
    assert found == [
        ("Model", "photo in two splits", in_train),
        ("Model", "photo in two splits", in_val),
        ("Model", "not a camera exposure", of_scanner),
    ]
