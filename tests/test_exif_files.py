"""2,100 files of every container, byte order, carrier, type and fault: each field as ExifTool reads it, or a reason."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.labels import damaged
from flickrexif.core.pictures import BadPicture
from flickrexif.exif.files import read_photo
from flickrexif.exif.tags import TAGS
from tests.exif_files import CARRIERS, OF_BLOCK, OF_ENTRY, Made, write
from tests.test_files import exif_said, read_as_here

FILES = 2_100

# Why a field is read otherwise than by ExifTool 12.57.
EMPTY = "the Exif holds an empty text: here XMP or an earlier block fills it, and there it does not"
NO_VALUES = "an entry of no values, which ExifTool prints all the same"
NO_FURTHER = "ExifTool leaves a TIFF file's directory at the first value that lies outside; here that value is left out"
NOT_42 = "another number than 42 in the head: blocks of WebP and PNG are read here, and a TIFF file there"
IDAT = "ExifTool 12.57 does not read items in the idat box of a HEIF file"
COLLISION = "ExifTool takes a directory for one that it has read"
BALANCE = "of two WhiteBalance ExifTool takes the first, of other tags the last"
BIG = "ExifTool has its own reader of BigTIFF: no names of bytes, values in the head, nothing behind an unknown type"
AVIF = "ExifTool prefers XMP in an AVIF, as in videos"
NO_SIZE = "no directory of the TIFF file can be read, so that it is no image here"
BYTES = ("FileSource", "LensModel", "Make", "Model", "Software")
REASONS = (EMPTY, NO_VALUES, NO_FURTHER, NOT_42, IDAT, COLLISION, BALANCE, BIG, AVIF, NO_SIZE)


def read(path: Path) -> dict[str, str] | None:
    try:
        return dict(read_photo(path).tags)
    except BadPicture:
        return None


def reason(made: Made, tag: str, ours: dict[str, str] | None, said: dict[str, Any]) -> str | None:
    """Why `tag` is read otherwise, or None where there is no reason."""
    kind, warning = made.carrier.partition(" ")[0], said.get("Warning", "")
    checks = {
        NO_SIZE: kind == "tif" and bool(made.fault) and ours is None,
        NOT_42: kind in ("webp", "png", "tif") and made.fault == "not_42",
        NO_FURTHER: kind == "tif" and made.fault in ("outside", "huge_count", "cut"),
        NO_VALUES: made.fault == "no_values",
        IDAT: made.carrier == "heic idat",
        COLLISION: "references previous" in warning or ("Missing Exif header" in warning and not said.keys() & TAGS),
        BALANCE: tag == "WhiteBalance",
        BIG: made.carrier == "tif big" and (made.fault in OF_ENTRY or tag in BYTES),
        AVIF: kind == "avif" and b"xmpmeta" in made.data,
        EMPTY: not str(said.get(tag, "x")).strip(" \0") and bool(ours and ours.get(tag)),
    }
    return next((why for why, holds in checks.items() if holds), None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Made]:
    return write(tmp_path_factory.mktemp("made"), FILES)


def test_generated_files_are_read_as_exiftool_reads_them(made: dict[Path, Made]) -> None:
    said = exif_said(sorted(made))
    theirs = read_as_here(said)
    reasons: Counter[str | None] = Counter()
    unlisted = []
    for path, item in made.items():
        ours, right = read(path), theirs[path]
        for tag in (ours or {}).keys() | right.keys():
            if (ours or {}).get(tag) != right.get(tag):
                why = reason(item, tag, ours, said[path])
                reasons[why] += 1
                if why is None:
                    unlisted.append((path.name, item.carrier, item.fault, tag, (ours or {}).get(tag), right.get(tag)))
    assert unlisted == []
    assert set(reasons) == set(REASONS)
    fields = sum(map(len, theirs.values()))
    assert fields > 10 * FILES  # the comparison means something
    assert reasons.total() - reasons[IDAT] < fields / 30


def test_generated_files_are_of_all_kinds(made: dict[Path, Made]) -> None:
    assert {item.carrier for item in made.values()} == set(CARRIERS)
    assert {item.fault for item in made.values()} == {"", *OF_ENTRY, *OF_BLOCK}


def test_no_damage_escapes() -> None:
    """`python -m benchmarks.labels` damages a million."""
    damage = damaged(3_000)
    assert damage.pictures > 1_500
    assert damage.tags > 5 * damage.pictures
