"""Images that cannot be processed: each has a reason, and no damage ends a run."""

import io
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flickrexif.core.decoding import REASONS as DECODING
from flickrexif.core.pictures import BadPicture
from flickrexif.processing.operations import (
    FORMATS,
    MAX_SIDE,
    REASONS,
    apply_variant,
    apply_variants,
    decode,
)
from flickrexif.processing.variants import VARIANTS
from tests.drawn import file, photograph, png_header

BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "nothing": ("empty", lambda: b""),
    "text": ("not_an_image", lambda: b"<html>404</html>"),
    "a PostScript file": ("not_an_image", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
    "half a JPEG": ("truncated", lambda: half(file(photograph(90, 70), "JPEG"))),
    "half a PNG": ("truncated", lambda: half(file(photograph(90, 70), "PNG"))),
    "a damaged PNG": ("damaged", lambda: file(photograph(90, 70)).replace(b"IDAT", b"IDAT\xff\xff")),
    "many pixels": ("too_large", lambda: png_header(12_000, 12_000)),
    "a bomb": ("too_large", lambda: png_header(100_000, 100_000)),
    "a long side": ("too_large", lambda: file(Image.new("1", (MAX_SIDE + 1, 1)))),
    "floating point": ("unsupported_mode", lambda: file(photograph(9, 9).convert("F"), "TIFF")),
    "32-bit integers": ("unsupported_mode", lambda: file(photograph(9, 9).convert("I"), "TIFF")),
    "Lab": ("unsupported_mode", lambda: file(Image.new("LAB", (9, 9)), "TIFF")),
}


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_told_with_its_reason(name: str) -> None:
    reason, make = BAD[name]
    for row in (VARIANTS["IDENTITY"], VARIANTS["JPEG75_420"]):
        with pytest.raises(BadPicture) as raised:
            apply_variants(make(), [row])
        assert raised.value.reason == reason
        assert DECODING[reason] in raised.value.message


def test_every_reason_is_tried() -> None:
    assert {reason for reason, _ in BAD.values()} | {"needs_pillow_heif"} == set(REASONS)


def test_a_heic_without_pillow_heif_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    data = file(photograph(24, 18), "HEIF")
    assert decode(data).mode == "RGB"
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(BadPicture) as raised:
        decode(data)
    assert (raised.value.reason, raised.value.hint) == ("needs_pillow_heif", "pip install pillow-heif")


def test_the_page_tells_of_every_reason() -> None:
    page = (Path(__file__).parents[1] / "docs" / "processing.md").read_text()
    for reason, meaning in REASONS.items():
        assert f"| `{reason}` | {meaning} |" in page


@pytest.mark.parametrize("reason", REASONS)
def test_a_reason_survives_the_way_from_a_worker(reason: str) -> None:
    arrived = pickle.loads(pickle.dumps(BadPicture(reason)))
    assert (type(arrived), arrived.reason, str(arrived)) == (BadPicture, reason, str(BadPicture(reason)))


def test_an_opened_image_that_does_not_read_is_told_too() -> None:
    with Image.open(io.BytesIO(half(file(photograph(90, 70), "JPEG")))) as image, pytest.raises(BadPicture) as raised:
        apply_variant(image, VARIANTS["RESIZE_HALF"])
    assert raised.value.reason == "truncated"


SOURCES = {kind: file(photograph(24, 18), kind) for kind in FORMATS}


def decoded_or_reason(data: bytes) -> Image.Image | str:
    try:
        return decode(data)
    except BadPicture as error:
        return error.reason


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(SOURCES)), st.data())
def test_a_cut_file_is_told_or_whole(kind: str, data: st.DataObject) -> None:
    source = SOURCES[kind]
    cut = source[: data.draw(st.integers(0, len(source) - 1))]
    found = decoded_or_reason(cut)
    if isinstance(found, str):
        reasons = {"empty", "not_an_image", "truncated", "damaged", "unsupported_mode"}  # the last: half a directory
        assert found in reasons
    else:
        assert np.array_equal(np.asarray(found), np.asarray(decode(source)))


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(SOURCES)), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1))
def test_no_damage_crashes(kind: str, changes: list[tuple[float, int]]) -> None:
    damaged = bytearray(SOURCES[kind])
    for place, value in changes:
        damaged[int(place**2 * (len(damaged) - 1))] = value  # headers more than pixels
    found = decoded_or_reason(bytes(damaged))
    assert found in REASONS if isinstance(found, str) else found.mode == "RGB"
