"""The pixel operations against a plain script of the protocol, the tables in the files, and golden hashes.

python -m tests.test_operations      # writes the golden hashes of the libraries that are installed
"""

import hashlib
import io
import json
import random
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageEnhance, JpegImagePlugin, features

from flickrexif.core.pictures import BadPicture
from flickrexif.processing.operations import (
    MAX_SIDE,
    Encoded,
    apply_mask,
    apply_variant,
    apply_variants,
    decode,
    iter_variants,
)
from flickrexif.processing.variants import PAPER, PARAMETERS, VARIANTS, Variant, centre_mask
from tests.drawn import file, photograph
from tests.samples import DATA, LARGE, needs

SMALL = sorted((DATA / "photos").iterdir(), key=lambda path: path.stat().st_size)[:4]
IMAGENET = sorted((LARGE / "imagenet-samples").glob("*.JPEG"))[::8]
GOLDEN = Path(__file__).parent / "golden_variants.json"
ALL = tuple(VARIANTS.values())
OF_PAPER = tuple(VARIANTS[name] for name in PAPER)
JPEGS = tuple(row for row in ALL if row.encoding and row.encoding.format == "JPEG")

# The example tables of the JPEG standard (ITU-T T.81, Annex K.1), row by row.
LUMA = """16 11 10 16 24 40 51 61  12 12 14 19 26 58 60 55  14 13 16 24 40 57 69 56  14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77  24 35 55 64 81 104 113 92  49 64 78 87 103 121 120 101  72 92 95 98 112 100 103 99"""
CHROMA = f"17 18 24 47{' 99' * 4} 18 21 26 66{' 99' * 4} 24 26 56{' 99' * 5} 47 66{' 99' * 38}"


def jpeg(image: Image.Image, quality: int, subsampling: int) -> bytes:
    return file(image, "JPEG", quality=quality, subsampling=subsampling, comment=None)


def keyed_scale(name: str, image_id: str, seed: int) -> float:
    key = f"{seed}\x1fscale of {name}\x1f{image_id}".encode()
    draw = random.Random(int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 1)
    return 1 + draw.uniform(-0.2, 0.2)


def protocol(name: str, data: bytes, image_id: str = "", seed: int = 0) -> bytes:
    """One of the paper's variants, step by step as the paper has it: decode, change, save."""
    if name == "IDENTITY":
        return data
    image = Image.open(io.BytesIO(data)).convert("RGB")
    match name.split("_"):
        case ["JPEG75" | "JPEG85" | "JPEG95" as quality, subsampling]:
            return jpeg(image, int(quality.removeprefix("JPEG")), {"444": 0, "420": 2}[subsampling])
        case ["SHARPEN", factor]:
            image = ImageEnhance.Sharpness(image).enhance(float(factor))
        case ["RESIZE", size]:
            scale = {"HALF": 0.5, "DOUBLE": 2.0}[size]
            width, height = int(image.width * scale), int(image.height * scale)
            image = image.resize((max(1, width), max(1, height)), Image.Resampling.BILINEAR)
        case ["INTERPOLATION", resampling]:
            scale = keyed_scale(name, image_id, seed)
            width, height = int(image.width * scale), int(image.height * scale)
            image = image.resize((max(1, width), max(1, height)), getattr(Image.Resampling, resampling))
        case _:
            raise AssertionError(name)
    return jpeg(image, 95, 0)


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.int16)


def same_as_the_protocol(data: bytes, image_id: str, seed: int) -> None:
    found = apply_variants(data, OF_PAPER, seed=seed, image_id=image_id)
    for row, encoded in zip(OF_PAPER, found, strict=True):
        assert encoded.data == protocol(row.name, data, image_id, seed), (row.name, image_id)
        with Image.open(io.BytesIO(encoded.data)) as image:
            assert (image.size, image.format) == ((encoded.width, encoded.height), encoded.format)


# ---- the protocol


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_bytes_are_those_of_the_protocol_on_made_images(kind: str) -> None:
    same_as_the_protocol(file(photograph(161, 97), kind), f"made/{kind}", 3)


@pytest.mark.parametrize("path", SMALL, ids=lambda path: path.stem)
def test_bytes_are_those_of_the_protocol_on_photos(path: Path) -> None:
    same_as_the_protocol(path.read_bytes(), path.name, 0)


@needs("imagenet-samples")
@pytest.mark.parametrize("path", IMAGENET, ids=lambda path: path.stem)
def test_bytes_are_those_of_the_protocol_on_imagenet(path: Path) -> None:
    same_as_the_protocol(path.read_bytes(), path.name, 0)


MODES = {"1": "PNG", "L": "PNG", "LA": "PNG", "P": "PNG", "RGB": "PNG", "RGBA": "PNG", "CMYK": "TIFF", "YCbCr": "TIFF"}


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(sorted(MODES)), st.text("abc/.", max_size=8), st.integers()
)
def test_any_size_and_mode_is_processed_as_the_protocol_has_it(
    width: int, height: int, mode: str, image_id: str, seed: int
) -> None:
    same_as_the_protocol(file(photograph(width, height).convert(mode), MODES[mode]), image_id, seed)


def test_resizing_is_torchvisions() -> None:
    import flickrexif.eval.encoders.torchvision_operators  # noqa: F401  (declares what torchvision needs)

    # isort: split
    from torchvision.transforms import InterpolationMode
    from torchvision.transforms.functional import resize

    image = photograph(123, 77)
    for name, scale in (("RESIZE_HALF", 0.5), ("RESIZE_DOUBLE", 2.0)):
        size = [int(77 * scale), int(123 * scale)]
        expected = resize(image, size, InterpolationMode.BILINEAR, antialias=True)
        assert apply_variant(image, VARIANTS[name]) == jpeg(expected, 95, 0)


@given(st.permutations(ALL))
@settings(deadline=None, max_examples=10)
def test_no_variant_depends_on_the_others_asked_for(order: list[Variant]) -> None:
    data = file(photograph(48, 33), "JPEG")
    together = apply_variants(data, order, seed=1, image_id="a")
    assert [e.data for e in together] == [apply_variant(data, row, seed=1, image_id="a") for row in order]


def test_an_image_gives_the_bytes_of_its_file() -> None:
    image = photograph(60, 45)
    for row in ALL[1:]:
        assert apply_variant(image, row, image_id="x") == apply_variant(file(image), row, image_id="x")


def test_the_same_image_may_be_asked_for_nothing() -> None:
    assert apply_variants(file(photograph(5, 5)), ()) == []


def test_identity_is_the_bytes_untouched() -> None:
    data = file(photograph(50, 40), "JPEG", quality=42, comment=b"hello") + b"trailing bytes"
    assert apply_variants(data, [VARIANTS["IDENTITY"]]) == [Encoded(data, 50, 40, "JPEG")]


def test_identity_of_an_image_without_bytes_is_lossless() -> None:
    image = photograph(50, 40)
    (encoded,) = apply_variants(image, [VARIANTS["IDENTITY"]])
    assert encoded.format == "PNG"
    assert np.array_equal(pixels(encoded.data), np.asarray(image))


def test_the_scale_follows_seed_id_and_variant() -> None:
    data = file(photograph(200, 100))
    rows = [VARIANTS[name] for name in PARAMETERS["interpolation"]]
    widths = {
        (seed, image_id, row.name): apply_variants(data, [row], seed=seed, image_id=image_id)[0].width
        for seed in range(3)
        for image_id in "abc"
        for row in rows
    }
    assert all(160 <= width <= 240 for width in widths.values())
    assert len(set(widths.values())) > 15
    assert widths == {key: int(200 * keyed_scale(key[2], key[1], key[0])) for key in widths}


# ---- what the files say


def scaled_table(base: str, quality: int) -> list[int]:
    """The Independent JPEG Group's scaling of a table to a quality."""
    scale = 5_000 // quality if quality < 50 else 200 - 2 * quality
    return [min(max((int(value) * scale + 50) // 100, 1), 255) for value in base.split()]


@pytest.mark.parametrize("row", JPEGS, ids=lambda row: row.config)
def test_tables_sampling_and_scans_are_those_of_the_label(row: Variant) -> None:
    assert row.encoding
    for encoded in (apply_variants(photograph(*size), [row], image_id="t")[0] for size in ((80, 60), (1, 1), (33, 17))):
        with Image.open(io.BytesIO(encoded.data)) as image:
            assert isinstance(image, JpegImagePlugin.JpegImageFile)
            tables = {key: list(table) for key, table in image.quantization.items()}
            assert tables == {
                0: scaled_table(LUMA, row.encoding.quality),
                1: scaled_table(CHROMA, row.encoding.quality),
            }
            assert JpegImagePlugin.get_sampling(image) == {"4:4:4": 0, "4:2:0": 2}[row.encoding.subsampling]
            assert bool(image.info.get("progressive")) == row.encoding.progressive


def test_exiftool_sees_the_label_and_nothing_else(tmp_path: Path) -> None:
    source = photograph(80, 60)
    data = file(source, "JPEG", comment=b"hello", exif=exif(6), icc_profile=srgb_profile(), xmp=b"<x:xmpmeta/>")
    for row, encoded in zip(ALL[1:], apply_variants(data, ALL[1:], image_id="t"), strict=True):
        (tmp_path / f"{row.config}.{encoded.format.lower()}").write_bytes(encoded.data)
    command = ["exiftool", "-json", "-G", "-r", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = {Path(tags["SourceFile"]).stem: tags for tags in json.loads(done.stdout)}
    assert set(found) == {row.config for row in ALL[1:]}
    for row in ALL[1:]:
        tags = found[row.config]
        assert row.encoding
        assert tags["File:FileType"] == row.encoding.format or "WebP" in tags["File:FileType"]
        assert not [tag for tag in tags if tag.startswith(("EXIF:", "ICC_Profile:", "XMP:", "File:Comment"))]
        if row.encoding.format == "JPEG":
            assert tags["File:YCbCrSubSampling"].startswith(f"YCbCr{row.encoding.subsampling}")
            assert tags["File:EncodingProcess"].startswith("Progressive" if row.encoding.progressive else "Baseline")


# ---- beyond the paper


def test_a_progressive_file_holds_the_pixels_of_the_baseline_file() -> None:
    image = photograph(90, 70)
    for name in ("JPEG75_420", "JPEG85_420"):
        baseline, progressive = (apply_variant(image, VARIANTS[n]) for n in (name, f"{name}_PROGRESSIVE"))
        assert np.array_equal(pixels(baseline), pixels(progressive))
        assert len(progressive) < len(baseline)


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_webp_and_avif_come_nearer_with_quality(kind: str) -> None:
    image = photograph(120, 90)
    true = np.asarray(image, dtype=np.int16)
    files = [apply_variant(image, VARIANTS[f"{kind}{quality}"]) for quality in (75, 85, 95)]
    errors = [float(abs(pixels(data) - true).mean()) for data in files]
    assert errors == sorted(errors, reverse=True)
    assert [len(data) for data in files] == sorted(len(data) for data in files)
    assert [Image.open(io.BytesIO(data)).format for data in files] == [kind] * 3


def test_double_jpeg_is_a_jpeg_of_the_first_jpeg() -> None:
    first = file(photograph(90, 70), "JPEG", quality=75, subsampling=2)
    expected = jpeg(Image.open(io.BytesIO(first)), 95, 0)
    assert apply_variant(photograph(90, 70), VARIANTS["DOUBLE_JPEG75_420"]) == expected


@pytest.mark.parametrize(("name", "radius"), [("BLUR_1", 1), ("BLUR_2", 2)])
def test_blur_spreads_a_line_by_its_radius(name: str, radius: int) -> None:
    values = np.zeros((41, 41, 3), dtype=np.uint8)
    values[:, 20] = 250
    profile = pixels(apply_variant(Image.fromarray(values), VARIANTS[name]))[20, :, 0].astype(float)
    profile[profile < 3] = 0  # the JPEG's own ripples
    place = np.arange(41)
    mean = (profile * place).sum() / profile.sum()
    assert mean == pytest.approx(20, abs=0.1)
    assert ((profile * (place - mean) ** 2).sum() / profile.sum()) ** 0.5 == pytest.approx(radius, rel=0.15)


@pytest.mark.parametrize(("name", "exponent"), [("GAMMA_0_8", 0.8), ("GAMMA_1_25", 1.25)])
def test_gamma_is_the_power_of_the_value(name: str, exponent: float) -> None:
    flat = np.repeat(np.arange(0, 256, 5, dtype=np.uint8), 8 * 8 * 3).reshape(-1, 8, 3)  # one 8x8 block a value
    found = pixels(apply_variant(Image.fromarray(flat), VARIANTS[name]))[::8, 0, 0]
    expected = 255 * (np.arange(0, 256, 5) / 255) ** exponent
    assert abs(found - expected).max() <= 1.5


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def display_p3_profile() -> bytes:
    """littleCMS's sRGB profile with the primaries of Apple's Display P3 profile (XYZ under D50)."""
    primaries = {b"rXYZ": (0.51512, 0.2412, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189)}
    primaries |= {b"bXYZ": (0.1571, 0.06657, 0.78407)}
    profile = bytearray(srgb_profile())
    (count,) = struct.unpack_from(">I", profile, 128)
    for entry in range(132, 132 + 12 * count, 12):
        signature, offset, _ = struct.unpack_from(">4sII", profile, entry)
        if signature in primaries:
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65_536) for value in primaries[signature]))
    return bytes(profile)


def test_srgb_colours_in_display_p3_are_those_of_css() -> None:
    # CSS Color 4: red is color(display-p3 0.9175 0.2003 0.1386), green 0.4584 0.9853 0.2983, blue 0 0 0.9596
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (128, 128, 128)]
    shown = [(234, 51, 35), (117, 251, 76), (0, 0, 245), (255, 255, 255), (128, 128, 128)]
    for colour, expected in zip(colours, shown, strict=True):
        found = pixels(apply_variant(Image.new("RGB", (16, 16), colour), VARIANTS["P3_UNTAGGED"]))
        assert abs(found - np.array(expected)).max() <= 2


def test_a_profile_is_converted_back_to_the_colours_meant() -> None:
    from flickrexif.processing.color import to_display_p3, to_srgb

    muted = photograph(90, 70).point(lambda value: 70 + value // 3)
    tagged = decode(file(to_display_p3(muted), icc_profile=display_p3_profile()))
    assert abs(np.asarray(tagged, dtype=int) - np.asarray(muted)).max() > 5
    restored = to_srgb(tagged)
    assert abs(np.asarray(restored, dtype=int) - np.asarray(muted)).max() <= 2
    data = file(tagged, icc_profile=display_p3_profile())
    assert apply_variant(data, VARIANTS["ICC_CONVERTED"]) == jpeg(restored, 95, 0)


@pytest.mark.parametrize("profile", [None, b"no profile", b"x" * 200, "LAB"])
def test_without_a_usable_profile_nothing_is_converted(profile: bytes | str | None) -> None:
    if profile == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    image = photograph(40, 30)
    assert apply_variant(file(image, icc_profile=profile), VARIANTS["ICC_CONVERTED"]) == jpeg(image, 95, 0)


# ---- unusual sources


def test_alpha_is_dropped_and_the_colour_under_it_kept() -> None:
    image = photograph(30, 20)
    see_through = image.copy()
    see_through.putalpha(0)
    assert np.array_equal(np.asarray(decode(file(see_through))), np.asarray(image))


def test_a_transparent_palette_is_read_without_a_warning() -> None:
    image = photograph(30, 20).quantize(64)
    data = file(image, transparency=bytes(range(64)))
    assert np.array_equal(np.asarray(decode(data)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_its_high_byte(kind: str) -> None:
    deep = (np.arange(600, dtype=np.uint32) * 109).astype(np.uint16).reshape(20, 30)
    found = np.asarray(decode(file(Image.fromarray(deep), kind)))
    assert np.array_equal(found, np.repeat((deep // 256)[..., None], 3, axis=-1))


def test_an_exif_orientation_is_not_applied() -> None:
    image = photograph(40, 24)
    plain, turned = file(image, "JPEG"), file(image, "JPEG", exif=exif(6))
    assert apply_variant(turned, VARIANTS["JPEG95_444"]) == apply_variant(plain, VARIANTS["JPEG95_444"])


def test_damaged_exif_is_neither_read_nor_warned_of() -> None:
    image = photograph(40, 24)
    damaged = file(image, "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\xff\xff")
    assert apply_variant(damaged, VARIANTS["SHARPEN_2"]) == apply_variant(file(image, "JPEG"), VARIANTS["SHARPEN_2"])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_picture_of_several_is_taken(kind: str) -> None:
    first, second = photograph(32, 32), photograph(32, 32, seed=9).transpose(Image.Transpose.ROTATE_180)
    options = {"lossless": True} if kind == "WEBP" else {}
    alone, several = file(first, kind, **options), file(first, kind, save_all=True, append_images=[second], **options)
    assert np.array_equal(np.asarray(decode(several)), np.asarray(decode(alone)))


def test_the_callers_image_is_left_as_it_was() -> None:
    image = photograph(30, 20).convert("P")
    image.info = {"transparency": b"\0\1", "comment": b"hello", "icc_profile": display_p3_profile()}
    before = image.tobytes(), dict(image.info)
    results = apply_variants(image, ALL, image_id="x")
    apply_mask(image, 0.5)
    assert (image.tobytes(), image.info) == before
    assert not any(b"hello" in encoded.data for encoded in results)


# ---- sizes


def test_every_variant_takes_the_longest_side() -> None:
    for size in ((MAX_SIDE, 1), (1, MAX_SIDE)):
        found = apply_variants(Image.new("RGB", size, (90, 60, 30)), ALL, image_id="long")
        assert [max(encoded.width, encoded.height) for encoded in found][:7] == [MAX_SIDE] * 7
        assert max(found[PAPER.index("RESIZE_DOUBLE")].width, found[PAPER.index("RESIZE_DOUBLE")].height) == 32_766


def test_an_image_object_too_long_is_refused_as_its_file_is() -> None:
    with pytest.raises(BadPicture) as raised:
        apply_variant(Image.new("L", (1, MAX_SIDE + 1)), VARIANTS["JPEG95_444"])
    assert raised.value.reason == "too_large"


@pytest.mark.parametrize("name", PAPER[1:])
def test_a_single_pixel_stays_an_image(name: str) -> None:
    (encoded,) = apply_variants(Image.new("RGB", (1, 1), (200, 100, 50)), [VARIANTS[name]], image_id="p")
    assert (encoded.width, encoded.height) == ((2, 2) if name == "RESIZE_DOUBLE" else (1, 1))
    assert abs(pixels(encoded.data)[0, 0] - np.array([200, 100, 50])).max() <= 8


# ---- the mask


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.floats(0, 1))
def test_a_mask_is_black_inside_and_nothing_outside(width: int, height: int, ratio: float) -> None:
    image = photograph(width, height).point(lambda value: max(value, 1))
    left, upper, right, lower = centre_mask(width, height, ratio)
    expected = np.array(image)
    expected[upper:lower, left:right] = 0
    assert np.array_equal(np.asarray(apply_mask(image, ratio)), expected)


# ---- golden hashes


def installed() -> dict[str, str]:
    """The libraries that the bytes depend on."""
    names = ("pil", "libjpeg_turbo", "webp", "avif", "littlecms2")
    return {name: str(features.version(name)) for name in names}


def golden_sources() -> dict[str, bytes]:
    """Files as bytes that no encoder of this machine made: pixels as PPM."""
    return {f"{w}x{h}": file(photograph(w, h), "PPM") for w, h in ((97, 61), (64, 48), (1, 1), (5, 200))}


def golden_hashes() -> dict[str, dict[str, str]]:
    return {
        name: {
            row.name: hashlib.sha256(encoded.data).hexdigest()
            for row, encoded in zip(ALL, apply_variants(data, ALL, seed=0, image_id=name), strict=True)
        }
        for name, data in golden_sources().items()
    }


def test_golden_hashes(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = json.loads(GOLDEN.read_text())
    here = installed()
    if recorded["versions"] == here:
        assert golden_hashes() == recorded["sha256"]
        return
    with capsys.disabled():
        print(  # noqa: T201
            f"\ntests/golden_variants.json was made with {recorded['versions']}, here are {here}: its hashes are not"
            " compared, the bytes are those of the protocol. To renew it: python -m tests.test_operations"
        )
    for name, data in golden_sources().items():
        same_as_the_protocol(data, name, 0)


def test_golden_sources_are_the_ones_recorded() -> None:
    hashes = json.loads(GOLDEN.read_text())["sha256"]
    assert {name: hashlib.sha256(data).hexdigest() for name, data in golden_sources().items()} == {
        name: rows["IDENTITY"] for name, rows in hashes.items()
    }


def test_golden_hashes_notice_a_changed_byte() -> None:
    hashes = json.loads(GOLDEN.read_text())["sha256"]
    assert set(hashes) == set(golden_sources())
    large = hashes["97x61"]
    assert set(large) == set(VARIANTS)
    same_pixels = {"JPEG95_444", "ICC_CONVERTED"}  # a source without a profile
    assert len(set(large.values())) == len(VARIANTS) - len(same_pixels) + 1


def test_variants_come_one_at_a_time() -> None:
    rows = iter_variants(file(photograph(20, 20)), OF_PAPER)
    assert next(rows).data == file(photograph(20, 20))
    assert sum(1 for _ in rows) == len(OF_PAPER) - 1


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps({"versions": installed(), "sha256": golden_hashes()}, indent=1) + "\n")
