"""What is read out of image files, against ExifTool's reading of the same files."""

import json
import random
import struct
import subprocess
import zlib
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import piexif
import pytest
from PIL import Image

from flickrexif.core.pictures import BadPicture
from flickrexif.exif.files import read_photo, read_tags
from flickrexif.exif.tags import MAX_LENGTH, TAGS
from tests.samples import CAMERA_PHOTOS

COMPARED = ("Make", "Model", "ExposureTime", "FNumber", "ISO", "FocalLength", "Flash")

# "file tag" where plain `exiftool FILE` prints something else than is read here, which is what Exif itself holds.
DIFFERENCES = {
    "exiftool works the ISO out from Canon's maker notes; the Exif has none": (
        "28-hex_value ISO",
        "canon-ixus ISO",
        "Canon_IXUS_300 ISO",
        "Canon_IXUS_430 ISO",
        "Canon_IXUS_v2 ISO",
        "Canon_PowerShot_A20 ISO",
        "Canon_PowerShot_A40 ISO",
        "Canon_PowerShot_A85 ISO",
        "Canon_PowerShot_G2_(1) ISO",
        "Canon_PowerShot_G2_(3) ISO",
        "Canon_PowerShot_S230 ISO",
        "Canon_PowerShot_S30 ISO",
        "Canon_PowerShot_S40_(2) ISO",
        "Canon_PowerShot_SD600 ISO",
    ),
    "only the maker notes hold it": (
        "35-empty ISO",
        "kodak-dc240 ISO",
        "Casio_EX-S1 ISO",
        "Casio_QV-3000EX ISO",
        "Kodak_DC3400 ISO",
        "Kodak_DX4900_Zoom ISO",
        "Kodak_ProBack ISO",
        "Minolta_DiMAGE_5 ExposureTime",
        "Minolta_DiMAGE_5 FNumber",
        "Minolta_DiMAGE_S304 ExposureTime",
        "Minolta_DiMAGE_S304 FNumber",
        "Nikon_D100 ISO",
        "Pentax_Optio_430 ISO",
    ),
    "exiftool prints the maker notes' value, not the Exif's": (
        "kodak-dc240 ExposureTime",
        "kodak-dc240 FNumber",
        "Kodak_DC3400 FNumber",
        "Kodak_DX4900_Zoom ExposureTime",
        "Kodak_DX4900_Zoom FNumber",
    ),
}


def exiftool(paths: Iterable[Path], *options: str) -> dict[Path, dict[str, str]]:
    """ExifTool's own answer: file -> tag -> printed text."""
    command = ["exiftool", "-json", "-charset", "filename=utf8", *options, *map(str, paths)]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    records = json.loads(text, parse_int=str, parse_float=str)
    return {Path(record.pop("SourceFile")): record for record in records}


# XMP's names of what Exif lacks.
OTHERS = {"PhotographicSensitivity": "ISO", "Lens": "LensModel"}


def exif_only(paths: Iterable[Path]) -> dict[Path, dict[str, str]]:
    """Of IFD0, the Exif IFD and XMP, as this package reads: without maker notes."""
    return read_as_here(exif_said(paths))


def exif_said(paths: Iterable[Path]) -> dict[Path, dict[str, Any]]:
    """All of IFD0, the Exif IFD (which ExifTool calls ExifOffset in a BigTIFF) and XMP, and the first warning."""
    groups = ("IFD0", "ExifIFD", "ExifOffset", "XMP-tiff", "XMP-exif", "XMP-exifEX", "XMP-aux", "XMP-xmp")
    return exiftool(paths, *(f"-{group}:all" for group in groups), "-Warning")


def read_as_here(said: dict[Path, dict[str, Any]]) -> dict[Path, dict[str, str]]:
    """XMP has other names for some, and the Flash in pieces, of which ExifTool composes it."""
    read = {path: _named(tags) for path, tags in said.items()}
    pieces = [path for path, tags in said.items() if "FlashFired" in tags and "Flash" not in tags]
    if pieces:
        for path, tags in exiftool(pieces, "-Composite:Flash").items():
            read[path]["Flash"] = tags["Flash"]
    return read


def _named(tags: dict[str, Any]) -> dict[str, str]:
    others = {tag: tags[name] for name, tag in OTHERS.items() if name in tags}
    texts = {tag: ", ".join(text) if isinstance(text, list) else text for tag, text in (others | tags).items()}
    return {tag: text[:MAX_LENGTH].strip() for tag, text in texts.items() if tag in TAGS and text.strip()}


# --- real photos


@pytest.mark.parametrize("folder", CAMERA_PHOTOS)
def test_real_photos_read_as_exiftool_reads_their_exif(folder: Path) -> None:
    paths = sorted(folder.glob("*.jpg"))
    assert len(paths) in (11, 88)
    assert {path: read_tags(path) for path in paths} == exif_only(paths)


@pytest.mark.parametrize("folder", CAMERA_PHOTOS)
def test_real_photos_differ_from_plain_exiftool_only_as_listed(folder: Path) -> None:
    printed = exiftool(sorted(folder.glob("*.jpg")), *(f"-{tag}" for tag in COMPARED))
    names, differences = set(), set()
    for path, theirs in printed.items():
        ours = read_tags(path)
        name = path.stem.removeprefix("metadata-extractor-images_").removeprefix("exif-samples_")
        names.add(name)
        differences |= {f"{name} {tag}" for tag in COMPARED if theirs.get(tag, "").strip() != ours.get(tag, "")}
    listed = {entry for entries in DIFFERENCES.values() for entry in entries}
    assert differences == {entry for entry in listed if entry.rpartition(" ")[0] in names}
    assert differences


# --- generated photos

UINT32 = 2**32 - 1
RATIONALS = [
    (1, 125), (10, 1250), (1, 3), (1, 4), (25001, 100000), (25, 100), (3, 10), (1, 1), (30, 1), (25, 10), (28, 10),
    (56, 10), (95, 100), (999, 1000), (1, UINT32), (UINT32, 1), (UINT32, UINT32), (0, 1), (1, 0), (0, 0), (UINT32, 0),
    (0, UINT32), (5, 2), (285, 100), (2849999, 1000000), (1, 8000), (1, 219), (16666, 1000000), (7, 1000),
    (123456789, 7), (15, 100), (245, 1000), (350, 100), (2, 7), (9999999, 10000000),
]  # fmt: skip
TEXTS = [
    b"Canon", b"NIKON CORPORATION", b"SONY\0\0\0", b"  padded  ", b"OLYMPUS OPTICAL CO.,LTD ", b"samsung\0serial",
    b"x" * 300, "Фотоаппарат".encode(), "カメラ".encode(), b"tab\tinside", b"<script>&amp;", b"0123", b"1e5", b"",
    b"\0",
]  # fmt: skip
CODES = [*range(33), 48, 65, 69, 71, 73, 77, 79, 80, 88, 89, 93, 95, 96, 255, 256, 65_535]


def exif_dict(i: int) -> dict[str, Any]:
    """The i-th odd Exif block: every value of the lists above comes in every tag that takes its kind."""

    def pick(values: Sequence[Any], step: int) -> Any:
        return values[(i * step + i // len(values)) % len(values)]

    first, exif = piexif.ImageIFD, piexif.ExifIFD
    return {
        "0th": {first.Make: pick(TEXTS, 1), first.Model: pick(TEXTS, 3), first.Software: pick(TEXTS, 5)},
        "Exif": {
            exif.ExposureTime: pick(RATIONALS, 1),
            exif.FNumber: pick(RATIONALS, 2),
            exif.FocalLength: pick(RATIONALS, 3),
            exif.ISOSpeedRatings: [100, 0, 65_535, (100, 0, 0), (100, 200), 64][i % 6],
            exif.Flash: pick(CODES, 1),
            exif.ExposureProgram: i % 12,
            exif.ExposureMode: i % 5,
            exif.WhiteBalance: i % 4,
            exif.FileSource: bytes([i % 5]),
            exif.FocalLengthIn35mmFilm: pick(CODES, 5),
            exif.DateTimeOriginal: [b"2011:03:08 16:23:00", b"0000:00:00 00:00:00", b"    :  :     :  :  "][i % 3],
            exif.LensModel: pick(TEXTS, 7),
        },
        "GPS": {piexif.GPSIFD.GPSLatitude: ((47, 1), (30, 1), (0, 1)), piexif.GPSIFD.GPSLatitudeRef: b"N"},
    }


def picture() -> Image.Image:
    return Image.new("RGB", (12, 8), (200, 100, 50))


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("generated")
    paths = []
    for i in range(140):
        suffix = (".jpg", ".jpg", ".png", ".webp", ".tif")[i % 5]
        path = folder / f"{i:03}{suffix}"
        picture().save(path, exif=piexif.dump(exif_dict(i)))
        paths.append(path)
    return paths


def test_generated_photos_read_as_exiftool_reads_them(generated: list[Path]) -> None:
    theirs = exif_only(generated)
    assert {path: read_tags(path) for path in generated} == theirs
    # The comparison means something: all the compared tags occur, each in many forms.
    for tag in COMPARED:
        assert len({tags.get(tag) for tags in theirs.values()}) >= 5, tag


def test_size_as_stored(generated: list[Path]) -> None:
    for path in generated[:5]:
        photo = read_photo(path)
        assert (photo.width, photo.height) == (12, 8)


def test_positions_serial_numbers_and_names_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / "private.jpg"
    exif = exif_dict(0)
    exif["0th"][piexif.ImageIFD.Artist] = b"SECRET artist"
    exif["0th"][piexif.ImageIFD.Copyright] = b"SECRET holder"
    exif["0th"][piexif.ImageIFD.CameraSerialNumber] = b"SECRET serial"
    exif["Exif"][piexif.ExifIFD.CameraOwnerName] = b"SECRET owner"
    exif["Exif"][piexif.ExifIFD.BodySerialNumber] = b"SECRET body"
    exif["Exif"][piexif.ExifIFD.LensSerialNumber] = b"SECRET lens"
    exif["Exif"][piexif.ExifIFD.UserComment] = b"SECRET comment"
    exif["GPS"][piexif.GPSIFD.GPSAreaInformation] = b"SECRET place"
    picture().save(path, exif=piexif.dump(exif), xmp=b'<rdf:li aux:OwnerName="SECRET" exif:GPSLatitude="SECRET"/>')
    assert b"SECRET" in path.read_bytes()
    tags = read_tags(path)
    assert tags["Make"] == "Canon"
    assert set(tags) <= TAGS
    assert "SECRET" not in str(tags)


XMP = """<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>
<rdf:Description rdf:about='' xmlns:tiff='http://ns.adobe.com/tiff/1.0/' xmlns:exif='http://ns.adobe.com/exif/1.0/'
 xmlns:xmp='http://ns.adobe.com/xap/1.0/' tiff:Make="Smith &amp; Sons" exif:ExposureTime="10/1250" exif:FNumber='28/10'
 exif:ExposureProgram="2" xmp:CreatorTool="Adobe Photoshop Lightroom 5.0">
<tiff:Model>Model 1</tiff:Model><exif:FocalLength>500/10</exif:FocalLength>
<exif:ISOSpeedRatings><rdf:Seq><rdf:li>400</rdf:li></rdf:Seq></exif:ISOSpeedRatings>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif", ".png"])
def test_xmp_fills_in_what_exif_lacks(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"photo{suffix}"
    options: dict[str, Any] = {"xmp": XMP.encode()}
    if suffix == ".tif":
        options = {"tiffinfo": {700: XMP.encode()}}
    if suffix == ".png":
        picture().save(path)
        content = path.read_bytes()
        text = b"XML:com.adobe.xmp\0\0\0\0\0" + XMP.encode()
        path.write_bytes(content[:33] + chunk(b"iTXt", text) + content[33:])  # after the header
    else:
        picture().save(
            path, exif=piexif.dump({"Exif": {piexif.ExifIFD.FNumber: (4, 1)}}) if suffix == ".jpg" else b"", **options
        )
    theirs = exiftool([path], *(f"-{tag}" for tag in (*COMPARED, "ExposureProgram", "CreatorTool")))[path]
    assert read_tags(path) == theirs
    assert theirs["FNumber"] == ("4.0" if suffix == ".jpg" else "2.8")
    assert theirs["Make"] == "Smith & Sons"


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def test_png_with_its_exif_after_the_pixels(tmp_path: Path) -> None:
    path = tmp_path / "late.png"
    picture().save(path)
    content = path.read_bytes()
    block = piexif.dump(exif_dict(0)).removeprefix(b"Exif\0\0")
    path.write_bytes(content[:-12] + chunk(b"eXIf", block) + content[-12:])  # before the end chunk
    assert read_tags(path) == exif_only([path])[path]


def test_a_photo_of_200_megapixels_is_read(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    picture().save(path, exif=piexif.dump(exif_dict(0)))
    content = bytearray(path.read_bytes())
    header = content.index(b"\xff\xc0") + 5
    content[header : header + 4] = struct.pack(">HH", 12_288, 16_320)
    path.write_bytes(content)
    photo = read_photo(path)
    assert (photo.width, photo.height, photo.tags["Make"]) == (16_320, 12_288, "Canon")


# --- broken files


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    contents = {
        "empty.jpg": b"",
        "text.jpg": b"no image at all",
        "cut.jpg": b"\xff\xd8\xff",
        "cut.png": b"\x89PNG\r\n\x1a\n\0\0",
        "cut.tif": b"II*\0",
        "cut.webp": b"RIFF\0\0\0\0WEBP",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadPicture) as failure:
            read_tags(tmp_path / name)
        assert failure.value.reason == ("not_an_image" if content else "empty")
        assert name in failure.value.message
    with pytest.raises(BadPicture, match="no such file") as failure:
        read_tags(tmp_path / "missing.jpg")
    assert failure.value.reason == "not_found"
    with pytest.raises(BadPicture):
        read_tags(tmp_path)


def test_a_heic_file_is_read_or_says_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "phone.heic"
    if find_spec("pillow_heif") is None:
        path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
        with pytest.raises(BadPicture, match="pip install pillow-heif") as failure:
            read_tags(path)
        assert failure.value.reason == "needs_pillow_heif"
        return
    import_module("pillow_heif").register_heif_opener()
    picture().resize((64, 48)).save(path, exif=piexif.dump(exif_dict(0)))
    assert read_tags(path) == exif_only([path])[path]
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadPicture, match="cannot be used"):
        read_tags(path)


def test_a_broken_exif_block_gives_what_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    picture().save(path, exif=piexif.dump(exif_dict(0)))
    content = path.read_bytes()
    pointer = content.index(struct.pack(">HHI", 0x8769, 4, 1)) + 8
    path.write_bytes(content[:pointer] + b"\xff\xff\xff\xff" + content[pointer + 4 :])
    assert read_tags(path) == exif_only([path])[path] == {"Make": "Canon", "Model": "Canon", "Software": "Canon"}


def test_no_damage_to_the_exif_block_raises(tmp_path: Path) -> None:
    path = tmp_path / "damaged.jpg"
    picture().save(path, exif=piexif.dump(exif_dict(0)))
    content = path.read_bytes()
    start, length = content.index(b"Exif\0\0") + 6, len(piexif.dump(exif_dict(0))) - 6
    draw = random.Random(0)
    read = 0
    for _ in range(400):
        damaged = bytearray(content)
        for _ in range(draw.randrange(1, 12)):
            damaged[start + draw.randrange(length)] = draw.randrange(256)
        path.write_bytes(damaged)
        tags = read_tags(path)
        assert set(tags) <= TAGS
        read += bool(tags)
    assert read > 200  # most damage leaves something to read
