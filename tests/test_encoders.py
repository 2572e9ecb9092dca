"""The registry: names, collections, lists, sizes, and what it says of a bad name."""

import csv
import fnmatch
import json
import pickle
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flickrexif.core.errors import FlickrExifError, UsageError
from flickrexif.eval.encoders import expand, list_encoders, resolve
from flickrexif.eval.encoders.backends import BACKENDS
from flickrexif.eval.encoders.backends.control import CONTROLS
from flickrexif.eval.encoders.digests import same_encoder
from flickrexif.eval.encoders.registry import registered_encoders

ROOT = Path(__file__).parents[1]

# The paper's encoders, one list a family of its registry.
PAPER = {
    "clip": "ViT-B-16 ViT-B-32 ViT-L-14 ViT-L-14@336px RN50 RN101 RN50x4 RN50x16 RN50x64",
    "openclip": "ViT-B-16-laion2B ViT-B-32-laion2B ViT-L-14-laion2B ViT-H-14-laion2B ViT-g-14-laion2B "
    "ViT-B-16-DataComp.XL ViT-B-32-DataComp.XL ViT-L-14-DataComp.XL convnext_base convnext_large convnext_xxlarge",
    "siglip": "base_256 large_256",
    "siglip2": "base_256 large_256",
    "vit": "base_patch16_224 base_patch32_224 large_patch16_224 large_patch32_224 huge_patch14_224",
    "resnet": "50 101",
    "convnext": "tiny base large xlarge",
    "dino": "vits8 vits16 vitb8 vitb16 resnet50",
    "dinov2": "vits14 vitb14 vitl14 vitg14",
    "mocov3": "vit_small vit_base resnet50",
}
NAMES = [f"paper:{family}/{name}" for family, names in PAPER.items() for name in names.split()]


def test_the_registry_holds_the_papers_47_in_its_order() -> None:
    assert len(NAMES) == 47
    assert [record.name for record in expand(["@paper47"])] == NAMES


def test_the_families_are_the_papers() -> None:
    sizes = Counter(record.family for record in expand(["@paper47"]))
    assert sizes == {"CVL": 24, "SUP": 11, "SSL": 12}
    parts = [expand([name]) for name in ("@cvl", "@sup", "@ssl")]
    assert [record.name for part in parts for record in part] == NAMES
    assert [record.name for record in expand(["@ctl"])] == list(CONTROLS)


@pytest.mark.parametrize("name", [*NAMES, "lite0", "lite1", "lite2", "mini:plain", "mini:augmented", *CONTROLS])
def test_a_registered_name_is_its_own_key_and_travels(name: str) -> None:
    record = resolve(name)
    assert record.key == record.name == name
    assert pickle.loads(pickle.dumps(record)) == record
    assert record.licence != "unknown"
    assert record.embedding_size


def test_resolving_a_registered_name_needs_no_torch() -> None:
    names = ["@paper47", "@current", "lite0", "@ctl"]
    code = f"import sys; from flickrexif.eval.encoders import expand; expand({names}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "timm", "open_clip", "torchvision"} & set(done.stdout.split())


def rows_of(name: str) -> list[dict[str, str]]:
    with (ROOT / "eval/encoders" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_tables_tell_all_of_each_encoder() -> None:
    paper, current = rows_of("paper47.csv"), rows_of("current.csv")
    assert [row["name"] for row in paper] == NAMES
    assert all(value for row in paper for column, value in row.items() if column != "size_bytes")
    assert all(value for row in current for value in row.values())
    assert [spec.name for spec in expand(["@current"])] == [row["name"] for row in current]


# --- what the weights were trained on


def test_of_each_encoder_one_row_tells_its_training() -> None:
    rows = [(row["names"].split(), row) for row in rows_of("notes.csv")]
    for name, spec in registered_encoders().items():
        matching = [row for patterns, row in rows if any(fnmatchcase(name, pattern) for pattern in patterns)]
        assert len(matching) == (spec.family != "CTL"), name
        for row in matching:
            assert (spec.training, spec.augmentation) == (row["training"], row["augmentation"])
            assert all(row.values())
    used = {pattern for patterns, _ in rows for pattern in patterns if fnmatch.filter(registered_encoders(), pattern)}
    assert all(used & set(patterns) for patterns, _ in rows)


def test_openais_weights_have_one_note_under_both_names() -> None:
    paper, library = resolve("paper:clip/ViT-B-32"), resolve("open_clip:ViT-B-32/openai")
    assert paper.training == library.training != ""
    assert resolve("timm:vit_7b_patch16_dinov3.lvd1689m").training == ""  # the teacher was not distilled


def test_nothing_is_told_of_a_file_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").touch()
    for name in ("paper:dino/vits16", "timm:vit_small_patch16_dinov3", "open_clip:ViT-B-32/openai"):
        spec = resolve(f"{name}@{tmp_path / 'weights.pt'}")
        assert (spec.training, spec.augmentation, spec.source_of_facts) == ("", "", "")


def test_embeddings_of_before_the_notes_stay_those_of_their_encoder() -> None:
    spec = replace(resolve("timm:vit_small_patch16_dinov3.lvd1689m"), digest="sha256:1")
    stored = {
        "name": "timm:vit_small_patch16_dinov3.lvd1689m",
        "backend": "timm",
        "model": "vit_small_patch16_dinov3",
        "tag": "lvd1689m",
        "input_size": 256,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "interpolation": "bicubic",
        "source": "timm/vit_small_patch16_dinov3.lvd1689m",
        "img_size": None,
        "digest": "sha256:1",
    }
    assert same_encoder(stored, spec) == "same"
    assert same_encoder(stored, replace(spec, training="other", augmentation="other", source_of_facts="")) == "same"


def test_the_page_holds_the_notes() -> None:
    page = (ROOT / "docs/encoders.md").read_text(encoding="utf-8")
    for row in rows_of("notes.csv"):
        names = ", ".join(f"`{name}`" for name in row["names"].split())
        assert f"| {names} | {row['training']} | {row['augmentation']} | {row['source_of_facts']} |\n" in page


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("paper:clip/ViT-B16", "paper:clip/ViT-B-16"),
        ("paper:dinov2/vit-l14", "paper:dinov2/vitl14"),
        ("lite9", "lite0"),
        ("control:color", "control:colour"),
        ("timm:resnet19", "timm:resnet18"),
        ("open_clip:ViT-B-23", "open_clip:ViT-B-32"),
        ("open_clip:ViT-B-32/laion2b_s34b", "open_clip:ViT-B-32/laion2b_s34b_b79k"),
    ],
)
def test_an_unknown_name_is_told_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(name)
    assert repr(name) in caught.value.message
    assert near in caught.value.hint


@pytest.mark.parametrize("name", ["", "?img_size=224", "@", "lite0?size=3", "lite0?img_size=224?img_size=224"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(UsageError):
        resolve(name)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(name: str) -> None:
    with suppress(FlickrExifError):
        assert resolve(name).name


# --- sizes


def test_another_size_is_part_of_the_key() -> None:
    record = resolve("paper:dinov2/vits14?img_size=518")
    assert (record.input_size, record.key) == (518, "paper:dinov2/vits14?img_size=518")
    assert resolve(record.key) == record


def test_the_own_size_is_no_other_size() -> None:
    assert resolve("paper:clip/ViT-L-14@336px?img_size=336") == resolve("paper:clip/ViT-L-14@336px")


@pytest.mark.parametrize("size", ["", "0", "-224", "15", "5000", "224.0", "٢٢٤", "1e2"])
def test_a_wrong_size_is_refused(size: str) -> None:
    with pytest.raises(UsageError, match="is no size of an image"):
        resolve(f"lite0?img_size={size}")


def test_a_control_takes_no_size() -> None:
    with pytest.raises(UsageError, match="as it is"):
        resolve("control:dct?img_size=224")


# --- checkpoints


def test_a_checkpoint_is_part_of_the_key(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"12345")
    record = resolve(f"paper:clip/ViT-L-14@336px@{file}?img_size=224")
    assert record.key == "paper:clip/ViT-L-14@336px@weights.pt?img_size=224"
    assert (record.checkpoint, record.size_bytes, record.input_size) == (str(file), 5, 224)
    assert BACKENDS[record.backend].is_here(record)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("timm:test_vit.r160_in1k@{}/x.pt", "timm:test_vit.r160_in1k@x.pt"),
        ("timm:test_vit.r160_in1k@{}/x.pt?img_size=96", "timm:test_vit.r160_in1k@x.pt?img_size=96"),
        ("torchhub:{}/repository/tiny", "torchhub:repository/tiny"),
        ("transformers:{}/folder", "transformers:folder"),
        ("transformers:facebook/dinov2-base", "transformers:facebook/dinov2-base"),
    ],
)
def test_no_folder_is_part_of_a_name(tmp_path: Path, name: str, key: str) -> None:
    (tmp_path / "x.pt").touch()
    assert resolve(name.format(tmp_path)).key == key


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "w.pt").touch()
    names = [f"timm:test_vit.r160_in1k@{tmp_path / folder}/w.pt" for folder in "aab"]
    assert len(expand(names[:2])) == 1
    with pytest.raises(UsageError, match=r"Two encoders have the name timm:test_vit\.r160_in1k@w\.pt"):
        expand(names)
    assert [spec.key for spec in expand([f"first={names[0]}", f"second={names[2]}"])] == ["first", "second"]


def test_an_encoder_has_a_short_name_where_one_is_given(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"12345")
    mine = resolve(f"mine=timm:resnet18.a1_in1k@{file}?img_size=192")
    plain = resolve(f"timm:resnet18.a1_in1k@{file}?img_size=192")
    assert (mine.key, mine.family) == ("mine?img_size=192", "OWN")
    assert replace(mine, name=plain.name) == plain
    assert (resolve("small=lite0").key, resolve("small=lite0").family) == ("small", "SUP")  # these weights are known
    with pytest.raises(UsageError, match="lite1 is the name of another encoder"):
        resolve("lite1=lite0")
    with pytest.raises(UsageError, match="no encoder 'lite9'"):
        resolve("mine=lite9")


def test_weights_of_a_file_are_of_no_family(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.touch()
    for name in ("paper:dino/vits16", "timm:resnet18.a1_in1k", "open_clip:ViT-B-32/openai"):
        spec = resolve(f"{name}@{file}")
        assert spec.family == "OWN"


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no checkpoint .*none\.pt"):
        resolve(f"open_clip:ViT-B-32@{tmp_path / 'none.pt'}")


def test_what_takes_no_checkpoint_says_so(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.touch()
    with pytest.raises(UsageError, match="takes no checkpoint"):
        resolve(f"control:dct@{file}")


# --- lists


def test_a_list_file_holds_names_collections_and_comments(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("# mine\nlite0\n\n@ctl  # all three\nlite0\n", encoding="utf-8")
    assert [record.name for record in expand([str(file), "control:dct", "@ctl"])] == ["lite0", *CONTROLS]


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff"])
def test_an_unreadable_list_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "mine.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError, match=r"mine\.txt is no readable list"):
        expand([str(file)])


def test_an_unknown_collection_is_told_the_known() -> None:
    with pytest.raises(UsageError, match="@paper47"):
        expand(["@paper"])


def test_the_list_tells_what_must_be_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    rows = {row.spec.name: row for row in list_encoders("ssl")}
    assert [name for name in rows if name.startswith("paper:")] == NAMES[-12:]
    assert {name.partition("_patch16")[0] for name in rows} >= {"timm:vit_small", "timm:vit_base", "timm:vit_large"}
    before = rows["paper:dino/resnet50"]
    assert not before.cached
    assert before.missing_bytes == before.spec.size_bytes
    file = tmp_path / "hub/checkpoints/dino_resnet50_pretrain.pth"
    file.parent.mkdir(parents=True)
    file.touch()
    after = {row.spec.name: row for row in list_encoders("SSL")}["paper:dino/resnet50"]
    assert (after.cached, after.missing_bytes) == (True, 0)


def test_the_list_is_of_one_family_or_of_all() -> None:
    assert [row.spec.name for row in list_encoders()] == list(registered_encoders())
    assert [row.spec.name for row in list_encoders("CTL")] == list(CONTROLS)
    assert all(row.cached for row in list_encoders("CTL"))
    with pytest.raises(UsageError, match="CVL, SUP, SSL, CTL"):
        list_encoders("VLM")


def test_weights_in_the_hubs_cache_are_found(tmp_path: Path) -> None:
    repository, revision = tmp_path / "models--timm--vit_small_patch16_224.dino", "0" * 40
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text(revision)
    snapshot = repository / "snapshots" / revision
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    code = "import flickrexif as f; print(*(row.spec.name for row in f.encoders('SSL') if row.cached))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"HF_HUB_CACHE": str(tmp_path), "TORCH_HOME": str(tmp_path), "PATH": ""},
    )
    assert done.stdout.split() == ["paper:dino/vits16"]


def test_no_network_names_the_file_and_where_to_put_it(tmp_path: Path) -> None:
    code = (
        "from flickrexif.eval.encoders import load, resolve\n"
        "from flickrexif.core.errors import FlickrExifError\n"
        "for name in ('paper:dino/vits16', 'paper:openclip/ViT-B-32-laion2B'):\n"
        "    try: load(resolve(name))\n    except FlickrExifError as error: print(error)\n"
    )
    env = {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1", "TORCH_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    dino, clip = done.stdout.splitlines()
    assert "timm/vit_small_patch16_224.dino/model.safetensors" in dino
    assert "paper:dino/vits16@/path/to/file" in dino
    assert "laion/CLIP-ViT-B-32-laion2B-s34B-b79K/open_clip_model.safetensors" in clip
    assert done.stderr == ""


def test_what_is_used_of_an_encoder_is_shown(run: Any) -> None:
    code, out, _ = run("encoders", "lite0?img_size=192", "paper:clip/ViT-B-32", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["spec"]["name"] for row in rows] == ["lite0", "paper:clip/ViT-B-32"]
    assert rows[0]["spec"]["digest"].startswith("sha256:")  # it was loaded
    assert (rows[0]["spec"]["input_size"], rows[0]["spec"]["embedding_size"]) == (192, 1280)
    _, out, _ = run("encoders", "lite0?img_size=192")
    image = "shorter side to 192 px (bicubic), centre crop of 192 x 192"
    for words in (image, "0.498039 0.498039", "RGB", "1,280", "sha256:", "average", "ImageNet-1k", "not told"):
        assert words in out
    assert rows[0]["image"] == image
    assert (rows[1]["spec"]["pooling"], rows[1]["spec"]["digest"]) == ("class token", "")  # its weights are not here
    assert rows[1]["spec"]["training"].startswith("WIT")
    assert "shorter" not in run("encoders", "control:dct")[1]
