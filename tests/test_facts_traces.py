"""What is told of a folder of processed images, counted again by pandas and from the lists of failures."""

import csv
import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flickrexif.cards.description import read_description
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.facts import Facts, Table
from flickrexif.processing.build import ProcessSettings, process
from flickrexif.processing.facts import COLUMNS, traces_facts
from flickrexif.processing.operations import REASONS
from flickrexif.processing.variants import PARAMETERS, VARIANTS
from tests.test_facts_paircams import HOSTILE, blank_images
from tests.test_process import jpeg


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two variants and a draw of two sources' images, three of which are damaged."""
    folder = tmp_path_factory.mktemp("traces")
    photos, out = folder / "photos", folder / "out"
    for seed in range(30):
        path = photos / ("train" if seed < 24 else "val") / ("cat" if seed % 3 else "dog") / f"{seed:02}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(seed))
    (photos / "train/cat/empty.jpeg").write_bytes(b"")
    (photos / "train/dog/text.jpeg").write_bytes(b"no image")
    (photos / "train/dog/other.jpeg").write_bytes(b"no image either")
    make(photos, out, variants=("jpeg75_420", "INTERPOLATION_BOX"))
    make(photos, out, parameter="jpeg", draw="uniform", seed=7)
    return out


def make(source: Path, out: Path, **more: object) -> None:
    process(ProcessSettings(source=str(source), out=out, **({"shard_bytes": 6_000} | more)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def facts(root: Path) -> Facts:
    return traces_facts(root)


def table(facts: Facts, title: str) -> Table:
    return next(one for one in facts.composition if one.title == title)


def frame(root: Path, config: str, split: str) -> pd.DataFrame:
    paths = sorted((root / config).glob(f"{split}-*.parquet"))
    return pd.concat(pd.read_parquet(path, columns=["label", "image_id", "variant"]) for path in paths)


def test_what_is_in_the_folder(facts: Facts, root: Path) -> None:
    assert (facts.source, facts.dates) == ("processed", None)
    assert facts.source in read_description("imagenet-traces").origins
    assert facts.summary == "90 processed images in 3 configs, made of photos."
    assert facts.rows == 30
    box = "resized by a random 0.8 to 1.2 (box), then JPEG quality 95, 4:4:4 (seed 0)"
    drawn = f"one of {', '.join(PARAMETERS['jpeg'])} for each image, uniform (seed 7)"
    done = {"interpolation_box": box, "jpeg75_420": "JPEG quality 75, 4:2:0", "jpeg_uniform_seed7": drawn}
    assert table(facts, "Configs and splits").rows == [
        (config, split, "photos", images, lost, what)
        for config, what in done.items()
        for split, images, lost in (("train", 24, 3), ("validation", 6, 0))
    ]
    for config in facts.configs:
        assert done[config.name] in config.description
        assert config.columns == COLUMNS
        assert [*config.features] == [column.name for column in COLUMNS]
        for split in config.splits:
            paths = sorted(root.glob(split.pattern))
            assert split.files == tuple(path.relative_to(root).as_posix() for path in paths)
            assert split.rows == len(frame(root, config.name, split.name))
            assert split.bytes == sum(path.stat().st_size for path in paths)


def test_how_it_was_made(facts: Facts) -> None:
    told = dict(facts.collection)
    assert told["Made of"] == "photos"
    assert told["Encoded with"].startswith("pillow ")
    for name in ("INTERPOLATION_BOX", *PARAMETERS["jpeg"]):
        assert told[name] == VARIANTS[name].description
    assert len(told) == 2 + 7


def test_classes_of_a_draw_are_those_of_pandas(facts: Facts, root: Path) -> None:
    names = PARAMETERS["jpeg"]
    expected = []
    for split in ("train", "validation"):
        counts = frame(root, "jpeg_uniform_seed7", split)["variant"].value_counts()
        expected += [("jpeg_uniform_seed7", split, name, int(counts.get(n, 0))) for n, name in enumerate(names)]
    assert table(facts, "Classes that were drawn").rows == expected
    assert sum(int(str(row[-1])) for row in expected) == 30


def test_images_left_out_are_those_of_the_list(facts: Facts, root: Path) -> None:
    with (root / "jpeg75_420/train-failures.csv").open(newline="") as file:
        reasons = Counter(row["reason"] for row in csv.DictReader(file))
    assert reasons == {"empty": 1, "not_an_image": 2}
    assert table(facts, "Images left out").rows == [
        ("photos", "train", REASONS["empty"], 1, 3),
        ("photos", "train", REASONS["not_an_image"], 2, 3),
    ]


def test_measured(facts: Facts, root: Path) -> None:
    labels = frame(root, "jpeg75_420", "train")["label"].value_counts()
    drawn = frame(root, "jpeg_uniform_seed7", "validation")["variant"].value_counts().reindex(range(6), fill_value=0)
    assert facts.measured[0] == "9 of 99 images (9.09%) could not be processed and are left out."
    assert facts.measured[1].startswith("A file has ")
    assert facts.measured[2:] == (
        f"Images a class of the most uneven draw (jpeg_uniform_seed7, validation): {drawn.min()} to {drawn.max()}.",
        f"Images a class of photos (train, 2 in all): {labels.min()} to {labels.max()}.",
    )


def test_the_sizes_of_files(facts: Facts, root: Path) -> None:
    (chart,) = facts.charts
    for config, told in zip(chart.labels, chart.values, strict=True):
        size = sum(path.stat().st_size for path in (root / config).glob("*.parquet"))
        assert told == pytest.approx(size / 30 / 1000, abs=0.05)
    assert chart.labels == ("interpolation_box", "jpeg75_420", "jpeg_uniform_seed7")
    largest = max(chart.labels, key=dict(zip(chart.labels, chart.values, strict=True)).__getitem__)
    assert f"({largest})." in chart.alt
    assert f"kB in {largest}:" in facts.measured[1]


def test_one_variant_of_everything(tmp_path: Path) -> None:
    (tmp_path / "photos/a").mkdir(parents=True)
    (tmp_path / "photos/a/1.jpeg").write_bytes(jpeg(1))
    make(tmp_path / "photos", tmp_path / "out", variants=("IDENTITY",))
    facts = traces_facts(tmp_path / "out")
    assert facts.summary == "1 processed image in 1 config, made of photos."
    assert [one.title for one in facts.composition] == ["Configs and splits"]
    assert facts.measured == (
        "0 of 1 images (0.00%) could not be processed and are left out.",
        "Images a class of photos (train, 1 in all): 1.",
    )


def test_no_byte_of_an_image_is_read(tmp_path: Path) -> None:
    (tmp_path / "photos/a").mkdir(parents=True)
    (tmp_path / "photos/a/1.jpeg").write_bytes(jpeg(1))
    make(tmp_path / "photos", tmp_path / "out", parameter="jpeg", draw="uniform")
    before = traces_facts(tmp_path / "out")
    path = tmp_path / "out" / before.configs[0].splits[0].files[0]
    blank_images(path)
    with pytest.raises((OSError, pa.ArrowException)):
        pq.read_table(path)
    assert traces_facts(tmp_path / "out") == before


def test_names_of_strangers_are_printable_and_short(tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "")[:250]
    folder = tmp_path / name / "train" / name
    folder.mkdir(parents=True)
    (folder / "1.jpeg").write_bytes(jpeg(1))
    make(tmp_path / name, tmp_path / "out", variants=("JPEG75_420",))
    facts = traces_facts(tmp_path / "out")
    for said in (facts.summary, *facts.measured, *(str(cell) for row in facts.composition[0].rows for cell in row)):
        assert said.isprintable()
        assert len(said) < 200
    assert facts.configs[0].features["label"]["names"] == [name]  # as the files have it; who shows it escapes it


def test_a_folder_that_is_not_whole(tmp_path: Path) -> None:
    source, out = tmp_path / "photos", tmp_path / "out"
    (source / "a").mkdir(parents=True)
    for seed in range(8):
        (source / f"a/{seed}.jpeg").write_bytes(jpeg(seed))
    out.mkdir()
    with pytest.raises(UsageError, match="no finished split") as caught:
        traces_facts(out)
    assert "flickrexif process" in caught.value.hint
    make(source, out, variants=("JPEG75_420",))
    shards = sorted((out / "jpeg75_420").glob("*.parquet"))
    assert len(shards) > 1
    whole = shards[0].read_bytes()
    shards[0].write_bytes(whole[:-50])
    with pytest.raises(FlickrExifError, match=shards[0].name):
        traces_facts(out)
    shards[0].unlink()
    with pytest.raises(UsageError, match=r"\d of 8 images of the split `train`"):
        traces_facts(out)
    shards[0].write_bytes(whole)
    assert traces_facts(out).rows == 8


def test_a_split_that_is_not_finished_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "photos/a").mkdir(parents=True)
    (tmp_path / "photos/a/1.jpeg").write_bytes(jpeg(1))
    make(tmp_path / "photos", tmp_path / "out", variants=("JPEG75_420", "SHARPEN_2"))
    record = tmp_path / "out/sharpen_2/.done/train.json"
    begun = {key: json.loads(record.read_text())[key] for key in ("settings", "source")}
    record.write_text(json.dumps(begun))
    assert [config.name for config in traces_facts(tmp_path / "out").configs] == ["jpeg75_420"]
