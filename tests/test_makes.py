"""One name per maker, and the published spellings."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.exif.devices import CATEGORIES
from flickrexif.exif.makes import MAX_LENGTH, canonical_make, published_make, rows, tidy
from tests.samples import SPLIT_FILES

# Spellings seen in Exif, by canonical name.
SPELLINGS = {
    "Nikon": ["NIKON", "NIKON CORPORATION", "Nikon", "nikon corporation", "NIKON CORPORATION\0\0", "  NIKON  "],
    "Olympus": [
        *("OLYMPUS OPTICAL CO.,LTD", "OLYMPUS CORPORATION", "OLYMPUS IMAGING CORP.", "OLYMPUS IMAGING CORP.  "),
        *("OM Digital Solutions", "OLYMPUS", "Olympus Optical Co., Ltd."),
    ],
    "Kodak": ["Eastman Kodak Company", "EASTMAN KODAK COMPANY", "KODAK", "JK Imaging, Ltd.", "Kodak"],
    "Fujifilm": ["FUJI PHOTO FILM CO., LTD.", "FUJIFILM", "FUJIFILM Corporation", "Fujifilm"],
    "Casio": ["CASIO COMPUTER CO.,LTD.", "CASIO COMPUTER CO.,LTD", "CASIO", "CASIO COMPUTER CO.,LTD "],
    "Konica Minolta": ["Minolta Co., Ltd.", "MINOLTA", "KONICA MINOLTA", "Konica Minolta Camera, Inc."],
    "Pentax": ["Asahi Optical Co.,Ltd", "PENTAX Corporation", "PENTAX", "PENTAX CORPORATION"],
    "Ricoh": ["RICOH", "RICOH IMAGING COMPANY, LTD."],
    "Samsung": ["SAMSUNG TECHWIN", "SAMSUNG", "samsung", "SAMSUNG TECHWIN CO., LTD.", "Samsung Electronics"],
    "Leica": ["Leica Camera AG", "LEICA CAMERA AG", "LEICA", "Leica"],
    "LG": ["LGE", "LG Electronics", "LG_Electronics", "LG ELECTRONICS", "LG Mobile", "lge"],
    "Motorola": ["Motorola", "motorola", "MOTOROLA", "Motorola Mobility", "Motorol"],
    "Raspberry Pi": ["RaspberryPi", "Raspberry Pi", "raspberrypi", "Raspberry Pi Ltd"],
    "VenTrade": ["VenTrade GmbH, Germany"],
    "Huawei": ["HUAWEI", "Huawei", "HUAWEI Technologies Co., Ltd."],
    "Nokia": ["HMD Global", "Nokia", "NOKIA", "HMD Global Oy"],
    "Microsoft": ["Microsoft", "MicrosoftMDG", "Microsoft Corporation"],
    "Sony": ["SONY", "Sony", "Sony Mobile Communications"],
    "Sony Ericsson": ["Sony Ericsson", "SonyEricsson", "SEMC", "Sony-Ericsson"],
    "HP": ["Hewlett-Packard", "HP", "Hewlett-Packard Company"],
    "Epson": ["SEIKO EPSON CORP.", "EPSON", "SEIKO EPSON CORPORATION"],
    "Sanyo": ["SANYO Electric Co.,Ltd.", "SANYO", "SANYO Electric Co.,Ltd"],
    "BlackBerry": ["Research In Motion", "BlackBerry", "RIM"],
    "Blackview": ["Blackview", "BLACKVIEW"],
    "Konica": ["KONICA CORPORATION"],
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_gives_the_canonical_name(name: str) -> None:
    assert {canonical_make(raw) for raw in SPELLINGS[name]} == {name}


def test_published_spellings() -> None:
    expected = {
        **{
            "Apple": "Apple",
            "Canon": "Canon",
            "KODAK": "EASTMAN KODAK COMPANY",
            "FUJI PHOTO FILM CO., LTD.": "FUJIFILM",
        },
        **{"NIKON CORPORATION": "NIKON", "OLYMPUS IMAGING CORP.": "OLYMPUS OPTICAL CO.,LTD"},
        **{"Panasonic": "Panasonic", "Sony": "SONY", "SAMSUNG": "samsung", "SAMSUNG TECHWIN": "samsung"},
        **{"PENTAX Corporation": "Pentax", "Nobody Known": "Nobody Known"},
    }
    assert {raw: published_make(raw) for raw in expected} == expected


@pytest.mark.parametrize("folder", SPLIT_FILES)
def test_published_classes_come_out_unchanged(folder: Path) -> None:
    record = json.loads((folder / "split_data_target_attribute=Make.json").read_text(encoding="utf-8"))
    classes = record["label_encoder_classes"]
    assert len(classes) == 9
    assert [published_make(name) for name in classes] == classes


def test_unknown_makers_keep_their_own_text_tidied() -> None:
    assert canonical_make(" Foo\tCamera\x07 Works \0rest") == "Foo Camera Works"
    assert canonical_make("x" * 5_000) == "x" * MAX_LENGTH
    assert [canonical_make(raw) for raw in (None, "", " ", "\0\0")] == [None] * 4
    assert canonical_make(271) is None  # type: ignore[arg-type]


def test_every_row_of_the_tables_is_found_and_stays() -> None:
    for raw, make, published, kind in rows("makes.csv"):
        assert kind in CATEGORIES
        assert canonical_make(raw) == make == canonical_make(make) == canonical_make(published or make)
    for brand, kind in rows("brands.csv"):
        assert kind in CATEGORIES
        assert canonical_make(canonical_make(brand)) == canonical_make(brand)


@given(st.one_of(st.text(), st.sampled_from(rows("makes.csv")).map(lambda row: row[0] + " Co., Ltd.")))
def test_both_names_are_stable_and_bounded(raw: str) -> None:
    name, published = canonical_make(raw), published_make(raw)
    assert canonical_make(name) == name
    assert published_make(published) == published
    assert published_make(name) == published
    assert tidy(name) == name
    assert name is None or (0 < len(name) <= MAX_LENGTH and name.isprintable())
