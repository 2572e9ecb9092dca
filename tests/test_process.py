"""Sources to processed data sets: read back by `datasets`, byte for byte the same however they were made."""

import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import flickrexif
from flickrexif.cards import write_card
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.core.folder import DataFolder
from flickrexif.processing.build import ProcessReport, ProcessSettings, dry_run, process, summary
from flickrexif.processing.draw import draw_class
from flickrexif.processing.parts import read_parts
from flickrexif.processing.shards import slices
from flickrexif.processing.variants import PARAMETERS, VARIANTS

ROOT = Path(__file__).parents[1]
JPEG = tuple(name.lower() for name in PARAMETERS["jpeg"])


def jpeg(seed: int, side: int = 24) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + seed % 7, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two classes of twelve training images and of two for validation."""
    root = tmp_path / "photos"
    for seed in range(28):
        split = "train" if seed < 24 else "val"
        path = root / split / ("cat", "dog")[seed % 2] / f"{seed:02}.jpeg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(seed))
    return root


def settings(source: Path, out: Path, **more: Any) -> ProcessSettings:
    return ProcessSettings(source=str(source), out=out, **({"split": "train", "shard_bytes": 6_000} | more))


def hashes(out: Path) -> dict[str, str]:
    """Everything under `out` but the lock, by content."""
    files = [path for path in out.rglob("*") if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def load(out: Path, config: str, split: str = "train") -> Any:
    write_card(out)
    return datasets.load_dataset(str(out), config, split=split, cache_dir=str(out.parent / "cache"))


# --- what is made


def test_load_dataset_reads_back_what_pillow_makes(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process(settings(source, out, parameter="jpeg", split=None))
    for split, folder in (("train", "train"), ("validation", "val")):
        found = load(out, "jpeg75_420", split)
        paths = sorted((source / folder).rglob("*.jpeg"))
        assert found["image_id"] == [path.relative_to(source / folder).as_posix() for path in paths]
        assert found.features["label"].names == ["cat", "dog"]
        assert found.features["label"].int2str(found["label"]) == [path.parent.name for path in paths]
        assert set(found.features["variant"].int2str(found["variant"])) == {"JPEG75_420"}
        stored = found.cast_column("image", datasets.Image(decode=False))
        for row, decoded, path in zip(stored, found, paths, strict=True):
            image = Image.open(path)
            image.save(expected := io.BytesIO(), "JPEG", quality=75, subsampling="4:2:0")
            assert row["image"] == {"bytes": expected.getvalue(), "path": f"{path.stem}.jpg"}
            assert row["sha256"] == hashlib.sha256(expected.getvalue()).hexdigest()
            assert (row["width"], row["height"]) == image.size == decoded["image"].size


def test_columns_and_shards(source: Path, tmp_path: Path) -> None:
    report = process(settings(source, tmp_path / "out", variants=("resize_half",)))
    files = sorted((tmp_path / "out/resize_half").glob("*.parquet"))
    count = len(files)
    assert count > 3
    assert [path.name for path in files] == [f"train-{n:05}-of-{count:05}.parquet" for n in range(count)]
    assert report.parts[0].shards == report.parts[0].new_shards == count
    schema = pq.read_schema(files[0])
    assert schema.names == ["image", "label", "image_id", "variant", "width", "height", "sha256"]
    assert sum(pq.read_metadata(path).num_rows for path in files) == 24


def test_large_images_are_written_in_small_batches(tmp_path: Path) -> None:
    (tmp_path / "photos/a").mkdir(parents=True)
    for seed in range(4):
        (tmp_path / f"photos/a/{seed}.jpg").write_bytes(jpeg(seed, 1_000))
    process(settings(tmp_path / "photos", tmp_path / "out", variants=("SHARPEN_4",), shard_bytes=10**9))
    metadata = pq.read_metadata(tmp_path / "out/sharpen_4/train-00000-of-00001.parquet")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert len(groups) > 1
    assert all(group.total_byte_size < 8_000_000 for group in groups)


@pytest.mark.parametrize("draw", ["uniform", "balanced"])
def test_a_draw_is_one_config_with_the_parameters_classes(source: Path, tmp_path: Path, draw: str) -> None:
    process(settings(source, tmp_path / "out", parameter="jpeg", draw=draw, seed=7))
    process(settings(source, tmp_path / "all", parameter="jpeg"))
    found = load(tmp_path / "out", f"jpeg_{draw}_seed7")
    assert found.features["variant"].names == list(PARAMETERS["jpeg"])
    names = found.features["variant"].int2str(found["variant"])
    if draw == "uniform":
        assert names == [draw_class("jpeg", image_id, 7) for image_id in found["image_id"]]
    else:
        assert set(Counter(names).values()) == {4}
    every = {config: load(tmp_path / "all", config)["sha256"] for config in JPEG}
    assert found["sha256"] == [every[name.lower()][place] for place, name in enumerate(names)]


def test_the_seed_moves_the_random_scales_and_nothing_else(source: Path, tmp_path: Path) -> None:
    names = ("INTERPOLATION_BOX", "JPEG85_420")
    for seed in (0, 1):
        process(settings(source, tmp_path / str(seed), variants=names, seed=seed))
    first, second = hashes(tmp_path / "0"), hashes(tmp_path / "1")
    changed = {name.split("/")[0] for name in first if first[name] != second[name]}
    assert changed == {"interpolation_box"}


def test_identity_keeps_every_byte(source: Path, tmp_path: Path) -> None:
    process(settings(source, tmp_path / "out", variants=("identity",)))
    found = load(tmp_path / "out", "identity").cast_column("image", datasets.Image(decode=False))
    assert [row["image"]["bytes"] for row in found] == [
        path.read_bytes() for path in sorted((source / "train").rglob("*.jpeg"))
    ]


def test_our_own_output_is_a_source(source: Path, tmp_path: Path) -> None:
    process(settings(source, tmp_path / "one", variants=("JPEG85_444",)))
    write_card(tmp_path / "one")
    process(settings(Path(f"{tmp_path / 'one'}?config=jpeg85_444"), tmp_path / "two", variants=("IDENTITY",)))
    one, two = load(tmp_path / "one", "jpeg85_444"), load(tmp_path / "two", "identity")
    for column in ("image_id", "label", "sha256", "width", "height"):
        assert one[column] == two[column]


def test_a_limit(source: Path, tmp_path: Path) -> None:
    report = process(settings(source, tmp_path / "out", variants=("JPEG75_444",), limit=5))
    assert report.parts[0].rows == len(load(tmp_path / "out", "jpeg75_444")) == 5


# --- the same bytes


@pytest.fixture
def expected(source: Path, tmp_path: Path) -> dict[str, str]:
    process(interpolated(source, tmp_path / "expected"))
    return hashes(tmp_path / "expected")


def interpolated(source: Path, out: Path, **more: Any) -> ProcessSettings:
    return settings(source, out, parameter="interpolation", split=None, **({"shard_bytes": 2_000} | more))


@pytest.mark.parametrize("workers", [2, 7])
def test_any_number_of_workers(source: Path, tmp_path: Path, expected: Mapping[str, str], workers: int) -> None:
    process(interpolated(source, tmp_path / "out", workers=workers))
    assert hashes(tmp_path / "out") == expected


def test_more_workers_than_shards(source: Path, tmp_path: Path) -> None:
    for workers in (1, 3):
        wanted = interpolated(source, tmp_path / str(workers), workers=workers, shard_bytes=10**6)
        assert all(part.shards == 1 for part in process(wanted).parts)
    assert hashes(tmp_path / "1") == hashes(tmp_path / "3")


def test_any_order_of_the_files(source: Path, tmp_path: Path, expected: Mapping[str, str]) -> None:
    for path in sorted(source.rglob("*.jpeg"), reverse=True):
        copy = tmp_path / "shuffled/photos" / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    process(interpolated(tmp_path / "shuffled/photos", tmp_path / "out"))
    assert hashes(tmp_path / "out") == expected


def test_a_variant_alone_or_among_others(source: Path, tmp_path: Path, expected: Mapping[str, str]) -> None:
    for config in ("interpolation_lanczos", "interpolation_bilinear"):
        process(replace(interpolated(source, tmp_path / "out"), parameter=None, variants=(config,)))
    some = {name: digest for name, digest in hashes(tmp_path / "out").items() if name.startswith("interpolation")}
    assert some.items() <= expected.items()
    process(interpolated(source, tmp_path / "out"))
    assert hashes(tmp_path / "out") == expected


RUN = """
    import os, signal
    from pathlib import Path
    from flickrexif.processing.build import ProcessSettings, process

    start = None

    def progress(done, total, failures):
        global start
        start = done if start is None else start
        if done - start >= {outputs} and done < total:
            {what}

    process(ProcessSettings(source={source!r}, out=Path({out!r}), parameter="interpolation", shard_bytes=2_000,
                            workers={workers}), progress)
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"


def run(source: Path, out: Path, *, what: str, outputs: int, workers: int) -> "subprocess.CompletedProcess[str]":
    """Process in a process group of its own that does `what` once so many images more are made."""
    code = textwrap.dedent(RUN).format(source=str(source), out=str(out), what=what, outputs=outputs, workers=workers)
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, start_new_session=True, timeout=100, check=False
    )


def test_ten_kills(source: Path, tmp_path: Path, expected: Mapping[str, str]) -> None:
    kills = 0
    finished = [0]
    while (done := run(source, tmp_path / "out", what=KILL, outputs=9, workers=1)).returncode:
        assert done.returncode == -9, done.stderr
        finished.append(len(list((tmp_path / "out").glob("*/.done/*-of-*.json"))))
        kills += 1
        assert kills < 40
    assert kills >= 10
    assert finished == sorted(finished)
    assert hashes(tmp_path / "out") == expected


@pytest.mark.parametrize("what", [KILL, "os.killpg(0, signal.SIGINT)"])
def test_a_stop_with_two_workers(source: Path, tmp_path: Path, expected: Mapping[str, str], what: str) -> None:
    done = run(source, tmp_path / "out", what=what, outputs=1, workers=2)
    assert done.returncode in (-9, -2, 1)
    assert read_parts(tmp_path / "out") == []
    if what != KILL:
        assert not list((tmp_path / "out").rglob("*.tmp"))
    process(interpolated(source, tmp_path / "out"))
    assert hashes(tmp_path / "out") == expected


def test_parts_made_apart_are_finished_by_a_run_of_the_whole(
    source: Path, tmp_path: Path, expected: Mapping[str, str]
) -> None:
    whole = interpolated(source, tmp_path / "out")
    made = [process(replace(whole, shard=f"{number}/3")) for number in (3, 1, 2)]
    assert read_parts(tmp_path / "out") == []
    assert all(0 < part.new_shards == part.shards for report in made for part in report.parts)
    assert "This is shard 3/3." in summary(made[0])
    report = process(whole)
    assert [part.rows for part in report.parts] == [
        sum(part.rows for part in parts) for parts in zip(*(report.parts for report in made), strict=True)
    ]
    assert not any(part.new_shards for part in report.parts)
    assert hashes(tmp_path / "out") == expected
    with pytest.raises(UsageError, match="is no shard"):
        process(replace(whole, shard="4/3"))


def test_several_commands_make_their_parts_at_once(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "data" / "out"
    options: dict[str, Any] = {"out": out, "variant": "jpeg75_420", "workers": 1, "data_dir": tmp_path / "data"}
    with DataFolder(tmp_path / "data").writing("process", out, beside=True):
        report = flickrexif.process(source, shard="1/2", **options)
        with pytest.raises(UsageError, match="is using"):
            flickrexif.process(source, **options)
    assert report.shard == "1/2"
    assert not (out / "README.md").exists()
    flickrexif.process(source, **options)
    assert (out / "README.md").exists()


def test_a_dry_run_writes_nothing_and_tells_what_is_missing(source: Path, tmp_path: Path) -> None:
    """Each look at its clock is 8 seconds later; of 24 images 16 are processed in 2 variants."""
    whole = settings(source, tmp_path / "out", variants=("jpeg75_420", "resize_double"))
    plan = dry_run(whole, count(0, 8).__next__).estimate
    assert not (tmp_path / "out").exists()
    assert plan
    assert (plan.outputs, plan.sample, plan.seconds) == (48, 16, 8 / 16 * 24)
    made = process(replace(whole, shard="1/2"))
    half = dry_run(whole, count(0, 8).__next__).estimate
    assert half
    assert (half.outputs, half.files) == (
        48 - sum(part.rows for part in made.parts),
        plan.files - sum(part.shards for part in made.parts),
    )
    process(whole)
    images = list((tmp_path / "out").rglob("*.parquet"))
    size = sum(len(row["bytes"]) for path in images for row in pq.read_table(path)["image"].to_pylist())
    assert plan.size == pytest.approx(size, rel=0.05)
    assert dry_run(whole, count(0, 8).__next__).estimate == replace(half, outputs=0, files=0, size=0, seconds=0)
    assert "48 images in" in summary(dry_run(replace(whole, out=tmp_path / "other"), count(0, 8).__next__))


def test_finished_shards_are_left_alone(source: Path, tmp_path: Path) -> None:
    wanted = settings(source, tmp_path / "out", variants=("JPEG75_420",))
    first = process(wanted)
    before = {path: path.stat() for path in (tmp_path / "out").rglob("*.parquet")}
    second = process(wanted)
    assert second.parts[0].new_shards == 0
    assert replace(second.parts[0], new_shards=first.parts[0].new_shards) == first.parts[0]
    for path, stat in before.items():
        assert (path.stat().st_mtime_ns, path.stat().st_ino) == (stat.st_mtime_ns, stat.st_ino)


def test_a_shard_that_is_gone_or_cut_short_is_made_again(source: Path, tmp_path: Path) -> None:
    wanted = settings(source, tmp_path / "out", variants=("JPEG75_420",))
    process(wanted)
    before = hashes(tmp_path / "out")
    files = sorted((tmp_path / "out").rglob("*.parquet"))
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-1])
    (files[2].parent / ".done" / f"{files[2].stem}.json").write_text("{")
    assert process(wanted).parts[0].new_shards == 3
    assert hashes(tmp_path / "out") == before


def test_load_dataset_sees_new_images_behind_the_same_names(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wanted = settings(source, out, variants=("JPEG75_420",))
    process(wanted)
    old = load(out, "jpeg75_420")["sha256"]
    shutil.rmtree(out / "jpeg75_420")
    path = next((source / "train/cat").iterdir())
    path.write_bytes(jpeg(99))
    process(wanted)
    new = load(out, "jpeg75_420")["sha256"]
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 1


# --- shards


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=200), st.integers(1, 5_000))
def test_slices_cover_everything_once_in_even_parts(sizes: Sequence[int], shard_bytes: int) -> None:
    found = slices(sizes, shard_bytes)
    assert [place for start, stop in found for place in range(start, stop)] == list(range(len(sizes)))
    assert all(start < stop for start, stop in found)
    count = max(1, -(-sum(sizes) // shard_bytes))
    assert len(found) <= count
    share = sum(sizes) / count
    assert all(sum(sizes[start:stop]) <= share + max(sizes) for start, stop in found)


# --- images that fail


@pytest.fixture
def damaged(source: Path) -> Path:
    (source / "train/cat/cut.jpg").write_bytes(jpeg(3)[:300])
    (source / "train/cat/empty.jpg").write_bytes(b"")
    (source / "train/dog/text.png").write_text("no image")
    (source / "train/dog/gone.jpg").symlink_to("nowhere.jpg")
    return source


@pytest.mark.parametrize("workers", [1, 2])
def test_bad_images_are_left_out_with_a_reason(damaged: Path, tmp_path: Path, workers: int) -> None:
    seen: list[tuple[int, int, dict[str, int]]] = []
    wanted = settings(damaged, tmp_path / "out", variants=("JPEG75_420", "SHARPEN_2"), workers=workers)
    report = process(wanted, lambda done, total, failed: seen.append((done, total, dict(failed))))
    reasons = {
        "cat/cut.jpg": "truncated",
        "cat/empty.jpg": "empty",
        "dog/gone.jpg": "unreadable",
        "dog/text.png": "not_an_image",
    }
    for part in report.parts:
        assert part.rows == 24
        assert part.failures == dict.fromkeys(sorted(reasons.values()), 1)
        with (tmp_path / "out" / part.config / "train-failures.csv").open(newline="") as file:
            assert {row["image_id"]: row["reason"] for row in csv.DictReader(file)} == reasons
        ids = load(tmp_path / "out", part.config)["image_id"]
        assert len(ids) == 24
        assert not reasons.keys() & set(ids)
    assert report.failed == 8
    assert seen[0] == (0, 56, {})
    assert seen[-1] == (56, 56, dict.fromkeys(reasons.values(), 2))
    assert "24 images in" in summary(report)
    assert "1 truncated" in summary(report)


def test_a_source_of_bad_images_alone(tmp_path: Path) -> None:
    (tmp_path / "photos/a").mkdir(parents=True)
    for number in range(3):
        (tmp_path / f"photos/a/{number}.jpg").write_bytes(b"x")
    report = process(settings(tmp_path / "photos", tmp_path / "out", variants=("JPEG75_420",)))
    assert (report.parts[0].rows, report.parts[0].failures) == (0, {"not_an_image": 3})
    assert [pq.read_metadata(path).num_rows for path in (tmp_path / "out").rglob("*.parquet")] == [0]


# --- the card


def test_the_card_names_every_config_of_all_runs(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process(settings(source, out, parameter="sharpening", draw="uniform", seed=3))
    process(settings(source, out, parameter="sharpening", split="validation"))
    write_card(out)
    configs = DatasetCard.load(out / "README.md").data.to_dict()["configs"]
    assert {config["config_name"]: config["data_files"][0]["split"] for config in configs} == {
        "jpeg95_444": "validation",
        "sharpen_2": "validation",
        "sharpen_4": "validation",
        "sharpening_uniform_seed3": "train",
    }
    assert str(tmp_path) not in (out / "README.md").read_text()
    assert str(tmp_path) not in json.dumps(hashes(out))
    for path in out.rglob(".done/*.json"):
        assert str(tmp_path) not in path.read_text()


def test_a_hostile_folder_name_cannot_write_the_card(source: Path, tmp_path: Path) -> None:
    hostile = source.rename(tmp_path / "x\n---\nlicense: mit | <b>")
    process(settings(hostile, tmp_path / "out", variants=("IDENTITY",)))
    write_card(tmp_path / "out")
    text = (tmp_path / "out/README.md").read_text()
    assert "\nlicense: mit" not in text
    assert "<b>" not in text


# --- what cannot be


def test_settings_that_cannot_be(source: Path, tmp_path: Path) -> None:
    good = settings(source, tmp_path / "out", variants=("JPEG75_420",))
    for changed, words, hint in (
        ({"variants": ()}, "Nothing to make", "--parameter"),
        ({"variants": ("JPEG75_42",)}, "'JPEG75_42'", "JPEG75_420"),
        ({"variants": (), "parameter": "jpg"}, "'jpg'", "jpeg"),
        ({"draw": "uniform"}, "one parameter", "--parameter"),
        ({"parameter": "jpeg", "draw": "uniform"}, "one parameter", "no --variant"),
        ({"variants": (), "parameter": "jpeg", "draw": "even"}, "no draw 'even'", "uniform"),
        ({"workers": 0}, "0 workers", "1 or more"),
        ({"engine": "spark"}, "no engine 'spark'", "local, ray"),
        ({"address": "1.2.3.4"}, "Ray cluster", "--engine ray"),
        ({"split": "test"}, "no split 'test'", "train"),
        ({"source": str(tmp_path / "photos/train/cat/00.jpeg")}, "is a file", "folder"),
    ):
        with pytest.raises(UsageError, match=words) as caught:
            process(replace(good, **changed))
        assert hint in caught.value.hint
    assert hashes(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"limit": 5}, "images 24"), ({"shard_bytes": 9_000}, "shard_bytes 6000"), ({"seed": 4}, "seed 0")],
)
def test_shards_of_other_settings_are_never_mixed_in(
    source: Path, tmp_path: Path, changed: Mapping[str, Any], words: str
) -> None:
    first = settings(source, tmp_path / "out", variants=("INTERPOLATION_BOX",))
    process(first)
    before = hashes(tmp_path / "out")
    with pytest.raises(UsageError, match=words) as caught:
        process(replace(first, **changed))
    assert "--out" in caught.value.hint
    assert hashes(tmp_path / "out") == before


def test_images_by_other_libraries_are_never_mixed_in(source: Path, tmp_path: Path) -> None:
    wanted = settings(source, tmp_path / "out", variants=("JPEG75_420",))
    process(wanted)
    record = tmp_path / "out/jpeg75_420/.done/train.json"
    told = json.loads(record.read_text())
    told["settings"]["codecs"]["pillow"] = "1.1"
    record.write_text(json.dumps(told))
    with pytest.raises(UsageError, match=r"'pillow': '1\.1'"):
        process(wanted)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_record(source: Path, tmp_path: Path, text: str) -> None:
    wanted = settings(source, tmp_path / "out", variants=("JPEG75_420",))
    process(wanted)
    (tmp_path / "out/jpeg75_420/.done/train.json").write_text(text)
    with pytest.raises(UsageError, match=r"train\.json"):
        process(wanted)


def test_an_out_that_cannot_be_written(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file/out", Path("/proc/out")):
        with pytest.raises(FlickrExifError, match="cannot be written"):
            process(settings(source, out, variants=("JPEG75_420",)))


FULL = """
    import resource
    from pathlib import Path
    from flickrexif.core.errors import FlickrExifError
    from flickrexif.processing.build import ProcessSettings, process

    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, 9_000))
    try:
        process(ProcessSettings(source={source!r}, out=Path({out!r}), variants=("JPEG95_444",), workers={workers}))
    except FlickrExifError as error:
        print(error)
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_no_room_for_a_shard(source: Path, tmp_path: Path, workers: int) -> None:
    """A limit on the size of files stands for a full disk: the write fails half way."""
    code = textwrap.dedent(FULL).format(source=str(source), out=str(tmp_path / "out"), workers=workers)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert "-00000-of-00001.parquet cannot be written (File too large). Mend that" in done.stdout
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert not list((tmp_path / "out").rglob("*.parquet"))


def test_folders_are_processed_without_heavy_packages(source: Path, tmp_path: Path) -> None:
    """Each would cost every worker 50 MB or more."""
    code = f"""
import sys
from pathlib import Path
from flickrexif.processing.build import ProcessSettings, process
process(ProcessSettings(source={str(source)!r}, out=Path({str(tmp_path / "out")!r}), variants=("SHARPEN_2",)))
print(sorted({{"datasets", "pandas", "ray", "scipy", "torch"}} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"


# --- real images


def test_a_folder_of_photos(image_folder: Path, tmp_path: Path) -> None:
    wanted = settings(image_folder, tmp_path / "out", variants=tuple(VARIANTS)[:15], split="val", shard_bytes=400_000)
    report = process(replace(wanted, workers=2))
    paths = sorted((image_folder / "val").rglob("*.*"))
    assert {(part.rows, part.shards) for part in report.parts} == {(len(paths), report.parts[0].shards)}
    process(replace(wanted, out=tmp_path / "one", variants=("RESIZE_HALF", "INTERPOLATION_BICUBIC")))
    both, one = hashes(tmp_path / "out"), hashes(tmp_path / "one")
    same = {name for name in one if name.endswith(".parquet")}
    assert {name: both[name] for name in same} == {name: one[name] for name in same}
    found = load(tmp_path / "out", "resize_half", "validation")
    assert found.features["label"].int2str(found["label"]) == [path.parent.name for path in paths]
    assert set(found["width"]) == {112}


def test_report_counts(source: Path, tmp_path: Path) -> None:
    report: ProcessReport = process(settings(source, tmp_path / "out", parameter="resizing", split=None))
    assert [(part.config, part.split, part.rows) for part in report.parts] == [
        (config, split, rows)
        for split, rows in (("train", 24), ("validation", 4))
        for config in ("jpeg95_444", "resize_half", "resize_double")
    ]
    assert 'load_dataset("' in summary(report)
