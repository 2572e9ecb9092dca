"""Pixels of odd files are the stored ones: against OpenCV, and against numpy where the file was made from numbers."""

import io
import random
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flickrexif.core.pictures import BadPicture, Picture, open_picture, png_chunk
from flickrexif.processing.operations import decode
from tests.drawn import file, photograph
from tests.samples import DATA

Pixels = npt.NDArray[Any]

PIXELS = DATA / "pixels"
AS_STORED = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION


def ours(data: bytes) -> Pixels:
    return np.asarray(decode(data)).astype(int)


def of_opencv(data: bytes) -> Pixels:
    """Its pixels as RGB, the high byte where it has 16 bits."""
    values = cv2.imdecode(np.frombuffer(data, np.uint8), AS_STORED)
    assert values is not None
    values = (values >> 8 if values.dtype == np.uint16 else values).astype(int)
    return in_colour(values) if values.ndim == 2 else values[..., 2::-1]


def in_colour(grey: Pixels) -> Pixels:
    return np.repeat(grey[..., None], 3, 2)


def under(folder: str, *names: str) -> list[Any]:
    paths = sorted(path for path in (PIXELS / folder).iterdir() if not names or path.name in names)
    return [pytest.param(path, id=path.name) for path in paths]


# --- one rule for all formats


@pytest.mark.parametrize("path", under("tiff-orientation"))
def test_no_format_is_turned(path: Path) -> None:
    stored = of_opencv((PIXELS / "tiff-orientation/stored.png").read_bytes())
    pixels = ours(path.read_bytes())
    assert pixels.shape == stored.shape
    assert np.abs(pixels - stored).mean() < (3 if path.suffix in (".jpg", ".webp", ".avif") else 1e-9)
    picture = open_picture(path)
    assert isinstance(picture, Picture)
    said = {"stored": 1, "o1": 1, "o3": 3, "o6": 6, "o8": 8}[path.stem]
    assert (picture.width, picture.height, picture.orientation) == (48, 32, said)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_heic_is_as_it_is_stored_and_turned_when_asked(turn: int) -> None:
    """libheif writes the turn as irot and imir, and turns what it reads."""
    exif = Image.Exif()
    exif[274] = turn
    heif = pillow_heif.from_pillow(photograph(96, 64))
    heif.info["exif"] = exif.tobytes()
    out = io.BytesIO()
    heif.save(out, quality=90)
    data = out.getvalue()
    theirs = pillow_heif.open_heif(data)
    upright = np.asarray(Image.frombytes(theirs.mode, theirs.size, theirs.data, "raw", theirs.mode, theirs.stride))
    assert np.array_equal(np.asarray(decode(data, upright=True)), upright)
    assert np.abs(ours(data) - np.asarray(photograph(96, 64))).mean() < 8  # neither turned nor mirrored
    assert ours(data).shape == (64, 96, 3)


# --- more than 8 bits


DEEP = "grey12.tif grey16.tif grey16be.tif grey16.png grey16-trns.png colour16.png colour16.tif".split()


@pytest.mark.parametrize("path", under("12bit", *DEEP))
def test_of_more_than_8_bits_the_upper_8_are_taken(path: Path) -> None:
    assert np.array_equal(ours(path.read_bytes()), of_opencv(path.read_bytes()))


@pytest.mark.parametrize(("name", "shift"), [("grey4095.pgm", 4), ("grey65535.pgm", 8), ("colour65535.ppm", 8)])
def test_a_ppm_is_read_by_value(name: str, shift: int) -> None:
    data = (PIXELS / "12bit" / name).read_bytes()
    samples = 48 * 32 * (3 if name.startswith("colour") else 1)
    values = np.frombuffer(data[-2 * samples :], ">u2").astype(int) >> shift
    expected = values.reshape(32, 48, 3) if name.startswith("colour") else in_colour(values.reshape(32, 48))
    assert np.array_equal(ours(data), expected)
    plain = b"P3" if name.startswith("colour") else b"P2"
    texts = " ".join(map(str, np.frombuffer(data[-2 * samples :], ">u2").tolist())).encode()
    assert np.array_equal(ours(plain + b" 48 32 %d # largest\n" % (2 ** (8 + shift) - 1) + texts), expected)


def test_a_ppm_cut_short_is_told() -> None:
    data = (PIXELS / "12bit/grey65535.pgm").read_bytes()
    with pytest.raises(BadPicture) as raised:
        decode(data[:-1])
    assert raised.value.reason == "truncated"


def test_signed_samples_have_no_way_to_8_bits() -> None:
    with pytest.raises(BadPicture) as raised:
        decode((PIXELS / "12bit/grey16signed.tif").read_bytes())
    assert raised.value.reason == "unsupported_mode"


DRAWN = np.random.default_rng(0).integers(0, 65_536, (20, 31, 3), np.uint16)


def tiff(
    order: str, samples: Pixels, bits: int, photometric: int, *, big: bool = False, more: tuple[Any, ...] = ()
) -> bytes:
    """An uncompressed TIFF or BigTIFF of one strip; `more`: further (tag, type, count, value) entries."""
    height, width, channels = samples.shape
    if bits == 12:
        rows = ("".join(f"{int(v) >> 4:012b}" for v in row.ravel()) for row in samples)
        strip = b"".join(int(row.ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8)) for row in rows)
    else:
        strip = samples.astype(f"{order}u2").tobytes()
    number, offset, entry = ("Q", "Q", "HHQ") if big else ("H", "L", "HHL")
    head = struct.pack(f"{order}2sH", b"II" if order == "<" else b"MM", 43 if big else 42)
    head += struct.pack(f"{order}HH", 8, 0) if big else b""
    start = len(head) + struct.calcsize(order + offset)
    ifd = start + len(strip)
    field = struct.calcsize(order + offset)
    values = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, photometric)]
    values += [(273, 4, 1, start), (277, 3, 1, channels), (278, 3, 1, height), (279, 4, 1, len(strip)), *more]
    entries = b"".join(
        struct.pack(order + entry, tag, kind, count)
        + struct.pack(order + {3: "H", 4: "L", 2: "L", 16: "Q"}[kind], value).ljust(field, b"\0")
        for tag, kind, count, value in sorted(values)
    )
    directory = struct.pack(order + number, len(values)) + entries + bytes(field)
    return head + struct.pack(order + offset, ifd) + strip + directory


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(("photometric", "channels"), [(0, 1), (1, 1), (2, 3)])
def test_a_tiff_of_either_order_is_read_by_value(
    order: str, bits: int, photometric: int, channels: int, big: bool
) -> None:
    samples = DRAWN[..., :channels]
    pixels = ours(tiff(order, samples, bits, photometric, big=big, more=((274, 3, 1, 6),)))
    expected = (samples >> 8).astype(int) if channels == 3 else in_colour((samples[..., 0] >> 8).astype(int))
    assert np.array_equal(pixels, 255 - expected if photometric == 0 else expected)


@pytest.mark.parametrize("width", [31, 21_900])  # of the latter three times as many are more than 16 bits hold
def test_three_samples_of_12_bits_are_one_pixel_of_the_limits(width: int) -> None:
    samples = np.resize(DRAWN, (2, width, 3))
    picture = open_picture(tiff("<", samples, 12, 2))
    assert isinstance(picture, Picture)
    image = picture.decode(most_pixels=2 * width, longest_side=width)
    assert np.array_equal(np.asarray(image), (samples >> 8).astype(int))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_an_entry_of_a_tiff_that_leads_nowhere_harms_no_pixel(order: str, big: bool) -> None:
    """A description, which comes before the strips, behind the end of the file; and an XMP of 4 GB."""
    odd = ((270, 2, 2**31, 2**31), (700, 4, 2**30, 8))
    data = tiff(order, DRAWN, 16, 2, big=big, more=odd)
    assert np.array_equal(ours(data), (DRAWN >> 8).astype(int))


def planar(order: str, samples: Pixels, photometric: int, rows: int, more: tuple[Any, ...] = ()) -> bytes:
    """An uncompressed TIFF of 16-bit planes, in strips of `rows` rows that lie in the file in reverse."""
    height, width, channels = samples.shape
    planes = [samples[top : top + rows, :, c] for c in range(channels) for top in range(0, height, rows)]
    strips = [plane.astype(f"{order}u2").tobytes() for plane in planes]
    places = np.cumsum([8, *map(len, strips[::-1])])[:-1][::-1].tolist()
    content = b"".join(strips[::-1])
    lists = ((273, places), (279, list(map(len, strips))))
    values = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, channels, 8 + len(content)), (259, 3, 1, 1)]
    values += [(262, 3, 1, photometric), (277, 3, 1, channels), (278, 3, 1, rows), (284, 3, 1, 2), *more]
    content += struct.pack(f"{order}{channels}H", *[16] * channels)
    for tag, numbers in lists:
        values.append((tag, 4, len(numbers), 8 + len(content) if len(numbers) > 1 else numbers[0]))
        content += struct.pack(f"{order}{len(numbers)}L", *numbers)
    if channels == 2:  # which fit into the entry
        values[2] = (258, 4, 2, 0)
    entries = b"".join(
        struct.pack(f"{order}HHL", tag, kind, count)
        + struct.pack(order + ("H" if kind == 3 and count == 1 else "L"), value).ljust(4, b"\0")
        for tag, kind, count, value in sorted(values)
    )
    head = struct.pack(f"{order}2sHL", b"II" if order == "<" else b"MM", 42, 8 + len(content))
    return head + content + struct.pack(f"{order}H", len(values)) + entries + bytes(4)


@pytest.mark.parametrize("rows", [1, 7, 20, 100])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("channels", [3, 4])
def test_planes_of_16_bits_are_read_by_value(order: str, rows: int, channels: int) -> None:
    samples = np.dstack([DRAWN, DRAWN[..., :1]])[..., :channels]
    alpha = ((338, 3, 1, 2),) if channels == 4 else ()
    data = planar(order, samples, 2, rows, alpha)
    assert np.array_equal(ours(data), (DRAWN >> 8).astype(int))
    assert np.array_equal(ours(data), of_opencv(tiff(order, DRAWN, 16, 2)))  # which takes planes for pixels


def test_planes_that_are_cut_short_or_lie_are_told() -> None:
    data = planar("<", DRAWN, 2, 7)
    for odd in (data.replace(struct.pack("<HHLL", 257, 3, 1, 20), struct.pack("<HHLL", 257, 4, 1, 2**32 - 1)),
                data.replace(struct.pack("<HHLL", 257, 3, 1, 20), struct.pack("<HHLL", 257, 3, 1, 0)),
                data.replace(struct.pack("<HHL", 273, 4, 9), struct.pack("<HHL", 273, 4, 8))):  # fmt: skip
        assert odd != data
        with pytest.raises(BadPicture) as raised:
            decode(odd)
        assert raised.value.reason in ("truncated", "damaged", "not_an_image", "too_large")


# --- what is no pixel does no harm


@pytest.mark.parametrize("path", under("text"))
def test_a_harmless_part_of_a_png_does_no_harm(path: Path) -> None:
    theirs = cv2.imread(str(path), AS_STORED)
    expected = of_opencv((PIXELS / "text/short-phys.png").read_bytes()) if theirs is None else theirs[..., 2::-1]
    assert (theirs is None) == (path.name == "actl-zero.png")  # an animation of no frames: OpenCV shows none
    assert np.array_equal(ours(path.read_bytes()), expected)


def test_a_png_shows_its_picture_whatever_else_it_holds() -> None:
    data = file(photograph(40, 30))
    odd = random.Random(0)
    for name in b"tEXt zTXt iTXt eXIf iCCP pHYs cHRM gAMA sRGB tIME acTL fcTL".split():
        for length in (0, 1, 9, 40):
            chunk = png_chunk(name, odd.randbytes(length))
            for place in (33, len(data) - 12, len(data)):
                for part in (chunk, chunk[:-1] + b"\0"):
                    assert np.array_equal(ours(data[:place] + part + data[place:]), np.asarray(photograph(40, 30)))


SEGMENTS = [
    b"",
    b"JFIF\0",
    b"JFXX\0\x10",
    b"Exif\0\0",
    b"Exif\0\0MM\0*\xff",
    b"http://ns.adobe.com/xap/1.0/\0<x",
    b"FPXR\0",
]
SEGMENTS += [b"ICC_PROFILE\0", b"ICC_PROFILE\0\1\1", b"MPF\0", b"MPF\0II*\0\x08\0\0\0", b"Photoshop 3.0\0", b"Ducky"]
SEGMENTS += [b"Photoshop 3.0\x008BIM\x03\xed\0\0\0\0\0\2ab", b"Adobe", b"Adobe\0"]
MARKERS = (*range(0xE0, 0xF0), 0xFE)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(MARKERS), st.sampled_from(SEGMENTS), st.binary(max_size=9)), max_size=3))
def test_no_segment_of_a_jpeg_does_harm(segments: list[tuple[int, bytes, bytes]]) -> None:
    data = file(photograph(40, 30), "JPEG")
    odd = [bytes((0xFF, m)) + struct.pack(">H", len(name + more) + 2) + name + more for m, name, more in segments]
    odd_file = data[:20] + b"".join(odd) + data[20:]
    theirs = cv2.imdecode(np.frombuffer(odd_file, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    assert np.abs(ours(odd_file) - np.asarray(theirs, int)).max() <= 1


CUT = b"Exif\0\0II*\0\x08\0\0\0\0\0" + bytes(300)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 80}])
def test_a_webp_cut_in_its_exif_shows_its_picture(options: dict[str, Any]) -> None:
    data = file(photograph(40, 30), "WEBP", exif=CUT, **options)
    expected = of_opencv(data)
    for missing in (1, 2, 100, 250):
        assert np.array_equal(ours(data[:-missing]), expected)


def test_an_extension_of_a_gif_does_no_harm() -> None:
    data = file(photograph(40, 30), "GIF")
    start = 13 + 3 * (2 << (data[10] & 7))
    for label in (0x01, 0x77, 0xF9, 0xFE, 0xFF):
        for blocks in (b"", b"\1x", b"\3abc\2de", b"\x0bNETSCAPE2.0"):
            odd = data[:start] + bytes((0x21, label)) + blocks + b"\0" + data[start:]
            assert np.array_equal(ours(odd), of_opencv(data))


def test_a_box_of_a_jpeg2000_does_no_harm() -> None:
    data = file(photograph(40, 30), "JPEG2000")
    start = data.index(b"jp2h") - 4
    end = start + struct.unpack_from(">L", data, start)[0]
    for name in (b"res ", b"xml ", b"uuid"):
        for body in (b"", b"x", bytes(40)):
            box = struct.pack(">L4s", 8 + len(body), name) + body
            odd = data[:start] + struct.pack(">L", end - start + len(box)) + data[start + 4 : end] + box + data[end:]
            assert np.array_equal(ours(odd), of_opencv(data))


# --- odd but whole


@pytest.mark.parametrize("path", under("modes"))
def test_odd_but_whole_pictures_are_those_of_opencv(path: Path) -> None:
    if path.name == "gif-called.png":  # transparent, whose colours OpenCV leaves out
        expected = np.asarray(Image.open(io.BytesIO(path.read_bytes())).convert("RGBA").convert("RGB")).astype(int)
    else:
        values = cv2.imread(str(path), AS_STORED).astype(int)
        expected = in_colour(values) if values.ndim == 2 else values[..., 2::-1]
    assert np.abs(ours(path.read_bytes()) - expected).max() <= (1 if path.name == "cmyk.jpg" else 0)


@pytest.mark.parametrize("path", under("names"))
def test_pictures_of_rarer_names_are_those_of_opencv(path: Path) -> None:
    assert np.abs(ours(path.read_bytes()) - cv2.imread(str(path), cv2.IMREAD_COLOR_RGB).astype(int)).max() <= 1
