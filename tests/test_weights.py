"""Files and folders of weights as people have them give the embeddings of the network that they were saved from."""

import argparse
import json
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import flickrexif.eval.encoders.torchvision_operators  # noqa: F401
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.encoders import load, resolve
from tests.test_encoder_backends import TINY_CLIP, images, pooled

open_clip: Any = import_module("open_clip")  # after torchvision_operators, whatever sorts the imports
timm: Any = import_module("timm")


def random(network: Any) -> Any:
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.05 * torch.rand(value.shape, generator=torch.Generator().manual_seed(1)))
    return network.eval()


@pytest.fixture(scope="module")
def vit() -> Any:
    return random(timm.create_model("test_vit"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("configs")
    (folder / "flickrexif-tiny.json").write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(folder)
    return random(open_clip.model.CLIP(**{**TINY_CLIP, "vision_cfg": dict(TINY_CLIP["vision_cfg"])}))


def of_training(state: Any, path: Path) -> None:
    """What a training script saves: optimizer, numpy scalars, its arguments, names of parallel modules."""
    more = {"optimizer": {"lr": np.float64(0.1), "steps": [1]}, "best": np.float32(0.5), "epoch": 3}
    args = argparse.Namespace(lr=0.1)
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "args": args, **more}, path)


SAVED: dict[str, Callable[[Any, Path], object]] = {
    "state.pt": lambda state, path: torch.save(state, path),
    "state.safetensors": lambda state, path: save_file({k: v.contiguous() for k, v in state.items()}, path),
    "training.pth": of_training,
    "model.bin": lambda state, path: torch.save({"model": state, "iteration": 5}, path),
    "compiled.pt": lambda state, path: torch.save({f"_orig_mod.{k}": v for k, v in state.items()}, path),
    "lightning.ckpt": lambda state, path: torch.save({"state_dict": {f"model.{k}": v for k, v in state.items()}}, path),
    "half.pt": lambda state, path: torch.save({k: v.half() for k, v in state.items()}, path),
}


@pytest.mark.parametrize("file", SAVED)
def test_timm_opens_it(tmp_path: Path, vit: Any, file: str) -> None:
    SAVED[file](vit.state_dict(), tmp_path / file)
    batch = images(2, 160)
    rows = load(resolve(f"timm:test_vit@{tmp_path / file}")).embed(batch)
    torch.testing.assert_close(rows, pooled(vit, batch), rtol=1e-2, atol=1e-2 if file == "half.pt" else 1e-5)


@pytest.mark.parametrize("file", SAVED)
@pytest.mark.parametrize("tower", [False, True])
def test_open_clip_opens_it_also_of_the_image_tower_alone(tmp_path: Path, clip: Any, file: str, tower: bool) -> None:
    SAVED[file]((clip.visual if tower else clip).state_dict(), tmp_path / file)
    check_clip(f"open_clip:flickrexif-tiny@{tmp_path / file}", clip, 1e-2 if file == "half.pt" else 1e-4)


def check_clip(name: str, clip: Any, rtol: float = 1e-4) -> None:
    batch = images(2, 32)
    with torch.inference_mode():
        torch.testing.assert_close(load(resolve(name)).embed(batch), clip.encode_image(batch), rtol=rtol, atol=rtol)


class Archived(torch.nn.Module):
    """As OpenAI's archives: the network's tensors and three numbers."""

    def __init__(self, clip: Any) -> None:
        super().__init__()
        self.visual = clip.visual
        for number, name in enumerate(("input_resolution", "context_length", "vocab_size")):
            self.register_buffer(name, torch.tensor(number))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.visual(batch)  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore")  # torch deprecates the archives, which people have all the same
@pytest.mark.parametrize("tower", [False, True])
def test_a_torchscript_archive_gives_its_weights(tmp_path: Path, clip: Any, tower: bool) -> None:
    module = clip.visual if tower else Archived(clip)
    torch.jit.trace(module, images(1, 32), check_trace=False).save(str(tmp_path / "ViT.pt"))  # type: ignore[no-untyped-call]
    check_clip(f"open_clip:flickrexif-tiny@{tmp_path / 'ViT.pt'}", clip)


@pytest.fixture
def clip_folder(tmp_path: Path, clip: Any) -> Path:
    folder = tmp_path / "clip"
    folder.mkdir()
    preprocessing = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "interpolation": "bilinear"}
    config = {"model_cfg": TINY_CLIP, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file({k: v.contiguous() for k, v in clip.state_dict().items()}, folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture
def timm_folder(tmp_path: Path, vit: Any) -> Path:
    folder = tmp_path / "timm"
    cfg = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6), "interpolation": "bilinear"}
    timm.models.save_for_hf(vit, folder, {"pretrained_cfg": {**vit.pretrained_cfg, **cfg}}, safe_serialization=True)
    return folder


def in_cache(folder: Path, cache: Path) -> str:
    """Put the folder's files into a cache of the Hub, as repository acme/net; returns its name."""
    place, revision = cache / "models--acme--net", "0" * 40
    (place / "refs").mkdir(parents=True)
    (place / "refs/main").write_text(revision)
    shutil.copytree(folder, place / "snapshots" / revision)
    return "hf-hub:acme/net"


@pytest.mark.parametrize("of_hub", [False, True])
def test_a_saved_model_is_opened_with_its_preprocessing(
    clip_folder: Path, timm_folder: Path, clip: Any, vit: Any, monkeypatch: pytest.MonkeyPatch, of_hub: bool
) -> None:
    for backend, folder in (("open_clip", clip_folder), ("timm", timm_folder)):
        cache = folder.parent / f"cache-{backend}"
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        name = f"{backend}:{in_cache(folder, cache) if of_hub else f'local-dir:{folder}'}"
        spec = resolve(name)
        assert (spec.mean, spec.std, spec.interpolation) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "bilinear")
        assert spec.key == (name if of_hub else f"{backend}:local-dir:{folder.name}")
        if backend == "open_clip":
            check_clip(name, clip)
        else:
            torch.testing.assert_close(load(spec).embed(images(2, 160)), pooled(vit, images(2, 160)))


def test_a_folder_or_repository_without_a_model_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    for backend, config in (("open_clip", "open_clip_config.json"), ("timm", "config.json")):
        with pytest.raises(UsageError, match=f"lacks {config}"):
            resolve(f"{backend}:local-dir:{tmp_path}")
        with pytest.raises(FlickrExifError, match=f"acme/net/{config} on the Hugging Face Hub cannot be fetched"):
            resolve(f"{backend}:hf-hub:acme/net")


def test_what_is_no_state_says_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "w.pt"
    for content, words in (([1], "it is a list"), ({"epoch": 1, "loss": 2.0}, "of epoch, loss none is a tensor")):
        torch.save(content, file)
        with pytest.raises(FlickrExifError, match=f"holds no weights of test_vit .*{words}"):
            load(resolve(f"timm:test_vit@{file}"))
