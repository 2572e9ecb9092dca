"""The one way to open a stranger's picture: what it gives of every format, its reasons, and that nothing escapes it."""

import errno
import io
import pickle
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import cv2
import numpy as np
import piexif
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from benchmarks.pictures import flipped, opened_everywhere, photograph, samples, saved, unread
from flickrexif.commands.folder import label_folder
from flickrexif.core.decoding import REASONS, BadPicture, decoding, quiet
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.pictures import (
    FORMATS,
    MAX_PIXELS,
    SUFFIXES,
    Picture,
    open_picture,
    small_picture,
    suffixes,
)
from flickrexif.eval.embed.loader import Combo, Job, Preparer
from flickrexif.exif.files import photo_of
from flickrexif.paircams import pairing
from flickrexif.paircams.check import inspect
from flickrexif.paircams.pairing import read_pairs
from flickrexif.processing.operations import decode

ALL = tuple(SUFFIXES)
WIDE, HIGH = 15_000, 12_001  # 180 megapixels
EXIF = piexif.dump({"0th": {piexif.ImageIFD.Make: b"Canon"}, "Exif": {piexif.ExifIFD.FNumber: (28, 10)}})
TIFF_EXIF = EXIF.removeprefix(b"Exif\0\0")


def opened(content: bytes | Path, formats: tuple[str, ...] = ALL) -> Picture:
    picture = open_picture(content, formats)
    assert isinstance(picture, Picture), picture
    return picture


def bad(content: bytes | Path, formats: tuple[str, ...] = ALL) -> str:
    picture = open_picture(content, formats)
    assert isinstance(picture, BadPicture)
    return picture.reason


def decoded(content: bytes | Path, **options: Any) -> Image.Image:
    image = opened(content).decode(**options)
    assert isinstance(image, Image.Image), image
    return image


# --- whole files


@pytest.mark.parametrize("name", sorted(samples().keys() - unread()))
def test_a_file_of_every_format_is_a_picture(name: str, tmp_path: Path) -> None:
    data = samples()[name]
    (tmp_path / "file").write_bytes(data)
    for content in (data, tmp_path / "file"):
        picture = opened(content)
        image = picture.decode()
        assert isinstance(image, Image.Image)
        assert (picture.width, picture.height) == image.size
        theirs = "HEIF" if name.startswith("HEIC") else Image.open(io.BytesIO(data)).format
        assert picture.format == ("JPEG" if theirs == "MPO" else theirs)
        again = picture.decode()
        assert isinstance(again, Image.Image)
        assert np.array_equal(np.asarray(image), np.asarray(again))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000"])
def test_the_pixels_are_those_of_opencv(kind: str) -> None:
    data = saved(kind, photograph(48, 32))
    theirs = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.abs(np.asarray(decoded(data).convert("RGB"), int) - np.asarray(theirs, int)).max() <= 1


def test_every_format_that_is_not_ours_is_no_image() -> None:
    assert {name.split()[0] for name in unread()} >= {"DDS", "EPS", "ICO", "PDF", "TGA"}
    assert {bad(samples()[name]) for name in unread()} == {"not_an_image"}


def test_only_the_formats_asked_for_are_opened() -> None:
    assert bad(samples()["GIF"], ("JPEG", "PNG")) == "not_an_image"
    assert bad(samples()["HEIC Exif"], FORMATS) == "not_an_image"
    assert opened(samples()["GIF"], ("JPEG", "GIF")).format == "GIF"


def test_endings() -> None:
    assert suffixes("JPEG") == {".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"}


@pytest.mark.parametrize(
    ("least", "size"), [((48, 32), (48, 32)), ((24, 16), (24, 16)), ((1, 1), (6, 4)), ((0, 0), (6, 4))]
)
def test_a_jpeg_is_decoded_smaller(least: tuple[int, int], size: tuple[int, int]) -> None:
    assert decoded(samples()["JPEG"], least=least).size == size
    assert decoded(samples()["PNG"], least=least).size == (48, 32)


def test_a_jpeg_a_pixel_high() -> None:
    """Its eighth has no height: `pairs check` ended in a ZeroDivisionError."""
    data = saved("JPEG", photograph(64, 1))
    assert decoded(data, least=(8, 0)).size == (64, 1)
    assert small_picture(data, 16).size == (16, 1)  # type: ignore[union-attr]


# --- metadata


@pytest.mark.parametrize("name", ["JPEG Exif", "MPO of two", "PNG Exif", "WEBP Exif", "TIFF Exif", "HEIC Exif"])
def test_metadata_are_had_before_and_after_decoding(name: str) -> None:
    picture = opened(samples()[name])
    before = photo_of(picture).tags
    assert [before.get(tag) for tag in ("Make", "FNumber", "ISO")] == ["Canon", "2.8", "200"]
    picture.decode()
    assert photo_of(picture).tags == before


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks)


def webp(width: int, height: int) -> bytes:
    canvas = struct.pack("<L", 8) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBP" + b"".join(
        name + struct.pack("<L", len(part)) + part + bytes(len(part) % 2)
        for name, part in ((b"VP8X", canvas), (b"VP8 ", bytes(7)), (b"EXIF", TIFF_EXIF))
    )
    return b"RIFF" + struct.pack("<L", len(body)) + body


def tiff(width: int, height: int) -> bytes:
    """Its one strip is said to lie behind the end of the file."""
    values = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 10**6, 277: 1, 278: height, 279: width * height}
    entries = [struct.pack("<HHLL", code, 4, 1, value) for code, value in values.items()]
    entries.insert(5, struct.pack("<HHLL", 271, 2, 6, 8 + 2 + 12 * (len(values) + 1) + 4))  # Make, behind the tags
    return b"II*\0" + struct.pack("<LH", 8, len(entries)) + b"".join(entries) + bytes(4) + b"Canon\0"


def jpeg(width: int, height: int) -> bytes:
    data = saved("JPEG", photograph(8, 8), exif=EXIF)
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 : data.index(b"\xff\xda") + 20]


# Pictures of 180 megapixels with hardly a byte of them there: whoever decodes them fails.
LARGE: dict[str, bytes] = {
    "large.png": png(WIDE, HIGH, chunk(b"IDAT", b"no pixels"), chunk(b"eXIf", TIFF_EXIF)),
    "large.webp": webp(WIDE, HIGH),
    "large.tif": tiff(WIDE, HIGH),
    "large.jpg": jpeg(WIDE, HIGH),
}
WITHOUT_EXIF = {
    "large.gif": b"GIF89a" + struct.pack("<HHBBB", WIDE, HIGH, 0x80, 0, 0) + bytes(6) + b"," + bytes(9) + b"\2\0;",
    "large.bmp": b"BM" + bytes(8) + struct.pack("<LLLLHHLLLLLL", 54, 40, WIDE, HIGH, 1, 24, 0, 0, 0, 0, 0, 0),
    "large.ppm": f"P6 {WIDE} {HIGH} 255\n".encode(),
}


@pytest.mark.parametrize("name", LARGE | WITHOUT_EXIF)
def test_the_size_of_a_picture_over_the_limit(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes((LARGE | WITHOUT_EXIF)[name])
    picture = opened(tmp_path / name)
    assert (picture.width, picture.height) == (WIDE, HIGH)
    image = picture.decode()
    assert isinstance(image, BadPicture)
    assert (image.reason, image.detail, image.name) == ("too_large", f"{WIDE} x {HIGH} pixels", str(tmp_path / name))
    if name in LARGE:
        assert photo_of(picture).tags.get("Make") == "Canon"


@pytest.mark.parametrize("name", LARGE)
def test_metadata_take_no_memory_for_pixels(name: str, tmp_path: Path) -> None:
    """A process that may not grow by a tenth of the pixels."""
    (tmp_path / name).write_bytes(LARGE[name])
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom PIL import Image\nImage.init()\n"
        "from flickrexif.exif.files import read_photo\n"
        "pages = int(Path('/proc/self/statm').read_text().split()[0])\n"
        f"most = pages * resource.getpagesize() + {WIDE * HIGH // 10}\n"
        "resource.setrlimit(resource.RLIMIT_AS, (most, most))\n"
        "photo = read_photo(Path(sys.argv[1]))\nprint(photo.width, photo.height, photo.tags['Make'])"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(WIDE), str(HIGH), "Canon"]


def test_exif_behind_damaged_pixels_of_a_png() -> None:
    damaged = png(9, 9, chunk(b"IDAT", b"no zlib"), chunk(b"eXIf", TIFF_EXIF), chunk(b"IEND", b""))
    assert photo_of(opened(damaged)).tags["Make"] == "Canon"
    with pytest.raises(BadPicture):
        decode(damaged)


def test_hexadecimal_exif_that_is_none_is_no_exif() -> None:
    profile = chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 4\nno hexadecimal")
    assert photo_of(opened(png(9, 9, profile, chunk(b"IDAT", b"")))).tags == {}


# --- limits and Pillow's settings


def test_limits_are_those_of_the_call() -> None:
    data = samples()["PNG"]
    assert decoded(data, most_pixels=48 * 32).size == (48, 32)
    for limit in ({"most_pixels": 48 * 32 - 1}, {"longest_side": 47}):
        image = opened(data).decode(**limit)  # type: ignore[arg-type]
        assert isinstance(image, BadPicture)
        assert image.reason == "too_large"
    assert decoded(samples()["JPEG"], most_pixels=24, least=(6, 4)).size == (6, 4)  # what counts is what is decoded
    assert isinstance(opened(samples()["JPEG"]).decode(most_pixels=23, least=(6, 4)), BadPicture)


def test_pillow_keeps_its_settings_and_is_not_asked_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for name in ("JPEG", "PNG", "GIF", "BMP", "PPM", "JPEG2000", "AVIF"):
        assert decoded(samples()[name]).size == (48, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert (opened(samples()["WEBP"]).width, opened(samples()["TIFF"]).width) == (48, 48)
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == (10, False)
    assert MAX_PIXELS == 178_956_970


def test_no_warning_comes_out_and_the_filters_stay_in_any_number_of_threads() -> None:
    odd = samples()["TIFF"].replace(struct.pack("<HH", 262, 3), struct.pack("<HH", 262, 12), 1)
    started = threading.Barrier(6)
    before = list(warnings.filters)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            started.wait()
            for _ in range(50):
                open_picture(odd)
                with quiet:
                    warnings.warn("not said", UserWarning, stacklevel=1)  # an error outside of it
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert raised == []
    assert list(warnings.filters) == before
    with pytest.raises(UserWarning):
        warnings.warn("said again", UserWarning, stacklevel=1)


# --- reasons


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


BAD: dict[str, tuple[str, Callable[[Path], bytes | Path]]] = {
    "a file that is not there": ("not_found", lambda folder: folder / "none.jpg"),
    "a file below a file": ("not_readable", lambda folder: written(folder / "f", b"").joinpath("a.jpg")),
    "a folder": ("not_an_image", lambda folder: folder),
    "an empty file": ("empty", lambda folder: written(folder / "f", b"")),
    "no bytes": ("empty", lambda folder: b""),
    "text": ("not_an_image", lambda folder: b"<html>no picture</html>"),
    "a WebP without a frame": ("not_an_image", lambda folder: b"RIFF\x0c\0\0\0WEBPEXIF\0\0\0\0"),
    "a WebP without a height": (
        "not_an_image",
        lambda folder: samples()["WEBP"][:28] + bytes(2) + samples()["WEBP"][30:],
    ),
    "half a JPEG": ("truncated", lambda folder: half(samples()["JPEG"])),
    "half a WebP": ("damaged", lambda folder: half(samples()["WEBP"])),
    "half a HEIC": ("damaged", lambda folder: samples()["HEIC Exif"][:-100]),
    "an AVIF without its picture": ("damaged", lambda folder: samples()["AVIF"].replace(b"av01", b"none")),
    "a picture of 180 megapixels": ("too_large", lambda folder: LARGE["large.png"]),
}


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_has_its_reason(name: str, tmp_path: Path) -> None:
    reason, make = BAD[name]
    content = make(tmp_path)
    picture = open_picture(content, ALL)
    answer = picture if isinstance(picture, BadPicture) else picture.decode()
    assert isinstance(answer, BadPicture)
    assert answer.reason == reason
    assert REASONS[reason] in answer.message
    assert (str(content) if isinstance(content, Path) else "The picture") in answer.message
    arrived = pickle.loads(pickle.dumps(answer))
    assert (arrived.reason, arrived.detail, str(arrived)) == (answer.reason, answer.detail, str(answer))


def test_a_heic_without_pillow_heif(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    picture = opened(samples()["HEIC Exif"])
    assert photo_of(picture).tags["Make"] == "Canon"  # labels need no decoder
    answer = picture.decode()
    assert isinstance(answer, BadPicture)
    assert (answer.reason, answer.hint) == ("needs_pillow_heif", "pip install pillow-heif")


def test_every_reason_is_tried() -> None:
    tried = {reason for reason, _ in BAD.values()}
    assert tried | {"needs_pillow_heif", "unsupported_mode"} == set(REASONS)  # the last by `process`, test_operations


class OwnError(Exception):
    """An exception that is a kind of no other, as Pillow's DecompressionBombError."""


RAISED = {
    struct.error("x"): "damaged",
    ZeroDivisionError("x"): "damaged",
    NotImplementedError("x"): "damaged",
    RecursionError("x"): "damaged",
    OwnError("x"): "damaged",
    cv2.error("x"): "damaged",
    EOFError("Truncated file"): "truncated",
    OSError("image file is truncated"): "truncated",
    OSError(errno.EINVAL, "seek to -1"): "damaged",
    OSError(errno.EIO, "the disk"): "not_readable",
    MemoryError(): "too_large",
    Image.DecompressionBombError("x"): "too_large",
}


@pytest.mark.parametrize(("error", "reason"), RAISED.items())
def test_whatever_a_decoder_raises_has_a_reason(error: Exception, reason: str) -> None:
    with pytest.raises(BadPicture) as raised, decoding:
        raise error
    assert raised.value.reason == reason
    assert raised.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), FlickrExifError("ours"), BadPicture("empty")])
def test_what_no_decoder_raises_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as raised, decoding:
        raise error
    assert raised.value is error


def test_a_fault_of_our_own_keeps_its_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(data: bytes) -> bytes:
        raise ZeroDivisionError("ours")

    (tmp_path / "1").mkdir()
    (tmp_path / "1/phone.jpg").write_bytes(samples()["JPEG Exif"])
    assert read_pairs(tmp_path)[0]
    monkeypatch.setattr(pairing, "scrub", faulty)
    with pytest.raises(ZeroDivisionError, match="ours"):
        read_pairs(tmp_path)


# --- turning


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_upright_is_as_pillow_turns(turn: int, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = turn
    data = saved(kind, photograph(48, 32), exif=exif.tobytes())
    assert opened(data).orientation == turn
    assert decoded(data).size == (48, 32)
    theirs = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert np.array_equal(np.asarray(decode(data, upright=True)), np.asarray(theirs))
    small = small_picture(data, 48)
    assert isinstance(small, Image.Image)
    assert np.array_equal(np.asarray(small), np.asarray(theirs))


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0nothing at all"])
def test_an_orientation_that_cannot_be_read_turns_nothing(exif: bytes) -> None:
    data = saved("JPEG", photograph(48, 32), exif=exif)
    assert opened(data).orientation == 1
    assert np.array_equal(np.asarray(decode(data, upright=True)), np.asarray(decode(data)))


# --- through the commands


def test_large_pictures_are_labelled(tmp_path: Path) -> None:
    for name, data in (LARGE | {"small.jpg": samples()["JPEG Exif"]}).items():
        written(tmp_path / name, data)
    label_folder(tmp_path, tmp_path / "out")
    rows = {row["path"]: row for row in pq.read_table(tmp_path / "out/labels/train-folder.parquet").to_pylist()}
    assert rows.keys() == {*LARGE, "small.jpg"}
    for name in LARGE:
        assert (rows[name]["width"], rows[name]["height"], rows[name]["make"]) == (WIDE, HIGH, "Canon")


def test_pairs_name_what_is_too_large(tmp_path: Path) -> None:
    for subject, name in (("1", "large.png"), ("2", "large.jpg")):
        (tmp_path / subject).mkdir()
        written(tmp_path / subject / f"phone{name[-4:]}", LARGE[name])
        written(tmp_path / subject / "camera.jpg", samples()["JPEG Exif"])
    images, problems = read_pairs(tmp_path)
    assert [image.subject for image in images] == ["1", "2"]
    told = {(problem.file, problem.rule, problem.detail.partition(":")[0]) for problem in problems}
    # an eighth of a JPEG's sides is decoded, which this one does not have
    assert told == {("1/phone.png", "unreadable", "too_large"), ("2/phone.jpg", "unreadable", "truncated")}


def test_pairs_with_a_picture_a_pixel_high(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    written(tmp_path / "1/phone.jpg", saved("JPEG", photograph(64, 1), exif=EXIF))
    written(tmp_path / "1/camera.jpg", samples()["JPEG Exif"])
    images, faults = read_pairs(tmp_path)
    assert faults == []
    assert {problem.rule for problem in inspect(images).problems} >= {"framing"}


@pytest.mark.parametrize("name", LARGE)
def test_embed_and_process_name_what_is_too_large(name: str) -> None:
    with pytest.raises(BadPicture) as raised:
        decode(LARGE[name])
    assert raised.value.reason == "too_large"
    content = [LARGE[name], samples()["PNG"]]
    read, prepare = (lambda start, stop: iter(content[start:stop])), (lambda image, *_: np.asarray(image))
    prepared = Preparer(read, ["a", "b"], (Combo(None, None),), (prepare,))(Job(0, 2, ((0,),)))
    assert (prepared.rows, prepared.failures) == ((1,), ((0, "too_large"),))


# --- damage

WORDS = {"picture", *REASONS}


@settings(deadline=None, max_examples=250)
@given(st.sampled_from(sorted(samples().keys() - unread())), st.integers(0, 2**32))
def test_no_damage_escapes(folder: Path, name: str, seed: int) -> None:
    words = list(opened_everywhere(flipped(samples()[name], Random(seed)), folder))
    *ours, pairs = words
    assert set(ours) <= WORDS | {"no_exif", "no_make_or_model", "no_exposure_setting"}
    assert pairs == "picture" or pairs.startswith(("unreadable", "private", "side_unknown"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damage")


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(sorted(samples().keys() - unread())), st.data())
def test_a_file_that_is_cut_tells_its_tags_or_a_reason(folder: Path, name: str, data: st.DataObject) -> None:
    whole = samples()[name]
    path = written(folder / "cut", whole[: data.draw(st.integers(0, len(whole)))])
    picture = open_picture(path, ALL)
    if not isinstance(picture, BadPicture):
        assert (picture.width, picture.height) == (opened(whole).width, opened(whole).height)
        assert photo_of(picture).tags.items() <= photo_of(opened(whole)).tags.items()
