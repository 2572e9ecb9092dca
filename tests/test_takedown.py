"""The list of takedowns: who is on it is known, who they are is not, and a damaged list is never passed over."""

import csv
import hashlib
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.takedowns import (
    MAX_REASON,
    Takedowns,
    add,
    merge,
    one_line,
    read_takedowns,
    takedown_path,
    write_takedowns,
)

NOW = datetime(2026, 1, 31, 12, 0, 5, 999, tzinfo=UTC)
HEADER = "time,kind,salt,hash,reason\n"
SALT, HASH = "0f" * 16, "ab" * 32
LINE = f"2026-01-31T12:00:05Z,photo,{SALT},{HASH},asked by mail\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return takedown_path(tmp_path / "flickrexif")


def hmac_sha256(key: bytes, message: bytes) -> str:
    """RFC 2104, written out."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).hexdigest()


def test_a_line_is_a_salted_hash_and_names_nobody(path: Path) -> None:
    add(path, photos=[53_512_345_678], owners=["7478087@N06"], reason="asked by mail", now=NOW)
    assert path.name == "takedowns.csv"
    assert path.parent.name == ".crawl"
    text = path.read_text()
    assert "53512345678" not in text
    assert "7478087" not in text
    photo, owner = csv.DictReader(text.splitlines())
    key = bytes.fromhex(photo["salt"])
    assert len(key) == 16
    assert photo["hash"] == hmac_sha256(key, b"photo:53512345678")
    assert owner["hash"] == hmac_sha256(key, b"owner:7478087@N06")
    assert [(row["time"], row["kind"], row["reason"]) for row in (photo, owner)] == [
        ("2026-01-31T12:00:05Z", "photo", "asked by mail"),
        ("2026-01-31T12:00:05Z", "owner", "asked by mail"),
    ]


def test_two_folders_have_two_salts_and_a_folder_has_one(path: Path, tmp_path: Path) -> None:
    add(path, photos=[1], reason="a", now=NOW)
    add(path, photos=[2], reason="b", now=NOW)
    other = takedown_path(tmp_path / "other")
    add(other, photos=[1], reason="a", now=NOW)
    here, there = read_takedowns(path), read_takedowns(other)
    assert len({line.salt for line in here.lines}) == 1
    assert here.lines[0].salt != there.lines[0].salt
    assert here.lines[0].hash != there.lines[0].hash


ids = st.sets(st.integers(1, 10**18), max_size=6)
nsids = st.sets(st.from_regex(r"[0-9]{1,10}@N0[0-9]", fullmatch=True), max_size=6)


@given(photos=ids, owners=nsids, others=ids, strangers=nsids)
def test_those_added_are_listed_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, photos: set[int], owners: set[str], others: set[int], strangers: set[str]
) -> None:
    path = tmp_path_factory.mktemp("list") / "takedowns.csv"
    new = add(path, photos=photos, owners=owners, reason="x", now=NOW)
    assert len(new) == len(photos) + len(owners)
    listed = read_takedowns(path)
    assert {one for one in photos | others if listed.photo(one)} == photos
    assert {one for one in owners | strangers if listed.owner(one)} == owners
    before = path.read_bytes() if path.exists() else None
    assert add(path, photos=photos, owners=owners, reason="y", now=NOW + timedelta(days=1)) == ()
    assert (path.read_bytes() if path.exists() else None) == before


def test_a_photo_is_no_owner_of_the_same_name(path: Path) -> None:
    add(path, owners=["12"], reason="x", now=NOW)
    listed = read_takedowns(path)
    assert listed.owner("12")
    assert not listed.photo(12)


def test_lists_are_joined_line_by_line(path: Path, tmp_path: Path) -> None:
    other = takedown_path(tmp_path / "other")
    add(path, photos=[1, 2], reason="a", now=NOW)
    add(other, photos=[2, 3], owners=["1@N01"], reason="b", now=NOW - timedelta(days=1))
    first, second = read_takedowns(path), read_takedowns(other)
    joined = merge([first, second, first])
    assert joined == merge([second, first])
    assert len(joined.lines) == 5
    assert [line.time for line in joined.lines] == sorted(line.time for line in joined.lines)
    out = takedown_path(tmp_path / "out")
    write_takedowns(out, joined)
    assert read_takedowns(out) == joined
    assert [joined.photo(one) for one in (1, 2, 3, 4)] == [True, True, True, False]
    assert joined.owner("1@N01")
    add(out, photos=[3, 4], reason="c", now=NOW)  # 3 is on it under the other salt
    assert len(read_takedowns(out).lines) == 6


def test_no_list_is_an_empty_one_and_none_is_written_for_nobody(path: Path) -> None:
    assert read_takedowns(path) == Takedowns()
    assert not read_takedowns(path).photo(1)
    write_takedowns(path, Takedowns())
    add(path, reason="x", now=NOW)
    assert not path.exists()


def test_times_are_utc_whatever_the_zone(path: Path) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=9)))
    (line,) = add(path, photos=[1], reason="x", now=local)
    assert line.time == "2026-01-31T12:00:05Z"


@given(reason=st.text(max_size=400))
def test_any_reason_is_one_bounded_line_that_comes_back(tmp_path_factory: pytest.TempPathFactory, reason: str) -> None:
    told = one_line(reason)
    assert len(told) <= MAX_REASON
    assert told.isprintable()
    path = tmp_path_factory.mktemp("list") / "takedowns.csv"
    if not told:
        with pytest.raises(UsageError, match="The reason is empty"):
            add(path, photos=[1], reason=reason, now=NOW)
        assert not path.exists()
        return
    add(path, photos=[1], reason=reason, now=NOW)
    (line,) = read_takedowns(path).lines
    assert line.reason == told
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_a_reason_keeps_its_words() -> None:
    assert one_line(' asked,\n"by"\tmail\u202e \x1b[0m') == 'asked, "by" mail [0m'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        HEADER[:-1],
        HEADER + LINE[:-1],
        HEADER + LINE[:-20],
        HEADER + LINE.replace("photo", "album"),
        HEADER + LINE.replace(HASH, HASH[:-1]),
        HEADER + LINE.replace(SALT, SALT.upper()),
        HEADER + LINE.replace("Z", "+01:00"),
        HEADER + LINE.replace(",asked by mail", ""),
        HEADER + LINE.replace("asked by mail", "asked by mail,twice"),
        HEADER + LINE.replace("asked by mail", ""),
        HEADER + LINE.replace("asked by mail", 'asked "by mail'.replace("asked ", "")),
        HEADER + "\n" + LINE,
        LINE,
        HEADER.replace("salt", "pepper") + LINE,
        HEADER + LINE + "\0" * 40,
        "<html>",
    ],
)
def test_a_damaged_list_is_an_error(path: Path, text: str) -> None:
    """An empty answer would bring back who asked to be forgotten."""
    path.parent.mkdir(parents=True)
    path.write_bytes(text.encode())
    for use in (read_takedowns, lambda path: add(path, photos=[1], reason="x", now=NOW)):
        with pytest.raises(FlickrExifError, match=r"is damaged .*Restore it from a copy") as error:
            use(path)
        assert "\n" not in str(error.value)
    assert path.read_bytes() == text.encode()


def test_bytes_that_are_no_text_are_damage(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes((HEADER + LINE).encode() + b"\xff\xfe\n")
    with pytest.raises(FlickrExifError, match="is damaged"):
        read_takedowns(path)


def test_a_good_list_is_read(path: Path) -> None:
    """What the damaged ones differ from."""
    path.parent.mkdir(parents=True)
    path.write_text(HEADER + LINE)
    (line,) = read_takedowns(path).lines
    assert (line.kind, line.salt, line.hash, line.reason) == ("photo", SALT, HASH, "asked by mail")


def test_a_list_that_cannot_be_read_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(FlickrExifError, match=rf"{re.escape(str(path))} cannot be read \("):
        read_takedowns(path)
