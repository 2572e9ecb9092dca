"""Dates in every form that cameras, phones, editors and Flickr write."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.exif import label
from flickrexif.exif.dates import read_date

MOMENTS = {
    "2011:03:08 16:23:00": "2011-03-08 16:23:00",
    "2011-03-08 16:23:00": "2011-03-08 16:23:00",
    "2011/03/08 16:23:00": "2011-03-08 16:23:00",
    "2015:08:22 24:08:19": "2015-08-22 00:08:19",
    "2015:08:31 24:00:00": "2015-08-31 00:00:00",
    "2015:02:01 14:42:59+01:00": "2015-02-01 14:42:59",
    "2015:02:01 14:42:59 +01": "2015-02-01 14:42:59",
    "2025:01:14 18:31:30+0000": "2025-01-14 18:31:30",
    "2025:01:14 18:31:30Z": "2025-01-14 18:31:30",
    "2025:01:14 18:31:30 UTC+8": "2025-01-14 18:31:30",
    "2004-09-04T23:39:06-08:00": "2004-09-04 23:39:06",
    "2004-09-04T23:39:06.1234567z": "2004-09-04 23:39:06",
    "2016:02:02 14:28:33.863": "2016-02-02 14:28:33",
    "2016:02:02 14:28:33,8-03:00": "2016-02-02 14:28:33",
    "2013: 5: 2  9: 1: 2": "2013-05-02 09:01:02",
    "2013:5:2 9:1:2": "2013-05-02 09:01:02",
    "2013:05:12:10:11:12": "2013-05-12 10:11:12",
    " 2013:05:12 10:11:12 ": "2013-05-12 10:11:12",
    "٢٠١٥:٠٢:٠١ ١٤:٤٢:٥٩": "2015-02-01 14:42:59",  # phones set to Arabic
    "2024:02:29 00:00:00": "2024-02-29 00:00:00",
}
TO_THE_MINUTE = {
    "2013:05:12 10:11": "2013-05-12 10:11:00",
    "2013-05-12T10:11+02:00": "2013-05-12 10:11:00",
}
NO_MOMENT = {  # text -> reason, month, year
    "0000:00:00 00:00:00": ("not_defined", None, None),
    "    :  :     :  :  ": ("not_defined", None, None),
    "0000-00-00T00:00:00": ("not_defined", None, None),
    "2013:05:12": ("no_time", "2013-05", 2013),
    "2013-05": ("no_time", "2013-05", 2013),
    "2013": ("no_time", None, 2013),
    "2013:05:12 10:11:60": ("out_of_range", "2013-05", 2013),
    "2013:05:12 25:11:12": ("out_of_range", "2013-05", 2013),
    "2023:02:29 10:11:12": ("out_of_range", "2023-02", 2023),
    "2013:13:12 10:11:12": ("out_of_range", None, 2013),
    "2013:00:00 00:00:00": ("out_of_range", None, 2013),
    "9999:12:31 23:59:59": ("out_of_range", None, None),
    "1799:12:31 23:59:59": ("out_of_range", None, None),
    "2013:05:12 10:11:12 PM": ("not_a_date", "2013-05", 2013),
    "2013:05:12 10": ("not_a_date", "2013-05", 2013),
    "2013:05 10:11:12": ("not_a_date", "2013-05", 2013),
    "20110308": ("not_a_date", None, None),
    "08/03/2011 16:23": ("not_a_date", None, None),
    "yesterday": ("not_a_date", None, None),
}


@pytest.mark.parametrize(("text", "time"), (MOMENTS | TO_THE_MINUTE).items())
def test_a_moment(text: str, time: str) -> None:
    taken = read_date(text)
    assert (str(taken.time), taken.month, taken.year, taken.reason) == (time, time[:7], int(time[:4]), None)
    assert taken.to_the_second == (text in MOMENTS)


@pytest.mark.parametrize(("text", "answer"), NO_MOMENT.items())
def test_what_is_no_moment_has_a_reason(text: str, answer: tuple[str, str | None, int | None]) -> None:
    taken = read_date(text)
    assert (taken.time, taken.to_the_second) == (None, False)
    assert (taken.reason, taken.month, taken.year) == answer


@pytest.mark.parametrize("text", [None, "", "  "])
def test_no_date_needs_no_reason(text: str | None) -> None:
    assert read_date(text) == (None, None, None, False, None)


@given(
    moment=st.datetimes(datetime(1826, 1, 1), datetime(2099, 12, 31)),
    form=st.sampled_from(("%Y:%m:%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y:%m:%d %H:%M:%S.%f%z")),
)
def test_a_date_is_read_back(moment: datetime, form: str) -> None:
    assert read_date(f"{moment.replace(tzinfo=UTC):{form}}").time == moment.replace(microsecond=0)


@given(st.text(max_size=40) | st.text("0123456789:/-T Z+.", max_size=30))
def test_any_text_has_a_moment_or_a_reason(text: str) -> None:
    taken = read_date(text)
    assert (taken.time is None) == (taken.reason is not None) or not text.strip()
    if taken.time:
        assert (taken.month, taken.year) == (f"{taken.time:%Y-%m}", taken.time.year)


def test_labels_give_the_reason_unless_another_date_is_given() -> None:
    assert label({"DateTimeOriginal": "0000:00:00 00:00:00"}).null_reasons == "date_taken=not_defined"
    assert label({"DateTimeOriginal": "2013:05:12", "FNumber": "0"}).null_reasons == "f_number=zero; date_taken=no_time"
    assert label({"DateTimeOriginal": "2013:05:12"}, "2014-01-01 00:00:00").null_reasons is None
    assert label({"DateTimeOriginal": "2015:08:22 24:08:19"}).null_reasons is None
