"""Models without padding, firmware and serial numbers, and one name for the same hardware."""

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.exif.makes import MAX_LENGTH, rows
from flickrexif.exif.models import clean_model, same_hardware


@pytest.mark.parametrize(
    ("make", "raw", "model"),
    [
        ("Hewlett-Packard", "HP PhotoSmart C812 (V09.33)", "HP PhotoSmart C812"),
        ("EASTMAN KODAK COMPANY", "KODAK DC210 Zoom (V05.00)", "KODAK DC210 Zoom"),
        ("KODAK", "DCS460D FILE VERSION 3", "DCS460D"),
        ("BenQ", "DC X710 Ver.1.02", "DC X710"),
        ("Foo", "Bar 7 Firmware 1.2.3 S/N 12345678", "Bar 7"),
        ("Foo", "Bar 7 Serial No: AB-123456", "Bar 7"),
        ("Leaf", "Leaf Aptus 75(LI300123   )/Hasselblad H2", "Leaf Aptus 75/Hasselblad H2"),
        ("NIKON CORPORATION", "NIKON D750", "NIKON D750"),
        ("NIKON CORPORATION", "NIKON NIKON D750", "NIKON D750"),
        ("Canon", "Canon EOS 450D\0\0\0garbage", "Canon EOS 450D"),
        ("Nokia", "  N95\t8GB  ", "N95 8GB"),
        ("LG Electronics", "LG-V30", "LG-V30"),
        ("vivo", "vivo V11", "vivo V11"),
        ("Panasonic", "DC-G9", "DC-G9"),
        ("SONY", "DSC-V1", "DSC-V1"),
        ("OLYMPUS IMAGING CORP.", "u1020,S1020", "u1020,S1020"),
        ("x", "V1.0", "V1.0"),
        ("x", "\0", None),
        (None, None, None),
    ],
)
def test_clean_model(make: str | None, raw: str | None, model: str | None) -> None:
    assert clean_model(make, raw) == model


@given(st.text(), st.one_of(st.text(), st.text("V123. ()S/N-").map(lambda tail: "Bar 7 " + tail)))
def test_cleaning_is_stable_and_bounded(make: str, raw: str) -> None:
    model = clean_model(make, raw)
    assert clean_model(make, model) == model
    assert model is None or 0 < len(model) <= MAX_LENGTH


@pytest.mark.parametrize(
    "names",
    [
        ("Canon EOS 300D DIGITAL", "Canon EOS DIGITAL REBEL", "Canon EOS Kiss Digital", "EOS 300D"),
        ("Canon EOS 350D DIGITAL", "Canon EOS DIGITAL REBEL XT", "Canon EOS Kiss Digital N"),
        ("Canon EOS 600D", "Canon EOS REBEL T3i", "Canon EOS Kiss X5"),
        ("Canon PowerShot SD600", "Canon DIGITAL IXUS 60", "Canon IXY DIGITAL 70"),
    ],
)
def test_one_camera_under_several_names(names: tuple[str, ...]) -> None:
    assert {same_hardware(name) for name in names} == {names[0]}


def test_other_names_stay() -> None:
    for name in ("NIKON D750", "", "Canon EOS 5D", "Canon PowerShot S100", "Canon DIGITAL IXUS", "iPhone 6"):
        assert same_hardware(name) == name


def test_aliases_are_what_exiftool_lists_together() -> None:
    """Read the other way round: an alias and its model must stand in one of ExifTool's names."""
    listx = subprocess.run(["exiftool", "-listx", "-Canon:All"], capture_output=True, check=True, text=True).stdout
    names = re.findall(r"<val lang='en'>([^<]* / [^<]*)</val>", listx)
    together = [" / ".join(re.sub("Canon|EOS|Digital", "", name, flags=re.I).split()) for name in names]

    def bare(name: str) -> str:
        return " / ".join(re.sub("Canon|EOS|Digital", "", name, flags=re.I).split())

    for alias, model in rows("aliases.csv"):
        assert any(bare(alias) in name and bare(model) in name for name in together), (alias, model)


@given(st.one_of(st.text(), st.sampled_from(rows("aliases.csv")).map(lambda row: row[0])))
def test_same_hardware_is_stable(model: str) -> None:
    assert same_hardware(same_hardware(model)) == same_hardware(model)
