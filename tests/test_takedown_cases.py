"""Takedowns that once broke their promise, each from Python and from the command line, and any order of commands."""

import csv
import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import flickrexif
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.core.takedowns import takedown_path
from flickrexif.dataset.build import Collection, build
from flickrexif.eval.data.embeddings import read_embeddings, write_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.embed.report import EmbedReport
from flickrexif.eval.embed.store import read_failures, shard_path
from flickrexif.eval.results import Result, write_result
from flickrexif.processing.build import ProcessReport, ProcessSettings, process
from tests.crawled_data import PHOTOS, Cameras, crawl, kept, traces
from tests.embed_encoders import Linear, embed_all
from tests.raw_photos import photo as raw_photo

Run = Callable[..., tuple[int, str, str]]
Forget = Callable[[Path, int], str]
REASON = "asked by mail"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Cameras(PHOTOS)) as running:
        yield running


@pytest.fixture(scope="module")
def crawled(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with photos of two months and their images."""
    data = tmp_path_factory.mktemp("crawled") / "data"
    assert crawl(data, sandbox) == [10, 10]
    flickrexif.build(data_dir=data)
    return data


@pytest.fixture
def data(crawled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crawled, tmp_path / "data"))


@pytest.fixture(params=["python", "command line"])
def forget(request: pytest.FixtureRequest, run: Run) -> Forget:
    """Forgets a photo; what the command line printed."""

    def by_function(data: Path, photo: int) -> str:
        flickrexif.forget(data, photos=photo, reason=REASON)
        return ""

    def by_command(data: Path, photo: int) -> str:
        code, out, err = run("forget", "--photo", photo, "--reason", REASON, "--data-dir", data)
        assert code == 0, err
        return out

    return by_function if request.param == "python" else by_command


def a_photo(data: Path) -> int:
    """One that has an image."""
    return next(row["Flickr ID"] for row in kept(data) if row["Flickr ID"] % 5)


def left(folder: Path, photo: int) -> set[str]:
    return traces(folder, {"id": str(photo).encode()})


# --- 1: while another command writes


PAUSED = """
import os, sys, time
from pathlib import Path
import flickrexif
data, signs = Path(sys.argv[1]), Path(sys.argv[2])
def hook(event, arguments):
    if event == "os.rename" and "labels" in str(arguments[1]) and not (signs / "at").exists():
        (signs / "at").touch()
        while not (signs / "go").exists():
            time.sleep(0.01)
sys.addaudithook(hook)
flickrexif.build(data_dir=data)
"""


def test_while_a_build_runs_it_is_refused_and_nothing_comes_back(data: Path, tmp_path: Path, run: Run) -> None:
    photo = a_photo(data)
    for path in (data / "flickrexif/labels").iterdir():
        path.unlink()  # so that the build writes them
    with subprocess.Popen([sys.executable, "-c", PAUSED, data, tmp_path], stderr=subprocess.PIPE) as building:
        until = time.monotonic() + 60
        while not (tmp_path / "at").exists():
            assert building.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        try:
            code, _, err = run("forget", "--photo", photo, "--reason", REASON, "--data-dir", data)
            assert (code, f"`flickrexif build` (process {building.pid}" in err) == (2, True)
            with pytest.raises(UsageError, match="is using"):
                flickrexif.forget(data, photos=photo, reason=REASON)
        finally:
            (tmp_path / "go").touch()
        assert building.wait(60) == 0
    flickrexif.forget(data, photos=photo, reason=REASON)
    flickrexif.build(data_dir=data)
    assert left(data, photo) == set()


# --- 2: pages of a data set that is gone


def test_pages_of_a_deleted_data_set_go(data: Path, forget: Forget) -> None:
    flickrexif.browse(data / "flickrexif", photos=1_000)
    flickrexif.process(data / "flickrexif", out=data / "traces", variant="jpeg75_420")
    flickrexif.browse(data / "traces", photos=2)
    shown = {photo.id for photo in PHOTOS if left(data / "browse/traces", photo.id)}
    photo = next(iter(shown))
    for folder in ("flickrexif", "traces"):
        shutil.rmtree(data / folder)
    before = set((data / "browse").rglob("*.html"))
    assert left(data, photo)
    forget(data, photo)
    assert left(data, photo) == set()
    gone = before - set((data / "browse").rglob("*.html"))
    assert gone == {data / "browse/flickrexif/index.html", *(path for path in gone if path.parent.name == "traces")}
    assert len(gone) == 2
    assert len(before) == 3


# --- 3: files that were written elsewhere


def test_split_files_elsewhere_lose_it(data: Path, tmp_path: Path, forget: Forget) -> None:
    out = tmp_path / "elsewhere/splits"
    flickrexif.splits(protocol="proportional", min_photos=2, attribute="Make", data_dir=data, out=out)
    path = out / "split_data_target_attribute=Make.json"
    before = json.loads(path.read_bytes())
    photo = before["train_ids"][0]
    forget(data, photo)
    assert left(out, photo) == set()
    after = json.loads(path.read_bytes())
    assert after["train_ids"] == before["train_ids"][1:]
    assert after["encoded_train_labels"] == before["encoded_train_labels"][1:]
    (entry,) = json.loads((out / "splits.json").read_bytes())["splits"]
    for part in ("train", "val", "test"):
        labels = after[f"encoded_{part}_labels"]
        assert entry["counts"][part] == [labels.count(place) for place in range(len(entry["classes"]))]
    assert pq.read_table(path.with_suffix(".parquet")).num_rows == sum(
        len(after[f"{p}_ids"]) for p in ("train", "val", "test")
    )


# --- 4: a shard of a variant that is made again


def traces_of(data: Path, **options: Any) -> ProcessReport:
    with DataFolder(data).writing("process"):
        return process(ProcessSettings(source=str(data / "flickrexif"), out=data / "traces", **options))


def test_a_shard_made_again_afterwards_has_the_right_rows(data: Path, forget: Forget) -> None:
    made = partial(traces_of, data, variants=("JPEG75_420", "SHARPEN_2"), shard_bytes=10_000)
    made()

    def rows() -> list[tuple[str, str]]:
        files = sorted((data / "traces/jpeg75_420").glob("*.parquet"))
        return [(row["image_id"], row["sha256"]) for path in files for row in pq.read_table(path).to_pylist()]

    before = rows()
    photo = int(before[1][0])
    forget(data, photo)
    expected = [row for row in before if row[0] != str(photo)]
    assert rows() == expected
    shards = sorted((data / "traces/jpeg75_420").glob("*.parquet"))
    assert len(shards) > 2
    for shard in shards[1:]:
        shard.unlink()
    assert [part.new_shards for part in made().parts] == [len(shards) - 1, 0]
    assert rows() == expected
    assert left(data, photo) == set()


# --- 5: photos that are files


def embedded(data: Path, folder: str, out: str = "embeddings", **options: Any) -> EmbedReport:
    return embed_all(data / out, [Linear()], open_images(str(data / folder)), **options)


def folder_of_images(data: Path) -> list[int]:
    """A folder of class folders, with files that are named by photos, and one that is no image."""
    ids = [53_512_000_000 + number for number in range(6)]
    for place, photo in enumerate(ids):
        path = data / "mine/train" / ("cat", "dog")[place % 2] / f"{photo}_b.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (30 + place, 30), (place, 9, 9)).save(path)
    path.write_bytes(b"no image")
    (data / "mine/train/cat/0001.jpg").write_bytes((data / f"mine/train/cat/{ids[0]}_b.jpg").read_bytes())
    return ids


def test_a_folder_of_images_is_embedded_as_before(data: Path, forget: Forget) -> None:
    ids = folder_of_images(data)
    embedded(data, "mine")
    gone = [ids[2], ids[5]]  # one with a row, one that failed
    for photo in gone:
        forget(data, photo)
        assert left(data, photo) == set()
    assert not list((data / "mine").rglob(f"{ids[2]}*"))
    again = embedded(data, "mine")
    assert [(one.existed, one.rows, one.failures) for one in again.files] == [(True, 5, {})]
    fresh = embedded(data, "mine", "fresh")
    (made,), (expected,) = ([read_embeddings(one.path) for one in report.files] for report in (again, fresh))
    assert made.image_ids() == expected.image_ids()
    assert made.metadata == expected.metadata
    np.testing.assert_array_equal(made.image_embeddings.numpy(), expected.image_embeddings.numpy())


def test_a_data_set_with_images_as_files_is_embedded_as_before(data: Path, forget: Forget) -> None:
    rows = [raw_photo(53_512_000_000 + number) for number in range(4)]
    build([("2024-08", rows)], data / "own", Collection(source="flickr"))
    (data / "own/images").mkdir()
    for place, row in enumerate(rows[:3]):  # one has none, and is told to be missing
        Image.new("RGB", (30 + place, 30)).save(data / f"own/images/{row.flickr_id}.jpg")
    report = embedded(data, "own")
    assert [reason for _, reason in read_failures(report.files[0].path)] == ["missing"]
    for row in (rows[1], rows[3]):
        forget(data, row.flickr_id)
        assert left(data, row.flickr_id) == set()
    (again,) = embedded(data, "own").files
    assert (again.existed, again.rows, again.failures) == (True, 2, {})


def test_embeddings_of_images_elsewhere_stay_made(data: Path, tmp_path: Path, forget: Forget) -> None:
    """The photo is still there, outside of the data folder; its row is not, and the file is not refused."""
    ids = folder_of_images(tmp_path / "outside")
    images = open_images(str(tmp_path / "outside/mine"))
    embed_all(data / "embeddings", [Linear()], images)
    forget(data, ids[1])
    (again,) = embed_all(data / "embeddings", [Linear()], images).files
    assert again.existed
    assert f"dog/{ids[1]}_b.jpg" not in read_embeddings(again.path).image_ids()
    assert again.rows == 5
    assert left(data, ids[1]) == set()


def test_shards_of_embeddings_are_made_again(data: Path, forget: Forget) -> None:
    """Their rows are those of a source that has other images now."""
    ids = folder_of_images(data)
    for shard in ("1/3", "2/3"):
        embedded(data, "mine", shard=shard)
    forget(data, ids[0])
    for shard in ("1/3", "2/3", "3/3"):
        (one,) = embedded(data, "mine", shard=shard).files
        assert not one.existed
    (path,) = flickrexif.merge_shards(data_dir=data)
    assert read_embeddings(path).image_ids() == [
        "cat/0001.jpg",
        *(f"cat/{ids[n]}_b.jpg" for n in (2, 4)),
        *(f"dog/{ids[n]}_b.jpg" for n in (1, 3)),
    ]
    assert not shard_path(path, 1, 3).exists()


# --- 6: refresh of a data set that was merged


def test_a_merged_data_set_is_merged_again_after_refresh(
    data: Path, sandbox: Sandbox, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "sandbox")
    monkeypatch.setenv("FLICKR_API_SECRET", "sandbox")
    other = Path(shutil.copytree(data, tmp_path / "other"))
    both = tmp_path / "both"
    flickrexif.merge([data, other], data_dir=both)
    refreshed = flickrexif.refresh(data_dir=both, endpoint=sandbox.endpoint)
    assert refreshed.answers is not None
    assert refreshed.answers.verdicts == {"ok": 20}
    assert (both / "flickrexif/.crawl/journal.sqlite").exists()
    flickrexif.merge([data, other], data_dir=both)
    code, _, err = run("merge", data, other, "--data-dir", both)
    assert code == 0, err
    shutil.rmtree(both / "flickrexif")
    shutil.copytree(data / "flickrexif/.crawl", both / "flickrexif/.crawl")  # a crawl that was not built yet
    with pytest.raises(UsageError, match="holds a data set of its own"):
        flickrexif.merge([data, other], data_dir=both)


# --- 7 and 8: what is said, and what is kept


def test_the_way_to_remove_it_from_the_hub_is_told(data: Path, run: Run) -> None:
    code, out, _ = run("forget", "--photo", a_photo(data), "--reason", REASON, "--data-dir", data)
    assert code == 0
    assert "flickrexif publish DIR --repo USER/NAME --purge" in out
    assert "nothing is left" in out


def test_the_list_holds_slow_hashes(data: Path, forget: Forget) -> None:
    photo = a_photo(data)
    forget(data, photo)
    with takedown_path(data / "flickrexif").open(newline="") as file:
        (line,) = csv.DictReader(file)
    salt = bytes.fromhex(line["salt"])
    assert line["hash"] == hashlib.scrypt(f"photo:{photo}".encode(), salt=salt, n=2**14, r=8, p=1, dklen=32).hex()


def test_a_reason_that_names_the_photo_is_refused(data: Path, run: Run) -> None:
    photo = a_photo(data)
    code, _, err = run("forget", "--photo", photo, "--reason", f"mail about {photo}", "--data-dir", data)
    assert (code, "say why, not who" in err) == (2, True)
    with pytest.raises(UsageError, match="say why, not who"):
        flickrexif.forget(data, photos=photo, reason=f"mail about {photo}")
    assert not takedown_path(data / "flickrexif").exists()
    assert photo in {row["Flickr ID"] for row in kept(data)}


# --- 9: another licence


@pytest.mark.parametrize("way", ["python", "command line"])
def test_a_photo_under_another_licence_leaves_and_may_come_back_under_that_one(
    tmp_path: Path, way: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "sandbox")
    monkeypatch.setenv("FLICKR_API_SECRET", "sandbox")
    population = Cameras(PHOTOS)
    data = tmp_path / "data"
    with Sandbox(population) as server:
        crawl(data, server, target=36)
        flickrexif.build(data_dir=data)
        one, other = (row["Flickr ID"] for row in kept(data)[:2])
        population.photos = [
            replace(photo, license={one: 5, other: 0}.get(photo.id, photo.license)) for photo in population.photos
        ]
        if way == "python":
            refreshed = flickrexif.refresh(data_dir=data, endpoint=server.endpoint)
            assert refreshed.answers is not None
            assert refreshed.answers.going == {"license_changed": (one, other)}
        else:
            code, out, err = run("refresh", "--data-dir", data, "--endpoint", server.endpoint)
            assert code == 0, err
            assert "license_changed" in out
            assert "0 new on the list of takedowns" in out
        assert left(data, one) == left(data, other) == set()
        assert not takedown_path(data / "flickrexif").exists()
    fresh = tmp_path / "fresh"
    with Sandbox(population) as server:
        crawl(fresh, server, target=36)  # of permissive licences: 5 is one of them, 0 is not
    flickrexif.build(data_dir=fresh)
    licenses = {row["Flickr ID"]: row["license_id"] for row in kept(fresh)}
    assert licenses[one] == 5
    assert other not in licenses


# --- what is left is an error


def test_what_no_holder_knows_is_an_error_that_names_the_file(data: Path, run: Run) -> None:
    photo = a_photo(data)
    owner = next(row["owner"] for row in kept(data) if row["Flickr ID"] != photo)
    places = {
        "notes.txt": f"see {photo}!".encode(),
        "deep/er/table.csv": f"a,b\n{photo},1\n".encode(),
        "export.json": json.dumps({"n": photo}).encode(),
        f"{photo}.txt": b"",
        f"album {photo}/readme": b"",
        "whose.md": owner.encode(),
        "address.html": f"/people/{owner.replace('@', '%40')}/".encode(),
    }
    others = {
        "longer.txt": f"1{photo} {photo}1".encode(),
        "float.json": f"0.{photo}".encode(),
        "picture.png": str(photo).encode(),
    }
    for name, content in {**places, **others}.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(content)
    pq.write_table(pq.read_table(data / "flickrexif/labels").select(["Flickr ID", "title"]), data / "mine.parquet")
    nested = [{"of": {"photo": f"x/{photo}.jpg"}, "all": [str(photo)]}]
    import pyarrow as pa

    pq.write_table(pa.table({"a": nested}), data / "nested.parquet")
    write_embeddings(data / "mine.safetensors", torch.ones(1, 2), {"Flickr ID": torch.tensor([photo])})
    (data / "weights.safetensors").write_bytes(_weights(photo))
    shutil.copyfile(data / "flickrexif/.crawl/journal.sqlite", data / "copy.db")
    names = {*places, "mine.parquet", "nested.parquet", "weights.safetensors", "copy.db"}
    command = ("forget", "--photo", photo, "--owner", owner, "--reason", REASON, "--data-dir", data)
    code, _, err = run(*command)
    assert code == 1
    assert err.count("\n") == 1
    assert "Something is left in" in err
    assert "and 1 more" in err
    for name in names:
        (data / name).unlink()
    (data / f"album {photo}").rmdir()
    assert run(*command)[0] == 0
    for name in others:
        assert (data / name).exists()
    (data / "notes.txt").write_bytes(str(photo).encode())
    with pytest.raises(FlickrExifError, match=r"is left in \S+notes\.txt\."):
        flickrexif.forget(data, photos=photo, reason=REASON)


def _weights(photo: int) -> bytes:
    from safetensors.numpy import save

    return save({"ids": np.array([1, photo], np.int64)}, {"made of": f"photo {photo + 1}"})


def test_records_and_pages_of_the_report_go(data: Path, forget: Forget) -> None:
    photo = a_photo(data)
    folder = data / "results/lite0"
    result = Result(task="strips", encoder="lite0", family=None, dataset="FlickrExif", origin="flickr",
                    metrics={"same": 1.0}, settings={"mask": 0})  # fmt: skip
    for name, seen in (("strips_a", photo), ("strips_b", photo + 1)):
        write_result(folder / f"{name}.json", replace(result, detail={"queries": [{"id": str(seen), "neighbors": []}]}))
    forget(data, photo)
    assert [path.name for path in folder.iterdir()] == ["strips_b.json"]


# --- any order of commands


def in_order(data: Path, sandbox: Sandbox, elsewhere: Path) -> dict[str, Callable[[], object]]:
    root = data / "flickrexif"

    def embed_all() -> None:
        with DataFolder(data).writing("embed"):
            for folder in ("flickrexif", "traces", "mine"):
                if (data / folder).is_dir():
                    embedded(data, folder)

    def put_files() -> None:
        if not (data / "mine").exists():
            for path in sorted((root / ".crawl/images").rglob("*.jpg"))[::3]:
                copy = data / "mine/train" / ("cat", "dog")[int(path.stem) % 2] / f"{path.stem}_b.jpg"
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)

    return {
        "crawl": lambda: (crawl(data, sandbox, target=14), flickrexif.build(data_dir=data)),
        "build": lambda: flickrexif.build(data_dir=data),
        "splits": lambda: flickrexif.splits(protocol="proportional", min_photos=2, attribute="Make", data_dir=data),
        "splits elsewhere": lambda: flickrexif.splits(
            protocol="proportional", min_photos=2, attribute="Make", data_dir=data, out=elsewhere / "splits"
        ),
        "process": lambda: traces_of(data, variants=("JPEG75_420",), shard_bytes=20_000),
        "process elsewhere": lambda: flickrexif.process(
            root, out=elsewhere / "traces", variant="sharpen_2", data_dir=data
        ),
        "files": put_files,
        "embed": embed_all,
        "browse": lambda: flickrexif.browse(root),
        "browse elsewhere": lambda: flickrexif.browse(root, out=elsewhere / "pages"),
        "card": lambda: flickrexif.card(root),
        "lose a shard": lambda: [path.unlink() for path in sorted((data / "traces").rglob("*-of-*.parquet"))[:1]],
        "lose the pages' data": lambda: shutil.rmtree(data / "traces", ignore_errors=True),
    }


NAMES = tuple(in_order(Path(), None, Path()))  # type: ignore[arg-type]
STEPS = st.lists(st.one_of(*[st.sampled_from(NAMES)] * 3, st.integers(0, 30)), min_size=4, max_size=8)
FEWEST = 8  # rows that are left


@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
@example(steps=["splits elsewhere", "process", "files", "embed", "browse", 3, "lose a shard", "process", "embed"])
@example(steps=["process elsewhere", "browse elsewhere", "splits", 5, "crawl", "process", 2, "card", "embed"])
def test_any_order_of_commands_leaves_nothing(
    crawled: Path, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, steps: list[str | int]
) -> None:
    """A number forgets a photo, in turn with its photographer."""
    folder = tmp_path_factory.mktemp("order")
    data = Path(shutil.copytree(crawled, folder / "data"))
    commands = in_order(data, sandbox, folder / "elsewhere")
    needles: dict[str, bytes] = {}
    for place, step in enumerate([*steps, 1, *steps]):
        rows = kept(data)
        if isinstance(step, str):
            with suppress(FlickrExifError):  # a data set that has grown, labels that are too few
                commands[step]()
        elif len(rows) > FEWEST:
            row = rows[step % len(rows)]
            if place % 2:
                flickrexif.forget(data, photos=row["Flickr ID"], reason=REASON)
                going = [row["Flickr ID"]]
            else:
                flickrexif.forget(data, owners=row["owner"], reason=REASON)
                going = [photo.id for photo in PHOTOS if photo.owner == row["owner"]]
            needles |= {str(photo): str(photo).encode() for photo in going}
        assert traces(folder, needles) == set(), steps
    assert needles
