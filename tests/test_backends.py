"""A backend is one file with a `Backend`, and one entry in `BACKENDS`: a toy of it is resolved, embeds and is told."""

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import flickrexif
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.embeddings import read_embeddings
from flickrexif.eval.encoders import Candidate, resolve
from flickrexif.eval.encoders.backends import BACKENDS
from tests.samples import write_image_folder

TOY = """
from dataclasses import replace
from torch import nn
from flickrexif.eval.encoders.backend import Backend, unknown
from flickrexif.eval.encoders.network_encoder import network_encoder
from flickrexif.eval.encoders.spec import EncoderSpec

def describe(name, model, own_file):
    if model != "channels":
        raise unknown(name, model, ["channels"], "toy:")
    return EncoderSpec(name=name, family="OWN", backend="toy", model=model, input_size=16, mean=(0,) * 3, std=(1,) * 3)

def load(spec, device, dtype, pretrained):
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return network_encoder(network, replace(spec, digest="channels 1"), device, dtype)

BACKEND = Backend(describe=describe, load=load, is_here=lambda spec: True)
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "toy_backend.py"
    file.write_text(TOY)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(BACKENDS, "toy", import_module(file.stem).BACKEND)


@pytest.mark.usefixtures("toy")
def test_one_file_and_one_entry_add_a_backend(tmp_path: Path) -> None:
    assert resolve("toy:channels?img_size=32").key == "toy:channels?img_size=32"
    with pytest.raises(UsageError, match="There is no encoder") as caught:
        resolve("toy:chanels")
    assert caught.value.hint == "Nearest: toy:channels."
    candidate = Candidate(resolve("toy:channels"))
    assert candidate.only_loading_tells
    assert (candidate.load().spec.digest, candidate.load().spec.embedding_size) == ("channels 1", 3)
    images = write_image_folder(tmp_path / "images", classes=2, train=2, val=1)
    for existed in (False, True):
        report = flickrexif.embed(images, "toy:channels", split="val", data_dir=tmp_path / "data", device="cpu")
        assert [file.existed for file in report.files] == [existed]
    expected = []
    for path in sorted((images / "val").rglob("*.*")):
        image = Image.open(path).convert("RGB")
        short = min(image.size)
        scaled = image.resize((image.width * 16 // short, image.height * 16 // short), Image.Resampling.BICUBIC)
        left, top = round((scaled.width - 16) / 2), round((scaled.height - 16) / 2)
        expected.append(np.asarray(scaled)[top : top + 16, left : left + 16].mean((0, 1)) / 255)
    embeddings = read_embeddings(report.files[0].path).image_embeddings
    assert np.allclose(np.asarray(embeddings), expected, atol=1e-5)
