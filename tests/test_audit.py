"""The audit finds what was planted, by sets and counters, and nothing in what is sound."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError
from flickrexif.dataset.audit import Audit, audit, audit_paths
from flickrexif.dataset.split_files import SPLITS, Split, write_split
from tests.samples import LEAKS, SPLIT_FILES


def make(classes: tuple[str, ...] = ("Canon", "NIKON"), each: int = 20, attribute: str = "Make") -> Split:
    """A sound split: `each` photos a class and split, ids from 1 on."""
    size = each * len(classes)
    return Split(
        target_attribute=attribute,
        classes=classes,
        ids={name: np.arange(size) + 1 + size * s for s, name in enumerate(SPLITS)},
        labels={name: np.repeat(np.arange(len(classes)), each) for name in SPLITS},
    )


def owners(split: Split, photos_each: int = 2) -> pd.DataFrame:
    """A labels table where no photographer has photos of two splits."""
    rows = [(int(photo), f"{n} {i // photos_each}") for n in SPLITS for i, photo in enumerate(split.ids[n])]
    return pd.DataFrame(rows, columns=["Flickr ID", "owner"])


def kinds(found: Audit) -> list[tuple[str, tuple[str, ...], int]]:
    return [(finding.kind, finding.splits, finding.count) for finding in found.findings]


@pytest.mark.parametrize("folder", SPLIT_FILES)
def test_split_files_leak_where_known_and_nowhere_else(folder: Path) -> None:
    in_train, in_val, of_scanner = LEAKS[folder.name]
    found = {a.target_attribute: a for a in audit_paths([folder])}
    assert len(found) == 10
    assert all(not a.findings for name, a in found.items() if name != "Model")
    train_test, val_test, scanner = found["Model"].findings
    record = json.loads((folder / "split_data_target_attribute=Model.json").read_text())
    ids = {name: set(record[f"{name}_ids"]) for name in SPLITS}
    assert (train_test.splits, train_test.count) == (("train", "test"), in_train)
    assert set(train_test.ids) == ids["train"] & ids["test"]
    assert (val_test.splits, val_test.count) == (("val", "test"), in_val)
    assert set(val_test.ids) == ids["val"] & ids["test"]
    assert scanner.kind == "not a camera exposure"
    assert scanner.class_name == "Kodak CLAS Digital Film Scanner / HR200"
    assert scanner.count == of_scanner
    each = len(record["train_ids"]) // len(record["label_encoder_classes"])
    share = 1 / len(record["label_encoder_classes"])
    assert found["Model"].balance["train"] == {"smallest": each, "largest": each, "largest_share": share}


def test_a_sound_split_has_no_findings() -> None:
    split = make()
    found = audit(split, owners(split))
    assert kinds(found) == []
    assert found.unknown_photos == 0
    assert found.rows() == []


def test_photos_in_two_splits_and_twice_in_one() -> None:
    split = make()
    split.ids["val"][:3] = split.ids["train"][:3]
    split.ids["test"][1] = split.ids["test"][0]
    assert kinds(audit(split)) == [
        ("photo in two splits", ("train", "val"), 3),
        ("photo twice in a split", ("test",), 1),
    ]
    assert audit(split).findings[0].ids == (1, 2, 3)


def test_photographers_in_two_splits() -> None:
    split = make()
    table = owners(split)
    table.loc[table["owner"] == "test 3", "owner"] = "train 5"
    table.loc[table["owner"] == "test 4", "owner"] = "train 5"
    table.loc[table["owner"] == "test 6", "owner"] = "val 0"
    found = audit(split, table)
    assert kinds(found) == [
        ("photographer in two splits", ("train", "test"), 1),
        ("photographer in two splits", ("val", "test"), 1),
    ]
    assert found.findings[0].detail == "train 5"
    assert set(found.findings[0].ids) == set(table.loc[table["owner"] == "train 5", "Flickr ID"])
    assert kinds(audit(split)) == []


@given(data=st.data())
def test_leaks_are_those_that_sets_tell(data: st.DataObject) -> None:
    numbers = st.lists(st.integers(1, 30), max_size=25)
    ids = {name: data.draw(numbers) for name in SPLITS}
    owner = {photo: data.draw(st.sampled_from(["a", "b", "c", "d", None])) for photo in range(1, 26)}
    split = Split(
        target_attribute="Year",
        classes=("2004.0",),
        ids={name: np.array(v, dtype=np.int64) for name, v in ids.items()},
        labels={name: np.zeros(len(v), dtype=np.int64) for name, v in ids.items()},
    )
    table = pd.DataFrame({"Flickr ID": list(owner), "owner": pd.Series(list(owner.values()), dtype=object)})
    found = audit(split, table)
    counts = {(f.kind, *f.splits): f.count for f in found.findings}
    for one, other in combinations(SPLITS, 2):
        assert counts.get(("photo in two splits", one, other), 0) == len(set(ids[one]) & set(ids[other]))
        who = [{owner.get(photo) for photo in ids[name]} - {None} for name in (one, other)]
        assert counts.get(("photographer in two splits", one, other), 0) == len(who[0] & who[1])
    for name in SPLITS:
        again = sum(n > 1 for n in Counter(ids[name]).values())
        assert counts.get(("photo twice in a split", name), 0) == again
    assert found.unknown_photos == sum(owner.get(photo) is None for name in SPLITS for photo in ids[name])


def test_near_empty_classes() -> None:
    split = make(each=200)
    split.labels["test"][:191] = 1  # 9 Canon left of 200
    split.labels["train"][:181] = 1  # 19: more than ten, less than a tenth of the median class, which has 200
    found = audit(split)
    assert kinds(found) == [("near-empty class", ("train",), 19), ("near-empty class", ("test",), 9)]
    assert found.balance["test"] == {"smallest": 9, "largest": 391, "largest_share": 391 / 400}


@pytest.mark.parametrize("attribute", ["Model", "Make", "Exposure"])
def test_scanners_are_no_cameras(attribute: str) -> None:
    scanners = {"Model": ("CanoScan 9000F", "Perfection V700"), "Make": ("NORITSU KOKI",), "Exposure": ()}[attribute]
    cameras = {"Model": ("NIKON D90", "iPhone 6"), "Make": ("Canon", "Apple"), "Exposure": ("1/50", "CanoScan 9000F")}
    found = audit(make((*cameras[attribute], *scanners), attribute=attribute))
    assert [(f.kind, f.class_name, f.count) for f in found.findings] == [
        ("not a camera exposure", name, 60) for name in scanners
    ]


def test_how_much_one_photographer_makes_of_a_class() -> None:
    split = make(each=20)
    table = owners(split, photos_each=4)
    first = split.ids["train"][:20]
    table.loc[table["Flickr ID"].isin(first[:12]), "owner"] = "train heavy"  # 12 + 4 + 4 of 20
    found = audit(split, table)
    fact = next(f for f in found.facts if (f.split, f.class_name) == ("train", "Canon"))
    assert (fact.photos, fact.owners) == (20, 3)
    assert fact.largest_owner_share == pytest.approx(0.6)
    assert fact.effective_owners == pytest.approx(1 / (0.6**2 + 0.2**2 + 0.2**2))
    assert [(f.kind, f.splits, f.class_name) for f in found.findings] == [
        ("one photographer's class", ("train",), "Canon")
    ]
    equal = next(f for f in found.facts if (f.split, f.class_name) == ("val", "NIKON"))
    assert equal.effective_owners == pytest.approx(5)
    assert audit(split).facts[0].largest_owner_share is None


def test_labels_that_fit_no_id_or_class() -> None:
    split = make()
    split.labels["train"][0] = 2
    labels = {**split.labels, "val": split.labels["val"][:-1]}
    broken = Split(target_attribute="Make", classes=split.classes, ids=split.ids, labels=labels)
    found = audit(broken, owners(broken))
    assert [(f.kind, f.splits) for f in found.findings] == [
        ("labels do not fit", ("train",)),
        ("labels do not fit", ("val",)),
    ]
    assert "39 labels for 40 ids" in found.findings[1].detail
    twice = make(classes=("Canon", "NIKON", "Canon"))
    assert ("class named twice", (), 2) in kinds(audit(twice))


def test_empty_splits_are_near_empty_and_no_error() -> None:
    split = make(each=0)
    found = audit(split, owners(split))
    assert kinds(found) == [("near-empty class", (name,), 0) for name in SPLITS for _ in range(2)]
    assert found.balance["val"]["largest_share"] == 0


def test_files_and_folders_with_a_labels_table(tmp_path: Path) -> None:
    split = make()
    split.ids["val"][0] = split.ids["train"][0]
    json_path, parquet_path = write_split(split, tmp_path / "splits")
    (tmp_path / "splits/split_data_target_attribute=Year.json").write_text('{"target_attribute": "Year"}')
    (tmp_path / "labels").mkdir()
    table = owners(make())
    table.iloc[:50].to_parquet(tmp_path / "labels/train-2024-01.parquet")
    table.iloc[50:110].to_parquet(tmp_path / "labels/train-2024-02.parquet")
    found = audit_paths([tmp_path / "splits", parquet_path], tmp_path / "labels")
    assert [a.path for a in found] == [
        str(json_path),
        str(json_path.with_name("split_data_target_attribute=Year.json")),
        str(parquet_path),
    ]
    assert kinds(found[0]) == kinds(found[2])
    assert kinds(found[0]) == [
        ("photo in two splits", ("train", "val"), 1),
        ("photographer in two splits", ("train", "val"), 1),
    ]
    assert found[0].unknown_photos == 10
    assert [f.kind for f in found[1].findings] == ["unreadable file"]
    assert "label_encoder_classes is missing" in found[1].findings[0].detail
    pd.DataFrame({"Flickr ID": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(FlickrExifError, match="no column 'owner'"):
        audit_paths([json_path], tmp_path / "other.parquet")


def test_json_holds_everything_and_rows_are_one_line() -> None:
    split = make(classes=("Canon", "a\nb\x1b[31m" + "x" * 500))
    split.labels["test"][:19] = 1
    found = audit(split)
    record: dict[str, Any] = json.loads(json.dumps(found.to_json()))
    assert [f["kind"] for f in record["findings"]] == [f.kind for f in found.findings] == ["near-empty class"]
    assert len(record["facts"]) == 6
    split.labels["test"][:] = 0
    (row,) = audit(split).rows()
    assert row[:3] == ("Make", "near-empty class", "test")
    assert row[3].startswith("a b [31mxxx")
    assert all(cell.isprintable() and len(cell) <= 200 for cell in row)
