"""Embeddings and records are used again for the very encoder that made them, and made anew for a changed one."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from flickrexif import embed, evaluate
from flickrexif.core.errors import UsageError
from flickrexif.eval.data.embeddings import Embeddings, read_embeddings, write_embeddings
from flickrexif.eval.encoders import load, resolve
from flickrexif.eval.encoders.backends.timm import HUB_FILES, build
from flickrexif.eval.encoders.digests import folder_digest, tensors_digest
from flickrexif.eval.encoders.weights import weights_file
from flickrexif.eval.measure import read_result
from tests.measured import measured
from tests.suite_data import PAIRS, records, snapshot, write_classes, write_pairs

OPTIONS: dict[str, Any] = {"tasks": "retrieval", "device": "cpu"}
EARLIER = "of an earlier version"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with pairs alone."""
    return write_pairs(tmp_path / "data" / "paircams").parent


def only_file(data: Path) -> Path:
    (path,) = (data / "embeddings").rglob("*.safetensors")
    return path


def only_embeddings(data: Path) -> Embeddings:
    return read_embeddings(only_file(data))


def sha256(path: Path) -> str:
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


# --- objects


class Scaled(nn.Module):
    """The mean of each channel times a weight."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([factor, 1.0, 1.0]))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean((2, 3)) * self.weight


class Wrapping:
    """The usual way to give a network another interface: all that matters is in an attribute."""

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        return self.network(batch)  # type: ignore[no-any-return]


class Annotated:
    """An annotation without a value."""

    scale: torch.Tensor

    def __init__(self, factor: float) -> None:
        self.scale = torch.tensor([factor, 1.0, 1.0])

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        return batch.mean((2, 3)) * self.scale


def closure(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def scaled(batch: torch.Tensor) -> torch.Tensor:
        return batch.mean((2, 3)) * torch.tensor([factor, 1.0, 1.0])

    return scaled


def times(batch: torch.Tensor, *, factor: float) -> torch.Tensor:
    return batch.mean((2, 3)) * torch.tensor([factor, 1.0, 1.0])


KINDS: dict[str, Callable[[float], Any]] = {
    "network": Scaled,
    "wrapping": lambda factor: Wrapping(Scaled(factor)),
    "annotated": Annotated,
    "closure": closure,
    "partial": lambda factor: partial(times, factor=factor),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("revisions", [("", ""), ("first", "second")])
def test_another_object_of_the_same_name_has_its_own_numbers(data: Path, kind: str, revisions: tuple[str, str]) -> None:
    first = evaluate(KINDS[kind](1.0), data_dir=data, revision=revisions[0], **OPTIONS).results[0]
    before, name = only_embeddings(data).image_embeddings.clone(), only_file(data).name
    second = evaluate(KINDS[kind](-40.0), data_dir=data, revision=revisions[1], **OPTIONS).results[0]
    after = only_embeddings(data).image_embeddings
    assert only_file(data).name == name
    torch.testing.assert_close(after, before * torch.tensor([-40.0, 1.0, 1.0]))
    assert second.encoder == first.encoder
    assert second.encoder_digest != first.encoder_digest
    assert second.fingerprints == {f"PairCams/{name}": sha256(only_file(data))}
    assert read_result(next((data / "results").rglob("*.json"))) == second


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_revision_is_not_embedded_again(data: Path, kind: str) -> None:
    lines: list[str] = []
    evaluate(KINDS[kind](1.0), data_dir=data, revision="v1", say=lines.append, **OPTIONS)
    before = snapshot(data)
    evaluate(KINDS[kind](1.0), data_dir=data, revision="v1", say=lines.append, **OPTIONS)
    assert snapshot(data) == before
    assert not lines
    assert read_result(next((data / "results").rglob("*.json"))).encoder_digest == "revision:v1"


def test_without_a_revision_it_is_embedded_in_each_call_and_one_line_says_so(data: Path) -> None:
    for call in (evaluate, partial(embed, "paircams")):
        for _ in range(2):
            lines: list[str] = []
            options = OPTIONS if call is evaluate else {"device": "cpu"}
            before = snapshot(data).get("embeddings/PairCams/model=module_variant=Annotated.safetensors")
            call(Annotated(1.0), data_dir=data, say=lines.append, **options)
            assert snapshot(data)["embeddings/PairCams/model=module_variant=Annotated.safetensors"] != before
            assert len(lines) == 1
            assert "no revision" in lines[0]
            assert "module:Annotated" in lines[0]


def test_a_new_revision_is_said(data: Path) -> None:
    lines: list[str] = []
    for revision in ("a", "b"):
        embed("paircams", Annotated(1.0), data_dir=data, device="cpu", revision=revision, say=lines.append)
    assert lines == ["module:Annotated was changed: 1 of its files are made anew."]


def test_embeddings_of_the_old_revision_stay_until_the_new_are_whole(data: Path) -> None:
    evaluate(Annotated(1.0), data_dir=data, revision="a", **OPTIONS)
    before = only_file(data).read_bytes()
    broken = Annotated(1.0)
    broken.scale = torch.ones(5)
    broken.embedding_size = 3  # type: ignore[attr-defined]
    results = evaluate(broken, data_dir=data, revision="b", **OPTIONS).results
    assert results[0].state == "failed"
    assert only_file(data).read_bytes() == before


def test_a_name_takes_no_revision(data: Path) -> None:
    with pytest.raises(UsageError, match="has no revision"):
        evaluate("control:colour", data_dir=data, revision="a", **OPTIONS)


# --- files


def write_checkpoint(path: Path, seed: int) -> None:
    """Random weights of timm's smallest transformer; every seed gives a file of the same size."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build(resolve("timm:test_vit"))
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.2)
    torch.save(network.state_dict(), path)


def write_module(path: Path, seed: int) -> None:
    path.write_text(
        f"class Own:\n    embedding_size = 3\n    def embed(self, batch):\n"
        f"        return batch.roll({seed}, 1).mean((2, 3)) * {seed + 1}  # {'.' * seed}\n"
    )


def write_network(path: Path, seed: int) -> None:
    """A module whose source stays as it is: the weights are in a file beside it."""
    path.write_text(
        "import torch\nfrom pathlib import Path\n"
        "def Own():\n    network = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten())\n"
        "    network.append(torch.nn.Linear(12, 4))\n"
        "    network.load_state_dict(torch.load(Path(__file__).with_suffix('.pt')))\n    return network\n"
    )
    draw = torch.Generator().manual_seed(seed)
    state = {"2.weight": torch.randn(4, 12, generator=draw), "2.bias": torch.zeros(4)}
    torch.save(state, path.with_suffix(".pt"))


def write_hub(path: Path, seed: int) -> None:
    path.with_name("hubconf.py").write_text(
        "import torch\ndef tiny(pretrained=True):\n    class Roll(torch.nn.Module):\n"
        f"        def forward(self, x): return x.roll({seed}, 1).mean((2, 3)) * {seed + 1}  # {'.' * seed}\n"
        "    return Roll()\n"
    )


CHANGES: dict[str, tuple[Callable[[Path, int], None], str]] = {
    "timm:test_vit.r160_in1k@{0}/own_encoder.pt": (write_checkpoint, "own_encoder.pt"),
    "module:own_encoder:Own": (write_module, "own_encoder.py"),
    "module:own_network:Own": (write_network, "own_network.py"),
    "torchhub:{0}/tiny": (write_hub, "hubconf.py"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which Python imports modules, without writing its caches there."""
    folder = tmp_path / "code"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return folder


@pytest.mark.parametrize("name", CHANGES)
def test_what_changed_between_two_runs_is_measured_anew(data: Path, tmp_path: Path, place: Path, name: str) -> None:
    write, file = CHANGES[name]
    name = name.format(place)
    write(place / file, 0)
    evaluate(name, data_dir=data, **OPTIONS)
    first = snapshot(data)
    evaluate(name, data_dir=data, **OPTIONS)
    assert snapshot(data) == first  # nothing changed: nothing is made
    write(place / file, 1)
    lines: list[str] = []
    results = evaluate(name, data_dir=data, say=lines.append, **OPTIONS).results
    fresh = write_pairs(tmp_path / "fresh" / "paircams").parent
    evaluate(name, data_dir=fresh, **OPTIONS)
    assert records(data) == records(fresh)
    assert only_file(data).read_bytes() == only_file(fresh).read_bytes() != first[_inside(data)][1]
    assert lines == [f"{resolve(name).key} was changed: 1 of its files are made anew."]
    assert results[0].n == {"pairs": PAIRS}


def _inside(data: Path) -> str:
    return only_file(data).relative_to(data).as_posix()


def test_embed_makes_the_files_of_a_changed_checkpoint_anew(data: Path, place: Path) -> None:
    name, lines = f"timm:test_vit.r160_in1k@{place}/w.pt", list[str]()
    embed_pairs = partial(embed, "paircams", name, data_dir=data, device="cpu", say=lines.append)
    write_checkpoint(place / "w.pt", 0)
    assert [embed_pairs().files[0].existed for _ in range(2)] == [False, True]
    write_checkpoint(place / "w.pt", 1)
    assert [embed_pairs().files[0].existed for _ in range(2)] == [False, True]
    assert lines == ["timm:test_vit.r160_in1k@w.pt was changed: 1 of its files are made anew."]
    encoder = load(resolve(name))
    image = Image.open(pictures(data)[0])
    expected = encoder.embed(torch.from_numpy(encoder.prepare(image, "", None))[None])
    torch.testing.assert_close(only_embeddings(data).image_embeddings[:1], expected, rtol=1e-4, atol=1e-5)


def pictures(data: Path) -> list[Any]:
    """The stored images of the pairs, as files."""
    import io

    import pyarrow.parquet as pq

    (path,) = (data / "paircams" / "data").iterdir()
    return [io.BytesIO(row["bytes"]) for row in pq.read_table(path).column("image").to_pylist()]


def test_the_plan_tells_a_changed_checkpoint_before_anything_is_loaded(data: Path, place: Path) -> None:
    name = f"timm:test_vit.r160_in1k@{place}/w.pt"
    write_checkpoint(place / "w.pt", 0)
    evaluate(name, data_dir=data, **OPTIONS)
    states = [item.state for item in evaluate(name, data_dir=data, dry_run=True, **OPTIONS).items]
    write_checkpoint(place / "w.pt", 1)
    assert states == ["done"]
    assert [item.state for item in evaluate(name, data_dir=data, dry_run=True, **OPTIONS).items] == ["to do"]


def test_an_encoder_that_cannot_be_loaded_any_more_is_told(data: Path, place: Path) -> None:
    write_module(place / "own_gone.py", 0)
    evaluate("module:own_gone:Own", data_dir=data, **OPTIONS)
    before = records(data)
    (place / "own_gone.py").write_text("raise ImportError('no library')\n")
    lines: list[str] = []
    evaluate("module:own_gone:Own", data_dir=data, say=lines.append, **OPTIONS)
    assert len(lines) == 1
    assert "cannot be loaded (ImportError: no library); its embeddings are taken as they are." in lines[0]
    assert records(data) == before


def test_weights_of_two_states_are_never_measured_together(tmp_path: Path, place: Path) -> None:
    images, name = write_classes(tmp_path / "images", 4, 4), f"timm:test_vit.r160_in1k@{place}/w.pt"
    options: dict[str, Any] = {"embeddings": tmp_path / "out", "data_dir": tmp_path / "data", "device": "cpu"}
    write_checkpoint(place / "w.pt", 0)
    embed(images, name, on_the_fly="jpeg", **options)
    write_checkpoint(place / "w.pt", 1)
    embed(images, name, on_the_fly="JPEG75_420", **options)
    files = sorted((tmp_path / "out").rglob("*.safetensors"))
    variant = files[0].name.split("_variant=")[1].split("_split=")[0]
    knn: Any = partial(
        measured, "knn", "images", {"parameter": "jpeg", "k": 1}, tmp_path / "out", encoder=f"timm/{variant}"
    )
    assert "tell different weights" in knn().reason
    embed(images, name, on_the_fly="jpeg", **options)
    result = knn()
    assert result.state == "measured"
    assert result.encoder_digest == sha256(place / "w.pt")


# --- files of earlier versions


def take_digest(path: Path) -> None:
    """Make a file what earlier versions wrote: a record without a digest, a checkpoint's hash in the settings."""
    file = read_embeddings(path)
    settings = json.loads(file.metadata["settings"])
    digest = settings["encoder"].pop("digest")
    settings["encoder"]["checkpoint"] = digest.removeprefix("sha256:") if "@" in settings["encoder"]["name"] else None
    hashed = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    metadata = {**file.metadata, "settings": json.dumps(settings), "settings_hash": hashed}
    columns = {name: column.clone() for name, column in file.columns.items()}
    write_embeddings(path, file.image_embeddings.clone(), columns, metadata)


@pytest.mark.parametrize("name", ["control:colour", "timm:test_vit.r160_in1k@{}/w.pt"])
def test_files_of_earlier_versions_are_measured_and_not_overwritten(data: Path, place: Path, name: str) -> None:
    name = name.format(place)
    write_checkpoint(place / "w.pt", 0)
    metrics = evaluate(name, data_dir=data, **OPTIONS).results[0].metrics
    take_digest(only_file(data))
    before = only_file(data).read_bytes()
    result = evaluate(name, data_dir=data, **OPTIONS).results[0]
    assert (result.metrics, result.encoder_digest) == (metrics, "")
    states = [item.state for item in evaluate(name, data_dir=data, dry_run=True, **OPTIONS).items]
    assert states == ["done"]
    with pytest.raises(UsageError, match=EARLIER):
        embed("paircams", name, data_dir=data, device="cpu")
    assert only_file(data).read_bytes() == before


def test_a_checkpoint_that_changed_since_an_earlier_version_is_made_anew(data: Path, place: Path) -> None:
    name = f"timm:test_vit.r160_in1k@{place}/w.pt"
    write_checkpoint(place / "w.pt", 0)
    evaluate(name, data_dir=data, **OPTIONS)
    take_digest(only_file(data))
    write_checkpoint(place / "w.pt", 1)
    assert evaluate(name, data_dir=data, **OPTIONS).results[0].encoder_digest == sha256(place / "w.pt")


def test_an_object_never_takes_the_embeddings_of_an_earlier_version(data: Path) -> None:
    evaluate(Annotated(1.0), data_dir=data, revision="a", **OPTIONS)
    take_digest(only_file(data))
    before = only_file(data).read_bytes()
    for revision in ("", "a"):
        result = evaluate(Annotated(2.0), data_dir=data, revision=revision, resume=False, **OPTIONS).results[0]
        assert EARLIER in result.reason
    assert only_file(data).read_bytes() == before


# --- the digest itself


def test_the_digest_is_the_hash_of_the_weights_file() -> None:
    record = load(resolve("lite0")).spec
    assert record.digest == sha256(weights_file(resolve("lite0"), HUB_FILES))


def test_tensors_have_one_digest_for_the_same_state_alone() -> None:
    def state(**tensors: Any) -> str:
        network = nn.Module()
        for name, values in tensors.items():
            network.register_buffer(name, torch.as_tensor(values))
        return tensors_digest(network)

    ones = np.ones((2, 3), np.float32)
    distinct = [
        state(a=ones),
        state(b=ones),
        state(a=ones.reshape(3, 2)),
        state(a=ones.astype(np.float64)),
        state(a=ones * 2),
        state(a=torch.ones(2, 3, dtype=torch.bfloat16)),
        state(a=ones, b=np.float32(1)),
    ]
    assert len(set(distinct)) == len(distinct)
    assert state(a=torch.ones(3, 2).T) == distinct[0]
    assert state(b=np.float32(1), a=ones) == distinct[-1]


def test_a_folder_has_one_digest_for_the_same_files_alone(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    digests = [folder_digest(tmp_path)]
    for path, text in (("a", "1"), ("a", "22"), ("sub/b", "1"), ("c", "")):
        (tmp_path / path).write_text(text)
        digests.append(folder_digest(tmp_path))
    assert len(set(digests)) == len(digests)
    for path in ("__pycache__", ".git"):
        (tmp_path / path).mkdir()
        (tmp_path / path / "file").write_text("x")
    assert folder_digest(tmp_path) == digests[-1]
