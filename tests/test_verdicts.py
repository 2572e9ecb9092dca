"""What is out before any getExif call, against the words of the verdicts themselves."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flickrexif.collectors.crawl import SKIP_CODES
from flickrexif.collectors.flickr.models import SearchPhoto
from flickrexif.collectors.verdicts import before_exif
from flickrexif.core.verdicts import BEFORE_EXIF, BY_CAP, BY_EXIF, KEPT, REASONS
from flickrexif.exif.tags import unusable
from tests.test_journal import MONTH, PHOTO, search_photos

LICENSES = (4, 5)
TAKEN = datetime(2024, 8, 3, 12, 34, 56)
UPLOADED = int(TAKEN.replace(tzinfo=UTC).timestamp())
DAY = 86_400


def test_a_good_photo_is_in() -> None:
    assert before_exif(PHOTO, MONTH, LICENSES) is None


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"license_id": 0}, "license"),
        ({"license_id": None}, "license"),
        ({"license_id": 99}, "license"),
        ({"media": "video"}, "not_a_photo"),
        ({"date_taken_unknown": True}, "date_unknown"),
        ({"date_taken": None}, "date_unknown"),
        ({"date_taken": "0000-00-00 00:00:00"}, "date_unknown"),
        ({"date_taken": "2024-02-30 10:00:00"}, "date_unknown"),
        ({"date_taken": "2024-08-03"}, "date_unknown"),
        ({"date_taken_granularity": 4}, "date_inexact"),
        ({"date_taken_granularity": 8}, "date_inexact"),
        ({"date_taken_granularity": None}, "date_inexact"),
        ({"date_taken": "2024-07-31 23:59:59"}, "other_month"),
        ({"date_taken": "2024-09-01 00:00:00"}, "other_month"),
        ({"date_taken": "2023-08-03 12:34:56"}, "other_month"),
        ({"date_upload": UPLOADED - DAY - 1}, "taken_after_upload"),
        ({"date_upload": UPLOADED - DAY}, None),
        ({"date_upload": 0}, "taken_after_upload"),
        ({"date_upload": -(2**63)}, "taken_after_upload"),
        ({"date_upload": 2**63 - 1}, None),
        ({"date_upload": None}, None),
        ({"image": None}, "no_image"),
    ],
)
def test_one_fault_gives_its_verdict(changes: dict[str, Any], verdict: str | None) -> None:
    assert before_exif(replace(PHOTO, **changes), MONTH, LICENSES) == verdict
    assert verdict is None or verdict in BEFORE_EXIF


@given(photo=search_photos)
@example(replace(PHOTO, date_taken="9999-12-31 23:59:59"))
def test_any_photo_has_a_verdict_of_the_list(photo: SearchPhoto) -> None:
    assert before_exif(photo, MONTH, LICENSES) in {None, *BEFORE_EXIF}


@given(
    taken=st.datetimes(datetime(2024, 7, 1), datetime(2024, 9, 30)).map(lambda d: d.replace(microsecond=0)),
    late=st.integers(-200_000, 200_000),
)
def test_the_month_and_the_day_of_slack(taken: datetime, late: int) -> None:
    """Against the clock's arithmetic: in the month, and not taken over 24 h after its upload."""
    uploaded = taken + timedelta(seconds=late)
    photo = replace(PHOTO, date_taken=str(taken), date_upload=int(uploaded.replace(tzinfo=UTC).timestamp()))
    expected = None if late >= -DAY else "taken_after_upload"
    assert before_exif(photo, MONTH, LICENSES) == (expected if taken.month == 8 else "other_month")


def test_every_verdict_that_the_crawl_gives_has_a_meaning() -> None:
    assert REASONS.keys() == {KEPT, *BEFORE_EXIF, *BY_CAP, *BY_EXIF}
    assert len(REASONS) == 1 + len(BEFORE_EXIF) + len(BY_CAP) + len(BY_EXIF)
    assert set(SKIP_CODES.values()) <= BY_EXIF.keys()
    reasons = {unusable(tags) for tags in ({}, {"Software": "x"}, {"Make": "a", "Model": "b"})}
    assert reasons == {"no_exif", "no_make_or_model", "no_exposure_setting"} <= BY_EXIF.keys()
