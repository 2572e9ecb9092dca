"""`timm:ARCHITECTURE[.TAG]`: any network of timm, without its classifier."""

from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from flickrexif.eval.encoders.backend import agreed, of_a_file, unknown, with_resize
from flickrexif.eval.encoders.extras import require_torch
from flickrexif.eval.encoders.mini import CHANNELS
from flickrexif.eval.encoders.networks import check_size, loader, outliner
from flickrexif.eval.encoders.spec import Channels, EncoderSpec, Interpolation, Resize
from flickrexif.eval.encoders.state import State, read_state
from flickrexif.eval.encoders.weights import SCHEMAS, placed

if TYPE_CHECKING:
    from torch import nn

RESIZES: dict[str, Resize] = {"center": "shorter side", "squash": "squash"}
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
# What an architecture needs beyond its name, by (model, tag).
OPTIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("vit_small_patch16_224", "mocov3"): {"num_heads": 12},  # MoCo v3's ViT-S has 12 heads of 32, not 6 of 64
    ("resnet10t", "mini-plain"): {"channels": CHANNELS},
    ("resnet10t", "mini-augmented"): {"channels": CHANNELS},
}
CLASSIFIERS = ("head.", "fc.", "classifier.", "head_dist.")  # an encoder does not need their weights


def describe(name: str, model: str, own_file: bool) -> EncoderSpec:
    """The spec by timm's configuration of the weights.

    UsageError for an unknown model, and for a file without a tag where the tags of the model do not agree.
    """
    require_torch("timm")
    import timm

    if model.startswith(SCHEMAS):
        return _placed(EncoderSpec(name=name, family="OWN", backend="timm", model=model))
    architecture, _, tag = model.partition(".")
    names = {*timm.list_models(), *timm.list_models(pretrained=True)}
    if model not in names:
        raise unknown(name, model, sorted(names), "timm:")
    cfg = timm.get_pretrained_cfg(model)
    if own_file and not tag:
        names_of_tags = timm.list_pretrained(f"{architecture}.*")
        tags = {full.partition(".")[2]: timm.get_pretrained_cfg(full) for full in names_of_tags}
        agreed(name, tags, lambda cfg: (cfg.mean, cfg.std, cfg.interpolation), ".")
    if cfg is None:
        return EncoderSpec(name=name, family="OWN", backend="timm", model=architecture)
    tag = tag or cfg.tag or ""  # the default weights by their name
    source: Any = cfg.hf_hub_id or cfg.url or ""
    return EncoderSpec(
        name=f"timm:{architecture}.{tag}" if tag else name,
        family="OWN",
        backend="timm",
        model=architecture,
        tag=tag,
        input_size=cfg.input_size[-1],
        mean=cast(Channels, cfg.mean),
        std=cast(Channels, cfg.std),
        interpolation=cast(Interpolation, cfg.interpolation),
        licence=cfg.license or "unknown",
        source=source,
    )


def _placed(spec: EncoderSpec) -> EncoderSpec:
    """The spec of a model that timm saved, with the preprocessing that its folder names."""
    spec, config = placed(spec, "config.json", HUB_FILES)
    cfg = config.get("pretrained_cfg", config)
    return replace(
        spec,
        input_size=cfg["input_size"][-1],
        mean=tuple(cfg["mean"]),
        std=tuple(cfg["std"]),
        interpolation=cfg["interpolation"],
        licence=cfg.get("license") or "unknown",
    )


def with_its_resize(spec: EncoderSpec) -> EncoderSpec:
    """The spec with the resize of timm's transform, and with the margin that it cuts off."""
    import timm

    if spec.model.startswith(SCHEMAS):
        _, config = placed(spec, "config.json", HUB_FILES)
        cfg: Any = config.get("pretrained_cfg", config)
    else:
        known = timm.get_pretrained_cfg(_name(spec))
        cfg = asdict(known) if known else {}
    share = cfg.get("crop_pct") or timm.data.DEFAULT_CROP_PCT
    return with_resize(spec, RESIZES, cfg.get("crop_mode") or "center", share)


def _name(spec: EncoderSpec) -> str:
    """timm's name of the weights; a tag of weights that timm does not keep is no part of it."""
    return f"{spec.model}.{spec.tag}" if spec.tag and ":" not in spec.source else spec.model


def build(spec: EncoderSpec) -> "nn.Module":
    """The network with random weights, on torch's default device.

    Raises UsageError for a missing package, and for a size that the architecture cannot take.
    """
    require_torch("timm")
    import timm

    name = _name(spec)
    cfg = None if name.startswith(SCHEMAS) else timm.get_pretrained_cfg(name)
    size: dict[str, Any] = {"img_size": spec.input_size} if cfg is not None and cfg.fixed_input_size else {}
    if cfg is None and spec.img_size:
        size = {"img_size": spec.img_size}
    options = OPTIONS.get((spec.model, spec.tag), {})
    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **size, **options)
    check_size(spec, network)
    return network


def _fill(network: "nn.Module", spec: EncoderSpec, file: Path) -> None:
    state = read_state(file)
    if "efficientnet" in spec.source and spec.checkpoint is None:
        state = renamed(state, network)
    state = base_encoder(state)
    convert = getattr(import_module(type(network).__module__), "checkpoint_filter_fn", None)
    missing, unexpected = network.load_state_dict(convert(state, network) if convert else state, strict=False)
    unexpected = [name for name in unexpected if not name.startswith(CLASSIFIERS)]
    if missing or unexpected:
        raise ValueError(f"missing {list(missing)[:3]}, unexpected {unexpected[:3]}")


def base_encoder(state: State) -> State:
    """MoCo v3's files hold its whole method, the encoder as `base_encoder`: that part; any other state as it is."""
    prefix = "base_encoder."
    encoder_state = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    return encoder_state or state


def renamed(state: State, network: "nn.Module") -> State:
    """The tensors of another implementation of the same architecture, under the names that `network` uses.

    Both list the same tensors in the order of the forward pass, the classifier last; loading checks the shapes.
    """
    own = list(network.state_dict())
    return dict(zip(own, list(state.values())[: len(own)], strict=True))


BACKEND = of_a_file(describe, loader(build, _fill, HUB_FILES), outliner(build), with_its_resize, HUB_FILES)
