"""Two nodes of Ray on this machine: the bytes of the local engine, whoever is lost and whoever begins or ends the work.

One cluster serves all tests. A node that a test takes away comes back.
"""

import faulthandler
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from flickrexif.eval.data.formats import open_images
from flickrexif.eval.encoders.spec import Prepare
from flickrexif.processing.build import ProcessSettings, process
from flickrexif.processing.engines import ray
from tests.deadly import small
from tests.embed_encoders import Linear, check_deadly_once, embed_all, grey
from tests.ray_environ import RAY
from tests.samples import write_image_folder
from tests.test_deadly_images import check_process

ROOT = Path(__file__).parents[1]
SIZE = {"object_store_memory": 80_000_000, "num_cpus": 2}
VARIANTS = ("JPEG75_420", "RESIZE_HALF", "INTERPOLATION_BOX")
LINEAR = "model=module_variant=tests-linear_split=train.safetensors"


class Nodes:
    """A head without cores, and nodes of two each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={**SIZE, "num_cpus": 0})
        self.address: str = self._cluster.address
        self._nodes = [self._cluster.add_node(**SIZE) for _ in range(2)]

    def lose(self) -> None:
        """Kill the processes of a node."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)

    def complete(self, **resources: int) -> None:
        """Bring back what was lost; with `resources`, a node that has these too."""
        while len(self._nodes) < 2:
            self._nodes.append(self._cluster.add_node(**SIZE, **resources))

    def close(self) -> None:
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # Ray keeps a token there
        for name, value in {**RAY, "PYTHONPATH": str(ROOT)}.items():
            patch.setenv(name, value)
        nodes = Nodes()
        yield nodes
        nodes.close()


@pytest.fixture(autouse=True)
def bounded() -> Iterator[None]:
    """A test that waits for what never comes fails."""

    def end(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(400)
    faulthandler.dump_traceback_later(500, exit=True)  # Ray's own waiting may heed no signal
    yield
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def nodes(cluster: Nodes) -> Nodes:
    cluster.complete()
    return cluster


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 images in two classes, of which one is no image."""
    root = write_image_folder(tmp_path_factory.mktemp("data") / "pictures", classes=2, train=24, val=0)
    sorted(root.rglob("*.jpg"))[5].write_bytes(b"no image")
    return root


def contents(out: Path) -> dict[str, bytes]:
    """What a run leaves, but for markers of the work."""
    files = (path for path in out.rglob("*") if path.is_file() and not path.name.endswith(".lock"))
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


# --- embed


def embed(folder: Path, out: Path, address: str | None = None, encoders: Sequence[Linear] = (), **options: Any) -> None:
    """Two encoders of different preparation, seven files each, in blocks of 4 images."""
    engine = {"engine": "ray", "address": address} if address else {}
    settings = {"on_the_fly": ("identity", "jpeg"), "block": 4, "batch_size": 5}
    pair = encoders or [Linear(), Linear("module:tests:grey", grey)]
    embed_all(out, pair, open_images(str(folder)), **settings | engine | options)


@pytest.fixture(scope="module")
def embedded(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("embedded")
    embed(folder, out)
    return contents(out)


def test_embeddings_have_the_bytes_of_the_local_engine(
    nodes: Nodes, folder: Path, embedded: Mapping[str, bytes], tmp_path: Path
) -> None:
    settled: list[tuple[int, int, dict[str, int]]] = []
    embed(folder, tmp_path, nodes.address, progress=lambda *counts: settled.append((*counts[:2], dict(counts[2]))))
    assert contents(tmp_path) == embedded
    assert len(embedded) == 2 * 7 * 2  # files, and their tables of failures
    done, total, failures = settled[-1]
    assert done == total == 2 * 7 * 48
    assert failures == {"not_an_image": 1}


def at(share: float, act: Callable[[], object]) -> Callable[..., None]:
    """A progress that acts once, when that share is done."""
    acts = [act]

    def progress(done: int, total: int, _: Mapping[str, int]) -> None:
        if acts and done >= share * total:
            acts.pop()()

    return progress


@dataclass(frozen=True)
class Together:
    """Prepares as `prepare` once two processes do, and the second class once the loss of a node is told in `folder`."""

    prepare: Prepare
    folder: Path

    def __call__(self, image: Image.Image, image_id: str, mask: float | None) -> np.ndarray:
        (self.folder / f"{os.getpid()}.process").touch()
        self._await("*.process", 2)
        if image_id.startswith("photograph 1"):
            self._await("told", 1)
        return self.prepare(image, image_id, mask)

    def _await(self, pattern: str, count: int) -> None:
        while len(list(self.folder.glob(pattern))) < count:
            time.sleep(0.01)


def test_a_node_lost_while_it_embeds_costs_only_its_blocks(
    nodes: Nodes, folder: Path, embedded: Mapping[str, bytes], tmp_path: Path
) -> None:
    out, signs = tmp_path / "out", tmp_path / "signs"
    signs.mkdir()
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        (signs / "told").touch()

    encoders = [Linear(prepare=Together(small, signs)), Linear("module:tests:grey", Together(grey, signs))]
    embed(folder, out, nodes.address, encoders, workers=2, progress=at(0.1, nodes.lose), tell=tell)
    assert contents(out) == embedded
    assert {line.partition(" (")[0] for line in lines} == {"A worker was lost"}  # or both of the node


KILLED = """
    import os, signal
    from pathlib import Path
    from tests.test_ray import at, embed

    kill = lambda: os.kill(os.getpid(), signal.SIGKILL)
    embed(Path({folder!r}), Path({out!r}), {address!r}, progress=at(0.3, kill))
"""


@pytest.mark.parametrize("order", ["ray first", "local first"])
def test_a_killed_run_goes_on_with_either_engine(
    nodes: Nodes, folder: Path, embedded: Mapping[str, bytes], tmp_path: Path, order: str
) -> None:
    first, second = (nodes.address, None) if order == "ray first" else (None, nodes.address)
    code = textwrap.dedent(KILLED).format(folder=str(folder), out=str(tmp_path), address=first)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL
    blocks = len(list(tmp_path.rglob("*.blocks/*.safetensors")))
    assert 0 < blocks < 2 * 7 * 12
    embed(folder, tmp_path, second)
    assert contents(tmp_path) == embedded


@pytest.mark.parametrize("gpus", [0, 1])
def test_an_image_that_kills_its_process_is_a_failure(cluster: Nodes, folder: Path, tmp_path: Path, gpus: int) -> None:
    """Beside a GPU, here one in name, other processes decode."""
    if gpus:
        cluster.lose()
        cluster.complete(num_gpus=gpus)
    check_deadly_once(folder, tmp_path, engine="ray", address=cluster.address, device="auto")
    if gpus:
        cluster.lose()


def test_without_an_address_a_cluster_of_its_own_is_started_beside_another(nodes: Nodes) -> None:
    with ray.connected(None, 1) as own:
        assert own.cluster_resources()["CPU"] == 1
    with ray.connected(nodes.address, 1) as shared:
        assert shared.cluster_resources()["CPU"] >= 4  # more until the loss of a node is known


# --- process


def make(folder: Path, out: Path, address: str | None = None, progress: Any = None) -> None:
    engine: dict[str, Any] = {"engine": "ray", "address": address} if address else {}
    settings = ProcessSettings(source=str(folder), out=out, variants=VARIANTS, shard_bytes=40_000, **engine)
    process(settings, progress)


@pytest.fixture(scope="module")
def processed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("processed") / "out"
    make(folder, out)
    return contents(out)


def test_a_node_lost_while_it_processes_changes_no_byte(
    nodes: Nodes, folder: Path, processed: Mapping[str, bytes], tmp_path: Path
) -> None:
    make(folder, tmp_path / "out", nodes.address, at(0.1, nodes.lose))
    assert contents(tmp_path / "out") == processed
    assert sum(name.endswith(".parquet") for name in processed) >= 3 * 8


def test_what_ray_began_the_local_engine_ends(
    nodes: Nodes, folder: Path, processed: Mapping[str, bytes], tmp_path: Path
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(folder, tmp_path / "out", nodes.address, at(0.3, stop))
    assert list((tmp_path / "out").rglob("*.parquet"))
    make(folder, tmp_path / "out")
    assert contents(tmp_path / "out") == processed


def test_an_image_that_kills_its_process_has_a_reason(tmp_path: Path) -> None:
    """In a process and a cluster of its own: where nodes were lost before, a task was seen to wait for ever."""
    code = "import sys, pathlib, tests.test_ray as t; t.check_deadly(pathlib.Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def check_deadly(tmp_path: Path) -> None:
    check_process(tmp_path, lambda *arguments: ray.run(*arguments, workers=1))
