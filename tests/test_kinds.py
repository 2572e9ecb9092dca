"""Every kind of data set through all who ask it, on what the commands make: nothing that they write is overlooked."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from huggingface_hub import HfApi

import flickrexif
from flickrexif.cards import check_card
from flickrexif.cards.description import read_description
from flickrexif.cards.publish import PublishSettings, plan
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.core.kinds import DataSetKind
from flickrexif.dataset.kind import FETCHED
from flickrexif.eval.data.catalog import catalog
from flickrexif.eval.data.formats import open_images
from flickrexif.kinds import KINDS, data_sets, kind_of, origin_of, recognised
from tests.hub import Hub, serving
from tests.pushing import TOKEN, USERS
from tests.samples import DATA
from tests.test_fetch import IDS, Moody, write_table
from tests.test_fetch import rows_of as rows_of_table

PHOTOS = 16
PAIRS = 3


def crawled(data: Path, folder: Path) -> None:
    """A month of the embedded server, with images and splits."""
    assert folder == data / "flickrexif"
    flickrexif.crawl("2024-08", data_dir=data, sandbox=True, target=PHOTOS, minimum=0, images="large")
    flickrexif.splits(data_dir=data, protocol="proportional", min_photos=2)


def fetched(data: Path, folder: Path) -> None:
    with Moody(IDS[:PHOTOS]) as server:
        table = write_table(data.parent / "table.parquet", rows_of_table(server, IDS[:PHOTOS]))
        flickrexif.fetch(table, out=folder, data_dir=data)


def labelled(data: Path, folder: Path) -> None:
    flickrexif.label(DATA / "photos", out=folder, images="copy", data_dir=data)


def paired(data: Path, folder: Path) -> None:
    flickrexif.simulate_pairs(data.parent / "pairs", pairs=PAIRS, data_dir=data)
    flickrexif.build_pairs(data.parent / "pairs", out=folder, data_dir=data)


def processed(data: Path, folder: Path) -> None:
    """Two variants and a draw of the crawl's images."""
    flickrexif.process(data / "flickrexif", out=folder, variant=("jpeg75_420", "identity"), workers=1)
    flickrexif.process(data / "flickrexif", out=folder, parameter="jpeg", draw="uniform", workers=1)


@dataclass(frozen=True)
class Case:
    """How a kind is made, and what must then be seen of it: rows of each config, and of which variants images are."""

    make: Callable[[Path, Path], None]
    origin: str
    images: Mapping[str, str]  # stored variant -> config with its images
    hidden: tuple[str, ...] = ()  # names of files that are not published


CASES = {
    "flickrexif": Case(crawled, "sandbox:simulated", {"IDENTITY": "images"}, (".crawl/", "splits/splits.json")),
    "published": Case(fetched, "sandbox:simulated", {"IDENTITY": "images"}, (".crawl/",)),
    "folder": Case(labelled, "folder", {"IDENTITY": "images"}),
    "paircams": Case(paired, "simulated", {"IDENTITY": "default"}),
    "imagenet-traces": Case(
        processed, "sandbox:simulated", {"IDENTITY": "identity", "JPEG75_420": "jpeg75_420"}, ("/.done/", ".lock")
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a data set of each kind, and one of labelled photos elsewhere."""
    data = tmp_path_factory.mktemp("kinds") / "data"
    for kind in KINDS:
        CASES[kind.name].make(data, data / kind.name)
    labelled(data, data.parent / "elsewhere")
    return data


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> DataSetKind:
    return request.param


def rows_of(kind: DataSetKind, folder: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Config -> split -> rows, read without the toolkit."""
    return {
        config: {
            split: [row for path in files for row in pq.read_table(path).to_pylist()] for split, files in splits.items()
        }
        for config, splits in kind.configs(folder).items()
    }


def test_it_is_recognised_by_its_own_kind_alone(data: Path, kind: DataSetKind) -> None:
    assert [other.name for other in KINDS if other.recognises(data / kind.name)] == [kind.name]
    assert kind_of(data / kind.name) is kind
    assert origin_of(data / kind.name) == CASES[kind.name].origin


def test_all_are_listed_and_nothing_else_is(data: Path) -> None:
    (data / "browse" / "x").mkdir(parents=True, exist_ok=True)
    listed = {folder: kind.name for folder, kind in data_sets(data)}
    assert listed == {**{data / kind.name: kind.name for kind in KINDS}, data.parent / "elsewhere": "folder"}
    assert DataFolder.of(data.parent / "elsewhere").path == data
    assert recognised(data) is None
    assert recognised(data / "browse") is None
    with pytest.raises(UsageError, match="holds no data set"):
        kind_of(data / "browse")


def test_every_file_is_loaded_published_or_hidden(data: Path, kind: DataSetKind) -> None:
    """And what is hidden is what the test says, no more."""
    folder = data / kind.name
    inside = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    tables = {
        path.relative_to(folder).as_posix()
        for splits in kind.configs(folder).values()
        for s in splits.values()
        for path in s
    }
    assert tables == {name for name in inside if name.endswith(".parquet") and not name.startswith("splits/")}
    if kind is FETCHED:
        with pytest.raises(UsageError, match="under no open licence that is known"):
            kind.files(folder)
        return
    with serving(Hub(USERS)) as hub:
        planned = plan(folder, PublishSettings(repo="jo/d"), HfApi(hub.endpoint, TOKEN))
    sent = {file.path for file in planned.send}
    assert tables < sent < inside
    hidden = (".huggingface.yaml", ".flickrexif/", *CASES[kind.name].hidden)
    assert {name for name in inside - sent if not any(part in f"/{name}" for part in hidden)} == set()


def test_it_is_described(data: Path, kind: DataSetKind) -> None:
    folder = data / kind.name
    assert check_card(folder) == []
    facts = kind.describe(folder)
    assert facts.source in read_description(kind.name).origins
    told = {config.name: {split.name: split.rows for split in config.splits} for config in facts.configs}
    rows = rows_of(kind, folder)
    assert told == {config: {split: len(some) for split, some in splits.items()} for config, splits in rows.items()}


def test_it_is_shown(data: Path, kind: DataSetKind, tmp_path: Path) -> None:
    shown = flickrexif.browse(data / kind.name, out=tmp_path / "pages")
    assert shown.index.is_file()
    assert 0 < shown.shown <= shown.total
    assert ("SIMULATED DATA: " in shown.index.read_text()) == ("simulated" in CASES[kind.name].origin)


def test_it_is_loaded(data: Path, kind: DataSetKind, offline: None) -> None:
    folder = data / kind.name
    for config, splits in rows_of(kind, folder).items():
        for split, rows in splits.items():
            by_name = flickrexif.load_dataset(kind.name, config, data_dir=data, split=split)
            plain = datasets.load_dataset(str(folder), config, split=split)
            for loaded in (by_name, plain):
                if "image" in loaded.column_names:
                    loaded = loaded.cast_column("image", datasets.Image(decode=False))
                assert loaded.to_list() == rows


def test_its_images_are_found_by_the_evaluator(data: Path, kind: DataSetKind) -> None:
    folder, images = data / kind.name, CASES[kind.name].images
    rows = rows_of(kind, folder)
    sources = open_images(str(folder))
    assert {source.variant for source in sources} == set(images)
    for source in sources:
        (expected,) = rows[images[source.variant]].values()
        assert list(source.read(0, len(source))) == [row["image"]["bytes"] for row in expected]


def test_the_suite_measures_each_that_has_images(data: Path, tmp_path: Path) -> None:
    sets = catalog(data, tmp_path)
    assert not any(found.lack or found.broken for found in sets)
    assert {found.name for found in sets} == {"FlickrExif", "PairCams", "ImageNet", "folder", "published"}
    assert {found.origin for found in sets} == {"sandbox:simulated", "simulated", "folder"}


def test_a_split_of_which_files_are_missing_is_an_error_and_not_a_smaller_one(data: Path, tmp_path: Path) -> None:
    traces = tmp_path / "imagenet-traces"
    shutil.copytree(data / "imagenet-traces", traces)
    (shard,) = (traces / "jpeg75_420").glob("*.parquet")
    shard.rename(shard.with_name("train-00000-of-00002.parquet"))
    load = partial(flickrexif.load_dataset, "imagenet-traces", data_dir=tmp_path)
    for ask in (partial(open_images, str(traces)), load):
        with pytest.raises(FlickrExifError, match="holds 1 of 2 files of the split `train`"):
            ask()
    broken = [unreadable for unreadable in catalog(tmp_path, tmp_path / "none") if unreadable.broken]
    assert [unreadable.name for unreadable in broken] == ["ImageNet"]
    assert "holds 1 of 2 files" in broken[0].lack
    record = traces / "jpeg75_420/.done/train.json"
    record.write_text(record.read_text().replace('"rows": ', '"rows_": '))  # as a run leaves it that was stopped
    assert "jpeg75_420" not in kind_of(traces).configs(traces)


def test_a_kind_that_nobody_wrote_is_none(tmp_path: Path) -> None:
    assert data_sets(tmp_path / "nothing") == []
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"a": [1]}), tmp_path / "data/train-0.parquet")
    assert recognised(tmp_path) is None  # its files are named like those of three kinds
