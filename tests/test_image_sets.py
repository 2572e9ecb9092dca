"""Which images a data set has: ids, columns and bytes as they are stored, whatever holds them."""

import io
import pickle
import tarfile
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from flickrexif.core.columns import arrow_schema
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.dataset.schema import IMAGE_COLUMNS
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.data.source import Source
from flickrexif.processing.build import ProcessSettings, process


def picture(number: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (9, 8, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()


def put(path: Path, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(number))


def everything(source: Source) -> list[bytes | None]:
    """All bytes, read in uneven pieces, by a reader that went to another process and back."""
    read = pickle.loads(pickle.dumps(source.read))
    contents = [data for start in range(0, len(source), 3) for data in read(start, min(start + 3, len(source)))]
    assert contents == list(source.read(0, len(source)))
    return contents


def write_parquet(path: Path, rows: dict[str, list[object]], images: list[bytes | None], group: int = 2) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table({**rows, "image": [{"bytes": data, "path": f"{n}.png"} for n, data in enumerate(images)]})
    pq.write_table(table, path, row_group_size=group)


# --- folders


def test_class_folders_of_all_splits_share_their_numbers(tmp_path: Path) -> None:
    for number, name in enumerate(["train/b/2.png", "train/a/1.PNG", "val/c/3.png", "val/a/1.png"]):
        put(tmp_path / "pets" / name, number)
    put(tmp_path / "pets" / "train" / ".cache" / "x.png", 9)
    (tmp_path / "pets" / "train" / "notes.txt").touch()
    train, val = open_images(str(tmp_path / "pets"))
    assert (train.dataset, train.split, list(train.ids)) == ("pets", "train", ["a/1.PNG", "b/2.png"])
    assert (val.split, list(val.ids)) == ("val", ["a/1.png", "c/3.png"])
    assert list(train.class_names) == ["a", "b", "c"]
    assert (train.columns, val.columns) == ({"label": [0, 1]}, {"label": [0, 2]})
    assert everything(train) == [picture(1), picture(0)]
    assert [source.split for source in open_images(str(tmp_path / "pets"), split="validation")] == ["val"]


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    put(tmp_path / "shots" / "b.png", 1)
    put(tmp_path / "shots" / "a.png", 2)
    (source,) = open_images(str(tmp_path / "shots"))
    assert (source.split, source.columns, list(source.ids)) == (None, {}, ["a.png", "b.png"])
    assert everything(source) == [picture(2), picture(1)]


def test_names_that_are_not_utf8_are_kept_and_told(tmp_path: Path) -> None:
    put(tmp_path / "shots" / "a.png", 1)
    name = b"\xff.png".decode("utf-8", "surrogateescape")
    try:
        put(tmp_path / "shots" / name, 2)
    except OSError:
        return  # a file system of Unicode names alone
    (source,) = open_images(str(tmp_path / "shots"))
    assert list(source.ids) == ["a.png", "\\xff.png"]
    assert everything(source) == [picture(1), picture(2)]


def test_a_fingerprint_tells_of_every_change(tmp_path: Path) -> None:
    put(tmp_path / "d" / "a" / "1.png", 1)

    def now() -> str:
        return open_images(str(tmp_path / "d"))[0].fingerprint

    seen = [now()]
    assert now() == seen[0]
    put(tmp_path / "d" / "a" / "2.png", 1)
    seen.append(now())
    (tmp_path / "d" / "a" / "2.png").rename(tmp_path / "d" / "a" / "3.png")
    seen.append(now())
    (tmp_path / "d" / "a" / "3.png").write_bytes(b"")
    seen.append(now())
    assert len(set(seen)) == 4


def test_a_lost_folder_is_an_error_and_a_lost_file_is_none(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        put(tmp_path / "d" / name, 1)
    (source,) = open_images(str(tmp_path / "d"))
    (tmp_path / "d" / "a.png").unlink()
    assert list(source.read(0, 2)) == [None, picture(1)]
    (tmp_path / "d").rename(tmp_path / "e")
    with pytest.raises(FlickrExifError, match="can no longer be read"):
        list(source.read(0, 2))


# --- FlickrExif


def labels(root: Path, numbers: list[int]) -> None:
    (root / "labels").mkdir(parents=True)
    pq.write_table(pa.table({"Flickr ID": pa.array(numbers, pa.int64())}), root / "labels" / "train-2024-08.parquet")


def test_flickrexif_of_parquet(tmp_path: Path) -> None:
    root = tmp_path / "flickrexif"
    labels(root, [11, 12, 13, 20])
    (root / "images").mkdir()
    for month, numbers in (("2024-08-00000", [11, 13]), ("2024-09-00000", [30])):
        rows = [
            {"Flickr ID": n, "image": {"bytes": picture(n), "path": f"{n}.png"}, "sha256": str(n), "width": 8}
            for n in numbers
        ]
        pq.write_table(
            pa.Table.from_pylist(rows, arrow_schema(IMAGE_COLUMNS)), root / "images" / f"train-{month}.parquet"
        )
    (source,) = open_images("flickrexif", data_dir=tmp_path)
    assert (source.dataset, source.split, list(source.ids)) == ("FlickrExif", None, ["11", "13", "30"])
    assert source.columns == {"Flickr ID": [11, 13, 30]}
    assert source.missing == {"12": "missing", "20": "missing"}
    assert everything(source) == [picture(11), picture(13), picture(30)]


def test_flickrexif_of_files_named_by_their_ids(tmp_path: Path) -> None:
    root = tmp_path / "flickrexif"
    labels(root, [53912345678, 7])
    put(root / "images" / "53912345678.jpg", 1)
    put(root / "images" / "IMG_1.png", 2)
    (source,) = open_images("flickrexif", data_dir=tmp_path)
    assert source.columns == {"Flickr ID": [53912345678]}
    assert source.missing == {"IMG_1.png": "not_a_flickr_id", "7": "missing"}
    assert everything(source) == [picture(1)]


# --- PairCams


@pytest.mark.parametrize(
    ("name", "values"),
    [("side", ["phone", "camera", "camera", "phone"]), ("model", ["iPhone XR", "XT1032", "Canon EOS 450D", "A065"])],
)
def test_paircams_has_subject_and_side(tmp_path: Path, name: str, values: list[str]) -> None:
    rows = {"subject_idx": [4, 4, 9, 9], name: values}
    write_parquet(tmp_path / "paircams" / "data" / "train-00000-of-00001.parquet", rows, list(map(picture, range(4))))
    (source,) = open_images("paircams", data_dir=tmp_path)
    assert (source.dataset, source.split) == ("PairCams", None)
    assert source.columns == {"subject": [4, 4, 9, 9], "model": [1, 0, 0, 1]}  # 1: phone
    assert everything(source) == [picture(n) for n in range(4)]


def test_the_side_comes_before_the_model(tmp_path: Path) -> None:
    rows = {"subject_idx": ["tree", "tree"], "side": ["phone", "camera"], "model": ["Pixel 9", "Nokia 3310"]}
    write_parquet(tmp_path / "train-00000-of-00001.parquet", rows, [picture(0), picture(1)])
    (source,) = open_images(str(tmp_path))
    assert source.columns == {"subject": [0, 0], "model": [1, 0]}


# --- processed data sets


def test_stored_variants_and_their_failures(tmp_path: Path) -> None:
    for number in range(5):
        put(tmp_path / "raw" / "train" / "ab"[number % 2] / f"{number}.png", number)
    put(tmp_path / "raw" / "val" / "a" / "5.png", 5)
    (tmp_path / "raw" / "train" / "a" / "bad.png").write_bytes(b"text")
    out = tmp_path / "imagenet-traces"
    process(ProcessSettings(source=str(tmp_path / "raw"), out=out, variants=("JPEG75_420", "IDENTITY")))
    sources = open_images("imagenet-traces", data_dir=tmp_path)
    assert [(source.variant, source.split, len(source)) for source in sources] == [
        ("IDENTITY", "train", 5),
        ("IDENTITY", "val", 1),
        ("JPEG75_420", "train", 5),
        ("JPEG75_420", "val", 1),
    ]
    assert all(source.dataset == "ImageNet" and list(source.class_names) == ["a", "b"] for source in sources)
    assert list(sources[0].ids) == ["a/0.png", "a/2.png", "a/4.png", "b/1.png", "b/3.png"]
    assert sources[0].columns == {"label": [0, 0, 0, 1, 1]}
    assert sources[0].missing == {"a/bad.png": "not_an_image"}
    assert everything(sources[0]) == [picture(n) for n in (0, 2, 4, 1, 3)]
    (source,) = open_images("imagenet-traces", data_dir=tmp_path, variants=("jpeg75_420",), split="val")
    assert (source.variant, source.split) == ("JPEG75_420", "val")
    with pytest.raises(UsageError, match="has no variant JPEG95_444"):
        open_images(str(out), variants=("JPEG95_444",))


# --- Hugging Face data sets


def test_a_data_set_through_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that only `datasets` understands, an archive of images and their classes; nothing is decoded."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars" / "validation-0.tar", "w") as archive:
        for number in range(5):
            for name, data in ((f"{number}.png", picture(number)), (f"{number}.cls", b"%d" % (number % 2))):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    (source,) = open_images(f"{tmp_path / 'tars'}?label=cls")
    assert (source.dataset, source.split, list(source.ids)) == ("tars", "val", list("01234"))
    assert source.columns == {"label": [0, 1, 0, 1, 0]}
    assert everything(source) == [picture(n) for n in range(5)]


def test_parquet_files_of_others(tmp_path: Path) -> None:
    write_parquet(tmp_path / "d" / "test-0.parquet", {"label": [3, None, 5]}, [picture(0), None, picture(2)], group=1)
    (source,) = open_images(str(tmp_path / "d"))
    assert (source.dataset, source.split, list(source.ids)) == ("d", "test", ["0", "1", "2"])
    assert source.columns == {"label": [3, -1, 5]}
    assert everything(source) == [picture(0), None, picture(2)]


def test_a_file_that_was_written_anew_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "d" / "test-0.parquet"
    write_parquet(path, {"label": [0, 1]}, [picture(0), picture(1)], group=2)
    (before,) = open_images(str(tmp_path / "d"))
    assert everything(before) == [picture(0), picture(1)]
    write_parquet(path, {"label": [0, 1, 2]}, [picture(7), picture(8), picture(9)], group=3)
    (after,) = open_images(str(tmp_path / "d"))
    assert everything(after) == [picture(7), picture(8), picture(9)]
    write_parquet(path, {"label": [0]}, [picture(0)], group=1)
    with pytest.raises(FlickrExifError, match="has changed since its images were listed"):
        everything(after)


# --- what cannot be


def test_what_is_no_data_set_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    put(tmp_path / "two" / "val" / "1.png", 1)
    put(tmp_path / "two" / "validation" / "2.png", 1)
    write_parquet(tmp_path / "text" / "train.parquet", {"label": ["cat"]}, [picture(0)])
    write_parquet(tmp_path / "twice" / "train.parquet", {"image_id": ["a", "a"]}, [picture(0), picture(1)])
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "train.parquet").write_bytes(b"PAR1")
    for spec, words in {
        "flickrexif": "There is no folder",
        str(tmp_path / "two"): "two folders of one split",
        str(tmp_path / "text"): "labels are no numbers",
        str(tmp_path / "twice"): "same id",
        str(tmp_path / "cut"): "cannot be read",
    }.items():
        with pytest.raises(FlickrExifError, match=words) as raised:
            open_images(spec, data_dir=tmp_path / "none")
        assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match="no stored variants"):
        open_images(str(tmp_path / "twice"), variants=("JPEG75_420",))
    put(tmp_path / "flat" / "1.png", 1)
    with pytest.raises(UsageError, match="has no split 'test'"):
        open_images(str(tmp_path / "flat"), split="test")


def test_a_folder_without_images_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="is no folder of images and no data set"):
        open_images(str(tmp_path / "empty"))
