"""YFCC100M's files as a source: the Exif, the index, and the draw of a month."""

import bz2
import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flickrexif.collectors.crawl import CrawlSettings
from flickrexif.collectors.drawn import draw_month
from flickrexif.collectors.yfcc100m import index
from flickrexif.collectors.yfcc100m import month as month_of_index
from flickrexif.collectors.yfcc100m.chunk import rows_of
from flickrexif.collectors.yfcc100m.exif import CODES, print_as_exiftool, read_exif
from flickrexif.collectors.yfcc100m.index import index_counts, make_index, parts
from flickrexif.collectors.yfcc100m.month import candidates
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.takedowns import Takedowns
from flickrexif.dataset.build import TAG_COLUMNS
from flickrexif.exif import label
from flickrexif.exif.exiftool import exiftool_reader
from tests.samples import LARGE, needs
from tests.yfcc100m_files import Photo, write, write_lines

MONTH = "2010-05"
LICENSES = (4, 5)
PRINTED = 0.05  # what one decimal leaves open
IN_XMP_ALONE = {  # which was not read
    "metadata-extractor-images_Canon_Powershot_S90.jpg": ("LensModel", "software", "edited"),
    "metadata-extractor-images_Issue_525.jpg": ("LensModel",),
}
BELOW_1 = (
    "metadata-extractor-images_FujiFilm_FinePixS1Pro_(5).jpg"  # f/0.64, printed F0.6; ExifTool prints two decimals
)


def nothing(text: str) -> None:
    """Says nothing."""


def photos_of(folder: Path) -> dict[int, dict[str, Any]]:
    """Id -> row of the index, read without the toolkit."""
    return {row["id"]: row for path in parts(folder) for row in pq.read_table(path).to_pylist()}


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of six lines, in chunks of two."""
    monkeypatch.setattr(index, "CHUNK", 2)
    monkeypatch.setattr(index, "CHUNKS", 3)


# --- the Exif


@needs("yfcc100m")
def test_values_and_classes_are_those_of_the_files() -> None:
    files = LARGE / "yfcc100m"
    told = (files / "photos.csv").read_text("utf-8").splitlines()
    names = {row["identifier"]: row["file"] for row in csv.DictReader(told)}
    lines = bz2.decompress((files / "yfcc100m_exif.bz2").read_bytes()).decode().splitlines()
    differ: set[tuple[str, str]] = set()
    with exiftool_reader() as read:
        for number, items in (line.split("\t") for line in lines):
            name, exif = names[number], read_exif(items)
            file = read(LARGE / "camera-photos" / name)
            printed = set(TAG_COLUMNS.values()) - {"Flash"}  # whose mode is not in the file
            differ |= {(name, tag) for tag in printed if exif.tags.get(tag) != file.tags.get(tag)}
            ours, theirs = label(exif.tags, numbers=exif.numbers), label(file.tags, numbers=file.numbers)
            for field in ours.__dataclass_fields__:
                mine, right = getattr(ours, field), getattr(theirs, field)
                close = PRINTED if field in ("focal_length_mm", "f_number") else 1e-9
                if mine != (pytest.approx(right, abs=close) if isinstance(right, float) else right):
                    differ.add((name, field))
    assert len(lines) == 69
    assert differ == {
        *((name, field) for name, fields in IN_XMP_ALONE.items() for field in fields),
        *((BELOW_1, field) for field in ("FNumber", "aperture_exact")),
    }


@pytest.mark.parametrize(
    ("tag", "text", "printed"),
    [
        ("ExposureTime", "1/125 sec", "1/125"),
        ("ExposureTime", "0.01 sec", "1/100"),
        ("ExposureTime", "833/100000 sec", "1/120"),
        ("ExposureTime", "10/29 sec", "0.3"),
        ("ExposureTime", "30 sec", "30"),
        ("FNumber", "F2.8", "2.8"),
        ("FNumber", "f/11.0", "11.0"),
        ("FocalLength", "28.0 mm", "28.0 mm"),
        ("FocalLength", "10.812 mm", "10.8 mm"),
        ("FocalLengthIn35mmFormat", "28mm", "28 mm"),
        ("FocalLengthIn35mmFormat", "28 mm", "28 mm"),
        ("FocalLengthIn35mmFormat", "Unknown", "0 mm"),
        ("ISO", "400", "400"),
        ("FileSource", "Digital Still Camera (DSC)", "Digital Camera"),
        ("FileSource", "Unknown (1)", "Film Scanner"),
        ("ExposureProgram", "Aperture priority", "Aperture-priority AE"),
        ("ExposureProgram", "Unknown (0)", "Not Defined"),
        ("ExposureMode", "Auto bracket", "Auto bracket"),
        ("WhiteBalance", "Manual white balance", "Manual"),
        ("WhiteBalance", "Unknown (2)", "Unknown (2)"),
        ("Flash", "Flash fired, return detected, red-eye reduction", "Fired"),
        ("Flash", "Flash did not fire, auto", "No Flash"),
        ("FNumber", "F\ufffd", "F\ufffd"),
        ("ExposureTime", "1/0 sec", "1/0 sec"),
    ],
)
def test_it_is_printed_as_exiftool_prints(tag: str, text: str, printed: str) -> None:
    assert print_as_exiftool(tag, text) == printed


@pytest.mark.parametrize(("tag", "text"), [(tag, text) for tag, words in CODES.items() for text in words])
def test_each_wording_of_a_code_has_a_meaning(tag: str, text: str) -> None:
    names = {"WhiteBalance": "white_balance", "ExposureMode": "exposure_mode", "ExposureProgram": "exposure_program"}
    field = names.get(tag, "flash" if tag == "Flash" else "")
    assert not field or getattr(label({tag: print_as_exiftool(tag, text)}), field) is not None


@pytest.mark.parametrize(
    "items", ["", ",", ":", "a", "Exif+IFD0.Make", "Exif+IFD0.Make:", "%ff%00.%:%%%", "Exif+IFD0.:x"]
)
def test_odd_items_hold_nothing(items: str) -> None:
    assert not read_exif(items).tags


def test_the_photos_own_directory_wins_over_the_thumbnails() -> None:
    exif = read_exif("Exif+Thumbnail.Make:No,Exif+SubIFD.Make:Later,Exif+IFD0.Make:First%2C+Inc.,Exif+IFD0.Make:Twice")
    assert exif.tags == {"Make": "First, Inc."} == exif.raw


# --- the index


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    photos = [
        Photo(id=1, title="tab\there, a comma\nand a line"),
        Photo(id=2, marker="1"),
        Photo(id=3, taken="null"),
        Photo(id=4, taken="0000-00-00 00:00:00.0"),
        Photo(id=5, taken="2010-02-30 10:00:00.0"),
        Photo(id=6, taken="2010-05-01 24:00:00.0"),
        Photo(id=7, owner="no NSID"),
        Photo(id=8, taken="0201-05-01 10:00:00.0"),
        Photo(id=9, make=None),
    ]
    lines = [photo.data_line(number) for number, photo in enumerate(photos)]
    exif = [photo.exif_line() for photo in photos]
    lines += ["", "one field", lines[0] + "\t", "\t".join(["x"] * 25), lines[0].replace("\t4000\t", "\t../x\t")]
    exif += ["no tab", "999\ta:b\tc"]
    said: list[str] = []
    counts = make_index(write_lines(tmp_path / "f", lines, exif), said.append)
    assert counts == {"lines": 14, "malformed": 6, "video": 1, "date_unknown": 5, "exif_malformed": 2}
    assert photos_of(tmp_path / "f").keys() == {1, 9}
    assert photos_of(tmp_path / "f")[1]["title"] == b"tab%09here%2C+a+comma%0Aand+a+line"
    assert not photos_of(tmp_path / "f")[9]["exif"]
    assert sum("Left out" in line for line in said) == 4


@pytest.mark.parametrize("lost", ["dataset", "exif"])
@pytest.mark.usefixtures("small_parts")
def test_a_lost_line_never_joins_two_photos(tmp_path: Path, lost: str) -> None:
    photos = [Photo(id=number) for number in range(1, 41)]
    lines = [photo.data_line(number) for number, photo in enumerate(photos)]
    exif = [photo.exif_line() for photo in photos]
    (lines if lost == "dataset" else exif).pop(10)
    counts = make_index(write_lines(tmp_path / "f", lines, exif), nothing)
    rows = photos_of(tmp_path / "f")
    assert 0 < len(rows) < 40
    for number, row in rows.items():
        assert f"Model+{number}," in row["exif"].decode()
    assert counts["lines"] == len(lines) == len(rows) + counts["out_of_step"]
    assert counts["exif_alone"] == len(exif) - len(rows)


def test_lines_in_another_order_find_their_own() -> None:
    photos = [Photo(id=number) for number in range(1, 10)]
    dataset = "".join(f"{photo.data_line(0)}\n" for photo in photos).encode()
    exif = "".join(f"{photo.exif_line()}\n" for photo in reversed(photos)).encode()
    table, counts = rows_of(dataset, exif)
    assert counts == {"lines": 9}
    assert all(f"Model+{row['id']}," in row["exif"].decode() for row in table.to_pylist())


def test_serial_numbers_and_thumbnails_are_not_kept(tmp_path: Path) -> None:
    make_index(write(tmp_path / "f", [Photo(id=1)]), nothing)
    names = [item.partition(":")[0] for item in photos_of(tmp_path / "f")[1]["exif"].decode().split(",")]
    assert names == [
        *("Exif+IFD0.Make", "Exif+IFD0.Model", "Exif+SubIFD.Exposure+Time", "Exif+SubIFD.F-Number", "Exif+SubIFD.Flash")
    ]


@pytest.mark.usefixtures("small_parts")
def test_an_index_that_was_stopped_goes_on(tmp_path: Path) -> None:
    whole = write(
        tmp_path / "whole",
        [Photo(id=number, taken=f"2010-{1 + number % 9:02}-03 12:00:00.0") for number in range(1, 32)],
    )
    counts = make_index(whole, nothing)
    first = {path.name: path.read_bytes() for path in (whole / "index").glob("*.[jp]*")}
    for left in (0, 1, 3, 5, 6):
        for path in parts(whole)[left:]:
            path.unlink()
        index._write_record(whole, {"files": index._record(whole)["files"]})
        assert index_counts(whole) is None
        assert make_index(whole, nothing) == counts
        assert {path.name: path.read_bytes() for path in (whole / "index").glob("*.[jp]*")} == first


@pytest.mark.usefixtures("small_parts")
def test_a_file_that_is_cut_off_is_told_and_what_was_read_is_kept(tmp_path: Path) -> None:
    photos = [Photo(id=number) for number in range(1, 8_000)]
    folder = write(tmp_path / "f", photos[:30])
    content = bz2.compress("".join(f"{photo.exif_line()}\n" for photo in photos).encode(), 1)
    (folder / "yfcc100m_exif.bz2").write_bytes(content[: len(content) // 2])
    with pytest.raises(FlickrExifError, match=r"yfcc100m_exif\.bz2 is cut off or damaged"):
        make_index(folder, nothing)
    assert index_counts(folder) is None


@pytest.mark.parametrize("content", [b"", b"PK\3\4 is no bzip2"])
def test_a_file_of_another_kind_is_told(tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path / "f", [Photo(id=1)])
    (folder / "yfcc100m_dataset.bz2").write_bytes(content)
    with pytest.raises(FlickrExifError, match="at its beginning"):
        make_index(folder, nothing)


def test_ten_parts_are_the_whole(tmp_path: Path) -> None:
    photos = [Photo(id=number) for number in range(1, 31)]
    whole, split = write(tmp_path / "whole", photos), write(tmp_path / "split", photos)
    (split / "yfcc100m_dataset.bz2").unlink()
    for part in range(10):
        lines = [photo.data_line(0) for photo in photos[part * 3 : part * 3 + 3]]
        (split / f"yfcc100m_dataset-{part}.bz2").write_bytes(
            bz2.compress("\n".join(lines).encode())
        )  # no last line end
    assert make_index(whole, nothing) == make_index(split, nothing)
    assert photos_of(whole) == photos_of(split)
    (split / "yfcc100m_dataset-4.bz2").unlink()
    assert make_index(split, nothing)["lines"] == 30  # indexed before
    (split / "index" / "index.json").unlink()
    with pytest.raises(UsageError, match=r"no .*yfcc100m_dataset-4\.bz2"):
        make_index(split, nothing)


def test_other_files_are_indexed_anew(tmp_path: Path) -> None:
    folder = write(tmp_path / "f", [Photo(id=1)])
    make_index(folder, nothing)
    write(folder, [Photo(id=2), Photo(id=33)])
    assert make_index(folder, nothing)["lines"] == 2
    assert photos_of(folder).keys() == {2, 33}


# --- a month


def drawn_ids(folder: Path, target: int, cap: int = 10, seed: int = 0) -> list[int]:
    month = draw_month(candidates(folder, MONTH, LICENSES, seed), target, cap, Takedowns())
    return [photo.flickr_id for photo in month.kept]


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 photos of a month by 20 photographers: the first has 41 of them, the others one each."""
    owners = [f"{max(1, number - 40):08}@N00" for number in range(1, 61)]
    photos = [Photo(id=1_000 + number, owner=owner) for number, owner in enumerate(owners)]
    folder = write(tmp_path_factory.mktemp("population") / "files", photos)
    make_index(folder, nothing)
    return folder


def test_every_photo_has_the_same_chance(population: Path) -> None:
    seeds, target = 150, 15
    drawn = Counter(number for seed in range(seeds) for number in drawn_ids(population, target, cap=60, seed=seed))
    expected = seeds * target / 60
    assert len(drawn) == 60
    chi2 = sum((count - expected) ** 2 / (expected * (1 - target / 60)) for count in drawn.values())
    assert chi2 < 100  # 59 degrees of freedom: exceeded once in 1,500 draws of keys


def test_a_larger_target_keeps_the_photos_of_a_smaller(population: Path) -> None:
    some = [drawn_ids(population, target) for target in (5, 12, 25)]
    assert some[0] == some[2][:5]
    assert some[1] == some[2][:12]


def test_the_draw_is_the_same_however_the_month_is_read(population: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = drawn_ids(population, 60, cap=60)
    monkeypatch.setattr(month_of_index, "FIRST", 2)
    monkeypatch.setattr(month_of_index, "AT_ONCE", 3)
    assert drawn_ids(population, 60, cap=60) == whole
    assert len(set(whole)) == 60


@pytest.mark.parametrize("cap", [1, 3, 10])
def test_the_cap_holds(population: Path, cap: int) -> None:
    month = draw_month(candidates(population, MONTH, LICENSES, 0), 100, cap, Takedowns())
    assert Counter(photo.owner for photo in month.kept).most_common(1)[0][1] == cap
    assert (len(month.kept), month.rejected["over_cap"]) == (19 + cap, 41 - cap)
    assert month.exhausted


def reasons() -> Iterator[tuple[str, Photo]]:
    yield "license", Photo(id=2, license="by-nc")
    yield "license", Photo(id=3, license="by/9")
    yield "taken_after_upload", Photo(id=4, uploaded="1272672000")  # 1 May 2010
    yield "date_inexact", Photo(id=7, taken="2010-05-01 00:00:00.0")
    yield "no_exif", Photo(id=5, make=None)
    yield "no_exposure_setting", Photo(id=6, exposure="")
    yield "twice", Photo(id=1)


def test_why_a_photo_is_not_kept(tmp_path: Path) -> None:
    left_out = list(reasons())
    folder = write(
        tmp_path / "f", [Photo(id=1), *(photo for _, photo in left_out), Photo(id=9, taken="2010-06-01 00:00:00.0")]
    )
    make_index(folder, nothing)
    month = draw_month(candidates(folder, MONTH, LICENSES, 0), CrawlSettings().target, 10, Takedowns())
    assert [photo.flickr_id for photo in month.kept] == [1]
    assert month.rejected == Counter(reason for reason, _ in left_out)
