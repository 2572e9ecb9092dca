"""The suite: every measurement that the data allow, nothing twice, a reason for what cannot be."""

import dataclasses
import json
import re
import shutil
import signal
import subprocess
import sys
import webbrowser
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from flickrexif import evaluate
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.catalog import catalog
from flickrexif.eval.data.embeddings import EmbeddingKey, pack_text, read_embeddings, write_embeddings
from flickrexif.eval.encoders import resolve
from flickrexif.eval.encoders.groups import by_memory
from flickrexif.eval.measure import MEASUREMENTS, read_result, read_results
from flickrexif.eval.measure.inputs import is_held_out
from flickrexif.eval.suite import Item
from flickrexif.processing.variants import classes
from tests.embed_encoders import Linear
from tests.samples import write_image_folder
from tests.suite_data import MADE, PHOTOS, records, snapshot, write_classes, write_data

ROOT = Path(__file__).parents[1]
CPU: dict[str, Any] = {"device": "cpu"}
FAST: dict[str, Any] = {"settings": {"protocol": "fast", "seeds": 2}, **CPU}  # where a probe is measured
MASKS = (0.0, 0.25, 0.5, 0.75, 0.9, 0.95)
OURS = "module-tests-linear"  # folder of the records of `Linear()`


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("suite"))


@pytest.fixture
def data(untouched: Path, tmp_path: Path) -> Path:
    """A copy to work in."""
    return Path(shutil.copytree(untouched, tmp_path / "data"))


@pytest.fixture(scope="module")
def finished(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which everything was measured of one encoder."""
    data = Path(shutil.copytree(untouched, tmp_path_factory.mktemp("finished") / "data"))
    evaluate(Linear(), data_dir=data, **FAST)
    return data


def plan(data: Path, encoder: Any = None, tasks: Any = None, **options: Any) -> tuple[Item, ...]:
    return evaluate(
        encoder or Linear(), tasks, data_dir=data, dry_run=True, **{**(CPU if tasks else FAST), **options}
    ).items


def states(data: Path, tasks: Any = None, **options: Any) -> dict[str, str]:
    """The state of every measurement in the plan, by task, label and data set."""
    return {
        " ".join(filter(None, (item.measurement.task, item.measurement.label, item.subject.data.name))): item.state
        for item in plan(data, tasks=tasks, **options)
    }


# --- what is possible


def test_every_measurement_is_done_or_says_why_not(untouched: Path) -> None:
    state_by_name = states(untouched)
    possible = {name for name, state in state_by_name.items() if state == "to do"}
    assert possible == {
        *(
            f"{task} {p} ImageNet"
            for task in ("probe", "knn", "similarity", "mitigation")
            for p in ("jpeg", "sharpening")
        ),
        *(f"strips {p} ImageNet" for p in ("jpeg", "sharpening")),
        f"probe jpeg {MADE}",
        f"strips jpeg {MADE}",
        "masking ImageNet",
        "probe Make FlickrExif",
        "probe Is Smartphone FlickrExif",
        *(f"{task} FlickrExif" for task in ("neighbors", "tsne", "strips")),
        "retrieval PairCams",
    }
    assert set(state_by_name.values()) == {"to do", "not possible"}


def test_every_possible_measurement_leaves_a_record_with_values(finished: Path) -> None:
    results = records(finished)
    with_values = [name for name, record in results.items() if record["state"] == "measured"]
    assert len(with_values) == 19
    assert all(None not in (results[name]["metrics"]["accuracy"],) for name in with_values if "/probe" in name)
    assert results[f"{OURS}/probe_FlickrExif_Is-Smartphone_protocol=fast_mask=0.9.json"]["settings"]["mask"] == 0.9
    assert list(results[f"{OURS}/masking_ImageNet.json"]["metrics"]) == [f"{mask:g}" for mask in MASKS]
    assert results[f"{OURS}/neighbors_FlickrExif.json"]["settings"]["k"] == [10, 25, 50]
    assert not list(finished.rglob(".*.blocks"))


def test_images_without_labels_have_no_neighbours_of_a_class_and_a_record_says_so(finished: Path) -> None:
    for task in ("knn", "similarity"):
        record = read_result(finished / "results" / OURS / f"{task}_{MADE}_jpeg.json")
        assert (record.state, record.reason) == ("not possible", "its images have no class labels")
        assert set(record.metrics.values()) == {None}
    assert not (finished / "results" / OURS / f"masking_{MADE}.json").exists()  # and no images as they were


@pytest.mark.parametrize(
    ("gone", "dataset", "words"),
    [
        ("flickrexif/splits", "FlickrExif", "flickrexif splits"),
        ("flickrexif/images", "FlickrExif", "--images"),
        ("paircams", "PairCams", "pairs build"),
        ("imagenet-traces/sharpen_2", "ImageNet", "it lacks SHARPEN_2: type `flickrexif process"),
        ("imagenet-traces/identity", "ImageNet", "--variant identity"),
    ],
)
def test_what_is_missing_is_said_with_what_to_type(data: Path, gone: str, dataset: str, words: str) -> None:
    shutil.rmtree(data / gone)
    reasons = [item.reason for item in plan(data, "control:colour") if item.subject.data.name == dataset]
    assert any(words in reason for reason in reasons)


def test_nothing_to_measure_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no data folder"):
        evaluate("control:colour", data_dir=tmp_path / "none")
    with pytest.raises(UsageError, match=r"nothing to measure.*no images.*no pairs"):
        evaluate("control:colour", data_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_images_of_one_class_have_no_neighbours_of_a_class(tmp_path: Path) -> None:
    images = write_classes(tmp_path / "originals")
    shutil.rmtree(images / "train" / "red")
    shutil.rmtree(images / "val" / "red")
    (tmp_path / "data").mkdir()
    with pytest.raises(UsageError, match="its images are all of one class"):
        evaluate("control:colour", "knn", data_dir=tmp_path / "data", dataset=str(images))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tasks": ("probes",)}, "no task 'probes'"),
        ({"tasks": ("neighbors", "5")}, "no task '5'"),
        ({"settings": {"seeds": 0}}, "must be a draw"),
        ({"settings": {"knn.k": 0}}, "0 neighbours cannot be taken"),
        ({"settings": {"knn.k": "ten"}}, r"knn\.k cannot be 'ten' .*--set knn\.k=1"),
        ({"settings": {"probe.protocol": "slow"}}, r"probe\.protocol cannot be 'slow' .*'paper' or 'fast'"),
        ({"settings": {"tsne.k": 3}}, r"no setting 'tsne\.k'.*tsne: parameter, attribute, mask, limit"),
        ({"settings": {"kk": 3}}, "no setting 'kk'"),
        ({"settings": {"masking.mask": 0.5}}, "The masks of this measurement are its ratios"),
        ({"dataset": "ImageNot"}, "There is no folder ImageNot"),
        ({"out": "x.json"}, "is a file for one record"),
        ({"device": "tpu"}, "no device"),
    ],
)
def test_settings_that_cannot_be(untouched: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        evaluate("control:colour", data_dir=untouched, **options)


def test_tasks_that_are_named_are_all_that_is_done(data: Path) -> None:
    results = evaluate(Linear(), "retrieval", data_dir=data, **CPU).results
    assert [result.task for result in results] == ["retrieval"]
    assert [path.name for path in (data / "embeddings").iterdir()] == ["PairCams"]


# --- images beside the data folder


def test_variants_of_any_images_are_made_on_the_fly_and_equal_stored_ones(finished: Path, tmp_path: Path) -> None:
    images = finished.parent / "originals"
    write_classes(images / "imagenet")
    (tmp_path / "data").mkdir()
    tasks = ("knn", "probe", "masking")
    evaluate(Linear(), tasks, data_dir=tmp_path / "data", dataset=str(images / "imagenet"), **FAST)
    ours, stored = records(tmp_path / "data"), records(finished)
    for name in ("knn_ImageNet_sharpening", "probe_ImageNet_jpeg_protocol=fast", "masking_ImageNet"):
        flying, as_stored = (results[f"{OURS}/{name}.json"] for results in (ours, stored))
        assert flying["metrics"] == pytest.approx(as_stored["metrics"], abs=1e-6)
    assert f"{OURS}/knn_ImageNet_interpolation.json" in ours


def test_flickrexif_itself_can_be_processed_on_the_fly(data: Path) -> None:
    shutil.rmtree(data / MADE)
    results = evaluate(Linear(), "probe", data_dir=data, dataset=str(data / "flickrexif"), **FAST).results
    labels = [result.parameter or result.attribute for result in results if result.dataset == "FlickrExif"]
    assert labels == ["jpeg", "sharpening", "resizing", "interpolation", "Is Smartphone", "Make"]
    jpeg = next(result for result in results if (result.dataset, result.parameter) == ("FlickrExif", "jpeg"))
    assert sum(jpeg.n.values()) == PHOTOS


def test_two_data_sets_of_one_name_are_refused(untouched: Path, tmp_path: Path) -> None:
    other = write_classes(tmp_path / "paircams")
    with pytest.raises(UsageError, match="Two data sets have the name PairCams"):
        evaluate("control:colour", data_dir=untouched, dataset=str(other))


def test_the_images_that_were_processed_have_a_name_of_their_own(untouched: Path, tmp_path: Path) -> None:
    originals = write_classes(tmp_path / "imagenet")
    names = (str(originals), "imagenet-traces")
    sets = {data.name: data for data in catalog(untouched, untouched / "embeddings", names)}
    assert set(sets) == {"imagenet-originals", "ImageNet"}
    assert (sets["imagenet-originals"].on_the_fly, sets["ImageNet"].on_the_fly) == (True, False)
    alone = catalog(tmp_path, tmp_path / "embeddings", [str(originals)])
    assert [data.name for data in alone] == ["ImageNet"]


# --- test images where there is no validation split


def test_drawn_test_images_depend_on_their_ids_alone(finished: Path) -> None:
    record = read_result(finished / "results" / OURS / f"probe_{MADE}_jpeg_protocol=fast.json")
    place = finished / "embeddings" / MADE / "JPEG75_420" / "model=module_variant=tests-linear_split=train.safetensors"
    ids = read_embeddings(place).image_ids()
    drawn = sum(map(is_held_out, ids))
    images = record.n
    assert (images["test"], images["train"] + images["validation"]) == (drawn, PHOTOS - drawn)
    assert record.settings["test_images"] == "one in 5, drawn by id"
    many = [is_held_out(f"photo {number}") for number in range(10_000)]
    assert np.mean(many) == pytest.approx(0.2, abs=4 * np.sqrt(0.2 * 0.8 / 10_000))


def test_drawn_test_images_never_train(tmp_path: Path) -> None:
    """Test images that copy no training image are answered at chance by a nearest neighbour that would know copies."""
    labels = torch.arange(60) % 2
    for name in classes("jpeg"):
        path = EmbeddingKey("own", "m", "v", processing=name).path(tmp_path)
        ids = pack_text([str(number) for number in range(60)])
        write_embeddings(path, torch.eye(60), {"label": labels, "image_id": ids})
    options: dict[str, Any] = {
        "embeddings": tmp_path,
        "out": tmp_path / "results",
        "settings": {"knn.k": 1, "seeds": 1},
    }
    (result,) = evaluate("m/v", "knn", **options, dataset="own").results[:1]
    drawn = [is_held_out(str(number)) for number in range(60)]
    assert result.n == {"train": 60 - sum(drawn), "test": sum(drawn), "classes": 2}
    assert result.metrics["all_same"] < 1  # a training image would find itself


# --- nothing twice


def test_a_second_run_computes_nothing(finished: Path) -> None:
    before, encoder = snapshot(finished), Linear()
    results = evaluate(encoder, data_dir=finished, **FAST).results
    assert snapshot(finished) == before
    assert encoder.batches == []
    assert sum(result.state == "measured" for result in results) == 19
    assert set(states(finished).values()) == {"done", "not possible"}


def test_images_are_embedded_once_for_all_measurements(data: Path) -> None:
    encoder = Linear()
    evaluate(encoder, data_dir=data, **FAST)
    variants = {"jpeg": 6, "sharpening": 2}  # JPEG95_444 is a class of both
    imagenet = 24 * (sum(variants.values()) + len(MASKS))
    expected = imagenet + PHOTOS * 6 + PHOTOS * 2 + 8  # variants of photos; no mask and 90%; pairs
    assert sum(encoder.batches) == expected + 4  # those of the checks when it is loaded


def test_only_what_a_setting_changes_is_measured_anew(finished: Path) -> None:
    todo = {
        name for name, state in states(finished, settings={"protocol": "fast", "seeds": 3}).items() if state == "to do"
    }
    assert {name.split()[0] for name in todo} == {"probe", "knn", "mitigation"}
    assert not any("FlickrExif" in name for name in todo if MADE not in name)  # their labels are not drawn
    todo = {name for name, state in states(finished, settings={"seeds": 2}).items() if state == "to do"}
    assert {name.split()[0] for name in todo} == {"probe", "mitigation"}
    assert "done" not in states(finished, resume=False).values()


def test_only_what_an_input_changes_is_measured_anew(data: Path) -> None:
    evaluate(Linear(), data_dir=data, **FAST)
    path = data / "flickrexif/splits/split_data_target_attribute=Make.json"
    path.write_text(path.read_text().replace("Apple", "Apfel"))
    assert [name for name, state in states(data).items() if state == "to do"] == ["probe Make FlickrExif"]
    (data / "embeddings/PairCams/model=module_variant=tests-linear.safetensors").unlink()
    todo = [name for name, state in states(data).items() if state == "to do"]
    assert todo == ["probe Make FlickrExif", "retrieval PairCams"]
    before = records(data)
    evaluate(Linear(), data_dir=data, **FAST)
    after = records(data)
    assert [name for name in after if after[name] != before[name]] == [
        f"{OURS}/probe_FlickrExif_Make_protocol=fast_mask=0.9.json"
    ]


def test_a_damaged_record_is_made_again(data: Path) -> None:
    evaluate(Linear(), ("retrieval",), data_dir=data, **CPU)
    path = data / "results" / OURS / "retrieval_PairCams.json"
    before = records(data)
    path.write_text("{")
    evaluate(Linear(), ("retrieval",), data_dir=data, **CPU)
    assert records(data) == before


def test_embeddings_alone_can_be_measured(finished: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(finished / "embeddings", data / "embeddings")
    encoder = Linear()
    evaluate(encoder, data_dir=data, **FAST)
    assert not encoder.batches
    ours, before = records(data), records(finished)
    for name in (
        f"probe_{MADE}_jpeg_protocol=fast",
        "knn_ImageNet_sharpening",
        "masking_ImageNet",
        "retrieval_PairCams",
    ):
        assert ours[f"{OURS}/{name}.json"] == before[f"{OURS}/{name}.json"]


KILLED = """
import sys
from pathlib import Path
from flickrexif import evaluate
from tests.embed_encoders import Linear
from tests.test_suite import FAST
evaluate(Linear(dies_after=int(sys.argv[2])), data_dir=Path(sys.argv[1]), **FAST)
"""


@pytest.mark.parametrize("batches", [3, 12])
def test_a_killed_run_goes_on_to_the_same_records(finished: Path, data: Path, batches: int) -> None:
    command = [sys.executable, "-c", KILLED, str(data), str(batches)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert not any("/probe" in name for name in records(data))
    evaluate(Linear(), data_dir=data, **FAST)
    assert records(data) == records(finished)


# --- failures


class Tired(Linear):
    """Fails once the data set that is embedded first is embedded."""

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        if len(self.batches) == 3 + 2:  # those of its check when it is loaded, then those of the data set
            raise ValueError("it sees\nnothing \x1b[31m")
        return super().embed(batch)


def test_a_failure_is_a_record_with_its_reason_and_what_is_embedded_is_measured(finished: Path, data: Path) -> None:
    encoder, tasks = Tired(), ("neighbors", "tsne", "retrieval")
    by_task = {result.task: result for result in evaluate(encoder, tasks, data_dir=data, **CPU).results}
    assert {task: result.state for task, result in by_task.items()} == {
        "neighbors": "measured", "tsne": "measured", "retrieval": "failed",
    }  # fmt: skip
    assert by_task["retrieval"].reason == "ValueError: it sees nothing [31m"
    assert set(by_task["retrieval"].metrics.values()) == {None}
    assert len(encoder.batches) == 3 + 2  # it is not tried again for each file
    assert "to do" in states(data, tasks).values()  # but by the next run
    evaluate(Linear(), tasks, data_dir=data, **CPU)
    ours, expected = records(data), records(finished)
    assert ours == {name: expected[name] for name in ours}


class Blind(Linear):
    """Fails on images that are masked."""

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        if len(self.batches) >= 3 and bool((batch[:, :, 5:7, 5:7] == 0).all((1, 2, 3)).any()):  # 3: of its check
            raise ValueError("it sees nothing")
        return super().embed(batch)


def test_an_encoder_that_fails_on_masked_images_is_measured_on_whole_ones(finished: Path, data: Path) -> None:
    results = evaluate(Blind(), data_dir=data, **FAST).results
    failed = {(r.task, r.attribute) for r in results if r.state == "failed"}
    assert failed == {("masking", None), ("probe", "Make"), ("probe", "Is Smartphone")}
    ours, expected = records(data), records(finished)
    others = [name for name in expected if "mask" not in name]
    assert len(others) == 19  # with three that are not possible
    assert {name: ours[name] for name in others} == {name: expected[name] for name in others}


def test_a_broken_split_file_is_a_reason(data: Path) -> None:
    (data / "flickrexif/splits/split_data_target_attribute=Make.json").write_text("[]")
    results = evaluate(Linear(), data_dir=data, **FAST).results
    failed = [r for r in results if r.state == "failed"]
    assert [r.attribute for r in failed] == ["Make"]
    assert "Make.json: the file is not a JSON object" in failed[0].reason


def test_images_that_cannot_be_read_are_a_reason(data: Path) -> None:
    for path in (data / "paircams/data").iterdir():
        path.write_bytes(b"PAR1")
    results = evaluate(Linear(), ("retrieval", "neighbors"), data_dir=data, **CPU).results
    assert [(r.task, r.state) for r in results] == [("neighbors", "measured"), ("retrieval", "failed")]
    assert "cannot be read" in results[1].reason


def test_an_embeddings_file_made_otherwise_is_left_and_told(data: Path) -> None:
    evaluate(Linear(), ("retrieval",), data_dir=data, **CPU)
    before = records(data)
    changed = replace_weights(Linear())
    results = evaluate(changed, ("retrieval",), data_dir=data, **CPU).results
    assert "made with other settings" in results[0].reason
    assert records(data) == before  # values are not overwritten by a failure


def replace_weights(encoder: Linear) -> Linear:
    """The same name, another record: as after a change of the encoder."""

    class Changed(Linear):
        @property
        def spec(self) -> Any:
            return replace(super().spec, tag="changed")

    return Changed(encoder.name)


# --- one's own encoder


class Means:
    """Five lines that a user would write."""

    input_size = 16

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean((2, 3))


def test_an_object_with_embed_is_measured(data: Path) -> None:
    results = evaluate(Means(), ("neighbors",), data_dir=data, **CPU).results
    assert [(r.encoder, r.family, r.task) for r in results] == [("module:Means", "OWN", "neighbors")]
    path = data / "embeddings/FlickrExif/model=module_variant=Means.safetensors"
    assert read_embeddings(path).image_embeddings.shape == (PHOTOS, 3)
    named = evaluate(Means(), ("neighbors",), data_dir=data, name="mine", **CPU).results
    assert named[0].metrics == results[0].metrics
    assert named[0].encoder == "mine"


def test_the_example_of_the_documentation_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = (ROOT / "docs" / "suite.md").read_text().split("```python\n")[1].split("```")[0]
    write_image_folder(tmp_path / "path/to/images", classes=2, train=8, val=8)
    monkeypatch.chdir(tmp_path)
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    names: dict[str, Any] = {"__name__": "example"}
    exec(example, names)
    results = names["evaluation"].results
    assert {"probe", "knn", "masking", "mitigation"} <= {result.task for result in results}
    assert all(result.encoder == "module:Means" and result.state == "measured" for result in results)
    assert {"accuracy", "all_same"} <= set(names["frame"]["metric"])
    assert names["page"].is_file()
    assert len(opened) == 1


# --- the plan


def test_seconds_are_those_of_earlier_records(data: Path) -> None:
    encoders = ["control:colour", "control:random"]
    assert {item.seconds for item in plan(data, encoders)} == {None}
    evaluate("control:colour", data_dir=data, **FAST)
    for item in plan(data, encoders, resume=False):
        if item.state == "to do":  # of another encoder they are those of the encoders that were measured
            assert item.seconds == read_result(data / "results" / "control-colour" / item.path.name).seconds
            assert bool(item.missing) == (item.candidate.spec.name == "control:random")


def test_encoders_share_a_pass_as_memory_allows() -> None:
    names = ["paper:clip/RN50x64", "control:dct", "paper:openclip/ViT-g-14-laion2B", "control:colour", "lite0"]
    names_by_group = [[spec.name for spec in group] for group in by_memory(map(resolve, names))]
    sizes = {name: resolve(name).size_bytes or 0 for name in names}
    assert [name for group in names_by_group for name in group] == names
    assert len(names_by_group) > 1
    assert all(sum(sizes[n] for n in group) <= 4e9 or len(group) == 1 for group in names_by_group)


def test_encoders_that_would_share_records_are_refused(untouched: Path, tmp_path: Path) -> None:
    files = [f"open_clip:RN50@{tmp_path / name}" for name in ("a-b", "a:b")]
    for name in ("a-b", "a:b"):
        (tmp_path / name).touch()
    with pytest.raises(UsageError, match="would share their records"):
        plan(untouched, files)


def test_the_import_of_flickrexif_is_cheap() -> None:
    torch_is_loaded = "'torch' in sys.modules"
    code = f"import sys; import flickrexif; print({torch_is_loaded}, callable(flickrexif.evaluate), {torch_is_loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == ["False", "True", "True"]


# --- real photographs


def test_dct_reads_the_compression_of_photographs_and_random_does_not(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    photographs = write_image_folder(tmp_path / "photographs", classes=4)
    options: dict[str, Any] = {"dataset": str(photographs), "settings": {"protocol": "fast"}, "device": "cpu"}
    evaluate("@ctl", "probe", data_dir=tmp_path / "data", **options)
    metrics = {name: record["metrics"] for name, record in records(tmp_path / "data").items()}
    jpeg = {name.split("/")[0]: m["accuracy"] for name, m in metrics.items() if "_jpeg_" in name}
    assert jpeg["control-dct"] > 0.6
    assert jpeg["control-random"] == pytest.approx(1 / 6, abs=0.06)
    assert jpeg["control-colour"] < 0.4


# --- what the records of a folder are of


def test_masked_and_whole_images_have_records_of_their_own(data: Path) -> None:
    evaluate(Linear(), "retrieval", data_dir=data, **CPU)
    masked = {**CPU, "settings": {"retrieval.mask": 0.9}}
    assert states(data, ("retrieval",)) == {"retrieval PairCams": "done"}
    assert states(data, ("retrieval",), **masked) == {"retrieval PairCams": "to do"}
    evaluate(Linear(), "retrieval", data_dir=data, **masked)
    folder = data / "results" / OURS
    masks = {path.name: read_result(path).mask for path in folder.iterdir()}
    assert masks == {"retrieval_PairCams.json": 0, "retrieval_PairCams_mask=0.9.json": 0.9}
    shutil.copy(folder / "retrieval_PairCams_mask=0.9.json", folder / "retrieval_PairCams.json")
    assert states(data, ("retrieval",)) == {"retrieval PairCams": "to do"}


def test_settings_choose_among_the_measurements_and_change_them(data: Path) -> None:
    settings = {"parameter": "jpeg", "knn.k": "3", "seeds": "2", "protocol": "fast"}
    results = evaluate(Linear(), ("probe", "knn"), data_dir=data, dataset="ImageNet", settings=settings).results
    assert [(r.task, r.parameter, r.settings["seeds"], r.settings.get("k")) for r in results] == [
        ("probe", "jpeg", 2, None),
        ("knn", "jpeg", 2, 3),
    ]
    neighbors = evaluate(Linear(), "neighbors", data_dir=data, settings={"k": "5,40,5000"}).results[0]
    assert set(neighbors.metrics) == {"5", "40"}  # as many as there are photos


def test_the_page_of_the_suite_has_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \| (.*) \|$", (ROOT / "docs" / "suite.md").read_text(), re.MULTILINE)
    told = {task: dict(re.findall(r"`([a-z]+)`(?: \(([^;)]+))?", text)) for task, text in rows if task in MEASUREMENTS}
    told = {task: fields for task, fields in told.items() if "seed" in fields or "k" in fields}
    for task, fields in told.items():
        kind = MEASUREMENTS[task]
        of_all = {"parameter", "attribute", "mask", "paper", "fast"}
        usual = {field.name: field.default for field in dataclasses.fields(kind) if field.name not in of_all}
        assert fields.keys() == usual.keys()
        for name, text in fields.items():
            value = usual[name]
            default = ",".join(f"{v:g}" for v in value) if isinstance(value, tuple) else str(value).removesuffix(".0")
            assert text in ("", default), (task, name)
    assert set(told) == {task for task in MEASUREMENTS if task != "retrieval"}  # which has no setting of its own


def test_records_of_the_second_version_still_hold(finished: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(finished, tmp_path / "data"))
    for path in (data / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        record["schema_version"] = 2
        state, reason, over = record.pop("state"), record.pop("reason"), record.pop("interval")
        record["settings"] |= {"device": "cpu", "interval": f"bootstrap over {over}"}
        record["detail"] = (record["detail"] or {}) | {"reason": reason or None}
        split_files = [
            name for name in record["fingerprints"] if name.startswith("split_data") and record["attribute"] in name
        ]
        if record["task"] == "probe" and split_files:
            record["detail"]["split_file"] = record["fingerprints"].pop(split_files[0])
        if state != "measured":
            record["detail"]["state"] = state
        path.write_text(json.dumps(record))
    assert set(states(data).values()) == {"done", "not possible"}


def test_a_record_that_lacks_a_known_origin_is_made_anew(finished: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(finished, tmp_path / "data"))
    (data / "flickrexif/collection.json").write_text(json.dumps({"source": "sandbox:simulated"}))
    todo = [name for name, state in states(data).items() if state == "to do"]
    assert todo
    assert all(name.endswith(("FlickrExif", MADE)) for name in todo)
    evaluate(Linear(), data_dir=data, **FAST)
    of_dataset = {result.dataset: result.origin for result in read_results(data / "results")}
    assert of_dataset == {"FlickrExif": "sandbox:simulated", MADE: "sandbox:simulated", "ImageNet": "", "PairCams": ""}
    assert set(states(data).values()) == {"done", "not possible"}
