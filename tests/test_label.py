"""All labels of one photo, from its raw strings or its file."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import piexif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flickrexif.core.pictures import BadPicture
from flickrexif.exif import label, read_labels
from flickrexif.exif.bins import APERTURE_CLASSES, EXPOSURE_CLASSES, FOCAL_LENGTH_CLASSES, ISO_CLASSES
from flickrexif.exif.labels import Labels
from flickrexif.exif.tags import TAGS
from tests.samples import SPLIT_FILES

D750 = {
    "Make": "NIKON CORPORATION",
    "Model": "NIKON D750",
    "ExposureTime": "1/250",
    "FNumber": "5.6",
    "ISO": "100",
    "FocalLength": "50.0 mm",
    "Flash": "Off, Did not fire",
    "ExposureProgram": "Program AE",
    "ExposureMode": "Auto",
    "WhiteBalance": "Auto",
    "DateTimeOriginal": "2015:06:07 08:09:10",
    "Software": "Ver.1.10",
}


def test_a_photo_of_a_known_camera() -> None:
    assert label(D750) == Labels(
        make="Nikon",
        make_published="NIKON",
        model="NIKON D750",
        device_category="dslr",
        is_smartphone=False,
        exposure_seconds=1 / 250,
        f_number=5.6,
        iso=100,
        focal_length_mm=50.0,
        exposure_class="1/250",
        aperture_class="5.6",
        iso_class="100",
        focal_length_class="50-70 mm",
        exposure_exact="1/250",
        aperture_exact="5.6",
        iso_exact="100",
        focal_length_exact="50.0 mm",
        flash=False,
        exposure_program="Program AE",
        exposure_mode="Auto",
        white_balance="Auto",
        software="Ver.1.10",
        edited=False,
        year=2015,
        null_reasons=None,
    )


def test_nothing_gives_nothing() -> None:
    empty = asdict(label({}))
    assert empty.pop("device_category") == "unknown"
    assert set(empty.values()) == {None}


def test_what_means_nothing_is_null_with_a_reason() -> None:
    labels = label(
        {
            **D750,
            "ExposureTime": "inf",
            "FNumber": "0",
            "ISO": "65535",
            "FocalLength": "0.0 mm",
            "ExposureProgram": "Not Defined",
            "WhiteBalance": "Unknown (7)",
        }
    )
    nulls = (labels.exposure_seconds, labels.f_number, labels.iso, labels.focal_length_mm)
    assert nulls == (None, None, None, None)
    assert labels.null_reasons == (
        "exposure_seconds=infinite; f_number=zero; iso=saturated; focal_length_mm=zero; "
        "exposure_program=not_defined; white_balance=unknown_value"
    )


def test_year_is_of_the_date_that_is_given_before_the_one_in_the_file() -> None:
    assert label(D750, "2014-01-01 00:00:00").year == 2014
    assert label(D750, "0000-00-00 00:00:00").year == 2015
    assert label(D750, None).year == 2015


# Numbers near the border of two classes, as files hold them: tag, number, value, class, printed, class of the print.
BORDERS = [
    ("FocalLength", Fraction(399, 100), 3.99, "3-4 mm", "4.0 mm", "4-5 mm"),
    ("FocalLength", Fraction(42, 10), 4.2, "4-5 mm", "4.2 mm", "4-5 mm"),
    ("FNumber", Fraction(168, 100), 1.68, "1.6", "1.7", "1.8"),
    ("FNumber", Fraction(178, 100), 1.78, "1.8", "1.8", "1.8"),
    ("ExposureTime", Fraction(345, 1000), 0.345, "0.3", "0.3", "0.3"),
    ("ExposureTime", Fraction(27, 100), 0.27, "1/4", "0.3", "0.3"),
    ("ExposureTime", 0.26, 0.26, "1/4", "0.3", "0.3"),
    ("ISO", 102_400, 102_400, "102400", "65535", None),
]
COLUMNS_OF = {
    "FocalLength": ("focal_length_mm", "focal_length_class", "focal_length_exact"),
    "FNumber": ("f_number", "aperture_class", "aperture_exact"),
    "ExposureTime": ("exposure_seconds", "exposure_class", "exposure_exact"),
    "ISO": ("iso", "iso_class", "iso_exact"),
}


@pytest.mark.parametrize(("tag", "number", "value", "name", "text", "name_of_text"), BORDERS)
def test_numbers_win_over_what_is_printed(
    tag: str, number: Fraction | float, value: float, name: str, text: str, name_of_text: str | None
) -> None:
    exact, printed = label({tag: text}, numbers={tag: number}), label({tag: text})
    of_value, of_class, of_exact = COLUMNS_OF[tag]
    assert (getattr(exact, of_value), getattr(exact, of_class)) == (value, name)
    assert getattr(printed, of_class) == name_of_text
    assert getattr(exact, of_exact) == (text if name_of_text else name)  # as printed, for comparisons with the paper
    assert exact.null_reasons is None


def test_a_number_that_no_camera_has_is_null_whatever_is_printed() -> None:
    labels = label({"FocalLength": "0.0 mm", "FNumber": "2.0"}, numbers={"FocalLength": 0.04, "FNumber": Fraction(0)})
    assert (labels.focal_length_mm, labels.f_number, labels.aperture_exact) == (None, None, None)
    assert labels.null_reasons == "f_number=zero; focal_length_mm=out_of_range"


def test_an_editor_can_name_itself_in_creator_tool() -> None:
    tags = {tag: raw for tag, raw in D750.items() if tag != "Software"}
    assert label(tags).edited is None
    labels = label({**tags, "CreatorTool": "Adobe Photoshop Lightroom 5.0"})
    assert (labels.software, labels.edited) == ("Adobe Photoshop Lightroom 5.0", True)


def test_a_scanner_is_told_by_its_name() -> None:
    scan = label({"Make": "NORITSU KOKI", "Model": "QSS-32_33"})
    assert scan.device_category.endswith("scanner")
    assert scan.is_smartphone is False


@pytest.mark.parametrize(
    ("tag", "raw", "column"),
    [
        ("Exposure", "ExposureTime", "exposure_exact"),
        ("Aperture", "FNumber", "aperture_exact"),
        ("ISO Speed", "ISO", "iso_exact"),
        ("Focal Length", "FocalLength", "focal_length_exact"),
        ("Make", "Make", "make_published"),
        ("Year", "DateTimeOriginal", "year"),
    ],
)
@pytest.mark.parametrize("folder", SPLIT_FILES)
def test_the_published_classes_come_out_by_name(tag: str, raw: str, column: str, folder: Path) -> None:
    path = folder / f"split_data_target_attribute={tag}.json"
    classes = json.loads(path.read_text())["label_encoder_classes"]
    form = "{:.0f}:01:01 00:00:00" if tag == "Year" else "{}"
    if tag == "Year":
        classes = [int(float(name)) for name in classes]  # "2011.0"
    labels = [getattr(label({**D750, raw: form.format(name)}), column) for name in classes]
    assert labels == classes


def test_a_file_gives_the_labels_of_its_tags(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    exif: dict[str, Any] = {
        "0th": {piexif.ImageIFD.Make: b"NIKON CORPORATION", piexif.ImageIFD.Model: b"NIKON D750"},
        "Exif": {
            piexif.ExifIFD.ExposureTime: (4, 1_000),
            piexif.ExifIFD.FNumber: (56, 10),
            piexif.ExifIFD.ISOSpeedRatings: 100,
            piexif.ExifIFD.FocalLength: (500, 10),
            piexif.ExifIFD.Flash: 16,
            piexif.ExifIFD.ExposureProgram: 2,
            piexif.ExifIFD.ExposureMode: 0,
            piexif.ExifIFD.WhiteBalance: 0,
            piexif.ExifIFD.DateTimeOriginal: b"2015:06:07 08:09:10",
        },
    }
    exif["0th"][piexif.ImageIFD.Software] = b"Ver.1.10  "
    Image.new("RGB", (8, 8)).save(path, exif=piexif.dump(exif))
    assert read_labels(path) == read_labels(str(path)) == label(D750)


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(BadPicture):
        read_labels(tmp_path)


LIKELY = st.sampled_from(
    ["1/250", "0", "inf", "100, 0", "Canon", "NIKON CORPORATION", "iPhone 6", "5.6", "Auto", "65535"]
)
RAW = LIKELY | st.text(max_size=300) | st.binary(max_size=50).map(lambda raw: raw.decode("latin-1"))
NUMBERS = st.dictionaries(st.sampled_from(sorted(COLUMNS_OF)), st.fractions() | st.floats() | st.integers())
CLASSES: Mapping[str, Mapping[str, float]] = {
    "exposure_class": EXPOSURE_CLASSES,
    "aperture_class": APERTURE_CLASSES,
    "iso_class": ISO_CLASSES,
    "focal_length_class": FOCAL_LENGTH_CLASSES,
}


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(TAGS)), RAW), st.none() | st.text(max_size=30), NUMBERS)
def test_hostile_strings_give_labels_of_the_declared_kind(
    tags: dict[str, str], date: str | None, exact: dict[str, Fraction | float]
) -> None:
    labels = label(tags, date, exact)
    assert labels == label(dict(reversed(tags.items())), date, exact)
    for name, classes in CLASSES.items():
        assert getattr(labels, name) is None or getattr(labels, name) in classes
    # A number and its printed class come together; a setting that was there has one of number and reason.
    numbers = {
        "exposure_seconds": ("exposure_exact", "ExposureTime"),
        "f_number": ("aperture_exact", "FNumber"),
        "iso": ("iso_exact", "ISO"),
        "focal_length_mm": ("focal_length_exact", "FocalLength"),
    }
    reasons = dict(reason.split("=") for reason in (labels.null_reasons or "").split("; ") if reason)
    for name, (printed, tag) in numbers.items():
        assert (getattr(labels, name) is None) == (getattr(labels, printed) is None)
        if tag in exact or tags.get(tag, "").replace("\0", "").strip():
            assert (getattr(labels, name) is None) == (name in reasons)
        else:
            assert name not in reasons
    for field in fields(Labels):
        value = getattr(labels, field.name)
        assert value is None or not isinstance(value, str) or len(value) <= 200 or field.name == "null_reasons"
