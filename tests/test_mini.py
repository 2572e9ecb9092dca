"""`mini:plain` and `mini:augmented`: the networks that their training leaves, small, and alike but for augmentation."""

import json
from importlib.resources import as_file, files

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from flickrexif.eval.encoders import load, resolve
from flickrexif.eval.encoders.mini import CHANNELS, network

NAMES = ("plain", "augmented")
WEIGHTS = files("flickrexif.eval.encoders.mini")


@pytest.mark.parametrize("name", NAMES)
def test_features_are_those_of_the_trained_network(name: str) -> None:
    trained = network(num_classes=10).eval()
    with as_file(WEIGHTS / f"{name}.safetensors") as file:
        trained.load_state_dict(load_file(file), strict=False)
    batch = torch.rand(3, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = trained.forward_head(trained.forward_features(batch), pre_logits=True)  # type: ignore[operator]
        torch.testing.assert_close(load(resolve(f"mini:{name}")).embed(batch), expected)
    assert expected.shape == (3, 256)


def test_they_differ_in_augmentation_alone() -> None:
    notes = []
    for name in NAMES:
        with as_file(WEIGHTS / f"{name}.safetensors") as file, safe_open(file, "pt") as weights:
            notes.append(json.loads(weights.metadata()["training"]))
    assert [note.pop("recipe") for note in notes] == list(NAMES)
    assert notes[0] == notes[1]
    assert notes[0]["channels"] == list(CHANNELS)


def test_both_ship_in_few_bytes_and_say_what_they_were_trained_on() -> None:
    assert sum(len((WEIGHTS / f"{name}.safetensors").read_bytes()) for name in NAMES) < 6_000_000
    plain, augmented = (resolve(f"mini:{name}") for name in NAMES)
    assert plain.training == augmented.training
    assert "Imagenette" in plain.training
    assert plain.augmentation.startswith("none")
    assert "JPEG" in augmented.augmentation
    assert "research" in plain.licence
