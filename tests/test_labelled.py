"""Simulated photos with class labels: the same every time, no pixel in both splits, marked wherever they go."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import flickrexif
from flickrexif.collectors.sandbox import labelled
from flickrexif.collectors.sandbox.labelled import simulate_photos
from flickrexif.collectors.sandbox.scenes import photographs
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.formats import open_images
from tests.folders import hashes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled") / "photos"
    simulate_photos(folder, train=3, val=2, seed=5)
    return folder


def test_class_folders_in_two_splits(folder: Path) -> None:
    counts = {"train": 3, "val": 2}
    expected = {
        f"{split}/{name}/{split}-{n:03}.jpg" for split, c in counts.items() for name in photographs() for n in range(c)
    }
    assert set(hashes(folder)) == expected | {"SIMULATED.txt"}
    assert len(photographs()) == 19


def test_a_photo_depends_on_its_name_and_the_seed_alone(folder: Path, tmp_path: Path) -> None:
    simulate_photos(tmp_path / "few", train=1, val=1, seed=5)
    few, many = hashes(tmp_path / "few"), hashes(folder)
    assert few.pop("SIMULATED.txt") != many["SIMULATED.txt"]
    assert few == {name: many[name] for name in few}
    simulate_photos(tmp_path / "other", train=1, val=1, seed=6)
    assert not set(hashes(tmp_path / "other").values()) & set(many.values())
    assert len(set(many.values())) == len(many)


def test_no_pixel_is_in_both_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of photographs whose one diagonal is bright and whose other is dark, each split shows only one."""
    quarters = np.kron([[230, 25], [25, 230]], np.ones((201, 301))).astype(np.uint8)
    chequered = {name: Image.fromarray(quarters).convert("RGB") for name in "abc"}
    monkeypatch.setattr(labelled, "photographs", lambda: chequered)
    labelled._quarters.cache_clear()
    try:
        simulate_photos(tmp_path / "photos", train=6, val=6)
    finally:
        labelled._quarters.cache_clear()
    levels: dict[str, list[float]] = {"train": [], "val": []}
    for path in (tmp_path / "photos").rglob("*.jpg"):
        with Image.open(path) as image:  # averaged over grain, texture and overshoot
            small = np.asarray(image.convert("L").resize((12, 9), Image.Resampling.BOX))
        levels[path.parts[-3]] += [small.min(), small.max()]
    assert min(levels["train"]) > max(levels["val"]) + 60


def test_photos_of_a_class_differ(folder: Path) -> None:
    for name in photographs():
        small = set()
        for path in (folder / "train" / name).iterdir():
            with Image.open(path) as image:
                assert image.size == (268, 201)
                small.add(image.convert("RGB").resize((8, 6)).tobytes())
        assert len(small) == 3


def test_every_file_says_that_it_is_simulated(folder: Path) -> None:
    done = subprocess.run(["exiftool", "-j", "-r", "-Software", "-Model", folder], capture_output=True, check=True)
    tags = [row for row in json.loads(done.stdout) if row["SourceFile"].endswith(".jpg")]
    assert {row["Software"] for row in tags} == {"flickrexif simulated camera"}
    assert len({row["Model"] for row in tags}) > 20
    assert "SIMULATED" in (folder / "SIMULATED.txt").read_text()


def test_they_are_read_with_their_classes_and_as_simulated(folder: Path) -> None:
    sources = {source.split: source for source in open_images(str(folder))}
    assert {split: len(source) for split, source in sources.items()} == {"train": 57, "val": 38}
    assert not set(sources["train"].ids) & set(sources["val"].ids)  # draws and `control:random` go by the id
    for source in sources.values():
        assert source.class_names == tuple(sorted(photographs()))
        assert [source.class_names[label] for label in source.columns["label"]] == [
            image_id.partition("/")[0] for image_id in source.ids
        ]
        assert source.origin == "simulated"


def test_what_is_made_of_them_is_simulated(tmp_path: Path) -> None:
    """Through the commands: photos, their variants, the page that shows these."""
    data = tmp_path / "data"
    photos = data / "simulated-photos"
    files = flickrexif.simulate(photos, train=2, val=1, data_dir=data)
    assert sorted(files) == sorted(photos.rglob("*.jpg"))
    flickrexif.process(photos, out=data / "traces", parameter="resizing", workers=1, data_dir=data)
    assert {source.origin for source in open_images(str(data / "traces"))} == {"simulated"}
    page = flickrexif.browse(data / "traces", out=tmp_path / "pages")
    assert "SIMULATED DATA" in page.index.read_text()


def test_the_same_call_goes_on_and_another_does_not(folder: Path, tmp_path: Path) -> None:
    simulate_photos(tmp_path / "photos", train=3, val=2, seed=5)
    for path in (tmp_path / "photos").glob("*/c*/*-001.jpg"):
        path.unlink()
    simulate_photos(tmp_path / "photos", train=3, val=2, seed=5)
    assert hashes(tmp_path / "photos") == hashes(folder)
    for train, val, seed in ((2, 2, 5), (3, 1, 5), (3, 2, 6)):
        with pytest.raises(UsageError, match="not empty"):
            simulate_photos(tmp_path / "photos", train, val, seed)


def test_what_cannot_be_simulated(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match="not empty"):
        simulate_photos(tmp_path, 1, 1)
    for train, val in ((0, 1), (1, 0)):
        with pytest.raises(UsageError, match="nothing to simulate"):
            simulate_photos(tmp_path / "new", train, val)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
