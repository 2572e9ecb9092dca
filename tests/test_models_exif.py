"""Models without padding, firmware and serial numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.exif.makes import MAX_LENGTH
from flickrexif.exif.models import clean_model


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
