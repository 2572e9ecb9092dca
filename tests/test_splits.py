"""Splits are checked by a plain Python reader of the table, and against all possible splits of small tables."""

import itertools
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from random import Random

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.dataset.assign import Holdings, assign
from flickrexif.dataset.split_files import SPLITS, Split, read_split
from flickrexif.dataset.splits import (
    ATTRIBUTES,
    COLUMNS,
    PAPER,
    Protocol,
    Rule,
    make_split,
    make_splits,
    proportional,
)
from flickrexif.exif import label
from tests.samples import SPLIT_FILES


def photos(rows: list[tuple[str, str]], column: str = "make_published") -> pd.DataFrame:
    """A table of `(owner, value)` photos with ids that are not in order."""
    ids = [(7919 * i) % 100_003 for i in range(len(rows))]
    return pd.DataFrame({"Flickr ID": ids, "owner": [o for o, _ in rows], column: [v for _, v in rows]})


def members(split: Split, name: str) -> list[tuple[int, str]]:
    """`(id, class)` of the photos of one split."""
    pairs = zip(split.ids[name].tolist(), split.labels[name].tolist(), strict=True)
    return [(photo, split.classes[place]) for photo, place in pairs]


def check(split: Split, table: pd.DataFrame, rule: Rule, column: str = "make_published") -> None:
    """All that a split promises, by dictionaries and counters."""
    truth = {int(i): (o, v) for i, o, v in table[["Flickr ID", "owner", column]].itertuples(index=False)}
    seen: set[int] = set()
    owners: dict[str, set[str]] = {}
    counts: dict[str, Counter[str]] = {}
    pool: dict[str, dict[str, set[str]]] = {}
    for name in SPLITS:
        rows = members(split, name)
        assert all(truth[photo][1] == value for photo, value in rows)
        assert len(rows) == len({photo for photo, _ in rows})
        assert seen.isdisjoint(photo for photo, _ in rows)
        seen.update(photo for photo, _ in rows)
        owners[name] = {truth[photo][0] for photo, _ in rows}
        counts[name] = Counter(value for _, value in rows)
        pool[name] = defaultdict(set)
    assert all(owners[a].isdisjoint(owners[b]) for a, b in itertools.combinations(SPLITS, 2))

    sizes = Counter(value for _, value in truth.values())
    photographers = {v: len({o for o, w in truth.values() if w == v}) for v in sizes}
    kept = sorted(v for v in sizes if sizes[v] >= rule.min_photos and photographers[v] >= rule.min_owners)
    assert list(split.classes) == kept
    smallest = min(sizes[v] for v in kept)
    wanted = {
        "val": rule.val if rule.val >= 1 else max(1, round(rule.val * smallest)),
        "test": rule.test if rule.test >= 1 else max(1, round(rule.test * smallest)),
        "train": rule.train if rule.train else max(counts["train"].values(), default=0),
    }
    short = {(s.split, s.class_name): s for s in split.shortfalls}
    for name, value in itertools.product(SPLITS, kept):
        if fault := short.get((name, value)):
            assert counts[name][value] == fault.found < fault.wanted
            assert name == "train" or fault.wanted == wanted[name]
        else:
            assert counts[name][value] == wanted[name]


def same(one: Split, other: Split) -> bool:
    arrays = all(
        np.array_equal(one.ids[n], other.ids[n]) and np.array_equal(one.labels[n], other.labels[n]) for n in SPLITS
    )
    return arrays and one.classes == other.classes and one.shortfalls == other.shortfalls


@st.composite
def skewed(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Photos of owners of very different sizes, each with favourite classes."""
    owners = draw(st.integers(1, 25))
    classes = draw(st.integers(2, 5))
    rows = []
    for owner in range(owners):
        size = draw(st.sampled_from([1, 1, 2, 3, 5, 8, 20, 60]))
        liked = draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=3))
        rows += [(f"owner{owner}", f"class {liked[i % len(liked)]}") for i in range(size)]
    return rows


RULES = (
    Rule(min_photos=5, val=2, test=3),
    Rule(min_photos=8, val=2, test=2, train=4),
    Rule(min_photos=10, val=0.15, test=0.15, min_owners=3),
    Rule(min_photos=1, val=1, test=1),
)


@given(rows=skewed(), rule=st.sampled_from(RULES), seed=st.integers(0, 5), data=st.data())
@settings(max_examples=40, deadline=None)
def test_never_leaks_and_counts_are_exact_or_said_short(
    rows: list[tuple[str, str]], rule: Rule, seed: int, data: st.DataObject
) -> None:
    table = photos(rows)
    sizes = Counter(v for _, v in rows)
    owners = {v: len({o for o, w in rows if w == v}) for v in sizes}
    possible = sum(sizes[v] >= rule.min_photos and owners[v] >= rule.min_owners for v in sizes)
    if possible < 2:
        count = ("no class has", "one class alone has")[possible]
        with pytest.raises(FlickrExifError, match=f"A split needs two classes, and {count} "):
            make_split(table, "Make", Protocol("paper", rule), seed)
        return
    split = make_split(table, "Make", Protocol("paper", rule), seed)
    check(split, table, rule)
    shuffled = table.iloc[data.draw(st.permutations(range(len(table))))]
    assert same(split, make_split(pa.Table.from_pandas(shuffled), "Make", Protocol("paper", rule), seed))


def small_holdings(entries: dict[tuple[int, int], int], owners: int) -> Holdings:
    pairs = sorted(entries)
    owner, label = (np.array([p[i] for p in pairs], dtype=np.int64) for i in (0, 1))
    start = np.searchsorted(owner, np.arange(owners + 1))
    return Holdings(owner, label, np.array([entries[p] for p in pairs], dtype=np.int64), start)


def missing(matrix: np.ndarray, places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Photos missing for each row of `places`, [n, owners], with `matrix` photos, [owners, classes]."""
    have = np.stack([(places == split) @ matrix for split in range(3)], axis=1)
    return np.maximum(0, wanted - have).sum(axis=(1, 2))


@pytest.mark.parametrize(("owners", "classes"), [(6, 2), (7, 3), (8, 2)])
def test_finds_nearly_always_the_exact_counts_that_any_split_has(owners: int, classes: int) -> None:
    every = np.array(list(itertools.product(range(3), repeat=owners)))
    possible = found = 0
    for seed in range(25):
        matrix = np.random.default_rng(seed).integers(0, 12, (owners, classes))
        matrix[matrix.sum(axis=1) == 0, 0] = 1
        size = matrix.sum(axis=0).min()
        wanted = np.repeat(np.array([[size // 2], [size // 8], [size // 6]]), classes, axis=1) + 1
        entries = {(o, k): int(matrix[o, k]) for o, k in np.argwhere(matrix)}
        ours = missing(matrix, assign(small_holdings(entries, owners), wanted, Random(0))[np.newaxis], wanted)[0]
        best = missing(matrix, every, wanted).min()
        assert ours >= best
        possible += best == 0
        found += best == ours == 0
    assert possible >= 10
    assert found >= 0.9 * possible


def crowd(owners: int, each: int, values: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(f"{v} owner{o}", v) for v in values for o in range(owners) for _ in range(each)]


def test_paper_protocol_keeps_values_of_5000_and_undersamples_to_the_smallest() -> None:
    table = photos([*crowd(500, 11, ("Canon",)), *crowd(125, 40, ("NIKON",)), *crowd(4_999, 1, ("Leica",))])
    split = make_split(table, "Make", PAPER, 0)
    assert split.classes == ("Canon", "NIKON")
    assert split.counts("test").tolist() == [500, 500]
    assert split.counts("val").tolist() == [200, 200]
    # 40 photos an owner: 520 go for the 500 of test, 200 for val.
    assert split.counts("train").tolist() == [4_280, 4_280]
    assert not split.shortfalls
    check(split, table, PAPER.rule)


def test_models_and_flash_have_counts_of_their_own() -> None:
    models = photos(crowd(100, 5, ("D90", "iPhone 6")) + crowd(499, 1, ("E990",)), "model")
    split = make_split(models, "Model", PAPER, 0)
    assert split.classes == ("D90", "iPhone 6")
    assert [split.counts(name).tolist() for name in SPLITS] == [[320] * 2, [80] * 2, [100] * 2]
    flash = photos([(f"o{i // 10}", "") for i in range(20_000)]).assign(flash=[i % 20 < 10 for i in range(20_000)])
    split = make_split(flash, "Flash", PAPER, 0)
    assert split.classes == ("without flash", "with flash")
    assert [split.counts(name).tolist() for name in SPLITS] == [[7_900] * 2, [600] * 2, [1_500] * 2]
    fired = dict(zip(flash["Flickr ID"], flash["flash"], strict=True))
    assert all(fired[photo] == (value == "with flash") for photo, value in members(split, "test"))


def test_smartphone_models_are_those_of_smartphones() -> None:
    table = photos(crowd(100, 5, ("D90", "iPhone 6", "iPhone 7", "iPad")), "model")
    table["is_smartphone"] = [{"D90": False, "iPad": None}.get(m, True) for m in table["model"]]
    assert make_split(table, "Smartphone Model", PAPER, 0).classes == ("iPhone 6", "iPhone 7")


def test_a_class_of_one_photographer_is_short_not_leaked() -> None:
    table = photos([*crowd(500, 12, ("Canon", "NIKON")), *[("only one", "Leica")] * 6_000])
    split = make_split(table, "Make", PAPER, 0)
    check(split, table, PAPER.rule)
    assert {s.class_name for s in split.shortfalls} == {"Leica"}
    assert sum(split.counts(name)[1] > 0 for name in SPLITS) == 1


def test_a_photographer_is_in_one_split_with_all_classes() -> None:
    rows = [(f"o{i % 60}", f"class {i % 3}") for i in range(600)]  # everyone owns photos of one class of three
    rows += [(f"o{i % 60}", f"class {i % 7 % 3}") for i in range(600)]
    table = photos(rows)
    rule = Rule(min_photos=100, val=20, test=40)
    split = make_split(table, "Make", Protocol("paper", rule), 1)
    check(split, table, rule)
    assert not split.shortfalls


def test_the_seed_matters_and_nothing_else() -> None:
    table = photos(crowd(50, 4, ("a", "b")))
    one, again, other = (make_split(table, "Make", proportional(), seed) for seed in (0, 0, 1))
    assert same(one, again)
    assert set(one.ids["test"].tolist()) != set(other.ids["test"].tolist())


def test_test_photos_are_a_random_choice_of_the_owners() -> None:
    table = photos(crowd(400, 5, ("a", "b")))
    times: Counter[str] = Counter()
    owner_of = dict(zip(table["Flickr ID"], table["owner"], strict=True))
    for seed in range(40):
        split = make_split(table, "Make", Protocol("paper", Rule(min_photos=10, val=100, test=500)), seed)
        times.update({owner_of[photo] for photo in split.ids["test"].tolist()})
    # 100 of 400 owners a class each time: 40 draws of 1/4, mean 10, standard deviation 2.7.
    assert len(times) == 800
    assert max(times.values()) < 10 + 5 * 2.8


def test_undersampling_does_not_go_by_id() -> None:
    table = photos([*crowd(300, 20, ("many",)), *crowd(300, 4, ("few",))])
    split = make_split(table, "Make", Protocol("paper", Rule(min_photos=10, val=50, test=50)), 0)
    chosen = split.ids["train"][split.labels["train"] == 1]
    low = (chosen < table.loc[table["make_published"] == "many", "Flickr ID"].median()).mean()
    # About 1,100 of 6,000 photos: half of them in the lower half, standard deviation 0.015.
    assert 1_000 < len(chosen) < 1_200
    assert 0.42 < low < 0.58


def test_rows_that_cannot_be_used_are_counted() -> None:
    table = photos(crowd(10, 4, ("a", "b")))
    table = pd.concat(
        [table, table.iloc[:3], table.iloc[3:5].assign(**{"Flickr ID": [10**6, 10**6 + 1], "owner": None})]
    )
    table = pd.concat([table, pd.DataFrame({"Flickr ID": [10**7], "owner": ["x"], "make_published": [None]})])
    split = make_split(table, "Make", proportional(), 0)
    assert split.left_out == {"no id or no photographer": 2, "the same id again": 3}
    assert not {10**6, 10**6 + 1, 10**7} & {photo for name in SPLITS for photo in split.ids[name].tolist()}
    check(split, table.iloc[:80], proportional().rule)


def test_bad_tables_and_settings_are_one_sentence() -> None:
    table = photos(crowd(10, 4, ("a", "b")))
    with pytest.raises(FlickrExifError, match="no column 'owner'"):
        make_split(table.drop(columns="owner"), "Make", proportional(), 0)
    with pytest.raises(FlickrExifError, match="not of its type"):
        make_split(table.assign(**{"Flickr ID": "abc"}), "Make", proportional(), 0)
    with pytest.raises(FlickrExifError, match="no class has 5,000 photos or more"):
        make_split(table.iloc[:0], "Make", PAPER, 0)
    with pytest.raises(UsageError, match="do not leave something"):
        proportional(val=0.5, test=0.5)


def everything() -> pd.DataFrame:
    """A labels table with all the columns that splits read: 40 owners, 2 values of each attribute."""
    table = pd.DataFrame({"Flickr ID": range(1, 801), "owner": [f"o{i % 40}" for i in range(800)]})
    two = [i // 40 % 2 for i in range(800)]
    for column in COLUMNS.values():
        table[column] = [f"{column} {v}" for v in two]
    table["is_smartphone"] = table["flash"] = [v == 1 for v in two]
    table["model"] = [f"model {i // 40 % 4}" for i in range(800)]
    return table.assign(year=pd.array([2004 + v for v in two], dtype="Int16"))


def test_make_splits_writes_every_attribute_from_monthly_files(tmp_path: Path) -> None:
    table = everything()
    labels, out = tmp_path / "labels", tmp_path / "splits"
    labels.mkdir()
    for month, part in (("01", table.iloc[:500]), ("02", table.iloc[500:])):
        part.to_parquet(labels / f"train-2024-{month}.parquet")
    lines: list[str] = []
    report = make_splits(labels, out, proportional(), ATTRIBUTES, 0, lines.append)
    assert not report.short
    assert len(lines) == len(ATTRIBUTES) == len(report.splits)
    for line, attribute in zip(lines, ATTRIBUTES, strict=True):
        assert re.fullmatch(rf"{attribute}: \d+ classes of [\d,]+/[\d,]+/[\d,]+ \(train/val/test\)", line)
    names = {"Flash": {True: "with flash", False: "without flash"}, "Is Smartphone": {True: "True", False: "False"}}
    for attribute in ATTRIBUTES:
        split = read_split(out / f"split_data_target_attribute={attribute}.json")
        value_of = dict(zip(table["Flickr ID"], table[COLUMNS[attribute]], strict=True))
        for photo, value in members(split, "train"):
            expected = value_of[photo]
            assert value == (
                f"{expected}.0" if attribute == "Year" else names.get(attribute, {}).get(expected, expected)
            )
    record = orjson.loads((out / "splits.json").read_bytes())
    assert record["seed"] == 0
    assert record["protocol"]["name"] == "proportional"
    assert {s["attribute"] for s in record["splits"]} == set(ATTRIBUTES)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert len(before) == 2 * len(ATTRIBUTES) + 1
    make_splits(labels, out, proportional(), ATTRIBUTES, 0)
    assert before == {path.name: path.read_bytes() for path in out.iterdir()}


def test_make_splits_says_what_cannot_be_split(tmp_path: Path) -> None:
    everything().assign(make_published="Canon").to_parquet(tmp_path / "labels.parquet")
    report = make_splits(tmp_path / "labels.parquet", tmp_path, proportional(), ("Make", "Year"), 0)
    assert report.short
    assert list(report.impossible) == ["Make"]
    assert [split.target_attribute for split in report.splits] == ["Year"]
    with pytest.raises(FlickrExifError, match=r"split\. Make: A split needs two classes, and one class alone"):
        make_splits(tmp_path / "labels.parquet", tmp_path, proportional(), ("Make",), 0)
    with pytest.raises(FlickrExifError) as refusal:
        make_splits(tmp_path / "labels.parquet", tmp_path, PAPER, ATTRIBUTES, 0)
    assert refusal.value.message.count("A split needs two classes") == 2  # of 5,000 photos and of 500
    with pytest.raises(UsageError, match="'Colour' is no attribute"):
        make_splits(tmp_path / "labels.parquet", tmp_path, proportional(), ("Colour",), 0)
    with pytest.raises(FlickrExifError, match="holds no labels table"):
        make_splits(tmp_path / "nowhere", tmp_path, proportional(), ("Make",), 0)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(FlickrExifError, match=r"broken\.parquet cannot be read"):
        make_splits(tmp_path / "broken.parquet", tmp_path, proportional(), ("Make",), 0)


@pytest.mark.parametrize("folder", SPLIT_FILES)
@pytest.mark.parametrize("attribute", ATTRIBUTES)
def test_published_class_names_come_from_their_raw_values(attribute: str, folder: Path) -> None:
    record = json.loads((folder / f"split_data_target_attribute={attribute}.json").read_text())
    classes = record["label_encoder_classes"]
    rows = []
    for value, photo in itertools.product(classes, range(12)):
        labels = label(*raw(attribute, value))
        rows.append({"owner": f"o{photo}", **{c: getattr(labels, c) for c in (COLUMNS[attribute], "is_smartphone")}})
    table = pd.DataFrame(rows).assign(**{"Flickr ID": range(1, len(rows) + 1)})
    assert list(make_split(table, attribute, proportional(), 0).classes) == classes


def raw(attribute: str, value: str) -> tuple[dict[str, str], str]:
    """What ExifTool prints for a photo of the published class `value`, and its date taken."""
    shot = {"Make": "Apple", "Model": "iPhone 6", "ExposureTime": "1/50", "FNumber": "2.2", "ISO": "100"}
    date = f"{value[:4]}-06-01 12:00:00" if attribute == "Year" else "2020-06-01 12:00:00"
    by_attribute = {
        "Make": {"Make": value},
        "Model": {"Make": maker(value), "Model": value},
        "Smartphone Model": {"Model": value},
        "Is Smartphone": {} if value == "True" else {"Make": "Canon", "Model": "Canon EOS 5D"},
        "Exposure": {"ExposureTime": value},
        "Aperture": {"FNumber": value},
        "ISO Speed": {"ISO": value},
        "Focal Length": {"FocalLength": value},
        "Flash": {"Flash": "Fired" if value == "with flash" else "Off, Did not fire"},
        "Year": {},
    }
    return {**shot, **by_attribute[attribute]}, date


def maker(model: str) -> str:
    """The Make of a published model: the model's first word, or who made it."""
    makers = {"E": "NIKON", "IL": "SONY", "CY": "SONY", "X-": "FUJIFILM", "E-": "OLYMPUS IMAGING CORP.", "iP": "Apple"}
    known = {"Canon": "Canon", "NIKON": "NIKON CORPORATION", "Kodak": "EASTMAN KODAK COMPANY"}
    return known.get(model.split()[0]) or makers.get(model[:2]) or makers.get(model[0], "")


def test_parquet_of_a_month_with_only_nulls_is_no_obstacle(tmp_path: Path) -> None:
    table = everything()
    table.to_parquet(tmp_path / "train-2024-01.parquet")
    nulls = pa.table({"Flickr ID": [9_000], "owner": ["x"], "year": pa.nulls(1)})
    pq.write_table(nulls, tmp_path / "train-2024-02.parquet")
    report = make_splits(tmp_path, tmp_path / "out", proportional(), ("Year",), 0)
    assert report.splits[0].classes == ("2004.0", "2005.0")
    pq.write_table(pa.table({"Flickr ID": [9_001], "owner": ["x"], "year": ["?"]}), tmp_path / "train-2024-03.parquet")
    with pytest.raises(FlickrExifError, match="differ in their columns"):
        make_splits(tmp_path, tmp_path / "out", proportional(), ("Year",), 0)
