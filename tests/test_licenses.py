"""The licence table and what the command line may ask for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.collectors.flickr.licenses import LICENSES, PERMISSIVE, license_for, parse_licenses
from flickrexif.core.errors import UsageError


def test_the_table_has_flickrs_seventeen_licences() -> None:
    assert list(LICENSES) == list(range(17))
    assert [LICENSES[i].name for i in (0, 4, 9, 16)] == [
        "All Rights Reserved",
        "CC BY 2.0",
        "CC0 1.0",
        "CC BY-NC-ND 4.0",
    ]
    assert len({license_.url for license_ in LICENSES.values()}) == 17
    assert all(license_.id == number and license_.url.startswith("https://") for number, license_ in LICENSES.items())


def test_creative_commons_names_agree_with_their_addresses() -> None:
    for license_ in LICENSES.values():
        if license_.name.startswith("CC BY"):
            kind, version = license_.name.removeprefix("CC ").lower().split()
            assert license_.url == f"https://creativecommons.org/licenses/{kind}/{version}/"


def test_the_permissive_ones_allow_commerce_and_changes() -> None:
    limited = {i for i, license_ in LICENSES.items() if "NC" in license_.name or "ND" in license_.name}
    assert set(PERMISSIVE) == set(LICENSES) - limited - {0}


def test_an_unknown_licence_is_named_not_an_error() -> None:
    unknown = license_for(99)
    assert (unknown.id, unknown.name, unknown.url) == (99, "Unknown licence (id 99)", "")
    assert license_for(4) is LICENSES[4]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("permissive", (4, 5, 7, 8, 9, 10, 11, 12)),
        ("all", tuple(range(17))),
        ("4", (4,)),
        ("9, 4,4", (4, 9)),
        ("by,by-sa,cc0", (4, 5, 9, 11, 12)),
        ("BY-NC-SA", (1, 15)),
        ("by-nd,16", (6, 13, 16)),
        ("public-domain-mark,united-states-government-work", (8, 10)),
        ("no-known-copyright-restrictions, all-rights-reserved", (0, 7)),
        ("cc-by,CC BY-SA,CC0,cc-by-nd", (4, 5, 6, 9, 11, 12, 13)),
        ("permissive,by-nc", (2, 4, 5, 7, 8, 9, 10, 11, 12, 14)),
    ],
)
def test_licences_by_id_and_name(text: str, ids: tuple[int, ...]) -> None:
    assert parse_licenses(text) == ids


@pytest.mark.parametrize("text", ["", ",", "4,", "17", "-1", "gpl", "by sa", "4;5", "٤"])
def test_an_unknown_name_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_licenses(text)
    for word in ("permissive", "all", "by-nc-nd", "cc0", "0 to 16"):
        assert word in caught.value.hint


@settings(deadline=None)
@given(st.sets(st.integers(0, 16), min_size=1))
def test_ids_come_back_sorted(ids: set[int]) -> None:
    assert parse_licenses(",".join(map(str, ids))) == tuple(sorted(ids))
    assert parse_licenses(",".join(LICENSES[i].short_name for i in ids)) == tuple(
        i for i in LICENSES if LICENSES[i].short_name in {LICENSES[j].short_name for j in ids}
    )
