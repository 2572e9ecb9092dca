"""The credit line: what it says for each licence, and what strangers' text cannot do to it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.text import plain
from flickrexif.dataset.attribution import NAME_LENGTH, TITLE_LENGTH, attribution

PAGE = "https://www.flickr.com/photos/jo/7/"
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def credit(**fields: object) -> str:
    photo = {
        "title": "Harbour",
        "owner_name": "Jo",
        "owner": "7478087@N06",
        "page_url": PAGE,
        "license_id": 4,
        "license_name": "CC BY 2.0",
        "license_url": "https://creativecommons.org/licenses/by/2.0/",
    }
    return attribution(**(photo | fields))  # type: ignore[arg-type]


def test_licence_line_names_title_author_source_and_licence() -> None:
    assert credit() == (
        '"Harbour" by Jo (https://www.flickr.com/photos/jo/7/) is licensed under CC BY 2.0 '
        "(https://creativecommons.org/licenses/by/2.0/)"
    )


@pytest.mark.parametrize(
    ("license_id", "name", "words"),
    [
        (0, "All Rights Reserved", "is not under an open licence: All Rights Reserved (u)"),
        (7, "No known copyright restrictions", "has no known copyright restrictions (u)"),
        (8, "United States Government Work", "is a United States Government Work (u)"),
        (9, "CC0 1.0", "is dedicated to the public domain: CC0 1.0 (u)"),
        (10, "Public Domain Mark 1.0", "is free of known copyright: Public Domain Mark 1.0 (u)"),
        (16, "CC BY-NC-ND 4.0", "is licensed under CC BY-NC-ND 4.0 (u)"),
        (99, "Some licence", "is licensed under Some licence (u)"),
    ],
)
def test_statement_by_licence(license_id: int, name: str, words: str) -> None:
    line = credit(license_id=license_id, license_name=name, license_url="u")
    assert line == f'"Harbour" by Jo ({PAGE}) {words}'


@pytest.mark.parametrize("title", [None, "", " \n\t", "\u202e\u200b"])
def test_missing_title_and_name(title: str | None) -> None:
    assert credit(title=title, owner_name=title).startswith(f"Untitled photo by 7478087@N06 ({PAGE})")


def test_long_text_is_cut() -> None:
    line = credit(title="t" * 1000, owner_name="n" * 1000)
    assert line.startswith(f'"{"t" * (TITLE_LENGTH - 1)}…" by {"n" * (NAME_LENGTH - 1)}… (')


def test_readable_text_stays() -> None:
    for text in ("Crème brûlée – 1/250 s", "می‌خواهم", "👩‍👩‍👧", "東京の夜", "<b>&amp;</b>"):
        assert plain(text, 100) == text


def test_quotes_in_a_title_do_not_end_it() -> None:
    assert credit(title='x" by God (evil)').startswith('"x\' by God (evil)" by Jo (')


HOSTILE = st.text(st.characters(exclude_categories=()) | st.sampled_from(BIDI + '\r\n\0\x1b\u2028\ufeff\ud800"'))


@given(title=HOSTILE, name=HOSTILE, page=HOSTILE)
def test_hostile_text_stays_one_bounded_visible_line(title: str, name: str, page: str) -> None:
    line = credit(title=title, owner_name=name, page_url=page)
    assert len(line) < 1_000
    assert len(line.splitlines()) == 1
    assert not set(line) & set(BIDI)
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert line.endswith(" is licensed under CC BY 2.0 (https://creativecommons.org/licenses/by/2.0/)")
    line.encode()


@given(HOSTILE, st.integers(1, 50))
def test_plain_is_idempotent(text: str, length: int) -> None:
    once = plain(text, length)
    assert len(once) <= length
    assert plain(once, length) == once
