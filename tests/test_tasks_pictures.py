"""t-SNE and strips over embeddings of real photographs, and of few numbers whose neighbours are known."""

import json
import shutil
from collections import Counter
from dataclasses import replace
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

from flickrexif.commands.folder import label_folder
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.embeddings import read_embeddings, write_embeddings
from flickrexif.eval.data.formats import open_images
from flickrexif.eval.embed.run import EmbedSettings, embed
from flickrexif.eval.encoders import load, resolve
from flickrexif.eval.measure.inputs import EmbeddingFiles
from flickrexif.eval.measure.tasks_pictures import Album, balanced, drawn_queries, run_strips, run_tsne
from flickrexif.eval.measure.tsne import FEWEST
from flickrexif.eval.results import Result, from_json, read_result, to_json
from flickrexif.processing.draw import draw_class
from flickrexif.processing.variants import classes
from tests.samples import crop, photographs, samples_and

JPEG = classes("jpeg")


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
def photos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[EmbeddingFiles, Path]:
    """lite0's embeddings of camera photos as a FlickrExif data set, and the folder of their labels."""
    root = tmp_path_factory.mktemp("photos")
    folder = root / "flickrexif"
    source = request.param or write_camera_photos(root / "source")
    label_folder(source, folder)
    (folder / "images").mkdir()
    for row in pq.read_table(folder / "labels" / "train-folder.parquet").to_pylist():
        shutil.copy(source / row["path"], folder / "images" / f"{row['Flickr ID']}.jpg")
    embed(EmbedSettings(out=root / "e"), [load(resolve("lite0"))], open_images("flickrexif", data_dir=root))
    return EmbeddingFiles(root=root / "e", dataset="FlickrExif", model="lite0", variant="default"), folder / "labels"


@pytest.fixture(scope="module")
def processed(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> EmbeddingFiles:
    """control:dct's embeddings of some photos in the six JPEG variants: it sees little but the encoding."""
    root = tmp_path_factory.mktemp("processed")
    for split, count in (("train", 1), ("val", 6)):
        for folder in sorted((image_folder / split).iterdir()):
            for path in sorted(folder.iterdir())[:count]:
                place = root / "pets" / split / folder.name / path.name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
    options = EmbedSettings(out=root / "e", on_the_fly=("jpeg",))
    embed(options, [load(resolve("control:dct"))], open_images(str(root / "pets")))
    return EmbeddingFiles(root=root / "e", dataset="pets", model="control", variant="dct")


def text(result: Result) -> str:
    return to_json(replace(result, seconds=0.0))


def labelled(labels: Path) -> dict[int, bool]:
    rows = pq.read_table(labels, columns=["Flickr ID", "is_smartphone"]).to_pylist()
    return {row["Flickr ID"]: row["is_smartphone"] for row in rows if row["is_smartphone"] is not None}


# --- t-SNE


def test_real_photos_in_the_plane(photos: tuple[EmbeddingFiles, Path]) -> None:
    files, labels = photos
    result = run_tsne(files, labels=labels)
    smart = Counter(labelled(labels).values())
    share = min(smart.values())
    assert share >= FEWEST / 2
    detail = result.detail
    assert Counter(detail["label"].tolist()) == {0: share, 1: share}
    assert (detail["images"], detail["classes"]) == (2 * share, ["False", "True"])
    assert len(detail["x"]) == len(detail["y"]) == 2 * share
    assert result.metrics["chance"] == pytest.approx((share - 1) / (2 * share - 1))
    assert 0 <= result.metrics["same_label_in_plane"] <= 1  # type: ignore[operator]
    assert detail["left_out"]["no_label"] + sum(smart.values()) == len(read_embeddings(files.path()))
    assert detail["perplexity"] == pytest.approx((2 * share - 1) / 3)
    assert (result.task, result.attribute, result.encoder, result.family) == ("tsne", "is_smartphone", "lite0", "SUP")


def test_the_record_is_the_same_every_time_and_another_seed_draws_others(
    photos: tuple[EmbeddingFiles, Path],
) -> None:
    files, labels = photos
    first = run_tsne(files, labels=labels, limit=20)
    assert text(run_tsne(files, labels=labels, limit=20)) == text(first)
    assert run_tsne(files, labels=labels, limit=20, seed=1).detail["x"].tolist() != first.detail["x"].tolist()
    assert text(from_json(to_json(first))) == text(first)
    assert first.detail["images"] == 20


def flat(root: Path, count: int, smart: list[int], d: int = 8) -> tuple[EmbeddingFiles, Path]:
    """Embeddings of photos 0, 1, …, and a split file in which the first ones have the labels `smart`."""
    files = EmbeddingFiles(root=root, dataset="FlickrExif", model="m", variant="v")
    x = torch.randn(count, d, generator=torch.Generator().manual_seed(1))
    write_embeddings(files.path(), x, {"Flickr ID": torch.arange(count)})
    split: dict[str, Any] = {"target_attribute": "Is Smartphone", "label_encoder_classes": ["False", "True"]}
    split |= {f"{s}_ids": [] for s in ("train", "val")} | {f"encoded_{s}_labels": [] for s in ("train", "val")}
    split |= {"test_ids": list(range(len(smart))), "encoded_test_labels": smart}
    (root / "split.json").write_text(json.dumps(split))
    return files, root / "split.json"


@pytest.mark.parametrize(
    ("smart", "d", "reason"),
    [([0, 1] * 5, 8, "10 photos are too few"), ([1] * 30, 8, "not of two classes"), ([0, 1] * 10, 1, "no plane")],
)
def test_no_points_but_a_reason(tmp_path: Path, smart: list[int], d: int, reason: str) -> None:
    files, labels = flat(tmp_path, 40, smart, d)
    result = run_tsne(files, labels=labels)
    assert reason in result.detail["reason"]
    assert result.metrics == {"same_label_in_plane": None, "chance": None}
    assert "x" not in result.detail
    assert from_json(to_json(result)).metrics == result.metrics


def test_the_order_of_the_file_changes_nothing(tmp_path: Path) -> None:
    files, labels = flat(tmp_path, 40, [0, 1] * 15)
    first = run_tsne(files, labels=labels, limit=24)
    embeddings, order = read_embeddings(files.path()), torch.randperm(40, generator=torch.Generator().manual_seed(3))
    write_embeddings(
        files.path(), embeddings.image_embeddings[order], {"Flickr ID": embeddings.columns["Flickr ID"][order]}
    )
    second = run_tsne(files, labels=labels, limit=24)
    assert second.fingerprints != first.fingerprints
    assert text(replace(second, fingerprints=first.fingerprints)) == text(first)


# --- strips


def test_strips_of_real_photos_are_the_nearest_by_cosine(photos: tuple[EmbeddingFiles, Path]) -> None:
    files, labels = photos
    result = run_strips(files, labels=labels, queries=3, k=5)
    smart, embeddings = labelled(labels), read_embeddings(files.path())
    ids = [photo for photo in embeddings.columns["Flickr ID"].tolist() if photo in smart]
    rows = [row for row, photo in enumerate(embeddings.columns["Flickr ID"].tolist()) if photo in smart]
    cosine = cosine_similarity(embeddings.image_embeddings[rows].double().numpy())
    np.fill_diagonal(cosine, -2)
    strips = result.detail["queries"]
    for strip in strips:
        row = cosine[ids.index(int(strip["id"]))]
        nearest = sorted(range(len(ids)), key=lambda n: -row[n])[:5]
        assert [near["id"] for near in strip["neighbors"]] == [str(ids[n]) for n in nearest]
        assert [near["similarity"] for near in strip["neighbors"]] == pytest.approx(row[nearest], abs=2e-6)
        for image in (strip, *strip["neighbors"]):
            assert image["label"] == str(smart[int(image["id"])])
            assert image["variant"] is None
        assert [near["same"] for near in strip["neighbors"]] == [
            n["label"] == strip["label"] for n in strip["neighbors"]
        ]
    assert {strip["label"] for strip in strips[:2]} == {"False", "True"}
    same = [near["same"] for strip in strips for near in strip["neighbors"]]
    assert result.metrics == {"same": pytest.approx(np.mean(same))}
    assert text(run_strips(files, labels=labels, queries=3, k=5)) == text(result)
    assert text(from_json(to_json(result))) == text(result)


def test_neighbours_share_the_variant_where_the_encoder_sees_it_alone(processed: EmbeddingFiles) -> None:
    result = run_strips(processed, parameter="jpeg", queries=6, k=8)
    assert (result.parameter, result.attribute) == ("jpeg", None)
    variants = {}
    for name in JPEG:
        embeddings = read_embeddings(processed.path(processing=name, split="val"))
        variants |= {
            (image_id, name): x for image_id, x in zip(embeddings.image_ids(), embeddings.image_embeddings, strict=True)
        }
    ids = sorted({image_id for image_id, _ in variants})
    drawn = {image_id: draw_class("jpeg", image_id, 0) for image_id in ids}
    base = torch.stack([variants[image_id, drawn[image_id]] for image_id in ids]).double().numpy()
    cosine = cosine_similarity(base)
    for strip in result.detail["queries"]:
        query = ids.index(strip["id"])
        nearest = sorted((n for n in range(len(ids)) if n != query), key=lambda n: -cosine[query, n])[:8]
        assert [near["id"] for near in strip["neighbors"]] == [ids[n] for n in nearest]
        for image in (strip, *strip["neighbors"]):
            assert image["variant"] == drawn[image["id"]]
            assert image["label"] == image["id"].partition("/")[0]
        assert [n["same"] for n in strip["neighbors"]] == [n["variant"] == strip["variant"] for n in strip["neighbors"]]
    assert {strip["variant"] for strip in result.detail["queries"]} == set(JPEG)
    assert result.metrics["same"] > 2 / 6  # type: ignore[operator]  # twice the chance
    assert len(result.fingerprints) == 12
    assert text(run_strips(processed, parameter="JPEG", queries=6, k=8)) == text(result)


def test_a_class_without_a_name_is_its_number_and_none_is_empty(tmp_path: Path) -> None:
    files = EmbeddingFiles(root=tmp_path, dataset="ImageNet", model="m", variant="v")
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    for name in classes("resizing"):
        for split in ("train", "val"):
            columns = (
                {"label": torch.tensor([0, 5, -1, 0, 5, -1])} if split == "val" else {"label": torch.zeros(6).long()}
            )
            write_embeddings(files.path(processing=name, split=split), x, columns, {"class_names": '["cat"]'})
    (strip,) = run_strips(files, parameter="resizing").detail["queries"]
    labels = {image["id"]: image["label"] for image in (strip, *strip["neighbors"])}
    assert labels == {"0": "cat", "1": "5", "2": "", "3": "cat", "4": "5", "5": ""}
    assert len(strip["neighbors"]) == 5  # all there are


# --- draws


def album(kind: list[int], spread: list[str]) -> Album:
    n = len(kind)
    return Album(
        embeddings=torch.ones(n, 2), ids=[f"i{row}" for row in range(n)], kind=kind, spread=spread,
        names=["a", "b", "c"], labels=[""] * n, variants=[None] * n, read=[], left_out={},
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


def test_bad_input_is_told_in_a_sentence(tmp_path: Path) -> None:
    files, labels = flat(tmp_path, 30, [0, 1] * 10)
    for wrong in (
        {"limit": 10},
        {"limit": -1},
        {"perplexity": 0},
        {"perplexity": float("nan")},
        {"perplexity": float("inf")},
    ):
        with pytest.raises(UsageError, match=r"Give --"):
            run_tsne(files, labels=labels, **wrong)  # type: ignore[arg-type]
    for wrong in ({"queries": 0}, {"k": 0}, {"parameter": "jpeg"}):
        with pytest.raises(UsageError):
            run_strips(files, labels=labels, **wrong)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="either labels or a processing"):
        run_strips(files)
    with pytest.raises(UsageError, match="There is no embeddings file"):
        run_strips(files, parameter="jpeg")
    (tmp_path / "one").mkdir()
    alone, its_label = flat(tmp_path / "one", 3, [1])
    with pytest.raises(UsageError, match="1 images have no neighbours"):
        run_strips(alone, labels=its_label)
    other = replace(files, dataset="Other")
    write_embeddings(other.path(), torch.ones(3, 2), {"label": torch.zeros(3)})
    with pytest.raises(UsageError, match="no column 'Flickr ID'"):
        run_tsne(other, labels=labels)


def test_photos_of_other_data_sets_have_no_label(tmp_path: Path) -> None:
    files, _ = flat(tmp_path, 5, [0])
    table = {"Flickr ID": [7, 8], "owner": ["a", "b"], "is_smartphone": [True, False]}
    pq.write_table(pa.table(table), tmp_path / "labels.parquet")
    with pytest.raises(UsageError, match="None of the photos"):
        run_strips(files, labels=tmp_path / "labels.parquet")


def test_both_on_the_command_line(run: Any, tmp_path: Path) -> None:
    files, labels = flat(tmp_path, 40, [0, 1] * 15)
    place = ("--embeddings", tmp_path, "--model", "m", "--variant", "v", "--labels", labels)
    code, out, _ = run("eval", "tsne", *place, "--limit", 20, "--out", tmp_path / "tsne.json")
    assert (code, "same_label_in_plane" in out) == (0, True)
    assert text(read_result(tmp_path / "tsne.json")) == text(run_tsne(files, labels=labels, limit=20))
    code, out, _ = run(
        "eval", "strips", "--dataset", "FlickrExif", *place, "--queries", 2, "--k", 3, "--out", tmp_path / "strips.json"
    )
    assert code == 0
    expected = run_strips(files, labels=labels, queries=2, k=3)
    assert text(read_result(tmp_path / "strips.json")) == text(expected)
    assert f"{expected.metrics['same']:.4f}" in out
    code, _, err = run("eval", "strips", "--dataset", "FlickrExif", *place[:-2])
    assert (code, "--labels PATH or --parameter jpeg" in err) == (2, True)
    assert run("eval", "tsne", *place, "--limit", 5)[0] == 2
