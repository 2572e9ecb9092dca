"""t-SNE and strips over embeddings of real photographs, and of few numbers whose neighbours are known."""

import json
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.metrics.pairwise import cosine_similarity

from flickrexif.commands.evaluate import evaluate
from flickrexif.commands.folder import label_folder
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, read_embeddings, write_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.encoders import load, resolve
from flickrexif.eval.measure import read_result
from flickrexif.eval.measure.album import Album
from flickrexif.eval.measure.strips import Query, Strips, drawn_queries
from flickrexif.eval.measure.tsne import FEWEST, Tsne, TsneDetail, balanced
from flickrexif.processing.draw import draw_class
from flickrexif.processing.variants import classes
from tests.embed_encoders import embed_all
from tests.measured import measured, plain_text
from tests.samples import crop, photographs, samples_and

JPEG = classes("jpeg")
PHOTO = EmbeddingKey("FlickrExif", "m", "v")


def write_camera_photos(folder: Path) -> Path:
    """Crops of photographs: 12 of a phone, 16 of a camera, 3 that name no device."""
    draws, devices = Random(0), [("Apple", "iPhone 12")] * 12 + [("Canon", "Canon EOS 450D")] * 16 + [("", "")] * 3
    folder.mkdir()
    for number, device in enumerate(devices):
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = device
        image = crop(photographs()[number % len(photographs())], 256, draws)
        image.save(folder / f"{number:02}.jpg", exif=exif)
    return folder


@pytest.fixture(scope="module", params=samples_and("camera-photos"))
def photos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with camera photos as the data set `flickrexif`, and with lite0's embeddings of them."""
    root = tmp_path_factory.mktemp("photos")
    folder = root / "flickrexif"
    source = request.param or write_camera_photos(root / "source")
    label_folder(source, folder)
    embed_all(root / "e", [load(resolve("lite0"))], open_images("flickrexif", data_dir=root))
    return root


@pytest.fixture(scope="module")
def processed(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """control:dct's embeddings of some photos in the six JPEG variants: it sees little but the encoding."""
    root = tmp_path_factory.mktemp("processed")
    for split, count in (("train", 1), ("val", 6)):
        for folder in sorted((image_folder / split).iterdir()):
            for path in sorted(folder.iterdir())[:count]:
                place = root / "pets" / split / folder.name / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
    embed_all(root / "e", [load(resolve("control:dct"))], open_images(str(root / "pets")), ("jpeg",))
    return root / "e"


def of_photos(task: str, root: Path, settings: dict[str, Any], **options: Any) -> Any:
    """The record of lite0's embeddings of the photos, measured anew."""
    return measured(task, "FlickrExif", settings, root / "e", encoder="lite0", resume=False, **options)


def labelled(root: Path) -> dict[int, bool]:
    """Flickr ID -> whether the photo is of a smartphone, where it is known."""
    rows = pq.read_table(root / "flickrexif" / "labels", columns=["Flickr ID", "is_smartphone"]).to_pylist()
    return {row["Flickr ID"]: row["is_smartphone"] for row in rows if row["is_smartphone"] is not None}


def embeddings_of(root: Path) -> Any:
    (path,) = (root / "e" / "FlickrExif").glob("*.safetensors")
    return read_embeddings(path)


# --- t-SNE


def test_real_photos_in_the_plane(photos: Path) -> None:
    result = of_photos("tsne", photos, {})
    smart = Counter(labelled(photos).values())
    share = min(smart.values())
    assert share >= FEWEST / 2
    detail = result.detail
    assert Counter(detail.label) == {0: share, 1: share}
    assert (result.n, detail.classes) == ({"photos": 2 * share}, ["False", "True"])
    assert len(detail.x) == len(detail.y) == 2 * share
    assert result.metrics["chance"] == pytest.approx((share - 1) / (2 * share - 1))
    assert 0 <= result.metrics["same_label_in_plane"] <= 1
    assert detail.left_out["no_label"] + sum(smart.values()) == len(embeddings_of(photos))
    assert detail.perplexity == pytest.approx((2 * share - 1) / 3)
    assert (result.task, result.attribute, result.encoder, result.family) == ("tsne", "is_smartphone", "lite0", "SUP")


def test_the_record_is_the_same_every_time_and_another_seed_draws_others(photos: Path, tmp_path: Path) -> None:
    first = of_photos("tsne", photos, {"limit": 20}, out=tmp_path / "tsne.json")
    assert plain_text(of_photos("tsne", photos, {"limit": 20})) == plain_text(first)
    assert of_photos("tsne", photos, {"limit": 20, "seed": 1}).detail.x != first.detail.x
    assert read_result(tmp_path / "tsne.json") == first
    assert first.n == {"photos": 20}


def flat(root: Path, count: int, smart: list[int], d: int = 8) -> partial[Any]:
    """Measures embeddings of photos 0, 1, …; `split.json` gives the first ones the labels `smart`."""
    x = torch.randn(count, d, generator=torch.Generator().manual_seed(1))
    write_embeddings(PHOTO.path(root / "e"), x, {"Flickr ID": torch.arange(count)})
    split: dict[str, Any] = {"target_attribute": "Is Smartphone", "label_encoder_classes": ["False", "True"]}
    split |= {f"{s}_ids": [] for s in ("train", "val")} | {f"encoded_{s}_labels": [] for s in ("train", "val")}
    split |= {"test_ids": list(range(len(smart))), "encoded_test_labels": smart}
    (root / "split.json").write_text(json.dumps(split))
    return partial(
        measured,
        dataset="FlickrExif",
        embeddings=root / "e",
        labels=root / "split.json",
        encoder="m/v",
        resume=False,
    )


@pytest.mark.parametrize(
    ("smart", "d", "reason"),
    [([0, 1] * 5, 8, "10 photos are too few"), ([1] * 30, 8, "not of two classes"), ([0, 1] * 10, 1, "no plane")],
)
def test_no_points_but_a_reason(tmp_path: Path, smart: list[int], d: int, reason: str) -> None:
    result = flat(tmp_path, 40, smart, d)("tsne", settings={}, out=tmp_path / "tsne.json")
    assert reason in result.reason
    assert result.metrics == {"same_label_in_plane": None, "chance": None}
    assert isinstance(result.detail, TsneDetail)
    assert (result.detail.x, result.detail.perplexity) == ([], None)
    assert (result.state, read_result(tmp_path / "tsne.json")) == ("measured", result)


def test_the_order_of_the_file_changes_nothing(tmp_path: Path) -> None:
    measure, path = flat(tmp_path, 40, [0, 1] * 15), PHOTO.path(tmp_path / "e")
    first = measure("tsne", settings={"limit": 24})
    embeddings, order = read_embeddings(path), torch.randperm(40, generator=torch.Generator().manual_seed(3))
    write_embeddings(path, embeddings.image_embeddings[order], {"Flickr ID": embeddings.columns["Flickr ID"][order]})
    second = measure("tsne", settings={"limit": 24})
    assert second.fingerprints != first.fingerprints
    assert (second.metrics, second.detail) == (first.metrics, first.detail)


# --- strips


def test_strips_of_real_photos_are_the_nearest_by_cosine(photos: Path, tmp_path: Path) -> None:
    chosen = {"queries": 3, "k": 5}
    result = of_photos("strips", photos, chosen, out=tmp_path / "strips.json")
    smart, embeddings = labelled(photos), embeddings_of(photos)
    ids = [photo for photo in embeddings.columns["Flickr ID"].tolist() if photo in smart]
    rows = [row for row, photo in enumerate(embeddings.columns["Flickr ID"].tolist()) if photo in smart]
    cosine = cosine_similarity(embeddings.image_embeddings[rows].double().numpy())
    np.fill_diagonal(cosine, -2)
    strips: list[Query] = result.detail.queries
    for strip in strips:
        row = cosine[ids.index(int(strip.id))]
        nearest = sorted(range(len(ids)), key=lambda n: -row[n])[:5]
        assert [near.id for near in strip.neighbors] == [str(ids[n]) for n in nearest]
        assert [near.similarity for near in strip.neighbors] == pytest.approx(row[nearest], abs=2e-6)
        for image in (strip, *strip.neighbors):
            assert image.label == str(smart[int(image.id)])
            assert image.variant is None
        assert [near.same for near in strip.neighbors] == [near.label == strip.label for near in strip.neighbors]
    assert {strip.label for strip in strips[:2]} == {"False", "True"}
    same = [near.same for strip in strips for near in strip.neighbors]
    assert result.metrics == {"same": pytest.approx(np.mean(same))}
    assert plain_text(of_photos("strips", photos, chosen)) == plain_text(result)
    assert read_result(tmp_path / "strips.json") == result


def test_neighbours_share_the_variant_where_the_encoder_sees_it_alone(processed: Path) -> None:
    chosen = {"parameter": "jpeg", "queries": 6, "k": 8}
    result = measured("strips", "pets", chosen, processed)
    assert (result.parameter, result.attribute) == ("jpeg", None)
    variants = {}
    for name in JPEG:
        path = EmbeddingKey("pets", "control", "dct", processing=name, split="val").path(processed)
        embeddings = read_embeddings(path)
        variants |= {
            (image_id, name): x for image_id, x in zip(embeddings.image_ids(), embeddings.image_embeddings, strict=True)
        }
    ids = sorted({image_id for image_id, _ in variants})
    drawn = {image_id: draw_class("jpeg", image_id, 0) for image_id in ids}
    base = torch.stack([variants[image_id, drawn[image_id]] for image_id in ids]).double().numpy()
    cosine = cosine_similarity(base)
    queries: list[Query] = result.detail.queries
    for strip in queries:
        query = ids.index(strip.id)
        nearest = sorted((n for n in range(len(ids)) if n != query), key=lambda n: -cosine[query, n])[:8]
        assert [near.id for near in strip.neighbors] == [ids[n] for n in nearest]
        for image in (strip, *strip.neighbors):
            assert image.variant == drawn[image.id]
            assert image.label == image.id.partition("/")[0]
        assert [near.same for near in strip.neighbors] == [near.variant == strip.variant for near in strip.neighbors]
    assert {strip.variant for strip in queries} == set(JPEG)
    assert result.metrics["same"] > 2 / 6  # type: ignore[operator]  # twice the chance
    assert len(result.fingerprints) == 12


def write_resized(root: Path, x: torch.Tensor, columns: dict[str, torch.Tensor], split: str) -> None:
    """The same embeddings under every class of resizing, of which class 0 is a cat."""
    for name in classes("resizing"):
        path = EmbeddingKey("ImageNet", "m", "v", processing=name, split=split).path(root)
        write_embeddings(path, x, columns, {"class_names": '["cat"]'})


def test_a_class_without_a_name_is_its_number_and_none_is_empty(tmp_path: Path) -> None:
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    write_resized(tmp_path / "e", x, {"label": torch.zeros(6).long()}, "train")
    write_resized(tmp_path / "e", x, {"label": torch.tensor([0, 5, -1, 0, 5, -1])}, "val")
    result = measured("strips", "ImageNet", {"parameter": "resizing"}, tmp_path / "e", encoder="m/v")
    (strip,) = result.detail.queries
    labels = {image.id: image.label for image in (strip, *strip.neighbors)}
    assert labels == {"0": "cat", "1": "5", "2": "", "3": "cat", "4": "5", "5": ""}
    assert len(strip.neighbors) == 5  # all there are


# --- draws


def album(kind: list[int], spread: list[str]) -> Album:
    n = len(kind)
    return Album(
        embeddings=torch.ones(n, 2), ids=[f"i{row}" for row in range(n)], kind=kind, spread=spread,
        names=["a", "b", "c"], labels=[""] * n, variants=[None] * n, left_out={},
    )  # fmt: skip


@given(kind=st.lists(st.integers(0, 2), min_size=1, max_size=40), limit=st.integers(3, 50), seed=st.integers(0, 99))
@settings(deadline=None)
def test_as_many_of_each_kind(kind: list[int], limit: int, seed: int) -> None:
    rows = balanced(album(kind, ["x"] * len(kind)), limit, seed)
    counts = Counter(kind[row] for row in rows)
    assert rows == sorted(set(rows))
    assert len(rows) <= limit
    assert len(set(counts.values())) == 1
    assert counts.keys() == set(kind)
    assert min(counts.values()) == min(limit // len(counts), *Counter(kind).values())
    more = balanced(album([*kind, kind[0]], ["x"] * (len(kind) + 1)), limit, seed)
    assert len(set(rows) - set(more)) <= 1  # a photo more takes the place of one at most


@given(kind=st.lists(st.integers(0, 2), min_size=2, max_size=30), queries=st.integers(1, 8), data=st.data())
@settings(deadline=None)
def test_queries_are_of_different_kinds_and_photographers(kind: list[int], queries: int, data: st.DataObject) -> None:
    spread = data.draw(st.lists(st.sampled_from("abcd"), min_size=len(kind), max_size=len(kind)))
    rows = drawn_queries(album(kind, spread), queries, 0)
    assert len(rows) == len(set(rows)) == min(queries, len(kind))
    first = rows[: len(set(kind))]
    assert len({kind[row] for row in first}) == len(first)
    if len(first) > 1:
        others = {spread[row] for row in range(len(kind)) if kind[row] == kind[first[1]]}
        assert spread[first[0]] != spread[first[1]] or others == {spread[first[0]]}
    assert rows == drawn_queries(album(kind, spread), len(kind), 0)[: len(rows)]


# --- bad input, and the command line


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        *((Tsne, {"limit": limit}) for limit in (10, -1)),
        *((Tsne, {"perplexity": perplexity}) for perplexity in (0, float("nan"), float("inf"))),
        (Strips, {"queries": 0}),
        (Strips, {"k": 0}),
    ],
)
def test_settings_that_cannot_be_are_told_with_what_to_set(tmp_path: Path, kind: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        kind(**wrong)
    with pytest.raises(UsageError, match=rf"Set {kind.task}\.|Give a k"):
        flat(tmp_path, 30, [0, 1] * 10)(kind.task, settings=wrong)


def test_what_cannot_be_measured_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There are no embeddings of FlickrExif"):
        measured("strips", "FlickrExif", {}, tmp_path / "e")
    with pytest.raises(UsageError, match="There is no parameter 'jpeg' to measure"):
        flat(tmp_path, 30, [0, 1] * 10)("strips", settings={"parameter": "jpeg"})
    assert flat(tmp_path, 3, [1])("strips", settings={}).reason == "1 images have no neighbours. Embed more images."
    write_embeddings(PHOTO.path(tmp_path / "e"), torch.ones(3, 2), {"label": torch.zeros(3)})
    for task in ("tsne", "strips"):
        result = measured(task, "FlickrExif", {}, tmp_path / "e", tmp_path / "split.json", "m/v")
        assert "no column 'Flickr ID'" in result.reason


def test_photos_of_other_data_sets_have_no_label(tmp_path: Path) -> None:
    table = {"Flickr ID": [7, 8], "owner": ["a", "b"], "is_smartphone": [True, False]}
    pq.write_table(pa.table(table), tmp_path / "labels.parquet")
    result = flat(tmp_path, 5, [0])("strips", settings={}, labels=tmp_path / "labels.parquet")
    assert (result.state, result.metrics) == ("failed", {"same": None})
    assert "None of the photos" in result.reason


def test_both_on_the_command_line(run: Any, tmp_path: Path) -> None:
    measure = flat(tmp_path, 40, [0, 1] * 15)
    place = ("--embeddings", tmp_path / "e", "--encoder", "m/v", "--labels", tmp_path / "split.json")
    code, out, _ = run("eval", "tsne", *place, "--set", "limit=20", "--out", tmp_path / "tsne.json")
    assert (code, "same_label_in_plane" in out) == (0, True)
    assert plain_text(read_result(tmp_path / "tsne.json")) == plain_text(measure("tsne", settings={"limit": 20}))
    chosen = ("--set", "strips.queries=2", "--set", "k=3", "--out", tmp_path / "strips.json")
    code, out, _ = run("eval", "strips", "--dataset", "FlickrExif", *place, *chosen)
    assert code == 0
    expected = measure("strips", settings={"queries": 2, "k": 3})
    assert plain_text(read_result(tmp_path / "strips.json")) == plain_text(expected)
    assert f"{expected.metrics['same']:.4f}" in out
    assert run("eval", "tsne", *place, "--set", "limit=5")[0] == 2
    (tmp_path / "split.json").write_text("{}")
    code, _, err = run("eval", "strips", *place, "--out", tmp_path / "strips.json")
    assert code == 3
    assert "split.json" in err


def test_few_photos_have_no_strips_of_a_processing_and_the_plan_says_so(tmp_path: Path) -> None:
    """One image in ten is a test image, drawn by its id."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(30):
        crop(photographs()[number % 17], 64, Random(number)).save(folder / f"{number:02}.jpg")
        if number == 2:
            with pytest.raises(UsageError, match="photos: neighbours need two test images or more, and it has 1"):
                evaluate("control:dct", "strips", dataset=folder, data_dir=tmp_path, dry_run=True)
    items = evaluate("control:dct", "strips", dataset=folder, data_dir=tmp_path, dry_run=True).items
    assert {item.state for item in items} == {"to do"}
