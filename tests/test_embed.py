"""Images to embedding files: the same rows however the work is done, a reason for every image without one."""

import csv
import io
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import Embeddings, failures_path, read_embeddings, write_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.embed.report import EmbedReport, summary
from flickrexif.eval.embed.run import dry_run
from flickrexif.eval.embed.settings import EmbedSettings, Work, combos_of
from flickrexif.eval.embed.store import merge_shards
from flickrexif.eval.encoders import load, resolve
from flickrexif.eval.encoders.faults import EncoderError
from flickrexif.processing.build import ProcessSettings, process
from flickrexif.processing.estimate import Estimate
from tests.deadly import deadly, small
from tests.embed_encoders import Linear, Ready, check_deadly_once, embed_all, grey, weights
from tests.samples import write_image_folder

IMAGES = 11
ROOT = Path(__file__).parents[1]
JPEG = {
    "JPEG75_420": (75, 2),
    "JPEG75_444": (75, 0),
    "JPEG85_420": (85, 2),
    "JPEG85_444": (85, 0),
    "JPEG95_420": (95, 2),
    "JPEG95_444": (95, 0),
}  # quality, Pillow's number of the subsampling


def picture(number: int) -> Image.Image:
    """A noisy gradient, so that every quality gives other pixels."""
    draw = np.random.default_rng(number)
    base = np.linspace(0, 160, 40 * 30).reshape(30, 40, 1) + draw.uniform(0, 90, (30, 40, 3))
    return Image.fromarray(base.astype(np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of lossless images, in the split train."""
    root = tmp_path_factory.mktemp("data") / "pictures"
    for number in range(IMAGES):
        path = root / "train" / ("cat" if number % 3 else "dog") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(number).save(path)
    return root


def run(folder: Path, out: Path, encoders: Sequence[Linear] = (), **options: Any) -> EmbedReport:
    options = {"on_the_fly": ("jpeg",), "block": 4, "batch_size": 5} | options
    return embed_all(out, encoders or [Linear()], open_images(str(folder)), **options)


def read(out: Path) -> dict[str, Embeddings]:
    return {path.relative_to(out).as_posix(): read_embeddings(path) for path in sorted(out.rglob("*.safetensors"))}


def assert_equal(files: dict[str, Embeddings], expected: dict[str, Embeddings]) -> None:
    assert set(files) == set(expected)
    for name, file in files.items():
        other = expected[name]
        torch.testing.assert_close(file.image_embeddings, other.image_embeddings, rtol=1e-5, atol=1e-5)
        assert file.image_ids() == other.image_ids()
        assert {key: value.tolist() for key, value in file.columns.items()} == {
            key: value.tolist() for key, value in other.columns.items()
        }


@pytest.fixture(scope="module")
def expected(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Embeddings]:
    out = tmp_path_factory.mktemp("expected")
    run(folder, out)
    return read(out)


def test_files_are_what_pillow_and_numpy_make(folder: Path, expected: dict[str, Embeddings]) -> None:
    """The protocol, image by image: decode, save as JPEG, decode, prepare, embed."""
    paths = sorted((folder / "train").rglob("*.png"))
    classes = ["cat", "dog"]
    matrix = weights("module:tests:linear", 12 * 12 * 3, 8)
    for name, (quality, subsampling) in JPEG.items():
        embeddings = expected[f"pictures/{name}/model=module_variant=tests-linear_split=train.safetensors"]
        rows = []
        for path in paths:
            file = io.BytesIO()
            Image.open(path).save(file, "JPEG", quality=quality, subsampling=subsampling)
            rows.append(small(Image.open(file), "", None).ravel() @ matrix)
        np.testing.assert_allclose(embeddings.image_embeddings.numpy(), np.stack(rows), rtol=1e-5, atol=1e-5)
        assert embeddings.image_ids() == [path.relative_to(folder / "train").as_posix() for path in paths]
        assert embeddings.columns["label"].tolist() == [classes.index(path.parent.name) for path in paths]
    assert len(expected) == len(JPEG)


@pytest.mark.parametrize("workers", [1, 4])
def test_workers_change_nothing(folder: Path, expected: dict[str, Embeddings], tmp_path: Path, workers: int) -> None:
    run(folder, tmp_path, workers=workers, block=6)
    assert_equal(read(tmp_path), expected)


@pytest.mark.parametrize(("batch_size", "block"), [(1, 3), (64, 1024), (7, 1)])
def test_batches_and_blocks_change_nothing(
    folder: Path, expected: dict[str, Embeddings], tmp_path: Path, batch_size: int, block: int
) -> None:
    encoder = Linear()
    run(folder, tmp_path, [encoder], batch_size=batch_size, block=block)
    assert_equal(read(tmp_path), expected)
    assert max(encoder.batches) == min(batch_size, 6 * min(block, IMAGES))
    assert sum(encoder.batches) == 6 * IMAGES


def test_variants_stored_and_on_the_fly_are_equal(folder: Path, tmp_path: Path) -> None:
    """Shards as `flickrexif process` writes them, random resizes included."""
    names = ("JPEG75_420", "SHARPEN_4", "RESIZE_HALF", "INTERPOLATION_BOX")
    process(ProcessSettings(source=str(folder), out=tmp_path / "pictures", variants=names, shard_bytes=20_000))
    sources = open_images(str(tmp_path / "pictures"), variants=names)
    embed_all(tmp_path / "stored", [Linear()], sources, block=4)
    run(folder, tmp_path / "flying", on_the_fly=names)
    stored = read(tmp_path / "stored")
    assert len(stored) == 4
    assert_equal(stored, read(tmp_path / "flying"))


def test_several_encoders_at_once_equal_one_by_one(folder: Path, tmp_path: Path) -> None:
    """Two share a preparation, one has another; a control has none of ours."""
    encoders = [Linear(), Linear("module:tests:second", size=3), Linear("module:tests:grey", grey)]
    every = [*encoders, load(resolve("control:colour"))]
    masks: dict[str, Any] = {"masks": (0.0, 0.9), "on_the_fly": ("JPEG75_420", "IDENTITY")}
    sources = open_images(str(folder))
    embed_all(tmp_path / "together", every, sources, **masks)
    for encoder in every:
        embed_all(tmp_path / "alone", [encoder], sources, **masks)
    together = read(tmp_path / "together")
    assert len(together) == 4 * 2 * 2
    assert_equal(together, read(tmp_path / "alone"))
    plain = together["pictures/model=module_variant=tests-linear_split=train.safetensors"].image_embeddings
    covered = together["pictures/mask=0.9/model=module_variant=tests-linear_split=train.safetensors"].image_embeddings
    assert not torch.allclose(plain, covered)


def test_a_timm_network_runs_end_to_end(folder: Path, tmp_path: Path) -> None:
    """Random weights: every batch size gives the embeddings that single images give."""
    encoder = load(resolve("timm:test_vit.r160_in1k"), pretrained=False)
    sources = open_images(str(folder))
    report = embed_all(tmp_path, [encoder], sources, batch_size=4)
    embeddings = read_embeddings(report.files[0].path)
    data = [encoder.prepare(Image.open(path).convert("RGB"), "", None) for path in sorted(folder.rglob("*.png"))]
    alone = torch.cat([encoder.embed(torch.from_numpy(image)[None]) for image in data])
    torch.testing.assert_close(embeddings.image_embeddings, alone, rtol=1e-4, atol=1e-5)
    assert embeddings.image_embeddings.shape == (IMAGES, encoder.spec.embedding_size)


# --- interruption


KILLED = """
import sys
from pathlib import Path
from tests.embed_encoders import Linear
from tests.test_embed import run
run(Path(sys.argv[1]), Path(sys.argv[2]), [Linear(dies_after=8)], batch_size=3)
"""


def test_a_killed_run_goes_on_and_nothing_finished_is_made_twice(
    folder: Path, expected: dict[str, Embeddings], tmp_path: Path
) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(tmp_path)], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert not list(tmp_path.rglob("model=*"))  # nothing that looks whole
    encoder = Linear()
    run(folder, tmp_path, [encoder], batch_size=3)
    assert sum(encoder.batches) == 6 * (IMAGES - 4)  # the first block of 4 images took 8 batches of 3
    assert_equal(read(tmp_path), expected)
    assert not list(tmp_path.rglob(".*"))
    again = Linear()
    report = run(folder, tmp_path, [again])
    assert not again.batches
    assert all(file.existed for file in report.files)
    assert "was there" in summary(report)


def test_a_variant_asked_for_later_is_all_that_is_made(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path, on_the_fly=("JPEG75_420",))
    encoder = Linear()
    report = run(folder, tmp_path, [encoder])
    assert sum(encoder.batches) == 5 * IMAGES
    assert [file.existed for file in report.files] == [True, False, False, False, False, False]


def test_other_settings_do_not_overwrite(folder: Path, tmp_path: Path) -> None:
    report = run(folder, tmp_path, on_the_fly=("JPEG75_420",))
    before = report.files[0].path.read_bytes()
    with pytest.raises(UsageError, match="is there already, made with other settings"):
        run(folder, tmp_path, on_the_fly=("JPEG75_420",), dtype="bf16")
    assert report.files[0].path.read_bytes() == before
    write_embeddings(report.files[0].path, torch.ones(1, 1), {})
    with pytest.raises(UsageError, match="of another program"):
        run(folder, tmp_path, on_the_fly=("JPEG75_420",))


def test_changed_images_are_other_settings(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    picture(0).save(tmp_path / "d" / "a.png")
    run(tmp_path / "d", tmp_path / "out", on_the_fly=())
    picture(1).save(tmp_path / "d" / "b.png")
    with pytest.raises(UsageError, match="other settings"):
        run(tmp_path / "d", tmp_path / "out", on_the_fly=())


def test_two_runs_do_not_make_one_file(folder: Path, tmp_path: Path) -> None:
    def second(done: int, total: int, failures: object) -> None:
        if 0 < done < total:
            run(folder, tmp_path)

    with pytest.raises(UsageError, match="Another run is making"):
        embed_all(tmp_path, [Linear()], open_images(str(folder)), ("jpeg",), progress=second)


# --- shards


def test_merged_shards_are_the_file_that_one_run_makes(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for number in range(7):
        picture(number).save(tmp_path / "d" / f"{number}-{'x' * number}.png")
    (tmp_path / "d" / "3-bad.png").write_bytes(b"no image")
    whole = run(tmp_path / "d", tmp_path / "whole", on_the_fly=())
    for shard in ("2/3", "1/3", "3/3"):
        if shard == "3/3":
            with pytest.raises(UsageError, match=r"lacks 1 of 3 shards, such as .*shard-3-of-3"):
                merge_shards(tmp_path / "parts")
        run(tmp_path / "d", tmp_path / "parts", on_the_fly=(), shard=shard)
    (merged,) = merge_shards(tmp_path / "parts")
    assert merged.read_bytes() == whole.files[0].path.read_bytes()
    assert failures_path(merged).read_bytes() == failures_path(whole.files[0].path).read_bytes()
    assert sorted(path.name for path in merged.parent.iterdir()) == sorted([merged.name, failures_path(merged).name])


def test_more_shards_than_images(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    picture(0).save(tmp_path / "d" / "a.png")
    for number in (1, 2, 3):
        run(tmp_path / "d", tmp_path / "out", on_the_fly=(), shard=f"{number}/3")
    (merged,) = merge_shards(tmp_path / "out")
    assert read_embeddings(merged).image_embeddings.shape == (1, 8)


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b", "1/", "-1/3", "1/3/5"])
def test_what_is_no_shard(folder: Path, tmp_path: Path, shard: str) -> None:
    with pytest.raises(UsageError, match="is no shard"):
        run(folder, tmp_path, shard=shard)


# --- failures


def test_an_image_without_a_row_has_a_reason(tmp_path: Path) -> None:
    data = tmp_path / "d"
    data.mkdir()
    for number in (0, 5):
        picture(number).save(data / f"{number}.png")
    (data / "1.png").write_bytes(b"")
    whole = io.BytesIO()
    picture(2).save(whole, "PNG")
    (data / "2.png").write_bytes(whole.getvalue()[:900])
    (data / "3.jpg").write_bytes(b"text")
    (data / "4.png").symlink_to(data / "gone")
    Image.new("RGB", (300, 1)).save(data / "6.png")
    Image.new("RGB", (30, 30), "white").save(data / "7.png")  # its first input is 1: not finite
    reasons = {
        "1.png": "empty",
        "2.png": "truncated",
        "3.jpg": "not_an_image",
        "4.png": "unreadable",
        "6.png": "too_narrow",
    }
    counted = []
    report = embed_all(
        tmp_path / "out",
        [Linear(bad=1.0), Linear("module:tests:good")],
        open_images(str(data)),
        progress=lambda done, total, failures: counted.append((done, total, dict(failures))),
        block=3,
        batch_size=2,
    )
    for embedded, failures in zip(report.files, (reasons | {"7.png": "not_finite"}, reasons), strict=True):
        with failures_path(embedded.path).open(newline="") as file:
            assert {row["image_id"]: row["reason"] for row in csv.DictReader(file)} == failures
        left = [name for name in ("0.png", "5.png", "7.png") if name not in failures]
        assert read_embeddings(embedded.path).image_ids() == left
        assert embedded.rows == len(left)
        assert embedded.failures == dict.fromkeys(failures.values(), 1)
    assert report.failed == 11
    assert counted[0][:2] == (0, 16)
    assert counted[-1][:2] == (16, 16)
    assert "1 too_narrow" in summary(report)


def test_nothing_but_failures_is_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.png").write_bytes(b"")
    report = run(tmp_path / "d", tmp_path / "out", on_the_fly=())
    assert read_embeddings(report.files[0].path).image_embeddings.shape == (0, 8)
    assert report.files[0].failures == {"empty": 1}


def test_out_of_memory_halves_the_batch_and_says_so(
    folder: Path, expected: dict[str, Embeddings], tmp_path: Path
) -> None:
    said: list[str] = []
    encoder = Linear(capacity=3)
    sources = open_images(str(folder))
    report = embed_all(tmp_path, [encoder], sources, ("jpeg",), tell=said.append, batch_size=16)
    assert_equal(read(tmp_path), expected)
    assert said == ["Out of memory: module:tests:linear goes on with a batch of 2, not 16."]
    assert report.batch_sizes == {"module:tests:linear": 2}
    with pytest.raises(FlickrExifError, match="does not suffice for a single image"):
        run(folder, tmp_path / "none", [Linear(capacity=0)])


def test_an_image_that_ends_its_process_is_a_failure(tmp_path: Path) -> None:
    check_deadly_once(write_image_folder(tmp_path / "pictures", classes=1, train=2, val=0), tmp_path, workers=1)


def test_processes_that_die_of_every_image_are_a_sentence(tmp_path: Path) -> None:
    folder = write_image_folder(tmp_path / "pictures", classes=1, train=4, val=0)
    with pytest.raises(FlickrExifError, match="Worker processes died again and again"):
        run(folder, tmp_path / "out", [Linear(prepare=deadly)], workers=1)


def test_an_encoder_of_the_wrong_shape_is_told(folder: Path, tmp_path: Path) -> None:
    class Wrong(Linear):
        def embed(self, batch: torch.Tensor) -> torch.Tensor:
            return super().embed(batch).ravel()

    with pytest.raises(EncoderError, match=r"made \[40\] of 5 images, not \[5, d\]"):
        run(folder, tmp_path, [Wrong()])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"masks": (1.5,)}, "cannot cover"),
        ({"masks": ()}, "nothing to embed"),
        ({"on_the_fly": ("JPEG76_420",)}, "no processing variant 'JPEG76_420'"),
        ({"batch_size": 0}, "--batch-size"),
        ({"workers": -1}, "--workers"),
    ],
)
def test_settings_that_cannot_be(folder: Path, tmp_path: Path, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        run(folder, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_one_place_for_two_encoders_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would share"):
        run(folder, tmp_path, [Linear("module:a/b"), Linear("module:a-b")])


def test_stored_variants_are_not_processed_again(folder: Path, tmp_path: Path) -> None:
    sources = [replace(source, variant="JPEG75_420") for source in open_images(str(folder))]
    with pytest.raises(UsageError, match="not to stored variants"):
        embed_all(tmp_path, [Linear()], sources, ("jpeg",))


# --- orientation


def test_images_are_turned_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    picture(0).save(tmp_path / "d" / "a.png", exif=exif)
    matrix = weights("module:tests:linear", 12 * 12 * 3, 8)
    for orient, pixels in ((False, picture(0)), (True, picture(0).rotate(-90, expand=True))):
        report = run(tmp_path / "d", tmp_path / str(orient), on_the_fly=(), orient=orient)
        embedding = read_embeddings(report.files[0].path).image_embeddings[0].numpy()
        np.testing.assert_allclose(embedding, small(pixels, "", None).ravel() @ matrix, rtol=1e-5, atol=1e-5)


def test_a_dry_run_writes_nothing_and_tells_what_is_missing(folder: Path, tmp_path: Path) -> None:
    """Each look at its clock is 8 seconds later; all 11 images are embedded in 6 variants by both encoders."""
    settings = EmbedSettings(out=tmp_path / "out", block=4)
    encoders = [Linear(), Linear("module:tests:grey", grey)]
    work = [Work(source, combos_of(("jpeg",))) for source in open_images(str(folder))]

    def plan() -> Estimate:
        candidates = [Ready(encoder.spec, encoder) for encoder in encoders]
        estimate = dry_run(settings, candidates, work, count(0, 8).__next__).estimate
        assert estimate
        return estimate

    before = plan()
    assert not (tmp_path / "out").exists()
    assert (before.outputs, before.files, before.size) == (132, 12, 132 * 8 * 4)
    assert (before.sample, before.seconds) == (11, pytest.approx(8))
    run(folder, tmp_path / "out", encoders[:1])
    assert (plan().outputs, plan().files) == (66, 6)
    run(folder, tmp_path / "out", encoders)
    assert (plan().outputs, plan().files, plan().seconds) == (0, 0, 0)
