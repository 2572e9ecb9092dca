"""Models of transformers against transformers' own outputs and pixels; all are tiny, random and saved to a folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

import flickrexif.eval.encoders.torchvision_operators  # noqa: F401  (before transformers imports torchvision)
from flickrexif.core.errors import FlickrExifError
from flickrexif.eval.encoders import load, resolve

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
VIT = {**SMALL, "image_size": 32, "patch_size": 8}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def processor(**flags: Any) -> Any:
    """A processor of 32 px pictures, made of the flags of a ViT's."""
    options = {"size": {"height": 32, "width": 32}, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.3, 0.25, 0.2]}
    return transformers.ViTImageProcessor(**{**options, **flags})


def saved(folder: Path, model: Any, own_processor: Any = None) -> str:
    """The name of a model and a processor, saved to a folder."""
    model.eval().save_pretrained(folder)
    (own_processor or processor()).save_pretrained(folder)
    return f"transformers:{folder}"


def photo(side: int) -> Image.Image:
    draws = np.random.default_rng(5).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(draws).resize((side, side), Image.Resampling.BICUBIC)


def embedding(name: str) -> torch.Tensor:
    encoder = load(resolve(name))
    return encoder.embed(torch.from_numpy(encoder.prepare(photo(32), "id", None))[None])


def pixels_of(own_processor: Any) -> torch.Tensor:
    values: torch.Tensor = own_processor(photo(32), return_tensors="pt")["pixel_values"]
    return values


# --- the encoder


def first_token(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    rows: torch.Tensor = model(pixel_values=pixels).last_hidden_state[:, 0]
    return rows


def pooler(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    rows: torch.Tensor = model(pixel_values=pixels).pooler_output
    return rows


def projection(model: Any, pixels: torch.Tensor) -> torch.Tensor:
    out = model.get_image_features(pixel_values=pixels)
    return out if isinstance(out, torch.Tensor) else out.pooler_output


def clip() -> Any:
    text = {**SMALL, "vocab_size": 20, "bos_token_id": 0, "eos_token_id": 1, "max_position_embeddings": 8}
    return transformers.CLIPModel(transformers.CLIPConfig(vision_config=VIT, text_config=text, projection_dim=12))


def siglip() -> Any:
    text = {**SMALL, "vocab_size": 20, "max_position_embeddings": 8}
    return transformers.SiglipModel(transformers.SiglipConfig(vision_config=VIT, text_config=text))


MODELS: dict[str, tuple[Callable[[], Any], Callable[[Any, torch.Tensor], torch.Tensor], str]] = {
    "ViT": (lambda: transformers.ViTModel(transformers.ViTConfig(**VIT)), pooler, "pooler"),
    "DINOv2": (lambda: transformers.Dinov2Model(transformers.Dinov2Config(**VIT)), pooler, "pooler"),
    "ViTMSN": (lambda: transformers.ViTMSNModel(transformers.ViTMSNConfig(**VIT)), first_token, "class token"),
    "CLIP": (clip, projection, "projection"),
    "SigLIP": (siglip, projection, "projection"),
    "ConvNeXT": (
        lambda: transformers.ConvNextModel(transformers.ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1] * 4)),
        pooler,
        "pooler",
    ),
}


@pytest.mark.parametrize("kind", MODELS)
def test_the_embedding_is_the_librarys(tmp_path: Path, kind: str) -> None:
    make, embed, pooling = MODELS[kind]
    model = make()
    name = saved(tmp_path / "model", model)
    with torch.inference_mode():
        expected = embed(model, pixels_of(processor()))
    torch.testing.assert_close(embedding(name), expected, rtol=1e-4, atol=1e-5)
    assert load(resolve(name)).spec.pooling == pooling


def test_vitmae_hides_nothing_and_is_the_same_in_every_run(tmp_path: Path) -> None:
    config = transformers.ViTMAEConfig(**VIT)
    assert config.mask_ratio == 0.75
    model = transformers.ViTMAEModel(config)
    name = saved(tmp_path / "model", model)
    rows = embedding(name)
    assert torch.equal(rows, embedding(name))
    plain = transformers.ViTModel(transformers.ViTConfig(**VIT), add_pooling_layer=False).eval()
    state = {key.replace("decoder", "none"): value for key, value in model.state_dict().items()}
    missing, unexpected = plain.load_state_dict(state, strict=False)
    assert not missing
    assert not unexpected
    with torch.inference_mode():
        torch.testing.assert_close(rows, first_token(plain, pixels_of(processor())), rtol=1e-4, atol=1e-5)


def test_a_vit_without_pooler_gives_its_class_token(tmp_path: Path) -> None:
    classifier = transformers.ViTForImageClassification(transformers.ViTConfig(**VIT))
    name = saved(tmp_path / "classifier", classifier)
    with torch.inference_mode():
        expected = first_token(classifier.vit, pixels_of(processor()))
    torch.testing.assert_close(embedding(name), expected, rtol=1e-4, atol=1e-5)
    assert load(resolve(name)).spec.digest == load(resolve(name)).spec.digest


def test_a_model_in_half_precision_runs_in_full(tmp_path: Path) -> None:
    model = transformers.ViTModel(transformers.ViTConfig(**VIT)).half()
    name = saved(tmp_path / "model", model)
    with torch.inference_mode():
        expected = pooler(model.float(), pixels_of(processor()))
    torch.testing.assert_close(embedding(name), expected, rtol=1e-4, atol=1e-5)


def test_a_file_that_lacks_weights_and_a_model_without_an_embedding_are_sentences(tmp_path: Path) -> None:
    model = transformers.ViTModel(transformers.ViTConfig(**VIT))
    name = saved(tmp_path / "cut", model)
    file = tmp_path / "cut/model.safetensors"
    save_file({key: value for key, value in load_file(file).items() if "attention" not in key}, file, {"format": "pt"})
    with pytest.raises(FlickrExifError, match=r"lacks weights: .*attention"):
        load(resolve(name))
    config = transformers.SegformerConfig(hidden_sizes=[8, 8, 8, 8], depths=[1] * 4, num_attention_heads=[1] * 4)
    with pytest.raises(FlickrExifError, match="has no embedding of a whole image"):
        load(resolve(saved(tmp_path / "maps", transformers.SegformerModel(config))))


# --- the preprocessing

FLAGS: dict[str, dict[str, Any]] = {
    "as usual": {},
    "no mean and std": {"do_normalize": False},
    "values of 0 to 255": {"do_rescale": False},
    "neither": {"do_rescale": False, "do_normalize": False},
    "-1 to 1": {"rescale_factor": 1 / 127.5},
    "bilinear": {"resample": Image.Resampling.BILINEAR},
}


@pytest.mark.parametrize("kind", FLAGS)
def test_its_pixels_are_the_processors(tmp_path: Path, kind: str) -> None:
    own = processor(**FLAGS[kind])
    encoder = load(resolve(saved(tmp_path / "model", transformers.ViTModel(transformers.ViTConfig(**VIT)), own)))
    for side in (32, 80):  # a square, of which the protocol's crop and the processor's are the whole
        expected = own(photo(side), return_tensors="np")["pixel_values"][0]
        tolerance = 1e-5 if side == 32 else 1 / 255  # resized as a tensor and not as a picture
        ours = encoder.prepare(photo(side), "id", None)
        scale = np.abs(expected).max()
        assert np.allclose(ours / scale, expected / scale, atol=tolerance * 3)


def test_channels_are_in_the_processors_order(tmp_path: Path) -> None:
    own = transformers.MobileViTImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    encoder = load(resolve(saved(tmp_path / "model", transformers.ViTModel(transformers.ViTConfig(**VIT)), own)))
    assert (encoder.spec.order, encoder.spec.input_size) == ("BGR", 32)
    expected = own(photo(32), return_tensors="np")["pixel_values"][0]
    assert np.allclose(encoder.prepare(photo(32), "id", None), expected, atol=1e-5)
