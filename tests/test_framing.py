"""Framing: views of files, homographies with a known answer, and swapped subjects among a hundred."""

import io
import math
import random
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.collectors.sandbox.scenes import photographs
from flickrexif.core.pictures import BadPicture, small_picture
from flickrexif.paircams.check import inspect
from flickrexif.paircams.framing import Match, compare, view
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.records import PairImage

W, H = 600, 400
ORIENTATION = 274
TURNED_BY = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}


def jpeg(picture: Image.Image, orientation: int = 1) -> bytes:
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = orientation
    picture.save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return photographs()["china"].resize((W, H))  # a temple, full of detail


def cropped(photo: Image.Image, x: int, y: int, w: int, h: int) -> Match:
    return compare(view(jpeg(photo)), view(jpeg(photo.crop((x, y, x + w, y + h)))))


def test_a_picture_fits_itself(photo: Image.Image) -> None:
    match = compare(view(jpeg(photo)), view(jpeg(photo)))
    assert match.fits
    assert match.share > 0.98
    assert match.overlap == pytest.approx(1, abs=0.01)
    assert match.turn == pytest.approx(0, abs=0.2)


@settings(max_examples=12, deadline=None)
@given(x=st.integers(0, 90), y=st.integers(0, 60), w=st.integers(420, 510), h=st.integers(290, 340))
def test_the_overlap_of_a_part_is_its_share_of_the_area(photo: Image.Image, x: int, y: int, w: int, h: int) -> None:
    assert cropped(photo, x, y, w, h).overlap == pytest.approx(w * h / (W * H), abs=0.03)


def test_two_parts_share_what_they_share(photo: Image.Image) -> None:
    left, right = photo.crop((0, 0, 450, H)), photo.crop((150, 0, W, H))
    match = compare(view(jpeg(left)), view(jpeg(right)))
    assert match.overlap == pytest.approx(300 / 600, abs=0.03)


@pytest.mark.parametrize("degrees", [-90, -20, 10, 90, 180])
def test_a_turn_is_told_in_degrees_clockwise(photo: Image.Image, degrees: int) -> None:
    turned = photo.rotate(-degrees, expand=degrees % 90 == 0)  # Pillow turns the other way
    turn = compare(view(jpeg(photo)), view(jpeg(turned))).turn
    assert math.cos(math.radians(turn - degrees)) == pytest.approx(1, abs=1e-3)


def test_different_scenes_do_not_fit() -> None:
    views = [view(jpeg(picture)) for picture in photographs().values()]
    wrong = [(i, j) for i, a in enumerate(views) for j, b in enumerate(views) if i != j and compare(a, b).fits]
    assert not wrong


def test_a_mirrored_scene_does_not_fit(photo: Image.Image) -> None:
    mirrored = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert not compare(view(jpeg(photo)), view(jpeg(mirrored))).fits


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_fits_nothing(photo: Image.Image, level: int) -> None:
    blank = view(jpeg(Image.new("RGB", (W, H), (level,) * 3)))
    assert compare(view(jpeg(photo)), blank) == compare(blank, view(jpeg(photo))) == compare(blank, blank) == Match()


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (1, 5000), (40, 30)])
def test_tiny_and_thin_pictures_are_seen(photo: Image.Image, size: tuple[int, int]) -> None:
    small = view(jpeg(photo.resize(size)))
    assert not compare(small, view(jpeg(photo))).fits
    assert np.isfinite(small.thumbnail).all()


@pytest.mark.parametrize("orientation", TURNED_BY)
def test_the_orientation_is_applied(photo: Image.Image, orientation: int) -> None:
    stored = photo.transpose(TURNED_BY[orientation])
    shown = small_picture(jpeg(stored, orientation), W)
    assert shown.size == photo.size
    assert np.abs(np.asarray(shown, float) - np.asarray(photo, float)).mean() < 5


def test_png_and_heic_are_read(photo: Image.Image) -> None:
    import pillow_heif

    png, heic = io.BytesIO(), io.BytesIO()
    photo.save(png, "PNG")
    pillow_heif.from_pillow(photo).save(heic, quality=90)
    for file in (png, heic):
        assert compare(view(jpeg(photo)), view(file.getvalue())).overlap == pytest.approx(1, abs=0.01)


def test_a_heic_that_the_decoder_turns_is_turned_once(photo: Image.Image) -> None:
    import pillow_heif

    exif, heic = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = 6
    stored = photo.transpose(TURNED_BY[6])
    pillow_heif.from_pillow(stored).save(heic, quality=90, exif=exif.tobytes())
    expected = pillow_heif.open_heif(io.BytesIO(heic.getvalue())).size
    assert small_picture(heic.getvalue(), 2_000).size == expected


@pytest.mark.parametrize("break_it", [lambda d: b"", lambda d: d[:300], lambda d: d[: len(d) // 2], lambda d: d[2:]])
def test_what_is_no_whole_image_is_said(photo: Image.Image, break_it: Callable[[bytes], bytes]) -> None:
    with pytest.raises(BadPicture):
        view(break_it(jpeg(photo)))


@given(st.binary(max_size=200).map(lambda tail: b"\xff\xd8\xff" + tail) | st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    small = small_picture(data, 100)
    assert isinstance(small, BadPicture) or (small.mode == "RGB" and max(small.size) <= 100)


# --- swapped subjects


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> list[PairImage]:
    folder = tmp_path_factory.mktemp("hundred") / "pairs"
    simulate_pairs(folder, 100, seed=11, side=360)
    images, faults = read_pairs(folder)
    assert not faults
    return images


def accused(images: list[PairImage]) -> set[str]:
    return {finding.subject for finding in inspect(images).problems if finding.rule in ("framing", "swapped")}


def test_a_clean_hundred_has_no_finding(hundred: list[PairImage]) -> None:
    report = inspect(hundred)
    assert report.problems == ()
    assert len(report.framing) == 100


@pytest.mark.parametrize("way", ["exchanged", "in a ring"])
def test_ten_swapped_subjects_of_a_hundred_are_found(hundred: list[PairImage], way: str) -> None:
    subjects = random.Random(way).sample(sorted({image.subject for image in hundred}), 10)
    others = subjects[::-1] if way == "exchanged" else subjects[1:] + subjects[:1]
    to = dict(zip(subjects, others, strict=True))
    moved = [replace(i, subject=to.get(i.subject, i.subject)) if i.side == "phone" else i for i in hundred]
    wrongly_accused = accused(moved)
    assert len(wrongly_accused & set(subjects)) >= 9
    assert not wrongly_accused - set(subjects)


def test_the_same_images_give_the_same_report(hundred: list[PairImage]) -> None:
    assert inspect(hundred[:20]) == inspect(hundred[:20])
