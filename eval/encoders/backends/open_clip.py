"""`open_clip:MODEL[/TAG]`: the image tower of any model of open_clip."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flickrexif.core.errors import UsageError
from flickrexif.eval.encoders.backend import agreed, of_a_file, unknown, with_resize
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.networks import check_size, image_tower, loader, outliner
from flickrexif.eval.encoders.scopes import quiet
from flickrexif.eval.encoders.spec import EncoderSpec, Resize
from flickrexif.eval.encoders.state import read_state
from flickrexif.eval.encoders.weights import SCHEMAS, placed

if TYPE_CHECKING:
    from torch import nn

FIELDS = ("mean", "std", "interpolation", "quick_gelu")  # of a tag, which its weights alone do not tell
RESIZES: dict[str, Resize] = {"shortest": "shorter side", "squash": "squash"}
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def describe(name: str, model: str, own_file: bool) -> EncoderSpec:
    """The spec by open_clip's configurations of the model and the tag.

    UsageError where it does not know them, and for a file without a tag where the tags of the model do not agree.
    """
    require_torch("open_clip")
    import open_clip
    from open_clip.pretrained import get_pretrained_cfg

    if model.startswith(SCHEMAS):
        return _placed(EncoderSpec(name=name, family="CVL", backend="open_clip", model=model))
    architecture, _, tag = model.partition("/")
    config = open_clip.get_model_config(architecture)
    if config is None:
        raise unknown(name, architecture, open_clip.list_models(), "open_clip:")
    tags = {tag: get_pretrained_cfg(architecture, tag) for tag in open_clip.list_pretrained_tags_by_model(architecture)}
    if tag and tag not in tags:
        raise unknown(name, tag, tags, f"open_clip:{architecture}/")
    if own_file and not tag:
        weights = agreed(name, tags, lambda cfg: tuple(str(cfg.get(field)) for field in FIELDS), "/")
    else:
        weights = tags.get(tag, {})
    return EncoderSpec(
        name=name,
        family="CVL",
        backend="open_clip",
        model=architecture,
        tag=tag,
        input_size=config["vision_cfg"].get("image_size", 224),
        mean=weights.get("mean", open_clip.OPENAI_DATASET_MEAN),
        std=weights.get("std", open_clip.OPENAI_DATASET_STD),
        interpolation=weights.get("interpolation", "bicubic"),
        embedding_size=config["embed_dim"],
        source="" if own_file and not tag else weights.get("hf_hub", "").rstrip("/") or weights.get("url", ""),
    )


def _placed(spec: EncoderSpec) -> EncoderSpec:
    """The spec of a model that open_clip saved, with the preprocessing that its folder names."""
    import open_clip

    spec, config = placed(spec, "open_clip_config.json", HUB_FILES)
    preprocessing = config.get("preprocess_cfg", {})
    return replace(
        spec,
        input_size=config["model_cfg"]["vision_cfg"].get("image_size", 224),
        mean=tuple(preprocessing.get("mean", open_clip.OPENAI_DATASET_MEAN)),
        std=tuple(preprocessing.get("std", open_clip.OPENAI_DATASET_STD)),
        interpolation=preprocessing.get("interpolation", "bicubic"),
        embedding_size=config["model_cfg"]["embed_dim"],
    )


def with_its_resize(spec: EncoderSpec) -> EncoderSpec:
    """The spec with the resize of open_clip's transform."""
    from open_clip.pretrained import get_pretrained_cfg

    if spec.model.startswith(SCHEMAS):
        _, config = placed(spec, "open_clip_config.json", HUB_FILES)
        mode = config.get("preprocess_cfg", {}).get("resize_mode")
    else:
        mode = get_pretrained_cfg(spec.model, spec.tag).get("resize_mode")
    return with_resize(spec, RESIZES, mode or "shortest", 1.0)


def build(spec: EncoderSpec) -> "nn.Module":
    """The whole network with random weights, on torch's default device; `image_tower` gives its encoder.

    Raises UsageError for a missing package, and for a size that the architecture cannot take.
    """
    require_torch("open_clip")
    import open_clip
    import torch

    config = open_clip.get_model_config(spec.model)
    vision = config["vision_cfg"]
    other_size = spec.input_size != vision.get("image_size", spec.input_size)
    if other_size and isinstance(vision.get("layers"), list):  # CLIP's ResNets pool with one position a cell
        native = vision["image_size"]
        raise UsageError(f"{spec.name} takes images of {native} px alone.", f"Write {spec.name}.")
    # The activation is a fact of the weights, and open_clip's names do not always tell it.
    activation = open_clip.pretrained.get_pretrained_cfg(spec.model, spec.tag).get("quick_gelu", False)
    with quiet():
        network: nn.Module = open_clip.create_model(
            spec.model,
            load_weights=False,
            pretrained_image=False,
            pretrained_text=False,
            force_quick_gelu=activation,
            force_image_size=spec.input_size if other_size else None,
            device=torch.get_default_device(),
        )
    check_size(spec, image_tower(network))
    return network


def _fill(network: "nn.Module", _: EncoderSpec, file: Path) -> None:
    import open_clip
    from open_clip.convert import convert_state_dict

    if file.suffix == ".npz":  # of big_vision, with its own conversion
        open_clip.load_checkpoint(network, str(file))
        return
    state = convert_state_dict(network, dict(read_state(file)))
    if not any(name.startswith("visual.") for name in state):  # the image tower alone
        state = {f"visual.{name}": value for name, value in state.items()}
    open_clip.model.resize_pos_embed(state, network)
    tower = {name.removeprefix("visual."): value for name, value in state.items() if name.startswith("visual.")}
    image_tower(network).load_state_dict(tower)


BACKEND = of_a_file(describe, loader(build, _fill, HUB_FILES), outliner(build), with_its_resize, HUB_FILES)
