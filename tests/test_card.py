"""The card of a data set: its bytes, what the Hub and `datasets` read of it, and hostile rows.

`python -m tests.test_card` writes the golden card anew.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets.exceptions import NonMatchingSplitsSizesError
from datasets.utils.metadata import MetadataConfigs, known_task_ids
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt
from markdown_it.token import Token
from PIL import Image

import flickrexif
from flickrexif.cards import check_card, write_card
from flickrexif.cards.card import readme, render, size_category
from flickrexif.cards.description import read_description
from flickrexif.collectors.window import FILTERS
from flickrexif.commands.folder import label_folder
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.photos import RawPhoto
from flickrexif.dataset.build import Collection, build
from flickrexif.dataset.images import StoredImage
from flickrexif.dataset.split_files import SPLITS, Split, write_split
from flickrexif.kinds import kind_of
from flickrexif.processing.variants import VARIANTS
from tests.raw_photos import EXIF, SIMULATED, photo
from tests.test_build import jpeg
from tests.test_croissant import paircams_folder, traces_folder

pytestmark = pytest.mark.usefixtures("offline")

GOLDEN = Path(__file__).parent / "golden/flickrexif-card.md"
DATES = ("2026-01-01", "2026-01-02")
CRAWL = Collection(
    source="sandbox:simulated", settings={"seed": 0, "per_user_cap": 10, "licenses": [4, 9, 12]}, dates=DATES
)
PHONE = {"Make": "Apple", "Model": "iPhone 12", "ExposureTime": "1/60", "FNumber": "1.6", "ISO": "50"}
HOSTILE = (
    "</td></tr></table><script>alert(1)</script>",
    "| a | b |\n| --- | --- |\n| [x](javascript:alert(1)) | ![y](http://evil.example/p.png) |",
    "---\nlicense: mit\nconfigs: []\n---\n# Owned",
    "\u202egnp.exe\u2066 \u200b\u0000`code` $$x$$ <https://evil.example> a@evil.example",
    "'; DROP TABLE photos; -- {{ 7 * 7 }} {% raw %} \\[ \\] & &lt; &#60;",
    "=cmd|' /C calc'!A0",
)


def photos() -> list[tuple[str, list[RawPhoto]]]:
    """24 photos of 7 photographers in two months of two years: 16 by Canon, 8 by Apple."""
    made = []
    for place, month in enumerate(("2019-05", "2024-08")):
        rows = []
        for n in range(12):
            phone = n < 2 + 4 * place
            fields: dict[str, object] = {"exif": PHONE if phone else EXIF, "owner": f"{n % 7}@N01"}
            if n == 11:
                fields |= {"license_id": 9, "license": "CC0 1.0", "license_url": "https://example.org/zero"}
            rows.append(photo(100 * place + n, month, **fields))
        made.append((month, rows))
    return made


def make(root: Path) -> Path:
    """A small data set with splits."""
    build(photos(), root, CRAWL)
    (root / "splits").mkdir(exist_ok=True)
    ids = {name: np.arange(4, dtype=np.int64) + 4 * place for place, name in enumerate(SPLITS)}
    labels = {name: np.array([0, 0, 0, 1], dtype=np.int64) for name in SPLITS}
    write_split(Split(target_attribute="ISO Speed", classes=("100", "50"), ids=ids, labels=labels), root / "splits")
    return root


def golden_text(root: Path) -> str:
    """The card, without what depends on versions: the program's, and sizes of Parquet files."""
    text = (root / "README.md").read_text()
    for folder in ("data", "labels"):
        size = sum(path.stat().st_size for path in (root / folder).glob("*.parquet"))
        assert text.count(f"download_size: {size}\n") == text.count(f" {size:,} |") == 1
        text = text.replace(f"download_size: {size}\n", "download_size: 0\n").replace(f" {size:,} |", " 0 |")
    return text.replace(f"flickrexif {flickrexif.__version__} |", "flickrexif |")


def hashes(root: Path) -> dict[str, tuple[str, int]]:
    """Bytes and times of all files."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(p): (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns) for p in files}


def tokens(text: str) -> list[Token]:
    """All tokens of the page as a renderer of Markdown with tables and HTML sees it."""
    body = DatasetCard(text).text
    found = MarkdownIt("commonmark").enable("table").enable("strikethrough").parse(body)
    return [inner for token in found for inner in (token, *(token.children or ()))]


# --- bytes


def test_golden_card(tmp_path: Path) -> None:
    write_card(make(tmp_path / "a"))
    assert golden_text(tmp_path / "a") == GOLDEN.read_text()


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path)
    first = write_card(tmp_path)
    before = hashes(tmp_path)
    assert {outcome for outcome, _ in first} == {"written"}
    assert {outcome for outcome, _ in write_card(tmp_path)} == {"unchanged"}
    assert hashes(tmp_path) == before
    assert {path.relative_to(tmp_path).as_posix() for _, path in first} == {
        "README.md",
        "croissant.json",
        "ATTRIBUTION.csv",
        ".huggingface.yaml",
        *(f"figures/{name}.png" for name in ("months", "makes", "devices", "licenses", "photographers", "smartphones")),
    }


def test_another_process_and_another_folder_give_the_same_bytes(tmp_path: Path) -> None:
    mine = render(make(tmp_path / "a"))
    make(tmp_path / "b")
    code = (
        "import sys, json, hashlib\nfrom pathlib import Path\nfrom flickrexif.cards.card import render\n"
        "made = render(Path(sys.argv[1]))\n"
        "print(json.dumps({name: hashlib.sha256(content).hexdigest() for name, content in made.items()}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "b"],
        env=os.environ | {"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout) == {name: hashlib.sha256(content).hexdigest() for name, content in mine.items()}


def test_check_names_what_differs_until_it_is_written_again(tmp_path: Path) -> None:
    make(tmp_path)
    assert {"README.md", "croissant.json", "figures/months.png"} < set(check_card(tmp_path))
    write_card(tmp_path)
    assert check_card(tmp_path) == []
    (tmp_path / "README.md").write_bytes((tmp_path / "README.md").read_bytes().replace(b"cc-by-4.0", b"mit"))
    assert check_card(tmp_path) == ["README.md"]
    (tmp_path / "figures/months.png").unlink()
    (tmp_path / "figures/old.png").write_bytes(b"x")
    assert check_card(tmp_path) == ["README.md", "figures/months.png", "figures/old.png"]
    assert ("removed", tmp_path / "figures/old.png") in write_card(tmp_path)
    assert check_card(tmp_path) == []
    month, rows = photos()[0]
    build([(month, rows[1:])], tmp_path, CRAWL)
    assert {"README.md", "croissant.json", "ATTRIBUTION.csv", "figures/months.png"} <= set(check_card(tmp_path))
    write_card(tmp_path)
    assert check_card(tmp_path) == []


def test_the_command_writes_checks_and_says_what_to_type(
    tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    folder = tmp_path / "data"
    make(folder)
    code, out, err = run("card", folder, "--check")
    assert (code, "README.md" in out.splitlines()) == (1, True)
    assert f"Run: flickrexif card {folder}" in err
    code, out, _ = run("card", folder)
    assert code == 0
    assert f"written {folder / 'README.md'}" in out.splitlines()
    assert run("card", folder)[:2] == (0, f"The card in {folder} is as it was.\n")
    assert run("card", folder, "--check")[0] == 0
    code, _, err = run("card", folder / "nothing")
    assert code == 2
    assert "There is no folder" in err


# --- what the Hub and `datasets` read


def test_front_matter_says_what_the_files_hold(tmp_path: Path) -> None:
    write_card(make(tmp_path))
    head = DatasetCard.load(tmp_path / "README.md").data.to_dict()
    assert head["license"] == "cc-by-4.0"
    assert head["pretty_name"] == "FlickrExif (simulated)"
    assert head["size_categories"] == ["n<1K"]
    assert set(head["task_categories"]) <= set(known_task_ids)
    assert head["configs"] == [
        {"config_name": name, "data_files": [{"split": "train", "path": f"{folder}/train-*.parquet"}]}
        for name, folder in (("default", "data"), ("labels", "labels"))
    ]
    for info, folder in zip(head["dataset_info"], ("data", "labels"), strict=True):
        files = sorted((tmp_path / folder).glob("*.parquet"))
        assert info["splits"][0]["num_examples"] == sum(pq.read_metadata(path).num_rows for path in files) == 24
        assert info["download_size"] == sum(path.stat().st_size for path in files)
        assert [feature["name"] for feature in info["features"]] == pq.read_schema(files[0]).names


def test_datasets_verifies_what_it_loads_against_the_card(tmp_path: Path) -> None:
    root = make(tmp_path / "flickrexif")
    picture = tmp_path / "1.jpg"
    picture.write_bytes(jpeg(256))
    image = StoredImage(1, picture, hashlib.sha256(picture.read_bytes()).hexdigest(), 256, 256, "l")
    build(photos(), root, CRAWL, lambda month: [image] if month == "2019-05" else [])
    write_card(root)
    here = datasets.load_dataset(str(root), "images", split="train")
    assert here[0]["image"].size == (256, 256)
    (root / ".huggingface.yaml").unlink()  # as on the Hub, where it is not published
    infos = {info["config_name"]: info for info in DatasetCard.load(root / "README.md").data.to_dict()["dataset_info"]}
    for config, folder in (("default", "data"), ("labels", "labels"), ("images", "images")):
        files = [str(path) for path in sorted((root / folder).glob("*.parquet"))]
        plain = datasets.load_dataset("parquet", data_files=files, split="train")
        loaded = datasets.load_dataset(str(root), config, split="train")
        assert loaded.features == plain.features
        assert len(loaded) == len(plain)
        told, measured = infos[config]["splits"][0]["num_bytes"], plain.info.splits["train"].num_bytes
        assert told == infos[config]["dataset_size"]
        assert told == pytest.approx(measured, rel=0.05 if config == "images" else 0.01)
    text = (root / "README.md").read_text()
    (root / "README.md").write_text(text.replace("num_examples: 24", "num_examples: 25"))
    with pytest.raises(NonMatchingSplitsSizesError):
        datasets.load_dataset(str(root), "labels")


@pytest.mark.parametrize(
    ("rows", "category"),
    [
        (0, "n<1K"),
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (356_459, "100K<n<1M"),
        (10**7, "10M<n<100M"),
        (10**9, "1B<n<10B"),
    ],
)
def test_size_category(rows: int, category: str) -> None:
    assert size_category(rows) == category


def test_images_and_their_number_are_told(tmp_path: Path) -> None:
    picture = tmp_path / "1.jpg"
    picture.write_bytes(jpeg(256))
    image = StoredImage(1, picture, hashlib.sha256(picture.read_bytes()).hexdigest(), 256, 256, "l")
    build(photos(), tmp_path / "a", CRAWL, lambda month: [image] if month == "2019-05" else [])
    write_card(tmp_path / "a")
    text = (tmp_path / "a/README.md").read_text()
    assert "24 photos by 7 photographers, taken in 2 months, 1 with their image." in text
    assert 'load_dataset(HERE, "images", split="train")' in text
    names = [info["config_name"] for info in DatasetCard(text).data.to_dict()["dataset_info"]]
    assert names == ["default", "labels", "images"]


# --- hostile rows


def hostile_photos() -> list[RawPhoto]:
    rows = []
    for n, text in enumerate(HOSTILE):
        exif = EXIF | {"Make": text, "Model": text, "Software": text, "ExposureProgram": text, "LensModel": text}
        rows.append(
            photo(n, title=text, owner=text, owner_name=text, license=text, license_url=text, page_url=text, exif=exif)
        )
    return rows


def test_hostile_rows_break_neither_the_yaml_nor_the_page(tmp_path: Path) -> None:
    tame = [replace(row, title="T", owner="1@N01", owner_name="O", license="L", exif=EXIF) for row in hostile_photos()]
    root = tmp_path / "hostile"
    build([("2024-08", hostile_photos())], root, CRAWL)
    build([("2024-08", tame)], tmp_path / "tame", CRAWL)
    write_card(root)
    write_card(tmp_path / "tame")
    text, quiet = ((folder / "README.md").read_text() for folder in (root, tmp_path / "tame"))
    head, expected = (DatasetCard(page).data.to_dict() for page in (text, quiet))
    for info in (*head.pop("dataset_info"), *expected.pop("dataset_info")):
        assert info["splits"][0]["num_examples"] == len(HOSTILE)
    assert head == expected
    page = tokens(text)
    assert not [token.content for token in page if token.type.startswith("html")]
    links = [token.attrs["href"] for token in page if token.type == "link_open"]
    assert links == [token.attrs["href"] for token in tokens(quiet) if token.type == "link_open"]
    pictures = [str(token.attrs["src"]) for token in page if token.type == "image"]
    assert pictures
    assert all(re.fullmatch(r"figures/\w+\.png", src) for src in pictures)
    titles = [page[n + 1].content for n, token in enumerate(page) if token.type == "heading_open"]
    assert set(titles) >= {"Makers", "Fields", "Citation"}
    assert not [title for title in titles if "Owned" in title]
    assert all(char.isprintable() or char == "\n" for char in text)
    assert datasets.load_dataset(str(root), "labels", split="train")["title"][:] == list(HOSTILE)
    loaded = flickrexif.load_dataset("flickrexif", "labels", data_dir=_named(root, tmp_path))
    assert len(loaded["train"]) == len(HOSTILE)


def _named(root: Path, data: Path) -> Path:
    (data / "data").mkdir()
    (data / "data/flickrexif").symlink_to(root)
    return data / "data"


def test_every_table_of_a_hostile_card_has_equal_rows(tmp_path: Path) -> None:
    build([("2024-08", hostile_photos())], tmp_path, CRAWL)
    write_card(tmp_path)
    page = tokens((tmp_path / "README.md").read_text())
    makers = next(n for n, token in enumerate(page) if token.content == "Makers" and token.type == "inline")
    cells = []
    for token in page[makers:]:
        if token.type == "table_close":
            break
        if token.type == "inline" and token.content != "Makers":
            cells.append("".join(child.content for child in token.children or ()))
    assert len(cells) % 3 == 0
    assert sum(int(n) for n in cells[4::3]) == len(HOSTILE)
    makes = pq.read_table(tmp_path / "labels/train-2024-08.parquet")["make"].to_pylist()
    shown = {" ".join("".join(c for c in make if c.isprintable()).split()) for make in makes if make}
    assert shown
    assert shown <= {" ".join(cell.split()) for cell in cells}


# --- other folders


def test_an_empty_data_set_has_a_card(tmp_path: Path) -> None:
    build([], tmp_path, CRAWL)
    write_card(tmp_path)
    card = DatasetCard.load(tmp_path / "README.md")
    assert "0 photos by 0 photographers, taken in 0 months." in card.text
    assert "dataset_info" not in card.data.to_dict()
    assert list(MetadataConfigs.from_dataset_card_data(card.data)) == ["default", "labels"]
    assert not (tmp_path / "ATTRIBUTION.csv").exists()
    with pytest.raises(FileNotFoundError):  # and not the rows of some JSON file that lies there
        datasets.load_dataset(str(tmp_path))


def test_a_folder_of_own_photos_gets_no_licence_and_no_credit(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    Image.new("RGB", (8, 8)).save(own / "plain.png")
    (own / "broken.jpg").write_bytes(b"no photo")
    (own / "x <b>|.jpg").write_bytes(jpeg(32))
    label_folder(own, tmp_path / "out")
    write_card(tmp_path / "out")
    card = DatasetCard.load(tmp_path / "out/README.md")
    assert "license" not in card.data.to_dict()
    assert "not collected from Flickr" in card.text.strip().splitlines()[0]
    assert "endorsed" not in card.text
    assert "3 image files, 0 with the date taken." in card.text
    assert "| not_an_image | 1 | 33.3 |" in card.text
    assert "| no_exif | 2 | 66.7 |" in card.text
    assert "| `path` | string | the file, relative to the folder |" in card.text
    assert not (tmp_path / "out/ATTRIBUTION.csv").exists()
    assert check_card(tmp_path / "out") == []
    assert len(datasets.load_dataset(str(tmp_path / "out"), "labels", split="train")) == 3


@pytest.mark.parametrize(
    ("source", "first", "name"),
    [
        ("flickr", "Photos on Flickr", "FlickrExif"),
        ("sandbox:simulated", "**SIMULATED DATA.**", "FlickrExif (simulated)"),
        ("sandbox:photos", "**NOT FROM FLICKR.**", "FlickrExif (not from Flickr)"),
    ],
)
def test_where_the_photos_came_from_stands_first(tmp_path: Path, source: str, first: str, name: str) -> None:
    build(photos(), tmp_path, Collection(source=source))  # type: ignore[arg-type]
    write_card(tmp_path)
    card = DatasetCard.load(tmp_path / "README.md")
    assert card.text.strip().startswith(f"> {first}")
    assert card.data.to_dict()["pretty_name"] == name
    assert f"\n# {name}\n" in card.text
    assert card.text.count("This product uses the Flickr API but is not endorsed or certified by SmugMug, Inc.") == 1


def test_a_merged_collection_tells_each_part(tmp_path: Path) -> None:
    parts = [{"settings": {"seed": seed, "licenses": [4]}, "dates": dates} for seed, dates in ((0, DATES), (7, None))]
    settings = {"per_user_cap": 5, "licenses": [4, 9], "merged": parts}
    build(photos(), tmp_path, Collection(source="flickr", settings=settings, dates=DATES))
    assert kind_of(tmp_path).describe(tmp_path).collection == (
        ("Source", "flickr"),
        ("Collected", "2026-01-01 to 2026-01-02"),
        ("Licences asked for", "CC BY 2.0 (4), CC0 1.0 (9)"),
        ("Most photos a photographer and month", "5"),
        (
            "Merged, part 1 of 2",
            "collected 2026-01-01 to 2026-01-02; Licences asked for: CC BY 2.0 (4); Seed of every random choice: 0",
        ),
        ("Merged, part 2 of 2", "Licences asked for: CC BY 2.0 (4); Seed of every random choice: 7"),
        ("Made with", f"flickrexif {flickrexif.__version__}"),
    )


def test_what_is_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no data set"):
        kind_of(tmp_path).describe(tmp_path)
    make(tmp_path)
    write_card(tmp_path)
    before = (tmp_path / "README.md").read_bytes()
    broken = tmp_path / "labels/train-2024-08.parquet"
    whole = broken.read_bytes()
    for content in (b"PAR1 torn", whole[: len(whole) // 2], whole[:200] + bytes(2000) + whole[2200:]):
        broken.write_bytes(content)
        with pytest.raises(FlickrExifError, match=r"train-2024-08\.parquet "):
            write_card(tmp_path)
    table = pa.table({"Flickr ID": [1]})
    pq.write_table(table, broken)
    with pytest.raises(FlickrExifError, match=r"train-2024-08\.parquet "):
        write_card(tmp_path)
    broken.write_bytes(whole)
    split = tmp_path / "splits/split_data_target_attribute=ISO Speed.json"
    split.write_text("{}")
    with pytest.raises(FlickrExifError, match="target_attribute is missing"):
        write_card(tmp_path)
    (tmp_path / "collection.json").write_text('{"source": "elsewhere"}')
    split.unlink()
    with pytest.raises(FlickrExifError, match="unknown source, 'elsewhere'"):
        write_card(tmp_path)
    (tmp_path / "collection.json").write_text("[")
    with pytest.raises(FlickrExifError, match=r"collection\.json cannot be read"):
        write_card(tmp_path)
    assert (tmp_path / "README.md").read_bytes() == before


# --- the other data sets


def test_cards_of_pairs(tmp_path: Path) -> None:
    root = paircams_folder(tmp_path)
    write_card(root)
    assert check_card(root) == []
    card = DatasetCard.load(root / "README.md")
    assert card.text.strip().startswith("> **SIMULATED DATA.**")
    assert card.data.to_dict()["pretty_name"] == "PairCams (simulated)"
    (root / ".huggingface.yaml").unlink()
    assert len(datasets.load_dataset(str(root), split="train")) == 4
    assert not (root / "ATTRIBUTION.csv").exists()


def test_cards_of_processed_images_with_hostile_classes(tmp_path: Path) -> None:
    names = ("- |x| <script>alert(1)<", "'\"# {{ 7 * 7 }}: [a](b) \u2028\u0085---")
    root = traces_folder(tmp_path, names)
    write_card(root)
    assert check_card(root) == []
    (root / ".huggingface.yaml").unlink()
    for config, classes in (("jpeg75_420", len(VARIANTS)), ("jpeg_uniform_seed7", 6)):
        loaded = datasets.load_dataset(str(root), config)
        assert {name: len(split) for name, split in loaded.items()} == {"train": 12, "validation": 4}
        assert set(loaded["train"].features["label"].names) == set(names)
        assert len(loaded["train"].features["variant"].names) == classes
    page = tokens((root / "README.md").read_text())
    assert not [token.content for token in page if token.type.startswith("html")]
    assert {token.type for token in page} & {"link_open"} == set()


def test_features_of_very_many_classes_stay_in_the_files(tmp_path: Path) -> None:
    root = traces_folder(tmp_path)
    facts = kind_of(root).describe(root)
    names = {"_type": "ClassLabel", "names": [f"class {n}" for n in range(3_000)]}
    many = replace(facts.configs[0], features={**facts.configs[0].features, "label": names})
    description = read_description("imagenet-traces")
    text = readme(description, replace(facts, configs=(many,)), root)
    assert "class 2999" not in text
    assert [set(info) for info in DatasetCard(text).data.to_dict()["dataset_info"]] == [
        {"config_name", "splits", "download_size", "dataset_size"}
    ]


# --- the description


def test_the_card_tells_the_query_that_is_sent() -> None:
    told = read_description("flickrexif").collected
    for name in ("safe_search", "media", "content_types"):
        assert f"`{name}={FILTERS[name]}`" in told


def test_every_source_has_a_description() -> None:
    origins = {"flickr", "yfcc100m", "sandbox:simulated", "sandbox:photos"}
    assert set(read_description("flickrexif").origins) == origins
    assert set(read_description("folder").origins) == {"folder", "simulated"}
    for name in ("flickrexif", "folder", "published", "paircams", "imagenet-traces"):
        description = read_description(name)
        assert set(description.task_categories) <= {*known_task_ids, "image-feature-extraction"}
        texts = (description.takedown, description.maintenance, *description.limits)
        assert all(text.strip() for text in texts)
        assert description.citation.strip().startswith("@inproceedings{ramos2025processing,")
    assert SIMULATED.source in read_description("flickrexif").origins


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_card(make(Path(folder) / "a"))
        GOLDEN.write_text(golden_text(Path(folder) / "a"))
