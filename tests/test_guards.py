"""Every encoder is checked when it is loaded: a planted fault of each kind is one sentence, and no file is made."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import flickrexif
from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders import Candidate, as_encoder, load, resolve
from flickrexif.eval.encoders.backends.control import CONTROLS
from flickrexif.eval.encoders.faults import EncoderError
from tests.samples import write_image_folder


class Means(nn.Module):
    """The mean of each channel, in a module whose `embed` is called; the tests change one thing of it."""

    def __init__(self, change: Callable[[torch.Tensor], Any] = lambda rows: rows, size: int | None = 3) -> None:
        super().__init__()
        self.change, self.input_size = change, 16
        self.mean: Any = (0.5,) * 3
        self.std: Any = (0.5,) * 3
        if size:
            self.embedding_size = size

    def embed(self, batch: torch.Tensor) -> Any:
        return self.change(batch.mean((2, 3)) + 1)


def loaded(obj: Any) -> torch.Tensor:
    """The embeddings of three images by an object, after all checks."""
    encoder = Candidate((own := as_encoder(obj, "mine")).spec, own).load()
    assert encoder.spec.embedding_size == 3
    return encoder.embed(torch.arange(3 * 3 * 16 * 16.0).reshape(3, 3, 16, 16))


# --- what came


class Output(OrderedDict[str, torch.Tensor]):
    """As the outputs of transformers."""


WRONG: dict[str, tuple[Callable[[torch.Tensor], Any], str]] = {
    "dict": (lambda rows: {"features": rows, "logits": rows}, "a dict of features, logits"),
    "output object": (lambda rows: Output(last_hidden_state=rows), "a Output of last_hidden_state"),
    "list of parts": (lambda rows: [rows, rows[:, :2]], "a list"),
    "None": (lambda _: None, r"made \[\]"),
    "a number an image": (lambda rows: rows[:, 0], r"made \[1\] of 1 images"),
    "a map an image": (lambda rows: rows[:, :, None, None], r"made \[1, 3, 1, 1\]"),
    "too few rows": (lambda rows: rows[1:], r"made \[0, 3\] of 1 images"),
    "no width": (lambda rows: rows[:, :0], r"made \[1, 0\]"),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("size", [3, None])
def test_what_is_no_row_an_image_is_one_sentence(kind: str, size: int | None) -> None:
    change, words = WRONG[kind]
    with pytest.raises(EncoderError, match=f"mine made {words}|mine {words}") as caught:
        loaded(Means(change, size))
    assert "\n" not in str(caught.value)
    assert "one row an image" in caught.value.hint


@pytest.mark.parametrize("change", [torch.Tensor.tolist, torch.Tensor.numpy, torch.Tensor.double, list])
def test_any_rows_of_numbers_are_embeddings(change: Callable[[torch.Tensor], Any]) -> None:
    torch.testing.assert_close(loaded(Means(change)), loaded(Means()))


def test_numbers_that_are_not_finite_and_another_size_are_told() -> None:
    with pytest.raises(EncoderError, match="numbers that are not finite"):
        loaded(Means(lambda rows: rows / 0))
    with pytest.raises(EncoderError, match="gives 3 numbers an image, and its spec says 5"):
        loaded(Means(size=5))


@pytest.mark.parametrize("kind", [list, tuple, np.array, torch.tensor])
def test_mean_and_std_are_three_numbers_in_any_container(kind: Callable[[list[float]], Any]) -> None:
    own = Means()
    own.mean, own.std = kind([0.25, 0.5, 0.75]), kind([1.0, 2.0, 4.0])
    assert (as_encoder(own, "mine").spec.mean, as_encoder(own, "mine").spec.std) == ((0.25, 0.5, 0.75), (1.0, 2.0, 4.0))
    own.std = kind([1.0, 2.0])
    with pytest.raises(UsageError, match="Its `std` is no three numbers"):
        as_encoder(own, "mine")


# --- the same image, the same embedding


class Training(Means):
    """As training left it."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.1))
        self.change = self.parts
        self.train()


class Wrapped:
    """A network in an attribute, in training mode."""

    def __init__(self) -> None:
        self.network, self.input_size = Training(), 16

    def embed(self, batch: torch.Tensor) -> Any:
        return self.network.embed(batch)


@pytest.mark.parametrize("kind", [Training, Wrapped])
def test_a_module_left_in_training_mode_is_put_into_eval_mode(kind: type) -> None:
    obj = kind()
    rows = loaded(obj)
    expected = loaded(Means()) / np.sqrt(1 + 1e-5)  # the batch norm of a fresh network, without dropout
    torch.testing.assert_close(rows, expected)
    assert not rows.requires_grad


def random_masking(rows: torch.Tensor) -> torch.Tensor:
    return rows * (torch.rand_like(rows) > 0.05)


def batch_statistics(rows: torch.Tensor) -> torch.Tensor:
    return rows - rows.mean(0) + 1


FAULTS: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], str]] = {
    "dropout": (lambda rows: nn.functional.dropout(rows, 0.5), "another embedding each time"),
    "noise": (lambda rows: rows + 0.01 * torch.randn_like(rows), "another embedding each time"),
    "batch statistics": (batch_statistics, "beside other images"),
    "the first row for all": (lambda rows: rows[:1].expand_as(rows), "beside other images"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_an_image_has_one_embedding(kind: str) -> None:
    change, words = FAULTS[kind]
    torch.manual_seed(0)
    with pytest.raises(EncoderError, match=words):
        loaded(Means(change))


def test_a_prepare_that_draws_is_refused() -> None:
    class Jittered(Means):
        draws = np.random.default_rng(0)

        def prepare(self, *_: object) -> np.ndarray:
            return self.draws.normal(size=(3, 16, 16)).astype(np.float32)

    with pytest.raises(EncoderError, match="another embedding each time"):
        loaded(Jittered())


def test_no_file_is_made_by_an_encoder_that_fails_the_checks(tmp_path: Path) -> None:
    images = write_image_folder(tmp_path / "images", classes=2, train=2, val=1)
    with pytest.raises(EncoderError, match="another embedding each time"):
        flickrexif.embed(images, Means(FAULTS["noise"][0]), data_dir=tmp_path / "data", device="cpu", revision="1")
    assert not list((tmp_path / "data").rglob("*.safetensors"))


@pytest.mark.parametrize("name", ["lite0", *CONTROLS])
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_encoders_pass_in_any_precision(name: str, dtype: Any) -> None:
    assert load(resolve(name), dtype=dtype).spec.embedding_size
