"""What a FlickrExif card counts and measures, against pandas, brute force and hand-made answers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.build import plausible_photos
from flickrexif.core.facts import Facts, Table
from flickrexif.dataset import composition
from flickrexif.dataset.build import Collection, build
from flickrexif.dataset.facts import flickrexif_facts
from flickrexif.dataset.split_files import SPLITS, Split, write_split
from tests.raw_photos import EXIF, photo

MONTHS = ("2003-02", "2011-07", "2019-12", "2024-08")
SCAN = {"Make": "Noritsu", "Model": "QSS-32", "ExposureTime": "1/60", "FileSource": "Film Scanner"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Facts, pd.DataFrame]:
    """Facts of 800 plausible photos, and the same rows in pandas."""
    root = tmp_path_factory.mktemp("facts")
    months = [(month, plausible_photos(month, 200)) for month in MONTHS]
    build(months, root, Collection(source="sandbox:simulated"))
    rows = pd.concat(pd.read_parquet(root / f"labels/train-{month}.parquet") for month in MONTHS)
    return flickrexif_facts(root), rows


def table(facts: Facts, title: str) -> Table:
    return next(table for table in facts.composition if table.title == title)


def as_counts(found: Table) -> dict[object, object]:
    return {row[0]: row[1] for row in found.rows}


def test_tables_count_what_pandas_counts(built: tuple[Facts, pd.DataFrame]) -> None:
    facts, rows = built
    assert facts.rows == len(rows) == 800
    assert facts.years == (2003, 2024)
    for title, column in (
        ("Makers", "make"),
        ("Exposure time", "exposure_class"),
        ("Exposure program", "exposure_program"),
    ):
        expected = rows[column].value_counts().to_dict()
        missing = {"not known": int(rows[column].isna().sum())} if rows[column].isna().any() else {}
        assert as_counts(table(facts, title)) == expected | missing
    shares = [row[2] for row in table(facts, "ISO speed").rows]
    assert sum(float(str(share)) for share in shares) == pytest.approx(100)
    assert dict(as_counts(table(facts, "Smart or not"))) == {
        "smartphone": int((rows["is_smartphone"] == True).sum()),  # noqa: E712
        "no smartphone": int((rows["is_smartphone"] == False).sum()),  # noqa: E712
        "not known": int(rows["is_smartphone"].isna().sum()),
    }
    by_license = rows.groupby(["license_id", "license"]).size()
    assert as_counts(table(facts, "Licences of the photos")) == {
        f"{name} (id {number})": count for (number, name), count in by_license.items()
    }


def test_a_long_table_ends_with_the_others_together(built: tuple[Facts, pd.DataFrame]) -> None:
    facts, rows = built
    models = table(facts, "Camera models")
    counted = rows["model"].value_counts()
    assert len(models.rows) == 21
    assert models.rows[-1][0] == f"{len(counted) - 20:,} others"
    assert sum(int(str(row[1])) for row in models.rows) == 800
    assert [row[1] for row in models.rows[:20]] == counted.head(20).tolist()


def test_months_and_photographers(built: tuple[Facts, pd.DataFrame]) -> None:
    facts, rows = built
    months = table(facts, "Photos by month taken")
    assert [(row[0], row[-1]) for row in months.rows] == [("2003", 200), ("2011", 200), ("2019", 200), ("2024", 200)]
    assert [row[2] for row in months.rows] == [200, None, None, None]  # February
    chart = next(chart for chart in facts.charts if chart.name == "months")
    assert (chart.kind, chart.labels[0], chart.labels[-1]) == ("line", "2003-02", "2024-08")
    assert len(chart.labels) == 12 * 21 + 7
    assert sum(chart.values) == 800
    owners = rows["owner"].value_counts()
    told = as_counts(table(facts, "Photographers"))
    assert told["Photographers"] == len(owners)
    assert told["Photos of one photographer: median"] == owners.median()
    assert told["Photos of one photographer: most"] == owners.max()
    assert told["Share of the ten with most (%)"] == pytest.approx(100 * owners.head(10).sum() / 800)


def test_sentences_hold_the_measured_numbers(built: tuple[Facts, pd.DataFrame]) -> None:
    facts, rows = built
    text = "\n".join(facts.measured)
    first, last = (rows[rows.year == year].make.value_counts(normalize=True) for year in (2003, 2024))
    distance = first.sub(last, fill_value=0).abs().sum() / 2
    assert f"between 2003 and 2024 the mix of makers moves by a total-variation distance of {distance:.2f}" in text
    known = rows[rows.is_smartphone.notna()]
    smart = 100 * known.is_smartphone.astype(bool).groupby(known.year).mean()
    assert f"Smartphones took {smart[2003]:.1f}% of the photos of 2003 and {smart[2024]:.1f}% of those of 2024" in text
    chart = next(chart for chart in facts.charts if chart.name == "smartphones")
    assert chart.values == pytest.approx(smart.tolist())
    owners = rows.owner.value_counts()
    top = -(-len(owners) // 100)
    assert f"({top:,} photographers) took {100 * owners.head(top).sum() / 800:.1f}% of them" in text
    assert f"iso_class {100 * rows.iso_class.isna().mean():.1f}%" in text
    assert "0 photos (0.0%) come from a film or flatbed scanner." in text


def test_scanners_are_counted_once(tmp_path: Path) -> None:
    silent = {key: value for key, value in SCAN.items() if key != "FileSource"}
    rows = [photo(n, exif=exif) for n, exif in enumerate((SCAN, silent, EXIF, EXIF))]
    build([("2024-08", rows)], tmp_path, Collection(source="flickr"))
    kinds = pd.read_parquet(tmp_path / "labels/train-2024-08.parquet")["device_category"].tolist()
    expected = sum(kind.endswith("scanner") for kind in kinds)
    assert expected >= 1
    told = flickrexif_facts(tmp_path).measured
    assert f"{expected} photos ({25 * expected:.1f}%) come from a film or flatbed scanner." in told
    assert any(sentence.startswith("All photos with a known maker are of one year") for sentence in told)


def test_split_files_are_told(tmp_path: Path) -> None:
    build([("2024-08", [photo(n) for n in range(9)])], tmp_path, Collection(source="flickr"))
    assert flickrexif_facts(tmp_path).splits == ()
    (tmp_path / "splits").mkdir()
    ids = {name: np.arange(3, dtype=np.int64) for name in SPLITS}
    labels = {name: np.array([0, 1, 1], dtype=np.int64) for name in SPLITS}
    write_split(Split(target_attribute="Make", classes=("a", "b"), ids=ids, labels=labels), tmp_path / "splits")
    (splits,) = flickrexif_facts(tmp_path).splits
    assert splits.rows == [("Make", 2, 3, 3, 3, 1)]


def test_columns_and_files_of_each_config(built: tuple[Facts, pd.DataFrame]) -> None:
    facts, rows = built
    default, labels = facts.configs
    assert [column.name for column in labels.columns] == list(rows.columns) == list(labels.features)
    assert default.splits[0].files == tuple(f"data/train-{month}.parquet" for month in MONTHS)
    assert all(column.description for config in facts.configs for column in config.columns)


def test_a_month_that_is_none_does_not_count_as_one(tmp_path: Path) -> None:
    build([("2024-08", [photo(1), photo(2)])], tmp_path, Collection(source="folder"))
    path = tmp_path / "labels/train-2024-08.parquet"
    rows = pa.parquet.read_table(path)
    odd = rows.set_column(rows.schema.get_field_index("month"), "month", pa.array(["1-01", None]))
    pa.parquet.write_table(odd, path)
    assert flickrexif_facts(tmp_path).summary == "2 image files, 0 with the date taken."


# --- measures


PHOTOS = st.lists(st.integers(1, 500), min_size=1, max_size=60)


@given(PHOTOS)
def test_gini_is_half_the_mean_difference_over_the_mean(photos: Sequence[int]) -> None:
    counts = np.array(photos, dtype=np.int64)
    brute = np.abs(counts[:, None] - counts[None, :]).mean() / (2 * counts.mean())
    assert composition.gini(counts) == pytest.approx(brute, abs=1e-9)


def test_gini_at_its_ends() -> None:
    assert composition.gini(np.array([5, 5, 5])) == 0
    assert composition.gini(np.array([0, 0, 0, 1])) == pytest.approx(0.75)


MIX = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 99), min_size=1)


@given(MIX, MIX)
def test_total_variation_is_the_largest_difference_over_sets(first: dict[str, int], last: dict[str, int]) -> None:
    names = sorted({*first, *last})
    p, q = (np.array([mix.get(name, 0) for name in names]) / sum(mix.values()) for mix in (first, last))
    sets = [np.array([number >> bit & 1 for bit in range(len(names))]) for number in range(1 << len(names))]
    assert composition.total_variation(first, last) == pytest.approx(max(abs(chosen @ (p - q)) for chosen in sets))


def test_drift_compares_the_first_third_of_the_years_with_the_last() -> None:
    makes = {2000: {"Canon": 1}, 2001: {"Canon": 3}, 2002: {"Sony": 50}, 2003: {"Sony": 50}, 2004: {}}
    makes |= {2005: {"Canon": 2}, 2006: {"Apple": 2}}
    (sentence,) = composition.drift(makes)
    assert "between 2000 to 2001 and 2005 to 2006" in sentence
    assert "distance of 0.50" in sentence
    assert "most by Apple from 0.0% to 50.0%, Canon from 100.0% to 50.0%." in sentence


def test_photographers_by_number_of_photos() -> None:
    photos = np.array([1, 1, 2, 3, 5, 6, 10, 11, 20, 21, 50, 51, 9_000])
    (chart,) = composition.photographer_chart(photos)
    found = dict(zip(chart.labels, chart.values, strict=True))
    assert found == {"1": 2, "2": 1, "3-5": 2, "6-10": 2, "11-20": 2, "21-50": 2, "over 50": 2}


def test_a_figure_names_the_most_frequent() -> None:
    found = [(f"Maker {n}", 100 - n) for n in range(40)]
    (chart,) = composition.bars("makes", "Photos by maker", found)
    assert chart.alt == "Photos by maker: Maker 0 100, Maker 1 99, Maker 2 98, and 37 more."
    assert len(chart.labels) == 15
    assert composition.bars("makes", "Photos by maker", found[:1]) == []
