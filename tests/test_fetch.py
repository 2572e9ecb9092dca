"""`fetch`: the images of a table, from an embedded server; what is gone, kept back, killed, drawn, forgotten."""

import csv
import hashlib
import io
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from huggingface_hub import HfApi
from PIL import Image
from typer.testing import CliRunner

import flickrexif
from flickrexif.cards.publish import PublishSettings, plan
from flickrexif.cli import app
from flickrexif.collectors import images
from flickrexif.collectors.flickr.client import Retry
from flickrexif.collectors.journal import read_journal
from flickrexif.collectors.sandbox.faults import Faults
from flickrexif.collectors.sandbox.images import image_file
from flickrexif.collectors.sandbox.population import SandboxPhoto
from flickrexif.collectors.sandbox.responses import Response
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.dataset.schema import PUBLISHED_COLUMNS
from tests.drawn import png_header
from tests.hub import Hub, serving
from tests.populations import ListPopulation, make_photo
from tests.samples import DATA
from tests.suite_data import write_split
from tests.test_reproduce import repo

PHOTOS = 60
IDS = [53_000_000_000 + number for number in range(PHOTOS)]
MAKES = ("Canon", "Apple", "NIKON")
MODELS = {"Canon": "Canon EOS 450D", "Apple": "iPhone 6", "NIKON": "NIKON D90"}
OTHER = {"Aperture": "8.0", "Exposure": "1/60", "ISO Speed": "100", "Focal Length": "18.0 mm"}


class Small(ListPopulation):
    """A photo an id, of one colour and few pixels."""

    def __init__(self, ids: list[int]) -> None:
        self.by_id = {n: make_photo(n, id=n, width=40, height=30, license=4, owner=f"{n % 7}@N01") for n in ids}
        super().__init__([*self.by_id.values()])

    def photo(self, photo_id: int) -> SandboxPhoto | None:
        return self.by_id.get(photo_id)

    def image(self, photo: SandboxPhoto, size: str) -> bytes:  # noqa: ARG002
        file = io.BytesIO()
        Image.new("RGB", (photo.width, photo.height), f"#{photo.id * 7919 % 0xFFFFFF:06x}").save(file, "JPEG")
        return file.getvalue()


class Moody(Sandbox):
    """Gives what `answer` says for a photo's image, where it says so, and notes which images were asked for."""

    def __init__(self, ids: list[int], **options: Any) -> None:
        super().__init__(Small(ids), **options)
        self.asked: list[int] = []
        self.answer: Callable[[int], Response | None] = lambda _: None

    def image(self, path: str) -> Response:
        photo = int(path.split("/")[2].partition("_")[0]) if path.count("/") == 2 else 0
        self.asked.append(photo)
        return self.answer(photo) or super().image(path)

    def address(self, photo_id: int) -> str:
        file = image_file(self.population.photo(photo_id), "m", self.base)  # type: ignore[arg-type]
        assert file is not None
        return file.url


def rows_of(server: Moody, ids: list[int]) -> dict[str, list[Any]]:
    """The nine published columns."""
    makes = [MAKES[n % 3] for n in ids]
    return {
        "Flickr ID": ids,
        "url": [server.address(n) for n in ids],
        "owner": [f"{n % 7}@N01" for n in ids],
        "Make": makes,
        "Model": [MODELS[make] for make in makes],
        **{column: [value] * len(ids) for column, value in OTHER.items()},
    }


def write_table(path: Path, rows: dict[str, list[Any]]) -> Path:
    pq.write_table(pa.table({column.name: rows[column.name] for column in PUBLISHED_COLUMNS}), path)
    return path


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Moody]:
    for name in ("FLICKR_API_KEY", "FLICKR_CREDENTIALS", "FLICKREXIF_CONTACT", "FLICKREXIF_DATA"):
        monkeypatch.delenv(name, raising=False)
    with Moody(IDS) as running:
        yield running


@pytest.fixture
def table(server: Moody, tmp_path: Path) -> Path:
    return write_table(tmp_path / "table.parquet", rows_of(server, IDS))


def fetch(table: Path | str, data: Path, **options: Any) -> Any:
    return flickrexif.fetch(table, out=data / "published", data_dir=data, **options)


def read(data: Path, config: str = "labels", name: str = "published") -> dict[int, dict[str, Any]]:
    return {row["Flickr ID"]: row for row in pq.read_table(data / name / config).to_pylist()}


def files(data: Path) -> dict[str, str]:
    """The data set's files but those of the state, by hash."""
    root = data / "published"
    paths = [path for path in root.rglob("*") if path.is_file() and ".crawl" not in path.parts]
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


# --- what comes


def test_every_photo_has_a_row_and_the_bytes_of_the_server(server: Moody, table: Path, tmp_path: Path) -> None:
    report = fetch(table, tmp_path / "d")
    assert (report.photos, report.to_fetch, report.reasons, report.passed_over) == (PHOTOS, PHOTOS, {}, {})
    stored, labels = read(tmp_path / "d", "images"), read(tmp_path / "d")
    assert list(stored) == list(labels) == IDS
    for number, row in stored.items():
        whole = server.population.image(server.population.photo(number), "m")  # type: ignore[arg-type]
        assert row["image"]["bytes"] == whole
        assert row["sha256"] == hashlib.sha256(whole).hexdigest()
        assert (row["width"], row["height"], row["image_size"]) == (40, 30, "m")
    published = pq.read_table(tmp_path / "d/published/data").to_pylist()
    assert published == pq.read_table(table).to_pylist()
    row = labels[IDS[1]]
    told = {"make": "Canon", "is_smartphone": False, "aperture_exact": "8.0", "iso": 100, "focal_length_mm": 18.0}
    assert told.items() <= labels[next(n for n in IDS if MAKES[n % 3] == "Canon")].items()
    assert row["page_url"] == f"{server.base}/photos/{row['owner']}/{IDS[1]}/"
    nulls = ("title", "license_id", "license", "attribution", "date_taken", "month", "year", "flash", "image_reason")
    assert {row[name] for name in nulls} == {None}
    card = (tmp_path / "d/published/README.md").read_text()
    assert "do not publish them" in card
    assert "SIMULATED DATA" in card  # the origin travels
    assert flickrexif.card(tmp_path / "d/published", check=True).differing == ()


ANSWERS = {
    "gone": Response(404),
    "refused": Response(400),
    "not_an_image": Response(200, b"<html>" * 9, "image/jpeg"),
    "damaged": Response(200, png_header(40, 30), "image/png"),
}


def stand_in(size: tuple[int, int], color: str = "gray") -> Response:
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, "JPEG")
    return Response(200, file.getvalue(), "image/jpeg")


def test_what_cannot_be_had_has_its_reason_and_is_never_asked_for_again(
    server: Moody, table: Path, tmp_path: Path
) -> None:
    answers = dict(zip(IDS, ANSWERS.values(), strict=False))
    answers[IDS[10]] = stand_in((501, 20))  # an address without a letter stands for 500 pixels
    answers |= dict.fromkeys(IDS[20:23], stand_in((40, 30)))  # the same for three photographers
    answers |= dict.fromkeys((IDS[30], IDS[37]), stand_in((40, 30), "red"))  # a photographer's own, twice
    server.answer = answers.get
    rows = pq.read_table(table).to_pydict()
    rows["url"][40], rows["url"][41] = "http://192.0.2.1/65535/1_2.jpg", "file:///etc/passwd"
    write_table(table, rows)
    assert fetch(table, tmp_path).to_fetch == PHOTOS
    reasons = {number: row["image_reason"] for number, row in read(tmp_path).items() if row["image_reason"]}
    placeholders = dict.fromkeys(IDS[20:23], "placeholder")
    refused = dict.fromkeys(IDS[40:42], "refused")
    assert set(ANSWERS) <= {*images.REASONS}
    first = dict(zip(IDS, ANSWERS, strict=False))
    assert reasons == {**first, IDS[10]: "wrong_size", **placeholders, **refused}
    assert set(read(tmp_path, "images")) == set(IDS) - set(reasons)
    assert set(server.asked) == set(IDS) - set(IDS[40:42])  # no address elsewhere is opened
    asked = len(server.asked)
    server.answer = lambda _: None
    again = fetch(table, tmp_path)
    assert (again.to_fetch, len(server.asked)) == (0, asked)
    assert again.reasons == Counter(reasons.values())


def test_a_private_photo_is_settled_by_one_call(server: Moody, table: Path, tmp_path: Path) -> None:
    server.faults = Faults({"image-private": 0.2})
    report = fetch(table, tmp_path)
    private = [n for n, row in read(tmp_path).items() if row["image_reason"] == "private"]
    assert report.reasons == {"private": len(private)}
    assert 0 < len(private) < PHOTOS
    assert sorted(int(a["photo_id"]) for method, a in server.calls if method == "flickr.photos.getInfo") == private


def test_only_what_was_refused_for_a_while_is_asked_for_again(
    server: Moody, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flickrexif.collectors.session.OWN_RETRY", Retry(attempts=2, base_seconds=0.01))
    busy = {IDS[5], IDS[50]}
    server.answer = lambda photo: Response(503) if photo in busy else Response(404) if photo == IDS[7] else None
    report = fetch(table, tmp_path)
    assert (report.reasons, report.not_yet) == ({"not_yet": 2, "gone": 1}, 2)
    assert {n for n, row in read(tmp_path).items() if row["image_reason"] == "not_yet"} == busy
    server.answer = lambda _: None
    server.asked.clear()
    report = fetch(table, tmp_path)
    assert (report.to_fetch, report.reasons, set(server.asked)) == (2, {"gone": 1}, busy)


@pytest.mark.parametrize("key", ["", "a key"])
def test_the_command_says_what_settles_images_that_are_kept_back(
    server: Moody, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr("flickrexif.collectors.session.OWN_RETRY", Retry(attempts=2, base_seconds=0.01))
    monkeypatch.setenv("FLICKR_API_KEY", key)
    server.answer = lambda photo: Response(503) if photo == IDS[5] else None
    options = ["--out", str(tmp_path / "published"), "--data-dir", str(tmp_path), "--limit", str(PHOTOS)]
    done = CliRunner().invoke(app, ["fetch", str(table), *options])
    assert done.exit_code == 3
    assert "1 images were refused for a while. Run the same command again." in done.output
    assert ("with FLICKR_API_KEY set" in done.output) is not bool(key)


def test_all_faults_of_the_server_change_nothing_in_the_end(server: Moody, table: Path, tmp_path: Path) -> None:
    fetch(table, tmp_path / "whole")
    server.faults = Faults({"image-429": 0.1, "image-truncated": 0.1, "image-403": 0.1})
    report = fetch(table, tmp_path / "faults")
    while report.not_yet:
        report = fetch(table, tmp_path / "faults")
    assert len(server.asked) > 2.1 * PHOTOS
    assert files(tmp_path / "faults") == files(tmp_path / "whole")


COMMAND = [sys.executable, "-m", "flickrexif", "fetch"]


def test_killed_again_and_again_it_ends_with_the_same_files(server: Moody, table: Path, tmp_path: Path) -> None:
    fetch(table, tmp_path / "whole")
    server.asked.clear()
    server.latency = 0.02
    command = [*COMMAND, str(table), "--out", str(tmp_path / "k/published"), "--data-dir", str(tmp_path / "k")]
    draw = random.Random(0)
    for kill in range(3):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        before, wait = len(server.asked), draw.randrange(1, 14)
        while len(server.asked) < before + wait and process.poll() is None:
            time.sleep(0.002)
        process.send_signal(signal.SIGINT if kill == 1 else signal.SIGKILL)
        process.communicate()
        assert process.returncode != 0
    assert PHOTOS > len(set(server.asked)) > 4
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert files(tmp_path / "k") == files(tmp_path / "whole")
    assert len(server.asked) <= PHOTOS + 3 * 8  # what was under way at a kill is asked for again


# --- which photos


def test_a_smaller_draw_is_part_of_a_larger_and_settings_may_change(server: Moody, table: Path, tmp_path: Path) -> None:
    drawn = []
    for limit in (10, 25, 10):
        fetch(table, tmp_path / "one", limit=limit)
        drawn.append(set(read(tmp_path / "one")))
    assert [len(ids) for ids in drawn] == [10, 25, 10]
    assert drawn[0] == drawn[2] < drawn[1]
    assert len(server.asked) == 25  # nothing twice
    fetch(table, tmp_path / "fresh", limit=10)
    assert files(tmp_path / "one") == files(tmp_path / "fresh")


def test_a_draw_of_split_files_has_as_many_of_each_class_and_split(server: Moody, table: Path, tmp_path: Path) -> None:
    write_split(tmp_path / "s", "Make", ["Apple", "Canon"], IDS[:70])  # 40, 10 and 10 photos, half of each class
    fetch(table, tmp_path, splits=tmp_path / "s", limit=12)
    record = json.loads((tmp_path / "s/split_data_target_attribute=Make.json").read_text())
    present = set(read(tmp_path))
    counts = Counter(
        (part, label)
        for part in ("train", "val", "test")
        for photo, label in zip(record[f"{part}_ids"], record[f"encoded_{part}_labels"], strict=True)
        if photo in present
    )
    assert len(present) == 12
    assert set(counts.values()) == {2}
    assert len(counts) == 6
    copied = tmp_path / "published/splits/split_data_target_attribute=Make.json"
    assert json.loads(copied.read_text()) == record


def test_only_the_photos_that_split_files_of_an_attribute_name(server: Moody, table: Path, tmp_path: Path) -> None:
    gone = 77
    write_split(tmp_path / "s", "Make", ["a", "b"], [*IDS[:55], gone])
    write_split(tmp_path / "s", "Flash", ["a", "b"], IDS)
    report = fetch(table, tmp_path, splits=tmp_path / "s", attribute="Make")
    assert set(read(tmp_path)) == set(IDS[:55]) == set(server.asked)
    assert report.not_in_table == 1
    assert {path.stem.partition("=")[2] for path in (tmp_path / "published/splits").iterdir()} == {"Make"}
    with pytest.raises(UsageError, match=r"no split of 'Model'\. It has: Flash, Make"):
        fetch(table, tmp_path, splits=tmp_path / "s", attribute="Model")
    with pytest.raises(UsageError, match="Name their folder with --splits"):
        fetch(table, tmp_path, attribute="Make")


def test_rows_with_a_value(server: Moody, table: Path, tmp_path: Path) -> None:
    fetch(table, tmp_path, where=["Make=Canon", "Make=Apple", "owner=3@N01"])
    assert set(read(tmp_path)) == {n for n in IDS if MAKES[n % 3] != "NIKON" and n % 7 == 3}
    with pytest.raises(UsageError, match=r"cannot be asked for 'Camera=x'\. Write COLUMN=VALUE, of Flickr ID, url"):
        fetch(table, tmp_path, where="Camera=x")
    with pytest.raises(UsageError, match="has no photo that fits"):
        fetch(table, tmp_path, where="Make=Leica")


def test_a_dry_run_writes_nothing_and_opens_no_image(server: Moody, table: Path, tmp_path: Path) -> None:
    report = fetch(table, tmp_path / "d", limit=36, dry_run=True)
    assert (report.photos, report.to_fetch, report.built) == (36, 36, None)
    assert report.hours == 36 / 2 / 3600
    assert report.bytes == 36 * 300_000
    assert not (tmp_path / "d").exists()
    assert not server.asked
    fetch(table, tmp_path / "d", limit=30)
    assert fetch(table, tmp_path / "d", limit=36, dry_run=True).to_fetch == 6


# --- tables


@pytest.mark.parametrize("kind", ["csv", "hub", "folder", "data set"])
def test_a_table_of_every_kind_gives_the_same(server: Moody, table: Path, tmp_path: Path, kind: str) -> None:
    rows, data = pq.read_table(table), tmp_path / "d"
    if kind == "csv":
        with (tmp_path / "t.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([rows.column_names, *(row.values() for row in rows.to_pylist())])
        fetch(tmp_path / "t.csv", data)
    elif kind == "folder":
        (tmp_path / "parts").mkdir()
        for number in range(2):
            pq.write_table(rows.slice(number * 30, 30), tmp_path / f"parts/{number}.parquet")
        fetch(tmp_path / "parts", data)
    elif kind == "data set":
        fetch(table, tmp_path / "first")
        fetch(tmp_path / "first/published", data)
    else:
        with serving(Hub(users={})) as hub, pytest.MonkeyPatch.context() as patch:
            hub.repos["CTU-OU/FlickrExif"] = repo(rows)
            environ = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "hf")}
            command = [*COMMAND, "CTU-OU/FlickrExif", "--out", str(data / "published"), "--data-dir", str(data)]
            for name, value in environ.items():
                patch.setenv(name, value)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "60 photos, 60 with their image" in done.stdout
        assert "are not published" in done.stdout
    assert list(read(data, "images")) == IDS
    assert pq.read_table(data / "published/data").to_pylist() == rows.to_pylist()


def test_rows_that_are_no_photo_are_counted(server: Moody, tmp_path: Path) -> None:
    rows = {name: [*values[:5], *values[3:6]] for name, values in rows_of(server, IDS).items()}
    rows["Flickr ID"][0], rows["url"][1], rows["url"][2] = None, None, ""
    assert fetch(write_table(tmp_path / "t.parquet", rows), tmp_path).passed_over == {
        "no_id_or_address": 3,
        "twice": 2,
    }
    assert list(read(tmp_path)) == IDS[3:6]


def test_a_table_with_two_columns_is_enough(server: Moody, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({name: rows_of(server, IDS)[name] for name in ("Flickr ID", "url")}), tmp_path / "t.parquet"
    )
    fetch(tmp_path / "t.parquet", tmp_path)
    row = read(tmp_path)[IDS[0]]
    assert (row["owner"], row["Make"], row["make"]) == ("unknown", None, None)
    assert row["page_url"] == f"https://www.flickr.com/photo.gne?id={IDS[0]}"
    assert len(read(tmp_path, "images")) == PHOTOS


BAD: dict[str, tuple[dict[str, list[Any]], str]] = {
    "no address": ({"Flickr ID": [1]}, "has no column 'url'"),
    "numbers that were printed anew": (
        {"Flickr ID": [1], "url": ["https://live.staticflickr.com/1/1_2.jpg"], "Aperture": [8.0]},
        "'Aperture' of .* holds no texts",
    ),
    "ids that are none": ({"Flickr ID": ["x"], "url": ["https://live.staticflickr.com/1/1_2.jpg"]}, "holds no int64"),
    "addresses elsewhere": ({"Flickr ID": [1], "url": ["https://example.org/1.jpg"]}, "none of Flickr's image servers"),
    "an empty table": ({"Flickr ID": [], "url": []}, "has no photo that fits"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_table_that_is_none_is_one_sentence(tmp_path: Path, kind: str) -> None:
    rows, sentence = BAD[kind]
    pq.write_table(pa.table(rows), tmp_path / "t.parquet")
    with pytest.raises(FlickrExifError, match=sentence):
        fetch(tmp_path / "t.parquet", tmp_path)
    assert not (tmp_path / "published/data").exists()


def test_no_table_and_a_contact_that_is_missing(tmp_path: Path, server: Moody) -> None:
    for name in ("none.parquet", str(tmp_path)):
        with pytest.raises(UsageError, match=r"no table.*Give a name on the Hub such as CTU-OU/FlickrExif"):
            fetch(name, tmp_path)
    rows = rows_of(server, IDS[:1]) | {"url": ["https://live.staticflickr.com/1/1_2.jpg"]}
    with pytest.raises(UsageError, match=r"want a contact .* FLICKREXIF_CONTACT=you@example\.org flickrexif fetch"):
        fetch(write_table(tmp_path / "t.parquet", rows), tmp_path)


# --- with other commands


def test_a_photo_that_was_forgotten_is_never_fetched(server: Moody, table: Path, tmp_path: Path) -> None:
    write_split(tmp_path / "s", "Make", ["a", "b"], IDS)
    fetch(table, tmp_path, splits=tmp_path / "s")
    owner = "3@N01"
    photos = {IDS[4], *(n for n in IDS if n % 7 == 3)}
    for path in (table, *(tmp_path / "s").iterdir()):
        path.rename(path.with_name(f"{path.name}.kept"))  # the user's own copies, which `forget` would name
    (tmp_path / "s").rename(tmp_path.parent / f"{tmp_path.name}-s")
    kept = (tmp_path / "table.parquet.kept").rename(tmp_path.parent / f"{tmp_path.name}.parquet")
    report = flickrexif.forget(tmp_path, photos=IDS[4], owners=owner, reason="asked for")
    assert not report.unknown
    assert set(read(tmp_path)) == set(read(tmp_path, "images")) == set(IDS) - photos
    assert not [n for n in photos if (tmp_path / f"published/.crawl/images/published/{n}.jpg").exists()]
    server.asked.clear()
    splits = tmp_path.parent / f"{tmp_path.name}-s"
    for path in splits.iterdir():
        path.rename(path.with_suffix(""))
    again = fetch(kept, tmp_path, splits=splits)
    assert again.passed_over == {"taken_down": len(photos)}
    assert not server.asked
    assert set(read(tmp_path)) == set(IDS) - photos
    copied = json.loads((tmp_path / "published/splits/split_data_target_attribute=Make.json").read_text())
    assert not photos & {photo for part in ("train", "val", "test") for photo in copied[f"{part}_ids"]}


def test_images_without_a_licence_are_not_published(server: Moody, table: Path, tmp_path: Path) -> None:
    fetch(table, tmp_path)
    settings = PublishSettings(repo="jo/photos")
    with serving(Hub(users={})) as hub:
        with pytest.raises(UsageError, match=r"60 of 60 images of .* are under no open licence that is known"):
            plan(tmp_path / "published", settings, HfApi(endpoint=hub.endpoint))
        for path in (tmp_path / "published/images").iterdir():
            path.unlink()
        flickrexif.card(tmp_path / "published")
        sent = plan(tmp_path / "published", settings, HfApi(endpoint=hub.endpoint)).send
    assert {file.path for file in sent if file.path.endswith(".parquet")} == {
        f"{folder}/train-published.parquet" for folder in ("data", "labels")
    }


def test_refresh_tells_the_licences_that_the_table_lacks(server: Moody, table: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "d", tmp_path / "d/flickrexif"
    flickrexif.fetch(table, out=out, data_dir=data)
    population = server.population
    assert isinstance(population, Small)
    population.by_id[IDS[2]] = replace(population.by_id[IDS[2]], license=0)  # all rights reserved
    gone = population.by_id.pop(IDS[3])
    done = flickrexif.refresh(data_dir=data, endpoint=server.endpoint)
    assert done.answers is not None
    assert done.answers.verdicts == {"ok": PHOTOS - 1, "gone": 1}
    labels = read(data, name="flickrexif")
    assert set(labels) == set(read(data, "images", "flickrexif")) == set(IDS) - {gone.id}
    assert {row["license_id"] for row in labels.values()} == {0, 4}
    row = labels[IDS[5]]
    assert (row["title"], row["owner_name"], row["license"]) == (f"photo {IDS[5]}", "Ä & <b>", "CC BY 2.0")
    assert row["attribution"].startswith(f'"photo {IDS[5]}" by Ä & <b> ({server.base}/photos/')
    lines = (out / "ATTRIBUTION.csv").read_text()
    assert lines.count("\n") == PHOTOS
    with serving(Hub(users={})) as hub:
        with pytest.raises(UsageError, match="1 of 59 images"):
            plan(out, PublishSettings(repo="jo/photos"), HfApi(endpoint=hub.endpoint))
        flickrexif.fetch(table, out=out, data_dir=data)  # what was told stays
        assert read(data, name="flickrexif") == labels
        flickrexif.fetch(table, out=out, data_dir=data, where=[f"Flickr ID={n}" for n in IDS if n != IDS[2]])
        sent = plan(out, PublishSettings(repo="jo/photos"), HfApi(endpoint=hub.endpoint)).send
    assert "images/train-published-00000.parquet" in {file.path for file in sent}


def test_other_data_are_not_mixed_with_it(server: Moody, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "d/flickrexif"
    flickrexif.fetch(table, out=out, data_dir=tmp_path / "d")
    before = {path: path.read_bytes() for path in out.rglob("*.parquet")}
    with pytest.raises(UsageError, match="holds photos of a table, by `flickrexif fetch`"):
        flickrexif.crawl("2024-08", data_dir=tmp_path / "d", endpoint=server.endpoint, target=1)
    with pytest.raises(UsageError, match="crawls are not merged with"):
        flickrexif.merge([tmp_path / "d", tmp_path / "d"], data_dir=tmp_path / "both")
    assert flickrexif.build(data_dir=tmp_path / "d").rows == {"published": PHOTOS}
    assert {path: path.read_bytes() for path in out.rglob("*.parquet")} == before
    (tmp_path / "other/data").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"holds other data\. Name another folder with --out"):
        flickrexif.fetch(table, out=tmp_path / "other", data_dir=tmp_path / "d")


def test_an_address_that_changed_is_fetched_anew(server: Moody, table: Path, tmp_path: Path) -> None:
    rows = pq.read_table(table).to_pydict()
    right = rows["url"][3]
    rows["url"][3] = right.replace(".jpg", "_b.jpg")
    fetch(write_table(tmp_path / "t.parquet", rows), tmp_path)
    assert read(tmp_path)[IDS[3]]["image_reason"] == "gone"
    fetch(table, tmp_path)
    assert read(tmp_path)[IDS[3]]["image_url"] == right
    assert IDS[3] in read(tmp_path, "images")
    with read_journal(tmp_path / "published/.crawl/journal.sqlite") as journal:
        assert len(journal.images("published")) == PHOTOS


# --- the evaluator, on official split files

EACH = 8  # photos of a class and split that are drawn


def test_the_evaluator_takes_it_with_official_split_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of a make have a colour, so that it can be told, and every eighth photo is gone."""
    monkeypatch.delenv("FLICKR_API_KEY", raising=False)
    record = json.loads((DATA / "splits/split_data_target_attribute=Make.json").read_text())
    label_of = {
        photo: label
        for part in ("train", "val", "test")
        for photo, label in zip(record[f"{part}_ids"], record[f"encoded_{part}_labels"], strict=True)
    }
    ids = sorted(label_of)
    with Moody(ids) as server:
        reds = {photo: 28 * label_of[photo] for photo in ids}
        server.answer = lambda n: Response(404) if n % 8 == 0 else stand_in((40, 30), f"#{reds[n]:02x}40{n % 64:02x}")
        table = write_table(tmp_path / "t.parquet", rows_of(server, ids))
        limit = EACH * 3 * len(record["label_encoder_classes"])
        report = fetch(table, tmp_path, splits=DATA / "splits", attribute="Make", limit=limit)
    assert report.photos == limit < len(ids)
    assert report.reasons == {"gone": sum(photo % 8 == 0 for photo in read(tmp_path))}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more wait for each other where the machine is busy
    try:
        folder, settings = str(tmp_path / "published"), {"protocol": "fast"}
        evaluation = flickrexif.evaluate(
            "control:colour", "probe", dataset=folder, data_dir=tmp_path, settings=settings, device="cpu"
        )
    finally:
        torch.set_num_threads(threads)
    (result,) = (result for result in evaluation.results if result.attribute == "Make")
    assert (result.dataset, result.origin, result.reason) == ("published", "sandbox:simulated", "")
    present = read(tmp_path, "images")
    assert result.n["test"] == sum(photo in present for photo in record["test_ids"])
    assert result.metrics["accuracy"] > 0.9
