"""Named benchmarks and limits: exactly these images, every change noticed; records that say what they are of."""

import csv
import hashlib
import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import flickrexif
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.benchmark import BENCHMARKS, benchmark_data, benchmark_of
from flickrexif.eval.data.catalog import catalog
from flickrexif.eval.data.limit import limited
from flickrexif.eval.report.score.answer import CONTROLS_ALONE
from flickrexif.eval.results import read_json
from flickrexif.eval.submission import from_text
from tests.samples import write_image_folder

FETCH = "git clone --depth 1 https://github.com/thunderInfy/imagenette"
QUICK = ("--quick", "--encoder", "control:colour", "--device", "cpu")


def test_the_table_has_60_training_and_30_test_images_of_each_of_ten_classes() -> None:
    rows = list(csv.DictReader(BENCHMARKS["imagenette-mini"].table.read_text().splitlines()))
    folders = Counter(row["file"].rpartition("/")[0] for row in rows)
    assert Counter(folders.values()) == {60: 10, 30: 10}
    assert all(folders[f"train/{name.removeprefix('val/')}"] == 60 for name in folders if name.startswith("val/"))
    assert len({row["sha256"] for row in rows}) == len(rows) == 900


# --- a small one of the same kind


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_image_folder(tmp_path_factory.mktemp("images") / "tiny", classes=4, train=12, val=6)


@pytest.fixture
def tiny(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a benchmark `tiny`: ten images of each class of `images` to train, five to test; one more lies
    there."""
    files = [path for path in sorted(images.rglob("*.jpg")) if int(path.stem) < (10 if "train" in path.parts else 5)]
    with (tmp_path / "tiny.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("file", "sha256"))
        for path in files:
            table.writerow((path.relative_to(images).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()))
    like = BENCHMARKS["imagenette-mini"]
    monkeypatch.setitem(BENCHMARKS, "tiny", replace(like, name="tiny", table=tmp_path / "tiny.csv"))
    return Path(shutil.copytree(images, tmp_path / "copy"))


def test_it_is_these_files_and_no_others_wherever_they_lie(tiny: Path, images: Path) -> None:
    here, there = (benchmark_data(benchmark_of("tiny"), folder) for folder in (tiny, images))
    train, val = here.sources["IDENTITY", "train"], here.sources["IDENTITY", "val"]
    assert (here.name, here.classes, here.splits, len(train), len(val)) == ("tiny", 4, ("train", "val"), 40, 20)
    assert [s.fingerprint for s in here.sources.values()] == [s.fingerprint for s in there.sources.values()]
    for source in (train, val):
        assert Counter(source.columns["label"]) == dict.fromkeys(range(4), len(source) // 4)
        for image_id, label, content in zip(
            source.ids, source.columns["label"], source.read(0, len(source)), strict=True
        ):
            assert content == (tiny / str(source.split) / image_id).read_bytes()
            assert source.class_names[label] == image_id.partition("/")[0]


def test_a_missing_and_a_changed_file_are_named_with_where_the_images_come_from(run: Any, tiny: Path) -> None:
    command = ("eval", "--benchmark", "tiny", "--dataset", tiny, "--encoder", "control:colour")
    victim = tiny / "val" / "photograph 2" / "03.jpg"
    content = victim.read_bytes()
    victim.write_bytes(content[:-1] + b"x")
    code, _, err = run(*command)
    assert code == 2
    assert str(victim) in err
    assert "sha256" in err
    assert FETCH in err
    victim.unlink()
    code, _, err = run(*command)
    assert code == 2
    assert "val/photograph 2/03.jpg" in err
    assert FETCH in err
    assert "Traceback" not in err


def test_a_benchmark_fixes_data_tasks_and_settings(run: Any, tiny: Path, tmp_path: Path) -> None:
    command = ("eval", "--benchmark", "tiny", "--encoder", "control:colour", "--data-dir", tmp_path / "new")
    code, out, err = run(*command, "--dataset", tiny, "--dry-run")
    assert code == 0, err
    assert {task for task in ("probe", "knn", "similarity", "mitigation", "masking", "strips") if task in out} == {
        *BENCHMARKS["tiny"].tasks
    }
    assert all(parameter in out for parameter in ("jpeg", "sharpening", "resizing", "interpolation"))
    for options, problem in (
        ((), "needs the folder of its images"),
        (("--dataset", tiny, "--set", "seeds=2"), "has its own seeds"),
        (("--dataset", tiny, "strips"), "strips is not of tiny"),
    ):
        code, _, err = run(*command, *options)
        assert code == 2
        assert problem in err
    code, _, err = run("eval", "--benchmark", "imagenet", "--encoder", "lite0", "--dataset", tiny)
    assert code == 2
    assert "Known: imagenette-mini" in err


# --- a limit


def drawn(images: Path, limit: int) -> dict[str, list[str]]:
    (data,) = catalog(images.parent / "none", images.parent / "none", [str(images)])
    return {str(split): list(source.ids) for (_, split), source in limited(data, limit).sources.items()}


def test_a_limit_takes_every_class_alike_and_grows(images: Path) -> None:
    few, more = drawn(images, 10), drawn(images, 17)
    assert {split: len(ids) for split, ids in few.items()} == {"train": 10, "val": 10}
    for split in ("train", "val"):
        counts = Counter(image.partition("/")[0] for image in more[split])
        assert max(counts.values()) - min(counts.values()) <= 1
        assert set(few[split]) < set(more[split])
        assert more[split] == sorted(more[split])
    assert drawn(images, 10) == few


def test_a_limited_source_reads_its_own_images(images: Path) -> None:
    (data,) = catalog(images.parent / "none", images.parent / "none", [str(images)])
    for source in limited(data, 9).sources.values():
        contents = list(source.read(0, len(source)))
        assert contents == [(images / str(source.split) / image).read_bytes() for image in source.ids]
        assert list(source.read(3, 5)) == contents[3:5]
        assert source.dataset == "tiny-limit-9"
    assert limited(data, 48) == data
    with pytest.raises(UsageError, match="leaves no image"):
        limited(data, 0)


def test_a_quick_look_needs_a_folder_of_class_folders_and_nothing_else(run: Any, images: Path, tmp_path: Path) -> None:
    place = ("--data-dir", tmp_path / "new")
    code, out, err = run("eval", *QUICK, "--dataset", images, "--limit", "20", *place)
    assert code == 0, err
    records = [read_json(path) for path in (tmp_path / "new" / "results").rglob("*.json")]
    assert sorted((r.task, r.dataset, r.parameter) for r in records) == [
        ("knn", "tiny-limit-20", "resizing"),
        ("probe", "tiny-limit-20", "resizing"),
    ]
    assert "tiny-limit-20" in out
    assert CONTROLS_ALONE in out  # the finding
    assert "32 x image beyond the limit" in err  # of 48 and 24
    # the same with what the options stand for: nothing is left to do
    names = ("probe", "knn", "--set", "parameter=resizing", "--set", "protocol=fast")
    _, _, err = run("eval", *names, *QUICK[1:], "--dataset", images, "--limit", "20", *place)
    assert "2 done, 0 to do" in err
    code, _, err = run("eval", *QUICK, *place)
    assert code == 2
    assert "--quick --dataset FOLDER" in err


def test_photos_of_cameras_are_not_limited(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with pytest.raises(UsageError, match="FlickrExif cannot be limited"):
        flickrexif.evaluate("control:colour", "neighbors", data_dir=tmp_path / "data", limit=5)


def test_a_limit_of_a_benchmark_is_no_benchmark(tiny: Path, tmp_path: Path) -> None:
    evaluation = flickrexif.evaluate(
        "control:colour", "knn", dataset=str(tiny), benchmark="tiny", limit=8, data_dir=tmp_path / "new", device="cpu"
    )
    assert {result.dataset for result in evaluation.results} == {"tiny-limit-8"}
    whole = flickrexif.evaluate(
        "control:colour", "knn", dataset=str(tiny), benchmark="tiny", data_dir=tmp_path / "new", device="cpu"
    )
    assert {result.dataset for result in whole.results} == {"tiny"}
    assert len(whole.results) == 4
    keys = {result.key for result in (*evaluation.results, *whole.results)}
    assert len(keys) == 8
    assert json.loads(next((tmp_path / "new" / "results").rglob("*tiny_jpeg.json")).read_text())["dataset"] == "tiny"


def test_a_quick_look_at_no_image_is_refused(run: Any, tmp_path: Path) -> None:
    write_image_folder(tmp_path / "shots", classes=2, train=4, val=4)
    names = ("--quick", "--encoder", "control:colour", "--dataset", tmp_path / "shots", "--data-dir", tmp_path / "data")
    code, _, err = run("eval", *names, "--limit", 0)
    assert (code, err.count("\n")) == (2, 1)
    assert "--limit 0 leaves no image" in err


def test_the_readme_tells_the_numbers_of_the_reference_records() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8").replace("\n", " ")
    losses = re.findall(r"`mini:(\w+)`(?: falls)? from (\d+)% to (\d+)%", readme)
    assert {name for name, *_ in losses} == {"plain", "augmented"}
    for name, before, after in losses:
        file = Path(flickrexif.__file__).parent / f"eval/benchmark/reference/mini-{name}.json"
        records = from_text(file.read_text("utf-8"), file.name)
        knn = next(record for record in records if (record.task, record.parameter) == ("knn", "resizing"))
        shares = (knn.metrics["all_same"], knn.metrics["neg_same"])
        assert tuple(f"{share:.0%}" for share in shares if share is not None) == (f"{before}%", f"{after}%")
