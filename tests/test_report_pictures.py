"""Thumbnails for the report from real photographs: upright, without metadata, credited, and few of Flickr's."""

import io
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flickrexif.core.errors import FlickrExifError
from flickrexif.core.parquet import image_writer, schema_of
from flickrexif.dataset.schema import IMAGE_COLUMNS
from flickrexif.eval.measure.strips import Neighbor, Query, StripsDetail
from flickrexif.eval.report.pictures import MOST_FLICKR, SIDE, Key, Picture, illustrated, pictures, thumbnail
from flickrexif.eval.report.spec import Strips
from flickrexif.eval.results import Result
from flickrexif.processing.build import ProcessSettings, process
from flickrexif.processing.variants import classes
from tests.report_records import figures
from tests.samples import photographs, samples_and

PAGE = "https://www.flickr.com/photos/someone/{}/"


def jpeg(number: int, **options: Any) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (6, 9, 3), np.uint8)
    Image.fromarray(pixels).resize((270, 180)).save(file, "JPEG", **options)
    return file.getvalue()


def flickrexif(root: Path, images: dict[int, bytes], group: int = 1) -> Path:
    """A FlickrExif data set with images, row groups of `group`, and labels that credit them."""
    folder = root / "flickrexif"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    rows = [{"Flickr ID": i, "image": {"bytes": data, "path": f"{i}.jpg"}} for i, data in sorted(images.items())]
    with image_writer(folder / "images" / "train-2024-08-00000.parquet", schema_of(IMAGE_COLUMNS)) as writer:
        for start in range(0, len(rows), group):
            writer.write_table(pa.Table.from_pylist(rows[start : start + group], writer.schema))
    labels = {"Flickr ID": list(images), "attribution": [f"“{i}” by <b>someone</b>" for i in images]}
    labels["page_url"] = [PAGE.format(i) for i in images]
    pq.write_table(pa.table(labels), folder / "labels" / "train-2024-08.parquet")
    return folder


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(float)


def upright(data: bytes, size: tuple[int, int]) -> np.ndarray:
    """OpenCV's answer: it turns as the Exif orientation says, and averages areas."""
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)[..., ::-1].astype(float)


def orientation(path: Path) -> int:
    with Image.open(path) as image:
        return int(image.getexif().get(274, 1))


# --- thumbnails


@pytest.fixture(params=samples_and("camera-photos"))
def camera_photos(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Photos of which several were taken with a turned camera."""
    if request.param:
        return Path(request.param)
    folder = tmp_path / "photos"
    folder.mkdir()
    for turn, photograph in enumerate(photographs()[:8], 1):
        exif = Image.Exif()
        exif[274] = turn
        photograph.save(folder / f"turn {turn}.jpg", exif=exif, comment=b"a comment")
    return folder


def test_real_photos_are_upright_small_and_without_metadata(camera_photos: Path, tmp_path: Path) -> None:
    paths = sorted(path for path in camera_photos.glob("*.jp*g"))
    (tmp_path / "small").mkdir()
    turned = [path for path in paths if orientation(path) > 1]
    assert len(turned) >= 3
    for path in [*turned, *paths[::12]]:
        data = path.read_bytes()
        small = thumbnail(data)
        assert small
        (tmp_path / "small" / path.name).write_bytes(small)
        shown = pixels(small)
        assert max(shown.shape[:2]) == SIDE
        expected = upright(data, (shown.shape[1], shown.shape[0]))
        apart = np.abs(shown - expected).mean()
        assert apart < 10, path
        assert apart < np.abs(shown[::-1, ::-1] - expected).mean() / 2 or not expected.any(), path  # one is black
        assert len(small) < 20_000
    said = subprocess.run(["exiftool", "-json", "-G", "-r", tmp_path / "small"], capture_output=True, check=True).stdout
    tags = json.loads(said)
    assert len(tags) == len({*turned, *paths[::12]})
    groups = {name.partition(":")[0] for tags_of_photo in tags for name in tags_of_photo}
    assert groups == {"SourceFile", "ExifTool", "File", "Composite", "JFIF"}
    assert not any("Comment" in name for tags_of_photo in tags for name in tags_of_photo)


def test_a_comment_a_profile_and_xmp_do_not_come_along(tmp_path: Path) -> None:
    secret = b"JANE ROE WAS HERE"
    data = jpeg(1, comment=secret, icc_profile=secret, xmp=b"<x>" + secret, exif=b"Exif\0\0" + secret)
    assert data.count(secret) == 4
    small = thumbnail(data)
    assert small
    assert secret not in small
    assert thumbnail(data) == small


@pytest.mark.parametrize("data", [b"", b"no image", jpeg(1)[:200], b"\xff\xd8\xff"])
def test_what_is_no_whole_image_has_none(data: bytes) -> None:
    assert thumbnail(data) is None


def test_small_images_are_not_enlarged_and_narrow_ones_keep_a_pixel() -> None:
    for size, expected in (((5, 7), (5, 7)), ((4000, 2), (160, 1)), ((SIDE, SIDE), (SIDE, SIDE))):
        file = io.BytesIO()
        Image.new("RGBA", size, (9, 8, 7, 0)).save(file, "PNG")
        small = thumbnail(file.getvalue())
        assert small
        assert Image.open(io.BytesIO(small)).size == expected


# --- FlickrExif


def test_photos_by_their_ids_with_their_credit(tmp_path: Path) -> None:
    flickrexif(tmp_path, {7: jpeg(7), 8: jpeg(8), 9: b"damaged"})
    keys = [Key("FlickrExif", photo_id) for photo_id in ("8", "7", "9", "10", "x", "²", "9" * 30)]
    thumbnails = pictures(tmp_path, keys)
    assert set(thumbnails) == set(keys[:2])
    assert thumbnails[keys[0]] == Picture(
        jpeg=thumbnail(jpeg(8)) or b"", attribution="“8” by <b>someone</b>", page_url=PAGE.format(8)
    )
    assert pictures(tmp_path, keys) == thumbnails
    assert pictures(tmp_path, []) == pictures(tmp_path / "none", keys) == {}
    (tmp_path / "none" / "flickrexif").mkdir(parents=True)
    assert pictures(tmp_path / "none", keys) == {}


def test_only_the_row_groups_that_hold_them_are_read(tmp_path: Path) -> None:
    images = {number: jpeg(number) for number in range(100, 110)}
    folder = flickrexif(tmp_path, images)
    path = folder / "images" / "train-2024-08-00000.parquet"
    content = bytearray(path.read_bytes())
    for number in (100, 109):  # their bytes are gone, and the file's length is told wrong where they begin
        start = content.index(images[number])
        content[start - 8 : start + len(images[number])] = bytes(len(images[number]) + 8)
    path.write_bytes(bytes(content))
    assert len(pictures(tmp_path, [Key("FlickrExif", str(number)) for number in range(101, 109)])) == 8
    with pytest.raises(FlickrExifError, match="cannot be read"):
        pictures(tmp_path, [Key("FlickrExif", "100")])


def test_no_page_shows_more_of_flickr_than_its_terms_allow(tmp_path: Path) -> None:
    flickrexif(tmp_path, {number: jpeg(number % 3) for number in range(50)}, group=50)
    keys = [Key("FlickrExif", str(number)) for number in reversed(range(50))]
    thumbnails = pictures(tmp_path, keys)
    assert list(thumbnails) == sorted(keys[:MOST_FLICKR], key=lambda key: int(key.image_id))
    assert MOST_FLICKR == 30


def test_an_address_that_is_none_is_left_out(tmp_path: Path) -> None:
    folder = flickrexif(tmp_path, {1: jpeg(1), 2: jpeg(2), 3: jpeg(3)})
    labels = {"Flickr ID": [1, 2], "attribution": [None, "x"], "page_url": ["javascript:alert(1)", None]}
    pq.write_table(pa.table(labels), folder / "labels" / "train-2024-08.parquet")
    thumbnails = pictures(tmp_path, [Key("FlickrExif", photo) for photo in "123"])
    assert {key.image_id: (photo.attribution, photo.page_url) for key, photo in thumbnails.items()} == {
        "1": ("", ""),
        "2": ("x", ""),
        "3": ("", ""),
    }


@pytest.mark.parametrize("table", [b"no table", {"Flickr ID": [1]}, {"Flickr ID": ["1"], "attribution": [""]}])
def test_labels_that_cannot_be_read_are_told_in_a_sentence(tmp_path: Path, table: Any) -> None:
    folder = flickrexif(tmp_path, {1: jpeg(1)})
    path = folder / "labels" / "train-2024-08.parquet"
    if isinstance(table, bytes):
        path.write_bytes(table)
    else:
        pq.write_table(pa.table(table), path)
    with pytest.raises(FlickrExifError, match=r"cannot be read \(|has no column"):
        pictures(tmp_path, [Key("FlickrExif", "1")])


# --- other data sets


@pytest.fixture(scope="module")
def traces(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in stored variants, as data/imagenet-traces."""
    root = tmp_path_factory.mktemp("traces")
    source = root / "source"
    for split in ("train", "val"):
        for folder in sorted((image_folder / split).iterdir())[:2]:
            for number, path in enumerate(sorted(folder.iterdir())[:3]):  # the same ids in both splits
                place = source / split / folder.name / f"{number}.JPEG"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(path.read_bytes())
    settings = ProcessSettings(source=str(source), out=root / "data" / "imagenet-traces", parameter="jpeg")
    process(settings)
    return root / "data"


def test_variants_are_those_of_the_test_images(image_folder: Path, traces: Path) -> None:
    names = classes("jpeg")
    keys = [Key("ImageNet", f"{folder.name}/{n}.JPEG", name)
            for folder in sorted((image_folder / "val").iterdir())[:2] for n in range(3) for name in names]  # fmt: skip
    thumbnails = pictures(traces, [*keys, Key("ImageNet", "gone", names[0]), Key("ImageNet", keys[0].image_id, "../x")])
    assert set(thumbnails) == set(keys)
    for name in names:
        (path,) = (traces / "imagenet-traces" / name.lower()).glob("val*.parquet")
        for row in pq.read_table(path).to_pylist():
            picture = thumbnails[Key("ImageNet", row["image_id"], name)]
            assert picture == Picture(jpeg=thumbnail(row["image"]["bytes"]) or b"")


def test_a_variant_that_is_not_stored_is_shown_as_it_came(tmp_path: Path) -> None:
    for number in range(2):
        place = tmp_path / "pets" / "val" / "cat" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(jpeg(number))
    keys = [Key("pets", "cat/0.jpg", "JPEG75_420"), Key("pets", "cat/0.jpg", "HALF"), Key("pets", "cat/1.jpg")]
    thumbnails = pictures(tmp_path, keys)
    assert [thumbnails[key].jpeg for key in keys] == [thumbnail(jpeg(0)), thumbnail(jpeg(0)), thumbnail(jpeg(1))]
    assert pictures(tmp_path, [Key("../pets", "cat/0.jpg"), Key(".", "pets/val/cat/0.jpg"), Key("other", "1")]) == {}


def test_originals_beside_their_processed_images_have_pictures(tmp_path: Path) -> None:
    place = tmp_path / "imagenet/val/cat/0.jpg"
    place.parent.mkdir(parents=True)
    place.write_bytes(jpeg(0))
    assert pictures(tmp_path, [Key("ImageNet", "cat/0.jpg")])
    (tmp_path / "imagenet-traces").mkdir()
    assert pictures(tmp_path, [Key("imagenet-originals", "cat/0.jpg")])
    assert not pictures(tmp_path, [Key("ImageNet", "cat/0.jpg")])


def test_images_made_of_photos_on_flickr_are_credited_too(tmp_path: Path) -> None:
    flickrexif(tmp_path, {number: jpeg(number) for number in range(3)})
    for name, ids in (("crawled", (0, 1, 2)), ("numbered", (1, 2, 3))):
        (tmp_path / name / "jpeg75_420").mkdir(parents=True)
        images = [{"bytes": jpeg(row), "path": None} for row in ids]
        table = pa.table({"image_id": [str(row) for row in ids], "image": images, "label": [0] * 3})
        pq.write_table(table, tmp_path / name / "jpeg75_420" / "val-00000-of-00001.parquet")
    keys = [Key(name, str(row), "JPEG75_420") for name in ("crawled", "numbered") for row in (1, 2, 3)]
    thumbnails = pictures(tmp_path, [key for key in keys if key != Key("crawled", "3", "JPEG75_420")])
    assert [bool(thumbnails[key].page_url) for key in keys if key in thumbnails] == [True, True, False, False, False]


# --- what a report shows


def strips(dataset: str, ids: str) -> Result:
    query, *near = ids
    neighbors = [Neighbor(id=image, label="a", variant=None, similarity=0.5, same=True) for image in near]
    queries = [Query(id=query, label="a", variant=None, neighbors=neighbors)]
    return Result(
        task="strips", encoder="lite0", family="SUP", dataset=dataset, origin="", metrics={"same": 1.0},
        detail=StripsDetail(queries=queries, left_out={}), settings={"mask": 0},
    )  # fmt: skip


def test_the_images_of_the_strips_that_are_shown(tmp_path: Path) -> None:
    flickrexif(tmp_path, {number: jpeg(number) for number in range(4)})
    shown = strips("FlickrExif", "012")
    failed = replace(strips("PairCams", "01"), state="failed", reason="out of memory", detail=None)
    (figure,) = illustrated(figures([("a.json", shown), ("b.json", failed)]), tmp_path)
    assert isinstance(figure.content, Strips)
    ((query, *near),) = figure.content.rows
    assert (query.image_id, query.jpeg, query.page_url) == ("0", thumbnail(jpeg(0)), PAGE.format(0))
    assert [shot.jpeg for shot in near] == [thumbnail(jpeg(1)), thumbnail(jpeg(2))]
    (bare,) = illustrated(figures([("a.json", shown)]), None)
    assert isinstance(bare.content, Strips)
    assert [shot.jpeg for shot in bare.content.shots] == [b""] * 3
