"""Folders that other tools wrote: the images, ids and labels that those tools, or other readers, say they hold."""

import io
import json
import pickle
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import flickrexif
import flickrexif.eval.encoders.torchvision_operators  # declares what torchvision needs
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import read_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.data.source import Source, passed_over
from flickrexif.eval.data.tars import LONGEST
from tests.hub import Hub, serving
from tests.hub_repo import File, Repo
from tests.pushing import USERS, run_python
from tests.samples import DATA

PHOTOS = [path.read_bytes() for path in sorted((DATA / "photos").iterdir())[:6]]
Write = Callable[[Path], Path]


def read_all(source: Source) -> dict[str, bytes | None]:
    """Id -> bytes, read in uneven pieces by a reader that went to another process and back."""
    read = pickle.loads(pickle.dumps(source.read))
    contents = [data for start in range(0, len(source), 4) for data in read(start, min(start + 4, len(source)))]
    assert contents == list(source.read(0, len(source)))
    return dict(zip(source.ids, contents, strict=True))


def write_tar(path: Path, members: Mapping[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def write_files(root: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


# --- the layouts


def downloaded(root: Path, *, tars: bool, labels: bool = True) -> Path:
    """What img2dataset writes of eight addresses in two shards: six images, two failures."""
    for shard in range(2):
        rows: list[dict[str, Any]] = []
        files: dict[str, bytes] = {}
        for place in (2, 0, 3, 1):  # in the order in which the downloads ended
            key = f"{shard:05}{place:04}"
            status = ("success", "success", "success", ("failed_to_download", "failed_to_resize")[shard])[place]
            row = {"url": f"https://example.org/{key}", "key": key, "status": status, "caption": f"photo {key}"}
            rows.append(row | {"label": shard * 4 + place, "sha256": f"{place:064}"})
            if status == "success":
                files |= {
                    f"{key}.jpg": PHOTOS[shard * 3 + place],
                    f"{key}.txt": b"photo",
                    f"{key}.json": json.dumps(row).encode(),
                }
        if tars:
            write_tar(root / f"{shard:05}.tar", files)
        else:
            write_files(root / f"{shard:05}", files)
        table = pa.Table.from_pylist(rows)
        pq.write_table(table if labels else table.drop(["label", "sha256"]), root / f"{shard:05}.parquet")
        write_files(root, {f"{shard:05}_stats.json": b"{}"})
    return root


def data_set(split: str | None, numbers: range) -> datasets.Dataset:
    features = datasets.Features(
        {
            "photo": datasets.Image(),
            "label": datasets.ClassLabel(names=["night", "day"]),
            "image_id": datasets.Value("string"),
        }
    )
    rows = {
        "photo": [{"bytes": PHOTOS[n], "path": f"{n}.jpg"} for n in numbers],
        "label": [n % 2 for n in numbers],
        "image_id": [f"photo-{n}" for n in numbers],
    }
    return datasets.Dataset.from_dict(rows, features, split=split and datasets.NamedSplit(split))


def saved_dict(root: Path) -> Path:
    splits = {"train": data_set("train", range(4)), "validation": data_set("validation", range(4, 6))}
    datasets.DatasetDict(splits).save_to_disk(root)
    return root


def web_dataset(root: Path) -> Path:
    for split, numbers in {"train-000000": (0, 1), "train-000001": (2, 3), "validation-000000": (4, 5)}.items():
        members = {
            f"{n:04}.{field}": data
            for n in numbers
            for field, data in (("jpg", PHOTOS[n]), ("cls", b"%d\n" % (n % 3)), ("txt", b"a photo"))
        }
        write_tar(root / f"{split}.tar", members)
    return root


def image_folder(root: Path) -> Path:
    names = [
        "train/b/0.jpg",
        "train/a/deep/er/1.JPG",
        "train/c.d/2.jpeg",
        "train/a/3.jpg",
        "val/b/4.jpg",
        "val/a/5.jpg",
    ]
    write_files(root, dict(zip(names, PHOTOS, strict=True)) | {"train/a/notes.txt": b"no image", "README.md": b"hello"})
    return root


LAYOUTS: dict[str, Write] = {
    "img2dataset-tars": lambda root: downloaded(root, tars=True),
    "img2dataset-files": lambda root: downloaded(root, tars=False),
    "save_to_disk": saved_dict,
    "webdataset": web_dataset,
    "imagefolder": image_folder,
}


def change(root: Path) -> None:
    """One image of the folder becomes another, in whatever holds it."""
    PHOTOS[0], kept = PHOTOS[0] + b"\0", PHOTOS[0]
    try:
        layout = next(write for name, write in LAYOUTS.items() if name == root.name)
        shutil.rmtree(root)
        layout(root)
    finally:
        PHOTOS[0] = kept


# --- every layout


@pytest.mark.parametrize("name", LAYOUTS)
def test_all_images_are_embedded_and_the_bytes_are_the_same_each_time(name: str, tmp_path: Path) -> None:
    root = LAYOUTS[name](tmp_path / name)
    sources = open_images(str(root))
    images = [data for source in sources for data in read_all(source).values()]
    assert sorted(data for data in images if data) == sorted(PHOTOS)
    said: list[str] = []
    files = []
    for number, workers in enumerate((0, 1)):
        out = tmp_path / str(number)
        report = flickrexif.embed(
            root, "control:colour", embeddings=out, workers=workers, say=said.append, device="cpu"
        )
        assert sum(file.rows for file in report.files) == len(PHOTOS)
        files.append({path.relative_to(out): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})
    assert files[0] == files[1]
    lines = [line for line in said if "passed over" in line]
    assert lines == passed_over(sources) * 2
    assert bool(lines) == (name != "save_to_disk")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_fingerprint_tells_of_an_image_that_changed(name: str, tmp_path: Path) -> None:
    def tells() -> list[str]:
        return [source.fingerprint for source in open_images(str(tmp_path / name))]

    LAYOUTS[name](tmp_path / name)
    before = tells()
    shutil.copytree(tmp_path / name, tmp_path / "copy" / name)
    assert [source.fingerprint for source in open_images(str(tmp_path / "copy" / name))] == before
    change(tmp_path / name)
    after = tells()
    assert len(after) == len(before)
    assert [old == new for old, new in zip(before, after, strict=True)].count(False) == 1


# --- img2dataset


@pytest.mark.parametrize("tars", [True, False])
def test_the_metadata_of_img2dataset_say_what_there_is(tars: bool, tmp_path: Path) -> None:
    (source,) = open_images(str(downloaded(tmp_path / "laion", tars=tars)))
    rows = [row for shard in range(2) for row in pq.read_table(tmp_path / "laion" / f"{shard:05}.parquet").to_pylist()]
    stored = [row for row in rows if row["status"] == "success"]
    assert list(source.ids) == [row["key"] for row in stored]
    assert source.columns == {"label": [row["label"] for row in stored]}
    assert source.missing == {row["key"]: row["status"] for row in rows if row["status"] != "success"}
    assert (source.dataset, source.split, len(source.missing)) == ("laion", None, 2)
    for key, data in read_all(source).items():
        if tars:
            with tarfile.open(tmp_path / "laion" / f"{key[:5]}.tar") as archive:
                expected = archive.extractfile(f"{key}.jpg")
                assert expected
                assert data == expected.read()
        else:
            assert data == (tmp_path / "laion" / key[:5] / f"{key}.jpg").read_bytes()
    assert source.passed_over == {".json": 8, ".txt": 6}
    report = flickrexif.embed(tmp_path / "laion", "control:colour", embeddings=tmp_path / "e")
    assert [file.failures for file in report.files] == [{"failed_to_download": 1, "failed_to_resize": 1}]
    assert (
        source.fingerprint == open_images(str(downloaded(tmp_path / "b", tars=tars, labels=False)))[0].fingerprint
    ) is False


def test_img2dataset_without_labels_in_folders_of_splits(tmp_path: Path) -> None:
    for split in ("train", "val"):
        downloaded(tmp_path / "web" / split, tars=split == "train", labels=False)
    train, val = open_images(str(tmp_path / "web"))
    assert [train.split, val.split, train.columns, val.columns] == ["train", "val", {}, {}]
    assert read_all(train) == read_all(val)


def test_what_img2dataset_and_the_folder_do_not_agree_on(tmp_path: Path) -> None:
    root = downloaded(tmp_path / "web", tars=False)
    (root / "00000/000000000.jpg").unlink()
    write_files(root, {"00001/000019999.jpg": PHOTOS[0], "00002/000020000.jpg": PHOTOS[1]})
    table = pq.read_table(root / "00001.parquet")
    texts = pa.array([f"class {n}" for n in table["label"].to_pylist()])
    pq.write_table(table.drop(["label"]).append_column("label", texts), root / "00001.parquet")
    (source,) = open_images(str(root))
    assert source.missing["000000000"] == "missing"
    assert source.columns == {"label": [2, 1, -1, -1, -1]}
    assert source.passed_over["image that no row says was downloaded"] == 1
    assert source.passed_over["folder without metadata"] == 1
    assert source.passed_over["label that is no integer"] == 3
    shutil.rmtree(root / "00001")
    with pytest.raises(UsageError, match=r"lacks its images: there is neither 00001\.tar nor 00001/"):
        open_images(str(root))
    write_tar(root / "00001.tar", {})
    with pytest.raises(UsageError, match="in tar files and in folders"):
        open_images(str(root))


# --- save_to_disk


def test_a_saved_data_set_is_what_datasets_reads(tmp_path: Path) -> None:
    root = saved_dict(tmp_path / "a [2024] set")
    sources = {source.split: source for source in open_images(str(root))}
    assert set(sources) == {"train", "val"}
    for split, rows in datasets.load_from_disk(str(saved_dict(tmp_path / "plain"))).items():
        source = sources[{"validation": "val"}.get(split, split)]
        theirs = rows.cast_column("photo", datasets.Image(decode=False))
        assert read_all(source) == {row["image_id"]: row["photo"]["bytes"] for row in theirs}
        assert source.columns == {"label": rows["label"][:]}
        assert list(source.class_names) == rows.features["label"].names == ["night", "day"]


@pytest.mark.parametrize(("split", "expected"), [("test", "test"), ("train[:10%]", None), (None, None)])
def test_one_saved_split(split: str | None, expected: str | None, tmp_path: Path) -> None:
    rows = data_set(None, range(6))
    rows = datasets.Dataset(rows.data, rows.info, split and datasets.NamedSplit(split) if split == "test" else None)
    shuffled = rows.shuffle(seed=3).with_format("numpy")
    shuffled.save_to_disk(tmp_path / "set", num_shards=2)
    if split and split != "test":
        state = json.loads((tmp_path / "set/state.json").read_text())
        (tmp_path / "set/state.json").write_text(json.dumps(state | {"_split": split}))
    (source,) = open_images(str(tmp_path / "set"))
    assert (source.split, list(source.ids)) == (expected, list(shuffled["image_id"]))
    assert list(read_all(source).values()) == [PHOTOS[int(name.rpartition("-")[2])] for name in source.ids]


def test_a_saved_data_set_that_is_damaged_is_one_sentence(tmp_path: Path) -> None:
    root = saved_dict(tmp_path / "set")
    for path, text in ((next(root.rglob("*.arrow")), "cut"), (root / "train/state.json", "{")):
        path.write_text(text)
        with pytest.raises(FlickrExifError, match="cannot be read") as raised:
            open_images(str(root))
        assert "\n" not in str(raised.value)


def test_a_data_set_of_the_hub_by_its_name(tmp_path: Path) -> None:
    rows, file = data_set("train", range(4)), io.BytesIO()
    rows.to_parquet(file)
    repo = Repo(private=False)
    stored = {"data/train-00000-of-00001.parquet": File(file.getvalue(), large=True)}
    repo.commit("main", "first", stored | {"README.md": File(b"---\nlicense: mit\n---\n", large=False)})
    with serving(Hub(USERS, repos={"jo/photos": repo})) as hub:
        hub.objects |= {some.sha256: some.content for some in stored.values()}
        asked = ("--dataset", "jo/photos", "--encoder", "control:colour", "--embeddings", tmp_path / "e")
        done = run_python(hub, tmp_path, "-m", "flickrexif", "embed", *asked)
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "e").rglob("*.safetensors")
    file_of_hub = read_embeddings(path)
    assert list(file_of_hub.image_ids()) == rows["image_id"][:]
    assert file_of_hub.columns["label"].tolist() == rows["label"][:]


# --- WebDataset


def test_samples_are_those_that_datasets_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    root = web_dataset(tmp_path / "web")
    sources = {source.split: source for source in open_images(str(root))}
    theirs = datasets.load_dataset("webdataset", data_dir=str(root)).cast_column("jpg", datasets.Image(decode=False))
    assert set(sources) == {"train", "val"}
    for split, rows in theirs.items():
        source = sources[{"validation": "val"}.get(split, split)]
        assert read_all(source) == {row["__key__"]: row["jpg"]["bytes"] for row in rows}
        assert source.columns == {"label": rows["cls"][:]}
    assert passed_over(sources.values()) == ["web: passed over are 6 x .txt."]


def test_one_image_of_several_in_a_sample_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    members = {
        f"{n}.{field}": PHOTOS[2 * n + place] for n in range(3) for place, field in enumerate(("a.jpg", "b.jpg"))
    }
    write_tar(tmp_path / "web/train-0.tar", members)
    with pytest.raises(UsageError, match=r"several images \(a\.jpg, b\.jpg\)") as raised:
        open_images(str(tmp_path / "web"))
    (source,) = open_images(raised.value.hint.partition("'")[2].removesuffix("'.").replace("a.jpg", "b.jpg"))
    assert list(read_all(source).values()) == PHOTOS[1::2]


def test_labels_of_json_and_endings_of_several_parts(tmp_path: Path) -> None:
    texts = [b'{"label": 7}', b'{"cls": 3, "label": "cat"}', b'{"label": true}', b"[1]", b"{", b'{"label": 2.0}']
    members = {
        f"a/{n}.{field}": data for n, text in enumerate(texts) for field, data in (("x.PNG", PHOTOS[n]), ("json", text))
    }
    write_tar(tmp_path / "web/shard-0.tar", members)
    (source,) = open_images(str(tmp_path / "web"))
    assert (source.split, source.columns) == (None, {"label": [7, 3, -1, -1, -1, -1]})
    assert read_all(source) == {f"a/{n}": PHOTOS[n] for n in range(6)}
    assert source.passed_over == {".json": 4}


def test_keys_that_two_archives_share_get_the_archives_name(tmp_path: Path) -> None:
    for shard in range(2):
        write_tar(tmp_path / f"web/train/{shard:03}.tar", {"0.jpg": PHOTOS[shard]})
    write_tar(tmp_path / "web/more.tar", {"0.jpg": PHOTOS[2]})
    (source,) = open_images(str(tmp_path / "web"))
    assert (source.split, read_all(source)) == ("train", {"train/000/0": PHOTOS[0], "train/001/0": PHOTOS[1]})
    assert source.passed_over == {"archive that names no split": 1}


def test_hostile_members_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "web/0.tar"
    write_tar(
        path, {"/etc/1.jpg": PHOTOS[1], "../2.jpg": PHOTOS[2], "a/../../3.jpg": PHOTOS[3], ".4.jpg": b"", "5": b""}
    )
    with tarfile.open(path, "a") as archive:
        for name, kind in (("6.jpg", tarfile.SYMTYPE), ("7.jpg", tarfile.LNKTYPE), ("8.jpg", tarfile.CHRTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        for place, name in enumerate(("9.jpg", "l" * LONGEST + ".jpg", "folder.d/0.jpg")):
            member = tarfile.TarInfo(name)
            member.size = len(PHOTOS[place])
            archive.addfile(member, io.BytesIO(PHOTOS[place]))
    (source,) = open_images(str(tmp_path / "web"))
    assert read_all(source) == {"9": PHOTOS[0], "folder.d/0": PHOTOS[2]}
    assert source.passed_over == {
        "path out of the archive": 3,
        "hidden file": 1,
        "other file": 1,
        "link or special file": 3,
        "member with a long header": 1,
    }
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["0.tar", "web"]  # nothing is unpacked


def header(name: str, kind: bytes, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "start",
    [
        header("a.jpg", tarfile.REGTYPE, -512),
        header("x", tarfile.XHDTYPE, -1024),
        header("x", tarfile.GNUTYPE_LONGNAME, -1024),
        (header("x", tarfile.XHDTYPE, 512) + b"13 path=b.jpg".ljust(512, b"\0")) * 5_000,
        header("x", tarfile.XHDTYPE, 2**40),
    ],
    ids=["negative member", "negative header", "negative name", "many headers", "header beyond the end"],
)
def test_headers_that_lie_are_one_sentence(start: bytes, tmp_path: Path) -> None:
    write_tar(tmp_path / "web/0.tar", {"0.jpg": PHOTOS[0]})
    (tmp_path / "web/0.tar").write_bytes(start + (tmp_path / "web/0.tar").read_bytes())
    with pytest.raises(FlickrExifError, match=r"0\.tar cannot be read") as raised:
        open_images(str(tmp_path / "web"))
    assert "\n" not in str(raised.value)


def test_labels_that_no_column_holds_are_none(tmp_path: Path) -> None:
    texts = [b"%d" % 2**63, b"1" * 5_000, b"cat", b" 12\n"]
    images = {f"{n}.jpg": PHOTOS[n] for n in range(4)} | {f"{n}.cls": text for n, text in enumerate(texts)}
    write_tar(tmp_path / "web/0.tar", images)
    write_files(tmp_path / "web", {"README.md": b"", "captions.csv": b""})
    (source,) = open_images(str(tmp_path / "web"))
    assert source.columns == {"label": [-1, -1, -1, 12]}
    assert source.passed_over == {".cls": 3, ".md": 1, ".csv": 1}


def test_archives_that_cannot_be_read_are_one_sentence(tmp_path: Path) -> None:
    path = web_dataset(tmp_path / "web") / "train-000001.tar"
    whole = path.read_bytes()
    with tarfile.open(path) as archive:
        second = archive.getmembers()[3].offset
    broken = whole[:second] + b"\1" * 512 + whole[second + 512 :]
    for content in (b"", b"no archive" * 99, whole[: second + 100], whole[: second + 700], broken, whole + whole):
        path.write_bytes(content)
        with pytest.raises(FlickrExifError, match=r"train-000001\.tar cannot be read") as raised:
            open_images(str(tmp_path / "web"))
        assert "\n" not in str(raised.value)
    write_tar(path, {"0.jpg": PHOTOS[0], "0.png": PHOTOS[1]})
    with pytest.raises(UsageError, match=r"0 in .* has several images \(jpg, png\)") as usage:
        open_images(str(tmp_path / "web"))
    assert f"{tmp_path / 'web'}?image=jpg" in usage.value.hint
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("0.jpg"))
    with pytest.raises(UsageError, match=r"holds 0\.jpg twice"):
        open_images(str(tmp_path / "web"))


def test_an_archive_that_changed_or_is_gone_is_no_other_image(tmp_path: Path) -> None:
    root = web_dataset(tmp_path / "web")
    train, _ = open_images(str(root))
    write_tar(root / "train-000001.tar", {"x.jpg": PHOTOS[5]})
    assert list(train.read(0, 2)) == PHOTOS[:2]
    with pytest.raises(FlickrExifError, match="has changed since its images were listed"):
        list(train.read(0, 4))
    (root / "train-000001.tar").unlink()
    with pytest.raises(FlickrExifError, match="can no longer be read"):
        list(train.read(2, 3))


# --- ImageFolder


def test_classes_and_images_are_those_of_torchvision(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    root = image_folder(tmp_path / "pets")
    write_files(tmp_path, {f"elsewhere/{n}.jpg": PHOTOS[n] for n in range(2)})
    (root / "train/linked").symlink_to(tmp_path / "elsewhere")
    write_files(root, {"train/stray.jpg": PHOTOS[0], "top.jpg": PHOTOS[1], "more/5.jpg": PHOTOS[2]})
    train, val = open_images(str(root))
    for source, folder in ((train, root / "train"), (val, root / "val")):
        theirs = ImageFolder(str(folder))
        samples = {Path(path).relative_to(folder).as_posix(): label for path, label in theirs.samples}
        assert dict(zip(source.ids, source.columns["label"], strict=True)) == samples
        assert all(source.class_names[number] == name for name, number in theirs.class_to_idx.items())
    assert train.passed_over == {
        ".txt": 1,
        ".md": 1,
        "image outside of the classes": 1,
        "image outside of the splits": 2,
    }
    (root / "train/a/back").symlink_to(root / "train")  # a loop, on which torchvision does not end well
    assert open_images(str(root))[0].ids == train.ids


def test_a_split_without_class_folders_leaves_the_labels_of_the_others(tmp_path: Path) -> None:
    root = image_folder(tmp_path / "pets")
    write_files(root, {"test/0.jpg": PHOTOS[0], "test/1.jpg": PHOTOS[1]})
    sources = {source.split: source for source in open_images(str(root))}
    assert [list(sources[split].columns) for split in ("train", "val", "test")] == [["label"], ["label"], []]
    assert list(sources["test"].ids) == ["0.jpg", "1.jpg"]


# --- several in one folder


def test_images_beside_parquet_files_of_something_else_are_read(tmp_path: Path) -> None:
    root = tmp_path / "mixed"
    write_files(root, {"images/0.jpg": PHOTOS[0]})
    pq.write_table(pa.table({"caption": ["a photo"]}), root / "metadata.parquet")
    (source,) = open_images(str(root))
    assert read_all(source) == {"images/0.jpg": PHOTOS[0]}
    assert source.passed_over == {".parquet": 1}
    data_set("train", range(2)).to_parquet(root / "train.parquet")
    with pytest.raises(UsageError, match="does not say which column holds the images"):
        open_images(str(root))
    (root / "metadata.parquet").unlink()
    (source,) = open_images(str(root))
    assert list(source.ids) == ["photo-0", "photo-1"]
    assert source.passed_over == {"image beside the Parquet files": 1}


def test_splits_that_get_one_name_are_an_error(tmp_path: Path) -> None:
    splits = {name: data_set(name, range(2)) for name in ("val", "validation")}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "set")
    with pytest.raises(UsageError, match="two splits of one name"):
        open_images(str(tmp_path / "set"))
