"""A data set to train on: image and label of an attribute, as `datasets` and PyTorch take it."""

import json
import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from torch.utils.data import DataLoader

import flickrexif
from flickrexif.core.errors import FlickrExifError, UsageError
from tests.test_own_photos import rows, write

pytestmark = pytest.mark.usefixtures("offline")
NAMES = {"train": "train", "validation": "val", "test": "test"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attributes")
    for number in range(36):
        write(folder / f"in/person {number % 6}/{number:02}.jpg", ("Canon", "Apple")[number // 6 % 2], seed=number)
    flickrexif.label(folder / "in", out=folder / "mine", data_dir=folder)
    flickrexif.splits(labels=folder / "mine/labels", protocol="proportional", attribute="Make")
    return folder


@pytest.mark.parametrize("streaming", [False, True])
def test_an_attribute_has_the_photos_of_its_split_file(streaming: bool, data: Path) -> None:
    split = json.loads((data / "mine/splits/split_data_target_attribute=Make.json").read_text())
    loaded: Any = flickrexif.load_dataset("mine", "Make", data_dir=data, streaming=streaming)
    path_of = {row["Flickr ID"]: data / "in" / row["path"] for row in rows(data / "mine")}
    assert set(loaded) == set(NAMES)
    for part, name in NAMES.items():
        assert loaded[part].features["label"].names == split["label_encoder_classes"]
        label_of = dict(zip(split[f"{name}_ids"], split[f"encoded_{name}_labels"], strict=True))
        assert {row["Flickr ID"]: row["label"] for row in loaded[part]} == label_of
        photo = next(iter(loaded[part]))
        assert photo["image"].size == (64, 64)
        stored = next(iter(loaded[part].cast_column("image", datasets.Image(decode=False))))["image"]
        assert Path(stored["path"]) == path_of[photo["Flickr ID"]]
    one: Any = flickrexif.load_dataset("mine", "Make", data_dir=data, split="validation", streaming=streaming)
    assert [row["Flickr ID"] for row in one] == [row["Flickr ID"] for row in loaded["validation"]]


@pytest.mark.parametrize("streaming", [False, True])
def test_pytorch_takes_it(streaming: bool, data: Path) -> None:
    train: Any = flickrexif.load_dataset("mine", "Make", data_dir=data, split="train", streaming=streaming)
    batch = next(iter(DataLoader(train.with_format("torch"), batch_size=4)))
    assert batch["image"].shape == (4, 3, 64, 64)
    assert batch["label"].dtype == torch.int64


@pytest.mark.parametrize("bytes_a_file", [1, 10**9])
def test_workers_share_a_stream(bytes_a_file: int, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each photo comes once, whichever worker reads its file."""
    monkeypatch.setattr("flickrexif.dataset.folder.SHARD_BYTES", bytes_a_file)
    flickrexif.label(data / "in", out=tmp_path / "mine", images="copy", data_dir=tmp_path)
    stream: Any = flickrexif.load_dataset("mine", "Make", data_dir=tmp_path, streaming=True)
    whole: Any = flickrexif.load_dataset("mine", "Make", data_dir=tmp_path)
    for part in NAMES:
        loader = DataLoader(stream[part].with_format("torch"), batch_size=2, num_workers=2)
        read = [int(photo) for batch in loader for photo in batch["Flickr ID"]]
        assert sorted(read) == sorted(whole[part]["Flickr ID"])


def test_a_stream_ends_at_a_linked_photo_that_was_changed(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "in", tmp_path / "in")
    flickrexif.label(tmp_path / "in", out=tmp_path / "mine", data_dir=tmp_path)
    for path in (tmp_path / "in").rglob("*.jpg"):
        path.write_bytes(path.read_bytes() + b"x")
    stream: Any = flickrexif.load_dataset("mine", "Make", data_dir=tmp_path, streaming=True)
    with pytest.raises(FlickrExifError, match="no longer the photo that was labelled"):
        next(iter(stream["train"]))
    with pytest.raises(FlickrExifError, match="no longer the photo that was labelled"):
        flickrexif.load_dataset("mine", "Make", data_dir=tmp_path)


def test_without_a_split_file_one_is_made_and_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    loaded: Any = flickrexif.load_dataset("mine", "Is Smartphone", data_dir=data)
    assert "no split of Is Smartphone: a proportional one is made" in capsys.readouterr().err
    owner_of = {row["Flickr ID"]: row["owner"] for row in rows(data / "mine")}
    owners = [{owner_of[photo] for photo in part["Flickr ID"]} for part in loaded.values()]
    assert len(set().union(*owners)) == sum(map(len, owners))
    with pytest.raises(UsageError, match="Make has no split 'val'"):
        flickrexif.load_dataset("mine", "Make", data_dir=data, split="val")


def test_without_images_there_is_nothing_to_train_on(data: Path) -> None:
    flickrexif.label(data / "in", out=data / "bare", images="none", data_dir=data)
    with pytest.raises(UsageError, match="has no images"):
        flickrexif.load_dataset("bare", "Make", data_dir=data)
