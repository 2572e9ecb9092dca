"""What strangers wrote, cleaned in one way."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.text import JOINERS, LONGEST, as_utf8, plain, reason_of, visible

ANYTHING = st.text() | st.none() | st.integers() | st.dictionaries(st.text(), st.text())


@given(ANYTHING, st.integers(1, 300))
def test_plain_text_is_one_short_line_that_shows_as_it_is_written(text: object, length: int) -> None:
    line = plain(text, length)
    assert len(line) <= length
    assert line == " ".join(line.split())
    assert all(unicodedata.category(c)[0] not in "CZ" or c in {" ", *JOINERS} for c in line)
    assert plain(line, length) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (None, ""),
        (7, "7"),
        ("  a\tb\n\nc  ", "a b c"),
        ("red \x1b[31malert\x1b[0m\x07", "red [31malert [0m"),
        ("to \u202egnihton\u202c and\u2028on", "to gnihton and on"),
        ("zero\u200bwidth \ud800half", "zerowidth half"),
        ("👩\u200d🔬 نمی\u200cخواهم", "👩\u200d🔬 نمی\u200cخواهم"),
        ("0123456789x", "012345678…"),
        ("012345678 xyz", "012345678…"),
    ],
)
def test_plain_by_example(text: object, line: str) -> None:
    assert plain(text, 10) == line if len(str(text)) > 10 and line.endswith("…") else plain(text, 99) == line


def test_only_the_beginning_of_a_text_without_end_is_looked_at() -> None:
    assert plain("\0" * (LONGEST + 100) + "a", 10) == ""
    assert plain("\0" * LONGEST + "a", 10) == "a"


@given(st.text())
def test_visible_text_keeps_its_lines(text: str) -> None:
    assert visible(text).count("\n") == text.count("\n")
    assert "\x1b" not in visible(text)
    assert "\u202e" not in visible(text)


def test_an_error_without_words_says_its_name() -> None:
    assert reason_of(ValueError("a\nb " + "c" * 500)) == f"a b {'c' * 115}…"
    assert reason_of(TimeoutError()) == "TimeoutError"


@given(st.binary())
def test_names_of_files_become_text_that_can_be_stored(name: bytes) -> None:
    text = as_utf8(name.decode("utf-8", "surrogateescape"))
    assert text.encode().decode() == text
    try:
        assert text == name.decode()
    except UnicodeDecodeError:
        assert "\\x" in text
