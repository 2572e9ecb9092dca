"""Simulated pairs: the same every time, one scene seen twice by devices of the protocol, marked as simulated."""

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from flickrexif.collectors.sandbox import pairs as simulation
from flickrexif.collectors.sandbox.pairs import pair_devices, simulate_pairs
from flickrexif.core.errors import UsageError
from flickrexif.paircams import protocol
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.protocol import model_key, read_cameras

SIDE = 256


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "pairs"
    simulate_pairs(folder, 12, seed=5, side=SIDE)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def small(path: Path) -> npt.NDArray[np.float64]:
    """The middle of a picture in 24 x 16 grey pixels of mean 0 and length 1."""
    with Image.open(path) as image:
        x, y = image.width // 2, image.height // 2
        grey = image.convert("L").crop((x - 96, y - 64, x + 96, y + 64)).resize((24, 16), Image.Resampling.BOX)
    values = np.asarray(grey, dtype=np.float64).ravel()
    values -= values.mean()
    return np.asarray(values / np.linalg.norm(values))


def test_two_files_a_subject(folder: Path) -> None:
    expected = {f"{n:04}/{side}.jpg" for n in range(12) for side in ("phone", "camera")} | {"SIMULATED.txt"}
    assert set(digests(folder)) == expected
    assert "SIMULATED" in (folder / "SIMULATED.txt").read_text()


def test_a_pair_depends_on_its_number_and_the_seed_alone(folder: Path, tmp_path: Path) -> None:
    files = simulate_pairs(tmp_path / "few", 2, seed=5, side=SIDE)
    assert [path.relative_to(tmp_path / "few").as_posix() for path in files] == [
        *("0000/phone.jpg", "0000/camera.jpg", "0001/phone.jpg", "0001/camera.jpg")
    ]
    few, many = digests(tmp_path / "few"), digests(folder)
    assert few.pop("SIMULATED.txt") != many["SIMULATED.txt"]
    assert few == {name: many[name] for name in few}
    simulate_pairs(tmp_path / "other", 1, seed=6, side=SIDE)
    assert not set(digests(tmp_path / "other").values()) & set(many.values())


def test_the_same_call_goes_on_and_another_does_not(folder: Path, tmp_path: Path) -> None:
    for pairs in (3, 3):
        simulate_pairs(tmp_path / "pairs", pairs, seed=5, side=SIDE)
        written = digests(tmp_path / "pairs")
        (tmp_path / "pairs/0001/camera.jpg").unlink()
    assert written == {name: digest for name, digest in digests(folder).items() if name[:4] < "0003"} | {
        "SIMULATED.txt": written["SIMULATED.txt"]
    }
    with pytest.raises(UsageError, match="not empty"):
        simulate_pairs(tmp_path / "pairs", 4, seed=5, side=SIDE)


def test_each_image_is_most_like_its_partner(folder: Path) -> None:
    phones, cameras = (
        np.stack([small(folder / f"{n:04}/{side}.jpg") for n in range(12)]) for side in ("phone", "camera")
    )
    likeness = phones @ cameras.T
    assert (likeness.argmax(axis=1) == np.arange(12)).all()
    assert (likeness.argmax(axis=0) == np.arange(12)).all()
    assert likeness.diagonal().min() > 0.5
    assert likeness.diagonal().max() < 0.9999  # seen twice, not copied


def test_the_exif_keeps_the_protocol_and_says_simulated(folder: Path) -> None:
    exiftool_tags = json.loads(
        subprocess.run(["exiftool", "-j", "-r", str(folder)], capture_output=True, check=True).stdout
    )
    images = [tags for tags in exiftool_tags if tags["FileType"] == "JPEG"]
    assert len(images) == 24
    required = {"WhiteBalance": "Auto", "ExposureMode": "Auto", "ExposureProgram": "Program AE"}
    for tags in images:
        assert {name: tags[name] for name in required} == required
        assert "Did not fire" in tags["Flash"]
        assert tags["Software"] == "flickrexif simulated camera"
        assert "Warning" not in tags
    assert len({tags["Model"] for tags in images}) > 6


def test_cameras_are_those_of_the_protocol() -> None:
    cameras = read_cameras()
    for seed in range(20):
        sides = pair_devices(seed)
        assert [len(devices) for devices in sides.values()] == [8, 8]
        for device in sides["phone"]:
            assert cameras[model_key(device.model)].released == device.year >= protocol.PHONES_FROM
        for device in sides["camera"]:
            assert cameras[model_key(device.model)].released == device.year <= protocol.CAMERAS_UNTIL


def test_they_are_read_as_pairs_without_a_fault(folder: Path) -> None:
    images, problems = read_pairs(folder)
    assert problems == []
    assert [(image.subject, image.side) for image in images] == [
        (f"{n:04}", side) for n in range(12) for side in ("phone", "camera")
    ]
    assert all(image.path and image.path.stem == image.side for image in images)
    assert {max(image.width, image.height) for image in images} == {SIDE}


def test_both_packages_mean_the_same() -> None:
    """The collectors may not import paircams, nor the other way round."""
    assert (simulation.PHONES_FROM, simulation.CAMERAS_UNTIL) == (protocol.PHONES_FROM, protocol.CAMERAS_UNTIL)


def test_progress(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    simulate_pairs(tmp_path / "new", 2, side=64, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_what_cannot_be_simulated(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match="not empty"):
        simulate_pairs(tmp_path, 1)
    with pytest.raises(UsageError, match="not empty"):
        simulate_pairs(tmp_path / "photo.jpg", 1)
    for pairs, side in ((0, 640), (1, 63), (1, 1_601)):
        with pytest.raises(UsageError, match="nothing to simulate"):
            simulate_pairs(tmp_path / "new", pairs, side=side)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]
