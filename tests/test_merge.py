"""Data sets of several crawls in one; pandas, hashlib and `build` itself say what the result must be."""

import hashlib
import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.collectors.crawl import CrawlSettings
from flickrexif.collectors.flickr.credentials import SANDBOX
from flickrexif.collectors.progress import CrawlProgress
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.sandbox.simulated import SimulatedPopulation
from flickrexif.collectors.session import Service, crawl_into
from flickrexif.commands.build import build_dataset
from flickrexif.core import parquet
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.photos import RawPhoto, Source
from flickrexif.core.takedowns import add as take_down
from flickrexif.core.takedowns import takedown_path
from flickrexif.dataset import images as build_images
from flickrexif.dataset.build import Collection, build
from flickrexif.dataset.images import StoredImage
from flickrexif.dataset.merge import MergedMonth, MergeSettings, merge
from tests.folders import hashes
from tests.raw_photos import photo

MONTHS = ("2024-07", "2024-08", "2024-09")
EARLY, LATE = ("2026-01-05", "2026-01-09"), ("2026-01-01", "2026-02-01")  # the last day decides
CAP = 2  # of the crawls


def crawl(data: Path, sandbox: Sandbox, months: Iterable[str], **wanted: Any) -> None:
    settings = CrawlSettings(target=30, minimum=1, per_user_cap=CAP, **wanted)
    service = Service(endpoint=sandbox.endpoint, credentials=SANDBOX, calls_per_hour=None)
    crawl_into(data, list(months), settings, service, CrawlProgress(), threading.Event())
    build_dataset(data)


@pytest.fixture(scope="module")
def crawls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two crawls of one small population: other seeds, one month in common, images of other sizes."""
    folder = tmp_path_factory.mktemp("crawls")
    with Sandbox(SimulatedPopulation(0, 150)) as sandbox:
        crawl(folder / "a", sandbox, MONTHS[:2], seed=0, images="large")
        crawl(folder / "b", sandbox, MONTHS[1:], seed=1, images="original")
    return folder / "a", folder / "b"


def make(
    data: Path,
    photos: Iterable[RawPhoto],
    dates: tuple[str, str] | None = EARLY,
    cap: int | None = 100,
    images: Iterable[StoredImage] = (),
    source: Source = "sandbox:simulated",
) -> Path:
    """A data set in the data folder `data`, as a crawl would have built it."""
    months: dict[str, list[RawPhoto]] = {}
    for one in photos:
        months.setdefault(one.month, []).append(one)
    settings = {"licenses": [4], "seed": 0} | ({"per_user_cap": cap} if cap else {})
    collection = Collection(source=source, settings=settings, dates=dates)
    build(months.items(), data / "flickrexif", collection, lambda _: images)
    return data


def merged(out: Path, *inputs: Path, **wanted: Any) -> tuple[MergedMonth, ...]:
    return merge(MergeSettings(inputs=inputs, data_dir=out, **wanted))


def files(data: Path, *without: str) -> dict[str, str]:
    """Hashes of the files of a data set, journals and what a crawl fetched left out."""
    found = hashes(data / "flickrexif")
    return {name: value for name, value in found.items() if not name.startswith((".crawl", *without))}


def rows(data: Path, folder: str = "labels") -> pd.DataFrame:
    paths = sorted((data / "flickrexif" / folder).glob("*.parquet"))
    tables = [pq.read_table(path) for path in paths]
    return pa.concat_tables(tables).to_pandas() if tables else pd.DataFrame({"Flickr ID": []})


def ids(data: Path) -> list[int]:
    return rows(data)["Flickr ID"].tolist()


def draw(photo_id: int, seed: int = 0) -> bytes:
    """What keyed draws sort by, written anew."""
    digest = hashlib.blake2b(f"{seed}\x1fmerge\x1f{photo_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 1).to_bytes(8, "big")


def by_pandas(frames: Iterable[pd.DataFrame], cap: int, seed: int = 0) -> list[int]:
    """The ids that a merge keeps, where no date of a photo changed."""
    frame = pd.concat(list(frames)).drop_duplicates("Flickr ID")
    order = frame["Flickr ID"].map(lambda photo_id: draw(photo_id, seed))
    kept = frame.assign(order=order).sort_values("order").groupby(["month", "owner"]).head(cap)
    return sorted(kept["Flickr ID"])


# --- two crawls


def test_pandas_keeps_the_same_photos(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    report = merged(tmp_path, *crawls)
    frames = [rows(data) for data in crawls]
    both = pd.concat(frames).groupby(["month", "owner"])["Flickr ID"].nunique()
    assert both.max() > CAP  # or the cap would show nothing
    result = rows(tmp_path)
    assert sorted(result["Flickr ID"]) == by_pandas(frames, CAP)
    assert result["Flickr ID"].is_unique
    assert result.groupby(["month", "owner"]).size().max() == CAP
    assert [month.month for month in report] == list(MONTHS)
    for month in report:
        had = [int((frame["month"] == month.month).sum()) for frame in frames]
        assert month.rows == tuple(had)
        assert sum(had) == month.photos + month.duplicates + month.over_cap
        assert month.photos == (result["month"] == month.month).sum()
    assert report[1].duplicates > 0
    assert report[1].over_cap > 0
    published = rows(tmp_path, "data")
    pd.testing.assert_frame_equal(published, result[published.columns])


def test_a_seed_and_a_cap_of_ones_own(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    frames = [rows(data) for data in crawls]
    kept = []
    for cap, seed in ((1, 0), (1, 7), (50, 0)):
        data = tmp_path / f"{cap}-{seed}"
        merged(data, *crawls, per_user_cap=cap, seed=seed)
        assert sorted(ids(data)) == by_pandas(frames, cap, seed)
        kept.append(ids(data))
    assert kept[0] != kept[1]
    assert len(kept[2]) == pd.concat(frames)["Flickr ID"].nunique()


def test_of_two_images_the_larger_is_kept_as_it_was_fetched(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    merged(tmp_path, *crawls)
    stored = rows(tmp_path, "images")
    assert stored["Flickr ID"].tolist() == ids(tmp_path)
    first, second = (rows(data, "images").set_index("Flickr ID") for data in crawls)
    assert {"o", "l"} == set(second["image_size"])
    shared = first.index.intersection(second.index).intersection(stored["Flickr ID"])
    assert len(shared) > 3
    for _, row in stored.iterrows():
        content = row["image"]["bytes"]
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
        held = [table.loc[row["Flickr ID"]] for table in (first, second) if row["Flickr ID"] in table.index]
        best = min(held, key=lambda one: ("olczm".index(one["image_size"]), one["sha256"]))
        assert content == best["image"]["bytes"]
        assert row["width"] * row["height"] == max(one["width"] * one["height"] for one in held)


def test_of_images_of_one_size_the_smaller_hash_is_kept(tmp_path: Path) -> None:
    inputs, contents = [], [random.Random(i).randbytes(300) for i in range(3)]
    for number, content in enumerate(contents):
        path = tmp_path / f"{number}/1_b.jpg"
        path.parent.mkdir()
        path.write_bytes(content)
        image = StoredImage(1, path, hashlib.sha256(content).hexdigest(), 8, 8, "l")
        inputs.append(make(path.parent / "data", [photo(1)], images=[image]))
    smallest = min(contents, key=lambda content: hashlib.sha256(content).hexdigest())
    for number, order in enumerate(permutations(inputs)):
        merged(tmp_path / f"out{number}", *order)
        assert rows(tmp_path / f"out{number}", "images")["image"][0]["bytes"] == smallest


def test_the_collection_tells_of_the_parts(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    merged(tmp_path, *crawls)
    told, *parts = (json.loads((data / "flickrexif/collection.json").read_text()) for data in (tmp_path, *crawls))
    assert told["source"] == parts[0]["source"]
    assert told["dates"] == [min(part["dates"][0] for part in parts), max(part["dates"][1] for part in parts)]
    assert told["settings"]["per_user_cap"] == CAP
    assert told["settings"]["licenses"] == sorted(parts[0]["settings"]["licenses"])
    listed = sorted(told["settings"]["merged"], key=lambda part: part["settings"]["seed"])
    assert listed == [{"settings": p["settings"], "dates": p["dates"]} for p in parts]


def test_the_inputs_stay_as_they_are(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    before = [hashes(data) for data in crawls]
    merged(tmp_path, *crawls)
    assert [hashes(data) for data in crawls] == before


# --- laws


def test_the_order_of_the_data_sets_changes_nothing(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    third = make(tmp_path / "c", [photo(i, MONTHS[i % 3], owner=f"{i % 2}@N01") for i in range(9)], LATE, cap=3)
    results = []
    for number, order in enumerate(permutations((*crawls, third))):
        merged(tmp_path / str(number), *order)
        results.append(hashes(tmp_path / str(number)))
    assert len(results) == 6
    assert all(result == results[0] for result in results)


def test_merged_with_itself_a_data_set_stays(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    first, _ = crawls
    report = merged(tmp_path, first, first)
    assert files(tmp_path, "README.md", "collection.json") == files(first, "README.md", "collection.json")
    assert [month.duplicates for month in report] == [month.rows[0] for month in report]
    parts = json.loads((tmp_path / "flickrexif/collection.json").read_text())["settings"]["merged"]
    assert len(parts) == 1


def test_months_that_one_alone_has_keep_their_bytes(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = crawls
    empty = make(tmp_path / "empty", [])
    merged(tmp_path / "out", first, empty)
    assert files(tmp_path / "out", "collection.json") == files(first, "collection.json")
    merged(tmp_path / "both", first, second)
    result = files(tmp_path / "both")
    for data, month in ((first, MONTHS[0]), (second, MONTHS[2])):
        alone = {name: value for name, value in files(data).items() if month in name}
        assert len(alone) == 3
        assert alone.items() <= result.items()


def test_merging_in_steps_gives_the_same_photos(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    third = make(tmp_path / "c", [photo(i, MONTHS[i % 3]) for i in range(9)], LATE, cap=50)
    wanted: dict[str, Any] = {"per_user_cap": 50}
    merged(tmp_path / "ab", *crawls, **wanted)
    merged(tmp_path / "bc", crawls[1], third, **wanted)
    merged(tmp_path / "ab-c", tmp_path / "ab", third, **wanted)
    merged(tmp_path / "a-bc", crawls[0], tmp_path / "bc", **wanted)
    merged(tmp_path / "abc", *crawls, third, **wanted)
    results = [tmp_path / name for name in ("abc", "ab-c", "a-bc")]
    assert ids(results[0]) == ids(results[1]) == ids(results[2])
    assert len(ids(results[0])) > 60
    told = [(data / "flickrexif/collection.json").read_bytes() for data in results]
    assert told[0] == told[1] == told[2]


def test_a_second_run_writes_nothing(crawls: tuple[Path, Path], tmp_path: Path) -> None:
    merged(tmp_path, *crawls)
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*.*")}
    merged(tmp_path, *crawls)
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in tmp_path.rglob("*.*")} == before


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> list[StoredImage]:
    """An image file of a few hundred bytes for each of 24 photos."""
    folder = tmp_path_factory.mktemp("files")
    images = []
    for i in range(24):
        content = random.Random(i).randbytes(200 + 20 * i)
        (folder / f"{i}_b.jpg").write_bytes(content)
        images.append(StoredImage(i, folder / f"{i}_b.jpg", hashlib.sha256(content).hexdigest(), 8, 8, "l"))
    return images


@settings(max_examples=25, deadline=None)
@given(parts=st.lists(st.sets(st.integers(0, 23)), min_size=2, max_size=4), limit=st.sampled_from((600, 2_000, 10**6)))
def test_merged_parts_are_what_building_all_gives(
    tmp_path_factory: pytest.TempPathFactory, stored: list[StoredImage], parts: list[set[int]], limit: int
) -> None:
    """Whatever the overlap: rows, images, shards and row groups are those of a build of the union."""
    folder = tmp_path_factory.mktemp("parts")
    known = {i: photo(i, MONTHS[i % 3], owner=f"{i % 5}@N01") for i in range(24)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_images, "SHARD_BYTES", limit)
        patch.setattr(parquet, "BATCH_BYTES", limit // 2)
        built = [make(folder / str(n), [known[i] for i in part], images=stored) for n, part in enumerate(parts)]
        union = sorted(set().union(*parts))
        if not union:
            with pytest.raises(UsageError, match="nothing to merge"):
                merged(folder / "out", *built)
            return
        whole = make(folder / "whole", [known[i] for i in union], images=stored)
        merged(folder / "out", *built)
    assert files(folder / "out", "collection.json") == files(whole, "collection.json")


@settings(max_examples=25, deadline=None)
@given(
    owners=st.lists(st.integers(0, 2), min_size=20, max_size=20),
    parts=st.lists(st.sets(st.integers(0, 19), min_size=1), min_size=2, max_size=3),
    cap=st.integers(1, 4),
    seed=st.integers(0, 3),
)
def test_caps_against_pandas(
    tmp_path_factory: pytest.TempPathFactory, owners: list[int], parts: list[set[int]], cap: int, seed: int
) -> None:
    folder = tmp_path_factory.mktemp("caps")
    known = [photo(i, MONTHS[i % 2], owner=f"{owner}@N01") for i, owner in enumerate(owners)]
    built = [make(folder / str(n), [known[i] for i in part]) for n, part in enumerate(parts)]
    merged(folder / "out", *built, per_user_cap=cap, seed=seed)
    assert sorted(ids(folder / "out")) == by_pandas(map(rows, built), cap, seed)


# --- two rows of one photo


def test_the_row_of_the_later_collection_wins(tmp_path: Path) -> None:
    old = make(tmp_path / "old", [photo(1, title="z old"), photo(2)], EARLY)
    new = make(tmp_path / "new", [photo(1, title="a new"), photo(3)], LATE)
    undated = make(tmp_path / "undated", [photo(1, title="zz undated")], None)
    oldest = make(tmp_path / "oldest", [photo(1, title="zzz oldest")], ("2025-12-01", "2025-12-31"))
    merged(tmp_path / "out", undated, new, old, oldest)
    assert rows(tmp_path / "out")["title"].tolist() == ["a new", "Photo 2", "Photo 3"]
    told = json.loads((tmp_path / "out/flickrexif/collection.json").read_text())
    assert told["dates"] == ["2025-12-01", "2026-02-01"]


def test_equally_late_rows_are_told_apart_by_their_content(tmp_path: Path) -> None:
    titles = ["one", "two", None]
    built = [make(tmp_path / str(title), [photo(1, title=title)]) for title in titles]
    kept = set()
    for number, order in enumerate(permutations(built)):
        merged(tmp_path / f"out{number}", *order)
        kept.add(rows(tmp_path / f"out{number}")["title"][0])
    assert len(kept) == 1


def test_a_photo_whose_date_was_changed_comes_once(tmp_path: Path, stored: list[StoredImage]) -> None:
    old = make(tmp_path / "old", [photo(1, "2024-07"), photo(2, "2024-07"), photo(3)], EARLY, images=stored)
    new = make(tmp_path / "new", [photo(1, "2024-08"), photo(3, "2024-07")], LATE)
    for number, order in enumerate(((old, new), (new, old))):
        report = merged(tmp_path / str(number), *order)
        result = rows(tmp_path / str(number))
        assert dict(zip(result["Flickr ID"], result["month"], strict=True)) == {
            1: "2024-08",
            2: "2024-07",
            3: "2024-07",
        }
        assert [month.duplicates for month in report] == [1, 1]
        images = rows(tmp_path / str(number), "images")
        assert [row["bytes"] for row in images["image"]] == [stored[i].path.read_bytes() for i in (2, 3, 1)]
    assert hashes(tmp_path / "0") == hashes(tmp_path / "1")
    assert len(pq.read_table(tmp_path / "0/flickrexif/images/train-2024-07-00000.parquet")) == 2


def test_the_smallest_cap_holds_and_one_must_be_known(tmp_path: Path) -> None:
    ten = [photo(i, owner="1@N01") for i in range(10)]
    three, five, none = (make(tmp_path / str(cap), ten, cap=cap) for cap in (3, 5, None))
    merged(tmp_path / "out", five, three, none)
    assert len(ids(tmp_path / "out")) == 3
    with pytest.raises(
        UsageError, match=r"None of the data sets has a cap in its settings\. Give one, for example --per-user"
    ):
        merged(tmp_path / "other", none, none)
    merged(tmp_path / "other", none, none, per_user_cap=4)
    assert len(ids(tmp_path / "other")) == 4


# --- takedowns


def gone(data: Path, **who: Any) -> None:
    now = pd.Timestamp("2026-03-01", tz="UTC").to_pydatetime()
    take_down(takedown_path(data / "flickrexif"), reason="asked, by the owner", now=now, **who)


def test_who_is_on_any_list_stays_out_and_the_lists_are_joined(tmp_path: Path, stored: list[StoredImage]) -> None:
    a = make(tmp_path / "a", [photo(i, owner=f"{i}@N01") for i in (1, 2, 3)], images=stored)
    b = make(tmp_path / "b", [photo(i, owner=f"{i}@N01") for i in (1, 2, 3, 4)], LATE, images=stored)
    gone(a, photos=[1])
    gone(b, owners=["4@N01"])
    report = merged(tmp_path / "out", a, b)
    assert ids(tmp_path / "out") == rows(tmp_path / "out", "images")["Flickr ID"].tolist() == [2, 3]
    assert (report[0].forgotten, report[0].duplicates, report[0].photos) == (3, 2, 2)
    lists = [takedown_path(data / "flickrexif").read_text().splitlines() for data in (tmp_path / "out", a, b)]
    assert lists[0] == [lists[1][0], *sorted([lists[1][1], lists[2][1]])]
    merged(tmp_path / "turned", b, a)
    assert hashes(tmp_path / "turned") == hashes(tmp_path / "out")


def test_what_was_forgotten_in_the_result_does_not_come_back(tmp_path: Path) -> None:
    a, b = make(tmp_path / "a", [photo(1), photo(2)]), make(tmp_path / "b", [photo(3, "2024-09")])
    merged(tmp_path / "out", a, b)
    gone(tmp_path / "out", photos=[2, 3])
    listed = takedown_path(tmp_path / "out/flickrexif").read_text()
    report = merged(tmp_path / "out", a, b)
    assert ids(tmp_path / "out") == [1]
    assert [month.forgotten for month in report] == [1, 1]
    assert not list((tmp_path / "out").rglob("*2024-09*"))
    after = takedown_path(tmp_path / "out/flickrexif").read_text()
    assert sorted(after.splitlines()) == sorted(listed.splitlines())


def test_a_photo_forgotten_in_an_input_leaves_the_result(tmp_path: Path) -> None:
    a = make(tmp_path / "a", [photo(1), photo(2)])
    b = make(tmp_path / "b", [photo(3, "2024-09", owner="3@N01")])
    merged(tmp_path / "out", a, b)
    gone(a, photos=[2])
    gone(b, owners=["3@N01"])
    make(a, [photo(1)])
    build([("2024-09", [])], b / "flickrexif", Collection(source="sandbox:simulated", settings={"per_user_cap": 9}))
    merged(tmp_path / "out", a, b)
    assert ids(tmp_path / "out") == [1]
    assert not list((tmp_path / "out").rglob("*2024-09*"))


def test_a_damaged_list_is_never_passed_over(tmp_path: Path) -> None:
    a, b = make(tmp_path / "a", [photo(1)]), make(tmp_path / "b", [photo(2)])
    gone(a, photos=[1])
    path = takedown_path(a / "flickrexif")
    path.write_text(path.read_text()[:-9])
    with pytest.raises(FlickrExifError, match=r"takedowns\.csv is damaged"):
        merged(tmp_path / "out", a, b)
    assert not (tmp_path / "out").exists()


# --- interruptions


@pytest.mark.parametrize("stop", [1, 2])
def test_interrupted_and_run_again_it_ends_the_same(crawls: tuple[Path, Path], tmp_path: Path, stop: int) -> None:
    merged(tmp_path / "whole", *crawls)

    def interrupt(done: int, total: int) -> None:
        assert total == len(MONTHS)
        if done == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge(MergeSettings(inputs=crawls, data_dir=tmp_path / "cut"), interrupt)
    assert len(list((tmp_path / "cut").rglob("labels/*.parquet"))) == stop
    merged(tmp_path / "cut", *crawls)
    assert hashes(tmp_path / "cut") == hashes(tmp_path / "whole")


@pytest.mark.parametrize("after", range(1, 11, 3))
def test_killed_before_a_rename_and_run_again_it_ends_the_same(
    crawls: tuple[Path, Path], tmp_path: Path, after: int
) -> None:
    inputs = ", ".join(f"Path({str(data)!r})" for data in crawls)
    code = f"""
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from flickrexif.dataset.merge import MergeSettings, merge
renames, replace = [], Path.replace
def count(self, target):
    renames.append(target)
    if len(renames) == {after}:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, target)
Path.replace = count
merge(MergeSettings(inputs=({inputs}), data_dir=Path({str(tmp_path / "cut")!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == -9, done.stderr
    assert list((tmp_path / "cut").rglob("*.tmp"))
    merged(tmp_path / "cut", *crawls)
    merged(tmp_path / "whole", *crawls)
    assert hashes(tmp_path / "cut") == hashes(tmp_path / "whole")


# --- what cannot be merged


def refused(out: Path, *inputs: Path, words: str, kind: type[FlickrExifError] = FlickrExifError) -> None:
    """One sentence and a hint, and neither the result nor the inputs are touched."""
    before = [hashes(folder) for folder in (out, *inputs)]
    with pytest.raises(kind, match=words) as caught:
        merged(out, *inputs)
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    assert [hashes(folder) for folder in (out, *inputs)] == before


@pytest.fixture
def pair(tmp_path: Path, stored: list[StoredImage]) -> tuple[Path, Path, Path]:
    """Where the result goes, and two small data sets."""
    a = make(tmp_path / "a", [photo(1), photo(2)], images=stored)
    return tmp_path / "out", a, make(tmp_path / "b", [photo(3)], images=stored)


def rewrite(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def nulled(table: pa.Table, name: str) -> pa.Table:
    place = table.column_names.index(name)
    return table.set_column(place, table.schema.field(name), pa.nulls(len(table), table.schema.field(name).type))


DAMAGES: Mapping[str, tuple[str, Callable[[Path], object], str]] = {
    "torn labels": ("labels", lambda path: path.write_bytes(path.read_bytes()[:-20]), "labels.* cannot be read"),
    "no Parquet": ("labels", lambda path: path.write_bytes(b"PAR1"), "labels.* cannot be read"),
    "broken pages": (
        "labels",
        lambda path: path.write_bytes(path.read_bytes()[:40] + bytes(2_000) + path.read_bytes()[2_040:]),
        "labels.* cannot be read",
    ),
    "an older layout": (
        "labels",
        lambda path: rewrite(path, lambda table: table.drop_columns(["exif_source"])),
        r"labels.* does not have the columns of this version.*flickrexif build",
    ),
    "another type": (
        "labels",
        lambda path: rewrite(path, lambda t: t.set_column(0, "Flickr ID", t["Flickr ID"].cast(pa.string()))),
        "does not have the columns of this version",
    ),
    "no ids": ("labels", lambda path: rewrite(path, lambda table: nulled(table, "Flickr ID")), "that are no photos"),
    "no labels": ("labels", lambda path: path.unlink(), "lacks rows in data/ or labels/ of 2024-08.*flickrexif build"),
    "labels alone": ("data", lambda path: path.unlink(), "lacks rows in data/ or labels/ of 2024-08"),
    "torn shard": ("images", lambda path: path.write_bytes(path.read_bytes()[:-9]), "images.* cannot be read"),
    "older images": (
        "images",
        lambda path: rewrite(path, lambda table: table.drop_columns(["image_size"])),
        "images.* does not have the columns of this version",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_broken_or_older_file_is_named_before_anything_is_written(pair: tuple[Path, Path, Path], name: str) -> None:
    folder, damage, words = DAMAGES[name]
    damage(next((pair[2] / "flickrexif" / folder).glob("*.parquet")))
    refused(*pair, words=words)


LATER: Mapping[str, tuple[str, Callable[[Path], object], str]] = {
    "no owner": ("labels", lambda path: rewrite(path, lambda table: nulled(table, "owner")), "are no photos"),
    "another month": ("labels", lambda path: path.rename(path.with_name("train-2024-06.parquet")), "of 2024-06"),
    "other bytes": (
        "images",
        lambda path: path.write_bytes(path.read_bytes().replace(random.Random(3).randbytes(260)[-8:], bytes(8))),
        r"3_b\.jpg is not the file that was fetched",
    ),
    "no bytes": (
        "images",
        lambda path: rewrite(path, lambda table: nulled(table, "image")),
        "holds rows without an image",
    ),
}


@pytest.mark.parametrize("name", LATER)
def test_bad_rows_are_refused_and_what_is_there_is_whole(pair: tuple[Path, Path, Path], name: str) -> None:
    out, a, b = pair
    folder, damage, words = LATER[name]
    damage(next((b / "flickrexif" / folder).glob("*.parquet")))
    if name == "another month":
        (b / "flickrexif/data/train-2024-08.parquet").rename(b / "flickrexif/data/train-2024-06.parquet")
    with pytest.raises(FlickrExifError, match=words) as caught:
        merged(out, a, b)
    assert caught.value.hint
    assert not list(out.rglob("*.tmp"))
    make(b, [photo(3)])  # built again, it can be merged
    for path in (b / "flickrexif").rglob("*2024-06*"):
        path.unlink()
    merged(out, a, b)
    assert ids(out) == [1, 2, 3]


def test_what_is_no_data_set(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    out, a, _ = pair
    refused(out, a, words="nothing to merge with", kind=UsageError)
    refused(out, a, tmp_path / "nowhere", words="There is no data set in .*nowhere", kind=UsageError)
    (tmp_path / "empty").mkdir()
    refused(out, a, tmp_path / "empty", words="There is no data set in .*empty", kind=UsageError)
    (tmp_path / "empty/collection.json").write_text("[]")
    refused(out, a, tmp_path / "empty", words=r"collection\.json cannot be read")


@pytest.mark.parametrize(
    "told",
    [{"per_user_cap": "3"}, {"per_user_cap": True}, {"licenses": 4}, {"licenses": ["by"]}, {"merged": {"a": 1}}, 5],
)
def test_settings_that_no_crawl_has(pair: tuple[Path, Path, Path], told: object) -> None:
    path = pair[2] / "flickrexif/collection.json"
    path.write_text(json.dumps({"source": "sandbox:simulated", "settings": told, "dates": None}))
    refused(*pair, words=r"collection\.json (holds settings that no crawl writes|cannot be read)")


def test_photos_of_two_sources_are_not_merged(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    out, a, _ = pair
    real = make(tmp_path / "real", [photo(9)], source="flickr")
    for order in ((a, real), (real, a)):
        refused(out, *order, words="`flickr`, .* of `sandbox:simulated`", kind=UsageError)
    own = make(tmp_path / "own", [photo(9)], source="folder")
    refused(out, own, own, words="is a labelled folder", kind=UsageError)


def test_a_result_never_replaces_other_photos(pair: tuple[Path, Path, Path], tmp_path: Path) -> None:
    out, a, b = pair
    refused(a, a, b, words="is one of the data sets to merge", kind=UsageError)
    (tmp_path / "link").symlink_to(b)
    refused(tmp_path / "link", a, b, words="is one of the data sets to merge", kind=UsageError)
    other = make(tmp_path / "other", [photo(1)])
    refused(other, a, b, words="holds a data set of its own", kind=UsageError)
    (tmp_path / "begun/flickrexif/.crawl").mkdir(parents=True)
    (tmp_path / "begun/flickrexif/.crawl/journal.sqlite").write_bytes(b"")
    refused(tmp_path / "begun", a, b, words="holds a data set of its own", kind=UsageError)
    merged(out, a, b)
    refused(out, a, other, words="photos that none of the data sets has, for example 3", kind=UsageError)


def test_a_merged_data_set_takes_no_crawl(pair: tuple[Path, Path, Path]) -> None:
    out, a, b = pair
    merged(out, a, b)
    before = hashes(out)
    with pytest.raises(FlickrExifError, match="was merged from other data sets"):
        make(out, [photo(8)])
    assert hashes(out) == before


def test_a_crawl_into_a_merged_data_set_is_refused_before_it_begins(
    pair: tuple[Path, Path, Path], run: Callable[..., tuple[int, str, str]]
) -> None:
    out, a, b = pair
    merged(out, a, b)
    before = hashes(out)
    code, _, said = run("crawl", "--month", "2024-08", "--sandbox", "--data-dir", out)
    assert code == 1
    assert "was merged from other data sets" in said
    assert {name: hash_ for name, hash_ in hashes(out).items() if not name.startswith(".flickrexif/")} == before


# --- the command


def test_the_command_prints_a_table_and_how_to_load_it(
    crawls: tuple[Path, Path], tmp_path: Path, run: Callable[..., tuple[int, str, str]]
) -> None:
    code, printed, said = run("merge", *crawls, "--data-dir", tmp_path, "--dry-run")
    assert (code, said) == (0, "")
    assert list(tmp_path.iterdir()) == []
    lines = [line.split() for line in printed.splitlines() if line.strip()]
    frames = [rows(data) for data in crawls]
    kept = by_pandas(frames, CAP)
    total = [sum(map(len, frames)) - len(pd.concat(frames)["Flickr ID"].unique()), len(kept)]
    assert [lines[-1][0], lines[-1][4], lines[-1][6]] == ["all", *map(str, total)]
    code, again, said = run("merge", *(data / "flickrexif" for data in crawls), "--data-dir", tmp_path)
    assert (code, said) == (0, "")
    assert [line.split() for line in again.splitlines() if line.startswith("  all")] == [lines[-1]]
    assert f"{len(kept)} photos of 3 month(s) in {tmp_path}/flickrexif" in again
    assert f'load_dataset("flickrexif", data_dir="{tmp_path}")' in again
    assert f"flickrexif splits --data-dir {tmp_path}" in again


def test_the_result_loads_by_name(
    crawls: tuple[Path, Path], tmp_path: Path, run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    from flickrexif import load_dataset

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    assert run("merge", *crawls, "--data-dir", tmp_path / "out")[0] == 0
    for config in ("default", "labels", "images"):
        loaded = load_dataset("flickrexif", config, data_dir=tmp_path / "out")["train"]
        assert sorted(loaded["Flickr ID"]) == by_pandas(map(rows, crawls), CAP)


def test_the_command_when_every_photo_is_forgotten(
    pair: tuple[Path, Path, Path], run: Callable[..., tuple[int, str, str]]
) -> None:
    out, a, b = pair
    gone(a, photos=[1, 2, 3])
    code, printed, said = run("merge", a, b, "--data-dir", out)
    assert (code, said) == (0, "")
    assert "0 photos of 0 month(s)" in printed
    assert not list(out.rglob("*.parquet"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("a",), 2, "nothing to merge with"),
        (("a", "nowhere"), 2, "There is no data set in nowhere"),
        (("a", "b", "--per-user-cap", "0"), 2, "per-user-cap"),
        (("a", "b", "--data-dir", "a"), 2, "is one of the data sets"),
    ],
)
def test_the_command_says_what_is_wrong(
    pair: tuple[Path, Path, Path],
    run: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(pair[1].parent)
    ended, printed, said = run("merge", *arguments)
    assert (ended, printed) == (code, "")
    assert words in said
    assert "Traceback" not in said
