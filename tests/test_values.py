"""Raw exposure settings to numbers, checked against Python's fractions and against what each form says."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from flickrexif.exif.printed import print_exposure, print_f_number, print_focal_length
from flickrexif.exif.values import (
    EXPOSURE_RANGE,
    F_NUMBER_RANGE,
    FOCAL_LENGTH_RANGE,
    ISO_RANGE,
    REASONS,
    Parsed,
    parse_exposure,
    parse_f_number,
    parse_focal_length,
    parse_iso,
)

Parser = Callable[[object], Parsed]
PARSERS: dict[Parser, tuple[float, float]] = {
    parse_exposure: EXPOSURE_RANGE,
    parse_f_number: F_NUMBER_RANGE,
    parse_iso: ISO_RANGE,
    parse_focal_length: FOCAL_LENGTH_RANGE,
}


def near(value: float) -> Any:
    return pytest.approx(value), None


@pytest.mark.parametrize(
    ("raw", "seconds"),
    [
        ("1/125", Fraction(1, 125)),
        ("0.008", Fraction(1, 125)),
        (" 1/125\0\0", Fraction(1, 125)),
        (b"1/125\0", Fraction(1, 125)),
        ("1/125 s", Fraction(1, 125)),
        ("1/125s", Fraction(1, 125)),
        ("1/125 sec", Fraction(1, 125)),
        ("1/125 sec.", Fraction(1, 125)),
        ("0.017 sec (1/60)", Fraction(1, 60)),
        ("0.01 sec (1/100)", Fraction(1, 100)),
        ("10/1250", Fraction(1, 125)),
        ("1 / 4", Fraction(1, 4)),
        ((1, 125), Fraction(1, 125)),
        (((10, 1250),), Fraction(1, 125)),
        ([1, 125], Fraction(1, 125)),
        (IFDRational(10, 1250), Fraction(1, 125)),
        (Fraction(1, 3), Fraction(1, 3)),
        (0.3, Fraction("0.3")),
        (np.float32(0.5), Fraction(1, 2)),
        (np.int64(2), Fraction(2)),
        ("0,5", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("8e-3", Fraction(1, 125)),
        ("30", Fraction(30)),
        ("30 seconds", Fraction(30)),
        ('2.5"', Fraction(5, 2)),
        ("10", Fraction(10)),
        ("1/33", Fraction(1, 33)),
        ("1/219", Fraction(1, 219)),
        ("1/3", Fraction(1, 3)),
    ],
)
def test_exposure_forms(raw: object, seconds: Fraction) -> None:
    value, reason = parse_exposure(raw)
    assert reason is None
    assert value == pytest.approx(float(seconds), rel=1e-7)


@pytest.mark.parametrize(
    "raw",
    ["2.8", "f/2.8", "F2.8", "F/2.8", "f 2.8", "\u01922.8", "\u0192/2,8", "28/10", (28, 10), "f/28/10", 2.8, b"2.8"],
)
def test_f_number_forms(raw: object) -> None:
    assert parse_f_number(raw) == near(2.8)


@pytest.mark.parametrize(
    "raw", ["50.0 mm", "50mm", "50 MM", "50", "500/10", (500, 10), IFDRational(50), 50, 50.0, "50,0 mm", "+50 mm"]
)
def test_focal_length_forms(raw: object) -> None:
    assert parse_focal_length(raw) == (50.0, None)


@pytest.mark.parametrize(
    "raw",
    [
        "100",
        "ISO 100",
        "ISO100",
        "iso 100",
        100,
        (100,),
        "100, 0, 0",
        "100 0",
        (100, 0),
        "0, 100",
        "100, 100",
        "1e2",
        "200/2",
        b"100",
    ],
)
def test_iso_forms(raw: object) -> None:
    assert parse_iso(raw) == (100.0, None)


@pytest.mark.parametrize(
    ("parse", "raw", "reason"),
    [
        (parse_exposure, "0", "zero"),
        (parse_exposure, (0, 10), "zero"),
        (parse_exposure, "-1/60", "negative"),
        (parse_exposure, "inf", "infinite"),
        (parse_exposure, "1/0", "infinite"),
        (parse_exposure, (1, 0), "infinite"),
        (parse_exposure, math.inf, "infinite"),
        (parse_exposure, "1e999", "infinite"),
        (parse_exposure, "undef", "undefined"),
        (parse_exposure, "0/0", "undefined"),
        (parse_exposure, IFDRational(0, 0), "undefined"),
        (parse_exposure, math.nan, "undefined"),
        (parse_exposure, "4294967295", "out_of_range"),
        (parse_exposure, "a b", "not_a_number"),
        (parse_exposure, "(", "not_a_number"),
        (parse_exposure, "1/60 ()", "not_a_number"),
        (parse_exposure, "information", "not_a_number"),
        (parse_exposure, "\u0661/\u0662\u0665", "not_a_number"),  # Arabic digits: no camera prints them
        (parse_exposure, "1/2/3", "not_a_number"),
        (parse_exposure, "1" * 5_000, "not_a_number"),
        (parse_exposure, True, "not_a_number"),
        (parse_exposure, object(), "not_a_number"),
        (parse_exposure, {}, "not_a_number"),
        (parse_exposure, (1, 2, 3), "several_values"),
        (parse_f_number, "f/0", "zero"),
        (parse_f_number, "0.20", "out_of_range"),
        (parse_f_number, "655.4", "out_of_range"),
        (parse_f_number, 10**400, "out_of_range"),
        (parse_f_number, (10**4_000, 1), "out_of_range"),
        (parse_f_number, Fraction(10**400, 3), "out_of_range"),
        (parse_f_number, "f/", "not_a_number"),
        (parse_focal_length, "0.0 mm", "zero"),
        (parse_focal_length, "Inf mm", "infinite"),
        (parse_focal_length, "65535.0 mm", "out_of_range"),
        (parse_iso, "0", "zero"),
        (parse_iso, "0, 0", "zero"),
        (parse_iso, "65535", "saturated"),
        (parse_iso, 65_535, "saturated"),
        (parse_iso, "4294967295", "saturated"),
        (parse_iso, "65535, 0", "saturated"),
        (parse_iso, "100, 200", "several_values"),
        (parse_iso, "a b", "not_a_number"),
        (parse_iso, "Auto", "not_a_number"),
        (parse_iso, "; ,", "not_a_number"),
        (parse_iso, "-100", "negative"),
        (parse_iso, "99999999", "out_of_range"),
    ],
)
def test_the_impossible_is_none_with_a_reason(parse: Parser, raw: object, reason: str | None) -> None:
    assert parse(raw) == (None, reason)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("raw", [None, "", "  ", "\0\0", b"", (), [], [[]], ((None,),), [[[""]]]])
def test_nothing_there_is_no_reason(parse: Parser, raw: object) -> None:
    assert parse(raw) == (None, None)


@given(st.fractions(Fraction(1, 1_000_000), 86_400, max_denominator=10**9))
def test_a_rational_reads_the_same_in_every_form(seconds: Fraction) -> None:
    forms = (seconds, f"{seconds.numerator}/{seconds.denominator}", (seconds.numerator, seconds.denominator))
    for raw in forms:
        assert parse_exposure(raw) == near(float(seconds))


@given(st.floats(1e-6, 86_400))
def test_a_printed_exposure_reads_back_and_prints_the_same(seconds: float) -> None:
    text = print_exposure(seconds)
    value, reason = parse_exposure(text)
    assert reason is None
    assert value is not None
    # ExifTool keeps one decimal above a quarter of a second, and whole denominators below
    assert abs(value - seconds) <= (seconds / 8 if seconds < 0.25001 else 0.0501)
    assert print_exposure(value) == text


@given(st.integers(5, 5_120))
def test_a_printed_f_number_reads_back(tenths: int) -> None:
    assert parse_f_number(print_f_number(tenths / 10)) == near(tenths / 10)


@given(st.integers(1, 200_000))
def test_a_printed_focal_length_reads_back(tenths: int) -> None:
    assert parse_focal_length(print_focal_length(tenths / 10)) == near(tenths / 10)


@given(st.integers(1, 10_000_000).filter(lambda iso: iso != 65_535))
def test_a_printed_iso_reads_back(iso: int) -> None:
    assert parse_iso(str(iso)) == (iso, None)


NUMBER_LIKE = st.text("0123456789+-./,eE infundaISOmsc()f\0\u0660\u00b2\u2044", max_size=80)
HUGE = st.integers(-(10**600), 10**600)
HOSTILE = st.recursive(
    st.none() | st.booleans() | HUGE | st.floats() | st.text() | NUMBER_LIKE | st.binary() | st.fractions(),
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=2),
)


@settings(max_examples=1_000, deadline=None)  # 4 parsers: 20,000 inputs
@given(HOSTILE)
@example("1" * 1_000_000)
@example("(" * 100_000)
@example([[[[[[[[None]]]]]]]])
def test_hostile_input_gives_a_number_in_range_or_a_known_reason(raw: Any) -> None:
    for parse, (low, high) in PARSERS.items():
        value, reason = parse(raw)
        if value is None:
            assert reason is None or reason in REASONS
        else:
            assert reason is None
            assert isinstance(value, float)
            assert low <= value <= high
