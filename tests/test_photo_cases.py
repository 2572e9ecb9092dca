"""Photos as public reports describe them (tests/data/cases): read as exiftool reads them, with the right numbers."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image

from flickrexif.collectors.folder import photos
from flickrexif.collectors.owners import RULES
from flickrexif.core.pictures import MAX_PIXELS, png_chunk
from flickrexif.exif.files import read_photo
from tests.samples import DATA
from tests.test_files import exif_only, exiftool

CASES = DATA / "cases"
FILES = sorted(path for path in CASES.rglob("*") if path.is_file())
CAMERA = ("NIKON CORPORATION", "NIKON D750")
NUMBERS = {"ExposureTime": Fraction(1, 125), "FNumber": Fraction(28, 5), "FocalLength": Fraction(50), "ISO": 400}


def test_every_case_is_read_as_exiftool_reads_it() -> None:
    read = {path: dict(read_photo(path).tags) for path in FILES}
    assert len(read) > 60
    assert read == exif_only(FILES)
    others = {path for path, tags in read.items() if (tags.get("Make"), tags.get("Model")) != CAMERA}
    assert {path.relative_to(CASES).as_posix() for path in others} == {
        "L09-segments/second-is-another.jpg",  # of two blocks the second
        "L13-types/byte-make.jpg",  # a maker in numbers
        "L17-cut/cut.heic",  # the file ends before its Exif
        "L18-size/portrait.heic",  # an iPhone
        "L18-size/portrait.jpg",
        "L18-size/portrait.tif",
        "L20-bigtiff/big-endian.tif",  # a Canon
        "L20-bigtiff/little-endian.tif",
        "L21-pass/count-too-high.jpg",
        "L22-pantry/ingredient-only.jpg",
    }


def test_size_and_orientation_are_the_stored_ones_of_every_format() -> None:
    said = exiftool(FILES, "-ImageWidth", "-ImageHeight", "-IFD0:Orientation#")
    for path, theirs in said.items():
        photo = read_photo(path)
        assert (photo.width, photo.height) == (int(theirs["ImageWidth"]), int(theirs["ImageHeight"])), path
        assert photo.orientation == int(theirs.get("Orientation", 1)), path


def test_a_panorama_has_its_row() -> None:
    """Pillow refuses its header, and the whole run ended."""
    (photo,) = photos(CASES / "L01-large", RULES["top"])
    assert (photo.width, photo.height, photo.reason) == (20_992, 10_496, None)
    assert photo.width * photo.height > MAX_PIXELS
    with pytest.raises(Image.DecompressionBombError):
        Image.open(photo.file)


def test_numbers_are_the_rationals_of_the_file() -> None:
    for name in (
        "L00-control/plain.jpg",
        "L03-profile/app1.png",
        "L04-badoffset/exif-first.jpg",
        "L05-xmp/li-spaces.jpg",
    ):
        assert read_photo(CASES / name).numbers == NUMBERS


@pytest.mark.parametrize(
    ("name", "number", "text"),
    [
        ("rei-102400.jpg", 102_400, "65535"),
        ("speed-65535.jpg", 204_800, "65535"),
        ("sos-only.jpg", 3_200, None),
    ],
)
def test_an_iso_above_65534_comes_from_what_it_stands_for(name: str, number: int, text: str | None) -> None:
    photo = read_photo(CASES / "L06-iso" / name)
    assert (photo.numbers["ISO"], photo.tags.get("ISO")) == (number, text)


READ = """
import sys
from pathlib import Path
from flickrexif.exif.files import read_photo
def read():
    return int(Path("/proc/self/io").read_text().split()[1])
read_photo(Path(sys.argv[1]))
before = read()
read_photo(Path(sys.argv[2]))
print(read() - before)
"""


def test_only_the_bytes_that_hold_metadata_are_read(tmp_path: Path) -> None:
    """Of photos of 40 MB; the system counts what is read."""
    padding = bytes(40_000_000)
    jpeg = (CASES / "L00-control/plain.jpg").read_bytes()
    (tmp_path / "large.jpg").write_bytes(jpeg[:-2] + padding + jpeg[-2:])
    png = (CASES / "L17-cut/exif-after.png").read_bytes()
    (tmp_path / "large.png").write_bytes(png[:33] + png_chunk(b"IDAT", padding) + png[33:])
    for path in tmp_path.iterdir():
        command = [sys.executable, "-c", READ, CASES / "L00-control/plain.jpg", path]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert int(done.stdout) < 20_000, path
