"""Which raw strings of getExif count."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.exif import label
from flickrexif.exif.tags import raw_tags, unusable


def entry(space: str, tag: str | int, content: Any) -> dict[str, Any]:
    return {"tagspace": space, "tagspaceid": 0, "tag": tag, "label": "", "raw": {"_content": content}}


def test_the_camera_s_own_tags_win_over_copies_in_whatever_order() -> None:
    entries = [
        entry("XMP-tiff", "Make", "Adobe"),
        entry("IFD0", "Make", "NIKON CORPORATION"),
        entry("TIFF", "271", "N"),
    ]
    for order in (entries, entries[::-1]):
        tags, conflicts = raw_tags(order)
        assert tags == {"Make": "NIKON CORPORATION"}
        assert conflicts == {"Make": ["NIKON CORPORATION", "Adobe", "N"]}


def test_old_numeric_tags_are_read() -> None:
    old = {
        "271": "Canon",
        "272": "Canon PowerShot A70",
        "33434": "1/60",
        "33437": "2.8",
        "34855": 100,
        "37386": "5.4 mm",
    }
    tags, conflicts = raw_tags([entry("TIFF" if tag < "3" else "EXIF", tag, value) for tag, value in old.items()])
    assert tags == {
        "Make": "Canon",
        "Model": "Canon PowerShot A70",
        "ExposureTime": "1/60",
        "FNumber": "2.8",
        "ISO": "100",
        "FocalLength": "5.4 mm",
    }
    assert not conflicts


@pytest.mark.parametrize(
    ("tags", "iso"),
    [
        (
            {"ISO": "65535", "SensitivityType": "Recommended Exposure Index", "RecommendedExposureIndex": 102400},
            102_400,
        ),
        ({"34855": 65535, "34864": "ISO Speed", "34866": 51200, "34867": 204800}, 204_800),
        ({"SensitivityType": "Standard Output Sensitivity", "StandardOutputSensitivity": 3200}, 3_200),
        ({"ISO": "65535", "RecommendedExposureIndex": 102400}, 102_400),
        ({"ISO": "400", "SensitivityType": "Recommended Exposure Index", "RecommendedExposureIndex": 500}, 400),
        ({"ISO": "65535", "SensitivityType": "Unknown", "RecommendedExposureIndex": 0}, None),
        ({"ISO": "65535"}, None),
    ],
)
def test_an_iso_that_its_field_cannot_hold_is_in_a_newer_one(tags: dict[str, object], iso: int | None) -> None:
    labels = label(raw_tags([entry("ExifIFD", tag, content) for tag, content in tags.items()])[0])
    assert labels.iso == iso
    assert (labels.iso_exact, labels.null_reasons) == ((str(iso), None) if iso else (None, "iso=saturated"))


@pytest.mark.parametrize("content", [None, "", "  ", "\0", "(Binary data 31 bytes, use -b option to extract)", {}, []])
def test_empty_and_binary_content_is_no_value(content: Any) -> None:
    assert raw_tags([entry("IFD0", "Make", content)]) == ({}, {})


def test_other_tagspaces_do_not_count() -> None:
    assert raw_tags([entry("JFIF", "Make", "x"), entry("IPTC", "Model", "y"), entry("IFD1", "Make", "z")]) == ({}, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["tagspace", "tag", "raw", "_content"]), inner),
)


@given(st.lists(JSON))
def test_hostile_shapes_are_passed_over(entries: list[Any]) -> None:
    raw_tags(entries)


FULL = {"Make": "a", "Model": "b", "ExposureTime": "1/60", "FNumber": "2.0", "FocalLength": "4 mm"}


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        (set(), None),
        ({"FNumber", "FocalLength"}, None),
        ({"ExposureTime", "FNumber"}, None),
        ({"Make"}, "no_make_or_model"),
        ({"Model"}, "no_make_or_model"),
        ({"ExposureTime", "FNumber", "FocalLength"}, "no_exposure_setting"),
        (set(FULL), "no_exif"),
    ],
)
def test_a_photo_needs_a_camera_and_one_setting(without: set[str], reason: str | None) -> None:
    assert unusable({tag: value for tag, value in FULL.items() if tag not in without}) == reason
