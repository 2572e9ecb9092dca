"""What is told of a built PairCams, counted again by pandas."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flickrexif.cards.description import read_description
from flickrexif.collectors.sandbox.pairs import simulate_pairs
from flickrexif.core.errors import FlickrExifError
from flickrexif.core.facts import Facts, Table
from flickrexif.paircams.build import write_pairs
from flickrexif.paircams.columns import COLUMNS
from flickrexif.paircams.facts import MAX_ROWS, paircams_facts
from flickrexif.paircams.pairing import read_pairs
from flickrexif.paircams.protocol import FINDINGS
from flickrexif.paircams.records import PairImage, Problem
from tests.test_pairing import CAMERA, MOTO, PHONE, put, shot

HOSTILE = "**x** <script>alert(1)</script> | \u202e\n# Owned " + "y" * 500


def real_pairs(root: Path) -> list[PairImage]:
    """Three pairs of noise: two with a camera of 2008, one with the phone of 2013 that is on the camera side."""
    for subject, other in enumerate((CAMERA, CAMERA, MOTO)):
        put(root / str(subject) / "a.jpg", shot(PHONE, seed=2 * subject))
        put(root / str(subject) / "b.jpg", shot(other, seed=2 * subject + 1))
    images, faults = read_pairs(root)
    assert faults == []
    return images


def simulated_pairs(root: Path, pairs: int = 4) -> list[PairImage]:
    simulate_pairs(root, pairs, seed=1, side=64)
    return read_pairs(root)[0]


def built(images: Sequence[PairImage], out: Path, rules: Sequence[str] = ()) -> Facts:
    write_pairs(images, [Problem(subject="1", file="", rule=rule, detail="planted") for rule in rules], out)
    return paircams_facts(out)


def frame(out: Path) -> pd.DataFrame:
    columns = [column.name for column in COLUMNS if column.type != "image"]
    return pd.concat(pd.read_parquet(path, columns=columns) for path in sorted((out / "data").glob("*.parquet")))


def table(facts: Facts, title: str) -> Table:
    return next(table_ for table_ in facts.composition if table_.title == title)


def test_real_pairs(tmp_path: Path) -> None:
    facts = built(real_pairs(tmp_path / "s"), tmp_path / "out", ["flash", "framing", "flash"])
    assert (facts.source, facts.rows) == ("real", 6)
    assert facts.summary == "3 pairs, 6 images."
    assert table(facts, "Camera models").rows == (
        ("phone", "iPhone 12", "2020", 3),
        ("camera", "Canon EOS 450D", "2008", 2),
        ("camera", "XT1032", "2013", 1),
    )
    assert table(facts, "Kinds of device").rows == (
        ("phone", "smartphone", 3),
        ("camera", "dslr", 2),
        ("camera", "smartphone", 1),
    )
    assert table(facts, "Makers").rows == (("phone", "Apple", 3), ("camera", "Canon", 2), ("camera", "Motorola", 1))
    broken = table(facts, "Where the protocol is not kept")
    assert broken.rows == ((FINDINGS["flash"], 2), (FINDINGS["framing"], 1))
    assert ("Check of the pairs", "3 findings on 2 rules of the protocol") in facts.collection
    assert facts.measured == (
        "The phone side has 1 model; the largest, iPhone 12, took 100% of its images.",
        "The camera side has 2 models; the largest, Canon EOS 450D, took 67% of its images.",
        "The phones' models were released in 2020, the cameras' in 2008 to 2013: the sides differ in age too.",
        "The median image has 0.0012 megapixels (phones) and 0.0012 (cameras).",
        "1 image of the camera side was taken by a smartphone.",
    )
    assert facts.dates == ("2024-06-01", "2024-06-01")
    assert facts.years == (2024, 2024)


def test_pairs_that_keep_the_protocol(tmp_path: Path) -> None:
    facts = built(real_pairs(tmp_path / "s")[:4], tmp_path / "out")
    assert "Where the protocol is not kept" not in [table_.title for table_ in facts.composition]
    assert ("Check of the pairs", "no finding") in facts.collection
    assert not any("taken by a smartphone" in sentence for sentence in facts.measured)


def test_counts_are_those_of_pandas(tmp_path: Path) -> None:
    facts = built(simulated_pairs(tmp_path / "s"), tmp_path / "out")
    rows = frame(tmp_path / "out")
    for title, keys in (
        ("Camera models", ["side", "model", "released"]),
        ("Makers", ["side", "make"]),
        ("Kinds of device", ["side", "device_category"]),
    ):
        shown = {tuple(map(str, row[:-1])): row[-1] for row in table(facts, title).rows}
        sizes = rows.astype(str).groupby(keys).size()
        assert shown == sizes.to_dict()
    released, devices = facts.charts
    years = rows["released"].value_counts()
    assert dict(zip(released.labels, released.values, strict=True)) == {
        str(year): float(years.get(year, 0)) for year in range(int(years.index.min()), int(years.index.max()) + 1)
    }
    kinds = rows["device_category"].value_counts()
    assert dict(zip(devices.labels, devices.values, strict=True)) == {str(k): float(n) for k, n in kinds.items()}
    for kind, count in kinds.items():
        assert f"{kind} {count}" in devices.alt


def test_simulated_images_are_told(tmp_path: Path) -> None:
    simulated = simulated_pairs(tmp_path / "simulated", 1)
    facts = built(simulated, tmp_path / "out")
    assert (facts.source, facts.dates, facts.years) == ("simulated", None, None)
    assert facts.summary == "1 pair, 2 images; 2 of 2 images were made by a program, no camera took them."
    mixed = [*real_pairs(tmp_path / "real"), *(replace(image, subject="x") for image in simulated)]
    facts = built(mixed, tmp_path / "mixed")
    assert facts.source == "simulated"
    assert "2 of 8 images were made by a program" in facts.summary
    assert facts.dates == ("2024-06-01", "2024-06-01")
    assert {"real", "simulated"} == set(read_description("paircams").origins)


def test_the_config_is_what_the_files_hold(tmp_path: Path) -> None:
    (config,) = built(simulated_pairs(tmp_path / "s"), tmp_path / "out").configs
    (split,) = config.splits
    paths = sorted((tmp_path / "out").glob(split.pattern))
    assert split.files == tuple(path.relative_to(tmp_path / "out").as_posix() for path in paths)
    assert (split.name, split.rows, split.bytes) == ("train", 8, sum(path.stat().st_size for path in paths))
    assert [*config.features] == [column.name for column in config.columns] == pq.read_schema(paths[0]).names


def test_no_byte_of_an_image_is_read(tmp_path: Path) -> None:
    facts = built(simulated_pairs(tmp_path / "s"), tmp_path / "out")
    path = tmp_path / "out/data/train-00000.parquet"
    blank_images(path)
    with pytest.raises((OSError, pa.ArrowException)):
        pq.read_table(path)
    assert paircams_facts(tmp_path / "out") == facts


def blank_images(path: Path) -> None:
    """Write zeros over the pages of the column `image`."""
    metadata, content = pq.read_metadata(path), bytearray(path.read_bytes())
    for group in range(metadata.num_row_groups):
        chunk = metadata.row_group(group).column(0)
        assert chunk.path_in_schema == "image.bytes"
        start = chunk.data_page_offset
        content[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    path.write_bytes(content)


def test_names_of_strangers_are_printable_and_short(tmp_path: Path) -> None:
    images = [replace(image, model=HOSTILE) for image in real_pairs(tmp_path / "s")]
    facts = built(images, tmp_path / "out")
    names = [row[1] for row in table(facts, "Camera models").rows]
    assert names
    for name in [*names, *facts.measured]:
        assert isinstance(name, str)
        assert name.isprintable()
        assert len(name) < 200


def test_many_models_are_counted_together(tmp_path: Path) -> None:
    images = real_pairs(tmp_path / "s")[:2]
    many = [replace(image, subject=str(n), model=f"Model {n}") for n in range(MAX_ROWS + 5) for image in images]
    rows = table(built(many, tmp_path / "out"), "Camera models").rows
    assert len(rows) == MAX_ROWS + 1
    assert sum(int(str(row[-1])) for row in rows) == len(many)
    assert rows[-1][1] == f"{2 * (MAX_ROWS + 5) - MAX_ROWS} others"


def test_a_camera_without_a_name_or_a_year(tmp_path: Path) -> None:
    images = [replace(image, model=None, make=None, released=None) for image in real_pairs(tmp_path / "s")]
    facts = built([replace(image, taken=None) for image in images], tmp_path / "out")
    assert table(facts, "Camera models").rows == (("phone", None, None, 3), ("camera", None, None, 3))
    assert [chart.name for chart in facts.charts] == ["devices"]
    assert facts.dates is None
    assert "6 images name no camera model." in facts.measured


def test_a_folder_that_is_not_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    built(real_pairs(tmp_path / "s"), out)
    parquet, record = out / "data/train-00000.parquet", out / "pairs.json"
    whole, intact_record = parquet.read_bytes(), record.read_bytes()
    rows = pq.read_table(parquet)

    def fails(said: str) -> None:
        with pytest.raises(FlickrExifError, match=said) as caught:
            paircams_facts(out)
        assert caught.value.hint
        parquet.write_bytes(whole)
        record.write_bytes(intact_record)

    parquet.write_bytes(whole[:-100])
    fails(r"train-00000.parquet cannot be read")
    parquet.unlink()
    fails("0 images")
    pq.write_table(rows.slice(1), parquet)
    fails("5 images")
    pq.write_table(rows.set_column(3, "side", pa.array(["phone"] * 6)), parquet)
    fails("not the pairs")
    pq.write_table(rows.drop_columns(["side"]), parquet)
    fails(r"train-00000.parquet (cannot be read|has no column)")
    pq.write_table(rows.replace_schema_metadata(None), parquet)
    fails(r"train-00000.parquet (cannot be read|has no column)")
    for bad in (b"", b"[]", b"{}", b'{"pairs": null, "findings": {}}', b'{"pairs": 3, "findings": []}'):
        record.write_bytes(bad)
        fails("pairs.json cannot be read")
    record.write_bytes(json.dumps(json.loads(intact_record) | {"pairs": 4}).encode())
    fails("6 images")
    pq.write_table(rows.set_column(2, "model", pa.array(["another"] * 6)), parquet)  # as a build that was stopped
    fails("not the pairs")
    assert paircams_facts(out).rows == 6


def test_the_first_and_last_day(tmp_path: Path) -> None:
    images = real_pairs(tmp_path / "s")
    days = [datetime(2023, 12, 31, 23), *(datetime(2024, 1, day) for day in range(1, 6))]
    taken = [replace(image, taken=day) for image, day in zip(images, days, strict=True)]
    facts = built(taken, tmp_path / "out")
    assert facts.dates == ("2023-12-31", "2024-01-05")
    assert facts.years == (2023, 2024)
