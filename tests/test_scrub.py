"""Nothing private in the stored bytes, and not a pixel changed: exiftool and the decoders are the judges."""

import io
import json
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from flickrexif.paircams.scrub import kind_of, scrub
from flickrexif.paircams.scrub_exif import Unscrubbable, scrub_exif
from tests.samples import CAMERA_PHOTOS

SECRET = b"SECRET-4711"
# Tags that tell of a person, a place or one single camera, as exiftool names them ("group:tag").
PRIVATE = re.compile(
    r"GPS|MakerNotes|XMP|IPTC|Photoshop|APP\d|MPF|MPImage|JFIF:Thumbnail|FlashPix|Comment|Serial|Owner|Artist|Copyright"
    r"|Creator|By-?line|Author|Thumbnail|Preview|HostComputer|ImageDescription|UniqueID|DocumentName|Trailer|Location"
)
# Warnings; ICC profiles and how the colours are stored, which decoding needs.
PUBLIC = re.compile(r"ICC_Profile|APP14:Adobe|ExifTool:|File:(?!Comment)|Composite:(?!GPS)")
# Of the camera photos: a firmware glued to the model, and a version of the wrong type.
LOST = {
    "metadata-extractor-images_HP_PhotoSmart_C812.jpg": {"Model": "HP PhotoSmart C812 (V09.33)"},
    "exif-samples_33-type_error.jpg": {"ExifVersion": "0220"},
}
KEPT = (
    *("Make", "Model", "Orientation", "Software", "ModifyDate", "ExposureTime", "FNumber", "ExposureProgram", "ISO"),
    *("DateTimeOriginal", "CreateDate", "ShutterSpeedValue", "ApertureValue", "ExposureCompensation", "MeteringMode"),
    *("LightSource", "Flash", "FocalLength", "ColorSpace", "ExposureMode", "WhiteBalance", "SceneCaptureType"),
    *("FocalLengthIn35mmFormat", "DigitalZoomRatio", "LensInfo", "LensMake", "LensModel", "FileSource", "SceneType"),
    *("Contrast", "Saturation", "Sharpness", "SensingMethod", "XResolution", "ResolutionUnit", "ExifVersion"),
)


def exiftool(*paths: Path) -> list[dict[str, Any]]:
    """All tags of the files, also unknown ones and those of embedded files, as "family 0:family 1:tag"."""
    command = ["exiftool", "-j", "-a", "-u", "-ee", "-G0:1", "-api", "struct=0", *map(str, paths)]
    return json.loads(subprocess.run(command, capture_output=True, check=False).stdout)  # type: ignore[no-any-return]


def private(tags: dict[str, Any]) -> list[str]:
    return [name for name in tags if PRIVATE.search(name) and not PUBLIC.match(name)]


def kept(tags: dict[str, Any]) -> dict[str, Any]:
    """The photographing tags of the picture, not of its thumbnail."""
    parts = ((name.split(":"), value) for name, value in tags.items())
    return {n[-1]: value for n, value in parts if n[:2] in (["EXIF", "IFD0"], ["EXIF", "ExifIFD"]) and n[-1] in KEPT}


def pixels(data: bytes) -> Any:
    """Everything that decoding gives; JPEG: the stored colour planes and the tables too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broken Exif
        image = Image.open(io.BytesIO(data))
        image.load()
        return (image.mode, np.asarray(image).tobytes(), getattr(image, "quantization", None))


def exif_block(**more: Any) -> bytes:
    zeroth, exif = piexif.ImageIFD, piexif.ExifIFD
    block: dict[str, Any] = {
        "0th": {
            zeroth.Make: b"Canon",
            zeroth.Model: b"Canon EOS 450D",
            zeroth.Orientation: 6,
            zeroth.Software: b"Firmware Version 1.1.0",
            zeroth.Artist: SECRET,
            zeroth.Copyright: SECRET,
            zeroth.ImageDescription: SECRET,
            zeroth.HostComputer: SECRET,
            zeroth.XPAuthor: SECRET,
        },
        "Exif": {
            exif.ExposureTime: (1, 125),
            exif.FNumber: (56, 10),
            exif.ISOSpeedRatings: 200,
            exif.Flash: 16,
            exif.ExposureProgram: 2,
            exif.ExposureMode: 0,
            exif.WhiteBalance: 0,
            exif.FocalLength: (18, 1),
            exif.DateTimeOriginal: b"2011:03:08 16:23:00",
            exif.LensModel: b"EF-S18-55mm f/3.5-5.6 IS",
            exif.LensSpecification: ((18, 1), (55, 1), (35, 10), (56, 10)),
            exif.ColorSpace: 1,
            exif.MakerNote: b"Canon\0" + SECRET * 30,
            exif.UserComment: b"ASCII\0\0\0" + SECRET,
            exif.CameraOwnerName: SECRET,
            exif.BodySerialNumber: SECRET,
            exif.LensSerialNumber: SECRET,
            exif.ImageUniqueID: SECRET,
        },
        "GPS": {piexif.GPSIFD.GPSLatitudeRef: b"N", piexif.GPSIFD.GPSLatitude: ((51, 1), (30, 1), (0, 1))},
        "1st": {zeroth.Make: SECRET},
        "thumbnail": thumbnail(),
    }
    for name, tags in more.items():
        block[name].update(tags)
    return bytes(piexif.dump(block))


def thumbnail() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(file, "JPEG", comment=SECRET)
    return file.getvalue()


def picture(side: int = 48) -> Image.Image:
    generator = np.random.Generator(np.random.PCG64(7))
    return Image.fromarray(generator.integers(0, 256, (side, side + 16, 3), dtype=np.uint8))


def saved(form: str, image: Image.Image | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    (image or picture()).save(file, form, **options)
    return file.getvalue()


def jpeg(**options: Any) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return saved("JPEG", quality=83, exif=exif_block(), icc_profile=profile, comment=SECRET, **options)


def tagged(folder: Path, data: bytes) -> bytes:
    """`data` with more that exiftool can write: GPS, XMP, IPTC, Photoshop, a serial number."""
    path = folder / "tagged.jpg"
    path.write_bytes(data)
    secret = SECRET.decode()
    private_options = [f"-XMP-dc:Creator={secret}", f"-IPTC:By-line={secret}", f"-XMP-aux:SerialNumber={secret}"]
    private_options += ["-GPSLatitude=51.5", "-GPSLatitudeRef=N", f"-Photoshop:URL={secret}"]
    subprocess.run(["exiftool", "-q", "-overwrite_original", *private_options, str(path)], check=True)
    return path.read_bytes()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_blocks": 2}])
def test_a_jpeg_loses_what_is_private_and_nothing_else(tmp_path: Path, options: dict[str, Any]) -> None:
    data = tagged(tmp_path, jpeg(**options)) + b"\xff\xd8" + SECRET
    scrubbed = scrub(data)
    (tmp_path / "scrubbed.jpg").write_bytes(scrubbed)
    before, after = exiftool(tmp_path / "tagged.jpg", tmp_path / "scrubbed.jpg")
    assert len(private(before)) > 15
    assert private(after) == []
    assert SECRET not in scrubbed
    assert kept(after) == kept(before)
    assert len(kept(after)) == 16
    assert pixels(scrubbed) == pixels(data)
    with Image.open(io.BytesIO(scrubbed)) as image:
        assert image.info["icc_profile"] == Image.open(io.BytesIO(data)).info["icc_profile"]
    assert "ExifTool:Warning" not in after


def test_scrubbing_twice_changes_nothing() -> None:
    for data in (jpeg(), saved("PNG", exif=exif_block()[6:]), heic()):
        assert scrub(scrub(data)) == scrub(data)


def test_adobe_colours_survive() -> None:
    cmyk = saved("JPEG", picture().convert("CMYK"))
    assert b"Adobe" in cmyk
    assert pixels(scrub(cmyk)) == pixels(cmyk)
    rgb = saved("JPEG", keep_rgb=True)
    assert pixels(scrub(rgb)) == pixels(rgb)


def test_further_pictures_of_the_file_go() -> None:
    several = saved("MPO", save_all=True, append_images=[Image.new("RGB", (48, 48), "blue")])
    with Image.open(io.BytesIO(several)) as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]
    scrubbed = scrub(several)
    assert pixels(scrubbed) == pixels(several)
    assert scrubbed.count(b"\xff\xd9") == 1
    assert b"MPF" not in scrubbed


def test_serial_numbers_glued_to_the_model_go() -> None:
    exif = exif_block(**{"0th": {piexif.ImageIFD.Model: b"Leaf Aptus 75(LI300123   )/Hasselblad H2"}})
    tags = piexif.load(scrub(saved("JPEG", exif=exif)))
    assert tags["0th"][piexif.ImageIFD.Model] == b"Leaf Aptus 75/Hasselblad H2"


def test_text_behind_a_nul_goes() -> None:
    exif = exif_block(**{"0th": {piexif.ImageIFD.Model: b"E990\0" + SECRET}})
    assert SECRET not in scrub(saved("JPEG", exif=exif))


def test_a_listed_tag_of_the_wrong_type_or_length_goes() -> None:
    for value in (SECRET, b"2011:03:08 16:23:0" + SECRET):
        exif = exif_block(Exif={piexif.ExifIFD.DateTimeOriginal: value})
        assert SECRET not in scrub(saved("JPEG", exif=exif))
    exif = exif_block(Exif={piexif.ExifIFD.FileSource: SECRET * 4})
    assert SECRET not in scrub(saved("JPEG", exif=exif))


@pytest.mark.parametrize("folder", CAMERA_PHOTOS)
def test_photos_of_real_cameras(folder: Path, tmp_path: Path) -> None:
    paths = sorted(folder.glob("*.jpg"))
    for path in paths:
        data = path.read_bytes()
        try:
            scrubbed = scrub(data)
        except Unscrubbable:
            assert decoded(data) is None, path.name
            continue
        (tmp_path / path.name).write_bytes(scrubbed)
        assert decoded(scrubbed) == decoded(data), path.name
    before = {Path(tags["SourceFile"]).name: kept(tags) for tags in exiftool(folder)}
    after = exiftool(tmp_path)
    assert len(after) > len(paths) / 2
    for tags in after:
        name = Path(tags["SourceFile"]).name
        assert private(tags) == [], name
        lost = dict(before[name].items() - kept(tags).items())
        assert lost == LOST.get(name, {}), name


def decoded(data: bytes) -> Any:
    """`pixels`, or None where the decoder gives up."""
    try:
        return pixels(data)
    except (OSError, SyntaxError, ValueError):
        return None


# --- hostile JPEG

SEGMENT = st.tuples(
    st.sampled_from([*range(0xE0, 0xF0), 0xFE, 0xF0, 0xF7, 0xFD]),
    st.sampled_from([b"", b"Exif\0\0", b"JFIF\0", b"Adobe", b"MPF\0", b"http://ns.adobe.com/xap/1.0/\0", b"II*\0"]),
    st.binary(max_size=40),
)


def segments(data: bytes) -> list[int]:
    """Where the segments in front of the first scan start."""
    places, place = [], 2
    while data[place + 1] != 0xDA:
        places.append(place)
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return [*places, place]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), SEGMENT), max_size=6), st.binary(max_size=30))
def test_segments_planted_anywhere_go(planted: list[tuple[int, tuple[int, bytes, bytes]]], trailer: bytes) -> None:
    data = jpeg()
    places = segments(data)
    for where, (marker, head, body) in sorted(planted, key=lambda place: -(place[0] % len(places))):
        content = head + body + SECRET
        segment = bytes((0xFF, marker)) + (len(content) + 2).to_bytes(2, "big") + content
        place = places[where % len(places)]
        data = data[:place] + segment + data[place:]
    data += trailer + SECRET
    scrubbed = scrub(data)
    assert SECRET not in scrubbed
    before = decoded(data)  # None for segments of hierarchical JPEG, which Pillow does not know
    assert before is None or decoded(scrubbed) == before


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=5), st.integers(0, 300))
def test_broken_jpegs_are_refused_or_decode_alike(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(jpeg())
    for place, value in changes:
        data[place % len(data)] = value
    hostile = bytes(data[: len(data) - cut])
    try:
        scrubbed = scrub(hostile)
    except Unscrubbable:
        return
    before = decoded(hostile)
    assert before is None or decoded(scrubbed) == before


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=12), st.binary(max_size=60))
def test_broken_exif_gives_what_can_be_read(changes: list[tuple[int, int]], other: bytes) -> None:
    tiff = bytearray(exif_block()[6:])
    for place, value in changes:
        tiff[place % 400] = value  # the directories are in front
    for hostile in (bytes(tiff), b"II*\0" + other, b"MM\0*\0\0\0\x08" + other, other):
        scrubbed = scrub_exif(hostile)
        assert len(scrubbed) < 3_000
        assert scrub_exif(scrubbed) == scrubbed
        if scrubbed:
            piexif.load(b"Exif\0\0" + scrubbed)


# --- PNG


def test_a_png_loses_text_and_keeps_its_pixels(tmp_path: Path) -> None:
    text = PngImagePlugin.PngInfo()
    for add in (text.add_text, text.add_itxt):
        add("Author", SECRET.decode())
    text.add_text("Comment", SECRET.decode(), zip=True)
    data = saved("PNG", exif=exif_block()[6:], pnginfo=text, dpi=(72, 72)) + SECRET
    scrubbed = scrub(data)
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / "b.png").write_bytes(scrubbed)
    before, after = exiftool(tmp_path / "a.png", tmp_path / "b.png")
    assert private(before)
    assert private(after) == []
    assert not [name for name in after if "Author" in name or name.endswith("Comment")]
    assert SECRET not in scrubbed
    assert kept(after) == kept(before)
    assert pixels(scrubbed) == pixels(data)
    assert "ExifTool:Warning" not in after


def test_a_palette_with_transparency_stays() -> None:
    image = picture().quantize(16)
    data = saved("PNG", image, transparency=3)
    assert decoded(scrub(data)) == decoded(data)
    assert Image.open(io.BytesIO(scrub(data))).info["transparency"] == 3


# --- HEIC


def heic(xmp: bytes = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + SECRET + b"</x:xmpmeta>", **options: Any) -> bytes:
    file = io.BytesIO()
    heif = pillow_heif.from_pillow(Image.effect_mandelbrot((128, 96), (-2, -1, 1, 1), 60).convert("RGB"))
    heif.save(file, exif=exif_block(**{"0th": {piexif.ImageIFD.Orientation: 1}}), xmp=xmp, **options)
    return file.getvalue()


def heif_pixels(data: bytes) -> tuple[tuple[int, int], bytes]:
    image = pillow_heif.open_heif(io.BytesIO(data)).to_pillow()
    return image.size, image.tobytes()


def test_a_heic_loses_what_is_private_and_keeps_its_pixels(tmp_path: Path) -> None:
    data = heic()
    scrubbed = scrub(data)
    (tmp_path / "a.heic").write_bytes(data)
    (tmp_path / "b.heic").write_bytes(scrubbed)
    before, after = exiftool(tmp_path / "a.heic", tmp_path / "b.heic")
    assert len(private(before)) > 8
    assert private(after) == []
    assert SECRET in data
    assert SECRET not in scrubbed
    assert kept(after) == kept(before)
    assert len(scrubbed) == len(data)
    assert heif_pixels(scrubbed) == heif_pixels(data)
    assert "ExifTool:Warning" not in after


def box(name: bytes, content: bytes) -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name + content


@pytest.mark.parametrize("name", [b"uuid", b"mpvd", b"free", b"mdat", b"abcd"])
def test_what_hides_behind_a_heic_goes(name: bytes) -> None:
    data = heic() + box(name, SECRET)
    assert SECRET not in scrub(data)
    assert heif_pixels(scrub(data)) == heif_pixels(data)


def test_a_heic_without_tags_to_keep(tmp_path: Path) -> None:
    file = io.BytesIO()
    exif = piexif.dump({"0th": {piexif.ImageIFD.Artist: SECRET}})
    pillow_heif.from_pillow(picture()).save(file, exif=exif)
    (tmp_path / "a.heic").write_bytes(scrub(file.getvalue()))
    assert private(exiftool(tmp_path / "a.heic")[0]) == []
    assert heif_pixels(scrub(file.getvalue())) == heif_pixels(file.getvalue())


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 899), st.integers(0, 255)), min_size=1, max_size=4), st.integers(0, 2_000))
def test_broken_heics_are_refused_or_keep_their_size(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(HEIC)
    for place, value in changes:
        data[place] = value
    hostile = bytes(data[: len(data) - cut])
    try:
        scrubbed = scrub(hostile)
    except Unscrubbable:
        return
    assert len(scrubbed) == len(hostile)


HEIC = heic()


# --- what is refused


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "neither"),
        (b"GIF89a" + SECRET, "neither"),
        (jpeg()[:-40], "cut short"),
        (jpeg()[:200], "cut short"),
        (b"\xff\xd8\xff\xd9", "no picture"),
        (b"\xff\xd8\xff\xe1\0\1", "cut short"),
        (saved("PNG")[:-4], "cut short"),
        (HEIC[:-1], "cut short"),
        (HEIC + box(b"moov", b""), "more than a still"),
        (HEIC.replace(b"meta", b"meto", 1), "more than a still"),
    ],
)
def test_files_that_are_not_understood_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unscrubbable, match=why) as caught:
        scrub(data)
    assert caught.value.hint.startswith("Export")


def test_kinds() -> None:
    assert [kind_of(data) for data in (jpeg(), saved("PNG"), HEIC, saved("GIF"), b"")] == [
        *("jpeg", "png", "heif"),
        *(None, None),
    ]
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False  # else `decoded` would prove nothing
