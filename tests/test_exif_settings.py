"""Flash, programs, modes, white balance and editors, from every wording a file or Flickr gives."""

import json
import subprocess
from pathlib import Path

import piexif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flickrexif.exif.settings import (
    edited,
    exposure_mode,
    exposure_program,
    flash_fired,
    null_reason,
    white_balance,
)

# The codes that ExifTool has a wording for.
FLASH_CODES = [
    0x00, 0x01, 0x05, 0x07, 0x08, 0x09, 0x0D, 0x0F, 0x10, 0x14, 0x18, 0x19, 0x1D, 0x1F, 0x20, 0x30, 0x41, 0x45, 0x47,
    0x49, 0x4D, 0x4F, 0x50, 0x58, 0x59, 0x5D, 0x5F,
]  # fmt: skip


@pytest.fixture(scope="module")
def flash_wordings(tmp_path_factory: pytest.TempPathFactory) -> dict[int, str]:
    """Code -> what ExifTool prints for it, asked of ExifTool."""
    folder = tmp_path_factory.mktemp("flash")
    for code in FLASH_CODES:
        exif = piexif.dump({"Exif": {piexif.ExifIFD.Flash: code}})
        Image.new("L", (8, 8)).save(folder / f"{code}.jpg", exif=exif)
    answer = subprocess.run(["exiftool", "-json", "-Flash", str(folder)], capture_output=True, text=True, check=False)
    return {int(Path(record["SourceFile"]).stem): record["Flash"] for record in json.loads(answer.stdout)}


def test_all_27_wordings_of_exiftool_tell_bit_0_of_the_code(flash_wordings: dict[int, str]) -> None:
    assert len(set(flash_wordings.values())) == 27
    for code, wording in flash_wordings.items():
        assert flash_fired(wording) is bool(code & 1), wording


@given(st.integers(0, 127))
def test_flash_codes_tell_by_bit_0(code: int) -> None:
    for raw in (str(code), hex(code), f"Unknown ({hex(code)})", f" {code} "):
        assert flash_fired(raw) is (code % 2 == 1)


@pytest.mark.parametrize("raw", [None, "", "128", "65535", "-1", "1.0", "fire", "Unknown (0xffff)", "9" * 40, "\u0661"])
def test_flash_that_says_nothing(raw: str | None) -> None:
    assert flash_fired(raw) is None


@pytest.mark.parametrize(
    ("wording", "fired"),
    [("On, Red-eye reduction", True), ("Off, Red-eye reduction", False), ("On, Did not fire", False), ("fired", True)],
)
def test_flash_wordings_that_mislead(wording: str, fired: bool) -> None:
    assert flash_fired(wording) is fired


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Program AE", "Program AE"),
        ("program ae", "Program AE"),
        ("2", "Program AE"),
        ("Normal program", "Program AE"),
        ("Aperture priority", "Aperture-priority AE"),
        ("Shutter speed priority AE", "Shutter speed priority AE"),
        ("Manual", "Manual"),
        ("Bulb", "Bulb"),
        ("Not Defined", None),
        ("0", None),
        ("Unknown (48)", None),
        ("garbage", None),
        (None, None),
    ],
)
def test_exposure_program(raw: str | None, name: str | None) -> None:
    assert exposure_program(raw) == name


@pytest.mark.parametrize(
    ("raw", "name"), [("Auto", "Auto"), ("1", "Manual"), ("Auto bracket", "Auto bracket"), ("3", None)]
)
def test_exposure_mode(raw: str, name: str | None) -> None:
    assert exposure_mode(raw) == name


@pytest.mark.parametrize(
    ("raw", "name"), [("Auto", "Auto"), ("Manual white balance", "Manual"), ("0", "Auto"), ("4", None)]
)
def test_white_balance(raw: str, name: str | None) -> None:
    assert white_balance(raw) == name


@given(st.sampled_from([exposure_program, exposure_mode, white_balance]), st.text() | st.integers(0, 12).map(str))
def test_canonical_names_stay_what_they_are(canonical: object, raw: str) -> None:
    assert callable(canonical)
    name = canonical(raw)
    assert name is None or canonical(name) == name


def test_reasons() -> None:
    assert null_reason("Not Defined") == null_reason("0") == "not_defined"
    assert null_reason("Unknown (48)") == "unknown_value"


EDITORS = [
    "Adobe Photoshop 7.0",
    "Adobe Photoshop CC 2015 (Windows)",
    "Adobe Photoshop Lightroom 5.0 (Macintosh)",
    "Lightroom 4",
    "Adobe Lightroom CC (iOS)",
    "GIMP 2.6.11",
    "GIMP 2.10",
    "Snapseed",
    "Picasa",
    "Google",
    "Instagram",
    "PicsArt",
    "paint.net 4.0.6",
    "Paint.NET v3.5",
    "Aperture 3.4.5",
    "iPhoto 9.4.3",
    "Photos 1.0.1",
    "Capture One 9 Macintosh",
    "DxO Optics Pro 9",
    "RawTherapee 4.2",
    "darktable 1.6.2",
    "digiKam-4.0.0",
    "ACD Systems Digital Imaging",
    "ACDSee Pro 8",
    "Microsoft Windows Photo Viewer 6.1.7600.16385",
    "Photoscape",
    "PhotoScape",
    "Pixelmator 3.3.1",
    "Photomatix Pro 5.0",
    "Digital Photo Professional",
    "ViewNX 2.7 W",
    "Capture NX 2.4.7 M",
    "Windows Photo Editor 10.0.10011.16384",
    "Corel PaintShop Pro 15.0",
    "HDR Efex Pro 2",
    "Luminar 4",
    "Affinity Photo 1.6",
    "Photo Ninja 1.3",
    "VSCOcam",
    "FinePixViewer Ver.3.2",
    "QuickTime 7.7.1",
]
FIRMWARE = [
    "Ver.1.00",
    "Ver.1.00 ",
    "Ver1.002",
    "Version 1.0",
    "1.00",
    "16.1.2",
    "9.3.1",
    "8.3",
    "0100",
    "34-1036",
    "v321-78",
    "V113p-73",
    "A2v055u",
    "D1v024j",
    "E885v1.0",
    "NIKON D60 Ver.1.00",
    "COOLPIX P90V1.1",
    "COOLPIX S3300 V1.0",
    "Digital Camera FinePix S5500   Ver1.00",
    "Firmware Version 1.0.1",
    "DSLR-A200 v1.00",
    "SLT-A57 v1.02",
    "ILCE-6000 v3.20",
    "I9505XXUGNG8",
    "G930FXXU1APAW",
    "fw 05.15 prm 07.53",
    "HDR+ 1.0.199571065z",
    "MediaTek Camera Application",
    "00WW_3_380_SP02",
    "R1BA042     prg1205-9079_GENERIC_SI 00.00",
    "Windows Phone 8",
    "K-5 II s Ver 1.03",
]


@pytest.mark.parametrize("software", EDITORS)
def test_editors(software: str) -> None:
    assert edited(software) is True


@pytest.mark.parametrize("software", FIRMWARE)
def test_firmware_is_no_editor(software: str) -> None:
    assert edited(software) is False


@pytest.mark.parametrize("software", [None, "", "   ", "GENERIC", "\u2603"])
def test_software_that_could_be_either(software: str | None) -> None:
    assert edited(software) is None
