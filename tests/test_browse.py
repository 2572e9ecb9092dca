"""The pages that show a data set: what is on them, against the Parquet files read by pandas, and what is refused."""

import base64
import hashlib
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from flickrexif.cards.browse import browse
from flickrexif.cards.browse.page import PROGRAM
from flickrexif.cards.browse.pictures import CROP, centre, difference, same_region
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.commands.folder import label_folder
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.pages import GENERATOR
from flickrexif.core.parquet import read_rows
from flickrexif.core.photos import RawPhoto
from flickrexif.core.text import link, plain
from flickrexif.dataset.build import Collection, build
from flickrexif.dataset.images import StoredImage
from flickrexif.paircams.build import build_pairs
from flickrexif.processing.build import ProcessSettings, process
from tests.folders import hashes
from tests.raw_photos import EXIF, photo

FLICKR = Collection(source="flickr")
SIMULATED = Collection(source="sandbox:simulated")
NOTICE = "This product uses the Flickr API but is not endorsed or certified by SmugMug, Inc."
CAMERAS = (("Canon", "Canon EOS 5D"), ("Apple", "iPhone 12"), ("NIKON CORPORATION", "NIKON D500"))
HOSTILE = (
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked = 1">',
    "' onmouseover='window.hacked = 1",
    "</article></template></main><h1>mine</h1><script>window.hacked = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe\u2066\x1b[31m\x00\n<!--",
    "javascript:window.hacked=1",
    "x" * 3_000,
)
BAD_LINKS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " https://flickr.com/",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "//evil.example/x",
    "https:///x",
    "https://[::1",
    "https://flickr.com/\u202egnp",
    "https://flickr.com/" + "x" * 600,
    "",
    None,
)
VOID = {"meta", "img", "br", "input"}


def some_photos(count: int, **fields: object) -> list[RawPhoto]:
    """`count` photos by three cameras in turn, with ids from 1."""
    made = []
    for number in range(1, count + 1):
        make, model = CAMERAS[number % 3]
        made.append(photo(number, exif=EXIF | {"Make": make, "Model": model, "ISO": str(100 << number % 5)}, **fields))
    return made


def jpeg(seed: int, size: tuple[int, int] = (480, 360)) -> bytes:
    """A smooth picture, with metadata that must not be passed on."""
    exif, file = Image.Exif(), io.BytesIO()
    exif[271], exif[42033] = "Shot", "SERIAL-77"
    grid = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    picture = Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(file, "JPEG", quality=95, exif=exif, comment=b"COMMENT-77", icc_profile=profile)
    return file.getvalue()


def data_set(root: Path, photos: Sequence[RawPhoto], collection: Collection = FLICKR, images: bool = False) -> Path:
    """A built data set; `images` of every photo but the first."""
    stored = []
    for one in photos[1:] if images else ():
        path = root.parent / "files" / f"{one.flickr_id}_b.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(one.flickr_id))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        stored.append(StoredImage(one.flickr_id, path, sha256, 480, 360, "l"))
    build([("2024-08", photos)], root, collection, (lambda _: stored) if images else None)
    return root


def traces(root: Path, *variants: str, count: int = 3, draw: str | None = None, source: Path | None = None) -> Path:
    """Processed images: of `source`, else of as many pictures as `count`."""
    if source is None:
        source = root.parent / "pictures"
        for number in range(count):
            path = source / "train" / ("cat", "dog")[number % 2] / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(jpeg(number, (300, 220)))
    parameter = "jpeg" if draw else None
    process(ProcessSettings(source=str(source), out=root, variants=variants, parameter=parameter, draw=draw))
    return root


class Article:
    def __init__(self, in_template: bool, attributes: dict[str, str]) -> None:
        self.in_template, self.attributes, self.text = in_template, attributes, ""
        self.links: list[str] = []
        self.images: list[str] = []


class Page(HTMLParser):
    """The elements of a page, its articles with their text, and the texts of its labels."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.articles: list[Article] = []
        self.labels: list[str] = []
        self.text = ""
        self.feed(path.read_text("utf-8"))
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        assert len(attributes) == len(attrs)
        self.elements.append((tag, attributes))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "article":
            self.articles.append(Article("template" in self.open, attributes))
        if tag == "label":
            self.labels.append("")
        if "article" in self.open and tag == "a":
            self.articles[-1].links.append(attributes["href"])
        if "article" in self.open and tag == "img":
            self.articles[-1].images.append(attributes["src"])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data
        if "article" in self.open:
            self.articles[-1].text += data
        if "label" in self.open:
            self.labels[-1] += data

    @property
    def shown(self) -> list[Article]:
        return [article for article in self.articles if not article.in_template]

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def pages(index: Path) -> list[Page]:
    """All pages, in their order."""
    return [Page(path) for path in sorted(index.parent.glob("*.html"), key=lambda path: (len(path.name), path.name))]


def ids_of(articles: Sequence[Article]) -> list[int]:
    return [int(re.findall(r"Id(\d+)", article.text)[0]) for article in articles]


def decoded(src: str) -> Image.Image:
    """The image of a data URI."""
    prefix = "data:image/webp;base64,"
    assert src.startswith(prefix)
    return Image.open(io.BytesIO(base64.b64decode(src.removeprefix(prefix), validate=True)))


# --- photos


def test_every_photo_is_on_one_page_with_credit_and_links(tmp_path: Path) -> None:
    root = data_set(tmp_path / "flickrexif", some_photos(65))
    made = browse(root)
    assert made.index == tmp_path / "browse/flickrexif/index.html"
    assert (made.shown, made.total) == (65, 65)
    found = pages(made.index)
    assert [len(page.shown) for page in found] == [30, 30, 5]
    assert sorted(number for page in found for number in ids_of(page.shown)) == list(range(1, 66))
    rows = pd.read_parquet(root / "labels").set_index("Flickr ID")
    for page in found:
        assert NOTICE in page.text
        for article, number in zip(page.shown, ids_of(page.shown), strict=True):
            row = rows.loc[number]
            assert article.links == [row["page_url"], row["license_url"]]
            assert row["attribution"] in article.text
            assert row["title"] in article.text
        outside = [a for a in page.all("a") if "://" in a["href"]]
        assert len(outside) == 2 * len(page.articles)
        assert {a["rel"] for a in outside} == {"noopener noreferrer nofollow"}


def test_the_first_page_holds_the_others_for_its_filters(tmp_path: Path) -> None:
    first, second = pages(browse(data_set(tmp_path / "flickrexif", some_photos(40))).index)
    hidden = [article for article in first.articles if article.in_template]
    assert ids_of(hidden) == ids_of(second.shown)
    assert second.articles == second.shown


def test_facets_count_all_photos_and_those_of_the_sample(tmp_path: Path) -> None:
    photos = some_photos(50)
    root = data_set(tmp_path / "flickrexif", [*photos, photo(99, exif={"Make": "Leica", "ISO": "0"})])
    index = browse(root, photos=20).index
    page = Page(index)
    told: dict[tuple[str, str], tuple[int, int]] = {}
    boxes = [box for box in page.all("input") if box["type"] == "checkbox"]
    names = ("make", "model", "year", "device_category", "is_smartphone")
    names += ("exposure_class", "aperture_class", "iso_class", "focal_length_class")
    for box, label in zip(boxes, page.labels, strict=True):
        hit = re.fullmatch(r"(.+) ([\d,]+) \(([\d,]+)\)", label.strip())
        assert hit
        told[names[int(box["name"])], hit[1]] = int(hit[2]), int(hit[3])
    rows = pd.read_parquet(root / "labels")
    rows["is_smartphone"] = rows["is_smartphone"].map({True: "smart", False: "non-smart"})
    sample = rows[rows["Flickr ID"].isin(ids_of(page.articles))]
    assert len(sample) == 20
    counts = {
        (name, str(value)): (count, int((sample[name].fillna("unknown") == value).sum()))
        for name in names
        for value, count in rows[name].fillna("unknown").value_counts().items()
    }
    assert told == counts
    orders = [name for facet, name in told if facet == "iso_class"]
    assert orders == ["100", "200", "400", "800", "1600", "unknown"]


def test_a_card_names_the_places_of_its_labels_in_the_facets(tmp_path: Path) -> None:
    page = Page(browse(data_set(tmp_path / "flickrexif", some_photos(12))).index)
    boxes = [(box["name"], box["value"]) for box in page.all("input")]
    name = {box: label.strip().rsplit(" ", 2)[0] for box, label in zip(boxes, page.labels, strict=True)}
    for article, number in zip(page.shown, ids_of(page.shown), strict=True):
        values = [name[str(facet), place] for facet, place in enumerate(article.attributes["data-places"].split())]
        maker = ("Canon", "Apple", "Nikon")[number % 3]
        smart = "smart" if maker == "Apple" else "non-smart"
        assert (values[0], values[2], values[4], values[7]) == (maker, "2024", smart, str(100 << number % 5))


def test_rare_values_of_a_long_facet_are_counted_together(tmp_path: Path) -> None:
    photos = [photo(n, exif=EXIF | {"Model": f"M{n}"}) for n in range(1, 61)]
    photos += [photo(n, exif=EXIF | {"Model": "M1"}) for n in range(100, 103)]
    text = Page(browse(data_set(tmp_path / "flickrexif", photos), photos=5).index).text
    assert "M1 4" in text
    assert "and 20 more on 20 photos" in text


def test_the_sample_is_keyed(tmp_path: Path) -> None:
    photos = some_photos(60)
    some, every = data_set(tmp_path / "some", photos[::2]), data_set(tmp_path / "all", photos)

    def drawn(root: Path, seed: int = 0) -> list[int]:
        return ids_of(Page(browse(root, tmp_path / f"{root.name}{seed}", photos=10, seed=seed).index).articles)

    few, many = drawn(some), drawn(every)
    assert len(set(few)) == len(set(many)) == 10
    assert [number for number in many if number % 2] == few[: sum(number % 2 for number in many)]
    assert drawn(every, seed=1) != many


def test_thumbnails_are_small_upright_and_without_metadata(tmp_path: Path) -> None:
    root = data_set(tmp_path / "flickrexif", some_photos(4), images=True)
    page = Page(browse(root).index)
    stored = pd.read_parquet(root / "images").set_index("Flickr ID")["image"]
    assert sorted(ids_of(page.shown)) == [1, *sorted(stored.index)]
    for article, number in zip(page.shown, ids_of(page.shown), strict=True):
        if number == 1:
            assert article.images == []
            assert "cannot be shown" in article.text
            continue
        small = decoded(article.images[0])
        assert small.size == (320, 240)
        whole = Image.open(io.BytesIO(stored[number]["bytes"])).resize(small.size)
        assert np.abs(np.asarray(small, float) - np.asarray(whole, float)).mean() < 3
        file = tmp_path / "small.webp"
        file.write_bytes(base64.b64decode(article.images[0].partition(",")[2]))
        told = subprocess.run(
            ["exiftool", "-Exif:all", "-XMP:all", "-ICC_Profile:all", str(file)], capture_output=True, text=True
        )
        assert told.stdout == ""
        assert b"-77" not in file.read_bytes()


def test_nothing_is_loaded_where_no_image_is_stored(tmp_path: Path) -> None:
    index = browse(data_set(tmp_path / "flickrexif", some_photos(2))).index
    page = Page(index)
    assert page.all("img") == []
    assert page.text.count("No image is stored here.") == 2
    assert "none is loaded from Flickr" in page.text
    assert "staticflickr" not in index.read_text("utf-8")


@pytest.mark.parametrize(
    ("source", "said"),
    [("flickr", ""), ("sandbox:simulated", "SIMULATED DATA"), ("sandbox:photos", "NOT FROM FLICKR"), ("x", "UNKNOWN")],
)
def test_a_banner_says_what_is_not_from_flickr(tmp_path: Path, source: str, said: str) -> None:
    root = data_set(tmp_path / "flickrexif", some_photos(31))
    (root / "collection.json").write_text(json.dumps({"source": source}))
    for page in pages(browse(root).index):
        assert (said in page.text) if said else not re.search("SIMULATED|NOT FROM|UNKNOWN", page.text)


def test_photos_of_a_folder_have_no_photographer_and_no_notice(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/dog.jpg").write_bytes(jpeg(1))
    label_folder(tmp_path / "mine", tmp_path / "labelled")
    page = Page(browse(tmp_path / "labelled").index)
    assert NOTICE not in page.text
    assert "NOT FROM FLICKR" in page.text
    assert "dog.jpg" in page.shown[0].text
    assert " by " not in page.shown[0].text
    assert page.shown[0].links == []


def inert(page: Page) -> None:
    """The page's own elements and no other, whatever its texts are."""
    own = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "article",
        "template",
    }
    own |= {"h1", "h2", "h3", "p", "div", "span", "nav", "a", "strong", "button", "details", "summary", "fieldset"}
    own |= {"legend", "label", "input", "dl", "dt", "dd", "bdi", "code", "script", "img"}
    assert {name for name, _ in page.elements} <= own
    assert len(page.all("h1")) == 1
    assert len(page.all("script")) <= 1
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    for address in (a["href"] for a in page.all("a")):
        assert re.match(r"https?://|index\.html$|page-\d+\.html$", address)


def hostile_photos(count: int) -> list[RawPhoto]:
    """Photos of which every text is hostile."""
    made = []
    for number, one in enumerate(some_photos(count)):
        text, address = HOSTILE[number % len(HOSTILE)], BAD_LINKS[number % len(BAD_LINKS)] or ""
        texts = {"title": text, "owner_name": text, "license": text, "exif": dict.fromkeys(EXIF, text)}
        made.append(photo(one.flickr_id, page_url=address, license_url=address, **texts))
    return made


def test_hostile_texts_and_links_are_inert(tmp_path: Path) -> None:
    count = len(HOSTILE) * len(BAD_LINKS) // 4
    index = browse(data_set(tmp_path / "flickrexif", hostile_photos(count))).index
    for page in pages(index):
        inert(page)
        for article in page.articles:
            assert article.links == []
            assert len(article.text) < 3_000
            assert all(char.isprintable() or char == "\n" for char in article.text)
    titles = {plain(text, 200) for text in HOSTILE}
    assert all(any(title in article.text for article in Page(index).articles) for title in titles)


@pytest.mark.parametrize("address", BAD_LINKS)
def test_what_is_no_web_page_is_no_link(address: str | None) -> None:
    assert link(address) == ""


@given(st.text(max_size=30))
def test_a_link_is_a_web_address_as_it_was_given(text: str) -> None:
    assert link(text) in ("", text)
    assert link(text) == "" or text.lower().startswith(("http://", "https://"))
    address = f"https://www.flickr.com/photos/{text}"
    assert link(address) in ("", address)


def test_a_web_page_is_a_link() -> None:
    assert link("https://www.flickr.com/photos/jo/1/") == "https://www.flickr.com/photos/jo/1/"
    assert link("http://127.0.0.1:8600/photos/jo/1/") == "http://127.0.0.1:8600/photos/jo/1/"


# --- pairs


def test_pairs_stand_side_by_side_thirty_images_a_page(tmp_path: Path) -> None:
    simulate_pairs(tmp_path / "source", 17, side=160)
    build_pairs(tmp_path / "source", tmp_path / "paircams")
    made = browse(tmp_path / "paircams")
    assert (made.shown, made.total) == (34, 34)
    found = pages(made.index)
    assert [len(page.all("img")) for page in found] == [30, 4]
    rows = pd.read_parquet(tmp_path / "paircams/data")
    subjects = [int(re.findall(r"Subject (\d+)", article.text)[0]) for page in found for article in page.shown]
    assert subjects == sorted(rows["subject_idx"].unique())
    for page in found:
        assert "SIMULATED DATA: no camera took 34 of these 34 images." in page.text
        inert_names = {name for name, _ in page.elements}
        assert "script" not in inert_names
        for article in page.shown:
            subject = int(re.findall(r"Subject (\d+)", article.text)[0])
            models = [str(rows[(rows.subject_idx == subject) & (rows.side == side)]["model"].item()) for side in SIDES]
            phone, camera = (article.text.index(f"{side}:") for side in SIDES)
            assert models[0] in article.text[phone:camera]
            assert models[1] in article.text[camera:]
    assert len(Page(browse(tmp_path / "paircams", tmp_path / "few", photos=6).index).all("img")) == 6


SIDES = ("phone", "camera")


# --- variants


def test_a_variants_pixels_are_those_of_its_file(tmp_path: Path) -> None:
    root = traces(tmp_path / "traces", "IDENTITY", "JPEG75_420", "RESIZE_HALF", "RESIZE_DOUBLE")
    made = browse(root)
    assert (made.shown, made.total) == (3, 3)
    for page in pages(made.index):
        image_id = re.findall(r"(\w+/\d\.jpg)", page.text)[0]
        files: dict[str, bytes] = {}
        for config in ("identity", "jpeg75_420", "resize_half", "resize_double"):
            rows = pd.read_parquet(root / config / "train-00000-of-00001.parquet").set_index("image_id")
            files[config.upper()] = rows.loc[image_id]["image"]["bytes"]
        base = np.asarray(Image.open(io.BytesIO(files["IDENTITY"])).convert("RGB"), np.int16)
        assert [article.text.split()[0] for article in page.shown] == list(files)
        for article, (name, data) in zip(page.shown, files.items(), strict=True):
            whole = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            scale = {"RESIZE_HALF": 0.5, "RESIZE_DOUBLE": 2}.get(name, 1)
            left, upper, side = (int(scale * x) for x in ((300 - CROP) / 2, (220 - CROP) / 2, CROP))
            pixels = np.asarray(decoded(article.images[0]).convert("RGB"))
            assert np.array_equal(pixels, whole[upper : upper + side, left : left + side])
            assert f"{len(data):,} bytes" in article.text
            assert ("resampled" in article.text) is (scale != 1)
            if name == "JPEG75_420":
                apart = (whole.astype(np.int16) - base)[30 : 30 + CROP, 70 : 70 + CROP]
                shown = np.asarray(decoded(article.images[1]).convert("RGB"))
                assert np.array_equal(shown, np.clip(128 + 8 * apart, 0, 255))
                assert f"Differs by {np.abs(apart).mean():.2f} of 255 on average, {np.abs(apart).max()} at most" in (
                    article.text
                )


@pytest.mark.parametrize(
    ("variants", "reference"),
    [
        (("JPEG75_420", "JPEG95_444", "IDENTITY"), "IDENTITY"),
        (("JPEG75_420", "JPEG95_444", "SHARPEN_2"), "JPEG95_444"),
        (("SHARPEN_4", "SHARPEN_2"), "SHARPEN_2"),
    ],
)
def test_the_reference_is_the_least_processed(tmp_path: Path, variants: tuple[str, ...], reference: str) -> None:
    page = Page(browse(traces(tmp_path / "traces", *variants, count=1)).index)
    assert page.shown[0].text.split()[0] == reference
    assert [len(article.images) for article in page.shown] == [1] + [2] * (len(variants) - 1)


def test_a_handful_of_images_is_drawn(tmp_path: Path) -> None:
    root = traces(tmp_path / "traces", "JPEG75_420", "JPEG95_444", count=9)
    assert browse(root).shown == 6
    assert browse(root, photos=2).shown == 2
    assert len(pages(tmp_path / "browse/traces/index.html")) == 2


def test_variants_of_flickr_photos_are_credited(tmp_path: Path) -> None:
    source = data_set(tmp_path / "flickrexif", some_photos(3), SIMULATED, images=True)
    page = Page(browse(traces(tmp_path / "traces", "JPEG75_420", source=source)).index)
    [number] = {int(hit) for hit in re.findall(r"photos/jo/(\d+)/\)", page.text)}
    row = pd.read_parquet(source / "labels").set_index("Flickr ID").loc[number]
    assert row["attribution"] in page.text
    assert [a["href"] for a in page.all("a") if "://" in a["href"]] == [row["page_url"], row["license_url"]]
    assert NOTICE in page.text
    assert "SIMULATED DATA" in page.text


def test_draws_alone_cannot_be_compared(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="in one variant only"):
        browse(traces(tmp_path / "traces", draw="uniform"))


def test_an_image_that_is_none_has_its_place(tmp_path: Path) -> None:
    root = traces(tmp_path / "traces", "JPEG75_420", "JPEG95_444", count=1)
    [path] = (root / "jpeg75_420").glob("*.parquet")
    table = pq.read_table(path)
    image = pa.array([{"bytes": b"no image", "path": "x.jpg"}], table.schema.field("image").type)
    pq.write_table(table.set_column(0, table.schema.field("image"), image), path)
    page = Page(browse(root).index)
    assert "cannot be shown" in page.shown[1].text
    assert len(page.shown[0].images) == 1


def test_a_difference_is_amplified_around_grey() -> None:
    reference = Image.new("RGB", (8, 8), (100, 100, 100))
    variant = reference.copy()
    variant.putpixel((3, 4), (103, 98, 255))
    found = difference(reference, variant, (2, 2, 6, 6))
    pixels = np.asarray(decoded(found.picture.src).convert("RGB"))
    assert pixels.shape == (4, 4, 3)
    assert pixels[2, 1].tolist() == [152, 112, 255]
    assert np.delete(pixels.reshape(16, 3), 9, axis=0).tolist() == [[128] * 3] * 15
    assert found.mean == pytest.approx((3 + 2 + 155) / 48)
    assert found.most == 155


def test_a_variant_of_another_size_is_compared_at_the_references() -> None:
    flat = difference(Image.new("RGB", (40, 30), "navy"), Image.new("RGB", (20, 15), "navy"), (5, 5, 25, 25))
    assert (flat.picture.width, flat.picture.height, flat.mean, flat.most) == (20, 20, 0.0, 0)


sides = st.integers(1, 900)


@given(sides, sides, sides, sides)
def test_a_region_is_within_its_image_and_in_its_middle(wide: int, high: int, other_wide: int, other_high: int) -> None:
    box = centre(wide, high)
    side = min(wide, high, CROP)
    assert (box[2] - box[0], box[3] - box[1]) == (side, side)
    assert abs(box[0] - (wide - box[2])) <= 1
    assert abs(box[1] - (high - box[3])) <= 1
    assert same_region(box, (wide, high), (wide, high)) == box
    left, upper, right, lower = same_region(box, (wide, high), (other_wide, other_high))
    assert 0 <= left < right <= other_wide
    assert 0 <= upper < lower <= other_high


# --- rows


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text("abcö/", max_size=4) | st.none(), unique=True, max_size=40),
    st.sets(st.text("abcö/", max_size=4), max_size=8),
    st.integers(1, 9),
)
def test_rows_by_id_are_those_that_pandas_finds(
    tmp_path_factory: pytest.TempPathFactory, ids: list[str | None], wanted: set[str], group: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    image = [{"bytes": str(name).encode(), "path": None} for name in ids]
    schema = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("id", pa.string())])
    pq.write_table(pa.table({"image": image, "id": ids}, schema), path, row_group_size=group)
    found = list(read_rows([path], "id", wanted, ("id", "image", "other")))
    frame = pd.read_parquet(path)
    expected = frame[frame["id"].isin(wanted)]["id"].tolist()
    assert [(row["id"], row["image"]["bytes"], row["other"]) for row in found] == [
        (name, name.encode(), None) for name in expected
    ]


def test_row_groups_without_a_wanted_row_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    table = pa.table({"id": [1, 2, 3], "image": [b"one" * 99, b"two" * 99, b"three" * 99]})
    pq.write_table(table, path, row_group_size=1, compression="none", use_dictionary=False)
    group = pq.ParquetFile(path).metadata.row_group(1)
    with path.open("r+b") as file:
        for column in (group.column(0), group.column(1)):
            file.seek(column.data_page_offset)
            file.write(b"\xff" * column.total_compressed_size)
    assert [row["id"] for row in read_rows([path], "id", {1, 3}, ("id", "image"))] == [1, 3]
    with pytest.raises(FlickrExifError, match="cannot be read"):
        list(read_rows([path], "id", {2}, ("id", "image")))


# --- files


def every_kind(tmp_path: Path) -> Iterator[Path]:
    yield data_set(tmp_path / "flickrexif", some_photos(33), images=True)
    yield traces(tmp_path / "imagenet-traces", "JPEG75_420", "RESIZE_HALF", "INTERPOLATION_BOX")
    simulate_pairs(tmp_path / "source", 3, side=160)
    build_pairs(tmp_path / "source", tmp_path / "paircams")
    yield tmp_path / "paircams"


def test_the_same_data_give_the_same_bytes_and_a_second_run_writes_nothing(tmp_path: Path) -> None:
    for root in every_kind(tmp_path):
        first = browse(root)
        times = {path: path.stat().st_mtime_ns for path in first.index.parent.iterdir()}
        second = browse(root, tmp_path / "again" / root.name)
        assert hashes(second.index.parent) == hashes(first.index.parent)
        assert browse(root) == first
        assert {path: path.stat().st_mtime_ns for path in first.index.parent.iterdir()} == times


def test_pages_need_nothing_else(tmp_path: Path) -> None:
    for root in every_kind(tmp_path):
        for path in browse(root).index.parent.iterdir():
            page, text = Page(path), path.read_text("utf-8")
            [policy] = [m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; img-src data:;")
            scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
            digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
            assert all(f"script-src 'sha256-{digest}'" in policy for digest in digests)
            assert not [name for name, _ in page.elements if name in ("link", "iframe", "object", "form", "base")]
            assert all(image["src"].startswith("data:image/webp;base64,") and image["alt"] for image in page.all("img"))
            assert page.all("html") == [{"lang": "en"}]
            assert len(page.shown) <= 30


def test_pages_of_a_longer_run_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    root = data_set(tmp_path / "flickrexif", some_photos(61))
    out = tmp_path / "out"
    browse(root, out)
    (out / "notes.html").write_text("mine")
    (out / "page-x.html").write_text("mine")
    browse(root, out, photos=31)
    assert {path.name for path in out.iterdir()} == {"index.html", "page-2.html", "notes.html", "page-x.html"}


@pytest.mark.parametrize("name", ["index.html", "page-7.html"])
def test_a_page_of_another_program_is_never_overwritten(tmp_path: Path, name: str) -> None:
    root = data_set(tmp_path / "flickrexif", some_photos(2))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("<!doctype html>" + "mine" * 1_000 + GENERATOR.format(PROGRAM))
    before = hashes(tmp_path / "out")
    with pytest.raises(UsageError, match="was not written by this command"):
        browse(root, tmp_path / "out")
    assert hashes(tmp_path / "out") == before


def _nothing(root: Path) -> None:
    root.mkdir()


def _no_labels(root: Path) -> None:
    data_set(root, some_photos(1))
    for path in (root / "labels").iterdir():
        path.unlink()


def _cut(root: Path) -> None:
    data_set(root, some_photos(1))
    [path] = (root / "labels").iterdir()
    path.write_bytes(path.read_bytes()[:-9])


def _other_columns(root: Path) -> None:
    (root / "labels").mkdir(parents=True)
    pq.write_table(pa.table({"Flickr ID": [1]}), root / "labels/train-2024-08.parquet")


def _broken_collection(root: Path) -> None:
    data_set(root, some_photos(1))
    (root / "collection.json").write_text("{")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "There is no folder"),
        (_nothing, "holds no data set"),
        (_no_labels, "holds no labels to show"),
        (_cut, r"\.parquet cannot be read \("),
        (_other_columns, r"\.parquet has no column 'make'"),
        (_broken_collection, "collection.json cannot be read"),
    ],
)
def test_what_is_no_data_set_is_one_sentence(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    make(tmp_path / "root")
    with pytest.raises(FlickrExifError, match=message) as failed:
        browse(tmp_path / "root", tmp_path / "out")
    assert "\n" not in str(failed.value)
    assert failed.value.hint
    assert not (tmp_path / "out").exists()


def test_an_out_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="is no folder"):
        browse(data_set(tmp_path / "flickrexif", some_photos(1)), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_the_command_prints_the_page_to_open(tmp_path: Path, run: Callable[..., tuple[int, str, str]]) -> None:
    root = data_set(tmp_path / "flickrexif", some_photos(5))
    code, out, err = run("browse", root, "--photos", 3, "--out", tmp_path / "out", "--seed", 4)
    assert (code, out) == (0, f"{tmp_path / 'out/index.html'}\n")
    assert "3 of 5 images" in err
    assert len(Page(tmp_path / "out/index.html").shown) == 3
    code, out, err = run("browse", tmp_path / "nothing")
    assert (code, out) == (2, "")
    assert err.startswith("flickrexif: There is no folder")
