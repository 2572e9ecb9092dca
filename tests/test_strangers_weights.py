"""Weights of strangers that hold programs: none of them runs."""

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import flickrexif.eval.encoders.torchvision_operators  # noqa: F401  (before transformers imports torchvision)
from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.encoders import load, resolve
from tests.test_backend_transformers import VIT, saved


class Program:
    """Makes a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def torch_file(path: Path, mark: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}, "epoch": Program(mark)}, path)


def old_torch_file(path: Path, mark: Path) -> None:
    torch.save({"a": Program(mark)}, path, _use_new_zipfile_serialization=False)


def plain_pickle(path: Path, mark: Path) -> None:
    path.write_bytes(pickle.dumps(Program(mark)))


def scripted_archive(path: Path, mark: Path) -> None:
    """Looks like TorchScript, whose pickles torch reads in C++."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/constants.pkl", pickle.dumps(Program(mark)))
        archive.writestr("x/data.pkl", pickle.dumps(Program(mark)))
        archive.writestr("x/version", "3\n")


@pytest.mark.parametrize("write", [torch_file, old_torch_file, plain_pickle, scripted_archive])
@pytest.mark.parametrize("name", ["timm:test_vit.r160_in1k@{}", "open_clip:ViT-B-32@{}"])
def test_a_checkpoint_is_not_unpickled(tmp_path: Path, write: Any, name: str) -> None:
    file, mark = tmp_path / "weights.pt", tmp_path / "mark"
    write(file, mark)
    with pytest.raises(FlickrExifError):
        load(resolve(name.format(file)))
    assert not mark.exists()


def test_a_transformers_folder_runs_no_code_and_is_not_unpickled(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = saved(tmp_path, transformers.ViTModel(transformers.ViTConfig(**VIT)))
    mark = tmp_path / "mark"
    (tmp_path / "own.py").write_text(
        f"open({str(mark)!r}, 'w')\nfrom transformers import ViTConfig as Config, ViTModel as Model\n"
    )
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    own = {"auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    for change in (own, {**own, "model_type": "nobody-knows"}):
        path.write_text(json.dumps(config | change))
        try:
            load(resolve(name))
        except FlickrExifError as error:
            assert "cannot be loaded" in error.message  # noqa: PT017 - the first has a class of transformers
    path.write_text(json.dumps(config))
    (tmp_path / "model.safetensors").unlink()
    torch_file(tmp_path / "pytorch_model.bin", mark)
    with pytest.raises(FlickrExifError):
        load(resolve(name))
    assert not mark.exists()
    assert "[y/N]" not in capfd.readouterr().out
