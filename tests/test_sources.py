"""Labelled images in every layout that is read: ids, labels, class names and bytes, and what goes wrong."""

import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.photos import RawPhoto
from flickrexif.dataset.build import Collection, StoredImage, build
from flickrexif.processing.source import Source
from flickrexif.processing.sources import open_source, splits


def jpeg(seed: int) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 24, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    return buffer.getvalue()


def put(root: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Write a different image under every name; returns their bytes."""
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(jpeg(seed))
    return {name: jpeg(seed) for seed, name in enumerate(names)}


def rows(source: Source) -> list[tuple[str, str, bytes | None]]:
    return [(item.image_id, source.class_names[item.label], item.data) for item in source]


# --- folders of classes


def test_image_folder_ids_labels_and_bytes(tmp_path: Path) -> None:
    names = ("train/dog/b.jpg", "train/dog/deep/a.PNG", "train/cat/z.JPEG", "val/dog/v.webp")
    data = put(tmp_path, names)
    (tmp_path / "train/cat/notes.txt").write_text("no image")
    (tmp_path / "train/.cache").mkdir()
    assert list(splits(str(tmp_path))) == ["train", "validation"]
    train = open_source(str(tmp_path), "train")
    assert train.class_names == ("cat", "dog")
    assert rows(train) == [
        ("cat/z.JPEG", "cat", data["train/cat/z.JPEG"]),
        ("dog/b.jpg", "dog", data["train/dog/b.jpg"]),
        ("dog/deep/a.PNG", "dog", data["train/dog/deep/a.PNG"]),
    ]
    assert list(train.sizes) == [len(item.data or b"") for item in train]
    assert (train.name, train.split) == (tmp_path.name, "train")


def test_a_class_has_the_same_label_in_every_split(tmp_path: Path) -> None:
    put(tmp_path, ("train/ant/1.jpg", "train/bee/2.jpg", "train/cow/3.jpg", "val/cow/4.jpg"))
    for split in ("val", "validation"):
        source = open_source(str(tmp_path), split)
        assert (source.class_names, list(source.labels)) == (("ant", "bee", "cow"), [2])


@pytest.mark.parametrize(("folder", "split"), [("pictures", "train"), ("val", "validation")])
def test_class_folders_without_splits(tmp_path: Path, folder: str, split: str) -> None:
    put(tmp_path / folder, ("n01/1.jpg", "n02/2.jpg"))
    source = open_source(str(tmp_path / folder))
    assert (source.split, list(source.ids), list(source.labels)) == (split, ["n01/1.jpg", "n02/2.jpg"], [0, 1])


def test_the_order_in_which_files_were_made_does_not_matter(tmp_path: Path) -> None:
    names = [f"{kind}/{number}.jpg" for kind in "ab" for number in range(9)]
    put(tmp_path / "one", names)
    put(tmp_path / "two", names[::-1])
    one, two = (open_source(str(tmp_path / name)) for name in ("one", "two"))
    assert list(one.ids) == list(two.ids) == names


def test_a_part_is_the_same_images(tmp_path: Path) -> None:
    put(tmp_path, [f"a/{number}.jpg" for number in range(7)])
    source = open_source(str(tmp_path))
    assert [*source.part(0, 3), *source.part(3, 7)] == list(source)


def test_files_that_cannot_be_read_are_items_without_bytes(tmp_path: Path) -> None:
    put(tmp_path, ("a/1.jpg", "a/3.jpg"))
    (tmp_path / "a/2.jpg").symlink_to(tmp_path / "nowhere.jpg")
    source = open_source(str(tmp_path))
    (tmp_path / "a/3.jpg").unlink()
    assert [(item.image_id, item.data is None) for item in source] == [
        ("a/1.jpg", False),
        ("a/2.jpg", True),
        ("a/3.jpg", True),
    ]


def test_a_lost_folder_is_no_lost_image(tmp_path: Path) -> None:
    put(tmp_path / "disk", ("a/1.jpg",))
    source = open_source(str(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "gone")
    with pytest.raises(FlickrExifError, match="can no longer be read"):
        list(source)


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / os.fsdecode(b"a/caf\xe9.jpg")).write_bytes(jpeg(1))
    (item,) = open_source(str(tmp_path))
    assert (item.image_id, item.data) == (r"a/caf\xe9.jpg", jpeg(1))


def test_a_limit_is_a_choice_that_grows(tmp_path: Path) -> None:
    put(tmp_path, [f"{kind}/{number}.jpg" for kind in "abcd" for number in range(10)])
    every = list(open_source(str(tmp_path)).ids)
    few, more = (list(open_source(str(tmp_path), limit=limit).ids) for limit in (8, 20))
    assert (len(few), len(more)) == (8, 20)
    assert few == [image_id for image_id in more if image_id in set(few)]
    assert more == [image_id for image_id in every if image_id in set(more)]
    assert len({image_id[0] for image_id in more}) > 1
    assert list(open_source(str(tmp_path), limit=99).ids) == every


# --- ImageNet with its devkit


def devkit(root: Path, truth: Sequence[int]) -> None:
    """The two files of the devkit that matter: leaves are numbered as they come, a parent stands among them."""
    kind = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    synsets = [(1, "n03", "c", "", 0), (2, "n01", "a", "", 0), (3, "n02", "b", "", 0), (4, "n00", "all", "", 3)]
    data = root / "ILSVRC2012_devkit_t12/data"
    data.mkdir(parents=True)
    savemat(data / "meta.mat", {"synsets": np.array(synsets, dtype=kind)})
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{number}\n" for number in truth))


@pytest.mark.parametrize("packed", [False, True])
def test_imagenet_validation_as_it_is_unpacked(tmp_path: Path, packed: bool) -> None:
    put(tmp_path, ("train/n02/n02_1.JPEG", *(f"val/ILSVRC2012_val_0000000{number}.JPEG" for number in (1, 2, 3))))
    devkit(tmp_path, [3, 1, 2])
    if packed:
        folder = tmp_path / "ILSVRC2012_devkit_t12"
        with tarfile.open(tmp_path / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
            archive.add(folder, folder.name)
        folder.rename(tmp_path.parent / f"{tmp_path.name}-devkit")
    source = open_source(str(tmp_path), "val")
    assert source.class_names == ("n01", "n02", "n03")
    assert [name for _, name, _ in rows(source)] == ["n02", "n03", "n01"]
    assert source.ids[0] == "ILSVRC2012_val_00000001.JPEG"
    assert open_source(str(tmp_path), "train").class_names == source.class_names


def test_an_image_that_the_ground_truth_lacks(tmp_path: Path) -> None:
    put(tmp_path, ("train/n02/1.JPEG", "val/ILSVRC2012_val_00000009.JPEG"))
    devkit(tmp_path, [1, 2])
    with pytest.raises(UsageError, match="not in the devkit's ground truth"):
        open_source(str(tmp_path), "validation")


def test_a_damaged_devkit(tmp_path: Path) -> None:
    put(tmp_path, ("val/ILSVRC2012_val_00000001.JPEG",))
    devkit(tmp_path, [1])
    (tmp_path / "ILSVRC2012_devkit_t12/data/meta.mat").write_bytes(b"no mat file")
    with pytest.raises(UsageError, match="is damaged"):
        open_source(str(tmp_path))


# --- iNaturalist 2018


def inaturalist(root: Path, categories: Sequence[Mapping[str, object]]) -> dict[str, bytes]:
    names = ("train_val2018/Aves/7/b.jpg", "train_val2018/Aves/3/a.jpg", "train_val2018/Aves/7/c.jpg")
    told = {
        "images": [{"id": 10 + place, "file_name": name} for place, name in enumerate(names)],
        "annotations": [
            {"image_id": 10, "category_id": 7},
            {"image_id": 11, "category_id": 3},
            {"image_id": 12, "category_id": 7},
        ],
        "categories": categories,
    }
    data = put(root, names)
    (root / "train2018.json").write_bytes(orjson.dumps(told))
    return data


def test_inaturalist(tmp_path: Path) -> None:
    data = inaturalist(tmp_path, [{"id": 7, "name": "Wren"}, {"id": 3, "name": "Rook"}])
    source = open_source(str(tmp_path))
    assert source.class_names == ("Rook", "Wren")
    assert rows(source) == [(name, "Rook" if "/3/" in name else "Wren", data[name]) for name in sorted(data)]


def test_inaturalist_names_of_the_categories_file(tmp_path: Path) -> None:
    inaturalist(tmp_path, [{"id": 7, "name": "0"}, {"id": 3, "name": "0"}])
    assert open_source(str(tmp_path)).class_names == ("0 (3)", "0 (7)")
    named = [{"id": 3, "name": "Corvus frugilegus"}, {"id": 7, "name": "Troglodytes troglodytes"}]
    (tmp_path / "categories.json").write_bytes(orjson.dumps(named))
    assert open_source(str(tmp_path)).class_names == ("Corvus frugilegus", "Troglodytes troglodytes")


@pytest.mark.parametrize("text", ["{", "[]", '{"images": [], "categories": []}', '{"categories": [{"id": 1}]}'])
def test_inaturalist_file_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "train2018.json").write_text(text)
    with pytest.raises(UsageError, match=r"train2018\.json"):
        open_source(str(tmp_path))


def test_inaturalist_without_its_images(tmp_path: Path) -> None:
    inaturalist(tmp_path, [{"id": 7, "name": "Wren"}, {"id": 3, "name": "Rook"}])
    (tmp_path / "train_val2018").rename(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="None of the images"):
        open_source(str(tmp_path))


# --- Hugging Face data sets


@pytest.fixture
def data_set(tmp_path: Path) -> Callable[..., Path]:
    """Writes a local data set; each list of columns is one Parquet file."""

    def write(features: Mapping[str, Any], split: str, *files: Mapping[str, Sequence[object]]) -> Path:
        root = tmp_path / "set"
        (root / "data").mkdir(parents=True, exist_ok=True)
        for number, columns in enumerate(files):
            kinds = datasets.Features(features)
            table = pa.table(dict(columns), schema=kinds.arrow_schema)
            path = root / f"data/{split}-{number:05}-of-{len(files):05}.parquet"
            pq.write_table(table, path, row_group_size=2)
        return root

    return write


def cells(seeds: Sequence[int]) -> list[dict[str, object]]:
    return [{"bytes": jpeg(seed), "path": None} for seed in seeds]


CLASSES = datasets.ClassLabel(names=["cat", "dog"])
PLAIN = {"image": datasets.Image(), "label": CLASSES}


def test_data_set_bytes_are_those_stored(data_set: Callable[..., Path]) -> None:
    first = {"image": cells(range(5)), "label": [0, 1, 0, 1, 0]}
    second = {"image": cells(range(5, 8)), "label": [1, 1, 0]}
    root = data_set(PLAIN, "train", first, second)
    source = open_source(str(root))
    assert (source.class_names, list(source.labels)) == (("cat", "dog"), [0, 1, 0, 1, 0, 1, 1, 0])
    assert list(source.ids) == list(map(str, range(8)))
    assert [item.data for item in source] == [jpeg(seed) for seed in range(8)]
    assert set(source.sizes) == {sum(len(jpeg(seed)) for seed in range(8)) // 8}
    for start, stop in ((0, 3), (3, 7), (4, 5), (5, 8), (7, 8)):
        assert list(source.part(start, stop)) == list(source)[start:stop]


def test_data_set_with_ids(data_set: Callable[..., Path]) -> None:
    kinds = PLAIN | {"id": datasets.Value("string"), "image_id": datasets.Value("int64")}
    columns = {"image": cells(range(3)), "label": [0, 1, 1], "id": ["x", "y", "z"], "image_id": [7, 7, 8]}
    assert list(open_source(str(data_set(kinds, "train", columns))).ids) == ["x", "y", "z"]


def test_data_set_limit_is_its_first_rows(data_set: Callable[..., Path]) -> None:
    files = [{"image": cells(range(n, n + 3)), "label": [0, 1, 0]} for n in (0, 3, 6)]
    source = open_source(str(data_set(PLAIN, "train", *files)), limit=4)
    assert [item.data for item in source] == [jpeg(seed) for seed in range(4)]
    assert [item.data for item in source.part(3, 4)] == [jpeg(3)]


def test_texts_and_numbers_as_labels(data_set: Callable[..., Path]) -> None:
    texts = {"image": datasets.Image(), "label": datasets.Value("string")}
    data_set(texts, "train", {"image": cells([1, 2, 3]), "label": ["wren", None, "ant"]})
    root = data_set(texts, "valid", {"image": cells([4]), "label": ["rook"]})
    for split, labels in (("train", [2, -1, 0]), ("validation", [1])):
        source = open_source(str(root), split)
        assert (source.class_names, list(source.labels)) == (("ant", "rook", "wren"), labels)


def test_numbers_stay_what_they_are(data_set: Callable[..., Path]) -> None:
    numbers = {"image": datasets.Image(), "label": datasets.Value("int32")}
    data_set(numbers, "train", {"image": cells([1, 2]), "label": [4, 2]})
    source = open_source(str(data_set(numbers, "test", {"image": cells([3]), "label": [1]})), "test")
    assert (source.class_names, list(source.labels)) == (("0", "1", "2", "3", "4"), [1])


def test_columns_are_named_in_the_source(data_set: Callable[..., Path]) -> None:
    kinds = {"img": datasets.Image(), "fine": CLASSES, "coarse": datasets.ClassLabel(names=["a"])}
    root = data_set(kinds, "train", {"img": cells([1]), "fine": [1], "coarse": [0]})
    rows = [f"data_files:\n  - split: train\n    path: data/train-*\n  config_name: {name}" for name in ("x", "y")]
    (root / "README.md").write_text("---\nconfigs:\n" + "".join(f"- {row}\n" for row in rows) + "---\n")
    with pytest.raises(UsageError, match="which column is the label"):
        splits(f"{root}?config=x")["train"](None)
    assert open_source(f"{root}?config=y&label=fine").class_names == ("cat", "dog")
    with pytest.raises(UsageError, match="holds no images"):
        open_source(f"{root}?config=x&label=fine&image=coarse")
    with pytest.raises(UsageError, match="colour is no option"):
        open_source(f"{root}?colour=red")


def test_rows_without_an_image_or_a_known_label(data_set: Callable[..., Path]) -> None:
    columns = {"image": [None, *cells([1])], "label": [1, -1]}
    source = open_source(str(data_set(PLAIN, "train", columns)))
    assert [(item.label, item.data) for item in source] == [(1, None), (-1, jpeg(1))]


def test_a_file_that_is_gone_stops_with_a_sentence(data_set: Callable[..., Path]) -> None:
    root = data_set(PLAIN, "train", {"image": cells([1]), "label": [1]})
    source = open_source(str(root))
    next((root / "data").iterdir()).unlink()
    with pytest.raises(FlickrExifError, match="cannot be read"):
        list(source)


def test_flickrexif_images_have_ids_and_no_label(tmp_path: Path) -> None:
    images = []
    for flickr_id in (5, 3):
        path = tmp_path / f"{flickr_id}_b.jpg"
        path.write_bytes(jpeg(flickr_id))
        images.append(StoredImage(flickr_id, path, hashlib.sha256(jpeg(flickr_id)).hexdigest(), 24, 16, "l"))
    root = tmp_path / "flickrexif"
    build([("2024-08", map(photo, (3, 5)))], root, Collection(source="sandbox:simulated"), lambda _: images)
    source = open_source(str(root))
    assert (source.name, source.split, source.class_names) == ("flickrexif", "train", ())
    assert [tuple(item) for item in source] == [("3", -1, jpeg(3)), ("5", -1, jpeg(5))]


def photo(flickr_id: int) -> RawPhoto:
    return RawPhoto(
        flickr_id=flickr_id,
        owner="1@N00",
        owner_name=None,
        title=None,
        page_url="https://www.flickr.com/photos/1@N00/1/",
        license_id=4,
        license="CC BY 2.0",
        license_url="https://creativecommons.org/licenses/by/2.0/",
        date_taken="2024-08-03 12:34:56",
        date_taken_granularity=0,
        month="2024-08",
        width=24,
        height=16,
        image_url="https://live.staticflickr.com/1/1_a_b.jpg",
        image_size="l",
    )


def test_flickrexif_without_images(tmp_path: Path) -> None:
    build([("2024-08", [photo(3)])], tmp_path, Collection(source="sandbox:simulated"))
    with pytest.raises(UsageError, match="has no images") as caught:
        open_source(str(tmp_path))
    assert "--images" in caught.value.hint


# --- no source


def test_sentences_for_what_is_no_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    put(tmp_path / "flat", ("1.jpg", "2.jpg"))
    put(tmp_path / "good", ("train/a/1.jpg",))
    (tmp_path / "empty").mkdir()
    for spec, words in (
        (str(tmp_path / "flat/1.jpg"), "is a file"),
        (str(tmp_path / "empty"), "no folder of images and no data set"),
        (str(tmp_path / "missing"), "There is no folder"),
        ("missing", "There is no folder missing"),
        ("nobody/nothing", "no folder of images and no data set"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            open_source(spec)
        assert "train/ and val/" in caught.value.hint
    with pytest.raises(UsageError, match="no split 'test'") as caught:
        open_source(str(tmp_path / "good"), "test")
    assert "Known: train" in caught.value.hint
    with pytest.raises(UsageError, match="limit of 0"):
        open_source(str(tmp_path / "good"), limit=0)


def test_a_flat_folder_of_photos_has_no_labels(tmp_path: Path) -> None:
    put(tmp_path / "flat", ("2.jpg", "1.jpg", "._1.jpg"))
    (tmp_path / "flat/notes.txt").write_text("no photo")
    source = open_source(str(tmp_path / "flat"))
    assert (source.split, source.ids, list(source.labels), source.class_names) == (
        "train",
        ["1.jpg", "2.jpg"],
        [-1, -1],
        (),
    )
    assert [item.data for item in source] == [(tmp_path / "flat" / name).read_bytes() for name in source.ids]
    put(tmp_path / "split", ("train/1.jpg", "val/2.jpg"))
    parts = {split: open_source(str(tmp_path / "split"), split).ids for split in ("train", "validation")}
    assert parts == {"train": ["1.jpg"], "validation": ["2.jpg"]}


def test_a_folder_of_photos(image_folder: Path) -> None:
    for split, folder, counts in (("train", "train", (240, 400)), ("validation", "val", (100, 150))):
        source = open_source(str(image_folder), split)
        files = sorted((image_folder / folder).rglob("*.*"))
        assert len(source) == len(files)
        assert len(files) in counts
        for item, path in zip(source, files, strict=True):
            assert (item.image_id, source.class_names[item.label]) == (
                path.relative_to(image_folder / folder).as_posix(),
                path.parent.name,
            )
            assert item.data == path.read_bytes()
