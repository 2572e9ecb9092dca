"""The files of embeddings: what is written is read, released files are read as they are, damaged ones are told."""

import hashlib
import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.data.embeddings import EmbeddingKey, pack_text, read_embeddings, unpack_text, write_embeddings

ROOT = Path("root")


def by_hand(path: Path, tensors: dict[str, np.ndarray]) -> None:
    """A safetensors file from the format's description: length of the header, the header as JSON, the tensors."""
    names = {"float32": "F32", "float16": "F16", "int64": "I64"}
    header, end = {}, 0
    for name, array in tensors.items():
        shape = {"dtype": names[str(array.dtype)], "shape": list(array.shape)}
        header[name] = shape | {"data_offsets": [end, end + array.nbytes]}
        end += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in tensors.values()))


@pytest.mark.parametrize(
    ("given_names", "options", "expected"),
    [
        (("ImageNet", "clip", "ViT-B-16"), {"split": "val"}, "ImageNet/model=clip_variant=ViT-B-16_split=val"),
        (("FlickrExif", "dino", "vits8"), {}, "FlickrExif/model=dino_variant=vits8"),
        (
            ("ImageNet", "openclip", "ViT-B-16/laion2B"),
            {"processing": "JPEG75_420", "split": "train"},
            "ImageNet/JPEG75_420/model=openclip_variant=ViT-B-16-laion2B_split=train",
        ),
        (("PairCams", "clip", "RN50"), {"processing": "IDENTITY", "mask": 0.0}, "PairCams/model=clip_variant=RN50"),
        (
            ("iNaturalist", "clip", "RN50"),
            {"processing": "resize_half", "split": "val", "mask": 0.9},
            "iNaturalist/RESIZE_HALF/mask=0.9/model=clip_variant=RN50_split=val",
        ),
    ],
)
def test_paths_are_those_of_the_published_layout(
    given_names: tuple[str, str, str], options: dict[str, object], expected: str
) -> None:
    path = EmbeddingKey(*given_names, **options).path(ROOT)  # type: ignore[arg-type]
    assert path == ROOT / f"{expected}.safetensors"


def test_no_name_leads_out_of_the_folder() -> None:
    path = EmbeddingKey("a/../../b", "../c", "..\\d", processing="../e").path(ROOT)
    assert path.parts[0] == "root"
    assert len(path.parts) == 4
    assert ".." not in path.parts


NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,9}", fullmatch=True)


@given(
    keys=st.lists(
        st.builds(
            EmbeddingKey,
            *(NAMES, NAMES, NAMES),
            processing=st.sampled_from(["IDENTITY", "JPEG75_420", "SHARPEN_4"]),
            mask=st.sampled_from([0.0, 0.001, 0.25, 0.9, 1.0, 1e-05]),
            split=st.sampled_from([None, "train", "val", "test", "unsupervised"]),
        ),
        max_size=5,
    )
)
def test_a_path_tells_its_key(keys: list[EmbeddingKey]) -> None:
    assert [EmbeddingKey.of(ROOT, key.path(ROOT)) for key in keys] == keys
    assert len({key.path(ROOT) for key in keys}) == len(set(keys))
    backwards = keys[::-1]
    assert sorted(keys) == sorted(backwards)


@pytest.mark.parametrize(
    "name",
    [
        "ImageNet/notes.safetensors",
        "model=a_variant=b.safetensors",
        "ImageNet/model=a_variant=b.failures.csv",
        "ImageNet/model=a_variant=b.shard-1-of-2.safetensors",
        "ImageNet/JPEG75_420/mask=0.9/deeper/model=a_variant=b.safetensors",
        "ImageNet/.model=a_variant=b.0123.blocks/0000000000-0000000005.safetensors",
    ],
)
def test_a_file_of_another_layout_has_no_key(name: str) -> None:
    assert EmbeddingKey.of(ROOT, ROOT / name) is None


def test_what_is_written_is_read(tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    columns = {"label": torch.arange(7), "image_id": pack_text([f"n0/é{i}.jpg" for i in range(7)])}
    path = write_embeddings(tmp_path / "deep" / "a.safetensors", torch.from_numpy(vectors), columns, {"encoder": "x"})
    embeddings = read_embeddings(path)
    np.testing.assert_array_equal(embeddings.image_embeddings.numpy(), vectors)
    assert embeddings.columns["label"].tolist() == list(range(7))
    assert embeddings.image_ids() == [f"n0/é{i}.jpg" for i in range(7)]
    assert embeddings.metadata == {"encoder": "x"}
    assert len(embeddings) == 7


def test_other_programs_may_read_the_file(tmp_path: Path) -> None:
    """The released code opens the file as safetensors and indexes by the published keys."""
    path = write_embeddings(
        tmp_path / "a.safetensors", torch.eye(3), {"Flickr ID": torch.tensor([5, 6, 7])}, {"a": "b"}
    )
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    assert set(header) == {"__metadata__", "image_embeddings", "Flickr ID"}
    start, stop = header["image_embeddings"]["data_offsets"]
    stored = np.frombuffer(raw[8 + length :][start:stop], "<f4").reshape(header["image_embeddings"]["shape"])
    np.testing.assert_array_equal(stored, np.eye(3))


@pytest.mark.parametrize(
    "columns", [{"label": 3}, {"Flickr ID": 3}, {"subject": 3, "model": 3}], ids=["ImageNet", "FlickrExif", "PairCams"]
)
@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_released_files_are_read_as_they_are(tmp_path: Path, columns: dict[str, int], kind: type) -> None:
    values = {name: np.arange(10, 10 + n) for name, n in columns.items()}
    vectors = np.random.default_rng(1).normal(size=(3, 4)).astype(kind)
    by_hand(tmp_path / "a.safetensors", {"image_embeddings": vectors, **values})
    embeddings = read_embeddings(tmp_path / "a.safetensors")
    np.testing.assert_array_equal(embeddings.image_embeddings.numpy(), vectors)
    assert {name: column.tolist() for name, column in embeddings.columns.items()} == {n: [10, 11, 12] for n in columns}
    assert embeddings.metadata == {}
    assert embeddings.image_ids() == (["10", "11", "12"] if "Flickr ID" in columns else ["0", "1", "2"])


STRANGE = (None, "no JSON", "[]", "null", '{"encoder": "mine"}', '{"encoder": null, "mask": []}')


@pytest.mark.parametrize("text", STRANGE)
def test_what_files_of_other_programs_say_of_settings_is_nothing(tmp_path: Path, text: str | None) -> None:
    metadata = {} if text is None else {"settings": text}
    write_embeddings(tmp_path / "a.safetensors", torch.ones(2, 3), {}, metadata)
    embeddings = read_embeddings(tmp_path / "a.safetensors")
    assert (embeddings.encoder_digest, embeddings.mask, embeddings.origin) == ("", None, "")


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    metadata = {name: "x" * n for n, name in enumerate("abcdefghij")}
    hashes = set()
    for n in range(8):
        path = write_embeddings(tmp_path / f"{n}.safetensors", torch.ones(2, 2), {"label": torch.arange(2)}, metadata)
        hashes.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(hashes) == 1


@pytest.mark.skipif(os.name != "posix", reason="file modes are of POSIX systems")
def test_others_may_read_the_file_as_the_umask_says(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    path = write_embeddings(tmp_path / "a.safetensors", torch.ones(1, 1), {})
    assert path.stat().st_mode == plain.stat().st_mode


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30), max_size=9))
@settings(max_examples=60, deadline=None)
def test_texts_come_back(texts: list[str]) -> None:
    packed = pack_text(texts)
    assert packed.dtype == torch.uint8
    assert len(packed) == len(texts)
    assert unpack_text(packed) == texts


@given(st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_a_file_cut_anywhere_is_one_sentence(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    path = write_embeddings(folder / "a.safetensors", torch.ones(3, 9), {"label": torch.arange(3)}, {"a": "b"})
    whole = path.read_bytes()
    path.write_bytes(whole[: min(cut, len(whole) - 1)])
    with pytest.raises(FlickrExifError, match="is no whole safetensors file") as raised:
        read_embeddings(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"label": np.arange(3)}, "holds no tensor `image_embeddings`"),
        ({"image_embeddings": np.arange(6).reshape(3, 2)}, "not \\[n, d\\] of floats"),
        ({"image_embeddings": np.ones(3, np.float32)}, "not \\[n, d\\] of floats"),
        ({"image_embeddings": np.ones((3, 2), np.float32), "label": np.arange(2)}, "3 embeddings and a column 'label'"),
    ],
)
def test_other_files_are_one_sentence(tmp_path: Path, tensors: dict[str, np.ndarray], words: str) -> None:
    by_hand(tmp_path / "a.safetensors", tensors)
    with pytest.raises(FlickrExifError, match=words):
        read_embeddings(tmp_path / "a.safetensors")


def test_no_file_and_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no embeddings file"):
        read_embeddings(tmp_path / "a.safetensors")
    with pytest.raises(FlickrExifError, match="no whole safetensors file"):
        read_embeddings(tmp_path)


def test_what_cannot_be_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="another length"):
        write_embeddings(tmp_path / "a.safetensors", torch.ones(3, 2), {"label": torch.arange(2)})
    (tmp_path / "file").touch()
    with pytest.raises(FlickrExifError, match="cannot be written"):
        write_embeddings(tmp_path / "file" / "a.safetensors", torch.ones(3, 2), {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
