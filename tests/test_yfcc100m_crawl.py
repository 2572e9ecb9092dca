"""`flickrexif crawl --source yfcc100m`: from files to a data set, and the commands that take it."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import flickrexif
from flickrexif.cards import check_card
from flickrexif.cli import app
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.yfcc100m import month as yfcc100m_month
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.dataset.build import Collection, write_collection
from flickrexif.takedown.refresh import SERVED_BY
from tests.test_fetch import Small
from tests.yfcc100m_files import Photo, write

MONTH = "2010-05"
SIZE = 40
MAKES = ("Canon", "NIKON CORPORATION")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 photos of May 2010 by 20 photographers, 12 of June, and some that are none."""
    may = [
        Photo(id=1_000 + n, owner=f"{n // 2:08}@N00", make=MAKES[n // 2 % 2], title="a <b>tab</b>\there, a comma")
        for n in range(SIZE)
    ]
    june = [
        Photo(id=2_000 + n, owner=f"{n:08}@N01", taken="2010-06-03 10:00:00.0", uploaded="1280000000")
        for n in range(12)
    ]
    others = [Photo(id=1, marker="1"), Photo(id=2, taken="null"), Photo(id=3, make=None), Photo(id=4, license="by-nc")]
    return write(tmp_path_factory.mktemp("pack") / "files", [*may, *june, *others])


Crawl = Callable[..., Any]


@pytest.fixture
def crawl(files: Path, tmp_path: Path) -> Crawl:
    def run(month: str = MONTH, data: str = "data", **options: Any) -> Any:
        where = {"source": "yfcc100m", "files": files, "data_dir": tmp_path / data}
        return flickrexif.crawl(month, **{**where, "target": 10, "minimum": 0, **options})

    return run


def content(folder: Path) -> dict[str, bytes]:
    """The files of a data set."""
    root = folder / "flickrexif"
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def rows(folder: Path, month: str = MONTH, config: str = "labels") -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = pq.read_table(folder / "flickrexif" / config / f"train-{month}.parquet").to_pylist()
    return table


def test_a_month_is_a_data_set(crawl: Crawl, tmp_path: Path) -> None:
    report = crawl(per_user_cap=1)
    data = tmp_path / "data"
    labels = rows(data)
    assert (report.months[0].kept, report.months[0].done, report.built.rows) == (10, True, {MONTH: 10})
    assert Counter(row["owner"] for row in labels).most_common(1)[0][1] == 1
    row = labels[0]
    number, secret = row["Flickr ID"], f"{row['Flickr ID']:x}"
    assert row["url"] == row["image_url"] == f"https://live.staticflickr.com/4000/{number}_{secret}.jpg"
    assert row["page_url"] == f"https://www.flickr.com/photos/{row['owner']}/{number}/"
    assert (row["title"], row["owner_name"], row["image_size"]) == ("a <b>tab</b>\there, a comma", "a nick", "m")
    assert (row["license"], row["license_id"], row["month"], str(row["date_taken"])) == (
        "CC BY 2.0",
        4,
        MONTH,
        "2010-05-03 12:00:00",
    )
    assert (row["Exposure"], row["Aperture"], row["exposure_seconds"]) == ("1/60", "2.8", 1 / 60)
    assert (row["exposure_raw"], row["aperture_raw"], row["flash_raw"]) == ("1/60 sec", "F2.8", "Flash fired, auto")
    assert (row["flash"], row["exif_source"], row["date_taken_granularity"]) == (True, "yfcc100m", None)
    assert not check_card(data / "flickrexif")
    card = (data / "flickrexif" / "README.md").read_text("utf-8")
    assert "Yahoo Webscope" in card
    assert "must still be public" in " ".join(card.split())
    assert "thomee2016yfcc100m" in card
    assert "Flickr API" not in card
    assert [month.kept for month in flickrexif.status(data_dir=data)] == [10]
    assert flickrexif.load_dataset("flickrexif", data_dir=data)["train"].num_rows == 10


def test_the_same_settings_give_the_same_bytes_and_a_larger_target_keeps_the_photos(
    crawl: Crawl, tmp_path: Path
) -> None:
    crawl(data="small", target=6)
    crawl(data="fresh", target=14)
    small = {row["Flickr ID"] for row in rows(tmp_path / "small")}
    for target in (3, 14):
        crawl(data="small", target=target)
    assert small < {row["Flickr ID"] for row in rows(tmp_path / "fresh")}
    assert content(tmp_path / "small") == content(tmp_path / "fresh")
    crawl("2010-06", data="small")
    assert sorted(report.kept for report in flickrexif.status(data_dir=tmp_path / "small")) == [10, 14]


def test_what_is_not_kept_is_counted_in_the_card(crawl: Crawl, tmp_path: Path) -> None:
    report = crawl(target=100, per_user_cap=1)
    assert report.months[0].rejected == {"license": 1, "over_cap": 20, "no_exif": 1}
    assert not report.months[0].may_have_more
    settings = json.loads((tmp_path / "data" / "flickrexif" / "collection.json").read_text("utf-8"))["settings"]
    assert settings["not_kept"] == {"over_cap": 20, "no_exif": 1}


def test_a_forgotten_photo_never_comes_back(crawl: Crawl, tmp_path: Path) -> None:
    crawl(target=100)
    data = tmp_path / "data"
    first, second = (row for row in rows(data)[::20])
    flickrexif.forget(data, photos=first["Flickr ID"], owners=second["owner"], reason="asked")
    assert [month.kept for month in flickrexif.status(data_dir=data)] == [SIZE - 3]
    crawl(target=100)
    left = rows(data)
    assert len(left) == SIZE - 3
    assert first["Flickr ID"] not in {row["Flickr ID"] for row in left}
    assert second["owner"] not in {row["owner"] for row in left}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": "large"}, "--images is for a crawl of Flickr alone"),
        ({"sandbox": True, "again": True}, "--sandbox, --again are for a crawl of Flickr alone"),
        ({"calls_per_hour": 5}, "--calls-per-hour is"),
        ({"workers": 3}, "--workers is"),
        ({"endpoint": "http://127.0.0.1:9/"}, "--endpoint is"),
        ({"faults": "0.1"}, "--faults is"),
        ({"files": None}, "reads files"),
        ({"source": "flickr"}, "--files is for a source of files"),
        ({"files": "nowhere"}, r"There is no nowhere/yfcc100m_dataset\.bz2"),
        ({"month": "2009-13"}, "is no month"),
    ],
)
def test_options_that_do_not_go_with_files_are_refused(
    crawl: Crawl, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        crawl(**options)
    assert not (tmp_path / "data" / "flickrexif").exists()


def test_photos_of_two_sources_are_never_mixed(crawl: Crawl, tmp_path: Path) -> None:
    crawl()
    data = tmp_path / "data"
    for options in ({"sandbox": True}, {}, {"endpoint": "http://127.0.0.1:9/services/rest/"}):
        with pytest.raises(UsageError, match="holds photos of YFCC100M"):
            flickrexif.crawl(MONTH, data_dir=data, **options)
    simulated = Collection(source="sandbox:simulated")
    write_collection(tmp_path / "other" / "flickrexif", simulated)
    before = content(tmp_path / "other")
    for dry_run in (True, False):
        with pytest.raises(UsageError, match="holds simulated photos"):
            crawl(data="other", dry_run=dry_run)
    assert content(tmp_path / "other") == before


def test_another_sampling_is_refused(crawl: Crawl) -> None:
    crawl()
    with pytest.raises(UsageError, match="--seed 0, and this has --seed 1"):
        crawl(seed=1)
    with pytest.raises(UsageError, match="--per-user-cap 10"):
        crawl("2010-06", per_user_cap=2)


def test_build_says_what_to_type(crawl: Crawl, tmp_path: Path) -> None:
    crawl()
    with pytest.raises(UsageError, match="drawn from files"):
        flickrexif.build(data_dir=tmp_path / "data")


def test_a_dry_run_writes_nothing(files: Path, crawl: Crawl, tmp_path: Path) -> None:
    report = crawl(dry_run=True)
    assert [(row.kept, row.target, row.calls) for row in report.estimates] == [(0, 10, 0)]
    assert not (tmp_path / "data").exists()


class Served(Small):
    """The photos of a data set, at the addresses that it gives."""

    def __init__(self, ids: list[int]) -> None:
        super().__init__(ids)
        self.by_id = {n: replace(photo, server="4000", secret=f"{n:x}") for n, photo in self.by_id.items()}


@pytest.fixture
def server(crawl: Crawl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A server of the photos that a crawl of May kept, whose images have their addresses there."""
    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    crawl()
    with Sandbox(Served([row["Flickr ID"] for row in rows(tmp_path / "data")])) as running:
        monkeypatch.setattr(yfcc100m_month, "IMAGE_SERVER", f"{running.base}/")
        monkeypatch.setitem(SERVED_BY, "yfcc100m", "sandbox:simulated")
        shutil.rmtree(tmp_path / "data")
        crawl()
        yield running


def test_images_are_fetched_where_they_are_left(server: Sandbox, tmp_path: Path) -> None:
    data = tmp_path / "data"
    gone, *left = sorted(row["Flickr ID"] for row in rows(data))
    server.population.by_id.pop(gone)
    report = flickrexif.fetch(data / "flickrexif", out=data / "published", data_dir=data)
    assert (report.photos, report.to_fetch, report.reasons) == (10, 10, {"gone": 1})
    images = pq.read_table(data / "published" / "images").to_pylist()
    assert {row["Flickr ID"]: row["image"]["bytes"] for row in images} == {
        n: server.population.image(server.population.by_id[n], "m") for n in left
    }
    assert flickrexif.fetch(data / "flickrexif", out=data / "published", data_dir=data).to_fetch == 0


def test_photos_are_asked_for_again_at_flickr(server: Sandbox, crawl: Crawl, tmp_path: Path) -> None:
    """What is gone or has another licence now never comes back: the files go on saying the old one."""
    data = tmp_path / "data"
    gone, relicensed, *left = sorted(row["Flickr ID"] for row in rows(data))
    server.population.by_id.pop(gone)
    server.population.by_id[relicensed] = replace(server.population.by_id[relicensed], license=0)
    answers = flickrexif.refresh(data_dir=data, endpoint=server.endpoint).answers
    assert answers.going == {"gone": (gone,), "license_changed": (relicensed,)}
    assert answers.verdicts["ok"] == len(left) == 8
    assert sorted(row["Flickr ID"] for row in rows(data)) == left
    crawl(target=100)
    later = {row["Flickr ID"] for row in rows(data)}
    assert later.isdisjoint({gone, relicensed})
    assert len(later) == SIZE - 2


def test_simulated_answers_say_nothing_of_real_photos(crawl: Crawl, tmp_path: Path) -> None:
    crawl()
    due = flickrexif.refresh(data_dir=tmp_path / "data", dry_run=True).due
    assert due
    assert len(due.asked) == 10
    with pytest.raises(UsageError, match="simulated"):
        flickrexif.refresh(data_dir=tmp_path / "data", sandbox=True)


def test_splits_and_audit_take_the_data_set(crawl: Crawl, tmp_path: Path) -> None:
    crawl(target=100)
    data = tmp_path / "data"
    flickrexif.splits(data_dir=data, protocol="proportional", min_photos=2, attribute="Make")
    (audit,) = flickrexif.audit(data / "flickrexif" / "splits", labels=data / "flickrexif" / "labels")
    assert all(len(finding.splits) == 1 for finding in audit.findings)  # nobody is in two splits


def test_the_command_says_what_it_left_out(files: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = ["crawl", "--source", "yfcc100m", "--files", str(files), "--from", MONTH, "--to", "2010-07"]
    options = ["--target", "20", "--data-dir", str(data), "--minimum", "5"]
    result = CliRunner().invoke(app, [*command, *options])
    assert result.exit_code == 3  # July has none
    assert "32 photos of 3 month(s)" in result.output
    assert "--again" not in result.output
    dry = CliRunner().invoke(app, [*command, *options, "--dry-run"])
    assert dry.exit_code == 0
    assert "No call" in dry.output
    assert (data / "flickrexif" / "data" / "train-2010-05.parquet").exists()
    assert not (data / "flickrexif" / "data" / "train-2010-07.parquet").exists()


def test_a_damaged_record_is_told(crawl: Crawl, tmp_path: Path) -> None:
    crawl()
    (tmp_path / "data" / "flickrexif" / ".crawl" / "drawn.json").write_text("{")
    with pytest.raises(FlickrExifError, match=r"drawn\.json cannot be read"):
        crawl()
