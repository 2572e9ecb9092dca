"""Flickr's search answers as records, whatever they hold."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.collectors.flickr.models import EXTRAS, Image, parse_photo, parse_search, to_int

# As flickr.photos.search documents it; numbers as strings and as ints, as they have been seen to come.
ENTRY = {
    "id": "6317390273",
    "owner": "7478087@N06",
    "secret": "0123456789",
    "server": "65535",
    "farm": 66,
    "title": "A title",
    "ispublic": 1,
    "license": "4",
    "datetaken": "2011-11-05 15:54:37",
    "datetakengranularity": "0",
    "datetakenunknown": "0",
    "dateupload": "1581319011",
    "ownername": "Somebody",
    "pathalias": "some_body",
    "media": "photo",
    "url_m": "https://live.staticflickr.com/65535/1_m.jpg",
    "width_m": "155",
    "height_m": "240",
    "url_l": "https://live.staticflickr.com/65535/1_b.jpg",
    "width_l": 660,
    "height_l": 1024,
    "url_o": "https://live.staticflickr.com/65535/1_o.jpg",
    "o_width": "3000",
}


def test_a_documented_entry() -> None:
    photo = parse_photo(ENTRY)
    assert photo is not None
    assert (photo.id, photo.owner, photo.license_id) == (6317390273, "7478087@N06", 4)
    assert (photo.date_taken, photo.date_taken_granularity) == ("2011-11-05 15:54:37", 0)
    assert (photo.date_taken_unknown, photo.date_upload) == (False, 1581319011)
    assert photo.image == Image("l", "https://live.staticflickr.com/65535/1_b.jpg", 660, 1024)
    assert photo.original == Image("o", "https://live.staticflickr.com/65535/1_o.jpg", None, None)
    assert photo.page_url == "https://www.flickr.com/photos/some_body/6317390273/"


def test_every_field_that_is_read_is_asked_for() -> None:
    extras = EXTRAS.split(",")
    assert len(extras) == len(set(extras))
    assert {"date_taken", "date_upload", "owner_name", "path_alias", "license", "media"} <= set(extras)
    assert {f"url_{size}" for size in "olczm"} <= set(extras)


@pytest.mark.parametrize(("missing", "size"), [("", "l"), ("l", "c"), ("lc", "z"), ("lcz", "m"), ("lczm", None)])
def test_the_largest_size_there_is(missing: str, size: str | None) -> None:
    urls = {f"url_{s}": f"https://live.staticflickr.com/1_{s}.jpg" for s in "lczm" if s not in missing}
    photo = parse_photo({"id": 1, "owner": "1@N01", **urls})
    assert photo is not None
    assert (photo.image.size if photo.image else None) == size


def test_without_an_alias_the_page_is_the_owners() -> None:
    for alias in (None, ""):
        photo = parse_photo({"id": 1, "owner": "1@N01", "pathalias": alias})
        assert photo is not None
        assert photo.page_url == "https://www.flickr.com/photos/1@N01/1/"


@pytest.mark.parametrize(
    ("image", "site"),
    [
        ("https://live.staticflickr.com/1/1_a_b.jpg", "https://www.flickr.com"),
        ("http://127.0.0.1:8600/1/1_a_b.jpg", "http://127.0.0.1:8600"),
        ("https://evil.example/staticflickr.com/1.jpg", "https://evil.example"),
        ("https://[::1/1.jpg", "https://www.flickr.com"),
    ],
)
def test_a_photo_of_another_server_links_to_no_page_of_flickr(image: str, site: str) -> None:
    photo = parse_photo({"id": 1, "owner": "1@N01", "url_l": image})
    assert photo is not None
    assert photo.page_url == f"{site}/photos/1@N01/1/"


def test_an_alias_cannot_leave_its_place_in_the_address() -> None:
    photo = parse_photo({"id": 1, "owner": "1@N01", "pathalias": '../"><script>?a#b'})
    assert photo is not None
    assert photo.page_url == "https://www.flickr.com/photos/..%2F%22%3E%3Cscript%3E%3Fa%23b/1/"
    photo = parse_photo({"id": 1, "owner": "1@N01", "pathalias": "\ud83d"})
    assert photo is not None
    assert photo.page_url == "https://www.flickr.com/photos/%3F/1/"


def test_a_date_that_may_be_unknown_is_unknown() -> None:
    for value in ("1", None, "x"):
        photo = parse_photo({"id": 1, "owner": "1@N01", "datetakenunknown": value})
        assert photo is not None
        assert photo.date_taken_unknown


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        ("-1", -1),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        ("9" * 5_000, None),
        (None, None),
        (True, None),
        (1.5, None),
        ("1e3", None),
        ({}, None),
    ],
)
def test_numbers(value: object, number: int | None) -> None:
    assert to_int(value) == number


junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()) | st.just({})


@settings(deadline=None)
@given(st.fixed_dictionaries({}, optional=dict.fromkeys(ENTRY, junk)))
def test_no_entry_raises(entry: dict[str, Any]) -> None:
    photo = parse_photo(entry)
    assert (photo is None) == (
        to_int(entry.get("id")) is None or not isinstance(entry.get("owner"), str | int) or str(entry["owner"]) == ""
    )


def test_titles_as_text_or_wrapped_bounded() -> None:
    for title, text in ((1984, "1984"), ({"_content": "x"}, "x"), ("", None), ([], None), ("x" * 5_000, "x" * 1_000)):
        photo = parse_photo({"id": 1, "owner": "1@N01", "title": title})
        assert photo is not None
        assert photo.title == text


def test_a_search_page_keeps_its_entries_as_sent() -> None:
    page = parse_search({"photos": {"total": "108000", "photo": [ENTRY, "junk", None, {"id": 2}]}, "stat": "ok"})
    assert (page.total, page.entries) == (108000, (ENTRY, {"id": 2}))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["photos", "stat"]), junk | st.dictionaries(st.sampled_from(["total", "photo"]), junk)
    )
)
def test_no_search_answer_raises(answer: dict[str, Any]) -> None:
    assert parse_search(answer).entries == ()
