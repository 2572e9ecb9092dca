"""The list of takedowns: who is on it is known, who they are is not, and a damaged list is never passed over."""

import csv
import hashlib
import re
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
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
SALT, COARSE, HASH = "0f" * 16, "abcd", "ab" * 32
HEADER = "time,kind,method,salt,coarse,hash,reason\n"
LINE = f"2026-01-31T12:00:05Z,photo,scrypt,{SALT},{COARSE},{HASH},asked by mail\n"
FIRST_HEADER = "time,kind,salt,hash,reason\n"  # of version 0.1
FIRST_LINE = f"2026-01-31T12:00:05Z,photo,{SALT},{HASH},asked by mail\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return takedown_path(tmp_path / "flickrexif")


def hmac_sha256(key: bytes, message: bytes) -> str:
    """RFC 2104, written out."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).hexdigest()


def test_a_line_is_a_salted_slow_hash_and_names_nobody(path: Path) -> None:
    add(path, photos=[53_512_345_678], owners=["7478087@N06"], reason="asked by mail", now=NOW)
    assert path.name == "takedowns.csv"
    assert path.parent.name == ".crawl"
    text = path.read_text()
    assert "53512345678" not in text
    assert "7478087" not in text
    photo, owner = csv.DictReader(text.splitlines())
    key = bytes.fromhex(photo["salt"])
    assert len(key) == 16
    for row, message, digits in ((photo, b"photo:53512345678", 4), (owner, b"owner:7478087@N06", 2)):
        assert row["hash"] == hashlib.scrypt(message, salt=key, n=16_384, r=8, p=1, dklen=32).hex()
        assert row["coarse"] == hmac_sha256(key, message)[:digits]
        assert row["method"] == "scrypt"
    assert [(row["time"], row["kind"], row["reason"]) for row in (photo, owner)] == [
        ("2026-01-31T12:00:05Z", "photo", "asked by mail"),
        ("2026-01-31T12:00:05Z", "owner", "asked by mail"),
    ]


def test_a_name_of_the_same_coarse_hash_is_not_listed(path: Path) -> None:
    """Photographers who share two digits with a listed one: one in 256."""
    (line,) = add(path, owners=["7478087@N06"], reason="x", now=NOW)
    key = bytes.fromhex(line.salt)
    names = (f"{number}@N06" for number in range(10**7))
    alike = next(name for name in names if hmac_sha256(key, f"owner:{name}".encode())[:2] == line.coarse)
    listed = read_takedowns(path)
    assert not listed.owner(alike)
    assert listed.owner("7478087@N06")


def test_a_list_of_the_first_version_is_read_and_goes_on(path: Path) -> None:
    key = bytes.fromhex(SALT)
    first = FIRST_LINE.replace(HASH, hmac_sha256(key, b"photo:53512345678"))
    first += first.replace("photo", "owner").replace(first.split(",")[3], hmac_sha256(key, b"owner:7478087@N06"))
    path.parent.mkdir(parents=True)
    path.write_text(FIRST_HEADER + first)
    listed = read_takedowns(path)
    assert [listed.photo(one) for one in (53_512_345_678, 53_512_345_679)] == [True, False]
    assert [listed.owner(one) for one in ("7478087@N06", "53512345678")] == [True, False]
    (new,) = add(path, photos=[53_512_345_678, 53_512_345_679], owners=["7478087@N06"], reason="x", now=NOW)
    assert (new.method, new.salt) == ("scrypt", SALT)
    both = read_takedowns(path)
    assert all(map(both.photo, (53_512_345_678, 53_512_345_679)))
    assert both.owner("7478087@N06")
    assert both.lines[:2] == listed.lines


@pytest.mark.parametrize("reason", ["photo 53512345678 by mail", "mail of 7478087@N06"])
def test_a_reason_names_nobody(path: Path, reason: str) -> None:
    with pytest.raises(UsageError, match=r"^The reason names who is to be forgotten\. It is kept: say why, not who\.$"):
        add(path, photos=[53_512_345_678], owners=["7478087@N06"], reason=reason, now=NOW)
    assert not path.exists()


def test_a_short_id_may_be_a_number_of_a_reason(path: Path) -> None:
    assert len(add(path, photos=[1], reason="asked 1 time", now=NOW)) == 1


def test_two_folders_have_two_salts_and_a_folder_has_one(path: Path, tmp_path: Path) -> None:
    add(path, photos=[1], reason="a", now=NOW)
    add(path, photos=[2], reason="b", now=NOW)
    other = takedown_path(tmp_path / "other")
    add(other, photos=[1], reason="a", now=NOW)
    here, there = read_takedowns(path), read_takedowns(other)
    assert len({line.salt for line in here.lines}) == 1
    assert here.lines[0].salt != there.lines[0].salt
    assert here.lines[0].hash != there.lines[0].hash


ids = st.sets(st.integers(1, 10**18), max_size=3)
nsids = st.sets(st.from_regex(r"[0-9]{1,10}@N0[0-9]", fullmatch=True), max_size=3)


@settings(max_examples=12, deadline=None)  # each hash takes 40 ms
@given(photos=ids, owners=nsids, others=ids, strangers=nsids)
def test_those_added_are_listed_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, photos: set[int], owners: set[str], others: set[int], strangers: set[str]
) -> None:
    path = tmp_path_factory.mktemp("list") / "takedowns.csv"
    new = add(path, photos=photos, owners=owners, reason="x", now=NOW)
    assert len(new) == len(photos) + len(owners)
    listed = read_takedowns(path)
    assert {one for one in photos | others if listed.photo(one)} == photos == listed.photos(photos | others)
    assert {one for one in owners | strangers if listed.owner(one)} == owners == listed.owners(owners | strangers)
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


def test_times_are_utc_whatever_the_zone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local = NOW.astimezone(timezone(timedelta(hours=9)))
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        (line,) = add(path, photos=[1], reason="x", now=local)
    time.tzset()
    assert line.time == "2026-01-31T12:00:05Z"


@settings(max_examples=25, deadline=None)
@given(reason=st.text(max_size=400))
def test_any_reason_is_one_bounded_line_that_comes_back(tmp_path_factory: pytest.TempPathFactory, reason: str) -> None:
    path = tmp_path_factory.mktemp("list") / "takedowns.csv"
    if not any(letter.isprintable() and not letter.isspace() for letter in reason[:MAX_REASON]):
        reason = " \t"
        with pytest.raises(UsageError, match=r"^The reason is empty\. Say why, for example --reason "):
            add(path, photos=[1], reason=reason, now=NOW)
        assert not path.exists()
        return
    add(path, photos=[1], reason=reason, now=NOW)
    (line,) = read_takedowns(path).lines
    assert line.reason == one_line(reason)
    assert len(line.reason) <= MAX_REASON
    assert line.reason.isprintable()
    assert len(path.read_text("utf-8").splitlines()) == 2


def test_a_reason_keeps_its_words() -> None:
    assert one_line(' asked,\n"by"\tmail\u202e \x1b[0m') == 'asked, "by" mail [0m'


def test_a_long_reason_that_would_be_a_formula_comes_back(path: Path) -> None:
    """Its sign of a text counts too: a line that is too long would be a damaged list."""
    add(path, photos=[1], reason="=" * 400, now=NOW)
    (line,) = read_takedowns(path).lines
    assert len(line.reason) == MAX_REASON


def test_an_image_is_looked_up_by_the_ids_in_its_name(path: Path) -> None:
    add(path, photos=[53_512_345_678], owners=["\ud800"], reason="x", now=NOW)
    listed = read_takedowns(path)
    assert listed.image("cat/53512345678.jpg")
    assert not listed.image("cat/53512345679.jpg")
    assert not Takedowns().image("cat/53512345678.jpg")
    assert listed.owner("\ud800")  # any text is hashed


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
        HEADER + LINE.replace(COARSE, COARSE[:-1]),
        HEADER + LINE.replace(COARSE, ""),
        HEADER + LINE.replace("photo", "owner"),
        HEADER + LINE.replace("scrypt", "hmac"),
        HEADER + LINE.replace("scrypt", "md5"),
        HEADER + LINE.replace("Z", "+01:00"),
        HEADER + LINE.replace(",asked by mail", ""),
        HEADER + LINE.replace("asked by mail", "asked by mail,twice"),
        HEADER + LINE.replace("asked by mail", ""),
        HEADER + LINE.replace("asked by mail", '"by mail'),
        HEADER + LINE.replace("asked by mail", '"by" mail'),
        HEADER + FIRST_LINE,
        FIRST_HEADER + LINE,
        FIRST_HEADER + FIRST_LINE[:-1],
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
        assert str(path) in error.value.message
    assert path.read_bytes() == text.encode()


def test_bytes_that_are_no_text_are_damage(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes((HEADER + LINE).encode() + b"\xff\xfe\n")
    with pytest.raises(FlickrExifError, match=f"{re.escape(str(path))} is damaged .*codec"):
        read_takedowns(path)


def test_a_good_list_is_read(path: Path) -> None:
    """What the damaged ones differ from."""
    path.parent.mkdir(parents=True)
    path.write_bytes((HEADER + LINE).encode())
    (line,) = read_takedowns(path).lines
    assert (line.kind, line.method, line.salt, line.coarse) == ("photo", "scrypt", SALT, COARSE)
    assert (line.hash, line.reason) == (HASH, "asked by mail")
    write_takedowns(path, Takedowns((line,)))
    assert path.read_bytes() == (HEADER + LINE).encode()
    path.write_bytes((HEADER + 2 * LINE + "\n").encode())
    with pytest.raises(FlickrExifError, match=r"is damaged \(line 4\)\. Restore"):
        read_takedowns(path)


def test_a_list_that_cannot_be_read_is_an_error(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(FlickrExifError, match=rf"{re.escape(str(path))} cannot be read \(.*\)\. Mend that"):
        read_takedowns(path)
