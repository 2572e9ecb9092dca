"""Split files: the published format byte for byte where it matters, and what is wrong with bad ones."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError
from flickrexif.dataset.split_files import SPLITS, Split, read_split, split_paths, write_split
from flickrexif.dataset.splits import ATTRIBUTES
from tests.samples import SPLIT_FILES

GOOD: dict[str, Any] = {
    "target_attribute": "Make",
    "label_encoder_classes": ["Canon", "NIKON"],
    "train_ids": [11, 12, 13],
    "encoded_train_labels": [0, 1, 1],
    "val_ids": [21],
    "encoded_val_labels": [0],
    "test_ids": [31, 53_968_269_155],
    "encoded_test_labels": [1, 0],
}


def written(folder: Path, record: object) -> Path:
    path = folder / "split_data_target_attribute=Make.json"
    path.write_text(record if isinstance(record, str) else json.dumps(record))
    return path


def as_record(split: Split) -> dict[str, Any]:
    record: dict[str, Any] = {
        "target_attribute": split.target_attribute,
        "label_encoder_classes": list(split.classes),
    }
    for name in SPLITS:
        record |= {f"{name}_ids": split.ids[name].tolist(), f"encoded_{name}_labels": split.labels[name].tolist()}
    return record


def test_json_and_parquet_hold_the_published_record(tmp_path: Path) -> None:
    split = read_split(written(tmp_path, GOOD))
    json_path, parquet_path = write_split(split, tmp_path / "out")
    assert json_path.name == "split_data_target_attribute=Make.json"
    assert json.loads(json_path.read_text()) == GOOD
    assert pq.read_table(parquet_path).to_pylist() == [
        {"Flickr ID": photo, "attribute": "Make", "class": value, "split": name}
        for photo, value, name in [
            (11, "Canon", "train"),
            (12, "NIKON", "train"),
            (13, "NIKON", "train"),
            (21, "Canon", "val"),
            (31, "NIKON", "test"),
            (53_968_269_155, "Canon", "test"),
        ]
    ]
    assert as_record(read_split(parquet_path)) == GOOD
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted([json_path.name, parquet_path.name])


@st.composite
def splits(draw: st.DrawFn) -> Split:
    classes = draw(st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=5, unique=True))
    labels = {n: draw(st.lists(st.integers(0, len(classes) - 1), max_size=8)) for n in SPLITS}
    ids = {n: draw(st.lists(st.integers(0, 2**63 - 1), min_size=len(v), max_size=len(v))) for n, v in labels.items()}
    return Split(
        target_attribute=draw(st.sampled_from(["Make", "ISO Speed"])),
        classes=tuple(classes),
        ids={n: np.array(v, dtype=np.int64) for n, v in ids.items()},
        labels={n: np.array(v, dtype=np.int64) for n, v in labels.items()},
    )


@given(split=splits())
def test_round_trip_of_any_split(tmp_path_factory: pytest.TempPathFactory, split: Split) -> None:
    for path in write_split(split, tmp_path_factory.mktemp("split")):
        assert as_record(read_split(path)) == as_record(split)


@pytest.mark.parametrize("folder", SPLIT_FILES)
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_published_files_are_read_and_written_alike(attribute: str, folder: Path, tmp_path: Path) -> None:
    path = folder / f"split_data_target_attribute={attribute}.json"
    split = read_split(path)
    for copy in write_split(split, tmp_path):
        assert as_record(read_split(copy)) == json.loads(path.read_text())


BAD = [
    ("{", "the file is not JSON"),
    ([1], "the file is not a JSON object"),
    ({**GOOD, "target_attribute": 3}, "target_attribute is missing or not a text"),
    ({k: v for k, v in GOOD.items() if k != "label_encoder_classes"}, "label_encoder_classes is missing"),
    ({**GOOD, "label_encoder_classes": ["Canon", None]}, "label_encoder_classes is missing or not a list of texts"),
    ({k: v for k, v in GOOD.items() if k != "val_ids"}, "val_ids is missing or not a list of whole numbers"),
    ({**GOOD, "test_ids": [1.0, 2]}, "test_ids is missing or not a list of whole numbers"),
    ({**GOOD, "encoded_test_labels": [True, False]}, "encoded_test_labels is missing or not a list of whole numbers"),
    ({**GOOD, "test_ids": [2**63, 1]}, "test_ids holds a number beyond 64 bits"),
    ({**GOOD, "test_ids": [31]}, "encoded_test_labels has 2 labels for 1 ids"),
    ({**GOOD, "encoded_train_labels": [0, 1, 2]}, "encoded_train_labels has 1 labels that are no place in"),
    ({**GOOD, "encoded_train_labels": [0, 1, -1]}, "encoded_train_labels has 1 labels that are no place in"),
]


@pytest.mark.parametrize(("record", "message"), BAD)
def test_bad_json_is_one_sentence_with_file_and_field(tmp_path: Path, record: object, message: str) -> None:
    path = written(tmp_path, record)
    with pytest.raises(FlickrExifError) as error:
        read_split(path)
    assert error.value.message.startswith(f"{path}: {message}")
    assert error.value.hint


def table(**changes: Any) -> pa.Table:
    columns = {"Flickr ID": [1, 2], "attribute": ["Make"] * 2, "class": ["b", "a"], "split": ["train", "test"]}
    return pa.table({name: values for name, values in (columns | changes).items() if values is not None})


def test_parquet_without_a_class_list_has_its_classes_sorted(tmp_path: Path) -> None:
    pq.write_table(table(), tmp_path / "a.parquet")
    split = read_split(tmp_path / "a.parquet")
    assert split.classes == ("a", "b")
    assert split.labels["train"].tolist() == [1]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (table(split=None), "split is missing or has empty cells"),
        (table(**{"class": ["a", None]}), "class is missing or has empty cells"),
        (table(**{"Flickr ID": ["one", "2"]}), "Flickr ID is not of type int64"),
        (table(attribute=["Make", "Year"]), "attribute does not name one attribute"),
        (table(split=["train", "dev"]), "split holds 'dev', not train, val or test"),
        (table().replace_schema_metadata({"label_encoder_classes": '["a"]'}), "label_encoder_classes in the metadata"),
        (table().replace_schema_metadata({"label_encoder_classes": b"\xff"}), "label_encoder_classes in the metadata"),
    ],
)
def test_bad_parquet_is_one_sentence_with_file_and_field(tmp_path: Path, bad: pa.Table, message: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(bad, path)
    with pytest.raises(FlickrExifError) as error:
        read_split(path)
    assert error.value.message.startswith(f"{path}: {message}")


@pytest.mark.parametrize("name", ["a.json", "a.parquet"])
def test_files_that_are_not_there_or_not_whole(tmp_path: Path, name: str) -> None:
    with pytest.raises(FlickrExifError, match="cannot be read"):
        read_split(tmp_path / name)
    (tmp_path / name).write_bytes(b"PAR1\xff\xff\x00")
    with pytest.raises(FlickrExifError, match=r"the file is not JSON|cannot be read \("):
        read_split(tmp_path / name)


def test_an_attribute_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    split = read_split(written(tmp_path, {**GOOD, "target_attribute": "../Make"}))
    with pytest.raises(FlickrExifError, match="cannot be part of a file name"):
        write_split(split, tmp_path / "out")


def test_a_folder_stands_for_its_split_files(tmp_path: Path) -> None:
    split = read_split(written(tmp_path, GOOD))
    json_path, parquet_path = write_split(split, tmp_path / "out")
    (tmp_path / "out/splits.json").write_text("{}")
    assert split_paths([tmp_path / "out", parquet_path]) == [json_path, parquet_path]
    json_path.unlink()
    assert split_paths([tmp_path / "out"]) == [parquet_path]
    parquet_path.unlink()
    with pytest.raises(FlickrExifError, match="holds no split files"):
        split_paths([tmp_path / "out"])
