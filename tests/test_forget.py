"""Photos that must go are gone from every file below the data folder, and do not come back."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

import flickrexif
from flickrexif.cards import write_card
from flickrexif.collectors.sandbox.server import Sandbox
from flickrexif.collectors.search import PER_PAGE
from flickrexif.commands.build import build_dataset
from flickrexif.core.errors import UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.core.pages import marks
from flickrexif.core.takedowns import read_takedowns, takedown_path
from flickrexif.dataset.build import Collection, build
from flickrexif.dataset.images import StoredImage
from flickrexif.dataset.split_files import read_split
from flickrexif.dataset.splits import make_splits, proportional
from flickrexif.eval.data.embeddings import read_embeddings, write_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.processing.build import ProcessSettings, process
from tests.crawled_data import (
    PHOTOS,
    Cameras,
    crawl,
    embedded,
    files_of,
    kept,
    needles_of,
    processed,
    serve,
    traces,
)
from tests.embed_encoders import Linear, embed_all
from tests.raw_photos import photo as raw_photo

REASON = "asked by mail"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Cameras(PHOTOS)) as running:
        yield running


@pytest.fixture(scope="module")
def whole(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with everything that can be made of a crawl."""
    data = tmp_path_factory.mktemp("whole") / "data"
    assert crawl(data, sandbox) == [10, 10]
    root = data / "flickrexif"
    build_dataset(data)
    make_splits(root / "labels", root / "splits", proportional(2), ["Make", "Aperture"], 0, lambda _: None)
    write_card(root)
    processed(data)
    write_card(data / "imagenet-traces")
    embedded(data)
    return data


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "data"))


# --- what is left of a photo


def gone(data: Path, *, photo: list[int] | None = None, owner: list[str] | None = None) -> None:
    flickrexif.forget(data, photos=photo or (), owners=owner or (), reason=REASON)


subsets = st.tuples(
    st.sets(st.sampled_from([photo.id for photo in PHOTOS]), max_size=4),
    st.sets(st.sampled_from(sorted({photo.owner for photo in PHOTOS})), max_size=2),
)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=subsets)
@example(chosen=(set(), {photo.owner for photo in PHOTOS}))
@example(chosen=({photo.id for photo in PHOTOS if photo.taken.month == 7}, set()))
def test_nothing_is_left_of_what_is_forgotten(whole: Path, tmp_path: Path, chosen: tuple[set[int], set[str]]) -> None:
    ids, owners = chosen
    if not ids and not owners:
        return
    data = tmp_path / "data"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(whole, data)
    going = [photo for photo in PHOTOS if photo.id in ids or photo.owner in owners]
    needles = {f"{photo.id} {name}": one for photo in going for name, one in needles_of(photo, data).items()}
    needles |= {f"{owner} {n}": one for owner in owners for n, one in enumerate((owner, name_of(owner)))} | needles
    encoded = {name: one if isinstance(one, bytes) else one.encode() for name, one in needles.items()}
    assert traces(data, encoded)
    gone(data, photo=sorted(ids), owner=sorted(owners))
    assert traces(data, encoded) == set()
    left = {photo.id for photo in PHOTOS} - {photo.id for photo in going}
    assert {row["Flickr ID"] for row in kept(data)} == {row["Flickr ID"] for row in kept(whole)} & left
    listed = read_takedowns(takedown_path(data / "flickrexif"))
    assert all(map(listed.photo, ids))
    assert all(map(listed.owner, owners))
    assert not any(listed.photo(one) for one in left)


def name_of(owner: str) -> str:
    return next(photo.owner_name for photo in PHOTOS if photo.owner == owner)


# --- what stays


def test_other_files_keep_their_bytes_and_times(data: Path) -> None:
    """Of a month without the photo, of its month's other kinds, and whatever else lies there."""
    (data / "notes.txt").write_text("mine")
    before = files_of(data)
    row = next(row for row in kept(data) if row["month"] == "2024-08" and row["Flickr ID"] % 5)
    gone(data, photo=[row["Flickr ID"]])
    after = files_of(data)
    changed = {name for name in before | after if before.get(name) != after.get(name)}
    assert {name for name in changed if "2024-07" in name} == set()
    months = {name for name in changed if "2024-08" in name}
    root = "flickrexif"
    assert months == {
        f"{root}/data/train-2024-08.parquet",
        f"{root}/labels/train-2024-08.parquet",
        f"{root}/images/train-2024-08-00000.parquet",
        f"{root}/.crawl/images/2024-08/{row['Flickr ID']}.jpg",
    }
    assert "notes.txt" not in changed
    assert f"{root}/collection.json" not in changed
    assert {f"{root}/.huggingface.yaml", f"{root}/README.md"} <= changed


def test_a_photo_without_an_image_leaves_images_and_what_is_made_of_them(data: Path) -> None:
    before = files_of(data)
    gone(data, photo=[next(row["Flickr ID"] for row in kept(data) if row["Flickr ID"] % 5 == 0)])
    changed = {name for name, found in files_of(data).items() if before[name] != found}
    assert not [name for name in changed if name.startswith("imagenet-traces/") or "/images/" in name]
    side_tables = [name for name in changed if name.startswith("embeddings/FlickrExif/")]
    assert sorted(name.rpartition("_split")[0] or name[-len(".failures.csv") :] for name in side_tables)


def test_a_build_afterwards_finds_every_file_as_it_is(data: Path) -> None:
    """Rows, images and fingerprint are the bytes that the journal would give."""
    ids = [row["Flickr ID"] for row in kept(data)]
    gone(data, photo=ids[::3])
    report = build_dataset(data)
    assert [path for path in report.written if path.suffix == ".parquet"] == []
    assert report.written == report.removed == ()
    assert sum(report.rows.values()) == len(ids) - len(ids[::3])


def test_processing_and_embedding_go_on_as_if_the_photo_had_never_been(data: Path) -> None:
    """Nothing is made again or refused, and what is there is what the smaller source gives."""
    ids = [row["Flickr ID"] for row in kept(data) if row["Flickr ID"] % 5]
    gone(data, photo=ids[1::4])
    assert [part.new_shards for part in processed(data).parts] == [0, 0]
    assert [part.rows for part in processed(data).parts] == [len(ids) - len(ids[1::4])] * 2
    assert all(one.existed for one in embedded(data).files)
    processed(data, "again")
    names = [path.relative_to(data / "again") for path in sorted((data / "again").rglob("*.parquet"))]
    assert len(names) == 2
    for name in names:
        assert (data / "again" / name).read_bytes() == (data / "imagenet-traces" / name).read_bytes(), name
    for name in names:
        here, there = (data / out / name.parent / ".done/train.json" for out in ("again", "imagenet-traces"))
        told = [json.loads(path.read_bytes()) for path in (here, there)]
        assert [told[0][key] == told[1][key] for key in ("rows", "failures", "content", "source")] == [True] * 4
    embedded(data, "fresh")
    files = sorted((data / "fresh").rglob("*.safetensors"))
    assert len(files) == 3
    for path in files:
        made, fresh = read_embeddings(data / "embeddings" / path.relative_to(data / "fresh")), read_embeddings(path)
        assert made.image_ids() == fresh.image_ids()
        assert made.metadata == fresh.metadata
        np.testing.assert_array_equal(made.image_embeddings.numpy(), fresh.image_embeddings.numpy())


def test_split_entries_go_and_the_other_entries_stay(data: Path) -> None:
    folder = data / "flickrexif/splits"
    before = {path.name: read_split(path) for path in folder.glob("split_*")}
    going = int(next(iter(before.values())).ids["train"][0])
    gone(data, photo=[going])
    assert {path.name for path in folder.glob("split_*")} == set(before)
    for name, split in before.items():
        after = read_split(folder / name)
        assert (after.target_attribute, after.classes) == (split.target_attribute, split.classes)
        for part in ("train", "val", "test"):
            pairs = zip(split.ids[part].tolist(), split.labels[part].tolist(), strict=True)
            left = list(zip(after.ids[part].tolist(), after.labels[part].tolist(), strict=True))
            assert left == [pair for pair in pairs if pair[0] != going]


def test_a_month_without_rows_loses_its_files(data: Path) -> None:
    gone(data, photo=[row["Flickr ID"] for row in kept(data) if row["month"] == "2024-07"])
    assert not list((data / "flickrexif").rglob("train-2024-07*"))
    assert {row["month"] for row in kept(data)} == {"2024-08"}


def test_other_data_sets_of_the_data_folder_are_handled(data: Path, tmp_path: Path) -> None:
    """Another folder of the same layout, with an image that cannot be processed."""
    other = data / "other"
    going, broken = next(row["Flickr ID"] for row in kept(data)), 5 * 10**9
    images = []
    for number in (going, broken, broken + 1):
        path = tmp_path / f"{number}.jpg"
        pixels = np.full((40, 40, 3), number % 251, np.uint8)
        Image.fromarray(pixels).save(path)
        if number == broken:
            path.write_bytes(path.read_bytes()[:40])
        images.append(StoredImage(number, path, hashlib.sha256(path.read_bytes()).hexdigest(), 40, 40, "l"))
    rows = [raw_photo(image.flickr_id) for image in images]
    build([("2024-08", rows)], other, Collection(source="flickr"), lambda _: images)
    process(ProcessSettings(source=str(other), out=data / "other-traces", variants=("SHARPEN_2",)))
    assert str(broken) in (data / "other-traces/sharpen_2/train-failures.csv").read_text()
    gone(data, photo=[going, broken])
    needles = {"id": str(going).encode(), "broken": str(broken).encode()}
    assert traces(data, needles) == set()
    record = json.loads((data / "other-traces/sharpen_2/.done/train.json").read_bytes())
    assert (record["rows"], record["failures"]) == (1, {})
    report = process(ProcessSettings(source=str(other), out=data / "other-traces", variants=("SHARPEN_2",)))
    assert [part.new_shards for part in report.parts] == [0]


def test_row_numbers_are_no_flickr_ids(data: Path, tmp_path: Path) -> None:
    """A data set without ids calls its images 0, 1, 2 ...: photo 3 of Flickr is not its row 3."""
    import pyarrow as pa

    cells = []
    for number in range(6):
        Image.new("RGB", (30, 30), (number, 0, 0)).save(file := io.BytesIO(), "PNG")
        cells.append({"bytes": file.getvalue(), "path": f"{number}.png"})
    (tmp_path / "rows").mkdir()
    features = {"image": {"_type": "Image"}, "label": {"dtype": "int64", "_type": "Value"}}
    told = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    table = pa.table({"image": cells, "label": [0, 1] * 3}).replace_schema_metadata(told)
    pq.write_table(table, tmp_path / "rows/train-00000-of-00001.parquet")
    process(ProcessSettings(source=str(tmp_path / "rows"), out=data / "cifar", variants=("SHARPEN_2",)))
    sources = open_images(str(data / "cifar"))
    embed_all(data / "embeddings", [Linear()], sources)
    before = files_of(data)
    gone(data, photo=[3])
    assert files_of(data) == before


def test_embeddings_of_the_released_code_stay(data: Path) -> None:
    import torch

    path = data / "embeddings/ImageNet/model=clip_variant=b_split=val.safetensors"
    write_embeddings(path, torch.ones(4, 3), {"label": torch.arange(4)})
    before = path.read_bytes(), path.stat().st_mtime_ns
    gone(data, photo=[2, kept(data)[0]["Flickr ID"]])
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_rows_of_an_unfinished_embedding_go(data: Path) -> None:
    """A run that was killed left blocks: of the same images, which no run will go on with."""
    import torch

    (source,) = open_images("flickrexif", data_dir=data)
    settings = json.dumps({"processing": "IDENTITY", "data": source.fingerprint})
    others = {"images": "[]", "dataset": "Other", "settings": json.dumps({"processing": "IDENTITY", "data": "x"})}
    folders = {
        "FlickrExif/.a.0123456789abcdef.blocks": {"images": json.dumps(source.ids[:4])},
        "Elsewhere/.a.0123456789abcdef.blocks": {"images": json.dumps([f"cat/{source.ids[0]}_b.jpg"])},
        "FlickrExif/.b.0123456789abcdef.blocks": {"dataset": "FlickrExif", "settings": settings},
        "Old/.a.0123456789abcdef.blocks": {},
        "Other/.a.0123456789abcdef.blocks": {},
    }
    for name, metadata in folders.items():
        told = {} if name.startswith("Old") else others | metadata
        path = data / "embeddings" / name / "0000000000-0000000004.safetensors"
        write_embeddings(path, torch.ones(4, 3), {"row": torch.arange(4)}, told)
    gone(data, photo=[int(source.ids[0])])
    left = [name for name in folders if (data / "embeddings" / name).exists()]
    assert left == ["Other/.a.0123456789abcdef.blocks"]


# --- again, and interrupted


def test_the_same_command_again_changes_nothing(data: Path, run: Any) -> None:
    rows = kept(data)
    chosen = ("--photo", rows[0]["Flickr ID"], "--owner", rows[-1]["owner"])
    command = ("forget", *chosen, "--reason", REASON, "--data-dir", data)
    assert "2 new on the list" in run(*command)[1]
    before, listed = files_of(data), takedown_path(data / "flickrexif").read_bytes()
    code, said, _ = run(*command)
    assert code == 0
    assert (files_of(data), takedown_path(data / "flickrexif").read_bytes()) == (before, listed)
    assert "0 new on the list" in said
    assert f"No labels and no journal here know: {rows[0]['Flickr ID']}, {rows[-1]['owner']}." in said


KILLED = """
import os, sys
import flickrexif
left = int(sys.argv[3])
def hook(event, arguments):
    global left
    if event in ("os.rename", "os.remove") and str(arguments[0]).startswith(sys.argv[1]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
sys.addaudithook(hook)
flickrexif.forget(sys.argv[1], owners=sys.argv[2].split(), reason="asked by mail")
"""


def test_killed_at_any_file_the_same_command_completes_it(data: Path, tmp_path: Path) -> None:
    """Killed before a file is replaced or removed, over and over, at ever later ones."""
    owners = sorted({row["owner"] for row in kept(data)})[:2]
    expected = Path(shutil.copytree(data, tmp_path / "expected"))
    gone(expected, owner=owners)
    codes = []
    for allowed in (3, 8, 13, 10_000):
        done = subprocess.run([sys.executable, "-c", KILLED, data, " ".join(owners), str(allowed)], timeout=300)
        codes.append(done.returncode)
    assert codes == [-9, -9, -9, 0]
    found, wanted = ({n: h for n, (h, _) in files_of(folder).items()} for folder in (data, expected))
    for name in ("journal.sqlite", "journal.sqlite-shm", "journal.sqlite-wal"):
        found.pop(f"flickrexif/.crawl/{name}", None), wanted.pop(f"flickrexif/.crawl/{name}", None)
    assert found == wanted
    assert not {row["owner"] for row in kept(data)} & set(owners)


# --- what comes later


def test_a_later_crawl_does_not_take_it_back(data: Path, sandbox: Sandbox) -> None:
    owner = kept(data)[0]["owner"]
    photo = next(row["Flickr ID"] for row in kept(data) if row["owner"] != owner)
    gone(data, photo=[photo], owner=[owner])
    rows = len(kept(data))
    began = len(sandbox.calls)
    assert sum(crawl(data, sandbox)) == rows  # the months are done and stay done
    assert [method for method, _ in sandbox.calls[began:]] == ["flickr.photos.licenses.getInfo"]
    fresh = data / "fresh"
    shutil.copytree(data / "flickrexif/.crawl", fresh / "flickrexif/.crawl", ignore=only_the_list)
    for folder in (data, fresh):  # a raised target, and a crawl from nothing
        crawl(folder, sandbox, target=36)
        build_dataset(folder)
        assert not [row for row in kept(folder) if row["Flickr ID"] == photo or row["owner"] == owner]
        needles = {"id": str(photo).encode(), "owner": owner.encode()}
        assert {one for one in traces(folder / "flickrexif", needles) if ".parquet" in one or ".crawl" in one} == set()
    assert len(kept(fresh)) > 10


def only_the_list(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name != "takedowns.csv"]


def test_a_page_full_of_forgotten_photos_is_not_the_end_of_a_window(tmp_path: Path) -> None:
    """A photographer who uploaded more than a page at once is forgotten; those after him are still found."""
    many = [serve("2024-08", 0, id=60_000_000_000 + n, uploaded=1_725_000_000 + n) for n in range(PER_PAGE)]
    last = [serve("2024-08", n, uploaded=1_726_000_000 + n) for n in range(1, 4)]
    data = tmp_path / "data"
    data.mkdir()
    gone(data, owner=[many[0].owner])
    with Sandbox(Cameras(many + last)) as sandbox:
        assert crawl(data, sandbox, target=3, months=("2024-08",)) == [3]


def test_an_id_that_is_nowhere_is_listed(sandbox: Sandbox, run: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    photo = next(photo for photo in PHOTOS if photo.exif_access == "shared")
    code, said, _ = run("forget", "--photo", photo.id, "--reason", REASON, "--data-dir", empty)
    assert (code, f"No labels and no journal here know: {photo.id}." in said) == (0, True)
    crawl(empty, sandbox, target=36)
    build_dataset(empty)
    assert photo.id not in {row["Flickr ID"] for row in kept(empty)}
    assert len(kept(empty)) > 10


# --- the command


def test_a_dry_run_says_what_the_run_does_and_changes_nothing(data: Path, run: Any) -> None:
    owner = kept(data)[0]["owner"]
    before = files_of(data)
    code, said, _ = run("forget", "--owner", owner, "--reason", REASON, "--data-dir", data, "--dry-run")
    assert (code, files_of(data)) == (0, before)
    assert not takedown_path(data / "flickrexif").exists()
    code, done, _ = run("forget", "--owner", owner, "--reason", REASON, "--data-dir", data)
    assert code == 0

    def numbers(text: str) -> list[str]:
        return [line.split()[-1] for line in text.splitlines() if " in " in line and line.split()[-1].isdecimal()]

    assert len(numbers(said)) >= 8
    assert numbers(said) == numbers(done)


def test_pages_and_records_that_show_it_go(data: Path, run: Any) -> None:
    """Pages say which photos they show; one that does not, as those of 0.1, may show any."""

    def write(name: str, text: str) -> Path:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text)
        return data / name

    photo = kept(data)[0]["Flickr ID"]
    head = '<!doctype html><meta charset="utf-8"><meta name="generator" content="flickrexif {}">'
    old = [
        write("old/index.html", head.format("report")),
        write("old/figures/strips-is_smartphone.svg", "<svg/>"),
        write("deleted/browse/page-2.html", head.format("browse")),
        write("sheet/contact-sheet-1.html", "<!doctype html><title>PairCams check, page 1 of 1</title>"),
    ]
    shown = [
        write("report/index.html", "<!doctype html>" + marks("report", ["5", str(photo)])),
        write("report/figures/strips-is_smartphone.png", "png"),
        write("browse/flickrexif/index.html", "<!doctype html>" + marks("browse", [f"cat/{photo}_b.jpg"])),
        write("results/lite0/strips_FlickrExif.json", RECORD.format(photo)),
        write("mine/lone/figures/strips-x.pdf", "pdf"),  # of a report whose page is gone
    ]
    others = [
        write("results/lite0/strips_Other.json", RECORD.format(f"{photo}1")),
        write("report/figures/probe-jpeg.svg", "<svg/>"),
        write("report2/index.html", "<!doctype html>" + marks("report", [f"{photo}1", 'é"<>'])),
        write("report2/figures/strips-is_smartphone.svg", "<svg/>"),
        write("browse/flickrexif/page-2.html", "<!doctype html>" + marks("browse", [])),
        write("mine/index.html", "<p>"),
    ]
    code, out, _ = run("forget", "--photo", 1, "--reason", REASON, "--data-dir", data)  # which no page shows
    assert code == 0
    assert [path for path in old if path.exists()] == []
    lone = shown.pop()
    assert not lone.exists()
    assert [path for path in (*shown, *others) if not path.exists()] == []
    code, out, _ = run("forget", "--photo", photo, "--reason", REASON, "--data-dir", data)
    assert code == 0
    assert [path for path in shown if path.exists()] == []
    assert [path for path in others if not path.exists()] == []
    flat = " ".join(out.split())
    assert "make them again with `flickrexif browse` and `report`" in flat
    assert "flickrexif publish DIR --repo USER/NAME --purge" in flat


RECORD = '{{"schema_version": 1, "task": "strips", "encoder": "lite0", "detail": {{"id": "{}"}}}}'


def test_a_command_that_writes_is_not_disturbed(data: Path, run: Any) -> None:
    before = files_of(data)
    photo = kept(data)[0]["Flickr ID"]
    with DataFolder(data).writing("crawl"):
        code, out, err = run("forget", "--photo", photo, "--reason", "x", "--data-dir", data)
        with pytest.raises(UsageError, match="`flickrexif crawl`"):
            flickrexif.forget(data, photos=photo, reason="x")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "`flickrexif crawl` (process" in err
    assert "is using" in err
    assert not takedown_path(data / "flickrexif").exists()
    assert files_of(data) == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--photo", "12x"), "'12x' is no id of a photo"),
        (("--photo", "0"), "'0' is no id of a photo"),
        (("--photo", "9" * 30), "is no id of a photo"),
        (("--photo", "https://www.flickr.com/photos/jo/1/"), "the number in the address of its page"),
        (("--owner", "jo"), "'jo' is no NSID"),
        (("--owner", "1@N01\n"), "is no NSID"),
        ((), "Nothing to forget was named"),
        (("--photo", "1", "--reason", " \n\t"), "The reason is empty"),
        (("--photo", "1", "--data-dir", "nowhere"), "There is no folder nowhere"),
    ],
)
def test_bad_input_is_one_sentence(
    data: Path, run: Any, options: tuple[str, ...], sentence: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files_of(data)
    code, out, err = run("forget", "--reason", REASON, "--data-dir", data, *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert files_of(data) == before
    assert not takedown_path(data / "flickrexif").exists()


def test_a_damaged_list_stops_every_command_that_needs_it(data: Path, run: Any, sandbox: Sandbox) -> None:
    gone(data, photo=[1])
    path = takedown_path(data / "flickrexif")
    path.write_bytes(path.read_bytes()[:-9])
    code, _, err = run("forget", "--photo", "2", "--reason", "x", "--data-dir", data)
    assert code == 1
    assert "is damaged" in err
    assert "Restore it from a copy" in err
    with pytest.raises(Exception, match="is damaged"):
        crawl(data, sandbox, target=36)


def test_a_damaged_file_is_one_sentence_and_the_rest_completes_later(data: Path, run: Any) -> None:
    path = data / "flickrexif/labels/train-2024-08.parquet"
    whole = path.read_bytes()
    row = kept(data)[0]
    path.write_bytes(whole[:-50])
    command = ("forget", "--photo", row["Flickr ID"], "--reason", "x", "--data-dir", data)
    code, _, err = run(*command)
    assert code == 1
    assert str(path) in err
    assert err.count("\n") == 1
    path.write_bytes(whole)
    assert run(*command)[0] == 0
    assert row["Flickr ID"] not in {one["Flickr ID"] for one in kept(data)}
